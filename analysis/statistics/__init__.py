"""Statistics of per-case values: pure functions of arrays in one order of cases.

Letters: `V` variants, `S` seeds, `N` cases. The unit of a test is the case: seeds are averaged per case first. What the
seeds add to the uncertainty is told by `crossed_test`.
"""

from analysis.statistics.crossed import CrossedTest, crossed_test
from analysis.statistics.effect_size import EffectSize, g_alone, hedges_g
from analysis.statistics.families import holm
from analysis.statistics.intervals import Interval, bca_interval, t_interval
from analysis.statistics.normality import normality_doubt
from analysis.statistics.paired import Alternative, PairedTest, paired_t_test
from analysis.statistics.power import detectable_difference
from analysis.statistics.samples import differences
from analysis.statistics.seed_variance import SeedVariance, seed_variance
from analysis.statistics.signed_rank import wilcoxon
from analysis.statistics.sources import seed_share_of_splits
from analysis.statistics.standing import Standing, standings

__all__ = [
    "Alternative",
    "CrossedTest",
    "EffectSize",
    "Interval",
    "PairedTest",
    "SeedVariance",
    "Standing",
    "bca_interval",
    "crossed_test",
    "detectable_difference",
    "differences",
    "g_alone",
    "hedges_g",
    "holm",
    "normality_doubt",
    "paired_t_test",
    "seed_share_of_splits",
    "seed_variance",
    "standings",
    "t_interval",
    "wilcoxon",
]
