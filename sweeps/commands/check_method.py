"""`simcvd check-method`: whether methods and networks of one's own keep what training asks of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcvd.errors import UserError
from sweeps.commands.console import FAILED, end, print_lines

if TYPE_CHECKING:
    from simcvd.config.plugins import Declared
    from simcvd.plugin.checks.check import Check, MakeConfig, Outcome

_WIDTH = len("skipped  ")


def check_method(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE.py", help="Plug-in, or the name of what an installed package adds."),
    ],
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Method or network of the file. Default: all of them.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the two checks that take longer than seconds.")
    ] = False,
) -> None:
    """Check methods and networks of your own, with the tests that the built-in methods pass.

    Exit code 1 where a check fails.
    """
    outcomes: list[Outcome] = []
    for declared in _asked(file, name):
        declaration = declared.declaration
        typer.echo(f"{declaration.kind} {declaration.name}:")
        outcomes += _run(*_checks(declared), declaration.name, quick=quick)
    failed, skipped = (sum(outcome.state == state for outcome in outcomes) for state in ("FAILED", "skipped"))
    if failed:
        end(f"{failed} of {len(outcomes)} checks failed; mend what they say, and run the same command again.", FAILED)
    left_out = f", {skipped} skipped" if skipped else ""
    typer.echo(f"{len(outcomes) - skipped} checks passed{left_out}.")


def _asked(file: str, name: str | None) -> "list[Declared]":
    """Return what is to be checked.

    Raises:
        UserError: the file can't be loaded, or adds nothing of this name.
    """
    from simcvd.config import load_plugin
    from simcvd.config.plugins import declared_by_plugins

    def added() -> "dict[str, Declared]":
        return {**declared_by_plugins("method"), **declared_by_plugins("network")}

    if file in added():
        return [added()[file]]
    source = load_plugin(Path(file))
    own = {key: declared for key, declared in added().items() if declared.source == source}
    if name is not None and name not in own:
        raise UserError(f"The plug-in {file} adds no '{name}'; it adds {', '.join(own)}.")
    return [own[name]] if name is not None else list(own.values())


def _checks(declared: "Declared") -> "tuple[tuple[Check, ...], MakeConfig]":
    """Return the checks of a method or network, and what makes its settings."""
    from simcvd.plugin.checks.method import METHOD_CHECKS
    from simcvd.plugin.checks.network import NETWORK_CHECKS
    from simcvd.plugin.sample import network_config, tiny_config

    name = declared.declaration.name
    if declared.declaration.kind == "method":
        return METHOD_CHECKS, lambda changes: tiny_config(name, changes)
    return NETWORK_CHECKS, lambda changes: network_config(name, changes)


def _run(checks: "tuple[Check, ...]", make_config: "MakeConfig", name: str, *, quick: bool) -> "list[Outcome]":
    """Run checks, and print how each ends; where the first fails the others are left out."""
    from simcvd.plugin.checks.check import Outcome, outcome_of
    from simcvd.plugin.sample import one_thread

    outcomes: list[Outcome] = []
    for check in checks:
        if outcomes and outcomes[0].state == "FAILED":
            outcome = Outcome("skipped", f"it makes no sense without {checks[0].name}")
        elif check.slow and quick:
            outcome = Outcome("skipped", "--quick")
        else:
            with one_thread():
                outcome = outcome_of(check, name, make_config)
        line = f"{outcome.state:<{_WIDTH}}{check.name}: {outcome.reason or check.sentence}"
        print_lines([line], indent=_WIDTH)
        outcomes.append(outcome)
    return outcomes
