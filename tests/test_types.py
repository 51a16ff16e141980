"""The value types: what they refuse, and that what they hold stays as it is."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import benchmark
from benchmark import Case, CaseInfo, Contour, DataError, Label, Region, Segmentation, Study, Volume
from benchmark.types import checked_id

VOXELS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
TRIANGLE = [[0, 0], [1, 0], [0, 1]]


def volume(**more: Any) -> Volume:
    return Volume(**{"voxels": VOXELS, "spacing": (10.0, 1.5, 1.25), **more})


def study(**more: Any) -> Study:
    return Study(**{"id": "a", "images": {"lge": volume()}, **more})


def whole_case() -> Case:
    labels = (VOXELS % 5).astype(np.uint8)
    contour = Contour(1, "endo", np.array(TRIANGLE, dtype=float))
    drawn = Segmentation(
        labels, (contour,), {Region.SCAR: np.full(labels.shape, 0.25, dtype=np.float32)}
    )
    image = volume(affine=np.diag([1.25, 1.5, 10, 1]), slice_positions=(0, 11.5), times_ms=(3.0,))
    return Case(
        study(images={"lge": image}, attributes={"site": "1"}, apex="last"), drawn, {"r1": drawn}
    )


def test_the_public_names_are_sorted_and_there() -> None:
    assert benchmark.__all__ == sorted(benchmark.__all__)
    assert all(getattr(benchmark, name) is not None for name in benchmark.__all__)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"voxels": np.zeros((3, 4))}, r"shape \(3, 4\)"),
        ({"voxels": np.zeros((1, 1, 1, 3, 4))}, r"shape \(1, 1, 1, 3, 4\)"),
        ({"voxels": np.zeros((0, 3, 4))}, "holds no voxel"),
        ({"voxels": np.zeros((2, 3, 4), dtype=complex)}, "complex128"),
        ({"voxels": np.full((2, 3, 4), "a")}, "real numbers"),
        ({"voxels": np.array([[[1.0, np.nan, np.inf]]])}, "2 of 3 voxels are NaN or infinite"),
        ({"spacing": (10, 1.5)}, r"\(10.0, 1.5\)"),
        ({"spacing": (10, 1.5, 0)}, r"all > 0; this is \(10.0, 1.5, 0.0\)"),
        ({"spacing": (10, 1.5, -1)}, "-1.0"),
        ({"spacing": (10, 1.5, np.nan)}, "nan"),
        ({"spacing": (1e-7, 1, 1)}, r"1e-07"),
        ({"spacing": (1, 1e7, 1)}, r"10000000.0"),
        ({"spacing": "abc"}, "this is abc"),
        ({"spacing": None}, "this is None"),
        ({"spacing": 1.5}, "this is 1.5"),
        ({"affine": np.eye(3)}, "4x4"),
        ({"affine": np.full((4, 4), np.nan)}, "finite 4x4"),
        ({"affine": [[1], [2, 3]]}, "finite 4x4"),
        ({"times_ms": (1.0, 2.0)}, "times_ms needs 1 finite numbers"),
        ({"slice_positions": (1.0,)}, "slice_positions needs 2 finite numbers"),
        ({"slice_positions": (1.0, np.inf)}, "inf"),
        ({"slice_positions": ("top", "end")}, "top"),
        ({"trigger_delay_ms": np.nan}, "trigger_delay_ms is nan"),
    ],
)
def test_a_volume_refuses(more: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        volume(**more)


def test_a_volume_knows_its_axes() -> None:
    cine = volume(voxels=np.zeros((5, 2, 3, 4)), times_ms=range(5))
    assert (cine.shape, cine.n_frames, cine.times_ms) == ((2, 3, 4), 5, (0.0, 1.0, 2.0, 3.0, 4.0))
    assert (volume().shape, volume().n_frames) == ((2, 3, 4), 1)
    assert volume().positions == (0.0, 10.0)
    assert volume(slice_positions=[3, 12]).positions == (3.0, 12.0)


def test_arrays_are_read_only_and_the_caller_s_stay_writable() -> None:
    voxels, affine, points = VOXELS.copy(), np.eye(4), np.array(TRIANGLE, dtype=float)
    labels, chances = np.zeros((2, 3, 4), np.uint8), np.zeros((2, 3, 4), np.float32)
    held = volume(voxels=voxels, affine=affine)
    drawn = Segmentation(labels, (Contour(0, "epi", points),), {Region.SCAR: chances})
    assert held.affine is not None
    assert drawn.labels is not None
    assert drawn.probabilities is not None
    kept = [held.voxels, held.affine, drawn.labels, drawn.contours[0].points,
            drawn.probabilities[Region.SCAR]]  # fmt: skip
    for array in kept:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    for array in (voxels, affine, labels, points, chances):
        array[0] = 1  # no copy was frozen for them


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Contour(0, "endo", np.zeros((2, 2))), r"\(2, 2\)"),
        (lambda: Contour(0, "endo", np.zeros((3, 3))), r"\(3, 3\)"),
        (lambda: Contour(0, "endo", np.full((3, 2), np.nan)), "points not finite"),
        (lambda: Contour(0, "endo", [[1], [2, 3]]), "points are numbers"),
        (lambda: Contour(0, "scar", np.zeros((3, 2))), "'scar'"),
        (lambda: Segmentation(), "labels or contours"),
        (lambda: Segmentation(np.zeros((2, 3, 4))), "float64.*astype"),
        (lambda: Segmentation(np.zeros((3, 4), np.uint8)), r"\(3, 4\)"),
        (lambda: Segmentation(np.full((1, 1, 1), 5)), r"\[5\] are not canonical"),
        (lambda: Segmentation(np.full((1, 1, 2), [-1, 255])), r"\[-1, 255\]"),
        (lambda: Segmentation(contours=("circle",)), "not str"),
        (
            lambda: Segmentation(np.zeros((1, 1, 1), int), (), {Region.SCAR: np.zeros((1, 1, 2))}),
            r"\(1, 1, 2\), labels have \(1, 1, 1\)",
        ),
        (
            lambda: Segmentation(
                np.zeros((1, 1, 1), int), (), {Region.SCAR: np.full((1, 1, 1), 2)}
            ),
            "Probabilities of scar leave",
        ),
        (
            lambda: Segmentation(np.zeros((1, 1, 1), int), (), {"scarr": np.zeros((1, 1, 1))}),
            "'scarr' is no region. Did you mean 'scar'",
        ),
    ],
)
def test_a_segmentation_refuses(make: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        make()


def test_bool_labels_become_uint8() -> None:
    drawn = Segmentation(np.ones((1, 2, 2), dtype=bool))
    assert drawn.labels is not None
    assert drawn.labels.dtype == np.uint8
    assert drawn.labels.tolist() == [[[1, 1], [1, 1]]]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: study(images={}), "has no image"),
        (lambda: study(images={"lge": VOXELS}), "'lge' of study 'a' is ndarray"),
        (lambda: study(apex="top"), "'top'"),
        (lambda: study(attributes={"map": [1]}), r"'map' of 'a' is \[1\]"),
        (lambda: study(attributes={"age": np.nan}), "'age' of 'a' is nan"),
        (lambda: study(attributes={1: "a"}), "Attribute 1"),
        (lambda: CaseInfo("a", "tests"), "'tests'. Did you mean 'test'"),
        (lambda: CaseInfo("a", "test", attributes={"x": object()}), "'x' of 'a'"),
        (
            lambda: Case(study(), Segmentation(np.zeros((3, 3, 4), np.uint8))),
            r"'a': reference has shape \(3, 3, 4\), its image has \(2, 3, 4\)",
        ),
        (
            lambda: Case(
                study(),
                Segmentation(np.zeros((2, 3, 4), np.uint8)),
                {"r2": Segmentation(np.zeros((2, 4, 3), np.uint8))},
            ),
            "r2 has shape",
        ),
    ],
)
def test_a_study_or_case_refuses(make: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        make()


def test_numpy_scalars_become_plain_attributes() -> None:
    given = {"age": np.float32(50.5), "n": np.int64(3), "old": np.bool_(True)}
    assert dict(study(attributes=given).attributes) == {"age": 50.5, "n": 3, "old": True}


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "/a", "a\\b", "C:a", ".hidden", "a.", " a", "a ", "a\n", "a\0b",
     "a?", "nul", "CON", "com1.x", "x" * 201, "ä" * 101, "\ud800", 7, None],
)  # fmt: skip
def test_an_id_that_is_no_safe_file_name_is_refused(name: Any) -> None:
    with pytest.raises(DataError, match="cannot be a case id"):
        checked_id(name)


@pytest.mark.parametrize("name", ["Case_P001", "a.b-c_1", "Fälle 3", "患者1", "x" * 200, "console"])
def test_an_id_may_be_any_readable_file_name(name: str) -> None:
    assert checked_id(name) == name


def test_an_id_is_checked_wherever_it_enters() -> None:
    for make in (lambda: study(id="../x"), lambda: CaseInfo("../x", "test")):
        with pytest.raises(DataError, match=r"'\.\./x'"):
            make()


def test_the_target_is_lge_then_a_map_then_the_first() -> None:
    one, two, three = volume(), volume(), volume()
    assert study(images={"cine": one, "t1": two, "lge": three}).target is three
    assert study(images={"cine": one, "t2": two}).target is two
    assert study(images={"cine": one, "other": two}).target is one


def test_mappings_cannot_be_changed() -> None:
    case = whole_case()
    info = CaseInfo("a", "test", attributes={"site": "1"})
    for mapping in (case.study.images, case.study.attributes, case.readers, info.attributes):
        with pytest.raises(TypeError):
            mapping["new"] = 1


def test_regions_are_unions_of_labels() -> None:
    labels = np.arange(5, dtype=np.uint8)
    expected = {
        Region.CAVITY: [0, 1, 0, 0, 0],
        Region.MYOCARDIUM: [0, 0, 1, 1, 1],
        Region.LV: [0, 1, 1, 1, 1],
        Region.SCAR: [0, 0, 0, 1, 1],
        Region.MVO: [0, 0, 0, 0, 1],
        Region.CORE_SCAR: [0, 0, 0, 1, 1],
    }
    assert {r: r.mask(labels).astype(int).tolist() for r in Region} == expected
    assert [int(label) for label in Label] == [0, 1, 2, 3, 4]


def test_a_case_comes_back_from_pickling_with_its_values_and_read_only() -> None:
    before = whole_case()
    after = pickle.loads(pickle.dumps(before))
    one, two = before.study.target, after.study.target
    assert (two.spacing, two.positions, two.times_ms) == (one.spacing, (0.0, 11.5), (3.0,))
    assert (after.study.id, after.study.apex) == ("a", "last")
    assert dict(after.study.attributes) == {"site": "1"}
    pairs = [
        (one.voxels, two.voxels),
        (one.affine, two.affine),
        (before.reference.labels, after.reference.labels),
        (before.reference.contours[0].points, after.reference.contours[0].points),
        (before.reference.probabilities[Region.SCAR], after.reference.probabilities[Region.SCAR]),
        (before.readers["r1"].labels, after.readers["r1"].labels),
    ]
    for old, new in pairs:
        assert np.array_equal(old, new)
        assert old.dtype == new.dtype
        assert not new.flags.writeable
    with pytest.raises(TypeError):
        after.study.attributes["site"] = "2"


def test_a_line_of_the_index_pickles_compares_and_hashes() -> None:
    info = CaseInfo("a", "test", stratum="big", attributes={"site": "1"})
    again = pickle.loads(pickle.dumps(info))
    assert again == info
    assert hash(again) == hash(info)
    assert (info.patient, CaseInfo("a", "test", "p").patient) == ("a", "p")
