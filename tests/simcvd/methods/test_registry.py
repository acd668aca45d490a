import subprocess
import sys

import pytest

from simcvd.config import TrialConfig, apply_settings
from simcvd.errors import UserError
from simcvd.methods.base import Method
from simcvd.methods.registry import METHODS, check_known, create, describe


def test_default_method_is_registered() -> None:
    assert TrialConfig().method in METHODS


def test_every_entry_loads_a_method() -> None:
    for name, entry in METHODS.items():
        assert issubclass(entry.load(), Method), name


def test_descriptions_are_one_line_with_paper_and_doi() -> None:
    assert [description.name for description in describe()] == list(METHODS)
    for name, summary, paper, doi in describe():
        assert summary
        assert "\n" not in summary
        assert paper, name
        assert doi.startswith("10."), name


def test_unknown_method_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"no method 'simcdv'; did you mean simcvd\? methods are simcvd"):
        create(apply_settings(TrialConfig(), {"method": "simcdv"}), 1, 2)


@pytest.mark.parametrize("written", ["UA-MT", "ua-mt", "uamt"])
def test_a_method_written_as_in_its_paper_is_recognised(written: str) -> None:
    with pytest.raises(UserError, match=r"did you mean ua_mt"):
        check_known(written)


def test_listing_methods_does_not_import_torch() -> None:
    code = "import sys, simcvd.methods.registry as r; r.describe(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
