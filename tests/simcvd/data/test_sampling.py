from collections import Counter

from simcvd.data.sampling import case_at, crop_generator


def test_stream_visits_every_case_once_an_epoch() -> None:
    places = [case_at(0, "labeled", place, 7) for place in range(70)]
    assert set(Counter(places).values()) == {10}
    assert all(sorted(places[start : start + 7]) == list(range(7)) for start in range(0, 70, 7))


def test_epochs_and_streams_have_their_own_order() -> None:
    orders = {tuple(case_at(0, stream, e * 9 + p, 9) for p in range(9)) for stream in ("a", "b") for e in range(3)}
    assert len(orders) == 6


def test_draws_depend_on_seed_and_place_alone() -> None:
    assert crop_generator(1, "a", 5).random() == crop_generator(1, "a", 5).random()
    assert len({crop_generator(seed, "a", place).random() for seed in range(3) for place in range(3)}) == 9
