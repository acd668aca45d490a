"""An object store as the rest of the program sees it: names and bytes below one URL, and a sentence for each failure.

Credentials are the environment's or the machine's own: this module neither takes, keeps nor prints any. A pickled store
is its URL alone, and is opened again where it arrives.
"""

import os
import re
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simcvd.errors import UserError
from simcvd.files import replacing

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

SCHEMES: Final = {"s3": "S3", "gs": "Google Cloud Storage", "az": "Azure"}
_URL: Final = re.compile(rf"(?P<scheme>{'|'.join(SCHEMES)}):/{{1,2}}(?P<rest>[^/].*)")
_CHUNK_BYTES: Final = 16 * 2**20
_CLIENT: Final[dict[str, Any]] = {"timeout": "60s", "connect_timeout": "10s"}
_RETRIES: Final[dict[str, Any]] = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=5), "base": 2},
}
_CREDENTIALS: Final = (
    "Unauthenticated",
    "PermissionDenied",
    "403 Forbidden",
    "401 Unauthorized",
    "AccessKey",
    "SignatureDoesNotMatch",
    "redential",
    "169.254.169.254",
    "metadata.google",
)


class StoreError(UserError):
    """The object store does not do what is asked."""


@dataclass(frozen=True)
class Entry:
    """What a listing says of an object.

    Attributes:
        size: in bytes.
        tag: changes with the content.
        modified: seconds since the epoch, by the store's clock.
        version: counted by stores that do so; others tell by the tag what an object is now.
    """

    size: int
    tag: str
    modified: float
    version: str | None = None


def url_in(path: "Path | str") -> str | None:
    """Return the URL that a path was made from; none for a folder.

    >>> url_in(Path("s3://bucket/runs"))  # pathlib folds the two slashes
    's3://bucket/runs'
    >>> url_in(Path("runs/s3"))

    Raises:
        UserError: it holds a key or a query, which would be recorded; the sentence does not repeat it.
    """
    found = _URL.fullmatch(str(path))
    if found is not None and ("?" in found["rest"] or "@" in found["rest"].partition("/")[0]):
        raise UserError(
            f"A URL of {SCHEMES[found['scheme']]} is {found['scheme']}://BUCKET/PREFIX, without a key, a signature or "
            "a query, since it is recorded; give keys by the environment's variables or by the machine's role."
        )
    return None if found is None else f"{found['scheme']}://{found['rest'].rstrip('/')}"


