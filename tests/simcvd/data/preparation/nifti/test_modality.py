import pytest

from simcvd.data.preparation.nifti.modality import modality_of


@pytest.mark.parametrize("name", ["CT", "ct", "CT scan", "portal venous CT", "CBCT", "CTA"])
def test_names_of_computed_tomography_are_known(name: str) -> None:
    assert modality_of([name]) == ("CT",)


@pytest.mark.parametrize(
    "name", ["MRI", "mr", "T1", "T1w", "T1Gd", "t1-weighted", "T2", "FLAIR", "ADC", "LGE", "t1_ce"]
)
def test_names_of_magnetic_resonance_are_known(name: str) -> None:
    assert modality_of([name]) == ("MR",)


@pytest.mark.parametrize("name", ["", "channel_0", "PET", "PET/CT", "CT/MR", "noNorm", "structure", "zscore", "T3"])
def test_other_names_say_nothing(name: str) -> None:
    assert modality_of([name]) is None


def test_each_channel_gets_its_own_and_one_unknown_leaves_all_open() -> None:
    assert modality_of(["FLAIR", "CT"]) == ("MR", "CT")
    assert modality_of(["FLAIR", "heat"]) is None
    assert modality_of([]) is None
