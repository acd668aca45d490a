import json
import os
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from simcvd.data.preparation.nifti import prepare_nifti
from simcvd.data.preparation.options import PrepareOptions
from tests.simcvd.data.preparation.tiny_folder import Nifti, run, scan


def test_nnunets_raw_folder_gives_the_same_cases_as_the_decathlons(nifti: Nifti, target: Path, tmp_path: Path) -> None:
    source = nifti(5)
    labels = {"background": 0, "head": 1, "tail": 2}
    for number, i in enumerate("abcde"):
        source.image(i, np.stack([scan(number), scan(number + 70)], axis=-1))
    source.describe(modality={"0": "FLAIR", "1": "T1"}, labels=labels)
    one = run(source, target, val=1, test=1).info
    for second_form in (True, False):
        other = tmp_path / f"nnunet{second_form}"
        to_nnunet(source.path, other, labels, ["FLAIR", "T1"], second_form=second_form)
        info = prepare_nifti(other, tmp_path / f"set{second_form}", PrepareOptions(val=1, test=1, workers=2)).info
        assert info.digests == one.digests
        assert (info.digest, info.splits, info.channels, info.classes) == (
            one.digest,
            one.splits,
            one.channels,
            one.classes,
        )


def test_hippocampus_in_nnunets_raw_form_gives_the_same_digest_of_content(tmp_path: Path) -> None:
    if "SIMCVD_REAL_DATA" not in os.environ:
        pytest.skip("SIMCVD_REAL_DATA does not name a folder of real data")
    real = Path(os.environ["SIMCVD_REAL_DATA"]) / "hippocampus"
    labels = {"background": 0, "Anterior": 1, "Posterior": 2}
    training = []
    for image in sorted((real / "imagesTr").glob("*.nii.gz"))[:10]:
        for place in ("imagesTr", "labelsTr"):
            (tmp_path / "decathlon" / place).mkdir(parents=True, exist_ok=True)
            (tmp_path / "decathlon" / place / image.name).symlink_to(real / place / image.name)
        training.append({"image": f"./imagesTr/{image.name}", "label": f"./labelsTr/{image.name}"})
    content = {"modality": {"0": "MRI"}, "labels": {str(n): i for i, n in labels.items()}, "training": training}
    (tmp_path / "decathlon" / "dataset.json").write_text(json.dumps(content | {"numTraining": 10}))
    to_nnunet(tmp_path / "decathlon", tmp_path / "nnunet", labels, ["MRI"], second_form=True)
    infos = [
        prepare_nifti(tmp_path / name, tmp_path / f"set_{name}", PrepareOptions(workers=2)).info
        for name in ("decathlon", "nnunet")
    ]
    assert len(infos[0].digests) == 10
    assert infos[0].digests == infos[1].digests
    assert infos[0].digest == infos[1].digest


def to_nnunet(source: Path, target: Path, labels: dict[str, int], channels: list[str], *, second_form: bool) -> None:
    """Write a Decathlon folder in nnU-Net's first or second raw form."""
    ids = []
    for place in ("imagesTr", "labelsTr"):
        (target / place).mkdir(parents=True)
    for path in sorted((source / "imagesTr").glob("*.nii.gz")):
        ids.append(path.name.removesuffix(".nii.gz"))
        image: Any = nibabel.load(path)
        voxels = np.asanyarray(image.dataobj)
        voxels = voxels if voxels.ndim == 4 else voxels[..., np.newaxis]
        for channel in range(voxels.shape[-1]):
            one = nibabel.Nifti1Image(voxels[..., channel], image.affine, image.header)
            nibabel.save(one, target / "imagesTr" / f"{ids[-1]}_{channel:04}.nii.gz")
        (target / "labelsTr" / path.name).write_bytes((source / "labelsTr" / path.name).read_bytes())
    content: dict[str, Any] = {"labels": labels, "file_ending": ".nii.gz", "numTraining": len(ids)}
    content["channel_names"] = {str(number): name for number, name in enumerate(channels)}
    if not second_form:
        content = {"labels": {str(number): name for name, number in labels.items()}, "numTraining": len(ids)}
        content["modality"] = {str(number): name for number, name in enumerate(channels)}
        content["training"] = [{"image": f"./imagesTr/{i}.nii.gz", "label": f"./labelsTr/{i}.nii.gz"} for i in ids]
    (target / "dataset.json").write_text(json.dumps(content))
