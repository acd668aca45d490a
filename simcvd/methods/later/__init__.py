"""Methods that came after the paper, a file each."""
