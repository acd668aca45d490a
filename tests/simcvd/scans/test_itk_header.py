"""Headers that name a file of the machine as their voxels, in every way that one of the two readers could take."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simcvd.errors import UserError
from simcvd.scans.formats import read_scan
from simcvd.scans.itk import read_metaimage, read_nrrd
from tests.simcvd.scans.scan_files import VOXELS, edit, itk

META = (
    b"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nElementSpacing = 1 1 1\n"
    b"DimSize = 4 4 4\nElementType = MET_UCHAR\n"
)
NRRD = b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 4 4 4\nspacings: 1 1 1\nencoding: raw\n"
OWN = b"x" * 64

NAMED = "its header names '{}' as its voxels; put one file with the voxels beside the header, and its plain name into"
LINE = "its header has the line '"

HOSTILE: dict[str, tuple[str, bytes, str]] = {
    "absolute": ("a.mhd", META + b"ElementDataFile = SECRET\n", NAMED),
    "absolute in .mha": ("a.mha", META + b"ElementDataFile = SECRET\n" + OWN, NAMED),
    "a folder up": ("a.mhd", META + b"ElementDataFile = ../secret\n", NAMED.format("../secret")),
    "a folder below": ("a.mhd", META + b"ElementDataFile = below/raw\n", NAMED.format("below/raw")),
    "list": ("a.mhd", META + b"ElementDataFile = LIST\nSECRET\n", NAMED.format("LIST")),
    "list of planes": ("a.mhd", META + b"ElementDataFile = LIST 2\nSECRET\n", NAMED.format("LIST 2")),
    "pattern": ("a.mhd", META + b"ElementDataFile = %d.raw 1 4 1\n", NAMED.format("%d.raw 1 4 1")),
    "behind a blank line": ("a.mhd", b"ObjectType = Image\n\n" + META[19:] + b"ElementDataFile = SECRET\n", NAMED),
    "by a colon": ("a.mhd", META + b"ElementDataFile : SECRET\n", NAMED),
    "separator a line later": ("a.mha", META + b"ElementDataFile\nComment = SECRET\n" + OWN, LINE),
    "value a line later": ("a.mha", META + b"ElementDataFile =\nSECRET\n" + OWN, LINE),
    "swallowed by an empty value": (
        "a.mha",
        META + b"Comment =\nElementDataFile = LOCAL\nElementDataFile = SECRET\n" + OWN,
        LINE,
    ),
    "behind a carriage return": (
        "a.mha",
        META + b"Comment = a\rElementDataFile = LOCAL\nElementDataFile = SECRET\n" + OWN,
        LINE,
    ),
    "behind another spelling": (
        "a.mha",
        META + b"elementdatafile = LOCAL\nElementDataFile = SECRET\n" + OWN,
        "its header has the field 'elementdatafile', expected ElementDataFile",
    ),
    "behind a long line": ("a.mha", META + b"Comment = " + b"c" * 5000 + b"\nElementDataFile = SECRET\n" + OWN, LINE),
    "no place": ("a.mha", META, "its header does not say where its voxels are (ElementDataFile)"),
    "NRRD absolute": ("a.nhdr", NRRD + b"data file: SECRET\n", NAMED),
    "NRRD in one file": ("a.nrrd", NRRD + b"data file: SECRET\n\n" + OWN, NAMED),
    "NRRD a folder up": ("a.nhdr", NRRD + b"datafile: ../secret\n", NAMED.format("../secret")),
    "NRRD other letters": ("a.nhdr", NRRD + b"Data File: SECRET\n", NAMED),
    "NRRD list": ("a.nhdr", NRRD + b"data file: LIST\n" + b"SECRET\n" * 4, NAMED.format("LIST")),
    "NRRD pattern": ("a.nhdr", NRRD + b"data file: %d.raw 1 4 1\n", NAMED.format("%d.raw 1 4 1")),
    "NRRD of standard input": ("a.nhdr", NRRD + b"data file: -\n", NAMED.format("-")),
    "NRRD behind a long header": ("a.nrrd", NRRD + b"#" + b"c" * 70000 + b"\ndata file: SECRET\n\n" + OWN, NAMED),
    "NRRD without an end": ("a.nrrd", NRRD + b"#" + b"c" * 2**20 + b"\ndata file: SECRET\n\n", "no end within"),
    "NRRD behind blanks": ("a.nrrd", NRRD + b" \ndata file: SECRET\n\n" + OWN, LINE),
    "NRRD behind a carriage return": ("a.nrrd", NRRD + b"#\r\r\ndata file: SECRET\n\n" + OWN, LINE),
    "NRRD with MetaImage's word": ("a.nrrd", NRRD + b"elementdatafile:=LOCAL\ndata file: SECRET\n\n" + OWN, NAMED),
    "NRRD with a pair of that name": ("a.nrrd", NRRD + b"data file: SECRET\ndatafile:=raw\n\n" + OWN, NAMED),
    "NRRD twice": ("a.nrrd", NRRD + b"data file: raw\ndatafile: SECRET\n\n" + OWN, "has the field 'datafile' twice"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "told"), HOSTILE.values(), ids=list(HOSTILE))
def test_a_header_can_not_pull_in_a_file_of_the_machine(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"S" * 64)
    folder = tmp_path / "scans"
    (folder / "below").mkdir(parents=True)
    for place in ("raw", "below/raw", *(f"{number}.raw" for number in range(1, 5))):
        (folder / place).write_bytes(OWN)
    (folder / name).write_bytes(content.replace(b"SECRET", bytes(secret)))
    with pytest.raises(UserError, match=re.escape(told.format(secret))):
        read_scan(folder / name)


def _names(path: Path, raw: str) -> Path:
    field = b"data file: " if path.suffix == ".nhdr" else b"ElementDataFile = "
    path.write_bytes((NRRD if path.suffix == ".nhdr" else META) + field + raw.encode() + b"\n")
    return path


@pytest.mark.parametrize("ending", [".nhdr", ".mhd"])
@pytest.mark.parametrize("raw", ["v.raw", "scan 1.raw", "ä.raw", ".raw"])
def test_voxels_beside_the_header_are_read(ending: str, raw: str, tmp_path: Path) -> None:
    (tmp_path / raw).write_bytes(OWN)
    assert (read_scan(_names(tmp_path / f"a{ending}", raw)).array == ord("x")).all()


@pytest.mark.parametrize("ending", [".nhdr", ".mhd"])
@pytest.mark.parametrize("raw", ["..", ".", "a:b", "a\\b", "v.raw\xa0", "v.raw\xe4"])
def test_a_name_that_a_reader_may_take_for_another_is_refused(ending: str, raw: str, tmp_path: Path) -> None:
    for name in (raw, "v.raw"):
        if name not in ("..", "."):
            (tmp_path / name).write_bytes(OWN)
    with pytest.raises(UserError, match="its header names '"):
        read_scan(_names(tmp_path / f"a{ending}", raw))


@pytest.mark.parametrize("ending", [".nhdr", ".mhd"])
def test_a_link_out_of_the_folder_is_no_voxels(ending: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(OWN)
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "v.raw").symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match=r"its voxels in v\.raw are a link to a file of another folder; put one file"):
        read_scan(_names(folder / f"a{ending}", "v.raw"))


@pytest.mark.parametrize("ending", [".nhdr", ".mhd"])
def test_header_and_voxels_that_are_linked_from_one_folder_are_read(ending: str, tmp_path: Path) -> None:
    """A folder of links to one's own scans; also a folder that is a link itself."""
    store, farm = tmp_path / "store", tmp_path / "farm"
    store.mkdir()
    farm.mkdir()
    itk(store / f"a{ending}")
    for path in store.iterdir():
        (farm / path.name).symlink_to(path)
    (tmp_path / "same").symlink_to(store)
    for folder in (farm, tmp_path / "same"):
        np.testing.assert_array_equal(read_scan(folder / f"a{ending}").array, VOXELS)


