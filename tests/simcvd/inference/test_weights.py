from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from simcvd.config import from_mapping
from simcvd.errors import UserError
from simcvd.inference.weights import WEIGHTS_FILE, load_student, save_student
from simcvd.networks.base import Segmenter
from simcvd.networks.build import build_network

MakeTrial = Callable[..., tuple[Path, Segmenter]]


def test_a_saved_student_is_rebuilt_with_its_names_and_settings(make_trial: MakeTrial) -> None:
    folder, network = make_trial(2)
    student = load_student(folder)
    assert (student.image_channels, student.classes) == (2, ("anterior", "posterior"))
    assert student.config.network.width == 2
    assert not student.network.training
    image = torch.randn(1, 2, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(student.network(image), network(image))


def test_a_student_with_other_strides_comes_back_with_them(tmp_path: Path) -> None:
    settings = {"data.crop_vox": [16, 16, 3], "inference.stride_vox": [8, 8, 1], "network.width": 2}
    config = from_mapping(settings | {"network.strides": [[2, 2, 1]] * 4})
    network = Segmenter(build_network(config, 1, 2)).eval()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    save_student(tmp_path, network, config, 1, ("organ",))
    image = torch.randn(1, 1, 16, 16, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(load_student(tmp_path).network(image), network(image), atol=1e-5)


def test_nothing_half_written_stays_behind(make_trial: MakeTrial) -> None:
    folder, _ = make_trial()
    assert sorted(path.name for path in folder.iterdir()) == ["config.yaml", WEIGHTS_FILE]


def test_a_folder_that_is_no_trial_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no trial in"):
        load_student(tmp_path)


def test_an_unfinished_trial_is_refused(make_trial: MakeTrial) -> None:
    folder, _ = make_trial()
    (folder / WEIGHTS_FILE).unlink()
    with pytest.raises(UserError, match="run its command again to finish"):
        load_student(folder)


def test_damaged_weights_are_refused(make_trial: MakeTrial) -> None:
    folder, _ = make_trial()
    content = (folder / WEIGHTS_FILE).read_bytes()
    for broken in (content[: len(content) // 2], b"", b"not weights at all"):
        (folder / WEIGHTS_FILE).write_bytes(broken)
        with pytest.raises(UserError, match="damaged"):
            load_student(folder)


def test_a_flipped_bit_anywhere_in_the_weights_is_refused(make_trial: MakeTrial) -> None:
    """Without a digest, a flip of an exponent's bit made a weight of 1e38 in silence."""
    folder, _ = make_trial()
    path = folder / WEIGHTS_FILE
    content = path.read_bytes()
    tensors = 8 + int.from_bytes(content[:8], "little")
    for place in (3, tensors // 2, tensors, tensors + 3, (tensors + len(content)) // 2, len(content) - 1):
        harmed = bytearray(content)
        harmed[place] ^= 0x40
        path.write_bytes(harmed)
        with pytest.raises(UserError, match="is damaged or does not fit"):
            load_student(folder)
    path.write_bytes(content)
    load_student(folder)


def test_changed_names_of_classes_are_damage_too(make_trial: MakeTrial) -> None:
    folder, _ = make_trial()
    path = folder / WEIGHTS_FILE
    path.write_bytes(path.read_bytes().replace(b"anterior", b"exterior"))
    with pytest.raises(UserError, match="digest is not the one that it was written with"):
        load_student(folder)


def test_weights_of_version_0_1_without_a_digest_are_read(make_trial: MakeTrial) -> None:
    folder, network = make_trial()
    path = folder / WEIGHTS_FILE
    with safe_open(path, "pt") as file:
        metadata = {
            name: value for name, value in file.metadata().items() if name not in {"sha256", "network", "sdm_channels"}
        }
    assert set(metadata) == {"method", "image_channels", "classes"}
    save_file(load_file(path), path, metadata)
    read = load_student(folder).network.state_dict()
    assert all(torch.equal(value, read[name]) for name, value in network.state_dict().items())


def test_weights_of_another_width_are_refused(make_trial: MakeTrial) -> None:
    folder, _ = make_trial()
    settings = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(settings.replace("width: 2", "width: 4"))
    with pytest.raises(UserError, match="does not fit its config"):
        load_student(folder)
