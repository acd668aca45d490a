"""A machine joins while a sweep runs in bfloat16, and its CPU has no such arithmetic: this one, told to do without."""

from typing import Any

import pytest
import torch

from simcvd.training.precision import has_fast_bfloat16
from tests.sweeps.chaos.disturbed import DisturbedSweep

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
    pytest.mark.skipif(not has_fast_bfloat16(torch.device("cpu")), reason="this CPU has no bfloat16 arithmetic"),
]


def test_a_node_without_the_sweeps_arithmetic_runs_nothing(
    disturbed: DisturbedSweep, make_cluster: Any, gate: Any, wait: Any
) -> None:
    runs, cluster = disturbed.runs, make_cluster(num_cpus=1)
    command = disturbed.start(gate.fault(5), address=cluster.address, until=lambda: len(gate.held) == 1)
    node = cluster.add_node(num_cpus=1, env_vars={"ONEDNN_MAX_CPU_ISA": "AVX2"})
    # The held trial's own attempt, and all that the three others have.
    wait(lambda: sum(len(path.read_text().splitlines()) for path in runs.glob("sweeps/*/ray/*/attempts/*")) == 10)
    gate.open()
    code, text = disturbed.end(command)
    assert code == 2, text
    told = "joined, but this sweep runs in bfloat16, and the CPU of node "
    assert text.count(told) == 2, text  # at once, and at the end
    cluster.remove_node(node)
    disturbed.assert_ends_well(disturbed.start(address=cluster.address))
    disturbed.assert_same_files()
