"""The end of a spot instance, told to Ray before it comes."""
