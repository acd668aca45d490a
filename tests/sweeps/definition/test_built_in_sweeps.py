"""The built-in sweeps against the paper's tables: rows, settings and trials."""

import hashlib
from functools import cache
from typing import Any

import pytest

from analysis.published import published_of
from simcvd.config import PRESETS, load_preset, trial_id
from simcvd.config.edit import flatten
from sweeps.definition.catalogue import list_sweeps, load_sweep
from sweeps.definition.changes import Changes
from sweeps.definition.expand import Variant, all_trials, expand

ON = {"local_shuffle": 0.5, "nonlinear_intensity": 0.9, "in_painting": 0.9, "out_painting": 0.9}
ABLATIONS: dict[str, tuple[str, list[tuple[str, dict[str, Any]]]]] = {
    "dropout": (
        "dropout=0.1",
        [(f"dropout={p}", {"projection.dropout": p}) for p in (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)],
    ),
    "pooling": (
        "pool_size=128",
        [(f"pool_size={side}", {"projection.pool_size": side}) for side in (16, 32, 64, 128, 256)],
    ),
    "components": (
        "SimCVD",
        [
            ("Baseline (UA-MT)", {"method": "ua_mt"}),
            ("w/o SDM", {"network.sdm_head": False}),
            ("w/ adaptive max pooling", {"projection.pooling": "max"}),
            ("SimCVD", {}),
        ],
    ),
    "losses": (
        "SimCVD",
        [
            ("w/o contrast and SDM losses", {"loss.contrast": 0.0, "loss.sdm": 0.0}),
            ("w/o contrast loss", {"loss.contrast": 0.0}),
            ("w/o pairwise distillation loss", {"loss.distillation": 0.0}),
            ("w/o SDM loss", {"loss.sdm": 0.0}),
            ("SimCVD", {}),
        ],
    ),
    "augmentations": (
        "SimCVD",
        [
            ("SimCVD", {}),
            *(
                (name, {f"augment.{key}.probability": ON[key]})
                for name, key in (
                    ("+ local pixel shuffling", "local_shuffle"),
                    ("+ non-linear intensity transformation", "nonlinear_intensity"),
                    ("+ in-painting", "in_painting"),
                    ("+ out-painting", "out_painting"),
                )
            ),
        ],
    ),
}


PUBLISHED = "methods-published"


@cache
def _variants(name: str, preset: str | None = None) -> dict[str, Variant]:
    return {variant.name: variant for variant in expand(load_sweep(name), "d", Changes(preset=preset))}


def _settings(variant: Variant) -> dict[str, Any]:
    return flatten(variant.trials[0].config)


@pytest.mark.parametrize("name", ABLATIONS)
def test_each_row_differs_from_the_papers_settings_in_what_its_table_says(name: str) -> None:
    reference, rows = ABLATIONS[name]
    variants, papers = _variants(name), flatten(load_preset("la"))
    assert [row for row, _ in rows] == list(variants)
    assert [variant.name for variant in variants.values() if variant.reference] == [reference]
    for row, changes in rows:
        found = {key: value for key, value in _settings(variants[row]).items() if value != papers[key]}
        assert found == {key: value for key, value in changes.items() if value != papers[key]}


@pytest.mark.parametrize("name", ABLATIONS)
def test_ablations_have_four_metrics_three_seeds_and_a_published_row_for_each_of_theirs(name: str) -> None:
    sweep = load_sweep(name)
    assert (sweep.metric, sweep.also) == ("dice", ["jaccard", "hd95_vox", "asd_vox"])
    assert sweep.seeds == [0, 1, 2]
    table = published_of(sweep.published, "la", [8])
    found = [table.row(row.name, 8) for row in sweep.rows]
    assert all(found)
    assert len({id(row) for row in found}) == len(sweep.rows)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("name", "rows"),
    [
        *(("methods", 12), ("methods-2026", 16), (PUBLISHED, 12), ("dropout", 7), ("pooling", 5)),
        *(("components", 4), ("losses", 5), ("augmentations", 5), ("gaps", 12)),
    ],
)
def test_every_sweep_expands_for_every_preset(name: str, rows: int, preset: str) -> None:
    variants = _variants(name, preset=preset)
    trials = all_trials(list(variants.values()))
    assert (len(variants), len(trials), len({trial.id for trial in trials})) == (rows, 3 * rows, 3 * rows)
    assert {tuple(trial.config.data.crop_vox) for trial in trials} == {load_preset(preset).data.crop_vox}
    assert sum(variant.reference for variant in variants.values()) == 1


