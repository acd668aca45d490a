"""A finished trial's student: `student.safetensors` beside the trial's `config.yaml`.

The file holds the digest of its own content, among what any reader of safetensors passes over.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from simcvd.config import TrialConfig, from_file
from simcvd.errors import UserError
from simcvd.files import replacing
from simcvd.networks.base import Segmenter
from simcvd.networks.build import build_network
from simcvd.scans.preprocessing import Preprocessing

WEIGHTS_FILE = "student.safetensors"
_DIGEST: Final = "sha256"
"""Key of the digest; files of version 0.1 have none."""
_VNET_HEADS: Final = "network.heads.weight"


@dataclass(frozen=True)
class Student:
    """A trained network and what it was trained for.

    Attributes:
        network: maps `[B, I, X, Y, Z]` to logits `[B, C, X, Y, Z]`; in eval mode, on the CPU.
        config: the trial's settings.
        image_channels: I.
        classes: names of the foreground classes 1 to K.
        preprocessing: what every scan of its data set went through; none where nothing says it.
    """

    network: Segmenter
    config: TrialConfig
    image_channels: int
    classes: tuple[str, ...]
    preprocessing: Preprocessing | None = None

    @property
    def works_on(self) -> tuple[int, tuple[str, ...], Preprocessing | None]:
        """What networks that are asked together have in common: channels, classes and preprocessing."""
        return self.image_channels, self.classes, self.preprocessing


def save_student(
    trial_dir: Path,
    student: Segmenter,
    config: TrialConfig,
    image_channels: int,
    classes: Sequence[str],
    preprocessing: Preprocessing | None = None,
) -> None:
    """Write the student's weights and buffers by rename.

    Args:
        trial_dir: the trial's folder.
        student: the network.
        config: the trial's settings.
        image_channels: I, channels of the image.
        classes: names of the foreground classes.
        preprocessing: what every scan of the data set went through, if that is known.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _tensors_of(student).items()}
    metadata = {
        "method": config.method,
        "network": config.network.name,
        "image_channels": str(image_channels),
        "classes": json.dumps(list(classes)),
        "sdm_channels": str(student.network.sdm_channels),
    }
    if preprocessing is not None:
        metadata["preprocessing"] = preprocessing.model_dump_json()
    metadata[_DIGEST] = _digest(tensors, metadata)
    with replacing(trial_dir / WEIGHTS_FILE) as partial:
        save_file(tensors, partial, metadata)


def load_student(trial_dir: Path) -> Student:
    """Rebuild the student of a finished trial.

    Raises:
        UserError: no trial, a trial that is not finished, or weights that are damaged or do not fit the settings.
    """
    path = trial_dir / WEIGHTS_FILE
    if not (trial_dir / "config.yaml").is_file():
        raise UserError(
            f"There is no trial in {trial_dir}, and no model: expected a folder with config.yaml, made by "
            "`simcvd train`, or with model.json, made by `simcvd export`."
        )
    if not path.is_file():
        raise UserError(f"The trial {trial_dir} has no {WEIGHTS_FILE} yet; run its command again to finish it.")
    config = from_file(trial_dir / "config.yaml")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        if (written := metadata.pop(_DIGEST, None)) is not None and written != _digest(tensors, metadata):
            raise ValueError("its digest is not the one that it was written with")
        image_channels, classes = int(metadata["image_channels"]), tuple(json.loads(metadata["classes"]))
        told = metadata.get("preprocessing")
        preprocessing = None if told is None else Preprocessing.model_validate_json(told)
        outputs = len(tensors.get(_VNET_HEADS, ()))  # files of version 0.1 do not say how many maps there are
        sdm_channels = int(metadata.get("sdm_channels", outputs - len(classes) - 1))
        network = Segmenter(build_network(config, image_channels, len(classes) + 1, sdm_channels))
        _fill(network, tensors)
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise UserError(
            f"{path} is damaged or does not fit its config.yaml ({reason}); train the trial anew: "
            "delete its file in results/trials, if it has one, and give the same command again."
        ) from error
    return Student(network.eval(), config, image_channels, classes, preprocessing)


def _tensors_of(network: nn.Module) -> dict[str, Tensor]:
    """Return weights and buffers, each once, by the first of its names: parts of a network may share them."""
    return dict(network.named_parameters()) | dict(network.named_buffers())


def _fill(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Set all weights and buffers.

    Raises:
        KeyError: one is missing.
        ValueError: there is one too many.
        RuntimeError: one has another shape.
    """
    names = {id(tensor): name for name, tensor in _tensors_of(network).items()}
    if further := tensors.keys() - names.values():
        raise ValueError(f"it holds {min(further)}, which the network has not")
    state = network.state_dict(keep_vars=True)
    network.load_state_dict({key: tensors[names[id(tensor)]] for key, tensor in state.items()})


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Return the SHA-256 of names, kinds, shapes and bytes of tensors, and of what else the file says."""
    total = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        total.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()
