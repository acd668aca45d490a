"""From a folder of scans to a data set folder: checked, split, resumable, `dataset.json` last.

Labels of unlabelled training cases are copied into their case files, so that `data.labeled` can change later. No
statistic, class list or choice of cases reads them.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simcvd.data.dataset_info import DatasetInfo, Splits, open_info, write_info
from simcvd.data.preparation.cases import Progress, find_classes, stamp, write_cases
from simcvd.data.preparation.journal import Journal, JournalEntry, locked
from simcvd.data.preparation.source import ScanFolder
from simcvd.data.preparation.splits import SplitCounts, SplitLists, read_split_file, split_by_count, split_by_lists
from simcvd.data.store import Origin, build_info
from simcvd.errors import UserError


@dataclass(frozen=True)
class PrepareOptions:
    """What a person chooses about a preparation.

    Attributes:
        labeled: labelled training cases; none labels all that are left.
        unlabeled: unlabelled training cases; none takes all that are left.
        val: validation cases; none takes the source's default.
        test: test cases; none takes the source's default.
        seed: draws the order that the counts cut; none keeps the list's.
        split_file: see `splits.read_split_file`.
        classes: names of the foreground classes 1 to K; none takes the source's.
        channels: names of the image channels; none takes the source's.
        name: of the data set; none takes the target folder's.
        skip_bad: leave bad cases out, and list them, instead of stopping at the first.
        workers: threads; none takes one for each CPU.
        progress: called with (cases done, all cases, id of the last) from the caller's thread.
    """

    labeled: int | None = None
    unlabeled: int | None = None
    val: int | None = None
    test: int | None = None
    seed: int | None = None
    split_file: Path | None = None
    classes: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    name: str | None = None
    skip_bad: bool = False
    workers: int | None = None
    progress: Progress | None = None


@dataclass(frozen=True)
class PrepareReport:
    """What a preparation did.

    Attributes:
        info: the data set's description.
        written: cases written now.
        resumed: cases found finished.
        left_out: what is wrong with each bad case, by id.
        notes: what a person should know.
        seconds: wall clock.
    """

    info: DatasetInfo
    written: int
    resumed: int
    left_out: dict[str, str]
    notes: tuple[str, ...]
    seconds: float


def prepare(source: ScanFolder, target: Path, options: PrepareOptions) -> PrepareReport:
    """Write the data set folder `target`; running it again resumes or, where all is done, changes nothing.

    Raises:
        UserError: a bad case, an impossible split, a folder that is in use, full or made from something else.
    """
    started = time.monotonic()
    _check_names(options)
    preparation = _Preparation(source, target, options)
    try:
        with locked(target) as journal:
            info, written, resumed = preparation.run(journal)
    except OSError as error:
        raise UserError(
            f"The preparation of {target} stopped ({error}); mend that and run it again, it resumes."
        ) from error
    return PrepareReport(
        info, written, resumed, preparation.left_out, preparation.notes(info), time.monotonic() - started
    )


class _Preparation:
    """One run of `prepare`; `left_out` grows as bad cases turn up."""

    def __init__(self, source: ScanFolder, target: Path, options: PrepareOptions) -> None:
        self._source = source
        self._target = target
        self._options = options
        self._lists = source.lists if options.test is None else None
        if options.split_file:
            self._lists = read_split_file(options.split_file)
        self._cases = {case.id: case for case in source.cases}
        self.left_out: dict[str, str] = {}

    def run(self, journal: Journal) -> tuple[DatasetInfo, int, int]:
        source, options = self._source, self._options
        for case_id, clause in source.problems.items():
            self._problem(case_id, clause)
        request = _request(source, options, self._lists)
        earlier = journal.request()
        if earlier is not None:
            self.left_out |= _same_request(self._target, earlier, request)
        done = None if earlier is None else open_info(self._target)
        splits, _ = self._split()
        classes = options.classes or source.classes or (done.classes if done else None)
        if not classes:
            classes = find_classes(source, [self._cases[i] for i in splits.train_labeled], options.workers)
        if done:
            self._refuse_changed_source(done, splits, journal)
        entries, written, splits, order = self._write(len(classes), journal)
        if done:
            if any(entries[case_id].digest != digest for case_id, digest in done.digests.items()):
                raise _changed(self._target)
            return done, written, len(entries) - written
        info = build_info(
            self._target,
            name=options.name or self._target.resolve().name,
            channels=self._channel_names(entries[splits.train_labeled[0]].channels),
            classes=classes,
            splits=splits,
            train_order=order,
            digests={case_id: entry.digest for case_id, entry in entries.items()},
            origin=Origin(
                source=f"{source.kind}: {source.folder.resolve().name}",
                normalisation="z_score" if all(case.normalise for case in source.cases) else "as_is",
                label_guided_crop=source.label_guided_crop,
                preset=source.preset,
            ),
        )
        journal.drop_others(set(info.digests))
        journal.save_request({**request, "left_out": self.left_out})
        write_info(self._target, info)
        return info, written, len(entries) - written

    def notes(self, info: DatasetInfo) -> tuple[str, ...]:
        unused = len(set(self._cases) - set(info.digests) - set(self.left_out))
        told = f"{unused} cases are in no split and were not used."
        return (*self._source.notes, told) if unused else self._source.notes

    def _split(self) -> tuple[Splits, list[str]]:
        usable = [case for case in self._source.cases if case.id not in self.left_out]
        with_label = {case.id for case in usable if case.label is not None}
        options = self._options
        asked = SplitCounts(options.labeled, options.unlabeled, options.val, options.test, options.seed)
        order = [case.id for case in usable]
        if self._lists:
            return split_by_lists(self._lists, order, with_label, asked, self.left_out)
        default = self._source.default_counts(len(with_label))
        if asked.val is None:
            asked = replace(asked, val=default.val)
        if asked.test is None:
            asked = replace(asked, test=default.test)
        return split_by_count(order, with_label, asked)

    def _write(self, classes: int, journal: Journal) -> tuple[dict[str, JournalEntry], int, Splits, list[str]]:
        """Write all cases; a bad one moves the splits, and its use can make another bad, so until nothing changes."""
        entries: dict[str, JournalEntry] = {}
        written = 0
        while True:
            splits, order = self._split()
            used = set(splits.all())
            missing = [case for case in self._source.cases if case.id in used and case.id not in entries]
            new, count = write_cases(
                self._source,
                missing,
                self._target,
                classes,
                journal,
                workers=self._options.workers,
                progress=self._options.progress,
                problem=self._problem,
            )
            entries |= new
            written += count
            left_out = len(self.left_out)
            self._check_use({case_id: entries[case_id] for case_id in splits.all() if case_id in entries}, splits)
            if len(self.left_out) == left_out and used <= set(entries):
                return {case_id: entries[case_id] for case_id in splits.all()}, written, splits, order

    def _check_use(self, entries: Mapping[str, JournalEntry], splits: Splits) -> None:
        declared = len(self._options.channels or self._source.channels or ())
        unlabeled = set(splits.train_unlabeled)
        for case_id, entry in entries.items():
            channels = declared or next(iter(entries.values())).channels
            if entry.channels != channels:
                self._problem(case_id, f"the image has {entry.channels} channels, expected {channels}")
            elif entry.empty_label and case_id not in unlabeled:
                self._problem(case_id, "its label is empty, expected foreground in a case that is used with its label")

    def _problem(self, case_id: str, clause: str) -> None:
        if not self._options.skip_bad:
            raise UserError(f"Case {case_id}: {clause}; repair it, or leave bad cases out with --skip-bad.")
        self.left_out[case_id] = clause

    def _refuse_changed_source(self, done: DatasetInfo, splits: Splits, journal: Journal) -> None:
        same = set(splits.all()) == set(done.digests)
        for case_id in done.digests if same else ():
            entry = journal.entry(case_id)
            if entry is None or entry.stamp != stamp(self._source, self._cases[case_id], len(done.classes)):
                same = False
        if not same:
            raise _changed(self._target)

    def _channel_names(self, count: int) -> tuple[str, ...]:
        named = self._options.channels or self._source.channels
        return named or tuple(f"channel_{number}" for number in range(count))


def _check_names(options: PrepareOptions) -> None:
    for kind, names in (("class", options.classes), ("channel", options.channels)):
        if names is not None and (not names or len(set(names)) < len(names) or not all(names)):
            raise UserError(f"The {kind} names are '{', '.join(names)}'; expected different names, at least one.")


def _request(source: ScanFolder, options: PrepareOptions, lists: SplitLists | None) -> dict[str, Any]:
    return {
        "kind": source.kind,
        "labeled": options.labeled,
        "unlabeled": options.unlabeled,
        "val": options.val,
        "test": options.test,
        "seed": options.seed,
        "classes": list(options.classes) if options.classes else None,
        "channels": list(options.channels) if options.channels else None,
        "name": options.name,
        "skip_bad": options.skip_bad,
        "split_file": None if lists is None else [lists.splits.model_dump(mode="json"), list(lists.train or ())],
    }


def _same_request(target: Path, earlier: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, str]:
    """Return the cases that the finished data set left out."""
    changed = [key for key, value in request.items() if key not in earlier or earlier[key] != value]
    if changed:
        told = ", ".join(changed)
        raise UserError(
            f"The data set {target} is finished and was made with another {told}; choose another folder "
            "(data.labeled can be changed at training without preparing anew)."
        )
    left_out: dict[str, str] = earlier["left_out"]
    return left_out


def _changed(target: Path) -> UserError:
    return UserError(
        f"The source of {target} has changed since the data set was made; choose another folder for a new one."
    )
