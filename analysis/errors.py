"""The one exception of this package for what the user must change."""


class AnalysisError(Exception):
    """Say in one sentence what was found, what was expected and what to do; the command line ends with exit code 2."""
