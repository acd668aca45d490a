"""The methods that the paper compares SimCVD with, a file each."""
