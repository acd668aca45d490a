"""Options in groups under headings, in a command's --help."""

from typing import Any, Final

from typer.core import TyperCommand

WHAT: Final = "What is trained"
LOOK: Final = "Before it runs"
LIMITS: Final = "Limits"
MACHINES: Final = "Machines"
FAILURES: Final = "After failures"


class GroupedCommand(TyperCommand):
    """Show options that name a `rich_help_panel` under that heading, in the order in which these first come.

    Rich, which would do so by itself, is not asked: it takes half of the time of `simcvd --help`.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, the options without a heading, and those of each heading."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
                sections.setdefault(getattr(parameter, "rich_help_panel", None) or usual, []).append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)
