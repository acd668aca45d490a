"""The files of a trial in a store: each attempt has its own, which no other attempt ever writes.

`trials/ID/attempts/000003/` is what the third holder of the trial's lease has pushed, and the object
`trials/ID/attempts/000003.whole` says that all of it is there. The highest attempt that is whole counts: whoever was
suspended and wakes up after another one has taken over writes where nobody looks any more. Version 0.1 had one place
for all attempts, `trials/ID/`; it counts until an attempt is whole.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sweeps.storage.store import Entry, Store

_WHOLE: Final = ".whole"
_OF_ATTEMPT: Final = re.compile(rf"attempts/(?P<epoch>\d+)(?P<rest>{re.escape(_WHOLE)}|/.+)")


@dataclass(frozen=True)
class Stored:
    """A file in a store.

    Attributes:
        name: of the object.
        entry: what a listing says of it.
    """

    name: str
    entry: Entry


def trial_key(trial_id: str) -> str:
    """Return what the names of a trial's files and its lease begin with in a store."""
    return f"trials/{trial_id}"


def attempt_folder(trial_id: str, epoch: int) -> str:
    """Return what the names of an attempt's own files begin with."""
    return f"{trial_key(trial_id)}/attempts/{epoch:06d}"


def trial_files(store: Store, trial_id: str) -> dict[str, Stored]:
    """Return a trial's files that count, by the path that each has in a runs folder."""
    key = trial_key(trial_id)
    found = _objects(store, trial_id)
    whole = [epoch for epoch in found if epoch and any(stored.name.endswith(_WHOLE) for stored in found[epoch])]
    folder = attempt_folder(trial_id, max(whole)) if whole else key
    return {
        f"{key}/{stored.name.removeprefix(f'{folder}/')}": stored
        for stored in found.get(max(whole, default=0), [])
        if not stored.name.endswith(_WHOLE)
    }


def say_whole(store: Store, trial_id: str, epoch: int) -> None:
    """Make an attempt the one that counts, and delete what earlier ones have left."""
    store.put(f"{attempt_folder(trial_id, epoch)}{_WHOLE}", b"")
    found = _objects(store, trial_id)
    store.delete([stored.name for earlier in found if earlier < epoch for stored in found[earlier]])


def _objects(store: Store, trial_id: str) -> Mapping[int, list[Stored]]:
    """Return the objects of each attempt by its number; 0 is version 0.1's."""
    key = trial_key(trial_id)
    found: dict[int, list[Stored]] = {}
    for name, entry in store.entries(key).items():
        inside = name.removeprefix(f"{key}/")
        if inside.startswith("lease/"):
            continue
        attempt = _OF_ATTEMPT.fullmatch(inside)
        found.setdefault(int(attempt["epoch"]) if attempt else 0, []).append(Stored(name, entry))
    return found
