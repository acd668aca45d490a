import threading

import pytest

from sweeps.storage.repeating import repeating


def test_work_is_done_again_and_again_until_the_block_ends():
    calls, often = [], threading.Event()

    def work():
        calls.append(threading.current_thread().name)
        if len(calls) >= 3:
            often.set()

    with repeating(work, 0.01, name="mine", passing=()):
        assert often.wait(60)
    assert set(calls) == {"mine"}
    assert "mine" not in {thread.name for thread in threading.enumerate()}


def test_what_may_pass_does_not_end_it():
    failures, recovered = iter([OSError(), ValueError()]), threading.Event()

    def work():
        for failure in failures:
            raise failure
        recovered.set()

    with repeating(work, 0.01, name="mine", passing=(OSError, ValueError)):
        assert recovered.wait(60)


def test_the_end_waits_for_a_call_no_longer_than_it_may():
    begun, go_on = threading.Event(), threading.Event()

    def work():
        begun.set()
        go_on.wait(60)

    with repeating(work, 0.01, name="hangs", passing=(), leave_s=0.05):
        assert begun.wait(60)
    assert "hangs" in {thread.name for thread in threading.enumerate()}
    go_on.set()


def test_an_error_of_the_block_ends_it_too():
    with pytest.raises(ZeroDivisionError), repeating(lambda: None, 60, name="mine", passing=()):
        raise ZeroDivisionError
    assert "mine" not in {thread.name for thread in threading.enumerate()}
