"""What the trials of a command and the command itself tell each other, wherever the trials run."""
