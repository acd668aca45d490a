"""Each check of a method fails where a method breaks its promise, and says so; the documents' method passes them."""

import re
from collections.abc import Callable

import pytest
import torch

from simcvd.plugin.checks import terms
from simcvd.plugin.checks.check import Outcome
from simcvd.plugin.checks.method import METHOD_CHECKS
from simcvd.plugin.checks.randomness import global_states
from simcvd.training.precision import has_fast_bfloat16

Checked = Callable[[str, dict[str, str]], Outcome]

VALUE = "value = (unlabeled.probs - target).square().mean()"
TERM = 'plugin.Term("consistency", value, weight)'
ASKS = "self.needs_unlabeled = self.own.consistency > 0"
IMAGE = "image = batch.image_unlabeled if self.needs_unlabeled else None"
TEACHER_SEES = 'plugin.noisy(image, self.config, draws, "teacher")'
OPTIMISERS = 'self.optimisers = {"sgd": plugin.sgd(self.networks.values(), config.training)}'
BUILT = "plugin.build_network(config, image_channels, classes)"
FIRST_LINE = '"""Return L_seg and, where it has weight, the consistency."""'
TERMS = "    def terms("
ENDED = "            return terms\n"
IMPORTS = "import torch\n"
BROKEN = [
    ("parts", {"(plugin.Method)": ""}, r"the class derives from object: expected Method"),
    ("parts", {"        self.diagnostics = {}\n": ""}, r"`diagnostics` is missing: set it in `__init__`"),
    ("parts", {ASKS: "self.needs_unlabeled = 1"}, r"`needs_unlabeled` is of type int: expected bool"),
    ("parts", {'{"sgd": ': '{"adam": '}, r"the optimisers are called adam: expected one called sgd"),
    ("parts", {BUILT: "nn.Conv3d(1, 2, 1)"}, r"networks\['student'\] is of type Conv3d: build it by `build_network`"),
    ("terms", {VALUE: f"{VALUE[:-2]}((1, 2, 3, 4))"}, r"'consistency' at step 0 has 2 values: expected one"),
    ("terms", {VALUE: f"{VALUE}.double()"}, r"'consistency' at step 0 is torch\.float64: expected torch\.float32"),
    ("terms", {VALUE: f"{VALUE} / 0"}, r"'consistency' at step 0 is inf: expected a finite number"),
    ("terms", {VALUE: f"{VALUE}.detach()"}, r"'consistency' at step 0 has no gradient: .* detached"),
    ("terms", {VALUE: "value = 0.5"}, r"'consistency' at step 0 is of type float: expected a tensor"),
    ("terms", {TERM: 'plugin.Term("dice", value, weight)'}, r"two terms at step 0 are called 'dice'"),
    ("terms", {TERM: 'plugin.Term("consistency", value, 0.0)'}, r"has the weight 0\.0: expected one above 0"),
    ("terms", {f"return [*terms, {TERM}]": "return []"}, r"there is no term at step 0: expected at least one"),
    (
        "parameters",
        {
            OPTIMISERS: f"{OPTIMISERS}\n        self.networks['teacher'].requires_grad_(True)",
            "torch.no_grad()": "torch.enable_grad()",
        },
        r"teacher\.\S+ gets a gradient at step 0, but no optimiser trains it then: expected none",
    ),
    (
        "parameters",
        {OPTIMISERS: f"self.networks['spare'] = {BUILT}\n        {OPTIMISERS}"},
        r"spare\.\S+, spare\.\S+, spare\.\S+ and \d+ more of the trained weights get no gradient at the steps 0, 1, 9",
    ),
    (
        "parameters",
        {"plugin.sgd(self.networks.values()": "plugin.sgd([*self.networks.values(), nn.Linear(2, 2)]"},
        r"an optimiser trains weights that are in none of `networks`",
    ),
    (
        "parameters",
        {VALUE: f"{VALUE} + (unlabeled.probs - unlabeled.probs).sqrt().mean()"},
        r"the gradient of student\.\S+ at step 0 is not finite",
    ),
    (
        "weights",
        {ASKS: "self.needs_unlabeled = True"},
        r"sharp_teacher\.consistency=0 leaves all terms \(consistency, ",
    ),
    ("weights", {ENDED: ENDED.replace("terms", "[]")}, r"sharp_teacher\.consistency=0 leaves no term at all, of cons"),
    (
        "weights",
        {ENDED: ENDED.replace("terms", "[*terms, plugin.Term('other', terms[0].value, 1.0)]")},
        r"sharp_teacher\.consistency=0 adds the terms other to consistency, cross_entropy, dice",
    ),
    (
        "unlabelled",
        {ASKS: "self.needs_unlabeled = True", IMAGE: IMAGE.replace("self.needs_unlabeled", "self.own.consistency > 0")},
        r"`needs_unlabeled` is true with sharp_teacher\.consistency 0, but no term needs unlabelled crops",
    ),
    (
        "unlabelled",
        {ASKS: "self.needs_unlabeled = False", IMAGE: "image = batch.image_unlabeled * 1"},
        r"`needs_unlabeled` is false, but a step without unlabelled crops ends with own\.py, line \d+: TypeError: ",
    ),
    (
        "unlabelled",
        {IMAGE: "image = torch.zeros_like(batch.image_unlabeled) if self.needs_unlabeled else None"},
        r"`needs_unlabeled` is true, but no term needs unlabelled crops",
    ),
    (
        "seed",
        {TEACHER_SEES: "image + torch.randn_like(image)"},
        r"the loss at step 0 differs between two runs with the same seed \(consistency: \S+ and \S+\): random numbers "
        r"must come from `draws`",
    ),
    (
        "seed",
        {"(config.seed)": "(0)", FIRST_LINE: f"{FIRST_LINE}\n        draws = plugin.Draws(0, step)"},
        r"the loss at step 0 is the same with two seeds",
    ),
    ("global_state", {TEACHER_SEES: "image + torch.randn_like(image)"}, r"the global random numbers of torch are used"),
    (
        "global_state",
        {TEACHER_SEES: "image + random.random()", IMPORTS: f"import random\n\n{IMPORTS}"},
        r"the global random numbers of Python are used",
    ),
    (
        "global_state",
        {TEACHER_SEES: "image + np.random.rand()", IMPORTS: f"import numpy as np\n{IMPORTS}"},
        r"the global random numbers of numpy are used",
    ),
    (
        "global_state",
        {TEACHER_SEES: "image + torch.initial_seed()"},
        r"the loss depends on the global random state \(consistency: \S+ and \S+\)",
    ),
    (
        "resume",
        {
            FIRST_LINE: f"{FIRST_LINE}\n        self.count = getattr(self, 'count', 0) + 1",
            TERM: 'plugin.Term("consistency", value, weight * self.count)',
        },
        r"the loss at step 2 differs after a checkpoint \(consistency: weight \S+ and \S+\): what a method remembers",
    ),
    (
        "resume",
        {
            TERMS: "    def after_step(self, step):\n        super().after_step(step)\n"
            "        self.count = getattr(self, 'count', 0) + 1\n"
            f"        next(self.networks['teacher'].parameters()).fill_(self.count)\n\n{TERMS}"
        },
        r"teacher\.\S+ differs after step 2 and a checkpoint before it",
    ),
    (
        "resume",
        {OPTIMISERS: f"{OPTIMISERS}\n        self.optimisers['sgd'].param_groups[0]['mark'] = object()"},
        r"a checkpoint of `networks` and `optimisers` can't be read",
    ),
    ("classes", {BUILT: BUILT.replace("image_channels", "1")}, r"own\.py, line \d+: RuntimeError: "),
    (
        "classes",
        {BUILT: BUILT.replace("classes", "classes + 1")},
        r"the segmenter 'student' maps an image of 1 x 2 x 8 x 16 x 8 to 1 x 5 x 8 x 16 x 8: expected logits of 1 x 4",
    ),
    (
        "thick_slices",
        {VALUE: "value = nn.functional.avg_pool3d(unlabeled.probs - target, 8).square().mean()"},
        r"own\.py, line \d+: RuntimeError: .*smaller than kernel size",
    ),
    (
        "segmenters",
        {TERMS: f"    def before_step(self, step):\n        self.networks['teacher'].train()\n\n{TERMS}"},
        r"a step after a validation differs from one without: expected `before_step` to put all networks back",
    ),
    (
        "segmenters",
        {
            TERMS: "    def after_step(self, step):\n"
            f"        next(self.networks['student'].parameters()).data.fill_(torch.nan)\n\n{TERMS}"
        },
        r"logits of the segmenter 'student' are not finite in eval mode",
    ),
    ("diagnostics", {"self.diagnostics = {}": "self.diagnostics = {'a': torch.ones(())}"}, r"before the first step"),
    ("diagnostics", {VALUE: f"{VALUE}\n            self.diagnostics = {{'a': value}}"}, r"'a' has a gradient"),
    (
        "diagnostics",
        {VALUE: f"{VALUE}\n            self.diagnostics = {{'a': value.item()}}"},
        r"the diagnostic 'a' is of type float: expected a tensor",
    ),
    (
        "diagnostics",
        {VALUE: f"{VALUE}\n            self.diagnostics = {{'a': target.mean((0, 2, 3, 4))}}"},
        r"the diagnostic 'a' has 2 values: expected one",
    ),
]
SLOWLY_BROKEN = [
    (
        "two_workers",
        {VALUE: f"{VALUE}.sqrt()"},
        r"the term 'consistency' at step 0 is \S+ on one worker and \S+ on two: expected the same",
    ),
    (
        "two_workers",
        {FIRST_LINE: f"{FIRST_LINE}\n        assert draws.workers == 1, 'no'"},
        r"one of two workers failed: own\.py, line \d+: AssertionError: no",
    ),
    (
        "learning",
        {
            TERMS: "    def before_step(self, step):\n        super().before_step(step)\n"
            f"        self.optimisers['sgd'].param_groups[0]['lr'] = 0.0\n\n{TERMS}"
        },
        r"Dice on the phantom is 0\.0\d after 100 steps: expected more than 0\.45",
    ),
]


