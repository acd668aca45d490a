"""Networks of other packages and of plug-ins, seen as our own."""
