"""A command of a host that runs in the background, and the waiting for what it does."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cluster import hosts


def until(
    reached: Callable[[], Any],
    timeout_s: float,
    *,
    every_s: float = 0.5,
    told: Callable[[], object] | None = None,
) -> Any:
    """Wait until something is reached, and return it.

    Args:
        reached: returns it, or something false as long as it is not reached.
        timeout_s: how long at most.
        every_s: pause before asking again.
        told: returns what to tell if it is not reached.
    """
    end = time.monotonic() + timeout_s
    while not (found := reached()):
        assert time.monotonic() < end, told() if told else "it took too long"
        time.sleep(every_s)
    return found


class Background:
    """A command of a host, in the background.

    Attributes:
        host: the host.
        process: what the machine sees of it.
    """

    def __init__(
        self,
        host: hosts.Host,
        *arguments: str,
        patience_s: float = 400,
        told: Callable[[], object] | None = None,
    ) -> None:
        """Start it.

        Args:
            host: where it runs.
            arguments: the command.
            patience_s: how long `end` waits if it is not told.
            told: returns what to tell if `until` waits in vain.
        """
        self.host = host
        self._arguments, self._patience_s, self._told = arguments, patience_s, told
        self.start()

    def start(self) -> None:
        """Start it, once more if it has ended."""
        self.process = subprocess.Popen(
            self.host.command(*self._arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def until(self, reached: Callable[[], Any], timeout_s: float = 240, *, every_s: float = 0.2) -> Any:
        """Wait until something is reached while it runs, and return it."""

        def reached_while_it_runs() -> Any:
            found = reached()
            assert found or self.process.poll() is None, self.end()
            return found

        return until(reached_while_it_runs, timeout_s, every_s=every_s, told=self._told)

    def end(self, timeout_s: float | None = None) -> tuple[int, str]:
        """Wait for it and return exit code and output."""
        try:
            output, _ = self.process.communicate(timeout=self._patience_s if timeout_s is None else timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, _ = self.process.communicate()
            print(output)
            raise
        print(output)
        return self.process.returncode, output

    def finish(self) -> None:
        """Kill it if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def logged_steps(runs: Path) -> dict[str, list[int]]:
    """Return the steps that each trial has logged."""
    steps = {}
    for path in sorted((runs / "trials").glob("*/log.jsonl")):
        lines = path.read_text().splitlines()
        steps[path.parent.name] = [json.loads(line)["step"] for line in lines if line.endswith("}")]
    return steps
