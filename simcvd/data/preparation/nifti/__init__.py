"""Folders of NIfTI, NRRD and MetaImage files."""

from pathlib import Path

from simcvd.data.preparation.nifti.scan_folder import find_cases
from simcvd.data.preparation.options import PrepareOptions
from simcvd.data.preparation.prepare import PrepareReport, prepare

__all__ = ["find_cases", "prepare_nifti"]


def prepare_nifti(source: Path, target: Path, options: PrepareOptions) -> PrepareReport:
    """Prepare a folder of images and labels.

    Cases come in the order of `dataset.json`, then by name. Class names come from the options, else from
    `dataset.json`, else they are found in the labels of the labelled training cases.

    Raises:
        UserError: what `find_cases` or `prepare` raises.
    """
    return prepare(find_cases(Path(source), options.channels), Path(target), options)
