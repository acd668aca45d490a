"""Nested content, such as settings and reports: its values by path, as people write them and as JSON knows them."""

import math
from collections.abc import Iterator, Mapping
from typing import Any


def leaves(content: Mapping[Any, Any]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield each value that is no mapping, after the keys that lead to it.

    >>> list(leaves({"loss": {"sdm": 0.3}, "seed": 1}))
    [(('loss', 'sdm'), 0.3), (('seed',), 1)]
    """
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from (((key, *path), leaf) for path, leaf in leaves(value))
        else:
            yield (key,), value


def dotted(content: Mapping[Any, Any]) -> dict[str, Any]:
    """Return nested values by dotted key; keys may be dotted before.

    >>> dotted({"loss": {"sdm": 0.3}, "projection.dropout": 0.1})
    {'loss.sdm': 0.3, 'projection.dropout': 0.1}
    """
    return {".".join(map(str, path)): value for path, value in leaves(content)}


def written(value: Any) -> str:
    """Return a setting as `--set` takes it.

    >>> written((32, 48, 32)), written(True), written(None), written(0.1)
    ('32x48x32', 'true', 'none', '0.1')
    >>> written([[2, 2, 1], [2, 2, 2]])
    '2x2x1,2x2x2'
    """
    if isinstance(value, list | tuple):
        return (",".join if all(isinstance(part, list | tuple) for part in value) else "x".join)(map(written, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def finite(value: Any) -> Any:
    """Return `value` with NaN and infinity, which JSON does not know, as None.

    >>> finite({"dice": float("nan"), "steps": (1, 2)})
    {'dice': None, 'steps': [1, 2]}
    """
    if isinstance(value, Mapping):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
