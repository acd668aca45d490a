"""What to run and where: sweeps of trials on Ray."""
