"""From the names of channels to what recorded them, which decides how intensities are normalised."""

import re
from collections.abc import Iterable

_CT = frozenset({"ct", "cta", "cbct", "cect", "ncct", "hrct"})
_MR = frozenset({"mr", "mri", "cmr", "lge", "flair", "adc", "dwi", "dti", "swi", "bold", "pdw", "pd", "cine", "tof"})
_OTHER = frozenset({"pet", "spect", "us", "suv", "mask", "label", "seg"})
_WEIGHTED = re.compile(r"t[12](w|wi|ce|c|gd|f|n|fs|star)?")


def modality_of(channels: Iterable[str]) -> tuple[str, ...] | None:
    """Return `CT` or `MR` for each channel; none where the name of one says neither.

    >>> modality_of(["CT"]), modality_of(["FLAIR", "T1-weighted"]), modality_of(["CT", "channel_1"])
    (('CT',), ('MR', 'MR'), None)
    """
    kinds = [_kind(name) for name in channels]
    return tuple(kind for kind in kinds if kind) if kinds and all(kinds) else None


def _kind(name: str) -> str | None:
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    ct, mr = bool(words & _CT), bool(words & _MR) or any(_WEIGHTED.fullmatch(word) for word in words)
    if ct == mr or words & _OTHER:
        return None
    return "CT" if ct else "MR"
