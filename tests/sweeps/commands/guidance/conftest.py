import pytest
import typer

import cli
from tests.command import dataset, run

__all__ = ["dataset", "run"]


@pytest.fixture(scope="session")
def exists():
    """Tell whether the commands and options that a sentence names exist: `simcvd X ...` and what begins with --."""
    root = typer.main.get_command(cli.app)

    def check(sentence: str) -> list[str]:
        named = []
        for part in sentence.split("simcvd ")[1:]:
            words, command = part.replace("?", " ").replace(",", " ").replace(";", " ").split(), root
            while hasattr(command, "commands") and words and not words[0].startswith("--"):
                choices = words.pop(0).split("|")
                assert all(choice in command.commands for choice in choices), (sentence, choices)
                command = command.commands[choices[0]]
            own = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
            assert all(word.rstrip(".") in own for word in words if word.startswith("-")), (sentence, words)
            named.append(str(command.name))
        return named

    return check