@pytest.mark.parametrize(("name", "changes", "told"), BROKEN)
def test_broken_method_fails_with_a_sentence_that_says_why(
    name: str, changes: dict[str, str], told: str, method_checked: Checked
) -> None:
    _fails(method_checked(name, changes), told)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "changes", "told"), SLOWLY_BROKEN)
def test_broken_method_fails_in_training_with_a_sentence(
    name: str, changes: dict[str, str], told: str, method_checked: Checked
) -> None:
    _fails(method_checked(name, changes), told)


def _fails(outcome: Outcome, told: str) -> None:
    assert outcome.state == "FAILED"
    assert re.search(told, outcome.reason), outcome.reason
    assert "\n" not in outcome.reason


def test_each_check_is_seen_to_fail() -> None:
    shown = {name for name, *_ in [*BROKEN, *SLOWLY_BROKEN]}
    assert {check.name for check in METHOD_CHECKS} - shown == {"bfloat16"}


@pytest.mark.parametrize("check", [check.name for check in METHOD_CHECKS if not check.slow])
def test_documents_method_passes(check: str, method_checked: Checked) -> None:
    if check == "bfloat16" and not has_fast_bfloat16(torch.device("cpu")):
        pytest.skip("this processor computes bfloat16 convolutions 100 times slower")
    assert method_checked(check, {}) == ("ok", "")


