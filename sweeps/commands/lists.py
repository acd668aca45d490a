"""`simcvd methods`, `networks`, `sweeps` and `settings`: what there is."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from simcvd.errors import UserError
from sweeps.commands.console import print_columns, print_json, print_lines
from sweeps.commands.guidance.completion import complete_keys, complete_sweeps
from sweeps.commands.options import JsonOption, PluginOption

if TYPE_CHECKING:
    from simcvd.config.description import SettingEntry
    from simcvd.networks.registry import Described


def methods(plugin: PluginOption = None) -> None:  # its callback loads it
    """List the training methods with their papers."""
    from simcvd.methods.registry import describe

    _list(describe())


def sweeps(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Print its file, to start your own.", autocompletion=complete_sweeps),
    ] = None,
) -> None:
    """List the built-in sweeps, or print the file of one."""
    from sweeps.definition.catalogue import is_path, sweep_text

    if name is None:
        list_sweeps_by_name()
    elif is_path(name):
        raise UserError(f"{name} is no built-in sweep; simcvd sweep {name} DATASET --dry-run shows what it would run.")
    else:
        typer.echo(sweep_text(name), nl=False)


def networks(plugin: PluginOption = None) -> None:  # its callback loads it
    """List the networks, for network.name, with their papers."""
    from simcvd.networks.registry import describe_networks

    _list(describe_networks())


def list_sweeps_by_name() -> None:
    """Print name and description of each built-in sweep."""
    from sweeps.definition.catalogue import list_sweeps

    print_columns([[entry.name, entry.description] for entry in list_sweeps()])


def settings(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORD", help="Only what has it in name or meaning.", autocompletion=complete_keys),
    ] = None,
    plugin: PluginOption = None,  # its callback loads it
    as_json: JsonOption = False,
) -> None:
    """List the settings: default, range, meaning and source.

    --set KEY=VALUE changes one. Defaults are those of preset la; a data set's plan.yaml may have others, which simcvd
    train DATASET --print-config shows.
    """
    from simcvd.config import PRESETS
    from simcvd.config.description import setting_sections
    from simcvd.config.edit import dotted_keys, near_keys
    from simcvd.nested import dotted, written

    asked = [_plain(word) for word in words or ()]
    sections = setting_sections()
    shown = {entry.key: entry for section in sections for entry in section.settings if _about(entry, asked)}
    if not shown:
        near = near_keys(asked[-1], dotted_keys())
        told = f"did you mean {' or '.join(near)}?" if near else "simcvd settings lists all of them."
        raise UserError(f"No setting has '{' '.join(words or ())}' in its name or meaning; {told}")
    if as_json:
        print_json(
            [
                {"key": key, "default": entry.default, "values": _terminal(entry.values), "meaning": entry.meaning}
                for key, entry in shown.items()
            ]
        )
        return
    lines: list[str] = []
    for section in sections:
        rows = [line for entry in section.settings if entry.key in shown for line in _lines(entry)]
        if rows and section.name and not asked:
            rows[:0] = ["", f"{section.name}: {section.meaning}"]
        lines += rows
    presets = [
        f"preset {name}: {' '.join(f'{key}={written(value)}' for key, value in dotted(changes).items())}"
        for name, changes in PRESETS.items()
        if changes
    ]
    if changed := [line for line in presets if all(word in line for word in asked)]:
        lines += ["", *changed]
    print_lines(lines, indent=4)


def _list(entries: "Sequence[Described]") -> None:
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        typer.echo(f"{entry.name:<{width}}  {entry.summary}")
        paper = ", doi ".join(part for part in (entry.paper, entry.doi) if part)
        typer.secho(f"{'':<{width}}  {paper or 'no paper yet'}", dim=True)


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")


def _about(entry: "SettingEntry", asked: Sequence[str]) -> bool:
    """Tell whether a setting has all words, or is what each means in other programs."""
    from simcvd.config.other_words import meant_keys

    text = _plain(f"{entry.key} {entry.meaning}")
    return all(word in text or meant_keys(word, [entry.key]) for word in asked)


def _lines(entry: "SettingEntry") -> Iterator[str]:
    from simcvd.nested import written

    yield f"{entry.key}={written(entry.default)}  ({_terminal(entry.values)})"
    yield f"    {_terminal(entry.meaning)}"


def _terminal(text: str) -> str:
    """Return Markdown as plain text, in letters that every terminal has and words that --set takes."""
    return text.replace("`null`", "none").replace("`", "").replace("≥", ">=").replace("≤", "<=")
