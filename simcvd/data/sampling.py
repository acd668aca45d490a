"""Two-stream sampling: which case and which crop fills each place of each step's batch.

A pure function of the trial's seed and the place's number in its stream, so that it needs no state: a resumed trial and
any number of workers see the same crops.
"""

import numpy as np

from simcvd.draws import derived_seed


def case_at(seed: int, stream: str, place: int, cases: int) -> int:
    """Return the index of the case at `place` of a stream that visits all `cases` once an epoch, in random order.

    >>> sorted(case_at(0, "labeled", place, 4) for place in range(4))
    [0, 1, 2, 3]
    """
    epoch, position = divmod(place, cases)
    order = np.random.default_rng(derived_seed(seed, stream, "epoch", epoch)).permutation(cases)
    return int(order[position])


def crop_generator(seed: int, stream: str, place: int, use: str = "crop") -> np.random.Generator:
    """Return the generator that draws the crop at `place` of a stream, or what `use` names of it."""
    return np.random.default_rng(derived_seed(seed, stream, use, place))
