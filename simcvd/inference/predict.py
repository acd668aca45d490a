"""Segment images with a trial's student or a model, each into a mask in the image's own space and format.

One thread reads the next image and another writes the last mask while the device segments.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from simcvd.data.channels import read_channels
from simcvd.data.checks import check_image
from simcvd.errors import UserError
from simcvd.inference.ensemble import Member, load_students, masks_from, probability_sums
from simcvd.inference.fusion import for_inference
from simcvd.inference.images import FinishedMasks, ImageToSegment, find_images
from simcvd.inference.mask_file import make_folder, write_mask_like, write_on_voxels, write_probabilities
from simcvd.inference.mask_options import MaskOptions, Mirrored
from simcvd.inference.sliding_window import Autocast, highest, mean_probabilities
from simcvd.inference.weights import Student
from simcvd.scans.dicom.series import read_series
from simcvd.scans.label_crop import Box, whole
from simcvd.scans.normalisation import Normalisation, off_zero_and_one, refuse_unnormalised
from simcvd.scans.preprocessing import OnGrid, Preprocessing, in_box, to_grid
from simcvd.scans.resampling import resample_map
from simcvd.transforms.largest_piece import keep_largest


@dataclass(frozen=True)
class Predicted:
    """What became of an image.

    Attributes:
        image: its files and its mask.
        problem: why there is no mask; none if there is one.
        found_before: whether an earlier prediction had written the mask.
        note: what a person should know of the mask; empty if nothing.
    """

    image: ImageToSegment
    problem: str | None = None
    found_before: bool = False
    note: str = ""


@dataclass(frozen=True)
class _Segmented:
    """A network's answer for the kept voxels of a scan: probabilities where they are needed, else classes alone."""

    grid: OnGrid
    box: Box
    classes: NDArray[np.uint8]
    probabilities: NDArray[np.float32] | None
    note: str


def predict_files(
    folder: Path,
    images: Sequence[Path],
    out: Path,
    device: torch.device,
    precision: Callable[[Student], Autocast] = lambda student: nullcontext,
    *,
    options: MaskOptions = MaskOptions(),  # noqa: B008 - frozen
    on_image: Callable[[Predicted, int], None] | None = None,
) -> list[Predicted]:
    """Segment image files; what was segmented before is left as it is, and a bad file does not stop the others.

    Images go the way of the trial's data set: its orientation, voxel size and intensities; masks come back to each
    file's own voxels. Where the data set's scans were cropped around their label, the organ is found first, then
    segmented again in the box around it. HDF5 images (data set `image`, the field's pre-processed form) are taken as
    they are. See `images.find_images` for names.

    Args:
        folder: a finished trial, or a model folder, whose members are asked together.
        images: files, or folders of files; a NIfTI image's fourth axis holds channels.
        out: folder for the masks.
        device: where the network runs.
        precision: returns for a student what makes the context in which the network runs.
        options: what is asked of the masks.
        on_image: is told what became of each image, and how many there are.

    Returns:
        What became of each image, in their order.

    Raises:
        UserError: no finished trial or sound model, an image that is missing or no scan, a mask that would replace an
            image, or not a single image that can be segmented.
    """
    students = load_students(folder)
    found = find_images(images, out, students[0].image_channels)
    make_folder(out)
    finished = FinishedMasks(out, [*masks_from(folder), *astuple(options)])
    finished.refuse_others(found)
    predictor = _Predictor(students, device, precision, options)
    told: list[Predicted] = []

    def tell(predicted: Predicted) -> None:
        told.append(predicted)
        if on_image is not None:
            on_image(predicted, len(found))

    todo = []
    for image in found:
        if finished.holds(image):
            tell(Predicted(image, found_before=True))
        else:
            todo.append(image)
    with ThreadPoolExecutor(1, "read") as reading, ThreadPoolExecutor(1, "write") as writing:
        written: tuple[ImageToSegment, Future[str]] | None = None
        ahead = reading.submit(predictor.read, todo[0]) if todo else None
        for number, image in enumerate(todo):
            assert ahead is not None
            now, ahead = ahead, None
            grid = problem = None
            try:
                grid = now.result()
            except (UserError, MemoryError) as error:
                problem = _sentence(error)
            if number + 1 < len(todo):
                ahead = reading.submit(predictor.read, todo[number + 1])
            segmented = None
            if grid is not None:
                try:
                    segmented = predictor.segment(*grid)
                except UserError as error:
                    problem = f"{image} can't be segmented: {_sentence(error)}"
            if written is not None:
                tell(_outcome(*written, finished))
                written = None
            if segmented is None:
                tell(Predicted(image, problem=problem))
            else:
                finished.begin(image)
                written = image, writing.submit(predictor.write, image, segmented)
        if written is not None:
            tell(_outcome(*written, finished))
    problems = [predicted.problem for predicted in told if predicted.problem is not None]
    if problems and len(problems) == len(told):
        more = f" (and {len(problems) - 1} more images could not be segmented)" if len(problems) > 1 else ""
        raise UserError(f"{problems[0]}{more}.")
    order = {image.mask: place for place, image in enumerate(found)}
    return sorted(told, key=lambda predicted: order[predicted.image.mask])


