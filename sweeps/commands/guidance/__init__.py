"""What the command line says before a command runs: help in groups, wrong guesses answered, words completed."""
