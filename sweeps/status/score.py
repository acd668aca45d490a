"""A Dice score as people read it while trials run: in percent, as in the tables."""


def percent(dice: float) -> str:
    """Return a Dice score from 0 to 1 in percent, with one decimal.

    >>> percent(0.8154)
    '81.5 %'
    """
    return f"{100 * dice:.1f} %"


def told_dice(dice: float, split: str | None) -> str:
    """Return a score with where it comes from.

    >>> told_dice(0.8154, "val")
    'val Dice 81.5 %'
    """
    return f"{split} Dice {percent(dice)}"