@pytest.mark.slow
@pytest.mark.parametrize("check", [check.name for check in METHOD_CHECKS if check.slow])
def test_documents_method_trains(check: str, method_checked: Checked) -> None:
    assert method_checked(check, {}) == ("ok", "")


@pytest.mark.skipif(not has_fast_bfloat16(torch.device("cpu")), reason="this processor has no bfloat16 arithmetic")
def test_loss_in_bfloat16_fails(method_checked: Checked) -> None:
    changes = {VALUE: f"{VALUE}.to(unlabeled.bottleneck.dtype)"}
    _fails(method_checked("bfloat16", changes), r"'consistency' under bfloat16 is torch\.bfloat16: expected torch\.fl")


def test_bfloat16_is_left_out_where_the_processor_has_none(
    method_checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terms, "has_fast_bfloat16", lambda device: False)
    assert method_checked("bfloat16", {}).state == "skipped"


def test_method_without_weights_has_none_to_set_to_0(method_checked: Checked) -> None:
    outcome = method_checked("weights", {"consistency: plugin.Weight": "consistency: plugin.Fraction"})
    assert outcome == ("skipped", "its section has no weights, which are numbers from 0 without upper end")


def test_weight_that_is_0_by_default_is_tried_with_1(method_checked: Checked) -> None:
    outcome = method_checked("weights", {"plugin.Field(0.1": "plugin.Field(0.0", ASKS: "self.needs_unlabeled = True"})
    _fails(outcome, r"sharp_teacher\.consistency=0 leaves all terms")


@pytest.mark.parametrize("check", ["terms", "weights", "unlabelled"])
def test_settings_may_be_lists(check: str, method_checked: Checked) -> None:
    setting = "ramp_up_fraction: plugin.Fraction"
    changes = {setting: f"sides: list[int] = plugin.Field([1, 2], description='Sides.')\n    {setting}"}
    assert method_checked(check, changes) == ("ok", "")


def test_checks_leave_the_global_random_states_as_they_were(method_checked: Checked) -> None:
    before = global_states()
    assert method_checked("global_state", {TEACHER_SEES: "image + torch.randn_like(image)"}).state == "FAILED"
    assert global_states() == before
