"""Where runs and data sets are: a folder that nodes share, or an object store (S3 and its like, Google's, Azure)."""
