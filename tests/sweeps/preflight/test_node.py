import os
from pathlib import Path

import pytest

from simcvd.config import load_preset
from simcvd.errors import UserError
from tests.sweeps.preflight.conftest import Check

PHANTOM = load_preset("phantom")


def _case(data: Path, case_id: str) -> Path:
    return data / "cases" / f"{case_id}.h5"


def test_a_damaged_case_is_found(data: Path, check: Check) -> None:
    content = bytearray(_case(data, "case2").read_bytes())
    content[len(content) // 2] ^= 1
    _case(data, "case2").write_bytes(content)
    with pytest.raises(UserError, match=r"case2 in .* of this machine is damaged \(its digest .*; prepare it anew\.$"):
        check()


def test_a_truncated_case_is_found(data: Path, check: Check) -> None:
    os.truncate(_case(data, "case1"), 1000)
    with pytest.raises(UserError, match=r"case file of case1 in .* has 1,000 bytes, expected 3,584; prepare it anew"):
        check()  # 8 x 8 x 8 voxels of 4 + 1 + 2 bytes


def test_a_missing_test_case_is_found_where_it_will_be_scored(data: Path, check: Check) -> None:
    _case(data, "case4").unlink()
    with pytest.raises(UserError, match=r"lacks 1 of 6 case files \(case4\)"):
        check()
    assert "3 case files, 3 read" in check(with_test=False).lines["data"]


def test_the_content_of_test_cases_is_never_read(data: Path, check: Check) -> None:
    for case_id in ("case3", "case4", "case5"):
        size = _case(data, case_id).stat().st_size
        _case(data, case_id).write_bytes(bytes(size))
    check()
    check(with_test=False)
