"""A data set that nobody has seen, from its plan to a model and a verdict: `simcvd tune`."""
