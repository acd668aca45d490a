"""How a sweep ended: a verdict in words, and what to do next."""
