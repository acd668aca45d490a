from simcvd.config import TrialConfig
from sweeps.definition.expand import TrialSpec
from sweeps.prediction.choice import choose
from sweeps.request import Budget


def _pending(seeds=3, variants=2):
    return [
        TrialSpec(f"{variant}{seed}", TrialConfig(), str(variant), seed)
        for seed in range(seeds)
        for variant in "abcdef"[:variants]
    ]


def _ids(choice):
    return [trial.id for trial in choice.trials], [trial.id for trial in choice.left_out]


def test_without_limit_all_run():
    choice = choose(_pending(), Budget(), {})
    assert len(choice.trials) == 6
    assert choice.left_out == choice.notices == ()


def test_a_number_of_trials_takes_the_first():
    choice = choose(_pending(), Budget(max_trials=3), {})
    assert _ids(choice) == (["a0", "b0", "a1"], ["b1", "a2", "b2"])
    assert choice.notices == ("--max-trials 3: 3 of 6 trials wait.",)


def test_gpu_hours_take_whole_replicates():
    hours = {trial.id: 1.0 for trial in _pending()}
    choice = choose(_pending(), Budget(gpu_hours=3.5), hours)
    assert _ids(choice) == (["a0", "b0"], ["a1", "b1", "a2", "b2"])
    assert choice.notices == (
        "--gpu-hours 3.5: 4 of 6 trials wait; the 2 that run are predicted to use 2 and are of 1 replicate.",
    )
    assert len(choose(_pending(), Budget(gpu_hours=6), hours).trials) == 6


def test_a_replicate_that_is_begun_counts_with_what_is_left_of_it():
    pending = _pending()[1:]
    choice = choose(pending, Budget(gpu_hours=3.5), {trial.id: 1.0 for trial in pending})
    assert _ids(choice)[0] == ["b0", "a1", "b1"]


def test_where_no_replicate_fits_a_part_of_the_first_does():
    hours = {"a0": 1.0, "b0": 3.0, "c0": 1.0}
    choice = choose(_pending(seeds=1, variants=3), Budget(gpu_hours=2), hours)
    assert _ids(choice) == (["a0"], ["b0", "c0"])


def test_where_not_even_one_trial_fits_the_first_runs_and_is_continued():
    choice = choose(_pending(), Budget(gpu_hours=0.5), {trial.id: 4.0 for trial in _pending()})
    assert _ids(choice)[0] == ["a0"]
    assert "not even the first trial fits (predicted 4 GPU-hours)" in choice.notices[0]


def test_label_splits_are_replicates_of_their_own():
    pending = [
        TrialSpec(f"{variant}{split}", TrialConfig(), variant, 0, split) for split in (0, 1) for variant in ("a", "b")
    ]
    choice = choose(pending, Budget(gpu_hours=3), {trial.id: 1.0 for trial in pending})
    assert _ids(choice)[0] == ["a0", "b0"]


def test_what_could_not_be_predicted_leaves_nothing_out():
    assert len(choose(_pending(), Budget(gpu_hours=0.1), {}).trials) == 6
