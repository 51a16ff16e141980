"""Label maps: one notation, the names data sets use, and what a map says about regions."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from benchmark.errors import DataError, UsageError
from benchmark.labels import CANONICAL, label_named, named_labels, parse_labels
from benchmark.types import Label, Region


def test_the_notation_maps_codes_and_reads_back_as_written() -> None:
    labels = parse_labels(" scar=3,4 ; myocardium=2;cavity=500;")
    assert dict(labels.codes) == {0: 0, 2: 2, 3: 3, 4: 3, 500: 1}
    assert str(labels) == "background=0;cavity=500;myocardium=2;scar=3,4"
    assert parse_labels(str(labels)) == labels


def test_codes_become_canonical_labels() -> None:
    labels = parse_labels("cavity=500;myocardium=2;scar=3,4;background=7")
    found = labels.apply(np.array([[0, 2, 3], [4, 500, 7]], dtype=np.int32))
    assert found.tolist() == [[0, 2, 3], [3, 1, 0]]
    assert found.dtype == np.uint8


def test_canonical_labels_stay_as_they_are() -> None:
    labels = np.arange(5, dtype=np.uint8)
    assert CANONICAL.apply(labels) is labels


def test_background_may_have_another_code_than_0() -> None:
    found = parse_labels("cavity=0;background=1").apply(np.array([0, 1]))
    assert found.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("scar=1", {Region.SCAR}),
        ("cavity=1", {Region.CAVITY}),
        ("myocardium=1;scar=2", {Region.MYOCARDIUM, Region.SCAR}),
        ("cavity=1;myocardium=2", {Region.CAVITY, Region.MYOCARDIUM, Region.LV}),
        ("mvo=1;scar=2", {Region.MVO, Region.SCAR}),
    ],
)
def test_a_map_speaks_about_the_regions_of_its_labels(text: str, regions: set[Region]) -> None:
    assert parse_labels(text).regions == regions


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("scar", "'scar' in labels 'scar' does not give one of background, cavity, myocardium"),
        ("scra=3", "'scra=3' in labels 'scra=3' does not give one of"),
        ("scar=x", "'x' in labels 'scar=x' is no whole number"),
        ("scar=-1", "'-1' in labels"),
        ("scar=", "'' in labels"),
        ("scar=3;mvo=3", "Code 3 is given twice"),
        ("", "Labels '' name nothing to score"),
        ("background=1", "Labels 'background=1' name nothing to score"),
    ],
)
def test_a_slip_in_the_notation_is_shown_with_an_example(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_labels(text)
    assert problem in caught.value.problem
    assert "cavity=1;myocardium=2;scar=3,4" in caught.value.fix


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("LV_blood-pool", Label.CAVITY),
        ("LV", Label.CAVITY),
        ("No-reflow", Label.MVO),
        ("Infarction", Label.SCAR),
        ("MYO", Label.MYOCARDIUM),
        ("RV", Label.BACKGROUND),
        ("liver", None),
    ],
)
def test_the_names_of_data_sets_are_known(name: str, label: Label | None) -> None:
    assert label_named(name) == label


def test_the_innermost_of_nested_regions_counts() -> None:
    names = {"background": [0], "lv": [1, 2, 3], "myocardium": [2, 3], "scar": [3]}
    assert str(named_labels(names, "x")) == "background=0;cavity=1;myocardium=2;scar=3"


def test_an_unknown_name_is_an_error_that_shows_the_way() -> None:
    with pytest.raises(DataError, match=r"d\.json has a label 'liver' \(code 5\) whose meaning"):
        named_labels({"scar": [1], "liver": [5]}, "d.json")
    with pytest.raises(DataError, match="names no label of the left ventricle: rv"):
        named_labels({"rv": [1]}, "d.json")


def test_a_map_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(CANONICAL)) == CANONICAL
