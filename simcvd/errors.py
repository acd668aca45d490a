"""The exception for what the user must change."""


class UserError(Exception):
    """Say in one sentence what was found, what was expected and what to do; the command line ends with exit code 2."""


class DataError(UserError):
    """A case can't be read, or lacks what it should have."""
