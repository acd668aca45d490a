from types import SimpleNamespace

from sweeps import session
from sweeps.on_ray.attempts import attempts_of, note_attempt


def test_a_trial_that_never_began_has_no_losses(tmp_path):
    assert attempts_of(tmp_path, "t", {"a"}) == (0, 0)


def test_only_attempts_whose_nodes_all_stayed_count(tmp_path):
    for nodes in ({"a"}, {"b"}, {"a", "b"}, {"a"}):
        note_attempt(tmp_path, "t", nodes)
    assert attempts_of(tmp_path, "t", {"a", "c"}) == (4, 2)
    assert attempts_of(tmp_path, "t", {"a", "b", "c"}) == (4, 4)
    assert attempts_of(tmp_path, "t", {"c"}) == (4, 0)
    assert attempts_of(tmp_path, "u", {"a", "b"}) == (0, 0)


def test_a_trial_is_tried_again_while_nodes_go_but_not_where_it_never_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "alive_nodes", lambda: {"a"})
    job, lost, noted = SimpleNamespace(scratch=tmp_path), {"t": "died", "never": "no torch"}, {}
    note_attempt(tmp_path, "t", {"gone"})
    assert session._unlucky(lost, job, noted) == ["t"]
    assert session._unlucky(lost, job, noted) == []  # this time it did not begin either
    for _ in range(3):
        note_attempt(tmp_path, "t", {"a"})
    assert session._unlucky(lost, job, noted) == []  # lost by itself
