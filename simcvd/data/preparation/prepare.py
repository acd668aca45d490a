"""From a folder of scans to a data set folder: checked, split, resumable, `dataset.json` last.

Labels of unlabelled training cases are copied into their case files, so that `data.labeled` can change later. No
statistic, class list or choice of cases reads them.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from simcvd.case_id import id_problem
from simcvd.data.dataset_info import DatasetInfo, ScanFacts, Splits, open_info, write_info
from simcvd.data.plan.plan_file import plan_for
from simcvd.data.preparation.cases import Recipe, find_classes, write_cases
from simcvd.data.preparation.choice import choose
from simcvd.data.preparation.groups import read_groups, refuse_unknown
from simcvd.data.preparation.journal import Journal, JournalEntry, locked
from simcvd.data.preparation.options import PrepareOptions, check_options, refuse_other_request, request_of
from simcvd.data.preparation.source import ScanFolder
from simcvd.data.preparation.splits import SplitCounts, read_split_file, some, split_by_count, split_by_lists
from simcvd.data.preparation.survey import survey
from simcvd.data.store import Origin, build_info
from simcvd.errors import UserError
from simcvd.scans.preprocessing import Preprocessing


@dataclass(frozen=True)
class PrepareReport:
    """What a preparation did.

    Attributes:
        info: the data set's description.
        written: cases written now.
        resumed: cases found finished.
        left_out: what is wrong with each bad case, by id.
        notes: what a person should know.
        reasons: what was chosen about the preprocessing, a sentence each; none where it was chosen before.
        plan: the settings that fit it, each with its reason; empty where it was planned before or has a preset.
        seconds: wall clock.
    """

    info: DatasetInfo
    written: int
    resumed: int
    left_out: dict[str, str]
    notes: tuple[str, ...]
    reasons: tuple[str, ...]
    plan: tuple[str, ...]
    seconds: float


def prepare(source: ScanFolder, target: Path, options: PrepareOptions) -> PrepareReport:
    """Write the data set folder `target`; running it again resumes or, where all is done, changes nothing.

    Raises:
        UserError: a bad case, an impossible split, a folder that is in use, full or made from something else.
    """
    started = time.monotonic()
    check_options(source, options)
    preparation = _Preparation(source, target, options)
    try:
        with locked(target) as journal:
            info, written, resumed = preparation.run(journal)
    except OSError as error:
        raise UserError(
            f"The preparation of {target} stopped ({error}); mend that and run it again, it resumes."
        ) from error
    return PrepareReport(
        info,
        written,
        resumed,
        preparation.left_out,
        preparation.notes(info),
        preparation.reasons,
        preparation.plan,
        time.monotonic() - started,
    )


class _Preparation:
    """One run of `prepare`; `left_out` grows as bad cases turn up."""

    def __init__(self, source: ScanFolder, target: Path, options: PrepareOptions) -> None:
        self._source = source
        self._target = target
        self._options = options
        asked = {name for name in ("val", "test") if getattr(options, name) is not None}
        self._lists = source.lists.without(asked) if source.lists else None
        if options.split_file:
            self._lists = read_split_file(options.split_file)
        self._cases = {case.id: case for case in source.cases}
        self._groups: dict[str, str] = {}
        if options.groups:
            self._groups = read_groups(options.groups)
            refuse_unknown(options.groups, self._groups, {*self._cases, *source.problems})
        self._asked = SplitCounts()
        self.left_out: dict[str, str] = {}
        self.reasons: tuple[str, ...] = ()
        self._lost: Counter[int] = Counter()
        self.plan: tuple[str, ...] = ()

    def run(self, journal: Journal) -> tuple[DatasetInfo, int, int]:
        source, options = self._source, self._options
        for case_id, clause in source.problems.items():
            self._problem(case_id, clause)
        for case_id in self._cases:
            if problem := id_problem(case_id):
                self._problem(case_id, problem)
        request = request_of(source, options, self._lists, self._groups)
        earlier = journal.request()
        if earlier is not None:
            self.left_out |= refuse_other_request(self._target, earlier, request)
        done = None if earlier is None else open_info(self._target)
        splits, _ = self._split()
        classes = options.classes or source.classes or (done.classes if done else None)
        if not classes:
            classes = find_classes(source, [self._cases[i] for i in splits.train_labeled], options.workers)
        made = self._preprocessing(done, splits, len(classes))
        recipe = Recipe(source, self._target, len(classes), made, done is not None and done.preprocessing is None)
        if done:
            self._refuse_changed_source(done, splits, journal, recipe)
        entries, written, splits, order = self._write(recipe, journal)
        self._lost.update(value for case_id in splits.train_labeled for value in entries[case_id].lost)
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
                normalisation="as_is" if any(case.as_it_is for case in source.cases) else "z_score",
                label_guided_crop=made.crop is not None,
                preset=source.preset,
                preprocessing=made,
                scans={case_id: ScanFacts(**entry.scan) for case_id, entry in entries.items() if entry.scan},
                ignored=any(entries[case_id].ignored for case_id in splits.all()),
                groups=self._groups,
            ),
        )
        journal.drop_others(set(info.digests))
        journal.save_request({**request, "left_out": self.left_out})
        self.plan = plan_for(self._target, info)
        write_info(self._target, info)
        return info, written, len(entries) - written

    def notes(self, info: DatasetInfo) -> tuple[str, ...]:
        unused = len(set(self._cases) - set(info.digests) - set(self.left_out))
        told = [f"{unused} cases are in no split and were not used."] if unused else []
        told += [
            f"Class {info.classes[value - 1]} is too thin for the voxel size: {count} labelled training cases lose all "
            "of it; choose a finer --spacing."
            for value, count in sorted(self._lost.items())
        ]
        return (*self._source.notes, *told, *self._notes_on_groups(info))

    def _notes_on_groups(self, info: DatasetInfo) -> list[str]:
        if not self._groups:
            return []
        told = []
        splits, asked = info.splits, self._asked
        for name, count, ids in (
            ("train_labeled", asked.labeled, splits.train_labeled),
            ("val", asked.val, splits.val),
            ("test", asked.test, splits.test),
        ):
            if count is not None and len(ids) != count:
                told.append(f"Groups are kept whole, so {name} has {len(ids)} cases in place of {count}.")
        alone = [case_id for case_id in info.digests if case_id not in self._groups]
        if alone:
            told.append(f"{len(alone)} cases are not in {self._options.groups} and are each alone: {some(alone)}.")
        return told

    def _split(self) -> tuple[Splits, list[str]]:
        usable = [case for case in self._source.cases if case.id not in self.left_out]
        with_label = {case.id for case in usable if case.label is not None}
        options = self._options
        asked = SplitCounts(options.labeled, options.unlabeled, options.val, options.test, options.seed)
        order = [case.id for case in usable]
        if self._lists:
            self._asked = asked
            return split_by_lists(self._lists, order, with_label, asked, self.left_out, self._groups)
        default = self._source.default_counts(len(with_label))
        if asked.val is None:
            asked = replace(asked, val=default.val)
        if asked.test is None:
            asked = replace(asked, test=default.test)
        self._asked = asked
        return split_by_count(order, with_label, asked, self._groups)

    def _preprocessing(self, done: DatasetInfo | None, splits: Splits, classes: int) -> Preprocessing:
        """Return what the finished data set was made with, else what the source fixes, else what suits its scans."""
        source, options = self._source, self._options
        if done:
            if done.preprocessing is not None:
                return done.preprocessing
            return Preprocessing(crop=source.preprocessing.crop if source.preprocessing else None)
        if isinstance(options.like, Preprocessing):
            return options.like
        if options.like is not None:
            like = open_info(options.like).preprocessing
            if like is None:
                raise UserError(f"The data set {options.like} was made by version 0.1; prepare it anew to follow it.")
            return like
        if source.preprocessing is not None:
            return source.preprocessing
        training = [self._cases[case_id] for case_id in (*splits.train_labeled, *splits.train_unlabeled)]
        chosen = choose(
            source,
            survey(source, training, splits.train_labeled, classes, options.workers, self._problem),
            options.spacing,
            options.normalize,
        )
        self.reasons = chosen.reasons
        return chosen.preprocessing

    def _write(self, recipe: Recipe, journal: Journal) -> tuple[dict[str, JournalEntry], int, Splits, list[str]]:
        """Write all cases; a bad one moves the splits, and its use can make another bad, so until nothing changes."""
        entries: dict[str, JournalEntry] = {}
        written = 0
        while True:
            splits, order = self._split()
            used = set(splits.all())
            missing = [case for case in self._source.cases if case.id in used and case.id not in entries]
            new, count = write_cases(
                recipe,
                missing,
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
        seen: dict[str, str] = {}
        for case_id, entry in entries.items():
            twin = seen.setdefault(entry.image_digest, case_id) if entry.image_digest else case_id
            if twin != case_id:
                self._problem(case_id, f"its image is that of case {twin}, expected every scan once")
                continue
            channels = declared or next(iter(entries.values())).channels
            if entry.channels != channels:
                self._problem(case_id, f"the image has {entry.channels} channels, expected {channels}")
            elif entry.empty_label and case_id not in unlabeled:
                where = " at the voxel size of the data set" if entry.lost else ""
                clause = f"its label is empty{where}, expected foreground in a case that is used with its label"
                self._problem(case_id, clause)

    def _problem(self, case_id: str, clause: str) -> None:
        if not self._options.skip_bad:
            shown = case_id if case_id.isprintable() else ascii(case_id)
            raise UserError(f"Case {shown}: {clause}; repair it, or leave bad cases out with --skip-bad.")
        self.left_out[case_id] = clause

    def _refuse_changed_source(self, done: DatasetInfo, splits: Splits, journal: Journal, recipe: Recipe) -> None:
        same = set(splits.all()) == set(done.digests)
        for case_id in done.digests if same else ():
            entry = journal.entry(case_id)
            if entry is None or entry.stamp != recipe.stamp(self._cases[case_id]):
                same = False
        if not same:
            raise _changed(self._target)

    def _channel_names(self, count: int) -> tuple[str, ...]:
        named = self._options.channels or self._source.channels
        return named or tuple(f"channel_{number}" for number in range(count))


def _changed(target: Path) -> UserError:
    return UserError(
        f"The source of {target} has changed since the data set was made; choose another folder for a new one."
    )
