"""`simcvd inspect --html`: a data set as one HTML file."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from analysis.report.frame import read_asset, render_page
from simcvd.data.inspection.case_facts import CaseFacts
from simcvd.data.inspection.finding import times
from simcvd.data.inspection.report import ClassVolume, InspectionReport
from simcvd.data.inspection.slices import Slice, case_slice
from simcvd.data.inspection.steps import steps
from simcvd.errors import UserError
from simcvd.files import write_file

_COLOURS = 8
_KINDS = {
    "orientation": "other orientation",
    "duplicate": "there twice",
    "spacing": "voxel size",
    "shape": "shape",
    "intensity": "intensities",
    "empty": "empty label",
    "missing": "class missing",
    "border": "touches the border",
    "swapped": "swapped?",
    "place": "label elsewhere?",
}


@dataclass(frozen=True)
class Card:
    """One case on the page.

    Attributes:
        id: the case's name.
        split: its use.
        facts: lines below its picture.
        marks: what is odd about it: a word, the sentence, and whether it is a problem.
        slice: None where the case can't be read.
        picture: the slice's grey values as a data URL.
    """

    id: str
    split: str
    facts: tuple[str, ...]
    marks: tuple[tuple[str, str, bool], ...]
    slice: Slice | None
    picture: str


def write_page(
    path: Path, folder: Path, report: InspectionReport, progress: Callable[[int, int, str], None] | None = None
) -> int:
    """Write the page of a data set folder by rename, over what was there, and return its size in bytes.

    Args:
        path: the file to write.
        folder: the data set folder.
        report: what `inspect` found there.
        progress: called with (cases drawn, all cases, id of the last).

    Raises:
        UserError: the file can't be written.
    """
    cards = []
    facts = {case.id: case for case in report.cases}
    places = [(split, case_id) for split, ids in report.info.splits.items() for case_id in ids]
    for done, (split, case_id) in enumerate(places, 1):
        cards.append(_card(folder, report, split, case_id, facts.get(case_id)))
        if progress:
            progress(done, len(places), case_id)
    content = render(report, cards).encode(errors="replace")  # names of files need not be Unicode
    try:
        write_file(path, content)
    except OSError as error:
        raise UserError(f"{path} can't be written ({error.strerror}); give --html another file.") from error
    return len(content)


def render(report: InspectionReport, cards: list[Card]) -> str:
    """Return the page."""
    assets = resources.files("sweeps.dataset_page") / "assets"
    content = {
        "report": report,
        "info": report.info,
        "steps": [step.split(": ", 1) for step in steps(report.info)],
        "times": times,
        "cards": cards,
        "spans": _spans,
        "colour": _colour,
    }
    style = read_asset("report.css") + read_asset("dataset.css", assets)
    scripts = (read_asset("theme.js"), read_asset("cases.js", assets))
    return render_page(read_asset("dataset.html.j2", assets), style, scripts, content)


def _card(folder: Path, report: InspectionReport, split: str, case_id: str, facts: CaseFacts | None) -> Card:
    marks = tuple((_KINDS[each.kind], each.text, each.problem) for each in report.found if case_id in each.cases)
    if facts is None:
        return Card(case_id, split, (), (("can't be used", "See the problems above.", True), *marks), None, "")
    own = case_slice(folder, report.info, case_id)
    picture = "data:image/webp;base64," + base64.b64encode(own.picture).decode()
    return Card(case_id, split, _lines(report, facts, own), marks, own, picture)


def _lines(report: InspectionReport, case: CaseFacts, own: Slice) -> tuple[str, ...]:
    prepared = report.info.shapes[case.id]
    stored = f", {case.orientation}" if case.orientation else ""
    lines = [f"{times(case.shape)}{stored}", f"{times(case.spacing_mm)} mm"]
    if case.id in report.info.groups:
        lines.insert(0, f"group {report.info.groups[case.id]}")
    if prepared != case.shape:
        lines.append(f"prepared {times(prepared)}")
    return (*lines, f"slice {own.number} of {own.of}")


def _spans(volume: ClassVolume) -> list[str]:
    """Return volume, voxels, box, parts and largest part: least, median and largest, or one of equal ones."""
    columns = (
        [f"{ml:.4g}" for ml in volume.ml],
        [str(voxels) for voxels in volume.voxels],
        [times(sides) for sides in volume.extent_mm],
        [str(parts) for parts in volume.components],
        [f"{share:.0%}" for share in volume.largest_part],
    )
    return [told[0] if len(set(told)) == 1 else " | ".join(told) for told in columns]


def _colour(index: int) -> str:
    """Return the classes of an outline; from the ninth class on it is dashed."""
    return f"k{index % _COLOURS}" + (" dashed" if index >= _COLOURS else "")
