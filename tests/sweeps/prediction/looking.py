"""A small sweep, what a dry run finds of it, and what is printed of that."""

import io

from rich.console import Console

from sweeps.definition.sweep_file import SweepFile
from sweeps.prediction.dry_run import dry_run
from sweeps.prediction.show import show
from tests.asked import asked

BASE = {"preset": "phantom", "training.steps": 100, "training.gradient_norms_every_steps": None}


def sweep_of(values=(0.0, 0.1), **content):
    axes = {"loss.sdm": list(values)}
    return SweepFile.model_validate({"name": "mine", "axes": axes, "base": BASE, "seeds": [0, 1]} | content)


def look(dataset, tmp_path, sweep=None, **given):
    return dry_run(asked(sweep or sweep_of(), dataset, tmp_path, **given))


def text_of(preview, width=80, **given):
    out = io.StringIO()
    show(preview, Console(file=out, width=width), **given)
    return out.getvalue()
