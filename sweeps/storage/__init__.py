"""A runs folder in an object store: S3 and what speaks its protocol, Google Cloud Storage, Azure."""
