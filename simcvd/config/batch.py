"""Whether a batch suits the number of workers, the network and the method."""

import math

from simcvd.config.network import VNET
from simcvd.config.settings import TrialConfig
from simcvd.errors import UserError


def check_batch(config: TrialConfig, workers: int) -> None:
    """Refuse batches that workers can't share, that leave batch norm one value a channel, or ICT a crop without pair.

    Raises:
        UserError: with the setting to change.
    """
    crop = config.data.crop_vox
    sides = " x ".join(map(str, crop))
    positions = math.prod(side // divisor for side, divisor in zip(crop, config.crop_multiples, strict=True))
    for key in ("batch_labeled", "batch_unlabeled"):
        size = getattr(config.training, key)
        if size % workers:
            raise UserError(
                f"training.{key} is {size}, which {workers} workers can't share evenly; use a multiple of {workers}."
            )
        if config.network.name != VNET and positions < 2:
            raise UserError(
                f"A crop of {sides} voxels leaves the deepest map of {config.network.name} a single voxel, which can't "
                "be normalised; use a larger data.crop_vox."
            )
        if size * positions < 2:
            raise UserError(
                f"training.{key} is 1 with a crop of {sides} voxels, which leaves batch norm a single value; "
                "use 2 or more, or a larger data.crop_vox."
            )
    if config.method == "ict" and config.ict.consistency > 0 and config.training.batch_unlabeled < 2:
        raise UserError(
            f"training.batch_unlabeled is {config.training.batch_unlabeled}, but ict mixes pairs of unlabelled crops; "
            "use 2 or more."
        )
