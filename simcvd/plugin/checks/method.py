"""All checks of a method, in the order in which they run: without the first, none of the others makes sense."""

from typing import Final

from simcvd.plugin.checks.check import Check
from simcvd.plugin.checks.learning import LEAST_DICE, check_learning
from simcvd.plugin.checks.parts import check_parameters, check_parts
from simcvd.plugin.checks.randomness import check_global_state, check_resume, check_seed
from simcvd.plugin.checks.shapes import check_classes, check_segmenters, check_thick_slices
from simcvd.plugin.checks.terms import (
    check_bfloat16,
    check_diagnostics,
    check_terms,
    check_unlabelled,
    check_weights,
)
from simcvd.plugin.checks.two_workers import check_two_workers

METHOD_CHECKS: Final = (
    Check("parts", "it has networks, optimisers and all else that training reads", check_parts),
    Check("terms", "each term is one finite float32 number with a name, a weight and a gradient", check_terms),
    Check("parameters", "each trained weight gets a gradient, and no other does", check_parameters),
    Check("weights", "each weight of its section can be 0, which takes away its terms alone", check_weights),
    Check("unlabelled", "unlabelled crops are asked for only where a term needs them", check_unlabelled),
    Check("seed", "the same seed gives the same losses, another seed others", check_seed),
    Check("global_state", "global random states are neither read nor moved", check_global_state),
    Check("resume", "a training that was cut off goes on as if it had not been", check_resume),
    Check("classes", "it trains and segments with several classes and channels", check_classes),
    Check("thick_slices", "it trains and segments with few thick slices", check_thick_slices),
    Check("segmenters", "its networks segment, which leaves training as it was", check_segmenters),
    Check("diagnostics", "what it logs beside the terms is detached numbers", check_diagnostics),
    Check("bfloat16", "losses stay float32 and finite under bfloat16 arithmetic", check_bfloat16),
    Check("two_workers", "two workers compute what one computes", check_two_workers, slow=True),
    Check("learning", f"100 steps on the phantom give a Dice above {LEAST_DICE}", check_learning, slow=True),
)
