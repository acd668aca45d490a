import math
import subprocess
import sys
from dataclasses import fields

import numpy as np

from simcvd.metrics.case import ClassScore, score_case
from simcvd.metrics.names import DISTANCES, METRICS, OVERLAPS, SURFACE_DICES, TOLERANCES_MM


def test_every_score_of_a_case_has_a_name_and_every_name_a_score() -> None:
    assert [field.name for field in fields(ClassScore) if field.type in (float, "float")] == list(METRICS)
    assert (*OVERLAPS, *DISTANCES, *SURFACE_DICES) == METRICS
    assert [f"nsd_{limit}mm" for limit in TOLERANCES_MM] == list(SURFACE_DICES)


def test_overlaps_are_known_where_nothing_is_predicted_and_distances_are_missing() -> None:
    label = np.zeros((4, 4, 4), np.uint8)
    label[1:3, 1:3, 1:3] = 1
    (score,) = score_case(np.zeros_like(label), label, 1, (1.0, 1.0, 1.0))
    assert {getattr(score, name) for name in (*OVERLAPS, *SURFACE_DICES)} == {0.0}
    assert all(math.isnan(getattr(score, name)) for name in DISTANCES)
    (neither,) = score_case(np.zeros_like(label), np.zeros_like(label), 1, (1.0, 1.0, 1.0))
    assert all(math.isnan(getattr(neither, name)) for name in METRICS)


def test_names_cost_no_import_of_what_computes_them() -> None:
    code = "import sys; import simcvd.metrics.names; print({'numpy', 'scipy', 'torch'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "set()"
