"""Sections `window` and `resident`: the sliding window by windows a pass, and how fast crops are made."""

import functools
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gpu_sections.bench import Bench
from simcvd.data import loading
from simcvd.data.loading import CropLoader
from simcvd.data.store import open_split, open_training
from simcvd.inference.fusion import for_inference
from simcvd.inference.sliding_window import segment, window_starts
from simcvd.networks.base import Segmenter
from simcvd.networks.build import build_network
from simcvd.training.precision import Precision, choose_precision

AUGMENTED: dict[str, object] = {
    f"augment.{name}.probability": 0.5 for name in ("local_shuffle", "nonlinear_intensity", "in_painting")
}


def measure_window(bench: Bench) -> None:
    """One case by windows a pass: seconds, peak memory, share of voxels whose class differs from one window a pass."""
    config = bench.config()
    (case,) = open_split(bench.data(), "val")
    image = torch.from_numpy(np.array(case.image)).to(bench.device)
    network = for_inference(_balanced(bench, image))
    chosen = choose_precision("auto", bench.device).name
    windows = len(window_starts(tuple(image.shape[1:]), config.data.crop_vox, config.inference.stride_vox))
    first: dict[str, NDArray[np.uint8]] = {}
    for name, batches in {chosen: (1, 2, 4, 8, 16), "float32": (1, 4, 16)}.items():
        arithmetic = Precision(name, bench.device.type)

        def one(batch: int, arithmetic: Precision = arithmetic) -> NDArray[np.uint8]:
            return segment(
                network,
                image,
                config.data.crop_vox,
                config.inference.stride_vox,
                device=bench.device,
                batch_windows=batch,
                precision=arithmetic.autocast,
            )

        for batch in batches:
            with bench.attempt(batch_windows=batch, precision=name):
                bench.peak(reset=True)
                labels = one(batch)
                times = [_timed(bench, functools.partial(one, batch)) for _ in range(1 if bench.tiny else 3)]
                base = first.setdefault(name, labels)
                bench.figure(
                    "case_seconds",
                    statistics.median(times),
                    "s",
                    precision=name,
                    batch_windows=batch,
                    windows=windows,
                    peak_bytes=bench.peak(),
                    differs_from_one_window=float((labels != base).mean()),
                    differs_from_first_precision=float((labels != first[chosen]).mean()),
                    foreground=float((labels > 0).mean()),
                )


def _balanced(bench: Bench, image: torch.Tensor) -> nn.Module:
    """Return a network that is not trained but sees structure: batch norms with statistics, classes in balance."""
    config = bench.config()
    torch.manual_seed(0)
    network = build_network(config, 1, 2, 1).to(bench.device)
    network.dropout_bottleneck = network.dropout_last = 0.0
    x, y, z = config.data.crop_vox
    sample = image[None, :, :x, :y, :z].contiguous(memory_format=torch.channels_last_3d)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.momentum = None
        network.train()(sample)
        assert network.heads.bias is not None
        network.heads.bias[:2] -= network.eval()(sample).logits.mean((0, 2, 3, 4))
    return Segmenter(network)


def measure_resident(bench: Bench) -> None:
    """Crops a second: with the data set on the device, from the memory map, with intensities changed on the CPU."""
    ways: dict[str, tuple[dict[str, object], float]] = {
        "from the memory map": ({}, 0.0),
        "from the memory map, intensities augmented": (AUGMENTED, 0.0),
        "distance maps of each crop": ({"sdm.scope": "patch"}, 0.0),
    }
    if not bench.lacks_cuda("crops_a_second with the data set on the device"):
        ways = {
            "on the device": ({}, loading.RESIDENT_SHARE),
            **ways,
            "labels on the device, intensities augmented": (AUGMENTED, loading.RESIDENT_SHARE),
        }
    for way, (changes, share) in ways.items():
        with bench.attempt(way=way), _resident_share(share):
            config = bench.config("la", changes)
            load = CropLoader(open_training(bench.data()), config, bench.device, with_unlabeled=True)
            _timed(bench, functools.partial(load, 0))
            steps = range(1, 3 if bench.tiny else 11)
            seconds = _timed(bench, functools.partial(_load_all, load, steps))
            crops = len(steps) * (config.training.batch_labeled + config.training.batch_unlabeled)
            bench.figure("crops_a_second", crops / seconds, "1/s", way=way, batch_seconds=seconds / len(steps))


def _load_all(load: CropLoader, steps: range) -> None:
    for step in steps:
        load(step)


@contextmanager
def _resident_share(share: float) -> Iterator[None]:
    before = loading.RESIDENT_SHARE
    loading.RESIDENT_SHARE = share
    try:
        yield
    finally:
        loading.RESIDENT_SHARE = before


def _timed(bench: Bench, work: Callable[[], object]) -> float:
    bench.sync()
    started = time.perf_counter()
    work()
    bench.sync()
    return time.perf_counter() - started
