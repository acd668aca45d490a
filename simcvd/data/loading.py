"""From cases to a step's crops: memory-mapped or resident on the device, prepared while the step before runs."""

import functools
import queue
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simcvd.config import TrialConfig
from simcvd.data.batch import Batch, send
from simcvd.data.sampling import case_at, crop_generator
from simcvd.data.sdm import signed_distance_maps
from simcvd.data.store import CaseFile, TrainingView
from simcvd.gpu_memory import free_bytes
from simcvd.labels import IGNORED
from simcvd.transforms.augmentation import augment_image
from simcvd.transforms.geometry import Geometry, apply_geometry, cut, draw_geometry

Item = TypeVar("Item")

RESIDENT_SHARE = 0.25
"""Largest share of the device's free memory that a data set may take to live there."""


class CropLoader:
    """Build the crops of any step.

    Args:
        view: training cases; unlabelled ones come without labels.
        config: sizes, seed, augmentation.
        device: where the crops are needed. Images that fit into a quarter of a GPU's free memory are kept there, unless
            their intensities are augmented, which the CPU does.
        with_unlabeled: whether unlabelled crops are needed at all.
        rank: this worker's number.
        workers: how many workers share a batch.
    """

    def __init__(
        self,
        view: TrainingView,
        config: TrialConfig,
        device: torch.device,
        *,
        with_unlabeled: bool,
        rank: int = 0,
        workers: int = 1,
    ) -> None:
        self._config = config
        self._device = device
        self._rank = rank
        self._workers = workers
        self._classes = len(view.info.classes)
        self._ignored = view.info.ignored
        self._labeled = view.labeled
        # Unlabelled crops come from the unlabelled cases; with none at all, from the labelled ones without labels.
        self._unlabeled = (view.unlabeled or view.labeled) if with_unlabeled else []
        self._resident = self._place_on_device()

    def __call__(self, step: int) -> Batch:
        """Return this worker's crops of `step`; any thread may ask."""
        if self._device.type == "cuda":
            # Each thread has a current device of its own; pinned memory would open a context on another GPU.
            torch.cuda.set_device(self._device)
        training = self._config.training
        labeled = [self._labeled_crop(place) for place in self._places(step, self._config.labeled_crops)]
        images, labels, maps, depths = map(self._together, zip(*labeled, strict=True))
        counted = labels != IGNORED if self._ignored else None
        if counted is not None:
            labels = labels * counted
        labels = labels.long()  # only now, so that one byte a voxel travels
        if not self._unlabeled:
            return Batch(images, labels, maps, None, depths, None, counted)
        unlabeled = [self._unlabeled_crop(place) for place in self._places(step, training.batch_unlabeled)]
        other_images, other_depths = map(self._together, zip(*unlabeled, strict=True))
        return Batch(images, labels, maps, other_images, depths, other_depths, counted)

    def _places(self, step: int, batch: int) -> range:
        share = batch // self._workers
        first = step * batch + self._rank * share
        return range(first, first + share)

    def _labeled_crop(self, place: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        config = self._config
        case = self._labeled[case_at(config.seed, "labeled", place, len(self._labeled))]
        geometry = self._draw("labeled", place, case)
        if case.label is None:
            raise AssertionError(f"labelled case {case.id} was opened without its label")
        image = self._image("labeled", place, case, geometry)
        label = apply_geometry(self._tensor(case, "label", geometry)[None], geometry)[0]
        if config.sdm.scope == "patch":
            absent = 0.0 if config.sdm.absent == "zero" else 1.0
            sdm = torch.from_numpy(signed_distance_maps(label.numpy(), self._classes, absent=absent)).float()
        else:
            sdm = apply_geometry(self._tensor(case, "sdm", geometry).float(), geometry, repeat_edge=True)
        return image, label, sdm, _depth(case, geometry)

    def _unlabeled_crop(self, place: int) -> tuple[Tensor, Tensor]:
        case = self._unlabeled[case_at(self._config.seed, "unlabeled", place, len(self._unlabeled))]
        geometry = self._draw("unlabeled", place, case)
        return self._image("unlabeled", place, case, geometry), _depth(case, geometry)

    def _draw(self, stream: str, place: int, case: CaseFile) -> Geometry:
        config = self._config
        x, y, z = case.image.shape[-3:]
        generator = crop_generator(config.seed, stream, place)
        augment = config.augment
        return draw_geometry(generator, (x, y, z), config.data.crop_vox, rotate=augment.rotate, flip=augment.flip)

    def _image(self, stream: str, place: int, case: CaseFile, geometry: Geometry) -> Tensor:
        """Return the augmented image; student and teacher get the same one."""
        image = apply_geometry(self._tensor(case, "image", geometry), geometry).float()
        augment = self._config.augment
        if not augment.changes_intensities:
            return image
        generator = functools.partial(crop_generator, self._config.seed, stream, place)
        return torch.from_numpy(augment_image(image.numpy(), augment, generator))

    def _tensor(self, case: CaseFile, part: str, geometry: Geometry) -> Tensor:
        resident = self._resident.get((case.id, part))
        if resident is not None:
            return cut(resident, geometry)
        # A copy of the crop alone: the memory map is read-only, and torch wants writable memory.
        array: NDArray[np.generic] = getattr(case, part)
        return torch.from_numpy(np.array(cut(array, geometry)))

    def _together(self, parts: tuple[Tensor, ...]) -> Tensor:
        return send(torch.stack(parts), self._device)

    def _place_on_device(self) -> dict[tuple[str, str], Tensor]:
        if self._device.type != "cuda":
            return {}
        parts: dict[tuple[str, str], NDArray[np.generic]] = {}
        if not self._config.augment.changes_intensities:
            parts |= {(case.id, "image"): case.image for case in [*self._labeled, *self._unlabeled]}
        if self._config.sdm.scope != "patch":  # maps of patches are made on the CPU, from labels there
            for case in self._labeled:
                if case.label is not None and case.sdm is not None:
                    parts |= {(case.id, "label"): case.label, (case.id, "sdm"): case.sdm}
        if sum(array.nbytes for array in parts.values()) > RESIDENT_SHARE * free_bytes(self._device):
            return {}
        return {name: torch.from_numpy(np.array(array)).to(self._device) for name, array in parts.items()}


def _depth(case: CaseFile, geometry: Geometry) -> Tensor:
    """Return where a crop begins and ends along Z, which is never turned or mirrored, in parts of its case, `[2]`."""
    slices: int = case.image.shape[-1]
    start, end = geometry.start[2], geometry.start[2] + geometry.sides[2]
    return torch.tensor((start / slices, end / slices))


class Prefetcher(Generic[Item]):
    """Iterate over `(number, make(number))`, made in a thread one ahead of the consumer.

    Reading a memory map and copying release the interpreter, so one thread keeps a step fed.
    """

    def __init__(self, make: Callable[[int], Item], numbers: range, ahead: int = 2) -> None:
        self._items: queue.Queue[tuple[int, Item] | BaseException | None] = queue.Queue(maxsize=ahead)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._produce, args=(make, numbers), name="prefetch", daemon=True)

    def __enter__(self) -> Iterator[tuple[int, Item]]:
        """Start the thread."""
        self._thread.start()
        return self._consume()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the thread."""
        self._closed.set()
        self._thread.join()

    def _produce(self, make: Callable[[int], Item], numbers: range) -> None:
        try:
            for number in numbers:
                if not self._put((number, make(number))):
                    return
            self._put(None)
        except BaseException as error:  # handed to the consumer, which raises it
            self._put(error)

    def _put(self, item: tuple[int, Item] | BaseException | None) -> bool:
        while not self._closed.is_set():
            try:
                self._items.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def _consume(self) -> Iterator[tuple[int, Item]]:
        while (item := self._items.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
