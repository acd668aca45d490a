import pytest

from sweeps.resources.late_nodes import UnfitNodeError, check_node, unfit
from sweeps.resources.versions import versions


def test_a_node_like_the_commands_is_fit(tmp_path) -> None:
    check_node(versions(), tmp_path, seen=True)
    check_node(None, tmp_path / "absent", seen=False)


def test_another_version_is_told_with_both(tmp_path) -> None:
    expected = versions() | {"torch": "0.1"}
    with pytest.raises(UnfitNodeError) as told:
        check_node(expected, tmp_path, seen=True)
    assert f"joined with torch {versions()['torch']}, but the command's machine has torch 0.1;" in str(told.value)


def test_a_folder_that_is_not_seen_is_told(tmp_path) -> None:
    with pytest.raises(UnfitNodeError, match="joined, but does not see the runs folder"):
        check_node(versions(), tmp_path / "absent", seen=False)


def test_what_ray_keeps_of_the_exception_is_found() -> None:
    reason = "\x1b[36mray::run()\x1b[39m\n  File ...\nsweeps.fitness.UnfitNodeError: Node b joined with torch 2.\n"
    found = unfit(["The actor died.", reason])
    assert str(found) == "Node b joined with torch 2."
    assert unfit(["The actor died."]) is None
