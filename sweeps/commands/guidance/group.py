"""Groups of commands that answer a wrong guess with the command or option that was meant."""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import typer
from typer.core import TyperGroup

from sweeps.commands.console import MUST_CHANGE, end

_T = TypeVar("_T")


class GuidedGroup(TyperGroup):
    """Answer unknown commands and options with one sentence and exit code 2; `help` and `version` do what they say."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Parse the group's own options."""
        return _guided(lambda: super(GuidedGroup, self).make_context(*arguments, **options))

    def invoke(self, ctx: Any) -> Any:
        """Parse what the command got, and run it."""
        return _guided(lambda: super(GuidedGroup, self).invoke(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the first argument names, or the first two, as in `export nnunet`."""
        word, *rest = args
        if rest and (command := self.get_command(ctx, both := f"{word} {rest[0]}")) is not None:
            return both, command, rest[1:]
        if self.get_command(ctx, word) is not None or ctx.resilient_parsing or word.startswith("-"):
            return super().resolve_command(ctx, args)
        if word == "help":
            if rest:
                return self.resolve_command(ctx, [*rest, "--help"])
            typer.echo(ctx.get_help())
            raise typer.Exit
        if ctx.parent is not None:
            from sweeps.commands.guidance.commands import command_of_group_meant

            told = command_of_group_meant(str(ctx.info_name), word, list(self.commands))
            _refuse(f"simcvd {ctx.info_name} has no command '{word}'", told)
        if word == "version":
            from simcvd import __version__

            typer.echo(f"simcvd {__version__}")
            raise typer.Exit
        from sweeps.commands.guidance.commands import command_meant

        groups = {name: list(getattr(command, "commands", ())) for name, command in self.commands.items()}
        _refuse(f"There is no command '{word}'", command_meant(word, groups))


def _guided(run: Callable[[], _T]) -> _T:
    """Run what may meet an unknown option."""
    try:
        return run()
    except Exception as error:
        if not hasattr(error, "possibilities"):  # of an unknown option alone; Typer does not export its class
            raise
        from sweeps.commands.guidance.options import option_meant

        context: Any = getattr(error, "ctx", None)
        option = str(getattr(error, "option_name", ""))
        known = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
        path = str(context.command_path)
        _refuse(f"{path} has no option {option}", option_meant(path.partition(" ")[2], option, known))


def _refuse(found: str, told: str) -> NoReturn:
    sentence = f"Error: {found}; {told}{'' if told.endswith('?') else '.'}"
    end("".join(letter if letter.isprintable() else "?" for letter in sentence), MUST_CHANGE)