@pytest.mark.parametrize(
    ("read", "header", "more"),
    [
        (read_metaimage, META, b"Comment : a note, with: colons\n\nModality = MET_MOD_CT\nElementDataFile = Local\n"),
        (read_nrrd, NRRD, b"# comment\ncontent: a:=b\nDICOM:x:=CT\nempty:=\nnote:=a: b\n\n"),
    ],
)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_odd_headers_that_both_readers_take_alike_are_read(
    read: Callable[[Path], object], header: bytes, more: bytes, line_end: bytes, tmp_path: Path
) -> None:
    path = tmp_path / ("a.mha" if read is read_metaimage else "a.nrrd")
    path.write_bytes((header + more).replace(b"\n", line_end) + OWN)
    assert (read_scan(path).array == ord("x")).all()


@pytest.mark.parametrize("packed", [10**12, -1])
def test_a_packed_size_beyond_the_file_takes_no_memory(packed: int, tmp_path: Path) -> None:
    path = itk(tmp_path / "a.mha", packed=True)
    size = re.search(rb"CompressedDataSize = \d+", path.read_bytes())
    assert size
    edit(path, size[0], b"CompressedDataSize = %d" % packed)
    with pytest.raises(UserError, match=rf"its header says {packed} bytes of compressed voxels"):
        read_metaimage(path)
