import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.data.loading import CropLoader, Prefetcher
from simcvd.data.store import Grid, Origin, Splits, TrainingView, build_info, open_training, write_case, write_info
from simcvd.labels import IGNORED


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> TrainingView:
    folder = tmp_path_factory.mktemp("loading")
    generator = np.random.default_rng(0)
    digests = {}
    for case_id in ("a", "b", "c", "d"):
        image = generator.normal(size=(20, 18, 17)).astype(np.float32)
        label = (image > 1).astype(np.uint8)
        digests[case_id] = write_case(folder, case_id, image, label, Grid((1, 1, 1), np.eye(4), image.shape), classes=1)
    splits = Splits(train_labeled=("a", "b"), train_unlabeled=("c", "d"))
    info = build_info(
        folder,
        name="loading",
        channels=("mr",),
        classes=("object",),
        splits=splits,
        train_order=("a", "b", "c", "d"),
        digests=digests,
        origin=Origin("made by a test"),
    )
    write_info(folder, info)
    return open_training(folder)


@pytest.fixture
def config() -> TrialConfig:
    return apply_settings(load_preset("phantom"), {"data.crop_vox": [16, 16, 16]})


def _loader(view: TrainingView, config: TrialConfig, **options: int) -> CropLoader:
    return CropLoader(view, config, torch.device("cpu"), with_unlabeled=True, **options)


def test_batch_has_the_documented_shapes_and_types(view: TrainingView, config: TrialConfig) -> None:
    batch = _loader(view, config)(0)
    assert batch.image_labeled.shape == (2, 1, 16, 16, 16)
    assert batch.label.shape == (2, 16, 16, 16)
    assert batch.label.dtype == torch.int64
    assert batch.sdm.shape == (2, 1, 16, 16, 16)
    assert batch.image_unlabeled is not None
    assert {batch.image_labeled.dtype, batch.sdm.dtype, batch.image_unlabeled.dtype} == {torch.float32}
    assert batch.depth_unlabeled is not None
    assert batch.depth_labeled.shape == batch.depth_unlabeled.shape == (2, 2)
    assert batch.depth_labeled.dtype == batch.depth_unlabeled.dtype == torch.float32


def test_label_and_map_belong_to_the_image(view: TrainingView, config: TrialConfig) -> None:
    for step in range(5):
        batch = _loader(view, config)(step)
        assert torch.equal(batch.image_labeled[:, 0] > 1, batch.label == 1)
        assert torch.equal(batch.sdm[:, 0] <= 0, batch.label == 1)


@pytest.mark.parametrize("name", ["local_shuffle", "nonlinear_intensity", "in_painting", "out_painting"])
def test_augmented_intensities_leave_crop_label_and_map(view: TrainingView, config: TrialConfig, name: str) -> None:
    """In both streams; crops come from the same places and are turned the same, so unchanged voxels are equal."""
    augmented = apply_settings(config, {f"augment.{name}.probability": 1})
    plain, batch, again = _loader(view, config)(3), _loader(view, augmented)(3), _loader(view, augmented)(3)
    assert torch.equal(batch.label, plain.label)
    assert torch.equal(batch.sdm, plain.sdm)
    assert torch.equal(batch.depth_labeled, plain.depth_labeled)
    for images in ("image_labeled", "image_unlabeled"):
        before, after = getattr(plain, images), getattr(batch, images)
        assert torch.equal(after, getattr(again, images))
        assert after.dtype == torch.float32
        changed = (before != after).flatten(1).float().mean(1)
        assert (changed > 0.02).all()
        assert changed.max() < 1 or name == "nonlinear_intensity"
        assert not torch.equal(before[0] != after[0], before[1] != after[1]) or name == "nonlinear_intensity"


