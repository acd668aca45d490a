import pytest
from pydantic import ValidationError

from sweeps.definition.variant_entry import VariantEntry, short_names


def test_keys_that_end_alike_are_named_in_full() -> None:
    assert short_names(["loss.sdm", "noise.std", "other.std"]) == {
        "loss.sdm": "sdm",
        "noise.std": "noise.std",
        "other.std": "other.std",
    }


def test_settings_are_written_nested_or_dotted() -> None:
    assert VariantEntry(name="a", set={"loss": {"sdm": 0}, "ema.decay": 0.9}).set == {"loss.sdm": 0, "ema.decay": 0.9}


def test_a_row_has_a_name() -> None:
    with pytest.raises(ValidationError, match="at least 1 character"):
        VariantEntry(name="")
