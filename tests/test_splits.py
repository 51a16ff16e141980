"""Roles: given by the data set, by a file, or dealt into folds; patients are never parted."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark import CaseInfo, DataError
from benchmark.errors import UsageError
from benchmark.splits import default_split, fold_split, read_split

#: Patient p has two cases.
INDEX = [
    CaseInfo("a", "train"),
    CaseInfo("p1", "train", "p"),
    CaseInfo("p2", "train", "p"),
    CaseInfo("v", "validation"),
    CaseInfo("t", "test"),
    CaseInfo("x", "external"),
]


def split_file(folder: Path, content: Any) -> Path:
    path = folder / "mine.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_data_set_gives_the_roles_in_the_order_of_its_index() -> None:
    split = default_split(INDEX)
    assert split.source == "dataset"
    assert split.ids("test", "external") == ["t", "x"]
    assert split.as_dict() == {
        "train": ["a", "p1", "p2"], "validation": ["v"], "test": ["t"], "external": ["x"],
    }  # fmt: skip


def test_a_patient_in_two_roles_is_refused() -> None:
    with pytest.raises(DataError, match=r"Patient 'p' is in two roles, train and test \(dataset\)"):
        default_split([CaseInfo("1", "train", "p"), CaseInfo("2", "test", "p")])


def test_a_file_gives_roles_and_leaves_out_what_it_does_not_name(tmp_path: Path) -> None:
    split = read_split(split_file(tmp_path, {"test": ["v", "a"], "train": ["t"]}), INDEX)
    assert split.as_dict() == {"train": ["t"], "test": ["a", "v"]}
    assert split.source.startswith("file:mine.json#")


def test_two_files_of_one_name_are_told_apart_by_their_roles(tmp_path: Path) -> None:
    def source(content: Any) -> str:
        return read_split(split_file(tmp_path, content), INDEX).source

    one = source({"train": ["a"], "test": ["t", "v"]})
    assert one == source({"test": ["v", "t"], "train": ["a"]})
    assert one != source({"train": ["a"], "test": ["t"]})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", r"mine\.json is not valid JSON"),
        ("[]", r"mine\.json is no split"),
        ({"tests": ["a"]}, "'tests' is no role. Did you mean 'test'"),
        ({"test": "a"}, "'test' must be a list of case ids, not 'a'"),
        ({"test": ["tt"]}, "has no case 'tt'. Did you mean 't'"),
        ({"test": [["a"]]}, r"has no case \['a'\]"),
        ({"test": [7]}, "has no case 7"),
        ({"test": ["a"], "train": ["a"]}, "'a' has two roles, test and train"),
        ({"test": ["a", "a"]}, "'a' has twice the role test"),
        ({"test": ["p1"], "train": ["p2"]}, r"Patient 'p' is in two roles.*mine\.json"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, content: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read_split(split_file(tmp_path, content), INDEX)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Cannot read .*gone\.json"):
        read_split(tmp_path / "gone.json", INDEX)


@pytest.mark.parametrize(
    ("fold", "folds", "says"),
    [
        (0, 5, "5 folds do not fit 4 patients. Use 2 to 4"),
        (0, 1, "1 folds"),
        (4, 4, "no fold 4 of 4. Use 0 to 3"),
        (-1, 4, "no fold -1"),
    ],
)
def test_folds_that_do_not_fit_are_refused(fold: int, folds: int, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        fold_split(INDEX, fold, folds)


cases = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from("abc"), st.booleans()), min_size=2, max_size=40
)


@given(cases, st.integers(2, 6))
def test_folds_test_each_patient_once_and_never_part_one(
    drawn: list[tuple[int, str, bool]], folds: int
) -> None:
    """Whatever strata the cases of a patient have, and whichever are external."""
    index = [
        CaseInfo(f"c{i}", "external" if outside else "train", f"p{patient}", stratum)
        for i, (patient, stratum, outside) in enumerate(drawn)
    ]
    inside = [i for i in index if i.role != "external"]
    patients = {i.patient for i in inside}
    if folds > len(patients):
        with pytest.raises(UsageError):
            fold_split(index, 0, folds)
        return
    tested: Counter[str] = Counter()
    for fold in range(folds):
        split = fold_split(index, fold, folds)
        assert list(split.roles) == [i.id for i in inside]
        roles = {(i.patient, split.roles[i.id]) for i in inside}
        assert len(roles) == len(patients)
        tested.update(p for p, role in roles if role == "test")
        assert any(role == "train" for _, role in roles)
    assert tested == Counter(patients)


def test_folds_balance_strata_and_sizes() -> None:
    index = [CaseInfo(f"c{i}", "train", stratum="ab"[i % 3 == 0]) for i in range(31)]
    strata = {i.id: i.stratum for i in index}
    counts = [Counter(strata[i] for i in fold_split(index, f, 5).ids("test")) for f in range(5)]
    for stratum in "ab":
        assert max(c[stratum] for c in counts) - min(c[stratum] for c in counts) <= 1
    sizes = [c.total() for c in counts]
    assert max(sizes) - min(sizes) <= 1
    fold = fold_split(index, 0, 5)
    assert len(fold.ids("validation")) == 5  # one in five of the 24 others


def test_folds_hang_on_the_patients_and_not_on_their_order() -> None:
    index = [CaseInfo(f"c{i}", "train") for i in range(20)]
    one, two = fold_split(index, 1, 4), fold_split(index[::-1], 1, 4)
    assert sorted(one.ids("test")) == sorted(two.ids("test"))
    assert one.source == "fold 1 of 4"
