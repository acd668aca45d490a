import threading

import pytest

import analysis.report.live.page as live_page
from analysis.errors import AnalysisError
from analysis.report.live.page import LEAST_S, LOOK_S, LivePage, Wanted
from analysis.runs.records import write_cases, write_trial

ROWS = [{"case_id": case, "dice": 0.5 + place / 10} for place, case in enumerate("abc")]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def runs(write_sweep):
    return write_sweep({"ref": {0: ROWS}, "a": {0: None}})


@pytest.fixture
def finish(runs, make_case, make_trial):
    def finish(trial="a-s0"):
        write_cases(runs, trial, [make_case(trial, **row) for row in ROWS])
        write_trial(runs, make_trial(trial))

    return finish


def test_a_page_is_made_anew_when_records_have_changed_and_not_before(runs, finish):
    clock = Clock()
    page = LivePage(runs, "toy", clock=clock)
    stamp, content = page.look(), page.content
    assert f'data-stamp="{stamp}"'.encode() in content
    assert b"connect-src &#39;self&#39;" in content
    clock.now += 100
    assert page.look() == stamp
    assert page.content is content
    finish()
    clock.now += 100
    assert page.look() != stamp
    assert b"1 of 2 trials have finished" in content
    assert b"1 of 2 trials have finished" not in page.content


def test_however_often_it_is_asked_files_are_looked_at_and_pages_made_now_and_then(runs, finish, monkeypatch):
    clock, looks = Clock(), []
    page = LivePage(runs, "toy", clock=clock)
    monkeypatch.setattr(
        live_page.Files, "stamp", lambda own, stamp=live_page.Files.stamp: looks.append(1) or stamp(own)
    )
    first = page.look()
    finish()
    assert {page.look() for _ in range(50)} == {first}
    assert looks == []
    clock.now = LOOK_S
    assert page.look() == first, "it is too early for another page"
    assert looks == [1]
    clock.now = LEAST_S + LOOK_S
    assert page.look() != first


def test_a_page_that_takes_long_is_made_seldom(runs, finish, monkeypatch):
    """Three seconds for a page: the next one half a minute later."""
    clock = Clock()
    page = LivePage(runs, "toy", clock=clock)
    whole = live_page.render

    def slow(*given):
        clock.now += 3
        return whole(*given)

    monkeypatch.setattr(live_page, "render", slow)
    clock.now = 10
    finish()
    second = page.look()
    finish("ref-s0")
    clock.now = 38
    assert page.look() == second
    clock.now = 44
    assert page.look() != second


def test_what_can_not_be_read_is_told_and_the_page_before_stays(runs):
    clock = Clock()
    page = LivePage(runs, "toy", clock=clock)
    stamp, content = page.look(), page.content
    record = runs / "results" / "trials" / "ref-s0.parquet"
    whole = record.read_bytes()
    record.write_bytes(b"torn")
    clock.now = 20
    assert (page.look(), page.content) == (stamp, content)
    assert "can't be read" in page.problem
    record.write_bytes(whole)
    clock.now = 40
    page.look()
    assert page.problem is None


def test_pictures_are_encoded_again_only_when_a_result_has_come(made, monkeypatch, tmp_path):
    import shutil

    runs = shutil.copytree(made.runs, tmp_path / "runs")
    clock, read = Clock(), []
    whole = live_page.with_cases
    monkeypatch.setattr(live_page, "with_cases", lambda *given: read.append(1) or whole(*given))
    page = LivePage(runs, "toy", clock=clock)
    first = page.look()
    with (runs / "trials" / "v0-s0" / "log.jsonl").open("a") as log:
        log.write('{"step": 40, "steps": 40, "losses": {"dice": 1.0}}\n')
    clock.now = 100
    assert page.look() != first
    assert read == [1]
    assert b'id="picture-3"' in page.content
    assert b'id="picture-0"' not in LivePage(runs, "toy", Wanted(cases=False)).content


def test_while_a_page_is_made_others_are_answered_with_the_one_before(runs, finish, monkeypatch):
    clock = Clock()
    page = LivePage(runs, "toy", clock=clock)
    first, entered, go_on = page.look(), threading.Event(), threading.Event()
    whole = live_page.render

    def waiting(*given):
        entered.set()
        assert go_on.wait(30)
        return whole(*given)

    monkeypatch.setattr(live_page, "render", waiting)
    finish()
    clock.now = 100
    thread = threading.Thread(target=page.look)
    thread.start()
    assert entered.wait(30)
    assert page.look() == first
    go_on.set()
    thread.join()
    assert page.look() != first


def test_a_sweep_that_is_not_there_is_told_at_once(tmp_path):
    with pytest.raises(AnalysisError, match="no sweep 'toy'"):
        LivePage(tmp_path, "toy")


@pytest.mark.parametrize("error", [ValueError("a value is infinite"), MemoryError()])
def test_whatever_goes_wrong_the_page_before_stays_and_is_answered_with(runs, finish, monkeypatch, error):
    clock = Clock()
    page = LivePage(runs, "toy", clock=clock)
    stamp, content = page.look(), page.content

    def broken(*given, **more):
        raise error

    whole = live_page.read_report
    monkeypatch.setattr(live_page, "read_report", broken)
    finish()
    clock.now = 20
    assert (page.look(), page.content) == (stamp, content)
    assert page.problem == f"The report can't be made anew ({type(error).__name__}: {error})."
    monkeypatch.setattr(live_page, "read_report", whole)
    clock.now = 40
    assert page.look() != stamp
    assert page.problem is None