@pytest.mark.parametrize("preset", PRESETS)
def test_simcvd_is_the_same_trial_in_every_sweep(preset: str) -> None:
    """The built-in set's pooling is 32, not the paper's 128: its crops are 32 voxels wide."""
    size = load_preset(preset).projection.pool_size
    assert size == {"la": 128, "pancreas": 128, "phantom": 32}[preset]
    alike = ("methods", "methods-2026", PUBLISHED, "components", "losses", "augmentations", "paper", "gaps")
    names = dict.fromkeys(alike, "SimCVD")
    names |= {"dropout": "dropout=0.1", "pooling": f"pool_size={size}", "search": "default"}
    assert names.keys() == {sweep.name for sweep in list_sweeps()}
    found = {_variants(sweep, preset=preset)[row].trials[0].id for sweep, row in names.items()}
    assert found == {trial_id(load_preset(preset), "d")}


@pytest.mark.parametrize("preset", PRESETS)
def test_the_paper_has_every_trial_of_its_tables_once(preset: str) -> None:
    """38 rows; UA-MT stands twice, SimCVD six times: 12 + 3 - 1 + 4 + 6 + 4 + 4 = 32 trials a seed."""
    variants = _variants("paper", preset=preset)
    parts = ("methods", "components", "losses", "dropout", "pooling", "augmentations")
    assert load_sweep("paper").include == list(parts)
    tables = {name: _variants(name, preset=preset).values() for name in parts}
    assert sum(map(len, tables.values())) == 38
    ids = [trial.id for trial in all_trials(list(variants.values()))]
    assert len(ids) == len(set(ids)) == 96
    assert set(ids) == {trial.id for table in tables.values() for trial in all_trials(list(table))}
    groups = [variant.group for variant in variants.values()]
    counts = {"methods": 12, "components": 2, "losses": 4, "dropout": 6, "pooling": 4, "augmentations": 4}
    assert [(name, groups.count(name)) for name in dict.fromkeys(groups)] == list(counts.items())
    assert [variant.name for variant in variants.values() if variant.reference] == ["SimCVD"]


def test_each_method_is_trained_as_its_public_code_sets_it() -> None:
    """Beside the loop, which all but two share, what each row says of its method; the rows are those of `methods`."""
    common, rows = _variants("methods"), _variants(PUBLISHED)
    assert list(rows) == list(common)
    own = {
        "DAN": {"dan.dice_of": "all", "dan.discriminator_after": True},
        "CPS": {"cps.dice_of": "all", "cps.cross": 0.1, "cps.cross_on": "unlabeled"},
        "Mean teacher": {"ema.decay": 0.99, "mean_teacher.dice_of": "all", "mean_teacher.noise_on": "teacher"},
        "Entropy min.": {"entropy_min.dice_of": "all"},
        "UA-MT": {"ema.decay": 0.99, "ua_mt.noise_on": "teacher"},
        "ICT": {"ema.decay": 0.99, "ict.dice_of": "all", "ict.ramp_up_fraction": 1.0},
        "SASSNet": {
            "sdm.scope": "patch",
            "sdm.absent": "zero",
            "sassnet.cross_entropy_part": 0.0,
            "sassnet.discriminator_after": True,
        },
        "DTC": {"sdm.scope": "patch", "sdm.absent": "zero", "dtc.cross_entropy_part": 0.0},
    }
    loop = {"training.weight_decay": 1e-4, "training.learning_rate_drop_fraction": 0.416667}
    for name, variant in rows.items():
        before = _settings(common[name])
        found = {key: value for key, value in _settings(variant).items() if value != before[key]}
        assert found == ({} if name in ("Chaitanya et al.", "SimCVD") else loop | own.get(name, {})), name


