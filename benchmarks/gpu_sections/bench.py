"""What all sections share: how a figure is told, what is trained on what, and how much time is left."""

import gc
import json
import math
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from synthetic import LA_SHAPE, make_image, make_mask

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.data.store import Grid, Origin, Splits, build_info, write_case, write_info

TINY = {
    "data.crop_vox": [32, 16, 16],
    "inference.stride_vox": [32, 16, 16],
    "network.width": 2,
    "projection.pool_size": 8,
    "projection.hidden": [8, 8],
    "projection.features": 8,
    "dan.discriminator_width": 4,
    "sassnet.discriminator_width": 4,
    "chaitanya.region_side": 2,
}
"""Settings that let a CPU do every section in seconds."""

QUIET = {
    "training.checkpoint_every_steps": 1000000,
    "training.validate_every_steps": None,
    "training.gradient_norms_every_steps": None,
    "training.log_every_steps": 1000,
}
"""Settings that keep everything but the steps out of a run."""


@dataclass
class Bench:
    """One run of the script.

    Attributes:
        device: where everything is measured.
        tiny: sizes that a CPU does in seconds.
        folder: temporary; the data set lives there.
        out: file that gets every line as well.
        section: the section that is running.
    """

    device: torch.device
    tiny: bool
    folder: Path
    out: Path | None = None
    section: str = ""

    def figure(self, name: str, value: Any, unit: str = "", **depends: Any) -> None:
        """Tell one figure and what it depends on."""
        self.say({"section": self.section, "figure": name, "value": value, "unit": unit, **depends})

    def skip(self, name: str, reason: str, **depends: Any) -> None:
        """Tell that a figure is left out."""
        self.say({"section": self.section, "figure": name, "skipped": reason, **depends})

    def lacks_cuda(self, *names: str) -> bool:
        """Tell whether these figures can't be had here, and say so for each."""
        if self.device.type == "cuda":
            return False
        for name in names:
            self.skip(name, "needs a CUDA device")
        return True

    def say(self, line: Mapping[str, Any] | str) -> None:
        """Print one line of JSON at once, so that a kill loses nothing."""
        text = line if isinstance(line, str) else json.dumps(_plain(line), allow_nan=False, default=str)
        print(text, flush=True)
        if self.out is not None:
            with self.out.open("a") as file:
                file.write(text + "\n")

    @contextmanager
    def attempt(self, **depends: Any) -> Iterator[None]:
        """Tell of an error inside as a line and go on; what comes next starts with the device's memory free."""
        try:
            yield
        except Exception as error:
            self.error(error, **depends)
        finally:
            self.free()

    def error(self, error: BaseException, **depends: Any) -> None:
        """Tell of an error: its class and text, and where it came from."""
        places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:600]}"
        self.say({"section": self.section, "error": text, "at": places[-4:], **depends})
        traceback.print_exception(error, file=sys.stderr)

    def config(self, preset: str = "la", changes: Mapping[str, Any] | None = None) -> TrialConfig:
        """Return a preset's settings with changes, cut where the run is tiny."""
        return apply_settings(load_preset(preset), {**(TINY if self.tiny else {}), **(changes or {})})

    def data(self) -> Path:
        """Return a data set of cases of the Left Atrium's size, made where there is none yet."""
        folder = self.folder / "data"
        if not (folder / "dataset.json").exists():
            _write_data(folder, (40, 40, 40) if self.tiny else LA_SHAPE)
        return folder

    def sync(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def free(self) -> None:
        """Give memory back to the device."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def free_bytes(self) -> int | None:
        """Return how much of the device's memory nobody has taken; none on the CPU."""
        return torch.cuda.mem_get_info(self.device)[0] if self.device.type == "cuda" else None

    def peak(self, *, reset: bool = False) -> int | None:
        """Return the most bytes that tensors had on the device since the last reset; none on the CPU."""
        if self.device.type != "cuda":
            return None
        if reset:
            torch.cuda.reset_peak_memory_stats(self.device)
        return torch.cuda.max_memory_allocated(self.device)


def _write_data(folder: Path, shape: tuple[int, int, int]) -> None:
    digests = {}
    for seed in range(6):
        label = make_mask(seed, shape)
        grid = Grid((1.0, 1.0, 1.0), np.eye(4), shape)
        digests[f"case{seed}"] = write_case(folder, f"case{seed}", make_image(seed, label), label, grid, classes=1)
    ids = tuple(digests)
    info = build_info(
        folder,
        name="made",
        channels=("mr",),
        classes=("atrium",),
        splits=Splits(train_labeled=ids[:2], train_unlabeled=ids[2:4], val=ids[4:5], test=ids[5:]),
        train_order=ids[:4],
        digests=digests,
        origin=Origin("made by a benchmark"),
    )
    write_info(folder, info)


def _plain(value: Any) -> Any:
    """Return what JSON can hold: numbers that are none become words."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value
