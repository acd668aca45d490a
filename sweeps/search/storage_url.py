"""The URL of a study's database: it is shown and recorded, so it holds no password."""

import re
from typing import TYPE_CHECKING, Final

from simcvd.errors import UserError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_SECRET_NAME: Final = re.compile(r"pass(?!file)|pwd|secret|token", re.IGNORECASE)
_SECRET_VALUE: Final = re.compile(r"\b(password|passwd|pwd)\s*=", re.IGNORECASE)  # as in ODBC's `odbc_connect`


def shown_storage(storage: str | None) -> str:
    """Return a storage as it may be written down: without a password."""
    if storage is None:
        return "study.journal"
    from sqlalchemy.engine import make_url

    url = make_url(storage)
    hidden = {key: "***" for key, value in url.query.items() if _is_secret(key, value)}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def refuse_password(storage: str) -> None:
    """Refuse a URL with a password in it: arguments are shown to all users of a machine, and Ray keeps them.

    Raises:
        UserError: it holds one, or it is no URL, which may hold anything; the sentence does not repeat it.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(storage)
    except (ArgumentError, ValueError):
        raise UserError(
            "--storage is no URL of a database; expected one such as postgresql://USER@HOST/DATABASE."
        ) from None  # the cause shows it
    if _holds_password(url):
        raise UserError(
            "The password in --storage would be shown to others: all users of a machine can read a command's "
            "arguments, and Ray keeps them; leave it out, and put it into a file of mode 600: for PostgreSQL ~/.pgpass "
            "or the one that the variable PGPASSFILE names, for MySQL the one named by ?read_default_file=FILE (with "
            "--cluster, on the head)."
        )


def _holds_password(url: "URL") -> bool:
    return url.password is not None or any(_is_secret(key, value) for key, value in url.query.items())


def _is_secret(key: str, value: str | tuple[str, ...]) -> bool:
    values = (value,) if isinstance(value, str) else value
    return bool(_SECRET_NAME.search(key) or any(map(_SECRET_VALUE.search, values)))
