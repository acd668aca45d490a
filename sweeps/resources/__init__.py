"""Machines: nodes, places, versions, Ray itself."""
