import io
import json

import pytest

from sweeps.cluster.remote.events import FollowedSweep
from sweeps.show.events import EventStream
from sweeps.status.sweep import Planned, SweepState, TrialRow
from sweeps.status.trial import TrialState


@pytest.fixture
def state():
    rows = (
        TrialRow(Planned("a-0", "p=0.1", 0, 100), TrialState("a-0", "running", 40, 100, 2.0, 30.0, None, 0.5, "val")),
        TrialRow(Planned("a-1", "p=0.1", 1, 100, label_split=3), TrialState("a-1", "waiting", 0, 100)),
        TrialRow(
            Planned("b-0", "p=0.2", 0, 100),
            TrialState("b-0", "failed", 7, 100, failure_kind="nan", failure_message="Loss is NaN."),
        ),
        TrialRow(Planned("", "search 4", 0, 60, search=4), TrialState("", "waiting", 0, 60)),
    )
    return SweepState("mine", rows, 2)


def _told(state, tmp_path):
    out = io.StringIO()
    events = EventStream(out)
    events.begin(state, tmp_path, 2)
    return events, out


def _followed(state, tmp_path):
    _, out = _told(state, tmp_path)
    followed = FollowedSweep("mine")
    lines = out.getvalue().splitlines()
    for line in lines:
        followed.take(line)
    return followed, lines


def test_what_is_told_is_what_is_known(state, tmp_path):
    events, out = _told(state, tmp_path)
    events.end(1, state, tmp_path, message="Some failed.")
    followed = FollowedSweep("mine")
    for line in out.getvalue().splitlines():
        assert followed.take(line) is None
    assert [row.planned for row in followed.state.rows] == [row.planned for row in state.rows]
    assert [row.trial for row in followed.state.rows] == [row.trial for row in state.rows]
    assert followed.state.summary() == state.summary()
    assert followed.slots == 2
    assert (followed.end["exit_code"], followed.end["message"]) == (1, "Some failed.")
    assert followed.begun == {"a-0": "running", "b-0": "failed"}


def test_a_trial_moves_on_in_its_place(state, tmp_path):
    followed, lines = _followed(state, tmp_path)
    first = json.loads(next(line for line in lines if '"a-0"' in line))
    followed.take(json.dumps(first | {"state": "finished", "step": 100}))
    assert [row.trial.state for row in followed.state.rows] == ["finished", "waiting", "failed", "waiting"]


def test_a_searched_setting_keeps_its_row_when_it_gets_a_trial(state, tmp_path):
    followed, lines = _followed(state, tmp_path)
    waiting = json.loads(next(line for line in lines if '"search 4"' in line))
    followed.take(json.dumps(waiting | {"id": "c-0", "state": "running", "step": 5}))
    assert len(followed.state.rows) == 4
    assert followed.state.rows[3].planned.id == "c-0"


def test_notices_are_for_the_user_and_other_lines_are_kept():
    followed = FollowedSweep("mine")
    assert followed.take('{"event": "notice", "time": 1.0, "message": "Starting Ray ..."}') == "Starting Ray ..."
    assert followed.take("Traceback (most recent call last):") is None
    assert followed.take('{"half":') is None
    assert followed.take("") is None
    assert list(followed.others) == ["Traceback (most recent call last):", '{"half":']
    assert not followed.known


def test_the_stages_of_a_tuning_are_shown_in_turn_and_all_their_trials_have_begun(state, tmp_path):
    events, out = _told(state, tmp_path)
    confirm = SweepState(
        "mine-confirm", (TrialRow(Planned("c-1", "p=0.1", 0, 100), TrialState("c-1", "running", 1, 100)),), 1
    )
    events.begin(confirm, tmp_path, 1)
    events.end(0, None, tmp_path, message="No gain.\nThe model is in runs.")
    followed = FollowedSweep("mine")
    for line in out.getvalue().splitlines():
        followed.take(line)
    assert [(row.planned.id, row.planned.name) for row in followed.state.rows] == [("c-1", "p=0.1 seed 0")]
    assert (followed.state.name, followed.before.name, len(followed.before.rows)) == ("mine-confirm", "mine", 4)
    assert followed.begun == {"a-0": "running", "b-0": "failed", "c-1": "running"}
    assert followed.slots == 1