def test_published_rows_have_their_row_of_the_papers_table_each() -> None:
    table = published_of(load_sweep(PUBLISHED).published, "la", [8])
    rows = [table.row(name, 80 if "upper" in name else 8) for name in _variants(PUBLISHED)]
    assert all(rows)
    assert len({id(row) for row in rows}) == 12


def test_sassnets_weight_with_8_labels_reaches_its_row_alone() -> None:
    changes = Changes({"data.labeled": 8, "sassnet.adversarial": 0.015})
    ids, plain = (
        {variant.name: variant.trials[0].id for variant in expand(load_sweep(PUBLISHED), "d", each)}
        for each in (changes, Changes({"data.labeled": 8}))
    )
    assert {name for name in ids if ids[name] != plain[name]} == {"SASSNet"}


def test_a_setting_for_all_of_the_paper_reaches_all_but_those_that_have_their_own() -> None:
    sweep, changes = load_sweep("paper"), {"data.labeled": 8}
    variants = {variant.name: variant for variant in expand(sweep, "d", Changes(changes))}
    assert {_settings(v)["data.labeled"] for name, v in variants.items() if "upper" not in name} == {8}
    assert _settings(variants["Supervised (upper bound)"])["data.labeled"] == "all"
    assert sweep.kept(changes) == {"data.labeled": ["Supervised (upper bound)"]}
    dropout = expand(load_sweep("dropout"), "d", Changes(changes))[0]
    assert variants["dropout=0.0"].trials == dropout.trials


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("augmentations", "47367d8e2b0ee1e4"),
        ("components", "f1d433696e56f80d"),
        ("dropout", "b3e6999bb34884ab"),
        ("losses", "b7bff48fc7f753cf"),
        ("methods", "25135e21326db88a"),
        (PUBLISHED, "0cadebba3c41667f"),
        ("paper", "9ad007d5ca791c0f"),
        ("pooling", "12652d40c49994dc"),
    ],
)
def test_trials_keep_their_identity_from_version_to_version(name: str, digest: str) -> None:
    """Finished trials are found again by their ids; a change of a setting's default changes them and this test."""
    ids = [trial.id for trial in all_trials(expand(load_sweep(name), "d"))]
    assert hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16] == digest


@pytest.mark.parametrize(("name", "digest"), [("methods", "839974bbed85b7e8"), ("paper", "989a905046d16700")])
def test_the_settings_of_version_0_2_give_its_trials(name: str, digest: str) -> None:
    """Supervised training had half of the crops then, entropy a hundredth of its weight; all others need no setting."""
    before = {
        "supervised.whole_batch": False,
        "entropy_min.entropy": 0.001,
        "entropy_min.ramp_up_fraction": 0,
        "entropy_min.entropy_of": "unlabeled",
    }
    ids = [trial.id for trial in all_trials(expand(load_sweep(name), "d", Changes(before)))]
    assert hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16] == digest


def test_the_search_tries_the_papers_values_first_and_can_reach_them() -> None:
    sweep = load_sweep("search")
    assert sweep.search is not None
    own = flatten(load_preset("la"))
    assert list(sweep.search) == [
        *("projection.dropout", "projection.pool_size"),
        *("loss.sdm", "loss.contrast", "loss.distillation", "loss.consistency"),
    ]
    for key, space in sweep.search.items():
        if space.choice is not None:
            assert own[key] in space.choice
        else:
            low, high = space.uniform or space.loguniform or []
            assert low < own[key] < high
            assert space.uniform or high / own[key] == pytest.approx(own[key] / low)
    assert (sweep.strategy.trials, sweep.seeds, sweep.reference) == (20, [0], "default")
    assert [(variant.name, dict(variant.settings), variant.reference) for variant in expand(sweep, "d")] == [
        ("default", {}, True)
    ]
