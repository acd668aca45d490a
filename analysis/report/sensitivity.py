"""What the page draws a swept number against the score from: the axis and the bands of the figures."""

from typing import Any

from analysis.figures.canvas.scale import axis_of
from analysis.figures.curves import bands
from analysis.report.content import Report, SweptSetting


def sensitivity_data(report: Report) -> dict[str, Any] | None:
    """Return the setting's values with their places along the axis, from 0 to 1, and limits of each variant's band.

    `bands` and `levels` are by metric and class, in the unit shown. A level is the reference's mean; it is None where
    the bands are not of differences to it. Without a setting there is nothing.
    """
    swept = report.swept
    if swept is None:
        return None
    axis = axis_of(swept.values.values())
    found = [_of_metric(report, swept, place) for place in range(len(report.values.metrics))]
    return {
        "label": swept.label,
        "values": swept.values,
        "places": {name: axis.place(value) for name, value in swept.values.items()},
        "axis": axis.kind,
        "bands": [[limits for _, limits in of_metric] for of_metric in found],
        "levels": [[level for level, _ in of_metric] for of_metric in found],
    }


def _of_metric(report: Report, swept: SweptSetting, place: int) -> list[tuple[float | None, dict[str, list[float]]]]:
    values, reference, scale = report.values, report.scored.reference, report.values.metrics[place].scale
    found = []
    for own, (_, lines) in zip(values.values[place], report.scored.lines_by_class(), strict=True):
        by_name = dict(zip(values.variants, own, strict=True))
        rows = {rows[place].variant: rows[place].difference for rows in lines}
        differences = {name: None if each is None else each.shown_interval for name, each in rows.items()}
        base = None if reference is None else by_name[reference]
        level, intervals = bands({name: by_name[name] for name in swept.values}, base, differences)
        limits = {
            name: [_shown(band.low * scale), _shown(band.high * scale)]
            for name, band in intervals.items()
            if band.low is not None and band.high is not None
        }
        found.append((None if level is None else _shown(level * scale), limits))
    return found


def _shown(value: float) -> float:
    return float(f"{value:.5g}")
