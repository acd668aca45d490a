"""What a step reports: numbers for log.jsonl, TensorBoard and whoever watches."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from simcvd.config import TrialConfig, content_of
from simcvd.config.plugins import PLUGINS, plugin_files
from simcvd.files import write_file
from simcvd.methods.base import Term
from simcvd.nested import finite, leaves
from simcvd.training.distributed import mean_over_workers


@dataclass(frozen=True)
class StepReport:
    """One finished step; its numbers are on their way to the host while the device works on.

    Attributes:
        step: the step's number, from 0.
        weights: each loss term's weight at this step.
        has_norms: whether each term's weighted gradient norm was measured.
    """

    step: int
    weights: dict[str, float]
    has_norms: bool
    _diagnostics: tuple[str, ...]
    _values: Tensor
    _arrived: torch.cuda.Event | None

    @classmethod
    def of(
        cls,
        step: int,
        terms: list[Term],
        gradient_norms: Mapping[str, Tensor] | None,
        diagnostics: Mapping[str, Tensor],
    ) -> "StepReport":
        """Start all numbers, averaged over the workers, on their way to the host.

        Args:
            step: the step's number.
            terms: the loss terms.
            gradient_norms: each term's weighted gradient norm, in the order of the terms, where measured.
            diagnostics: numbers beside the losses, such as the SDM's error and a constant's.
        """
        norms = [] if gradient_norms is None else list(gradient_norms.values())
        numbers = [*(term.value for term in terms), *norms, *diagnostics.values()]
        values = mean_over_workers(torch.stack([number.detach().float() for number in numbers]))
        arrived = None
        if values.is_cuda:
            device = values.device
            values = values.to("cpu", non_blocking=True)
            arrived = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # waits without spinning
            arrived.record(torch.cuda.current_stream(device))
        weights = {term.name: term.weight for term in terms}
        return cls(step, weights, bool(norms), tuple(diagnostics), values, arrived)

    def losses(self) -> dict[str, float]:
        """Return the unweighted terms; waits for this step, not for a later one."""
        return self._numbers()[0]

    def numbers(self) -> dict[str, Any]:
        """Return everything as plain numbers."""
        losses, norms, diagnostics = self._numbers()
        shown: dict[str, Any] = {
            "total": sum(self.weights[name] * value for name, value in losses.items()),
            "losses": losses,
            "weights": self.weights,
        }
        if diagnostics:
            shown["diagnostics"] = diagnostics
        if norms:
            shown["gradient_norms"] = norms
        return shown

    def _numbers(self) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
        """Return losses, gradient norms and diagnostics by name."""
        if self._arrived is not None:
            self._arrived.synchronize()
        values, terms = self._values.tolist(), len(self.weights)
        norms = terms if self.has_norms else 0
        return (
            dict(zip(self.weights, values[:terms], strict=True)),
            dict(zip(self.weights, values[terms : terms + norms], strict=False)),
            dict(zip(self._diagnostics, values[terms + norms :], strict=True)),
        )


def open_trial_folder(folder: Path, config: TrialConfig, environment: Mapping[str, Any], steps_done: int) -> "TrialLog":
    """Write settings, environment and plug-ins into a trial's folder and return its log from `steps_done` on."""
    for name, text in plugin_files(config).items():
        write_file(folder / PLUGINS / name, text)
    write_file(folder / "config.yaml", yaml.safe_dump(content_of(config), sort_keys=False))
    write_file(folder / "environment.json", json.dumps(environment, indent=2) + "\n")
    return TrialLog(folder, steps_done)


class TrialLog:
    """`log.jsonl`, one JSON object a report, and the TensorBoard events beside it.

    Args:
        folder: the trial's folder.
        first_step: where this session starts; later lines of an interrupted session are dropped, since their steps are
            done again, and so is the last line of a training that had ended, which holds no losses.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        self._path = folder / "log.jsonl"
        self._folder = folder
        self._events: Any = None
        self._first_step = first_step
        text = self._path.read_text() if self._path.exists() else ""
        kept = "".join(f"{line}\n" for line in text.splitlines() if _is_kept(line, first_step))
        if kept != text or not self._path.exists():
            # By rename: on a full disk the old lines must stay.
            write_file(self._path, kept)

    def write(self, report: Mapping[str, Any]) -> None:
        """Append one report."""
        with self._path.open("a") as file:
            file.write(json.dumps(finite(report)) + "\n")
        if self._events is None:
            from torch.utils.tensorboard import SummaryWriter  # slow to import

            repeated = self._first_step + 1 if self._first_step else None
            self._events = SummaryWriter(str(self._folder / "events"), purge_step=repeated)
        for path, value in leaves(report):
            if isinstance(value, int | float) and not isinstance(value, bool):
                self._events.add_scalar("/".join(path), float(value), report["step"])

    def flush(self) -> None:
        """Wait until the lines so far outlive a power cut; may be called in another thread than `write`."""
        with self._path.open("rb") as file:
            os.fsync(file.fileno())

    def close(self) -> None:
        """Finish the log and the event file."""
        self.flush()
        if self._events is not None:
            self._events.close()


def _is_kept(line: str, first_step: int) -> bool:
    try:
        report = json.loads(line)
        return bool(report["step"] <= first_step) and "losses" in report
    except (ValueError, KeyError, TypeError):  # a line cut off by a kill
        return False
