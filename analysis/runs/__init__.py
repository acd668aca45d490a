"""Reading a runs folder: records, masks, logs, what a sweep is."""
