"""What the page draws a swept number against the score from: the axis and the bands of the figures."""

from collections.abc import Iterator
from typing import Any

from analysis.figures.canvas.scale import axis_of
from analysis.figures.curves import Bands, bands
from analysis.report.content import Report, SweptSetting


def sensitivity_data(report: Report) -> dict[str, Any] | None:
    """Return the setting's values with their places along the axis, from 0 to 1, and limits of each variant's band.

    `bands`, `levels` and `aside` are by metric and class, the first two in the unit shown. A level is the reference's
    mean; it is None where the bands are not of differences to it. `aside` names those variants whose mean is not the
    middle of their band. Without a setting there is nothing.
    """
    swept = report.swept
    if swept is None:
        return None
    axis = axis_of(swept.values.values())
    by_metric = [(list(_of_metric(report, swept, n)), metric) for n, metric in enumerate(report.values.metrics)]
    return {
        "label": swept.label,
        "values": swept.values,
        "places": {name: axis.place(value) for name, value in swept.values.items()},
        "axis": axis.kind,
        "bands": [[_limits(own, metric.scale) for own in each] for each, metric in by_metric],
        "levels": [
            [None if own.level is None else _shown(own.level * metric.scale) for own in each]
            for each, metric in by_metric
        ],
        "aside": [[list(own.aside) for own in each] for each, _ in by_metric],
    }


def _of_metric(report: Report, swept: SweptSetting, place: int) -> Iterator[Bands]:
    values, reference = report.values, report.scored.reference
    for own, (_, lines) in zip(values.values[place], report.scored.lines_by_class(), strict=True):
        by_name = dict(zip(values.variants, own, strict=True))
        rows = {rows[place].variant: rows[place].difference for rows in lines}
        differences = {name: None if each is None else each.shown_interval for name, each in rows.items()}
        base = None if reference is None else by_name[reference]
        yield bands({name: by_name[name] for name in swept.values}, base, differences)


def _limits(own: Bands, scale: float) -> dict[str, list[float]]:
    return {
        name: [_shown(band.low * scale), _shown(band.high * scale)]
        for name, band in own.by_variant.items()
        if band.low is not None and band.high is not None
    }


def _shown(value: float) -> float:
    return float(f"{value:.5g}")
