"""The sections by name, most important first, and the work of child processes; importing this imports no torch."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple


class Section(NamedTuple):
    """A part that runs by itself.

    Attributes:
        place: module and function of it.
        seconds: what it may take.
        what: what it tells.
    """

    place: str
    seconds: float
    what: str


SECTIONS = {
    "tests": Section("device_tests.measure", 100, "the tests that need a CUDA device"),
    "methods": Section("methods.measure", 100, "each method's waits for the device, memory and seconds a step"),
    "precision": Section("precision_check.measure", 90, "each distinct convolution in bfloat16 against float32"),
    "step": Section("speed.measure_step", 90, "memory formats, arithmetics, cudnn.benchmark, the public way"),
    "profile": Section("speed.measure_profile", 30, "where a step's time goes, and how long the device is idle"),
    "checkpoint": Section("trials.measure_checkpoint", 40, "bytes, seconds, and how long the loop waits"),
    "resume": Section("trials.measure_resume", 60, "a resumed trial's weights against those of one in a piece"),
    "memory": Section("failures.measure_memory", 50, "a trial that does not fit, and one after it"),
    "assert": Section("failures.measure_assert", 60, "what torch raises where a kernel fails, and what still works"),
    "window": Section("data_and_windows.measure_window", 50, "the sliding window by windows a pass"),
    "two": Section("speed.measure_two", 60, "two trials side by side against one alone"),
    "resident": Section("data_and_windows.measure_resident", 30, "crops a second, from the device and from files"),
    "compile": Section("speed.measure_compile", 120, "torch.compile against eager"),
}

CHILDREN = {
    "stepper": "stepping.serve",
    "trials_check": "precision_check.trials_check",
    "precision_with_benchmark": "precision_check.with_benchmark",
    "memory": "failures.run_out",
    "break": "failures.break_things",
}


def function(place: str) -> Callable[..., Any]:
    """Import the function at `module.name` of this package."""
    module, name = place.rsplit(".", 1)
    found: Callable[..., Any] = getattr(importlib.import_module(f"gpu_sections.{module}"), name)
    return found
