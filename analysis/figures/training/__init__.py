"""Training curves: of all variants of a sweep, and of one in full."""
