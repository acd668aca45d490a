from pathlib import Path

import pytest

from simcvd.data.plan import plan_file
from simcvd.data.plan.plan_file import FILE_NAME, read_plan
from simcvd.data.preparation import prepare as preparing
from simcvd.data.store import open_info
from simcvd.errors import UserError
from tests.simcvd.data.preparation.tiny_folder import Nifti, run


def test_preparation_ends_with_a_plan_which_it_leaves_as_a_person_edits_it(nifti: Nifti, target: Path) -> None:
    source = nifti()
    report = run(source, target, labeled=2)
    head, *lines = report.plan
    assert str(target / FILE_NAME) in head
    assert lines[0].startswith("  data.crop_vox=")
    settings = read_plan(target)
    assert settings is not None
    assert all(side <= most for side, most in zip(settings["data.crop_vox"], (12, 14, 10), strict=True))
    (target / FILE_NAME).write_text("training.steps: 7\n")
    again = run(source, target, labeled=2)
    assert (again.plan, again.info) == ((), report.info)
    assert read_plan(target) == {"training.steps": 7}
    (target / FILE_NAME).unlink()
    run(source, target, labeled=2)
    assert read_plan(target) is None  # who removes it does not want it


def test_the_plan_is_no_part_of_the_data_sets_identity(
    nifti: Nifti, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = nifti()
    digest = run(source, target, labeled=2).info.digest
    monkeypatch.setattr(preparing, "plan_for", lambda folder, info: ())
    bare = target.with_name("bare")
    assert run(source, bare, labeled=2, name=target.name).info.digest == digest
    assert read_plan(bare) is None


def test_a_data_set_appears_only_with_its_plan(nifti: Nifti, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preparation that is cut off while it plans is not finished, and the same command plans again."""
    source = nifti()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(plan_file, "write_plan", fail)
        with pytest.raises(UserError, match="No space left"):
            run(source, target, labeled=2)
    with pytest.raises(UserError, match="is not finished"):
        open_info(target)
    assert run(source, target, labeled=2).plan
    assert (target / FILE_NAME).is_file()
