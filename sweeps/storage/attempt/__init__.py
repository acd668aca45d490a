"""One attempt at a trial of an object store: its folder on a node, and its own files in the store."""
