"""The cluster file: what Ray's launcher reads, checked before anything is started."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any, Final

from simcvd.errors import UserError
from simcvd.nearest import did_you_mean
from simcvd.yaml_text import KeyPath, Problem, YamlText, parse_yaml
from sweeps.storage.store import url_in

OWN_SECTION: Final = "simcvd"
"""Under the launcher's `metadata`, which Ray does not interpret."""

_OWN_KEYS: Final = ("runs", "cache")
FILL_IN: Final = "FILL-IN"
"""Stands in the recipes where the user's own value belongs."""

_PLACEHOLDERS: Final = ("192.0.2.", "198.51.100.", "203.0.113.")  # RFC 5737: addresses of examples


@dataclass(frozen=True)
class ClusterFile:
    """A cluster file that is known to be sound, as far as this machine can tell.

    Attributes:
        path: where it is.
        name: the cluster's name.
        provider: `local` for own hosts, `aws`, `gcp`, ...
        content: all of it, as the launcher reads it.
    """

    path: Path
    name: str
    provider: str
    content: dict[str, Any]

    @property
    def is_local(self) -> bool:
        """Whether the hosts are the lab's own, named in the file."""
        return self.provider == "local"

    @property
    def head_ip(self) -> str | None:
        """Address of the head as this machine reaches it; None where the cloud gives it one."""
        provider = self.content["provider"]
        return str(provider.get("external_head_ip") or provider["head_ip"]) if self.is_local else None

    @property
    def worker_ips(self) -> tuple[str, ...]:
        """Addresses of the workers; empty where the cloud gives them."""
        return tuple(map(str, self.content["provider"].get("worker_ips") or ())) if self.is_local else ()

    @property
    def user(self) -> str:
        """Who logs in."""
        return str(self.content.get("auth", {}).get("ssh_user", "ubuntu"))

    @property
    def private_key(self) -> Path | None:
        """The key that logs in; None: ssh's own choice."""
        key = self.content.get("auth", {}).get("ssh_private_key")
        return None if key is None else Path(key).expanduser()

    @property
    def proxy_command(self) -> str | None:
        """How ssh gets to the hosts, where not directly."""
        command = self.content.get("auth", {}).get("ssh_proxy_command")
        return None if command is None else str(command)

    @property
    def runs(self) -> str | None:
        """The runs folder that its hosts share, `metadata.simcvd.runs`; None where the file names none."""
        return self._own("runs")

    @property
    def cache(self) -> str | None:
        """The folder on each host's own disk, `metadata.simcvd.cache`; None where the file names none."""
        return self._own("cache")

    def _own(self, key: str) -> str | None:
        own = self.content.get("metadata", {}).get(OWN_SECTION, {})
        return None if own.get(key) is None else str(own[key])


def load_cluster(path: Path) -> ClusterFile:
    """Read and check a cluster file; no host is asked.

    Raises:
        UserError: with the line and the key of what is wrong.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UserError(
            f"The cluster file {path} can't be read ({reason}); cluster.yaml at the top of simcvd's repository "
            "is one to copy and fill in."
        ) from error
    parsed = parse_yaml(text, str(path), "cluster file", "cluster_name, provider and auth")
    problems = list(_schema_problems(parsed)) or list(_own_problems(parsed))
    if problems:
        parsed.refuse(problems)
    content = parsed.content
    cluster = ClusterFile(path, str(content["cluster_name"]), str(content["provider"]["type"]), content)
    if missing := list(_missing_files(cluster)):
        parsed.refuse(missing)
    return cluster


def _schema_problems(text: YamlText) -> Iterator[Problem]:
    """Yield what Ray's own schema of cluster files does not allow."""
    import jsonschema

    schema = _launcher_schema()
    for error in jsonschema.Draft7Validator(schema).iter_errors(text.content):
        path = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            known = list(error.schema.get("properties", {}))
            for key in [key for key in error.instance if key not in known]:
                told = did_you_mean(str(key), known, most=1) or f"known are {', '.join(known)}"
                yield Problem((*path, key), f"unknown key, {told}")
        elif error.validator == "required":
            for key in [key for key in error.validator_value if key not in error.instance]:
                yield Problem((*path, key), "is missing")
        else:
            message = error.message[0].lower() + error.message[1:]
            yield Problem(path, " ".join(message.split())[:200])


