import pickle
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import obstore.store
import pytest

from simcvd.errors import UserError
from sweeps.storage.store import Store, StoreError, url_in


@pytest.mark.parametrize("text", ["s3://bucket", "gs://bucket/a/b", "az://container/runs"])
def test_a_url_survives_a_path(text: str) -> None:
    assert url_in(Path(text)) == url_in(text) == url_in(text + "/") == text


@pytest.mark.parametrize("text", ["runs", "/s3/runs", "s3:", "http://host/runs", "s3-runs"])
def test_a_folder_is_no_url(text: str) -> None:
    assert url_in(Path(text)) is None


@pytest.mark.parametrize(
    "text",
    ["s3://KEY:s3cret@bucket/lab", "s3:/KEY:s3cret@bucket", "az://container/la?sig=s3cret", "gs://bucket?s3cret"],
)
def test_a_url_with_a_key_or_a_signature_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UserError, match="without a key, a signature or a query, since it is recorded") as caught:
        url_in(Path(text))
    assert "s3cret" not in str(caught.value)
    assert url_in("s3://bucket/me@lab") == "s3://bucket/me@lab"


def test_what_is_put_is_listed_read_fetched_and_deleted(store: Store, tmp_path: Path) -> None:
    size = 33 * 2**20
    content = bytes(range(256)) * (size // 256)
    (tmp_path / "from").write_bytes(content)
    store.put("a/b/one", tmp_path / "from")
    store.put("a/two", b"")
    assert {name: entry.size for name, entry in store.entries("a").items()} == {"a/b/one": size, "a/two": 0}
    assert store.folders("a") == ["b"]
    assert (store.folders(""), sorted(store.entries(""))) == (["a"], ["a/b/one", "a/two"])
    assert store.read("a/b/one") == content
    arrived: list[int] = []
    store.fetch("a/b/one", size, tmp_path / "to" / "one", arrived.append)
    assert (tmp_path / "to" / "one").read_bytes() == content
    assert [count // 2**20 for count in arrived] == [16, 16, 1]
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["one"]
    store.delete(["a/b/one", "a/never"])
    assert store.read("a/b/one") is None
    assert (store.has("a/b/one"), store.has("a/two")) == (False, True)


def test_of_many_that_create_one_object_one_succeeds(store: Store) -> None:
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda number: store.put_new("it", str(number).encode()), range(16)))
    assert sum(won) == 1
    assert store.read("it") == str(won.index(True)).encode()


def test_an_object_is_replaced_only_while_it_is_what_was_seen(store: Store) -> None:
    assert store.put_over("it", b"1", None)
    assert not store.put_over("it", b"2", None), "it is there"
    first = store.entry("it")
    assert first is not None
    assert store.put_over("it", b"2", first)
    assert not store.put_over("it", b"3", first), "it is another one now"
    assert store.read("it") == b"2"
    seen = store.entry("it")
    store.delete(["it"])
    assert not store.put_over("it", b"3", seen), "it is gone"
    assert store.read("it") is None


def test_a_copy_within_the_store_replaces_what_was_there(store: Store) -> None:
    for name in ("one", "two"):
        store.put(name, name.encode())
    store.copy("one", "two")
    assert store.read("two") == b"one"
    with pytest.raises(StoreError, match=r"can't be copied at never"):
        store.copy("never", "two")


def test_a_pickled_store_is_its_url_alone(store: Store) -> None:
    store.put("a", b"1")
    packed = pickle.dumps(store)
    assert b"a-secret" not in packed
    assert pickle.loads(packed).read("a") == b"1"


def test_a_wrong_bucket_is_one_sentence(s3: str) -> None:
    nowhere = Store("s3://no-such-bucket/runs")
    told = "There is no bucket s3://no-such-bucket; make it first, or choose another --out."
    for ask in (lambda: nowhere.entries("a"), lambda: nowhere.read("a"), lambda: nowhere.put("a", b"1")):
        with pytest.raises(StoreError) as error:
            ask()
        assert str(error.value) == told


@pytest.fixture
def _asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask a store that does not answer no second time."""
    from_url = obstore.store.from_url

    def once(url: str, *, retry_config: dict[str, Any], **options: Any) -> Any:
        return from_url(url, retry_config=retry_config | {"max_retries": 0}, **options)

    monkeypatch.setattr(obstore.store, "from_url", once)


@pytest.mark.usefixtures("_asked_once")
def test_a_server_that_is_not_there_is_one_sentence(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(StoreError, match=r"s3://bucket/x can't be reached from .*; see that the network and AWS_END"):
        Store("s3://bucket/x").read("a")


@pytest.mark.usefixtures("_asked_once")
@pytest.mark.parametrize("gone", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_missing_credentials_are_one_sentence_without_keys(s3: str, monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    monkeypatch.delenv(gone)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StoreError) as error:
        Store("s3://bucket/x").read("a")
    assert "with the credentials there; see that its environment or its role has some" in str(error.value)
    assert "a-secret" not in str(error.value)
    assert "an-id" not in str(error.value)
