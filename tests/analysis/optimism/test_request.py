import pytest

from analysis.errors import AnalysisError
from analysis.optimism.request import FORMATS, check_request
from analysis.tables import Style
from analysis.tables.request import Request


@pytest.mark.parametrize("form", FORMATS)
def test_one_sweep_in_dice_is_answered(form: str) -> None:
    check_request(["toy"], form, Request())
    check_request(["toy"], form, Request(("dice",)))


@pytest.mark.parametrize(
    ("sources", "form", "request_", "message"),
    [
        (["scores.csv"], "md", Request(), "the file of scores scores.csv has not"),
        (["a", "b"], "md", Request(), "one sweep at a time, not for 2"),
        (["a"], "latex", Request(), "formats terminal, md, csv, but not latex"),
        (["a"], "md", Request(("dice", "hd95_mm")), "the metric dice, not for dice, hd95_mm"),
        (["a"], "md", Request(reference="x"), "leave out --reference, --published"),
        (["a"], "md", Request(sides="one-sided"), "leave out --one-sided or --two-sided, --published"),
        (["a"], "md", Request(style=Style("ci", "stars", 1)), "out --spread, --significance, --margin, --published"),
    ],
)
def test_what_it_does_not_answer_is_refused(sources: list[str], form: str, request_: Request, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        check_request(sources, form, request_, ["--published"])
