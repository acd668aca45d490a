"""A sheet for the terminal."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from analysis.comparison.metric import Metric, shown
from analysis.tables.cells import common_key, half_width, mean_and_spread, trial_cells
from analysis.tables.layout import Layout, Texts, choose_layout, width_on_two_lines
from analysis.tables.sheet import Line, Rank, Section, Sheet, Value

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as Grid
    from rich.text import Text

NARROW: Final = 80
"""Width of a terminal below which a table of one metric is made compact."""

_STYLES: Final[dict[Rank | None, str]] = {"best": "bold", "second": "underline", None: ""}
_QUIET: Final = ("failed", "open", "unfinished", "empty")
_TRAINING: Final = ("labelled", "unlabelled")


def terminal(sheet: Sheet, width: int) -> "RenderableType":
    """Return what `rich` prints.

    Args:
        sheet: the tables to show.
        width: columns of the terminal; from 60 on every number stays on one line. One metric: below `NARROW`, columns
            of zeros go and `dropout=0.1, dropout=0.2, ...` becomes 0.1, 0.2, ... under the heading `dropout=`.
            Several: where the columns suffice, p stands beside its mean, else below it; then columns that say the same
            in every row become a line below the table; then those go that the notes tell as well; then metrics go below
            each other.
    """
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(sheet.title, style="bold")]
    parts += _one_metric(sheet, width) if len(sheet.metrics) == 1 else _several_metrics(sheet, width)
    return Group(*parts)


def _notes(sheet: Sheet) -> "list[RenderableType]":
    from rich.text import Text

    parts: list[RenderableType] = []
    for heading, notes in sheet.notes:
        parts += [Text(f"{heading}:", style="bold")] if heading is not None else []
        parts += [Text(f"- {note}") for note in notes]
    return parts


def _one_metric(sheet: Sheet, width: int) -> "list[RenderableType]":
    from rich.text import Text

    narrow, heads = _fitting(sheet, width)
    key = common_key(list(dict.fromkeys(line.row.variant for line in sheet.lines))) if narrow else ""
    parts: list[RenderableType] = []
    for block in sheet.blocks:
        if block.class_name is not None:
            parts.append(Text(f"\n{block.class_name}", style="bold"))
        grid = _grid()
        for head in heads:
            if head == "variant":
                grid.add_column(key.rsplit(".", 1)[-1] or head, overflow="fold")
            else:
                grid.add_column(Text("\n".join(head.split()) if narrow else head), justify="right", no_wrap=True)
        for section in block.sections:
            _add_heading(grid, section)
            for line in section.lines:
                cells = _cells(line, sheet, narrow)
                name = Text(cells["variant"].removeprefix(key), style=_of_name(line.row.is_reference))
                texts = [Text(cells[head], style=_of_mean(head, line.values[0])) for head in heads if head != "variant"]
                grid.add_row(name, *texts)
        parts.append(grid)
    return [*parts, Text(""), *_notes(sheet)]


def _fitting(sheet: Sheet, width: int) -> tuple[bool, list[str]]:
    """Return whether to be compact, and the headings of the columns that then fit."""
    names = list(dict.fromkeys(line.row.variant for line in sheet.lines))
    for narrow in (False, True):
        every = [_cells(line, sheet, narrow) for line in sheet.lines]
        zeros = {head for head in _QUIET if all(cells.get(head, "0") == "0" for cells in every)}
        key = common_key(names) if narrow else ""
        for dropped in (zeros, {*zeros, *_TRAINING}, {*_QUIET, *_TRAINING}) if narrow else (set(),):
            heads = [head for head in every[0] if head not in dropped]
            taken = sum(
                1 + max(*map(len, head.split() if narrow else [head]), *(len(cells[head]) for cells in every))
                for head in heads[1:]
            )
            if (narrow or width >= NARROW) and width - taken >= width_on_two_lines(
                [n.removeprefix(key) for n in names]
            ):
                return narrow, heads
    return True, heads


def _cells(line: Line, sheet: Sheet, compact: bool) -> dict[str, str]:
    """Return heading and text of every column."""
    value = line.values[0]
    row, metric, spread = value.row, value.metric, sheet.style.spread
    beside = row.sd if spread == "sd" else half_width(row)
    apart = {"mean": shown(row.mean, metric) + value.stars, "SD" if spread == "sd" else "±CI": shown(beside, metric)}
    together = {f"mean±{'SD' if spread == 'sd' else 'CI'}": mean_and_spread(row, metric, "±", spread) + value.stars}
    training = dict(zip(_TRAINING, (row.training.labeled, row.training.unlabeled), strict=True))
    difference = row.difference.test.difference if row.difference else None
    return {
        "variant": row.variant,
        **({head: "-" if n is None else str(n) for head, n in training.items()} if sheet.training_differs else {}),
        **(together if compact else apart),
        "diff": "ref" if row.is_reference else shown(difference, metric, sign="+"),
        **{extra.head: "" if extra.text == "ref" else extra.text for extra in Texts.of(line, sheet).extras[0]},
        "n": str(row.n),
        **trial_cells(row, short=compact),
    }


def _several_metrics(sheet: Sheet, width: int) -> "list[RenderableType]":
    from rich.text import Text

    texts = {id(line): Texts.of(line, sheet) for line in sheet.lines}
    layout = choose_layout(list(texts.values()), sheet.metrics, width)
    parts: list[RenderableType] = []
    for block in sheet.blocks:
        if block.class_name is not None:
            parts.append(Text(f"\n{block.class_name}", style="bold"))
        for number, places in enumerate(layout.parts):
            heads = layout.heads if number == 0 else ()
            grid = _heads_of(sheet.metrics, next(iter(texts.values())), layout, places, heads)
            for section in block.sections:
                _add_heading(grid, section)
                for line in section.lines:
                    grid.add_row(*_row(texts[id(line)], layout, places, heads))
            parts += [Text(""), grid]
    parts.append(Text(""))
    if same := [f"{head} {text}" for head, text in _hidden(list(texts.values()), layout)]:
        parts.append(Text(f"- Every row: {', '.join(same)}."))
    return [*parts, *_notes(sheet)]


def _heads_of(
    metrics: Sequence[Metric], first: Texts, layout: Layout, places: Sequence[int], heads: Sequence[str]
) -> "Grid":
    from rich.text import Text

    grid = _grid()
    grid.add_column(layout.heading, width=layout.name_width, overflow="fold")
    for place in places:
        # Text, since rich takes [voxel] for markup.
        heading = "\n".join(filter(None, (metrics[place].label, metrics[place].bracketed)))
        grid.add_column(Text(heading), justify="right", no_wrap=True)
        for extra in first.extras[place] if layout.beside else ():
            grid.add_column(Text("\n".join(extra.head.split())), justify="right", no_wrap=True)
    for head in heads:
        grid.add_column(head, justify="right", no_wrap=True)
    return grid


def _row(texts: Texts, layout: Layout, places: Sequence[int], heads: Sequence[str]) -> "Iterable[Text]":
    from rich.text import Text

    yield Text(texts.name.removeprefix(layout.key), style=_of_name(texts.is_reference))
    for place in places:
        mean, extras = Text(texts.values[place], style=_STYLES[texts.ranks[place]]), texts.extras[place]
        if layout.beside:
            yield Text(" ") + mean
            for extra in extras:
                yield Text(extra.text)
        else:
            below = [(f"\n{extra.below}", "dim") for extra in extras if extra.below]
            yield Text.assemble(mean, *below)
    for head in heads:
        yield Text(texts.rest[head])


def _hidden(lines: Sequence[Texts], layout: Layout) -> list[tuple[str, str]]:
    """Return heading and text of the columns that are not shown because every row says the same."""
    rest = lines[0].rest.items()
    return [(h, text) for h, text in rest if h not in layout.heads and all(line.rest[h] == text for line in lines)]


def _grid() -> "Grid":
    from rich.table import Table as Grid

    return Grid(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")


def _add_heading(grid: "Grid", section: Section) -> None:
    from rich.text import Text

    if section.heading is not None:
        grid.add_row(Text(section.heading, style="italic"))


def _of_name(is_reference: bool) -> str:
    return "bold" if is_reference else ""


def _of_mean(head: str, value: Value) -> str:
    return _STYLES[value.rank] if head.startswith("mean") else ""
