"""T1 and T2 of the myocardium, on maps whose values are known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark import Contour, DataError, Region, Segmentation, Study, Volume
from benchmark.clinical import Insertion
from benchmark.contours import contours_to_labels
from benchmark.reader_scoring import PERFECT, score_readers
from benchmark.relaxation import map_of, missing_relaxation, relaxation
from benchmark.scoring import ScoreTask, score_case

SPACING = (10.0, 2.0, 1.0)
NAMES = ("myocardium_t1_median_ms", "myocardium_t1_iqr_ms")


def labels() -> np.ndarray:
    """Five pixels of myocardium in slice 0, two of scar in slice 1, none in slice 2."""
    array = np.zeros((3, 4, 4), dtype=np.uint8)
    array[0].flat[:6] = [1, 2, 2, 2, 2, 2]
    array[1].flat[:2] = [3, 3]
    array[2].flat[:1] = [1]
    return array


def t1() -> np.ndarray:
    image = np.full((3, 4, 4), 1600.0)
    image[0].flat[:6] = [1600, 1000, 1010, 1020, 1030, 1040]
    image[1].flat[:2] = [1200, 1300]
    return image


def by(found, level, z=None):
    return {f.feature: f for f in found if (f.level, f.slice) == (level, z)}


def test_median_and_quartiles_are_of_the_myocardium_scar_included() -> None:
    found = list(relaxation(labels(), Volume(t1(), SPACING), "t1"))
    whole = by(found, "volume")
    assert [whole[name].value for name in NAMES] == [1030.0, 1120.0 - 1015.0]
    first, second = by(found, "slice", 0), by(found, "slice", 1)
    assert [first[name].value for name in NAMES] == [1020.0, 20.0]
    assert [second[name].value for name in NAMES] == [1250.0, 50.0]
    assert {f.unit for f in found} == {"ms"}


def test_a_slice_without_myocardium_has_no_value_and_says_whose() -> None:
    for empty in ("pred_empty", "ref_empty"):
        found = relaxation(labels(), Volume(t1(), SPACING), "t1", empty=empty)
        third = by(list(found), "slice", 2)
        assert [(third[n].value, third[n].status) for n in NAMES] == [(None, empty)] * 2


def test_thirds_pool_the_pixels_of_their_slices_or_say_why_not() -> None:
    image = Volume(t1(), SPACING)
    known = {"apex": (0, 1), "middle": (2,), "base": ()}
    found = list(relaxation(labels(), image, "t1", thirds=known))
    assert by(found, "apex")[NAMES[0]].value == 1030.0
    assert by(found, "base")[NAMES[0]].status == "pred_empty"
    found = list(relaxation(labels(), image, "t1", thirds="nobody knows"))
    assert by(found, "apex")[NAMES[0]].message == "nobody knows"
    assert by(found, "apex")[NAMES[0]].status == "not_applicable"


def test_the_septum_is_measured_where_the_insertion_is_known() -> None:
    """A ring whose septum, from 120 to 240 degrees, is warmer than the rest."""
    rows, columns = np.mgrid[-15:16, -15:16]
    radius, angle = np.hypot(rows, columns), np.degrees(np.arctan2(-rows, columns)) % 360
    plane = np.where(radius <= 6, 1, np.where(radius <= 12, 2, 0)).astype(np.uint8)
    drawn = np.stack([plane] * 3)
    warm = np.where((angle > 120) & (angle < 240), 1300.0, 1000.0)
    image = Volume(np.stack([warm] * 3), (10.0, 1.0, 1.0))
    parts = {"apex": (0,), "middle": (1,), "base": (2,)}
    names = ("septum_t1_median_ms", "septum_t1_iqr_ms")
    at = Insertion(1, angle=np.radians(120.0))
    found = list(relaxation(drawn, image, "t1", thirds=parts, insertion=at))
    for level, z in (("volume", None), ("base", None), ("apex", None), ("slice", 1)):
        assert [by(found, level, z)[n].value for n in names] == [1300.0, 0.0]
    assert by(found, "volume")[NAMES[0]].value == 1000.0
    unknown = by(list(relaxation(drawn, image, "t1", thirds=parts)), "volume")[names[0]]
    assert (unknown.value, unknown.status) == (None, "not_applicable")
    assert "right ventricle joins" in unknown.message


def test_without_myocardium_in_a_segmentation_there_is_nothing_to_measure() -> None:
    found = list(relaxation(labels(), Volume(t1(), SPACING), "t2", regions={Region.CAVITY}))
    assert {(f.level, f.value, f.status) for f in found} == {("volume", None, "not_applicable")}
    assert [f.feature for f in found] == [
        f"{part}_t2_{what}_ms" for part in ("myocardium", "septum") for what in ("median", "iqr")
    ]
    missing = list(missing_relaxation("t2", "no_prediction", "lost"))
    assert {(f.status, f.message) for f in missing} == {("no_prediction", "lost")}


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (3, 4, 5)])
def test_a_map_with_frames_or_on_another_grid_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="T1 map has one value"):
        list(relaxation(labels(), Volume(np.ones(shape), SPACING), "t1"))


def test_a_study_is_a_map_where_its_target_is_one() -> None:
    map_, other = Volume(t1(), SPACING), Volume(t1(), SPACING)
    assert map_of(Study("a", {"t1": map_, "t1_weighted": other})) == "t1"
    assert map_of(Study("a", {"t2": map_})) == "t2"
    assert map_of(Study("a", {"lge": other, "t1": map_})) is None
    assert map_of(Study("a", {"cine": other})) is None


def test_features_come_with_those_of_a_case_whose_image_is_a_map() -> None:
    image = Volume(t1(), SPACING)
    task = ScoreTask("a", labels(), labels(), SPACING, image=image, mapped="t1", apex="first")
    rows = [r for r in score_case(task, metrics=["dice"]).features if r["feature"] in NAMES]
    assert {r["source"] for r in rows} == {"reference", "prediction"}
    assert {r["level"] for r in rows} == {"volume", "apex", "middle", "base", "slice"}
    plain = ScoreTask("a", labels(), labels(), SPACING, image=image)
    assert not [r for r in score_case(plain, metrics=["dice"]).features if r["feature"] in NAMES]
    lost = ScoreTask("a", labels(), None, SPACING, image=image, mapped="t1")
    rows = [r for r in score_case(lost, metrics=["dice"]).features if r["feature"] in NAMES]
    assert [r["status"] for r in rows if r["source"] == "prediction"] == ["no_prediction"] * 2
    with pytest.raises(DataError, match="t1 map itself"):
        ScoreTask("a", labels(), None, SPACING, mapped="t1")


# Readers ------------------------------------------------------------------------------------------

SHAPE = (3, 40, 40)


def square(side: float, slices: tuple[int, ...] = (0, 1, 2)) -> tuple[Contour, ...]:
    """Endo of half the side and epi, about the centre of a pixel."""
    corners = np.array([(-1.0, -1.0), (-1.0, 1.0), (1.0, 1.0), (1.0, -1.0)])
    return tuple(
        Contour(z, kind, 20 + corners * half)
        for z in slices
        for kind, half in (("endo", side / 2), ("epi", side))
    )


def drawn(side: float, slices: tuple[int, ...] = (0, 1, 2)) -> Segmentation:
    contours = square(side, slices)
    return Segmentation(contours_to_labels(contours, SHAPE), contours)


def scored(readers: dict[str, Segmentation]):
    reference, answer = drawn(8.5), drawn(9.5)
    task = ScoreTask(
        "a",
        reference.labels,
        answer.labels,
        (10.0, 1.0, 1.0),
        apex="first",
        image=Volume(np.full(SHAPE, 50.0), (10.0, 1.0, 1.0)),
        mapped="t2",
        reference_contours=reference.contours,
        compared_contours=answer.contours,
    )
    return score_readers(task, readers)


def value(found, reference, compared, metric="hd_points", level="slice", z=0):
    (row,) = [
        r for r in found.scores
        if (r["reference"], r["compared"], r["metric"], r["level"], r["slice"], r["region"])
        == (reference, compared, metric, level, z, "epi")
    ]  # fmt: skip
    return row


def test_readers_meet_the_prediction_and_each_other_in_mm_of_their_own_contours() -> None:
    found = scored({"b": drawn(10.5), "a": drawn(8.5), "c": drawn(12.5)})
    diagonal = np.sqrt(2)
    assert value(found, "a", "prediction")["value"] == pytest.approx(diagonal)
    assert value(found, "c", "prediction")["value"] == pytest.approx(3 * diagonal)
    assert value(found, "a", "b")["value"] == pytest.approx(2 * diagonal)
    assert value(found, "b", "c", level="volume", z=None)["value"] == pytest.approx(2 * diagonal)
    pairs = dict.fromkeys((r["reference"], r["compared"]) for r in found.scores)
    assert list(pairs) == [
        ("a", "prediction"), ("b", "prediction"), ("c", "prediction"),
        ("a", "b"), ("a", "c"), ("b", "c"), ("reference", PERFECT),
    ]  # fmt: skip
    assert {r["dim"] for r in found.scores} == {"contour"}


def test_only_readers_are_described_each_once() -> None:
    found = scored({"a": drawn(8.5), "b": drawn(10.5)})
    rows = [r for r in found.features if r["feature"] == "myocardium_t2_median_ms"]
    assert {r["source"] for r in rows} == {"a", "b"}
    assert [r["value"] for r in rows if (r["source"], r["level"]) == ("a", "volume")] == [50.0]


def test_the_perfect_mask_is_within_a_pixel_of_the_contours_it_was_made_of() -> None:
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    ring = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    circles = (Contour(1, "endo", 20.2 + 7 * ring), Contour(1, "epi", 20.2 + 14 * ring))
    reference = Segmentation(contours_to_labels(circles, SHAPE), circles)
    task = ScoreTask(
        "a", reference.labels, None, (10.0, 1.0, 1.0), reference_contours=reference.contours
    )
    row = value(score_readers(task, {}), "reference", PERFECT, metric="hd", z=1)
    assert row["status"] == "ok"
    assert 0 < row["value"] < 1.0


def test_a_slice_that_a_reader_left_out_keeps_its_third() -> None:
    """By the reader's own slices the middle one would be the apex."""
    found = scored({"a": drawn(8.5, (1, 2))})
    assert value(found, "a", "prediction", level="apex", z=None)["status"] == "ref_empty"
    assert value(found, "a", "prediction", level="middle", z=None)["value"] == pytest.approx(
        np.sqrt(2)
    )


def test_a_reader_of_labels_alone_has_values_and_no_distances() -> None:
    found = scored({"a": Segmentation(drawn(8.5).labels)})
    assert {(r["reference"], r["compared"]) for r in found.scores} == {("reference", PERFECT)}
    assert {r["source"] for r in found.features} == {"a"}
    assert {(r["reference"], r["compared"]) for r in found.counts} == {("a", "prediction")}


@pytest.mark.parametrize("name", ["prediction", "reference", PERFECT])
def test_a_reader_called_as_something_else_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=name):
        scored({name: drawn(8.5)})
