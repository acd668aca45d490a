"""One trial from its settings to its records, without Ray."""
