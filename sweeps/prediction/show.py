"""Print a preview: a line a trial, or a line a variant where trials are many, then what it adds up to."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sweeps.prediction.preview import TO_RUN, Preview, TrialAhead
from sweeps.status.sweep import duration

if TYPE_CHECKING:
    from rich.console import Console

MOST_LINES = 40
_WORDS = {
    "skip": "done",
    "run": "run",
    "continue": "continue",
    "score": "score",
    "again": "run again",
    "elsewhere": "elsewhere",
    "wait": "wait",
}


def show(preview: Preview, console: "Console", time_budget_s: float | None = None) -> None:
    """Print a preview.

    Args:
        preview: what to print.
        console: where to.
        time_budget_s: time that the command would have, to say how much of it is done by then.
    """
    if len(preview.lines) > MOST_LINES:
        _print_table(console, ["variant", "seeds", "trials", "rows", "each", "time"], _variant_rows(preview))
    else:
        split = any(line.label_split is not None for line in preview.lines)
        head = ["variant", "seed", *(["labels"] if split else []), "what", "time"]
        _print_table(console, head, _trial_rows(preview, split))
    for sentence in [*_sharing(preview), *_totals(preview), *_prediction(preview, time_budget_s)]:
        console.print(sentence, markup=False, highlight=False)


def _trial_rows(preview: Preview, split: bool) -> list[list[str]]:
    rows: list[list[str]] = []
    group = None
    for line in _by_variant(preview.lines):
        if line.group != group:
            rows.append([f"{line.group}:", "", *([""] if split else []), "", ""])
            group = line.group
        labels = ["" if line.label_split is None else str(line.label_split)] if split else []
        rows.append([line.variant, str(line.seed), *labels, line.told, _time(line.seconds, line.failure)])
    return rows


def _variant_rows(preview: Preview) -> list[list[str]]:
    rows: list[list[str]] = []
    group = None
    for name in dict.fromkeys(line.variant for line in _by_variant(preview.lines)):
        own = [line for line in preview.lines if line.variant == name]
        if own[0].group != group:
            group = own[0].group
            rows.append([f"{group}:", *[""] * 5])
        counts = Counter(_WORDS[line.action] if line.told[:6] != "failed" else "failed" for line in own)
        trials = ", ".join(f"{count} {word}" for word, count in counts.items())
        known = [line.seconds for line in own if line.seconds is not None]
        failure = next((line.failure for line in own if line.failure), None)
        each = _time(sum(known) / len(known) if known else None, failure)
        total = duration(sum(known)) if known else ""
        rows.append([name, _seeds(own), trials, str(len(preview.headings[name])), each, total])
    return rows


def _sharing(preview: Preview) -> list[str]:
    shared = {name: found for name, found in preview.headings.items() if len(found) > 1}
    return [f"{name} stands in {len(found)} tables: {', '.join(found)}." for name, found in shared.items()]


def _totals(preview: Preview) -> list[str]:
    words = Counter(_WORDS[line.action] for line in preview.lines if line.action not in TO_RUN)
    words["failed"] = sum(line.told.startswith("failed") for line in preview.lines)
    words["done"] -= words["failed"]
    rest = "".join(f", {count} {word}" for word, count in words.items() if count > 0)
    tables = f" in {preview.tables} tables" if preview.tables > 1 else ""
    cells = preview.rows * len(preview.metrics)
    return [
        f"{preview.name}: {_count(preview.rows, 'row')}{tables} with {cells} cells ({', '.join(preview.metrics)}), "
        f"{_count(len(preview.headings), 'variant')}, {_count(len(preview.lines), 'trial')}: "
        f"{len(preview.to_run)} to run{rest}."
    ]


def _prediction(preview: Preview, time_budget_s: float | None) -> list[str]:
    failures = preview.failures().items()
    sentences = [f"Not predicted, {reason.rstrip('.')}: {', '.join(variants)}." for reason, variants in failures]
    hours, wall_s, placement = preview.processor_hours, preview.wall_seconds, preview.placement
    if hours is None or wall_s is None or placement is None:
        return sentences
    used = preview.slots * placement.workers * (placement.gpus if preview.on_gpu else placement.cpus)
    unit = "GPU" if preview.on_gpu else "CPU core"
    sentences.append(
        f"Predicted: {hours:.3g} {unit}-hours in all; {duration(wall_s)} on {preview.whose} "
        f"{_count(used, unit)}, {_count(preview.slots, 'trial')} at a time."
    )
    sentences.append(
        f"From a few steps of {_count(preview.kinds, 'kind')} of trial, measured in {duration(preview.costs.seconds)}."
    )
    if time_budget_s is not None:
        ends = preview.ends()
        done = sum(end <= time_budget_s for end in ends)
        sentences.append(f"--time-budget of {duration(time_budget_s)}: about {done} of {len(ends)} end within it.")
    return sentences


def _by_variant(lines: Sequence[TrialAhead]) -> list[TrialAhead]:
    order = {name: position for position, name in enumerate(dict.fromkeys(line.variant for line in lines))}
    return sorted(lines, key=lambda line: order[line.variant])


def _seeds(lines: Sequence[TrialAhead]) -> str:
    seeds = list(dict.fromkeys(line.seed for line in lines))
    if len(seeds) > 3 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]}-{seeds[-1]}"
    return ",".join(map(str, seeds))


def _time(seconds: float | None, failure: str | None) -> str:
    if failure is not None:
        return "?"
    return "" if seconds is None else duration(seconds)


def _count(number: float, word: str) -> str:
    return f"{number:g} {word}{'' if number == 1 else 's'}"


def _print_table(console: "Console", head: list[str], rows: list[list[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    room = console.width - sum(widths[1:]) - 2 * len(head)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold dim")
    for column, name in enumerate(head):
        right = name in {"seed", "labels", "rows", "each", "time"}
        width = max(8, min(widths[0], room)) if column == 0 else widths[column]
        table.add_column(name, width=width, justify="right" if right else "left", overflow="ellipsis", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell, style="bold" if not any(row[1:]) else "") for cell in row))
    console.print(table)
