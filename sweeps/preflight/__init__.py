"""What can be known to fail before a trial starts, found in seconds and said in one sentence each."""
