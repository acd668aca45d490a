import json
from pathlib import Path

import pytest

from simcvd.data.store import (
    open_info,
)
from simcvd.errors import UserError
from tests.simcvd.data.tiny_store import make


def test_info_survives_its_file_and_digest_ignores_names(tmp_path: Path) -> None:
    info = make(tmp_path)
    assert open_info(tmp_path) == info
    assert info.model_copy(update={"name": "other", "source": "elsewhere"}).digest == info.digest
    assert info.model_copy(update={"train_order": ("b", "a", "c", "d")}).digest != info.digest
    assert info.model_copy(update={"ignored": True}).digest == info.digest  # the cases' contents say it
    assert info.spacing_mm == (1, 1, 2.5)
    assert info.with_label == ("a", "b", "c", "v", "t")


def test_missing_unfinished_and_foreign_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no data set in"):
        open_info(tmp_path)
    (tmp_path / "cases").mkdir()
    with pytest.raises(UserError, match="is not finished"):
        open_info(tmp_path)
    for content in ("[]", '{"format_version": 1}', "no json"):
        (tmp_path / "dataset.json").write_text(content)
        with pytest.raises(UserError, match="was not written by"):
            open_info(tmp_path)
    (tmp_path / "dataset.json").write_text('{"format_version": 99}')
    with pytest.raises(UserError, match="has format version 99, expected 1"):
        open_info(tmp_path)


@pytest.mark.parametrize("bad", ["../../t", "/tmp/t", "t\x1b[2J", ""])
@pytest.mark.parametrize("place", ["splits", "train_order", "digests"])
def test_ids_that_lead_out_of_the_folder_are_refused_before_any_path_is_made(
    bad: str, place: str, tmp_path: Path
) -> None:
    info = make(tmp_path).model_dump(mode="json")
    if place == "splits":
        info["splits"]["test"] = [bad]
    elif place == "train_order":
        info["train_order"][0] = bad
    else:
        info["digests"][bad] = info["digests"].pop("t")
    (tmp_path / "dataset.json").write_text(json.dumps(info))
    with pytest.raises(UserError, match=r"dataset\.json names a case '.*', but its id ") as caught:
        open_info(tmp_path)
    assert str(caught.value).isprintable()
