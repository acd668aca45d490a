"""The cases that a report shows: which, cut to what is outlined, as pictures and masks that a browser decodes."""
