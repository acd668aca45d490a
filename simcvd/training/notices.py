"""What a person is told when a trial starts."""

import torch

from simcvd.config import TrialConfig
from simcvd.data.checks import crop_notice, train_on_val_notice, unlabeled_notice
from simcvd.data.store import TrainingView
from simcvd.gpu_memory import free_bytes
from simcvd.host_memory import available_bytes
from simcvd.methods.memory import memory_notice


def start_notices(
    config: TrialConfig,
    view: TrainingView,
    with_unlabeled: bool,
    device: torch.device,
    precision: str,
    workers: int = 1,
) -> list[str]:
    """Say what is no obstacle, or not for sure, but worth knowing.

    Args:
        config: the trial's settings.
        view: what is trained on.
        with_unlabeled: whether the method reads unlabelled crops.
        device: what computes, nothing on it yet.
        precision: arithmetic of the maps.
        workers: how many share a step, each with such a device.
    """
    info = view.info
    free = free_bytes(device) if device.type == "cuda" else available_bytes()
    gpu = str(device) if device.type == "cuda" else None
    available = None if free is None else free * workers
    channels, classes = len(info.channels), len(info.classes) + 1
    found = [
        crop_notice(info, config.data.crop_vox, [case.id for case in (*view.labeled, *view.unlabeled)]),
        unlabeled_notice(view) if with_unlabeled else None,
        train_on_val_notice(info, config.data),
        memory_notice(config, channels, classes, available, gpu, precision),
    ]
    return [notice for notice in found if notice is not None]
