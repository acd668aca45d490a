import os

import pytest

from sweeps.resources.environment import environment


def test_variables_are_set_taken_away_and_put_back(monkeypatch):
    monkeypatch.setenv("SIMCVD_A", "before")
    monkeypatch.setenv("SIMCVD_B", "before")
    monkeypatch.delenv("SIMCVD_C", raising=False)
    with environment({"SIMCVD_A": "now", "SIMCVD_B": None, "SIMCVD_C": "now"}):
        assert (os.environ["SIMCVD_A"], "SIMCVD_B" in os.environ, os.environ["SIMCVD_C"]) == ("now", False, "now")
    assert (os.environ["SIMCVD_A"], os.environ["SIMCVD_B"], "SIMCVD_C" in os.environ) == ("before", "before", False)


def test_an_error_puts_them_back_too(monkeypatch):
    monkeypatch.delenv("SIMCVD_A", raising=False)
    with pytest.raises(ZeroDivisionError), environment({"SIMCVD_A": "now"}):
        raise ZeroDivisionError
    assert "SIMCVD_A" not in os.environ
