from sweeps.attempts import losses_of_its_own, note_attempt


def test_a_trial_that_never_began_has_no_losses(tmp_path):
    assert losses_of_its_own(tmp_path, "t", {"a"}) == 0


def test_only_attempts_whose_nodes_all_stayed_count(tmp_path):
    for nodes in ({"a"}, {"b"}, {"a", "b"}, {"a"}):
        note_attempt(tmp_path, "t", nodes)
    assert losses_of_its_own(tmp_path, "t", {"a", "c"}) == 2
    assert losses_of_its_own(tmp_path, "t", {"a", "b", "c"}) == 4
    assert losses_of_its_own(tmp_path, "t", {"c"}) == 0
    assert losses_of_its_own(tmp_path, "u", {"a", "b"}) == 0
