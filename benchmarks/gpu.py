"""Everything that only a GPU can tell, measured in one go: one line of JSON a figure, most important first.

On a machine with a GPU: `python benchmarks/gpu.py --minutes 9 --out figures.jsonl`. That it works can be seen without
one: `python benchmarks/gpu.py --tiny --device cpu`. It needs what `gpu-requirements.txt` beside it names, and no Ray.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
for folder in (ROOT, ROOT / "benchmarks"):  # where simcvd is not installed
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from gpu_sections.names import CHILDREN, SECTIONS, function  # noqa: E402

if TYPE_CHECKING:
    from gpu_sections.bench import Bench

LEAST_S = 15.0
"""Time left under which no section is begun."""

GRACE_S = 20.0
"""How long after its time a section may still be stuck in a call that does not return."""


class OverTimeError(BaseException):
    """A section's time is over; no code on the way may take it for a failure of its own."""


class Run:
    """Runs sections one after the other, whatever becomes of each.

    Args:
        bench: what they get.
        given: the command's arguments.
        names: the sections.
        ends: when the time is over, on the clock of `time.monotonic`.
    """

    def __init__(self, bench: "Bench", given: argparse.Namespace, names: list[str], ends: float) -> None:
        self._bench, self._given, self._left, self._ends = bench, given, names, ends
        self._stuck_at = float("inf")
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watch", daemon=True)

    def __enter__(self) -> "Run":
        """Begin to watch for calls that do not return."""
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no more."""
        self._over.set()
        self._watcher.join()

    def all(self) -> None:
        """Run all of them."""
        while self._left:
            name = self._left.pop(0)
            if self._ends - time.monotonic() < LEAST_S:
                self._bench.say({"section": name, "skipped": "no time is left"})
                continue
            section = SECTIONS[name]
            self.one(name, function(section.place), section.seconds)
            if not self._device_answers():
                self._bench.say({"section": name, "note": "the device no longer answers this process"})
                self._begin_anew()

    def one(self, name: str, run: Callable[["Bench"], None], seconds: float) -> None:
        """Run a section for as long as it may, and tell of what it raises."""
        bench = self._bench
        bench.section = name
        started = time.monotonic()
        allowed = min(seconds * (3 if bench.tiny else 1), max(self._ends - time.monotonic(), 1))
        self._stuck_at = started + allowed + GRACE_S

        def over(number: int, frame: FrameType | None) -> None:
            raise OverTimeError

        before = signal.signal(signal.SIGALRM, over)
        signal.setitimer(signal.ITIMER_REAL, allowed)
        try:
            run(bench)
        except OverTimeError:
            bench.say({"section": name, "error": f"took longer than {allowed:.0f} s"})
        except Exception as error:
            bench.error(error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            self._stuck_at = float("inf")
            _kill_children()
        bench.figure("section_seconds", time.monotonic() - started, "s")

    def _device_answers(self) -> bool:
        """Tell whether this process can still use the device: some errors stay."""
        try:
            self._bench.free()
            self._bench.sync()
        except RuntimeError:
            return False
        return True

    def _watch(self) -> None:
        """Go on in a new process where a call does not return, which no signal can interrupt."""
        while time.monotonic() < self._stuck_at:
            if self._over.wait(1):
                return
        self._bench.say({"section": self._bench.section, "error": "hangs"})
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Put a new process in the place of this one, for the sections that are left."""
        given, left = self._given, self._ends - time.monotonic()
        _kill_children()
        shutil.rmtree(self._bench.folder, ignore_errors=True)
        if not self._left:
            os._exit(0)
        command = [sys.executable, __file__, "--only", ",".join(self._left), "--minutes", str(max(left, 1) / 60)]
        command += ["--device", given.device, "--continued", *(["--tiny"] if given.tiny else [])]
        command += ["--out", str(given.out)] if given.out else []
        os.execv(sys.executable, command)


def main() -> None:
    given = _arguments()
    if given.list:
        for name, section in SECTIONS.items():
            print(f"{name:10} {section.seconds:4.0f} s  {section.what}")
        return
    if given.child:
        _be_child(given.child, json.loads(given.given))
        return
    names = given.only.split(",") if given.only else list(SECTIONS)
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise SystemExit(f"There is no section {', '.join(unknown)}; sections are {', '.join(SECTIONS)}.")
    from gpu_sections.bench import Bench

    from simcvd.training.environment import choose_device

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        device = choose_device(given.device)
    told = [str(each.message) for each in warned]
    ends = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(device, given.tiny, Path(folder), given.out)
        with Run(bench, given, names, ends) as run:
            if not given.continued:
                describe = function("machine.describe")
                run.one("machine", lambda bench: describe(bench, told), 30)
            run.all()


def _be_child(name: str, given: dict[str, Any]) -> None:
    from gpu_sections.bench import Bench

    from simcvd.training.environment import choose_device

    bench = Bench(choose_device(given["device"]), given["tiny"], Path(given["folder"]), section=given["section"])
    function(CHILDREN[name])(bench, given)


def _kill_children() -> None:
    from gpu_sections.children import kill_all

    kill_all()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME,...", help="these sections alone, in this order")
    parser.add_argument("--list", action="store_true", help="name the sections and end")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--minutes", type=float, default=9.0, help="time for everything")
    parser.add_argument("--tiny", action="store_true", help="sizes that a CPU does in a minute or two")
    parser.add_argument("--out", type=Path, metavar="FILE", help="gets every line as well")
    parser.add_argument("--child", choices=list(CHILDREN), help=argparse.SUPPRESS)
    parser.add_argument("--given", default="{}", help=argparse.SUPPRESS)
    parser.add_argument("--continued", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
