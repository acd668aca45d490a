from collections.abc import Callable

import pytest

from sweeps.storage.attempt.hold import open_trial
from sweeps.storage.attempt.stored import say_whole, trial_files
from sweeps.storage.mirror import Mirror
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.store import Store

TRIAL = "t-s0"
Node = Callable[[str], ObjectRuns]


@pytest.fixture
def of_version_0_1(store: Store) -> Store:
    """A store with a trial as version 0.1 left it."""
    names = ("log.jsonl", "checkpoint/last.pt", "lease/000001", "lease/000001.over")
    for name in names:
        store.put(f"trials/{TRIAL}/{name}", name.encode())
    return store


def _contents(store: Store) -> dict[str, bytes | None]:
    return {name: store.read(stored.name) for name, stored in trial_files(store, TRIAL).items()}


def test_files_of_version_0_1_are_read_until_an_attempt_is_whole(of_version_0_1: Store) -> None:
    store = of_version_0_1
    old = {f"trials/{TRIAL}/{name}": name.encode() for name in ("log.jsonl", "checkpoint/last.pt")}
    assert _contents(store) == old
    store.put(f"trials/{TRIAL}/attempts/000002/log.jsonl", b"newer")
    assert _contents(store) == old
    say_whole(store, TRIAL, 2)
    assert _contents(store) == {f"trials/{TRIAL}/log.jsonl": b"newer"}
    assert sorted(store.entries("trials")) == [
        f"trials/{TRIAL}/attempts/000002.whole",
        f"trials/{TRIAL}/attempts/000002/log.jsonl",
        f"trials/{TRIAL}/lease/000001",
        f"trials/{TRIAL}/lease/000001.over",
    ]


def test_a_trial_of_version_0_1_goes_on_and_is_shown(of_version_0_1: Store, node: Node) -> None:
    mirror = Mirror(node("looks on"))
    mirror.pull()
    assert (mirror.folder / "trials" / TRIAL / "log.jsonl").read_bytes() == b"log.jsonl"
    before = of_version_0_1.entries("trials")
    with open_trial(node("a"), TRIAL) as here:
        assert (here.trial / "checkpoint" / "last.pt").read_text() == "checkpoint/last.pt"
    after = of_version_0_1.entries("trials")
    assert before.items() <= after.items(), "what was found is left as it was while nothing is new"


def test_the_highest_attempt_that_is_whole_counts_and_higher_ones_stay(store: Store) -> None:
    assert trial_files(store, TRIAL) == {}
    for epoch in (1, 2, 3):
        store.put(f"trials/{TRIAL}/attempts/{epoch:06d}/log.jsonl", str(epoch).encode())
    say_whole(store, TRIAL, 1)
    assert _contents(store) == {f"trials/{TRIAL}/log.jsonl": b"1"}
    say_whole(store, TRIAL, 2)
    assert _contents(store) == {f"trials/{TRIAL}/log.jsonl": b"2"}
    assert store.has(f"trials/{TRIAL}/attempts/000003/log.jsonl")
    say_whole(store, TRIAL, 1)  # by one that wakes up
    assert _contents(store) == {f"trials/{TRIAL}/log.jsonl": b"2"}
