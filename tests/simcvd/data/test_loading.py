import threading

import numpy as np
import pytest
import torch

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.data.loading import CropLoader, Prefetcher
from simcvd.data.store import Splits, TrainingView, build_info, open_training, write_case, write_info


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> TrainingView:
    folder = tmp_path_factory.mktemp("loading")
    generator = np.random.default_rng(0)
    digests = {}
    for case_id in ("a", "b", "c", "d"):
        image = generator.normal(size=(20, 18, 17)).astype(np.float32)
        label = (image > 1).astype(np.uint8)
        digests[case_id] = write_case(
            folder, case_id, image, label, (1, 1, 1), np.eye(4), image.shape, (0, 0, 0), classes=1
        )
    splits = Splits(train_labeled=("a", "b"), train_unlabeled=("c", "d"))
    info = build_info(
        folder,
        name="loading",
        channels=("mr",),
        classes=("object",),
        splits=splits,
        train_order=("a", "b", "c", "d"),
        digests=digests,
        source="made by a test",
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


def test_label_and_map_belong_to_the_image(view: TrainingView, config: TrialConfig) -> None:
    for step in range(5):
        batch = _loader(view, config)(step)
        assert torch.equal(batch.image_labeled[:, 0] > 1, batch.label == 1)
        assert torch.equal(batch.sdm[:, 0] <= 0, batch.label == 1)


def test_two_workers_share_the_batch_of_one(view: TrainingView, config: TrialConfig) -> None:
    whole = _loader(view, config)(3)
    shares = [_loader(view, config, rank=rank, workers=2)(3) for rank in range(2)]
    assert torch.equal(whole.image_labeled, torch.cat([share.image_labeled for share in shares]))
    parts = [share.image_unlabeled for share in shares if share.image_unlabeled is not None]
    assert whole.image_unlabeled is not None
    assert torch.equal(whole.image_unlabeled, torch.cat(parts))


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
