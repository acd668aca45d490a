import json
from pathlib import Path

import pytest

from simcvd.errors import UserError
from simcvd.inference.model_folder import MODEL_FILE, MemberInfo, ModelInfo, check_files, file_digest, read_model

FILES = {"members/0/config.yaml": "c" * 64, "members/0/student.safetensors": "d" * 64}
INFO = ModelInfo(
    name="heart",
    created="2026-01-02T03:04:05+00:00",
    simcvd_version="0.1.0",
    classes=("atrium",),
    image_channels=1,
    members=(MemberInfo(trial="simcvd-s0-0123456789ab", method="simcvd", seed=0),),
    files=FILES,
)


def write(folder: Path, text: str) -> Path:
    (folder / MODEL_FILE).write_text(text)
    return folder


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_model(write(tmp_path, INFO.text())) == INFO
    assert json.loads(INFO.text())["digest"] == INFO.digest


def test_the_digest_is_of_the_content_not_of_when_it_was_written() -> None:
    later = INFO.model_copy(update={"created": "2027-01-02T03:04:05+00:00", "simcvd_version": "0.2.0"})
    assert later.digest == INFO.digest
    for change in ({"name": "liver"}, {"classes": ("liver",)}, {"files": FILES | {"report.html": "e" * 64}}):
        assert INFO.model_copy(update=change).digest != INFO.digest


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (INFO.text().replace("atrium", "ventricle"), "model.json is not as it was written; copy the folder anew"),
        (INFO.text().replace("c" * 64, "e" * 64), "is not as it was written"),
        (INFO.text()[:-20], "was not written by `simcvd export`"),
        ("[1]", "was not written by `simcvd export`"),
        ("{}", "was not written by `simcvd export`"),
        (INFO.model_copy(update={"format_version": 2}).text(), "has format version 2, expected 1; use a newer simcvd"),
        (INFO.model_copy(update={"image_channels": 0}).text(), "was not written by"),
        (INFO.model_copy(update={"files": {"members/0/config.yaml": "c"}}).text(), "does not name members/0/student"),
    ],
)
def test_what_is_damaged_edited_or_of_a_later_format_is_refused(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=told):
        read_model(write(tmp_path, text))


def test_a_folder_without_model_json_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no model in .*: expected a folder made by `simcvd export`"):
        read_model(tmp_path)


def test_files_are_compared_with_their_digests(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("new")
    info = INFO.model_copy(update={"files": FILES | {"report.html": file_digest(tmp_path / "report.html")}})
    check_files(tmp_path, info, ["report.html"])
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(UserError, match=r"is damaged: report\.html is not as it was written"):
        check_files(tmp_path, info, ["report.html"])
