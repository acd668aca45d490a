"""The one exception of this package, for what the user must change, and what its sentences quote."""


class AnalysisError(Exception):
    """Say in one sentence what was found, what was expected and what to do; the command line ends with exit code 2."""


def reason(error: Exception) -> str:
    r"""Return what a library says of an error as a part of our sentence: on one line, without a full stop.

    >>> reason(OSError("truncated\n  file."))
    'truncated file'
    """
    return " ".join(str(error).split()).rstrip(".")