class Store:
    """Objects below a URL; names are relative to it.

    Args:
        url: `s3://BUCKET/PREFIX`, `gs://…` or `az://…`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._opened: ObjectStore | None = None

    def __getstate__(self) -> str:
        return self.url

    def __setstate__(self, url: str) -> None:
        self.__init__(url)  # type: ignore[misc]

    def __str__(self) -> str:
        return self.url

    def below(self, folder: str) -> "Store":
        """Return the store of what is in a folder of this one."""
        return Store(f"{self.url}/{folder}")

    @property
    def _store(self) -> "ObjectStore":
        if self._opened is None:
            from obstore import store as stores

            endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
            own_server = endpoint.startswith("http://")  # named so by the user himself
            client = _CLIENT | ({"allow_http": True} if own_server else {})
            open_url: Any = stores.from_url  # typed for one kind of store at a time
            with self._told("opened"):
                self._opened = open_url(self.url, client_options=client, retry_config=_RETRIES)
        return self._opened

    def entries(self, folder: str) -> dict[str, Entry]:
        """Return all objects below a folder, by name; all that there are below the empty name."""
        import obstore

        with self._told(f"listed below {folder}/"):
            return {str(found["path"]): _entry(found) for found in obstore.list(self._store, _prefix(folder)).collect()}

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders that lie directly in a folder."""
        import obstore

        with self._told(f"listed below {folder}/"):
            found = obstore.list_with_delimiter(self._store, _prefix(folder))
        return sorted(prefix.rstrip("/").rsplit("/", 1)[-1] for prefix in found["common_prefixes"])

    def read(self, name: str) -> bytes | None:
        """Return an object's content; none where there is no such object."""
        import obstore

        with self._told(f"read at {name}"):
            try:
                return bytes(obstore.get(self._store, name).bytes())
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise
                return None

    def entry(self, name: str) -> Entry | None:
        """Return what a listing says of one object; none where there is no such object."""
        import obstore

        with self._told(f"looked for at {name}"):
            try:
                return _entry(obstore.head(self._store, name))
            except FileNotFoundError:
                return None

    def has(self, name: str) -> bool:
        """Tell whether there is such an object."""
        return self.entry(name) is not None

    def fetch(self, name: str, size: int, path: Path, on_bytes: Callable[[int], None] = lambda count: None) -> None:
        """Bring an object to a file that appears whole.

        Args:
            name: the object.
            size: its bytes, as listed.
            path: the file.
            on_bytes: gets the number of bytes that have arrived since the last call.
        """
        import obstore

        with replacing(path) as half, half.open("wb") as file:
            for start in range(0, size, _CHUNK_BYTES):
                with self._told(f"read at {name}"):
                    length = min(_CHUNK_BYTES, size - start)
                    content = memoryview(obstore.get_range(self._store, name, start=start, length=length))
                file.write(content)
                on_bytes(len(content))

    def put(self, name: str, content: bytes | Path) -> None:
        """Write an object, which appears whole, in place of what was there."""
        import obstore

        with self._told(f"written at {name}"):
            obstore.put(self._store, name, content)

    def put_new(self, name: str, content: bytes) -> bool:
        """Write an object unless there is one; tell whether it was written. Of several at once, one succeeds."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        with self._told(f"written at {name}"):
            try:
                obstore.put(self._store, name, content, mode="create")
            except AlreadyExistsError:
                return False
            return True

    def put_over(self, name: str, content: bytes, seen: Entry | None) -> bool:
        """Write an object in place of what was seen there, if it is there still; tell whether it was written.

        Args:
            name: the object.
            content: what it is to hold.
            seen: what `entry` has said of it; none where there was no such object.
        """
        import obstore
        from obstore.exceptions import PreconditionError

        if seen is None:
            return self.put_new(name, content)
        known: Any = {"e_tag": seen.tag} | ({} if seen.version is None else {"version": seen.version})
        with self._told(f"written at {name}"):
            try:
                obstore.put(self._store, name, content, mode=known)
            except (PreconditionError, FileNotFoundError) as error:
                if "NoSuchBucket" in str(error):
                    raise
                return False
            return True

    def copy(self, name: str, target: str) -> None:
        """Copy an object within the store, in place of what was there."""
        import obstore

        with self._told(f"copied at {name}"):
            obstore.copy(self._store, name, target)

    def delete(self, names: Collection[str]) -> None:
        """Delete objects; those that are not there are passed over."""
        import obstore

        with self._told("cleared"):
            for name in names:  # one by one: not every server has S3's deletion of many
                try:
                    obstore.delete(self._store, name)
                except FileNotFoundError as error:
                    if "NoSuchBucket" in str(error):
                        raise

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Turn what the library raises into a sentence.

        Raises:
            StoreError: with the URL and this machine's name.
        """
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, FileNotFoundError, PermissionError, ValueError) as error:
            if isinstance(error, FileNotFoundError) and error.filename is not None:
                raise  # a file of this machine
            raise StoreError(_sentence(self.url, what, error)) from None


def _prefix(folder: str) -> str:
    return f"{folder}/" if folder else ""


def _entry(found: "ObjectMeta") -> Entry:
    tag = str(found["e_tag"] or found["size"])
    return Entry(int(found["size"]), tag, found["last_modified"].timestamp(), found["version"])


def _sentence(url: str, what: str, error: Exception) -> str:
    told = f"{type(error).__name__}: {error}"
    host = socket.gethostname()
    scheme, _, rest = url.partition("://")
    bucket = f"{scheme}://{rest.split('/')[0]}"
    if "NoSuchBucket" in told or "ContainerNotFound" in told or "The specified bucket does not exist" in told:
        return f"There is no bucket {bucket}; make it first, or choose another --out."
    if any(word in told for word in _CREDENTIALS):
        return (
            f"{url} can't be {what} from {host} with the credentials there; see that its environment or its role has "
            f"some that may list, read, write and delete in {bucket}."
        )
    if "PermanentRedirect" in told or "301 Moved" in told or "AuthorizationHeaderMalformed" in told:
        return f"{bucket} is in another region than AWS_REGION says on {host}; set it to the bucket's."
    if any(word in told for word in ("error sending request", "onnect", "dns", "timed out", "Timeout")):
        return f"{url} can't be reached from {host}; see that the network and AWS_ENDPOINT_URL are right there."
    # The address may hold a signature, and the rest goes on for pages.
    brief = re.sub(r"\S+://\S+", "its address", " ".join(told.split()))[:200]
    return f"{url} can't be {what} from {host} ({brief})."
