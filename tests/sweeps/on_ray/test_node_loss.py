from sweeps.channel.folder_channel import FolderChannel
from sweeps.on_ray.node_loss import attempts_of, unlucky


def test_a_trial_that_never_began_has_no_losses(tmp_path):
    assert attempts_of(FolderChannel(tmp_path), "t", {"a"}) == (0, 0)


def test_only_attempts_whose_nodes_all_stayed_count(tmp_path):
    channel = FolderChannel(tmp_path)
    for nodes in ({"a"}, {"b"}, {"a", "b"}, {"a"}):
        channel.note_attempt("t", nodes)
    assert attempts_of(channel, "t", {"a", "c"}) == (4, 2)
    assert attempts_of(channel, "t", {"a", "b", "c"}) == (4, 4)
    assert attempts_of(channel, "t", {"c"}) == (4, 0)
    assert attempts_of(channel, "u", {"a", "b"}) == (0, 0)


def test_a_trial_is_tried_again_while_nodes_go_but_not_where_it_never_begins(tmp_path):
    channel, lost, noted = FolderChannel(tmp_path), {"t": "died", "never": "no torch"}, {}
    channel.note_attempt("t", {"gone"})
    assert unlucky(lost, channel, {"a"}, noted) == ["t"]
    assert unlucky(lost, channel, {"a"}, noted) == []  # this time it did not begin either
    for _ in range(3):
        channel.note_attempt("t", {"a"})
    assert unlucky(lost, channel, {"a"}, noted) == []  # lost by itself


def test_no_trial_is_tried_again_where_a_node_is_unfit(tmp_path):
    channel = FolderChannel(tmp_path)
    channel.note_attempt("t", {"gone"})
    lost = {"t": "died", "u": "sweeps.resources.late_nodes.UnfitNodeError: Node b joined with torch 2."}
    assert unlucky(lost, channel, {"a"}, {}) == []
