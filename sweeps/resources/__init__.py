"""Machines: nodes, slots, versions, Ray itself."""
