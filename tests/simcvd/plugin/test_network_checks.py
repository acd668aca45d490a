"""Each check of a network fails where a network breaks its promise, and says so; the documents' network passes them."""

import re
from collections.abc import Callable

import pytest

from simcvd.plugin.checks.check import Outcome
from simcvd.plugin.checks.network import NETWORK_CHECKS
from simcvd.plugin.sample import network_config

Checked = Callable[[str, dict[str, str]], Outcome]

RETURNED = "return self.last(found), bottom"
LAST = "self.last = nn.Conv3d(first, outputs, 1)"
IMPORTS = "import torch\n"
BROKEN = [
    (
        "outputs",
        {"class SmallUNet(nn.Module)": "class SmallUNet"},
        r"is of type SmallUNet: expected a torch\.nn\.Modul",
    ),
    (
        "outputs",
        {RETURNED: "return self.last(found)"},
        r"made for 1 channels and 2 outputs, it returns one Tensor: expec",
    ),
    ("outputs", {RETURNED: f"{RETURNED}, top"}, r"it returns a tuple of Tensor, Tensor, Tensor: expected two tensors"),
    (
        "outputs",
        {RETURNED: "return self.last(found)[..., ::2], bottom"},
        r"it returns outputs of 2 x 2 x 16 x 16 x 8: expected 2 x 2 x 16 x 16 x 16",
    ),
    (
        "outputs",
        {LAST: LAST.replace("outputs", "2")},
        r"made for 2 channels and 5 outputs, it returns outputs of 2 x 2 x",
    ),
    ("outputs", {RETURNED: "return self.last(found) / 0, bottom"}, r"it returns outputs that are not finite"),
    (
        "outputs",
        {RETURNED: "return self.last(found), bottom.detach()"},
        r"a bottleneck of 2 x 64 x 4 x 4 x 4: expected 2 x E x X x Y x Z, with a gradient",
    ),
    ("outputs", {"(image_channels, first)": "(1, first)"}, r"own\.py, line \d+: RuntimeError: "),
    (
        "trained",
        {LAST: f"{LAST}\n        self.spare = nn.Linear(1, 1)"},
        r"body\.spare\.weight, body\.spare\.bias get no gr",
    ),
    (
        "weights_drawn",
        {
            LAST: f"{LAST}\n        nn.init.constant_(self.last.bias, random.random())",
            IMPORTS: f"import random\n\n{IMPORTS}",
        },
        r"the global random numbers of Python are used",
    ),
    (
        "weights_drawn",
        {
            LAST: f"{LAST}\n        nn.init.constant_(self.last.bias, random.Random().random())",
            IMPORTS: f"import random\n\n{IMPORTS}",
        },
        r"body\.last\.bias differs between two networks of one seed",
    ),
    (
        "weights_drawn",
        {"top = self.top(image)": "top = nn.functional.dropout(self.top(image))"},
        r"the global random numbers of torch are used",
    ),
    (
        "copies",
        {"top = self.top(image)": "top = nn.functional.dropout(self.top(image))"},
        r"two passes over the same crops differ",
    ),
    (
        "copies",
        {
            LAST: f"{LAST}\n        self.first = lambda image: self.top(image)",
            "top = self.top(image)": "top = self.first(image)",
        },
        r"a copy changes with its original: expected it to share nothing",
    ),
    (
        "saved",
        {
            LAST: f"{LAST}\n        self.shift = torch.randn(())",
            RETURNED: "return self.last(found) + self.shift, bottom",
        },
        r"a network with the saved weights of another computes something else",
    ),
    ("methods", {RETURNED: "return self.last(found), bottom / 0"}, r"with the method simcvd the term '\w+' is nan"),
]


@pytest.mark.parametrize(("name", "changes", "told"), BROKEN)
def test_broken_network_fails_with_a_sentence_that_says_why(
    name: str, changes: dict[str, str], told: str, network_checked: Checked
) -> None:
    outcome = network_checked(name, changes)
    assert outcome.state == "FAILED"
    assert re.search(told, outcome.reason), outcome.reason
    assert "\n" not in outcome.reason


def test_each_check_is_seen_to_fail() -> None:
    assert {check.name for check in NETWORK_CHECKS} == {name for name, *_ in BROKEN}


@pytest.mark.parametrize("check", [check.name for check in NETWORK_CHECKS])
def test_documents_network_passes(check: str, network_checked: Checked) -> None:
    assert network_checked(check, {}) == ("ok", "")


@pytest.mark.parametrize(
    ("asked", "crop"), [("(4, 4, 4)", (16, 16, 16)), ("(32, 16, 2)", (64, 32, 16)), ("None", (16, 16, 16))]
)
def test_crop_is_of_what_the_network_asks_for(asked: str, crop: tuple[int, ...], network_checked: Checked) -> None:
    network_checked("outputs", {"multiple_of=(4, 4, 4)": f"multiple_of={asked}"})
    assert network_config("small_unet", {}).data.crop_vox == crop
