import os
from pathlib import Path

import pytest

from simcvd.case_id import case_file_name, id_problem
from simcvd.errors import DataError

GOOD = ["la_003", "a.1", "Patient 12", "ä-Ω_病例", "-1", "=1+1", "a..b", "x" * 252, "~", "C:", "a\u00a0b"]
BAD = ["", ".", "..", ".hidden", "../a", "/etc/a", "a/b", "..\\a", "a\nb", "a\0b", "a\x1b[2J", "\udcff", "x" * 253]


@pytest.mark.parametrize("case_id", GOOD)
def test_a_good_id_is_one_file_s_name(case_id: str, tmp_path: Path) -> None:
    name = case_file_name(case_id)
    (tmp_path / name).touch()
    assert os.listdir(tmp_path) == [f"{case_id}.h5"]


@pytest.mark.parametrize("case_id", BAD, ids=ascii)
def test_an_id_that_leads_elsewhere_or_can_t_be_shown_is_refused_in_one_line(case_id: str) -> None:
    with pytest.raises(DataError) as caught:
        case_file_name(case_id)
    assert str(caught.value).isprintable()
    assert str(caught.value).startswith("The case '")
    assert id_problem(case_id)
