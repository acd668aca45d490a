"""A report that is served on this machine while its sweep runs, and follows the records."""
