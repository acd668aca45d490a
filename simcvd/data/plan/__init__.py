"""Settings that fit a data set: a rule for each, its reason beside it, in a file that a person may edit."""
