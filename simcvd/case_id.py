"""Ids of cases, which become names of files: the one place where that is done."""

import os
import unicodedata

from simcvd.errors import DataError
from simcvd.files import MOST_NAME_BYTES

_ENDING = ".h5"


def case_file_name(case_id: str) -> str:
    """Return the name of a case's file.

    >>> case_file_name("la_003")
    'la_003.h5'

    Raises:
        DataError: an id that can't be one file's name.
    """
    if problem := id_problem(case_id):
        raise DataError(f"The case {case_id[:60]!a} can't have a file: {problem}.")
    return case_id + _ENDING


def id_problem(case_id: str) -> str | None:
    r"""Say why an id can't be a file's name on any machine; none if it can.

    >>> id_problem("a/b")
    "its id holds '/', expected a name without / and \\"
    """
    if not case_id:
        return "its id is empty, expected a name"
    if case_id.startswith("."):
        return "its id begins with a dot, expected another first letter"
    if wrong := next((sign for sign in case_id if sign in "/\\"), None):
        return f"its id holds '{wrong}', expected a name without / and \\"
    # Of control characters and halves of letters, which undecodable names become.
    if wrong := next((sign for sign in case_id if unicodedata.category(sign) in ("Cc", "Cs")), None):
        return f"its id holds {wrong!a}, which can't be shown; expected letters"
    if (size := len(os.fsencode(case_id + _ENDING))) > MOST_NAME_BYTES:
        return f"its file's name would have {size} bytes, expected {MOST_NAME_BYTES} at most"
    return None
