"""The names that somebody may have meant."""

import difflib
from collections.abc import Callable, Iterable


def did_you_mean(
    word: str, known: Iterable[str], most: int = 3, also: Callable[[str], bool] = lambda name: False
) -> str:
    """Return a question that names the known names closest to a word; empty where there are none.

    >>> did_you_mean("dise", ["dice", "jaccard"])
    'did you mean dice?'

    Args:
        word: what was written.
        known: all names.
        most: how many to name.
        also: which names count as close beside those that are spelled alike, after them.
    """
    names = list(known)
    near = difflib.get_close_matches(word, names, n=most, cutoff=0.6)
    near += [name for name in names if also(name) and name not in near]
    return f"did you mean {' or '.join(near[:most])}?" if near else ""
