"""What one worker says to itself; what two say to each other is in `test_scoring.py`."""

import pytest

from sweeps.trial.group import from_all, from_first, rank_and_workers


def test_a_worker_alone_is_the_first_and_asks_itself() -> None:
    assert rank_and_workers() == (0, 1)
    assert from_first(lambda: "mine") == "mine"
    assert from_all("mine") == ["mine"]


def test_what_the_first_one_raises_is_raised() -> None:
    def ask() -> None:
        raise ValueError("no answer")

    with pytest.raises(ValueError, match="no answer"):
        from_first(ask)


def test_another_worker_gets_the_first_ones_answer_or_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str | None, Exception | None]] = [("of the first", None), (None, ValueError("no answer"))]

    def broadcast(shared: list[object], src: int) -> None:
        assert src == 0
        shared[0] = said.pop(0)

    monkeypatch.setattr("simcvd.training.distributed.rank_and_workers", lambda: (1, 2))
    monkeypatch.setattr("torch.distributed.broadcast_object_list", broadcast)
    assert from_first(lambda: pytest.fail("it asked itself")) == "of the first"
    with pytest.raises(ValueError, match="no answer"):
        from_first(lambda: pytest.fail("it asked itself"))
