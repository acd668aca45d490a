"""From raw scans to a data set folder."""
