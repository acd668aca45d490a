from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from simcvd.config import load_preset
from simcvd.data.store import open_info
from simcvd.errors import UserError
from sweeps.preflight.checks import Findings, Subject, preflight
from sweeps.resources.ray_session import ray_session
from sweeps.resources.share import Placement
from sweeps.storage.data_cache import CachedData
from sweeps.storage.data_source import StoreSource, put_dataset
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.object_storage import ObjectStorage
from sweeps.storage.store import Store
from tests.sweeps.crops import without_crops


@pytest.fixture
def subject(dataset: Path, store: Store, tmp_path: Path) -> Subject:
    digest = open_info(dataset).digest
    target = store.below("datasets/0")
    put_dataset(dataset, digest, target)
    runs = ObjectRuns(store, tmp_path / "cache")
    data = CachedData(dataset, StoreSource(target), digest, runs.cache)
    return Subject(data, ObjectStorage(runs), [load_preset("phantom")])


def _check(subject: Subject) -> Findings:
    return preflight(subject, Placement(), 2, [])


def test_a_sound_store_is_accepted_and_left_as_it_was(subject: Subject, store: Store) -> None:
    before = store.entries("")
    assert len(before) == 7
    findings = _check(subject)
    assert f"{store.url} can be read, written and locked by this machine" in findings.lines["storage"]
    assert "6 case files" in findings.lines["data"]
    assert without_crops(findings.notices) == ()
    assert store.entries("") == before


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("put_new", lambda store, name, content: store.put(name, content) is None),
        ("put_over", lambda store, name, content, seen: store.put(name, content) is None),
        ("put_over", lambda store, name, content, seen: False),
    ],
)
def test_a_store_without_conditional_writes_is_refused(
    subject: Subject, monkeypatch: pytest.MonkeyPatch, name: str, told: Callable[..., bool]
) -> None:
    monkeypatch.setattr(Store, name, told)
    with pytest.raises(
        UserError, match=r"does not write objects on condition .* as they were seen \(If-None-Match, If-Match\), so two"
    ):
        _check(subject)


def test_a_node_that_reaches_another_store_is_refused(subject: Subject, monkeypatch) -> None:
    monkeypatch.setattr(Store, "read", lambda store, name: None)
    with pytest.raises(
        UserError, match=r"This machine reaches another s3://bucket/\w+ than this machine; see that AWS"
    ):
        _check(subject)


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_a_ray_of_this_machine_that_was_started_without_the_keys_is_refused(subject: Subject, store: Store) -> None:
    import ray

    ray.shutdown()  # one that an earlier module has left open
    before = store.entries("")
    with ExitStack() as running:
        with pytest.MonkeyPatch.context() as without:
            for key in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                without.delenv(key)
            running.enter_context(ray_session(None))
        with pytest.raises(UserError, match=r"^Ray on this machine can't use the runs folder: s3://\S+ can't be read"):
            preflight(subject, Placement(), 2, ray.nodes())
    assert store.entries("") == before


def test_a_case_that_the_store_lacks_is_refused(subject: Subject, store: Store) -> None:
    store.delete(["datasets/0/cases/case2.h5"])
    with pytest.raises(UserError, match=r"The data set .* of this machine lacks 1 of 6 case files \(case2\)"):
        _check(subject)
