"""Statistics of per-case values: pure functions of arrays in one order of cases.

Letters: `V` variants, `S` seeds, `N` cases. The unit of a test is the case: seeds are averaged per case first. What the
seeds add to the uncertainty is told apart by `variance_components`, `crossed_test` and `hierarchical_interval`.
"""

from analysis.statistics.aa import aa_check
from analysis.statistics.components import VarianceComponents, variance_components
from analysis.statistics.crossed import CrossedTest, SeedVariance, crossed_test, seed_variance
from analysis.statistics.doubts import comparison_warnings
from analysis.statistics.effect_size import EffectSize, g_alone, hedges_g
from analysis.statistics.families import holm
from analysis.statistics.hierarchical import hierarchical_interval
from analysis.statistics.intervals import Interval, bca_interval, t_interval
from analysis.statistics.normality import normality_doubt
from analysis.statistics.paired import Alternative, PairedTest, paired_t_test
from analysis.statistics.power import detectable_difference, detectable_difference_over_seeds
from analysis.statistics.signed_rank import SignedRankTest, wilcoxon

__all__ = [
    "Alternative",
    "CrossedTest",
    "EffectSize",
    "Interval",
    "PairedTest",
    "SeedVariance",
    "SignedRankTest",
    "VarianceComponents",
    "aa_check",
    "bca_interval",
    "comparison_warnings",
    "crossed_test",
    "detectable_difference",
    "detectable_difference_over_seeds",
    "g_alone",
    "hedges_g",
    "hierarchical_interval",
    "holm",
    "normality_doubt",
    "paired_t_test",
    "seed_variance",
    "t_interval",
    "variance_components",
    "wilcoxon",
]
