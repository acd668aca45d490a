"""Live tables and JSON lines."""
