import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sweeps.status.lock import TrialBusyError
from sweeps.storage.lease import Held, Pace, claim, last_epoch, lease_name, put_held
from sweeps.storage.store import Store, StoreError

KEY = "trials/t-s0"
FAST = Pace(beat_s=0.1, lease_s=1.5)


def test_the_first_lease_is_number_one_and_the_next_holder_gets_number_two(store: Store) -> None:
    with Held(store, claim(store, KEY, command="c"), FAST) as held:
        assert (held.lease.epoch, last_epoch(store, KEY)) == (1, (1, False))
        assert json.loads(store.read("live/trials/t-s0/000001") or b"")["command"] == "c"
    assert last_epoch(store, KEY) == (1, True)
    assert store.entries("live") == {}
    assert claim(store, KEY).epoch == 2


def test_of_many_that_want_a_lease_each_holds_it_alone(store: Store) -> None:
    inside: list[int] = []

    def one(number: int) -> int:
        with Held(store, claim(store, KEY, wait_s=60, pace=Pace(0.2, 60)), Pace(0.2, 60)) as held:
            inside.append(number)
            time.sleep(0.2)
            assert inside == [number]
            inside.clear()
        return held.lease.epoch

    with ThreadPoolExecutor(5) as pool:
        assert sorted(pool.map(one, range(5))) == [1, 2, 3, 4, 5]


def test_a_holder_that_is_alive_keeps_its_lease(store: Store) -> None:
    told: list[str] = []
    lost: list[int] = []
    with (
        Held(store, claim(store, KEY), FAST, on_lost=lambda: lost.append(1)),
        pytest.raises(TrialBusyError, match=r"The trial t-s0 is being run by process \d+ on .*; wait for it to end"),
    ):
        claim(store, KEY, tell=told.append, wait_s=FAST.lease_s + 0.5, pace=FAST)
    assert not lost
    assert "The trial t-s0 is held by process" in told[0]


def test_a_lease_without_heartbeats_is_taken_over_and_its_late_holder_is_told_so(store: Store) -> None:
    silent = claim(store, KEY)
    began = time.monotonic()
    taken = claim(store, KEY, pace=FAST)
    assert taken.epoch == 2
    assert FAST.lease_s < time.monotonic() - began < FAST.lease_s + 15
    lost: list[int] = []
    late = Held(store, silent, FAST, on_lost=lambda: lost.append(1))
    assert not late.is_mine()
    late.ensure()
    assert lost == [1]
    late.__enter__()
    while len(lost) < 2:
        time.sleep(0.05)
    late.__exit__(None, None, None)
    assert last_epoch(store, KEY) == (2, False)  # the late one has not given up what is not its own


def test_a_lease_of_a_process_known_to_be_dead_is_taken_over_at_once(store: Store) -> None:
    claim(store, KEY)
    began = time.monotonic()
    assert claim(store, KEY, pace=Pace(5, 1000), is_dead=lambda epoch: epoch == 1).epoch == 2
    assert time.monotonic() - began < 5


def test_a_holder_that_can_not_reach_the_store_ends_before_others_may_take_over(store: Store, monkeypatch) -> None:
    lost: list[float] = []
    with Held(store, claim(store, KEY), FAST, on_lost=lambda: lost.append(time.monotonic())):
        monkeypatch.setattr(store, "put", lambda *_: time.sleep(1000))
        cut = time.monotonic()
        while not lost:
            assert time.monotonic() - cut < 20
            time.sleep(0.05)
        assert lost[0] - cut < FAST.lease_s
        monkeypatch.undo()


def test_a_retried_request_knows_its_own_lease(store: Store, monkeypatch) -> None:
    put_new = store.put_new
    monkeypatch.setattr(store, "put_new", lambda *given: put_new(*given) and put_new(*given))
    mine = claim(store, KEY)
    assert (mine.epoch, mine.name) == (1, lease_name(KEY, 1))


def test_sweeps_and_trials_are_named_in_sentences(store: Store) -> None:
    with Held(store, claim(store, "sweeps/mine"), FAST), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(claim, store, "sweeps/mine", wait_s=0, pace=FAST)
        with pytest.raises(TrialBusyError, match="The sweep mine is being run by process"):
            waiting.result(timeout=60)


def test_what_others_write_all_the_time_is_given_up_in_a_sentence(store: Store) -> None:
    put_held(store, "it", b"1", lambda: None)
    assert store.read("it") == b"1"
    with pytest.raises(StoreError, match=r"can't be written at it: it is written by others all the time"):
        put_held(store, "it", b"2", lambda: store.put("it", time.monotonic_ns().to_bytes(8)))
    assert store.read("it") != b"2"