def _launcher_schema() -> dict[str, Any]:
    """Return the schema without importing Ray, which takes seconds."""
    spec = util.find_spec("ray")
    if spec is None or spec.origin is None:
        raise UserError("Ray is not installed here; install simcvd again, it belongs to it.")
    schema: dict[str, Any] = json.loads((Path(spec.origin).parent / "autoscaler" / "ray-schema.json").read_text())
    return schema


def _own_problems(text: YamlText) -> Iterator[Problem]:
    yield from _not_filled_in(text.content)
    provider = text.content["provider"]
    if provider["type"] == "local":
        yield from _local_problems(provider)
    own = text.content.get("metadata", {}).get(OWN_SECTION, {})
    path: KeyPath = ("metadata", OWN_SECTION)
    if not isinstance(own, dict):
        yield Problem(path, f"expected {', '.join(_OWN_KEYS)}, found {own!r}")
        return
    for key in own.keys() - set(_OWN_KEYS):
        yield Problem((*path, key), f"unknown key, known are {', '.join(_OWN_KEYS)}")
    runs, cache = own.get("runs"), own.get("cache")
    if runs is not None and not (isinstance(runs, str) and (runs.startswith("/") or url_in(runs))):
        yield Problem(
            (*path, "runs"), f"expected an absolute path that all hosts share, or s3://BUCKET/PREFIX, found {runs!r}"
        )
    if cache is not None and not (isinstance(cache, str) and cache.startswith(("/", "~/"))):
        yield Problem((*path, "cache"), f"expected an absolute path on each host's own disk, found {cache!r}")


def _not_filled_in(value: Any, path: KeyPath = ()) -> Iterator[Problem]:
    """Yield the keys where the recipe's mark still stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _not_filled_in(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _not_filled_in(inner, (*path, number))
    elif isinstance(value, str) and FILL_IN in value:
        shown = value if len(value) <= 60 else f"...{value[max(0, value.index(FILL_IN) - 25) :][:55]}..."
        yield Problem(path, f"fill this in, found {' '.join(shown.split())}")


def _local_problems(provider: dict[str, Any]) -> Iterator[Problem]:
    if "head_ip" not in provider:
        yield Problem(("provider", "head_ip"), "is missing: the address of the head")
    if not isinstance(provider.get("worker_ips", []), list):
        yield Problem(("provider", "worker_ips"), f"expected a list of addresses, found {provider['worker_ips']!r}")
        return
    workers = provider.get("worker_ips") or []
    addresses: list[tuple[KeyPath, Any]] = [(("provider", "head_ip"), provider.get("head_ip"))]
    addresses += [(("provider", "worker_ips", number), worker) for number, worker in enumerate(workers)]
    seen: set[str] = set()
    for path, address in addresses:
        if address is None:
            continue
        if str(address).startswith(_PLACEHOLDERS):
            yield Problem(path, f"{address} is the example's address; fill in a host of yours")
        elif str(address).startswith("127.") or address == "localhost":
            yield Problem(path, f"{address} is each host itself; fill in the address that the others reach it by")
        elif str(address) in seen:
            yield Problem(path, f"{address} is named twice; a host is head or worker once")
        seen.add(str(address))


def _missing_files(cluster: ClusterFile) -> Iterator[Problem]:
    try:
        key = cluster.private_key
    except RuntimeError:  # a home of nobody
        yield Problem(("auth", "ssh_private_key"), f"there is no such home as in {cluster.content['auth']}")
        return
    if key is not None:
        if not key.is_file():
            yield Problem(("auth", "ssh_private_key"), f"there is no file {key}")
        elif not os.access(key, os.R_OK):
            yield Problem(("auth", "ssh_private_key"), f"{key} can't be read")
    for target, source in (cluster.content.get("file_mounts") or {}).items():
        if not isinstance(source, str):
            yield Problem(("file_mounts", target), f"expected a path of this machine, found {source!r}")
        elif not Path(source).expanduser().exists() and not _is_token(target):
            yield Problem(("file_mounts", target), f"there is no {source} here")


def _is_token(target: str) -> bool:
    return Path(target).name == "auth_token"  # made before the first launch
