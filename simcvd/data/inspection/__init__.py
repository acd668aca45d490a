"""What a data set holds, is it sound, and what is odd about it; preparation asks the same rules before it writes."""
