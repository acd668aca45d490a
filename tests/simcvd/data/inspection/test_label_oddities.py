from dataclasses import replace

from simcvd.data.inspection.case_facts import LabelFacts
from simcvd.data.inspection.label_oddities import (
    empty_labels,
    misplaced_labels,
    missing_classes,
    swapped_classes,
    touched_borders,
)
from simcvd.data.inspection.oddities import oddities
from tests.simcvd.data.inspection.facts import MISSING, alike, case, one_class

CLASSES = ("large", "small")


def told(found):
    return [(finding.kind, finding.cases) for finding in found]


def test_an_empty_label_is_told_and_not_as_one_without_each_class():
    cases = alike(6, label=LabelFacts((MISSING, MISSING)))
    assert told(empty_labels(cases)) == [("empty", ("odd",))]
    assert missing_classes(cases, CLASSES) == []
    assert empty_labels(cases)[0].text == "A label without foreground: odd."


def test_a_class_missing_from_cases_is_told_once_with_their_names():
    cases = [case(n) if n < 6 else case(n, label=LabelFacts((one_class(), MISSING))) for n in range(13)]
    (found,) = missing_classes(cases, CLASSES)
    assert found.text == "The class small is missing from 7 of 13 labels: c6, c7, c8, c9, c10 and 2 more."
    assert len(found.cases) == 7


def test_classes_whose_volumes_exchange_rank_look_swapped():
    large, small = case(0).label.classes
    swapped = LabelFacts((replace(large, voxels=small.voxels), replace(small, voxels=large.voxels)))
    (found,) = swapped_classes(alike(12, label=swapped), CLASSES)
    assert found.text == "Case odd: large and small look swapped, or the label mirrored; look at it."


def test_classes_of_equal_volume_look_swapped_where_they_exchange_places():
    def sides(right, left):
        return LabelFacts((one_class(1000, x=right), one_class(1010, x=left)))

    cases = [case(n, label=sides(100 + n % 3, 20 + n % 2)) for n in range(12)]
    assert swapped_classes(cases, CLASSES) == []
    assert told(swapped_classes([*cases, case(12, id="odd", label=sides(20, 100))], CLASSES)) == [("swapped", ("odd",))]


def test_classes_that_are_now_larger_and_now_smaller_are_not_swapped():
    volumes = [900, 1100, 800, 1300, 950, 1050, 700, 1250]
    cases = [case(n, label=LabelFacts((one_class(v), one_class(1000)))) for n, v in enumerate(volumes)]
    assert swapped_classes(cases, CLASSES) == []


def test_a_rank_that_a_third_of_the_cases_exchange_is_no_swap():
    usual, other = LabelFacts((one_class(2000), one_class(1000))), LabelFacts((one_class(1000), one_class(2000)))
    cases = [case(n, label=other if n % 3 == 0 else usual) for n in range(30)]
    assert swapped_classes(cases, CLASSES) == []


def test_two_swapped_cases_of_thirty_are_both_told():
    large, small = case(0).label.classes
    cases = [case(n) for n in range(28)] + [case(n, label=LabelFacts((small, large))) for n in (28, 29)]
    assert {finding.cases for finding in swapped_classes(cases, CLASSES)} == {("c28",), ("c29",)}


def test_a_label_on_air_is_told_even_of_few_cases():
    air = replace(case(0).label, on_smallest=0.97)
    (found,) = misplaced_labels([case(0), case(1, id="odd", label=air)])
    assert found.text == "Case odd: 97% of the label lies on the image's smallest value; does it belong to this image?"


def test_a_class_that_lies_on_air_in_all_cases_is_not_odd():
    lung = replace(case(0).label, on_smallest=0.97, on_dark=1.0)
    assert misplaced_labels([case(n, label=lung) for n in range(9)]) == []


def test_a_label_on_other_intensities_than_all_others_is_told():
    found = misplaced_labels(alike(12, label=replace(case(0).label, on_dark=0.8)))
    assert told(found) == [("place", ("odd",))]
    assert "80% of the label lies on the image's darker part, 10% in the median case" in found[0].text
    dark = [case(n, label=replace(case(0).label, on_dark=0.9 + 0.01 * (n % 3))) for n in range(12)]
    assert told(misplaced_labels([*dark, case(12, id="odd")])) == [("place", ("odd",))]


def test_labels_at_the_border_are_told_in_one_sentence():
    cut = replace(case(0).label, border=("low Z", "high Z"))
    (found,) = touched_borders([case(0), case(1, label=cut), case(2, label=replace(cut, border=("low X",)))])
    assert found.text == (
        "2 of 3 labels touch the scan's border (low X, low Z, high Z), so a part may be cut off: c1, c2."
    )


def test_cases_without_label_are_not_judged_by_one():
    cases = [case(n, label=None) for n in range(8)]
    assert oddities(cases, CLASSES) == []
