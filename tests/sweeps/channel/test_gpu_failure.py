from sweeps.channel.gpu_failure import GpuFailure, failed_nodes

ILLEGAL = "an illegal memory access was encountered"


def _failure(trial: str = "t", attempt: str = "1", node: str = "a", words: str = ILLEGAL, **named: bool) -> GpuFailure:
    return GpuFailure(trial, attempt, node, f"host-{node}", words, named.get("of_trial", False))


def test_one_failure_of_a_node_is_no_reason_to_avoid_it_and_two_are() -> None:
    assert failed_nodes([_failure(), _failure(node="b")]) == {}
    found = failed_nodes([_failure(), _failure(node="b"), _failure("u")])
    assert found == {"a": f"The GPU of node host-a failed twice ({ILLEGAL}); no more trials run there."}


def test_two_failures_of_one_trial_count_and_one_failure_that_two_workers_met_does_not() -> None:
    assert failed_nodes([_failure(attempt="1"), _failure(attempt="1")]) == {}
    assert list(failed_nodes([_failure(attempt="1"), _failure(attempt="2")])) == ["a"]


def test_all_that_failed_is_named() -> None:
    (sentence,) = failed_nodes([_failure(), _failure("u", words="unknown error")]).values()
    assert sentence == f"The GPU of node host-a failed twice ({ILLEGAL}; unknown error); no more trials run there."


def test_asserts_of_trials_are_no_node_s_fault() -> None:
    assert failed_nodes([_failure(trial, of_trial=True) for trial in "tuv"]) == {}
