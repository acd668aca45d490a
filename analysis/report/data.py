"""What the page's scripts read: numbers in the unit shown, as JSON that can stand inside HTML."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from analysis.comparison.metric import Metric, shown_p
from analysis.comparison.row import Row
from analysis.comparison.verdict import SIGNIFICANT, finding
from analysis.report.cases.pictures import Picture
from analysis.report.content import Report
from analysis.report.sensitivity import sensitivity_data
from analysis.runs.replicate import Replicate, chance, luck
from simcvd.nested import finite

_UNSAFE = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def json_text(value: Any) -> str:
    r"""Return JSON without any letter that HTML or JavaScript could take for an end; NaN becomes null.

    >>> json_text({"name": "</script>", "value": float("nan")})
    '{"name":"\\u003c/script\\u003e","value":null}'
    """
    return json.dumps(finite(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False).translate(_UNSAFE)


def chart_data(report: Report) -> dict[str, Any]:
    """Return what the figures and the table of cases are drawn from."""
    values, scored = report.values, report.scored
    return {
        "variants": list(values.variants),
        "reference": scored.reference,
        "luck": luck(any(row.trials.splits for row in scored.rows)),
        "chance": chance(any(row.trials.splits > 1 for row in scored.rows)),
        "significant": SIGNIFICANT,
        "metrics": [metric_data(metric) for metric in values.metrics],
        "stop": scored.stop is not None,
        "classes": list(values.classes),
        "cases": list(values.cases),
        "values": [
            [[_rounded(own, metric) for own in of_class] for of_class in of_metric]
            for metric, of_metric in zip(values.metrics, values.values, strict=True)
        ],
        "rows": [
            [[row_data(rows[place], metric) for rows in lines] for _, lines in scored.lines_by_class()]
            for place, metric in enumerate(values.metrics)
        ],
        "sensitivity": sensitivity_data(report),
        "courses": [
            {"variant": each.variant, "seed": _seed(each.replicate), "scores": each.scores, "losses": each.losses}
            for each in report.curves
        ],
        "browser": {
            "trials": [{"variant": each.variant, "seed": _seed(each.replicate)} for each in report.browser.trials],
            "cases": [_case(report, picture) for picture in report.browser.pictures],
        },
    }


def metric_data(metric: Metric) -> dict[str, Any]:
    """Return what charts write beside values of a metric."""
    return {
        "label": metric.label,
        "heading": metric.heading,
        "unit": metric.unit,
        "difference_unit": metric.difference_unit,
        "higher": metric.higher_is_better,
    }


def picture_data(picture: Picture) -> dict[str, Any]:
    """Return a case's slices and masks in base64."""
    return {
        "image": _base64(picture.image.content),
        "reference": None if picture.reference is None else _base64(picture.reference),
        "predictions": {name: _base64(mask) for name, mask in picture.predictions.items()},
    }


def _case(report: Report, picture: Picture) -> dict[str, Any]:
    values, metric = report.values, report.values.metrics[0]
    place = values.cases.index(picture.case_id)
    scores = {
        each.variant: _rounded([row[place] for row in values.by_replicate[each.variant][each.replicate]], metric)
        for each in report.browser.trials
        if each.variant in picture.predictions
    }
    return {
        "id": picture.case_id,
        "shape": picture.shape,
        "start": picture.start,
        "step": picture.step,
        "spacing": picture.spacing_mm,
        "labels": picture.labels,
        "columns": picture.image.columns,
        "scores": scores,
    }


def _seed(replicate: Replicate) -> int | str:
    return replicate.seed if replicate.label_split is None else replicate.word


def row_data(row: Row, metric: Metric) -> dict[str, Any]:
    """Return a variant's mean and its difference from the reference, in the unit shown; None where missing."""
    found = finding(row.variant, row.difference)
    shown: dict[str, Any] = {
        "mean": _one(row.mean, metric),
        "sd": _one(row.sd, metric),
        "low": _one(row.interval.low, metric),
        "high": _one(row.interval.high, metric),
        "n": row.n,
        "seeds": len(row.trials.replicates),
    }
    if found is not None:
        each = found.difference
        shown["difference"] = {
            "mean": _one(found.mean, metric),
            "low": _one(each.interval.low, metric),
            "high": _one(each.interval.high, metric),
            "n": each.test.n,
            "p": shown_p(each.p_holm),
            "p_seeds": None if each.over_seeds_holm is None else shown_p(each.over_seeds_holm),
            "seeds_low": None if each.over_seeds is None else _one(each.over_seeds.interval.low, metric),
            "seeds_high": None if each.over_seeds is None else _one(each.over_seeds.interval.high, metric),
            "clear": found.verdict != "open",
            "undone": found.undone_by_seeds,
        }
    return shown


def _rounded(values: Sequence[float], metric: Metric) -> list[float | None]:
    return [_one(float(value), metric) for value in values]


def _one(value: float | None, metric: Metric) -> float | None:
    """Return a value in the unit shown with five significant digits; None where missing."""
    return None if value is None or value != value else float(f"{value * metric.scale:.5g}")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
