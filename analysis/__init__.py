"""What came out: per-case records, aggregation, paired tests, tables. Needs neither torch nor Ray."""
