from simcvd.nearest import did_you_mean

KNOWN = ["loss.sdm", "loss.contrast", "noise.std"]


def test_the_closest_names_are_asked_for_and_no_more_than_wanted() -> None:
    assert did_you_mean("loss.sdn", KNOWN) == "did you mean loss.sdm?"
    assert did_you_mean("dice", ["dise", "dic", "dicey", "die"], most=2) == "did you mean dicey or die?"


def test_without_a_close_name_nothing_is_asked() -> None:
    assert did_you_mean("zzz", KNOWN) == ""


def test_names_that_count_as_close_come_after_those_that_are_spelled_alike() -> None:
    assert did_you_mean("std", KNOWN, also=lambda name: name.endswith(".std")) == "did you mean noise.std?"
    assert did_you_mean("loss.sdn", KNOWN, also=lambda name: name.startswith("loss")) == (
        "did you mean loss.sdm or loss.contrast?"
    )
