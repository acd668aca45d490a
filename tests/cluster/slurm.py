"""What the tests of the recipe for SLURM share, with stand-ins and with SLURM itself."""

from collections.abc import Iterable
from pathlib import Path

NODES = ("head", "first", "second")
RECIPE = Path(__file__).parents[2] / "docs" / "clusters" / "slurm.sbatch"
RAY_LEFT = "pgrep -af '(^|/)(raylet|gcs_server)( |$)|^ray::|ray/(dashboard|_private)/|[s]ymmetric-run'"
SWEEP = """
name: queued
base:
  preset: phantom
  training.steps: 100
  training.checkpoint_every_steps: 50
  training.log_every_steps: 1
axes: {projection.dropout: [0.0, 0.1, 0.5]}
reference: {projection.dropout: 0.1}
"""


def each_has_a_checkpoint(runs: Path, trials: Iterable[str]) -> None:
    """Without the notice the first one would be written at step 50."""
    for trial in trials:
        assert list((runs / "trials" / trial / "checkpoint").iterdir()), trial
