from pathlib import Path

import pytest

from analysis.errors import AnalysisError
from analysis.runs.average_mask import AverageMask, read_average_mask, write_average_mask


def test_what_is_written_is_read(tmp_path: Path) -> None:
    mask = AverageMask("digest", ("a", "b"), {"c": 0.25, "d": 0.5})
    assert read_average_mask(tmp_path, "toy") is None
    write_average_mask(tmp_path, "toy", mask)
    assert read_average_mask(tmp_path, "toy") == mask


def _with_dice(value: str) -> str:
    return f'{{"dice": {{"a": 0.5, "b": {value}}}, "labeled": [], "dataset_digest": "d"}}'


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "{}", *map(_with_dice, ['"x"', "NaN", "Infinity", "-Infinity", "1e999", '"nan"', "1.5", "-0.1"])],
)
def test_a_damaged_file_is_told(tmp_path: Path, content: str) -> None:
    write_average_mask(tmp_path, "toy", AverageMask("d", (), {}))
    (file,) = tmp_path.rglob("average_mask.json")
    file.write_text(content)
    with pytest.raises(AnalysisError, match="delete it, and the sweep's command writes it anew"):
        read_average_mask(tmp_path, "toy")
