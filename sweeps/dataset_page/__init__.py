"""A data set's page: its fingerprint, what is odd, and a slice of every case, in the looks of the report."""
