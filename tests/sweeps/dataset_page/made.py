"""A data set whose names are markup."""

import numpy as np

from simcvd.data.store import Grid, Origin, Splits, build_info, write_case, write_info

EVIL = ('<script>alert("a")</script>', "</style>&amp;", "plain")


def make(folder, cases=4, spacing=(1.0, 2.0, 3.0)):
    """Write a set whose class names are markup; the first three cases are labelled training cases."""
    ids = [f"case_{number}" for number in range(cases)]
    digests = {}
    for number, case_id in enumerate(ids):
        image = np.random.default_rng(number % (cases - 1)).normal(size=(20, 30, 8))
        label = np.zeros(image.shape, np.uint8)
        label[5:10, 5:10, 2:6] = 1
        label[10:14, 5:10, 2:6] = 3
        grid = Grid(spacing, np.diag([*spacing, 1]), image.shape)
        digests[case_id] = write_case(folder, case_id, image, label, grid, classes=3)
    info = build_info(
        folder,
        name="<b>set</b>",
        channels=("<i>MR</i>",),
        classes=EVIL,
        splits=Splits(train_labeled=tuple(ids[:-1]), test=(ids[-1],)),
        train_order=tuple(ids[:-1]),
        digests=digests,
        origin=Origin("<u>here</u>"),
    )
    write_info(folder, info)
    return folder
