"""What every method and network must do: the same checks for built-in ones, in the tests, and for those of plug-ins."""
