import base64
import json

import pytest

from analysis.report.content import read_report
from analysis.report.data import chart_data, json_text, picture_data


def test_json_can_not_end_its_element():
    text = json_text({"a": "</script>\u2028&", "b": [float("inf"), 1.5]})
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == {"a": "</script>\u2028&", "b": [None, 1.5]}


def test_values_and_means_are_in_the_unit_shown_and_missing_ones_null(write_sweep):
    """Dice 0.5 and 0.7 are 60 % with SD 14.142; case b of the reference has no distance."""
    low = [{"case_id": "a", "dice": 0.5, "hd95_mm": 2.0}, {"case_id": "b", "dice": 0.7, "hd95_mm": 4.0}]
    ref = [{"case_id": "a", "dice": 0.6, "hd95_mm": 1.0}, {"case_id": "b", "dice": 0.9, "empty_prediction": True}]
    data = chart_data(read_report(write_sweep({"low": {0: low}, "ref": {0: ref}}, also=["hd95_mm"]), "toy"))
    assert data["values"][0][0] == [[50.0, 70.0], [60.0, 90.0]]
    assert data["values"][1][0] == [[2.0, 4.0], [1.0, None]]
    row = data["rows"][0][0][0]
    assert (row["mean"], row["sd"], row["n"], row["seeds"]) == (60.0, 14.142, 2, 1)
    assert (row["difference"]["mean"], row["difference"]["n"], row["difference"]["p_seeds"]) == (-15.0, 2, None)
    assert "difference" not in data["rows"][0][0][1]
    assert [(each["label"], each["unit"], each["higher"]) for each in data["metrics"]] == [
        ("Dice", "%", True),
        ("HD95", "mm", False),
    ]


def test_a_picture_is_its_bytes_in_base64_and_its_scores_are_of_the_seed_shown(made):
    report = read_report(made.runs, "toy")
    picture = report.browser.pictures[0]
    data = picture_data(picture)
    assert base64.b64decode(data["image"]) == picture.image.content
    assert base64.b64decode(data["reference"]) == picture.reference
    assert {name: base64.b64decode(mask) for name, mask in data["predictions"].items()} == picture.predictions
    shown = chart_data(report)["browser"]["cases"][0]
    place = report.values.cases.index(picture.case_id)
    for trial in report.browser.trials:
        own = report.values.by_replicate[trial.variant][trial.replicate][:, place]
        assert shown["scores"][trial.variant] == pytest.approx((100 * own).tolist(), rel=1e-4)
