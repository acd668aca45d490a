"""What is searched of each method, and what earlier settings help."""

import pytest

from simcvd.config import apply_settings, load_preset
from simcvd.config.edit import dotted_keys, flatten
from simcvd.errors import UserError
from simcvd.methods.registry import METHODS
from sweeps.definition.search_space import Space
from sweeps.search.plan import plan_search
from sweeps.tuning.space import check_start, only_searched, read_also, search_space
from sweeps.tuning.stages import search_sweep

BASE = load_preset("la")


@pytest.mark.parametrize("method", list(METHODS))
def test_the_space_of_each_method_holds_its_default_and_can_be_searched(method: str) -> None:
    config = apply_settings(BASE, {"method": method})
    space = search_space(config, {})
    assert space.keys() <= dotted_keys().keys()
    assert {"augment.flip", "augment.rotate"} <= space.keys()
    if method not in {"supervised"}:
        own = "loss." if method == "simcvd" else f"{method}."
        assert any(key.startswith(own) for key in space)
    sweep = search_sweep("s", method, space, {"trials": 3}, 0)
    assert plan_search(sweep, config, "digest", 3).start[0].keys() == space.keys()


def test_a_weight_that_is_switched_off_is_not_searched() -> None:
    config = apply_settings(BASE, {"loss.sdm": 0.0})
    assert "loss.sdm" not in search_space(config, {})


def test_a_range_is_wide_enough_for_the_default() -> None:
    config = apply_settings(BASE, {"projection.dropout": 0.8, "network.dropout_last": 0.9})
    space = search_space(config, read_also(["network.dropout_last"], config, ["simcvd"]))
    assert space["projection.dropout"].uniform == [0.0, 0.8]
    assert space["network.dropout_last"].uniform == [0.0, 0.9]
    plan_search(search_sweep("s", "simcvd", space, {"trials": 3}, 0), config, "digest", 3)


def test_pooling_is_searched_around_its_default() -> None:
    space = search_space(apply_settings(BASE, {"projection.pool_size": 8}), {})
    assert space["projection.pool_size"].choice == [2, 4, 8, 16]


def test_what_is_also_searched_has_a_range_around_its_default() -> None:
    found = read_also(["training.learning_rate", "method"], BASE, ["simcvd", "dtc"])
    assert found["training.learning_rate"].loguniform == pytest.approx([0.001, 0.03])
    assert found["method"].choice == ["simcvd", "dtc"]
    assert search_space(BASE, found).keys() >= found.keys()
    none = apply_settings(BASE, {"training.weight_decay": 0.0})
    with pytest.raises(UserError, match="never reaches its default, 0; leave it out"):
        read_also(["training.weight_decay"], none, ["simcvd"])
    with pytest.raises(UserError, match="--also seed has no range here"):
        read_also(["seed"], BASE, ["simcvd"])


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({"loss.sdm": 0.2, "method": "simcvd", "training.steps": 9}, {"loss.sdm": 0.2}),
        ({"loss.sdm": 5.0, "projection.pool_size": 8}, {"projection.pool_size": 8}),
        ({"projection.pool_size": 3}, {}),
        ({"training.steps": 9}, {}),
    ],
)
def test_of_earlier_settings_is_tried_what_lies_in_the_space(settings: dict, kept: dict) -> None:
    space = {"loss.sdm": Space(loguniform=[0.01, 1.0]), "projection.pool_size": Space(choice=[8, 16])}
    assert only_searched(settings, space) == kept


def test_settings_that_are_asked_for_must_lie_in_the_space_whole() -> None:
    space = search_space(BASE, {})
    good = flatten(BASE)
    check_start(good, {"simcvd": space})
    with pytest.raises(UserError, match=r"--start has loss\.sdm = 7\.0, which is outside"):
        check_start(good | {"loss.sdm": 7.0}, {"simcvd": space})
    with pytest.raises(UserError, match="--start has settings of dtc, which is none of --methods"):
        check_start(good | {"method": "dtc"}, {"simcvd": space})


@pytest.mark.parametrize(("own", "choice"), [(1, [1, 2]), (2, [2, 4]), (8, [2, 4, 8, 16])])
def test_small_pooling_has_choices_too(own: int, choice: list[int]) -> None:
    space = search_space(apply_settings(BASE, {"projection.pool_size": own}), {})
    assert space["projection.pool_size"].choice == choice
