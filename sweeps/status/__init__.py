"""What the files of trials, sweeps and searches say."""
