"""Variants against a reference: rows, differences, what may be said of them."""
