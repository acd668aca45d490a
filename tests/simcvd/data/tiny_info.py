"""The description of a data set that has no files."""

from collections.abc import Mapping, Sequence

from simcvd.data.dataset_info import DatasetInfo, Intensity, Splits


def info_of(
    splits: Splits, train_order: Sequence[str], with_label: Sequence[str], groups: Mapping[str, str]
) -> DatasetInfo:
    ids = splits.all()
    return DatasetInfo(
        name="tiny",
        channels=("MR",),
        classes=("thing",),
        spacing_mm=(1, 1, 1),
        intensity=(Intensity(mean=0, std=1, percentile_00_5=-2, percentile_50=0, percentile_99_5=2),),
        splits=splits,
        train_order=tuple(train_order),
        with_label=tuple(case_id for case_id in ids if case_id in with_label),
        source="test",
        digests=dict.fromkeys(ids, "0"),
        shapes=dict.fromkeys(ids, (8, 8, 8)),
        groups=dict(groups),
    )