def test_two_workers_share_augmented_crops(view: TrainingView, config: TrialConfig) -> None:
    config = apply_settings(config, {"augment.local_shuffle.probability": 0.5, "augment.out_painting.probability": 0.5})
    whole = _loader(view, config)(3)
    shares = [_loader(view, config, rank=rank, workers=2)(3) for rank in range(2)]
    assert torch.equal(whole.image_labeled, torch.cat([share.image_labeled for share in shares]))


def test_two_workers_share_the_batch_of_one(view: TrainingView, config: TrialConfig) -> None:
    whole = _loader(view, config)(3)
    shares = [_loader(view, config, rank=rank, workers=2)(3) for rank in range(2)]
    assert torch.equal(whole.image_labeled, torch.cat([share.image_labeled for share in shares]))
    parts = [share.image_unlabeled for share in shares if share.image_unlabeled is not None]
    assert whole.image_unlabeled is not None
    assert torch.equal(whole.image_unlabeled, torch.cat(parts))
    assert torch.equal(whole.depth_labeled, torch.cat([share.depth_labeled for share in shares]))


def test_without_unlabelled_crops_their_depths_are_none_too(view: TrainingView, config: TrialConfig) -> None:
    batch = CropLoader(view, config, torch.device("cpu"), with_unlabeled=False)(0)
    assert batch.image_unlabeled is None
    assert batch.depth_unlabeled is None


@pytest.mark.parametrize("side", [16, 32])
def test_depth_is_where_the_crop_lies_in_its_case(side: int, config: TrialConfig, tmp_path: Path) -> None:
    """Voxels tell their own slice, 100 to 123: turns and flips of the XY plane leave it; 99.5 is the case's lower side.

    A crop of 32 slices is centred: it begins 4 of 24 slices before the case, and ends 4 after it.
    """
    slices = np.arange(100, 124, dtype=np.float32)
    image = np.broadcast_to(slices, (20, 18, 24)).copy()
    digest = write_case(
        tmp_path, "a", image, (image > 110).astype(np.uint8), Grid((1, 1, 1), np.eye(4), image.shape), classes=1
    )
    splits = Splits(train_labeled=("a",))
    info = build_info(
        tmp_path,
        name="slices",
        channels=("mr",),
        classes=("object",),
        splits=splits,
        train_order=("a",),
        digests={"a": digest},
        origin=Origin("made by a test"),
    )
    write_info(tmp_path, info)
    load = _loader(open_training(tmp_path), apply_settings(config, {"data.crop_vox": [16, 16, side]}))
    seen = set()
    for step in range(4):
        batch = load(step)
        for images, depths in (
            (batch.image_labeled, batch.depth_labeled),
            (batch.image_unlabeled, batch.depth_unlabeled),
        ):
            assert images is not None
            assert depths is not None
            for crop, (start, end) in zip(images, depths.tolist(), strict=True):
                assert end - start == pytest.approx(side / 24)
                if side == 32:
                    assert start == pytest.approx(-4 / 24)
                else:
                    assert (crop.min().item() - 100) / 24 == pytest.approx(start)
                    assert (crop.max().item() + 1 - 100) / 24 == pytest.approx(end)
                seen.add(start)
    assert len(seen) == 1 if side == 32 else len(seen) > 3


def test_step_is_drawn_the_same_whatever_came_before(view: TrainingView, config: TrialConfig) -> None:
    used = _loader(view, config)
    for step in range(4):
        used(step)
    assert torch.equal(used(7).image_labeled, _loader(view, config)(7).image_labeled)


def test_unlabelled_cases_are_opened_without_label(view: TrainingView) -> None:
    assert all(case.label is None and case.sdm is None for case in view.unlabeled)


def test_patch_scope_normalises_the_map_within_the_crop(view: TrainingView, config: TrialConfig) -> None:
    batch = _loader(view, apply_settings(config, {"sdm.scope": "patch"}))(0)
    assert batch.sdm.amax(dim=(1, 2, 3, 4)).tolist() == [1, 1]


