"""Work in processes of their own: what may break a process, hang, or must not share torch's switches with others."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gpu_sections.bench import Bench

SCRIPT = Path(__file__).parents[1] / "gpu.py"
RUNNING: set[subprocess.Popen[bytes]] = set()
_PRINTED = 5
"""Lines that are no figures and are passed on all the same: a failing kernel prints one for each thread."""

_numbers = itertools.count()


class ChildError(Exception):
    """A child ended before its time."""


class Child:
    """A process that runs `gpu.py --child NAME`.

    Attributes:
        process: with pipes.
        words: what it writes to the standard error.
    """

    def __init__(self, bench: Bench, name: str, given: Mapping[str, Any]) -> None:
        about = {"device": str(bench.device), "tiny": bench.tiny, "folder": str(bench.folder), "section": bench.section}
        command = [sys.executable, str(SCRIPT), "--child", name, "--given", json.dumps({**about, **given})]
        self.words = bench.folder / f"child-{next(_numbers)}.txt"
        with self.words.open("wb") as file:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file)
        RUNNING.add(self.process)

    def lines(self) -> Iterator[str]:
        """Yield what it prints, line by line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield line.decode(errors="replace").strip()

    def last_words(self) -> str:
        """Return the end of what it wrote to the standard error."""
        with self.words.open("rb") as file:
            file.seek(max(self.words.stat().st_size - 1500, 0))
            return " ".join(file.read().decode(errors="replace").split())


@contextmanager
def child(bench: Bench, name: str, given: Mapping[str, Any]) -> Iterator[Child]:
    """Start a child; it is killed when the `with` block is left."""
    started = Child(bench, name, given)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()
        RUNNING.discard(started.process)


def relay(bench: Bench, name: str, **given: Any) -> int:
    """Run a child that tells figures of its own, pass them on, and return its exit code."""
    printed = 0
    with child(bench, name, given) as one:
        for line in one.lines():
            if line.startswith("{"):
                bench.say(line)
            elif printed < _PRINTED:
                printed += 1
                bench.say({"section": bench.section, "printed": line[:300]})
        code = one.process.wait()
        if code:
            bench.say({"section": bench.section, "error": f"the child {name} ended with {code}: {one.last_words()}"})
    return code


def kill_all() -> None:
    """End every child."""
    for process in list(RUNNING):
        with suppress(OSError):
            process.kill()


@dataclass(frozen=True)
class Recipe:
    """A way of doing training steps.

    Attributes:
        preset: whose sizes.
        precision: `bfloat16`, `float32`, `tf32` (float32 whose convolutions may use TF32, torch's default) or `auto`.
        contiguous: torch's default memory format instead of channels last.
        cudnn_benchmark: let cuDNN try its algorithms.
        maps_each_step: compute the distance maps of the crops on the CPU in every step, as the field's code does.
        compile: through torch.compile.
        loop: the real loop over crops of the data set, as it is; else one batch, made once.
    """

    preset: str = "la"
    precision: str = "auto"
    contiguous: bool = False
    cudnn_benchmark: bool = False
    maps_each_step: bool = False
    compile: bool = False
    loop: bool = False


class Stepper:
    """A child that does training steps when it is told to, and waits in between without using the device."""

    def __init__(self, one: Child) -> None:
        self._child = one

    def start(self, steps: int) -> None:
        """Begin some steps."""
        stdin = self._child.process.stdin
        assert stdin is not None
        try:
            stdin.write(f"{steps}\n".encode())
            stdin.flush()
        except OSError as error:
            raise ChildError(f"it has ended: {self._child.last_words()}") from error

    def answer(self) -> dict[str, Any]:
        """Wait for what the child says next."""
        for line in self._child.lines():
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise ChildError(f"it ended with {self._child.process.wait()}: {self._child.last_words()}")

    def seconds(self, steps: int) -> float:
        """Do some steps and return the seconds of one."""
        self.start(steps)
        return float(self.answer()["seconds"]) / steps


@contextmanager
def stepper(bench: Bench, recipe: Recipe) -> Iterator[Stepper]:
    """Start a child that does steps; its first answer says that it is ready."""
    with child(bench, "stepper", {"recipe": asdict(recipe)}) as one:
        yield Stepper(one)
