from urllib.parse import unquote

import pytest

from simcvd.errors import UserError
from sweeps.search.storage_url import refuse_password, shown_storage

WITH_PASSWORD = (
    "postgresql://me:s3cret@db/x",
    "postgresql://me:s3/cret@db/x",
    "postgresql+psycopg://me:s3%40cret@db/x",
    "postgresql://db/x?user=me&password=s3cret",
    "postgresql://me@db/x?sslpassword=s3cret",
    "mysql+pymysql://me:s3cret@db/x",
    "mysql://me@db/x?passwd=s3cret",
    "mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BUID%3Dme%3BPWD%3Ds3cret",
)
WITHOUT = (
    "postgresql://me@db:5432/x",
    "postgresql://me@db/x?passfile=/home/me/pass&sslkey=/home/me/key",
    "postgresql://me@db/x?host=one&host=two",
    "mysql+pymysql://me@db/x?read_default_file=/home/me/my.cnf",
    "sqlite:///study.db",
)


@pytest.mark.parametrize("url", WITH_PASSWORD)
def test_a_password_is_refused_wherever_a_url_may_hold_it_and_never_repeated(url: str) -> None:
    with pytest.raises(UserError, match=r"The password in --storage .* ~/\.pgpass or the one .* PGPASSFILE") as caught:
        refuse_password(url)
    assert "s3" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "s3" not in shown_storage(url).replace("***", "")


@pytest.mark.parametrize("url", WITHOUT)
def test_a_url_without_a_password_is_taken_and_shown_as_it_is(url: str) -> None:
    refuse_password(url)
    assert unquote(shown_storage(url)) == url


@pytest.mark.parametrize("url", ["postgresql:me:s3cret@db/x", "postgresql://me:s3cret@db:port/x", "s3cret"])
def test_what_is_no_url_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(UserError, match="is no URL of a database") as caught:
        refuse_password(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_without_a_storage_the_journal_is_shown() -> None:
    assert shown_storage(None) == "study.journal"