@pytest.mark.parametrize(("absent", "value"), [("outside", 1), ("zero", 0)])
def test_a_crop_without_the_class_has_the_map_that_the_settings_say(
    view: TrainingView, config: TrialConfig, absent: str, value: int
) -> None:
    cases = [replace(case, label=np.zeros_like(case.label)) for case in view.labeled]
    settings = apply_settings(config, {"sdm.scope": "patch", "sdm.absent": absent})
    assert (_loader(replace(view, labeled=cases), settings)(0).sdm == value).all()


def test_supervised_training_reads_labelled_crops_in_the_places_of_unlabelled_ones(
    view: TrainingView, config: TrialConfig
) -> None:
    """Two and three crops a step; the crops of a run are one row, whatever the number of a step's."""
    sizes = {"training.batch_labeled": 2, "training.batch_unlabeled": 3}
    supervised = apply_settings(config, sizes | {"method": "supervised"})
    few = apply_settings(supervised, {"supervised.whole_batch": False})
    loads = [CropLoader(view, each, torch.device("cpu"), with_unlabeled=False) for each in (supervised, few)]
    whole, halves = loads[0](0), [loads[1](step) for step in range(3)]
    assert whole.image_unlabeled is None
    assert len(whole.image_labeled) == len(whole.label) == len(whole.sdm) == 5
    assert [len(half.label) for half in halves] == [2, 2, 2]
    assert torch.equal(whole.image_labeled, torch.cat([half.image_labeled for half in halves])[:5])
    assert len(_loader(view, apply_settings(config, sizes))(0).label) == 2


@pytest.mark.parametrize("scope", ["case", "patch"])
def test_ignored_voxels_are_background_that_is_not_counted(view: TrainingView, config: TrialConfig, scope: str) -> None:
    settings = apply_settings(config, {"sdm.scope": scope})
    ignored = [np.asarray(case.image[0]) < -0.5 for case in view.labeled]
    cases = [
        replace(case, label=np.where(where, IGNORED, case.label).astype(np.uint8))
        for case, where in zip(view.labeled, ignored, strict=True)
    ]
    information = view.info.model_copy(update={"ignored": True})
    load = _loader(replace(view, info=information, labeled=cases), settings)
    for step in range(3):
        batch, plain = load(step), _loader(view, settings)(step)
        assert plain.counted is None
        assert batch.counted is not None
        assert batch.counted.dtype == torch.bool
        assert torch.equal(batch.counted, batch.image_labeled[:, 0] >= -0.5)
        assert 0.3 < batch.counted.float().mean() < 0.9
        assert torch.equal(batch.label, plain.label)  # what was ignored had been background before
        assert batch.label.dtype == torch.int64
        assert torch.equal(batch.sdm, plain.sdm)


def test_voxels_beyond_the_case_are_counted_background(view: TrainingView, config: TrialConfig) -> None:
    cases = [replace(case, label=np.full(case.image.shape[1:], IGNORED, np.uint8)) for case in view.labeled]
    information = view.info.model_copy(update={"ignored": True})
    wider = apply_settings(config, {"data.crop_vox": [32, 32, 32]})
    batch = _loader(replace(view, info=information, labeled=cases), wider)(0)
    assert batch.counted is not None
    assert batch.counted.sum().item() == 2 * 32**3 - 2 * 20 * 18 * 17
    assert not batch.label.any()


def test_prefetcher_yields_in_order_and_ends() -> None:
    with Prefetcher(lambda number: number * number, range(3, 7)) as items:
        assert list(items) == [(3, 9), (4, 16), (5, 25), (6, 36)]


def test_prefetcher_raises_what_its_thread_raised() -> None:
    def fail(number: int) -> int:
        raise KeyError(number)

    with Prefetcher(fail, range(3)) as items, pytest.raises(KeyError):
        next(items)


def test_prefetcher_left_early_leaves_no_thread() -> None:
    with Prefetcher(lambda number: number, range(1000)) as items:
        next(items)
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]