def _outcome(image: ImageToSegment, written: Future[str], finished: FinishedMasks) -> Predicted:
    note = written.result()  # a folder that can't be written to ends all
    finished.add(image)
    return Predicted(image, note=note)


def _sentence(error: BaseException) -> str:
    return str(error).rstrip(".") or "its memory does not suffice"


class _Predictor:
    """Students with their preprocessing, which they share, on their device."""

    def __init__(
        self,
        students: Sequence[Student],
        device: torch.device,
        precision: Callable[[Student], Autocast],
        options: MaskOptions,
    ) -> None:
        self._members = []
        for student in students:
            frozen = for_inference(student.network)
            network = (Mirrored(frozen) if options.mirror else frozen).to(device)
            self._members.append(Member(network, student.config, precision(student)))
        self._channels = students[0].image_channels
        self._preprocessing = students[0].preprocessing or Preprocessing()
        self._device, self._options = device, options

    def read(self, image: ImageToSegment) -> tuple[OnGrid, bool]:
        """Return the image on the network's grid, and whether it is taken as it is."""
        volume = read_series(image.files) if image.dicom else read_channels(image.files)
        channels = len(volume.channels)
        if channels != self._channels:
            raise UserError(
                f"{image} has {channels} channels, but the network was trained on {self._channels}; give such images."
            )
        try:
            check_image(volume.channels)
            if not volume.located or self._preprocessing.normalisation.kind == "as_is":
                refuse_unnormalised(volume.array)
            return to_grid(volume, self._preprocessing), not volume.located
        except UserError as error:
            advice = "; normalise it, or give the scan as NIfTI or NRRD" if not volume.located else ""
            raise UserError(f"{image} can't be segmented: {_sentence(error)}{advice}.") from error

    def segment(self, grid: OnGrid, as_it_is: bool) -> _Segmented:
        """Segment the scan; where cases were cropped around their label, the box around what was found in it."""
        normalisation = Normalisation(kind="as_is") if as_it_is else self._preprocessing.normalisation
        box, note = whole(grid.image.shape), ""
        if as_it_is and self._preprocessing.normalisation.kind == "z_score":
            note = off_zero_and_one(grid.image)
        crop = None if as_it_is else self._preprocessing.crop
        if crop is not None:
            found = highest(self._sums(grid, box, normalisation, least_overlap=True))
            region = keep_largest((found > 0).astype(np.uint8))
            box = crop.box(region)
            note = "segmented again in the box around what was found" if region.any() else "nothing was found"
        sums = self._sums(grid, box, normalisation)
        classes = highest(sums)
        needed = grid.resampled or self._options.probabilities
        return _Segmented(grid, box, classes, mean_probabilities(sums).cpu().numpy() if needed else None, note)

    def write(self, image: ImageToSegment, segmented: _Segmented) -> str:
        """Write the mask on the file's own voxels; return the note."""
        grid, box, probabilities = segmented.grid, segmented.box, segmented.probabilities
        if probabilities is not None and grid.resampled:
            mask = grid.mask_on_file(probabilities, box)
        else:
            on_grid = np.zeros(grid.image.shape[-3:], np.uint8)
            on_grid[box] = segmented.classes
            mask = np.ascontiguousarray(grid.turn.back(on_grid))
        if self._options.keep_largest:
            mask = keep_largest(mask)
        if self._options.probabilities:
            assert probabilities is not None
            maps = [
                resample_map(one, grid.spacing_mm, grid.scan_spacing_mm, grid.scan_shape)
                for one in in_box(probabilities, box, grid.image.shape[-3:])
            ]
            write_probabilities(grid.turn.back(np.stack(maps)), grid.file_affine, image.mask)
        if image.dicom:
            write_on_voxels(mask, grid.file_affine, image.mask)
        else:
            write_mask_like(image.files[0], mask, image.mask)
        return segmented.note

    def _sums(
        self, grid: OnGrid, box: Box, normalisation: Normalisation, *, least_overlap: bool = False
    ) -> torch.Tensor:
        """Segment a box of the scan; with `least_overlap` by windows that overlap by half a window at most."""
        kept, _, _ = normalisation.apply(grid.image[(slice(None), *box)], grid.image)
        return probability_sums(self._members, kept, self._device, least_overlap=least_overlap)
