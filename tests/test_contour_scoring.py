"""Contours in the tables: hand-computed rows, misses, runs with contours, and files of them."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from benchmark import Contour, DataError, Region, Segmentation
from benchmark.cli._app import app, run_app
from benchmark.compare import compare
from benchmark.contour_scoring import FITTED
from benchmark.contours import contours_to_labels, fit_contours, read_contours, score_contours
from benchmark.contours.files import (
    MAX_POINTS,
    as_rows,
    checked_contours,
    find_contours,
)
from benchmark.contours.filling import MADE, outlined
from benchmark.contours.fitting import Fit, fit_mask
from benchmark.errors import UsageError
from benchmark.evaluate import evaluate
from benchmark.experiment import rerun
from benchmark.leaderboard import leaderboard
from benchmark.metrics.cards import cards, contour_cards, select, select_contour
from benchmark.nifti import write_labels
from benchmark.plan import resolve
from benchmark.progress import Reporter
from benchmark.scored_arrays import score
from benchmark.scoring import SCORES, ScoreTask, score_case, unreadable_case
from benchmark.table import Quantity, load_runs, read_runs

SHAPE = (3, 40, 60)
#: Pixels twice as high as wide: what swaps the axes is off by a factor of two.
SPACING = (8.0, 2.0, 1.0)
DIAGONAL = math.hypot(80, 60)
EMIDEC = Path(
    os.environ.get("SCARBENCH_EMIDEC", Path(__file__).parents[2] / "shared" / "data" / "emidec")
)
needs_emidec = pytest.mark.skipif(not EMIDEC.is_dir(), reason=f"no EMIDEC data at {EMIDEC}")
NAMES = ["hd_points", "hd", "masd", "dice", "iou"]
Run = Callable[..., Any]


def circle(
    radius: float, n: int = 720, centre: tuple[float, float] = (40.0, 30.0)
) -> np.ndarray[Any, Any]:
    """A circle in mm, ``n`` points of it in pixels of :data:`SPACING`."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    points = np.array(centre) + radius * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return points / SPACING[1:]


def heart(index: int, endo: float, epi: float, n: int = 720) -> tuple[Contour, Contour]:
    return Contour(index, "endo", circle(endo, n)), Contour(index, "epi", circle(epi, n))


def task(drawn: tuple[Contour, ...], compared: tuple[Contour, ...] = (), **more: Any) -> ScoreTask:
    """A case whose labels are made from its contours on both sides."""
    given = {
        "reference": contours_to_labels(drawn, SHAPE),
        "prediction": contours_to_labels(compared, SHAPE) if compared else None,
        "compared_contours": compared,
        "apex": "first",
        **more,
    }
    return ScoreTask(case="a", spacing=SPACING, reference_contours=drawn, **given)


def contour_scores(given: ScoreTask, **options: Any) -> pd.DataFrame:
    frame = pd.DataFrame(score_case(given, **options).scores, columns=list(SCORES))
    return frame[frame.dim == "contour"].astype({"slice": "Int32"})


def one(frame: pd.DataFrame, region: str, metric: str, level: str = "volume", z: Any = None) -> Any:
    rows = frame[(frame.region == region) & (frame.metric == metric) & (frame.level == level)]
    rows = rows if z is None else rows[rows.slice == z]
    assert len(rows) == 1
    return rows.iloc[0]


# Values -------------------------------------------------------------------------------------------


def test_concentric_circles_are_as_far_apart_as_their_radii_in_mm() -> None:
    """Radius 12 against 10 mm, in pixels of 2 x 1 mm; endo 6 against 6."""
    frame = contour_scores(task(heart(1, 6, 12), heart(1, 6, 10)))
    for level, z in (("volume", None), ("slice", 1), ("middle", None)):
        for metric in ("hd_points", "hd", "masd"):
            row = one(frame, "epi", metric, level, z)
            assert row.value == pytest.approx(2.0, abs=1e-3)
            assert row.worst == row.value
            assert (row.status, row.unit, row.better, row.message) == ("ok", "mm", "lower", "")
            assert one(frame, "endo", metric, level, z).value == pytest.approx(0.0, abs=1e-9)
    # The two empty slices count for nothing.
    assert one(frame, "epi", "hd", "slice", 0).status == "both_empty"
    assert pd.isna(one(frame, "epi", "hd", "slice", 0).worst)


def test_only_hd_points_grows_where_points_are_few() -> None:
    """Four points at 10 mm in a circle of 12: at 45 degrees the nearest is far, the edge near."""
    four = Contour(1, "epi", circle(10, 4))
    frame = contour_scores(task(heart(1, 6, 12), (heart(1, 6, 10)[0], four)))
    far = math.sqrt(12**2 + 10**2 - 2 * 12 * 10 * math.sqrt(0.5))
    assert one(frame, "epi", "hd_points").value == pytest.approx(far, abs=0.01)
    near = 12 - 10 * math.sqrt(0.5)
    assert one(frame, "epi", "hd").value == pytest.approx(near, abs=0.05)
    assert far > near + 3


def test_rows_come_after_those_of_masks_by_kind_metric_level_and_slice() -> None:
    given = task(heart(1, 6, 12), heart(1, 6, 10))
    rows = score_case(given).scores
    plain = score_case(ScoreTask("a", given.reference, given.prediction, SPACING, apex="first"))
    assert rows[: len(plain.scores)] == plain.scores
    rest = rows[len(plain.scores) :]
    slices = [("slice", z) for z in range(3)]
    places = [(level, None) for level in ("volume", "apex", "middle", "base")] + slices
    assert [(r["region"], r["metric"], r["level"], r["slice"]) for r in rest] == [
        (kind, name, *place) for kind in ("endo", "epi") for name in NAMES for place in places
    ]
    assert all(list(row) == list(SCORES) for row in rest)
    assert {row["dim"] for row in rest} == {"contour"}


def test_dice_is_of_the_disk_inside_endo_and_of_the_ring_inside_epi() -> None:
    """Squares of whole pixels: 9 against 25 of cavity, rings of 40 against 24 in 49."""
    around = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)])
    epi = Contour(1, "epi", 10 + 3.5 * around)
    reference = (Contour(1, "endo", 10 + 1.5 * around), epi)
    compared = (Contour(1, "endo", 10 + 2.5 * around), epi)
    # The reference's own labels play no part: its contours say what is inside.
    other = np.zeros(SHAPE, np.uint8)
    other[1, 20:30, 20:30] = 1
    given = task(reference, compared, reference=other)
    frame = contour_scores(given)
    assert one(frame, "endo", "dice").value == 18 / 34
    assert one(frame, "endo", "iou").value == 9 / 25
    assert one(frame, "epi", "dice").value == 48 / 64
    assert one(frame, "epi", "iou").value == 24 / 40
    # Overlap is of the answer's labels where it gives any, whatever its contours.
    moved = contour_scores(task(reference, compared, prediction=np.roll(given.prediction, 9, 2)))
    assert one(moved, "epi", "dice").value == 0.0
    assert one(moved, "epi", "hd").value == one(frame, "epi", "hd").value == 0.0


def test_an_answer_of_labels_is_measured_by_contours_fitted_to_them_and_says_so() -> None:
    reference = heart(1, 8, 14)
    labels = contours_to_labels(heart(1, 7, 13), SHAPE)
    frame = contour_scores(task(reference, prediction=labels))
    expected = score_contours(
        Segmentation(contours=reference), Segmentation(labels), SHAPE, SPACING
    )
    assert len(expected) == 10
    for s in expected:
        row = one(frame, s.kind, s.metric, "slice", s.slice)
        assert row.value == s.value
        assert row.message == (FITTED if s.metric in NAMES[:3] else "")
    assert 0.5 < one(frame, "epi", "masd").value < 1.5
    assert one(frame, "epi", "hd").message == FITTED
    assert one(frame, "epi", "hd", "slice", 0).message == ""


def test_a_volume_and_a_third_are_the_means_of_their_slices() -> None:
    reference = (*heart(0, 6, 12), *heart(1, 6, 12), *heart(2, 6, 12))
    compared = (*heart(0, 6, 11), *heart(1, 6, 10), *heart(2, 6, 6))
    frame = contour_scores(task(reference, compared))
    slices = [one(frame, "epi", "hd", "slice", z).value for z in range(3)]
    assert slices == pytest.approx([1, 2, 6], abs=1e-3)
    assert one(frame, "epi", "hd").value == pytest.approx(3.0, abs=1e-3)
    for third, z in (("apex", 0), ("middle", 1), ("base", 2)):
        assert one(frame, "epi", "hd", third).value == slices[z]
    unknown = contour_scores(task(reference, compared, apex=None))
    assert one(unknown, "epi", "hd", "apex").status == "not_applicable"
    assert "apex is not known" in one(unknown, "epi", "hd", "apex").message


# Misses -------------------------------------------------------------------------------------------


def test_a_contour_that_is_missing_on_one_side_is_null_and_counts_as_the_worst() -> None:
    reference = (*heart(0, 6, 12), *heart(1, 6, 12))
    compared = (*heart(0, 6, 10), heart(1, 6, 10)[1], *heart(2, 6, 10))
    frame = contour_scores(task(reference, compared))
    missed = one(frame, "endo", "hd", "slice", 1)
    assert (missed.status, missed.worst) == ("pred_empty", DIAGONAL)
    assert pd.isna(missed.value)
    invented = one(frame, "endo", "hd", "slice", 2)
    assert (invented.status, invented.worst) == ("ref_empty", DIAGONAL)
    assert one(frame, "endo", "dice", "slice", 1).value == 0.0
    assert one(frame, "endo", "dice", "slice", 2).status == "ref_empty"
    whole = one(frame, "endo", "hd")
    assert whole.status == "pred_empty"
    assert pd.isna(whole.value)
    assert whole.message == "no value in slice 1"
    assert whole.worst == pytest.approx(2 * DIAGONAL / 3, abs=1e-6)
    disk = one(frame, "endo", "dice")
    assert (disk.status, disk.value) == ("ok", pytest.approx(1 / 3))


def test_a_slice_with_labels_but_no_contour_was_not_drawn_and_counts_for_nobody() -> None:
    """An answer there is no false alarm; where the reference is empty altogether, it is one."""
    drawn = (*heart(0, 6, 12), *heart(1, 6, 12), *heart(2, 6, 12))
    labels = contours_to_labels(drawn, SHAPE)
    labels[2] = 0
    compared = (*heart(0, 6, 11), *heart(1, 6, 11))
    frame = contour_scores(task(drawn[:2], compared, reference=labels))
    row = one(frame, "epi", "hd", "slice", 1)
    assert row.status == "not_applicable"
    assert row.message == "the reference has labels here, but no epi contour"
    assert pd.isna(row.worst)
    assert one(frame, "epi", "hd").status == "ok"
    assert one(frame, "epi", "hd").value == pytest.approx(1.0, abs=1e-3)
    assert one(frame, "epi", "dice").value == one(frame, "epi", "dice", "slice", 0).value
    # No epi contour anywhere: nothing is known of it.
    frame = contour_scores(task(drawn[:1], compared, reference=labels))
    assert one(frame, "epi", "hd").status == "not_applicable"
    frame = contour_scores(task(drawn[:2], (*compared, *heart(2, 6, 12)), reference=labels))
    assert one(frame, "epi", "hd", "slice", 2).status == "ref_empty"


def test_a_ring_is_known_only_where_endo_was_drawn_too() -> None:
    """With epi alone the reference's ring would be the disk, and a perfect answer no match."""
    both = (*heart(0, 6, 12), *heart(1, 6, 12))
    labels = contours_to_labels(both, SHAPE)
    frame = contour_scores(task((*both[:2], both[3]), reference=labels, prediction=labels))
    for name in ("dice", "iou"):
        row = one(frame, "epi", name, "slice", 1)
        assert (row.status, pd.isna(row.worst)) == ("not_applicable", True)
        assert row.message == "the reference has labels here, but no endo contour"
        assert one(frame, "epi", name).value == one(frame, "epi", name, "slice", 0).value == 1.0
    assert one(frame, "epi", "hd", "slice", 1).status == "ok"  # the outer border was drawn
    # Without a cavity in the labels there is no endo to draw, and the disk is the answer.
    full = contours_to_labels((both[1], both[3]), SHAPE)
    frame = contour_scores(task((both[1], both[3]), reference=full, prediction=full))
    assert one(frame, "epi", "dice", "slice", 1).value == 1.0


@pytest.mark.parametrize("status", ["no_prediction", "error"])
def test_every_row_that_an_answer_would_have_had_is_there_without_one(status: Any) -> None:
    given = task(heart(1, 6, 12), status=status, message="why")
    frame = contour_scores(given)
    assert len(frame) == 2 * len(NAMES) * 7
    for name in NAMES:
        worst = DIAGONAL if name in NAMES[:3] else 0.0
        for level, z in (("volume", None), ("middle", None), ("slice", 1)):
            row = one(frame, "epi", name, level, z)
            assert (row.status, row.worst, row.message) == (status, worst, "why")
            assert pd.isna(row.value)
        assert pd.isna(one(frame, "epi", name, "slice", 0).worst)


def test_a_kind_that_the_reference_lacks_still_counts_the_missing_answer_once() -> None:
    """As with masks: no scar and no answer is a case without an answer."""
    frame = contour_scores(task(heart(1, 6, 12)[1:], reference=np.zeros(SHAPE, np.uint8)))
    assert one(frame, "endo", "hd").worst == DIAGONAL
    assert one(frame, "endo", "dice").worst == 0.0
    assert frame[(frame.region == "endo") & (frame.level == "slice")].worst.isna().all()


def test_what_a_side_says_nothing_about_is_not_applicable() -> None:
    ring = frozenset({Region.MYOCARDIUM, Region.SCAR})
    frame = contour_scores(task(heart(1, 6, 12), heart(1, 6, 10), produces=ring))
    row = one(frame, "endo", "hd")
    assert (row.status, row.message) == ("not_applicable", "prediction does not produce cavity")
    assert one(frame, "epi", "hd").status == one(frame, "epi", "dice").status == "ok"
    # Of a disk the outer border is known, but no ring.
    frame = contour_scores(task(heart(1, 6, 12), annotates=frozenset({Region.LV})))
    assert one(frame, "epi", "hd").status == "no_prediction"
    row = one(frame, "epi", "dice")
    assert (row.status, row.message) == ("not_applicable", "reference does not annotate myocardium")
    assert "slice" not in set(frame[frame.metric == "dice"].level)
    skipped = contour_scores(task(heart(1, 6, 12), status="not_applicable", message="no cine"))
    assert set(skipped.status) == {"not_applicable"}
    assert set(skipped.message) == {"no cine"}
    assert skipped.worst.isna().all()


def test_contours_without_labels_are_scored_though_masks_have_no_answer() -> None:
    given = task(heart(1, 6, 12), heart(1, 6, 10), prediction=None, message="contours alone")
    frame = contour_scores(given)
    assert one(frame, "epi", "hd").value == pytest.approx(2.0, abs=1e-3)
    assert one(frame, "epi", "dice").message == MADE
    whole = contour_scores(task(heart(1, 6, 12), heart(1, 6, 10)))
    assert one(frame, "epi", "dice").value == one(whole, "epi", "dice").value
    assert {r["status"] for r in score_case(given).scores if r["dim"] != "contour"} == {
        "no_prediction",
        "not_applicable",  # core scar, for want of an image
    }


def test_without_reference_contours_nothing_is_added() -> None:
    labels = contours_to_labels(heart(1, 6, 12), SHAPE)
    plain = ScoreTask("a", labels, labels, SPACING, apex="first")
    given = ScoreTask("a", labels, labels, SPACING, apex="first", compared_contours=heart(1, 6, 12))
    assert score_case(given) == score_case(plain)
    assert not [r for r in score_case(given).scores if r["dim"] == "contour"]


def test_contours_off_the_grid_are_refused() -> None:
    swapped = Contour(1, "epi", circle(12)[:, ::-1] + (0, 20))
    with pytest.raises(DataError, match=r"outside of an image.*not \(x, y\)"):
        task((swapped,), reference=np.zeros(SHAPE, np.uint8))
    labels = np.zeros(SHAPE, np.uint8)
    with pytest.raises(DataError, match="slices 0 to 2"):
        task(heart(1, 6, 12), prediction=labels, compared_contours=heart(3, 6, 12))


@needs_emidec
@pytest.mark.parametrize("name", ["Case_N013", "Case_P002"])
def test_real_hearts_moved_by_a_pixel_are_a_pixel_away(name: str) -> None:
    path = EMIDEC / "emidec-dataset-1.0.1" / name / "Contours" / f"{name}.nii.gz"
    image = nib.load(path)
    codes = np.asarray(image.dataobj).T.astype(np.uint8)
    spacing = tuple(map(float, image.header.get_zooms()[::-1]))
    moved = np.roll(codes, 1, axis=2)
    given = ScoreTask("a", codes, moved, spacing, reference_contours=fit_contours(codes, spacing))
    frame = contour_scores(given, levels=["volume"])
    for kind in ("endo", "epi"):
        assert one(frame, kind, "hd").value == pytest.approx(spacing[2], rel=1e-6)
        assert spacing[2] / 2 < one(frame, kind, "masd").value < spacing[2]
        assert 0.7 < one(frame, kind, "dice").value < 1


# Definitions --------------------------------------------------------------------------------------


def test_a_name_means_masks_and_contours_and_a_key_contours_alone() -> None:
    given = task(heart(1, 6, 12), heart(1, 6, 10))
    both = score_case(given, metrics=["hd"], levels=["volume"]).scores
    assert {(r["metric"], r["dim"]) for r in both if r["status"] == "ok"} == {
        ("hd", "3d"), ("hd", "slice"), ("hd", "inplane3d"), ("hd", "contour"),
    }  # fmt: skip
    alone = score_case(given, metrics=["hd@contour"], levels=["volume"]).scores
    assert [(r["region"], r["metric"], r["dim"]) for r in alone] == [
        ("endo", "hd", "contour"), ("epi", "hd", "contour"),
    ]  # fmt: skip
    assert [c.name for c in select_contour(["iou", "hd_points"])] == ["hd_points", "iou"]
    epi = score_case(given, metrics=["hd_points"], regions=[Region.LV]).scores
    assert {r["region"] for r in epi} == {"epi"}


def test_metrics_of_contours_are_refused_where_there_can_be_none() -> None:
    mask = np.zeros(SHAPE, np.uint8)
    for name in ("hd_points", "hd@contour"):
        with pytest.raises(UsageError, match=f"'{name}' is measured between contours"):
            score(mask, mask, SPACING, metrics=[name])
    with pytest.raises(UsageError, match=r"no metric 'hd_point'.*'hd_points'"):
        select(["hd_point"], contours=True)


# Files --------------------------------------------------------------------------------------------


def test_contours_come_back_from_a_file_bit_for_bit(tmp_path: Path) -> None:
    drawn = (*heart(0, 6, 12), *heart(2, 1 / 3, 9))
    (tmp_path / "a.json").write_text(json.dumps(as_rows(drawn)))
    found = read_contours(tmp_path / "a.json", SHAPE)
    assert as_rows(found) == as_rows(drawn)
    assert find_contours(tmp_path, {"a", "b"}) == {"a": tmp_path / "a.json"}
    (tmp_path / "none.json").write_text("[]")
    assert read_contours(tmp_path / "none.json", SHAPE) == ()


TRIANGLE = [[1.0, 1.0], [1.0, 5.0], [5.0, 3.0]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"key": 1}', "it holds dict, no list"),
        ("[[", "is not valid JSON"),
        ("\udcff", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ([1], r"entry 0: it is not \[slice, kind, points\]"),
        ([[1, "epi"]], "entry 0: it is not"),
        ([[1, "epi", TRIANGLE], [True, "epi", TRIANGLE]], "entry 1: its slice is True"),
        ([[1.0, "epi", TRIANGLE]], "its slice is 1.0"),
        ([[3, "epi", TRIANGLE]], "slices 0 to 2"),
        ([[-1, "epi", TRIANGLE]], "slices 0 to 2"),
        ([[1, "scar", TRIANGLE]], "its kind is 'scar'"),
        ([[1, ["epi"], TRIANGLE]], r"its kind is \['epi'\]"),
        ([[1, "epi", "circle"]], "its points are no list"),
        ([[1, "epi", TRIANGLE[:2]]], r"\(n >= 3, 2\)"),
        ([[1, "epi", []]], r"\(n >= 3, 2\)"),
        ([[1, "epi", [*TRIANGLE, [1.0]]]], r"a point is \[1.0\]"),
        ([[1, "epi", [*TRIANGLE, ["2", 2]]]], "a point is"),
        ([[1, "epi", [*TRIANGLE, [True, 2]]]], "a point is"),
        ([[1, "epi", [*TRIANGLE, [10**400, 2]]]], "a point is"),
        ([[1, "epi", [*TRIANGLE, [float("nan"), 2]]]], "not finite"),
        ([[1, "epi", [*TRIANGLE, [float("-inf"), 2]]]], "not finite"),
        ([[1, "epi", [*TRIANGLE, [1e9, 2]]]], "outside of an image of 40 rows and 60 columns"),
        ([[1, "epi", [[1, 1]] * (MAX_POINTS + 1)]], "no list of at most 20,000"),
    ],
)
def test_a_file_that_is_not_contours_says_why(tmp_path: Path, text: Any, says: str) -> None:
    path = tmp_path / "a.json"
    whole = text if isinstance(text, str) else json.dumps(text)
    path.write_bytes(whole.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=says) as caught:
        read_contours(path, SHAPE)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 600


def test_too_large_a_file_and_too_many_points_are_refused(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(as_rows(heart(1, 6, 12))))
    monkeypatch.setattr("benchmark.contours.files.MAX_BYTES", 1000)
    with pytest.raises(DataError, match="more than the 1,000 bytes"):
        read_contours(path, SHAPE)
    with pytest.raises(DataError, match="Cannot read"):
        read_contours(tmp_path / "b.json", SHAPE)
    with pytest.raises(DataError, match="20,001 points"):
        checked_contours([Contour(1, "epi", circle(12, MAX_POINTS + 1))], SHAPE)


def test_contours_longer_or_more_than_a_grid_can_hold_are_refused(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """Few points far apart are few bytes, but millions of samples and a distance to each."""
    path, most = tmp_path / "a.json", 2 * 42 * 62
    for n, fits in ((most // 60, True), (most // 60 + 2, False)):
        # Along a row of 60 pixels, to and fro, n edges in all.
        points = [[20.0, 60.0 * (i % 2)] for i in range(n - n % 2)]
        path.write_text(json.dumps([[1, "epi", points]]))
        if fits:
            assert len(read_contours(path, SHAPE)) == 1
            continue
        said = rf"a\.json.*entry 0.*epi contours of slice 1 are 1 of {60 * len(points):,} pixels"
        with pytest.raises(DataError, match=rf"{said} together; 1,000 of 5,208 are allowed"):
            read_contours(path, SHAPE)
    monkeypatch.setattr("benchmark.contours.files.MAX_CONTOURS", 3)
    path.write_text(json.dumps([[z, kind, TRIANGLE] for z in range(3) for kind in 3 * ("endo",)]))
    assert len(read_contours(path, SHAPE)) == 9
    one_more = [Contour(1, "epi", np.array(TRIANGLE))] * 4
    with pytest.raises(DataError, match=r"epi contours of slice 1 are 4 of .* 3 of 5,208"):
        checked_contours(one_more, SHAPE)


def test_outlines_of_a_mask_without_order_are_not_too_long() -> None:
    noise = np.random.default_rng(0).random((40, 60)) < 0.5
    board = np.indices((40, 60)).sum(axis=0) % 2  # every edge of a pixel is a border
    for mask in (board, noise):
        pieces = [Contour(0, "epi", p) for p in fit_mask(mask, Fit(frozenset()))]
        checked_contours(pieces, (1, 40, 60))


def test_folders_of_contours_name_what_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder of contours"):
        find_contours(tmp_path / "x", ["a"])
    with pytest.raises(DataError, match="holds no contours"):
        find_contours(tmp_path, ["a"])
    (tmp_path / "._patient2.json").write_bytes(b"\0\5\x16\7")  # as macOS leaves it
    with pytest.raises(DataError, match="holds no contours"):
        find_contours(tmp_path, ["patient2"])
    (tmp_path / "patient2.json").write_text("[]")
    assert list(find_contours(tmp_path, ["patient2"])) == ["patient2"]
    (tmp_path / "patient1.json").write_text("[]")
    with pytest.raises(DataError, match=r"belongs to no reference case.*'patient2'"):
        find_contours(tmp_path, ["patient2"])


def test_contours_say_all_only_where_no_scar_is_asked_for() -> None:
    drawn = heart(1, 6, 12)
    labels = outlined(drawn, SHAPE, {Region.CAVITY, Region.MYOCARDIUM})
    assert labels is not None
    np.testing.assert_array_equal(labels, contours_to_labels(drawn, SHAPE))
    assert outlined(drawn, SHAPE, {Region.MYOCARDIUM, Region.SCAR}) is None
    assert outlined((), SHAPE, {Region.MYOCARDIUM}) is None


# Runs ---------------------------------------------------------------------------------------------

CIRCLE = """
def circle(index, kind, radius, n=360):
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return Contour(index, kind, np.stack([10 + radius * np.sin(angle),
                                          9 + radius * np.cos(angle)], axis=1))
"""
#: Without scar: epi of 12 mm and endo of 6 mm in each of three slices, pixels of 1.5 mm.
DRAWN = """        both = (("endo", 4.0), ("epi", 8.0))
        contours = tuple(circle(z, kind, r) for z in range(3) for kind, r in both)
        return Case(study, Segmentation(np.where(labels == 3, 2, labels), contours))
"""
OUTLINES = "produces = frozenset({Region.CAVITY, Region.MYOCARDIUM, Region.LV})"
LABELS = "np.where(np.hypot(*np.mgrid[-10:10, -9:9]) < 7, 2, 0)[None].repeat(3, 0)"
BOTH = "tuple(circle(z, k, r) for z in range(3) for k, r in (('endo', 4.0), ('epi', 7.0)))"


class Contoured:
    """Plugins with contours."""

    def __init__(self, plugins: Any) -> None:
        self.plugins = plugins

    def dataset(self, returns: str = DRAWN) -> str:
        path = Path(self.plugins.toy())
        text = path.read_text().replace("import Case,", "import Case, Contour,")
        text = text.replace("\n\nclass Toy", f"\n{CIRCLE}\n\nclass Toy")
        text = text.replace("        return Case(study, Segmentation(labels))\n", returns)
        path.write_text(text)
        return str(path)

    def method(self, answer: str, name: str = "made", produces: str = OUTLINES) -> str:
        path = Path(self.plugins.method(f"return Segmentation({answer})", name=name))
        text = path.read_text().replace("\n\nclass Made", f"\n{CIRCLE}\n\nclass Made")
        path.write_text(text.replace("produces = frozenset({Region.SCAR})", produces))
        return str(path)


@pytest.fixture
def contoured(plugins: Any) -> Contoured:
    return Contoured(plugins)


def table(result: Any, name: str = "scores") -> pd.DataFrame:
    return pd.read_parquet(result.path / f"{name}.parquet")


def of_case(result: Any, case: str = "a") -> pd.DataFrame:
    scores = table(result)
    return scores[(scores.case == case) & (scores.dim == "contour")]


def test_a_run_scores_the_contours_of_data_set_and_method(run: Run, contoured: Contoured) -> None:
    result = run(contoured.method(f"{LABELS}, {BOTH}"), contoured.dataset())
    frame = of_case(result)
    assert one(frame, "epi", "hd").value == pytest.approx(1.5, abs=1e-3)
    assert one(frame, "epi", "masd").value == pytest.approx(1.5, abs=1e-3)
    assert one(frame, "endo", "hd").value == pytest.approx(0.0, abs=1e-9)
    assert one(frame, "epi", "hd").message == ""
    assert {k: v for k, v in result.record.metric_cards.items() if "@contour" in k} == {
        key: card.hash for key, card in contour_cards().items()
    }
    again = run(contoured.method(f"{LABELS}, {BOTH}"), contoured.dataset())
    assert again.cached
    assert (table(result, "cases").message == "").all()


def test_labels_in_a_run_are_measured_by_fitted_contours(run: Run, contoured: Contoured) -> None:
    result = run(contoured.method(LABELS), contoured.dataset())
    row = one(of_case(result), "epi", "hd")
    assert row.message == FITTED
    assert 0.5 < row.value < 2.5


def test_other_contours_beside_the_same_labels_are_scored_again(
    run: Run, contoured: Contoured
) -> None:
    first = run(contoured.method(f"{LABELS}, {BOTH}"), contoured.dataset())
    second = run(contoured.method(f"{LABELS}, {BOTH.replace('7.0', '6.0')}"), contoured.dataset())
    digests = [
        {p.name: json.loads(p.read_text())["prediction"] for p in r.path.glob("predictions/*.json")}
        for r in (first, second)
    ]
    assert not set(digests[0].values()) & set(digests[1].values())
    assert one(of_case(second), "epi", "hd").value == pytest.approx(3.0, abs=1e-3)


def test_a_file_of_contours_that_was_touched_is_predicted_again(
    run: Run, contoured: Contoured
) -> None:
    method, dataset = contoured.method(f"{LABELS}, {BOTH}"), contoured.dataset()
    first = run(method, dataset)
    path = first.path / "predictions" / "contours" / "a.json"
    before, scores = path.read_bytes(), (first.path / "scores.parquet").read_bytes()
    path.write_text(json.dumps([[0, "epi", TRIANGLE]]))
    again = run(method, dataset)
    assert path.read_bytes() == before
    assert (again.path / "scores.parquet").read_bytes() == scores


def test_a_run_stops_at_a_file_of_contours_that_was_changed_under_it(
    run: Run, contoured: Contoured, monkeypatch: Any
) -> None:
    from benchmark.steps import STEPS, score_step

    method, dataset = contoured.method(f"{LABELS}, {BOTH}"), contoured.dataset()

    def tampered(request: Any, case: str, reporter: Any) -> float:
        path = request.runs / request.expected / "predictions/contours/a.json"
        path.write_text('[[0, "epi", [[1, "x"]]]]')
        return score_step(request, case, reporter)

    monkeypatch.setitem(STEPS, "score_step", tampered)
    with pytest.raises(DataError, match=r"a\.json holds no contours: entry 0: a point is"):
        run(method, dataset)


def test_contours_alone_become_labels_where_they_say_all(run: Run, contoured: Contoured) -> None:
    result = run(contoured.method(f"contours={BOTH}"), contoured.dataset())
    assert set(table(result, "cases").message) == {MADE}
    scores = table(result)
    mask = scores[(scores.case == "a") & (scores.metric == "dice") & (scores.level == "volume")]
    cavity = mask[(mask.region == "cavity") & mask.dim.isna()].iloc[0]
    assert cavity.status == "ok"
    assert cavity.value > 0.95
    assert set(mask[mask.region == "scar"].status) == {"not_applicable"}
    assert one(of_case(result), "epi", "hd").value == pytest.approx(1.5, abs=1e-3)
    assert 0.5 < one(of_case(result), "epi", "dice").value < 0.95


def test_contours_alone_say_nothing_of_scar(run: Run, contoured: Contoured) -> None:
    every = "produces = frozenset(Region)"
    result = run(contoured.method(f"contours={BOTH}", produces=every), contoured.dataset())
    scores = table(result)
    masks = scores[scores.dim != "contour"]
    assert set(masks[masks.region.isin(["scar", "cavity"])].status) == {"no_prediction"}
    assert set(masks[masks.region == "cavity"].message) == {
        "the method gave contours and no labels"
    }
    assert set(table(result, "cases").message) == {""}
    frame = of_case(result)
    assert one(frame, "epi", "hd").value == pytest.approx(1.5, abs=1e-3)
    assert one(frame, "epi", "dice").message == MADE


def test_contours_off_the_grid_break_the_contract(run: Run, contoured: Contoured) -> None:
    far = "contours=(circle(0, 'epi', 30.0),)"
    result = run(contoured.method(far), contoured.dataset())
    assert result.cases == {"error": 4}
    assert "predict returned contours that do not fit 'a'" in result.errors["a"]
    assert "not (x, y)" in result.errors["a"]
    row = one(of_case(result), "epi", "hd")
    assert (row.status, row.worst) == ("error", math.hypot(20 * 1.5, 18 * 1.5))


def test_a_reference_with_contours_off_its_grid_is_a_case_that_cannot_be_read(
    run: Run, contoured: Contoured
) -> None:
    wrong = DRAWN.replace("8.0", "8.0 if case_id != 'a' else 30.0")
    result = run(contoured.method(LABELS), contoured.dataset(wrong))
    assert result.cases == {"ok": 3, "error": 1}
    assert "'a', reference: The epi contour of slice 0 reaches" in result.errors["a"]


def test_data_without_contours_have_no_trace_of_them(run: Run, plugins: Any) -> None:
    result = run(plugins.method())
    scores = table(result)
    assert "contour" not in set(scores.dim)
    assert not {"endo", "epi"} & set(scores.region)
    assert set(result.record.metric_cards) == {metric.card.name for metric in select()}


def test_tables_of_contours_are_ranked_compared_and_repeated(
    run: Run, contoured: Contoured, tmp_path: Path
) -> None:
    dataset = contoured.dataset()
    near = run(contoured.method(f"{LABELS}, {BOTH}", "near"), dataset)
    far = run(contoured.method(f"{LABELS}, {BOTH.replace('7.0', '6.0')}", "far"), dataset)
    epi = Quantity("epi", "hd", "contour")
    board = leaderboard(
        read_runs([near.path, far.path]), columns=[epi, Quantity("lv", "hd", "3d")], resamples=200
    )
    assert [row.label for row in board.rows] == ["near", "far"]
    assert [row.cells[0].mean for row in board.rows] == pytest.approx([1.5, 3.0], abs=1e-3)
    assert board.metric_cards == {
        "hd": cards()["hd"].hash,
        "hd@contour": contour_cards()["hd@contour"].hash,
    }
    found = compare(load_runs([near.path, far.path]), "epi", "hd", "contour", resamples=200)
    assert found.difference.iloc[0] == pytest.approx(1.5, abs=1e-3)
    again = rerun(near.path, Reporter(), runs=tmp_path / "again")
    assert again.reproduced
    # A run from before there were contours is not blamed for lacking them.
    path = near.path / "record.json"
    record = json.loads(path.read_text())
    record["metric_cards"] = {
        k: h for k, h in record["metric_cards"].items() if "@contour" not in k
    }
    path.write_text(json.dumps(record))
    scores = table(near)
    scores[scores.dim != "contour"].to_parquet(near.path / "scores.parquet")
    older = rerun(near.path, Reporter(), runs=tmp_path / "older")
    assert (older.differing, older.reproduced) == (0, True)


# bench score and explain --------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two cases with masks; contours of the first on both sides."""
    for name, radius in (("ref", 12), ("pred", 10)):
        labels = contours_to_labels(heart(1, 6, radius), SHAPE)
        for case in ("a", "b"):
            path = tmp_path / name / f"{case}.nii.gz"
            path.parent.mkdir(exist_ok=True)
            nib.save(nib.Nifti1Image(labels.T, np.diag([*SPACING[::-1], 1.0])), path)
        folder = tmp_path / f"{name}-contours"
        folder.mkdir()
        (folder / "a.json").write_text(json.dumps(as_rows(heart(1, 6, radius))))
    return tmp_path


def evaluated(folders: Path, **more: Any) -> pd.DataFrame:
    evaluate(folders / "ref", folders / "pred", folders / "out", **more)
    return pd.read_parquet(folders / "out" / "scores.parquet")


def test_folders_of_contours_are_scored_beside_masks(folders: Path) -> None:
    references = folders / "ref-contours"
    scores = evaluated(folders, reference_contours=references, contours=folders / "pred-contours")
    frame = scores[scores.dim == "contour"]
    assert set(frame.case) == {"a"}
    assert one(frame, "epi", "hd").value == pytest.approx(2.0, abs=1e-3)
    assert one(frame, "epi", "hd").message == ""
    plain = evaluated(folders)
    pd.testing.assert_frame_equal(scores[scores.dim != "contour"].reset_index(drop=True), plain)
    fitted = evaluated(folders, reference_contours=references, metrics=["hd_points"])
    assert set(fitted.metric) == {"hd_points"}
    assert one(fitted, "epi", "hd_points").message == FITTED


def test_a_data_set_brings_its_own_contours(contoured: Contoured, tmp_path: Path) -> None:
    dataset = resolve("datasets", contoured.dataset(), {}).plugin
    for case in ("a", "b"):
        loaded = dataset.load(case)
        write_labels(
            tmp_path / "pred" / f"{case}.nii.gz", loaded.reference.labels, loaded.study.target
        )
    summary = evaluate(dataset, tmp_path / "pred", tmp_path / "out", roles=["test"])
    assert summary.missing == ("c",)
    scores = pd.read_parquet(tmp_path / "out" / "scores.parquet")
    for case, status in (("a", "ok"), ("c", "no_prediction")):
        ours = scores[(scores.case == case) & (scores.dim == "contour")]
        assert one(ours, "epi", "hd").status == status
    with pytest.raises(UsageError, match="not with --dataset"):
        evaluate(dataset, tmp_path / "pred", tmp_path / "out", reference_contours=tmp_path)


def test_contours_with_nothing_to_compare_them_with_are_refused(folders: Path) -> None:
    with pytest.raises(UsageError, match="Give --reference-contours"):
        evaluated(folders, contours=folders / "pred-contours")
    with pytest.raises(UsageError, match="measured between contours"):
        evaluated(folders, metrics=["hd_points"])


def test_a_data_set_without_contours_says_so_where_they_were_asked_for(
    plugins: Any, tmp_path: Path, capsys: Any
) -> None:
    path = plugins.toy()
    dataset = resolve("datasets", path, {}).plugin
    for case in ("a", "b", "c"):
        loaded = dataset.load(case)
        write_labels(
            tmp_path / "pred" / f"{case}.nii.gz", loaded.reference.labels, loaded.study.target
        )
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "a.json").write_text(json.dumps([[1, "epi", TRIANGLE]]))
    said = "No reference has contours: nothing was measured between any."
    for code, *words in (
        (0, "--contours", tmp_path / "drawn"),
        (3, "--metric", "hd_points"),
        (3, "--metric", "hd@contour"),
        (0, "--metric", "hd"),
        (0,),
    ):
        given, out = bench(
            capsys, "score", "-d", path, "-p", tmp_path / "pred", "-o", tmp_path / "out", "--json",
            *words,
        )  # fmt: skip
        assert (given, words) == (code, words)
        silent = words in ([], ["--metric", "hd"])
        assert json.loads(out)["notes"] == ([] if silent else [said])


def test_cases_without_contours_are_counted_in_notes(folders: Path) -> None:
    """Of a, b, c and d, the references of d and the predictions of b and c have none."""
    for name, radius in (("ref", 12), ("pred", 10)):
        for case in ("c", "d"):
            shutil.copy(folders / name / "a.nii.gz", folders / name / f"{case}.nii.gz")
        for case in ("b", "c"):
            rows = as_rows(heart(1, 6, radius)) if name == "ref" else []
            if case == "b" or name == "ref":  # an empty list, and no file
                (folders / f"{name}-contours" / f"{case}.json").write_text(json.dumps(rows))

    def notes(**more: Any) -> tuple[str, ...]:
        given = {"reference_contours": folders / "ref-contours", **more}
        return evaluate(folders / "ref", folders / "pred", folders / "out", **given).notes

    first = "1 of 4 references have no contours: they are in no mean of endo and epi (d)."
    second = (
        "2 of 3 predictions have no contours of their own: distances are those of contours fitted "
        "to their labels (b, c)."
    )
    assert notes() == (first,)
    assert notes(contours=folders / "pred-contours") == (first, second)
    assert notes(contours=folders / "pred-contours", metrics=["dice"]) == (first,)
    assert notes(metrics=["hd95"]) == ()
    (folders / "ref-contours" / "d.json").write_text("[]")
    assert notes() == (first,)
    (folders / "ref-contours" / "d.json").write_text(json.dumps(as_rows(heart(1, 6, 12))))
    assert notes() == ()
    for case in "abcd":
        (folders / "ref-contours" / f"{case}.json").write_text("[]")
    assert notes() == ("No reference has contours: nothing was measured between any.",)


def test_a_damaged_file_of_contours_is_that_case_s_error(folders: Path) -> None:
    references, given = folders / "ref-contours", folders / "pred-contours"
    (given / "a.json").write_text("[1]")
    scores = evaluated(folders, reference_contours=references, contours=given)
    ours = scores[(scores.case == "a") & (scores.region.isin(["epi", "cavity"]))]
    assert set(ours.status[ours.level == "volume"]) == {"error"}
    ours = ours[ours.status == "error"]
    assert all("a.json holds no contours" in text for text in ours.message)
    assert one(ours, "epi", "hd").worst == DIAGONAL
    assert "ok" in set(scores[scores.case == "b"].status)


def test_a_reference_that_cannot_be_read_counts_where_it_has_contours(folders: Path) -> None:
    """As many cases then enter each mean of contours as have a file of them, but for values."""
    whole = evaluated(folders, reference_contours=folders / "ref-contours")
    for case in ("a", "b"):  # b has no contours
        (folders / "ref" / f"{case}.nii.gz").write_bytes(b"cut off")
    shutil.copy(folders / "pred" / "a.nii.gz", folders / "ref" / "c.nii.gz")
    shutil.copy(folders / "ref-contours" / "a.json", folders / "ref-contours" / "c.json")
    scores = evaluated(folders, reference_contours=folders / "ref-contours")
    frame = scores[scores.dim == "contour"]
    assert set(frame.case) == {"a", "c"}
    key = ["region", "metric", "level", "dim", "unit", "better", "best"]
    lost = frame[frame.case == "a"]
    expected = whole[(whole.case == "a") & (whole.dim == "contour") & (whole.level != "slice")]
    pd.testing.assert_frame_equal(
        lost[key].reset_index(drop=True), expected[key].reset_index(drop=True)
    )
    assert set(lost.status) == {"error"}
    assert lost[["value", "worst", "slice"]].isna().all(axis=None)
    assert all("a.nii.gz" in message for message in lost.message)
    shutil.copy(folders / "pred" / "a.nii.gz", folders / "pred" / "c.nii.gz")
    given = {name: folders / f"{name}-contours" for name in ("ref", "pred")}
    notes = evaluate(
        folders / "ref", folders / "pred", folders / "out",
        reference_contours=given["ref"], contours=given["pred"],
    ).notes  # fmt: skip
    assert [note.split(" have")[0] for note in notes] == ["1 of 3 references", "1 of 1 predictions"]
    few = unreadable_case(
        "a", "gone", frozenset(Region), frozenset({Region.SCAR}), metrics=["hd"], contours=True
    ).scores
    told = {(r["region"], r["status"], r["message"]) for r in few if r["dim"] == "contour"}
    assert told == {
        ("endo", "not_applicable", "prediction does not produce cavity"),
        ("epi", "not_applicable", "prediction does not produce lv or myocardium"),
    }


def bench(capsys: Any, *words: object) -> tuple[int, str]:
    code = run_app(app, [str(word) for word in words])
    return code, capsys.readouterr().out


def test_bench_score_takes_folders_of_contours(folders: Path, capsys: Any) -> None:
    code, out = bench(
        capsys, "score", "-r", folders / "ref", "-p", folders / "pred", "-o", folders / "out",
        "--reference-contours", folders / "ref-contours", "--contours", folders / "pred-contours",
        "--json",
    )  # fmt: skip
    assert code == 0
    means = {(m["region"], m["metric"]): m for m in json.loads(out)["means"]}
    assert means["epi", "hd (contour)"]["mean"] == pytest.approx(2.0, abs=1e-3)
    assert means["epi", "masd (contour)"]["n_total"] == 1


def test_explain_shows_the_definition_of_masks_and_that_of_contours(capsys: Any) -> None:
    code, out = bench(capsys, "explain", "hd")
    assert code == 0
    masks, contours = out.split("\nhd@contour: ")
    assert masks.startswith("hd: Hausdorff distance\n")
    words = " ".join(contours.split())
    card = contour_cards()["hd@contour"]
    for text in (card.title, card.formula, card.surface, card.source, card.notes, card.hash):
        assert " ".join(text.split()) in words
    assert cards()["hd"].hash in masks
    assert max(map(len, out.splitlines())) <= 100
    assert bench(capsys, "explain", "hd@contour")[1].startswith("hd@contour: ")
    assert bench(capsys, "explain", "hd_points")[1].startswith("hd_points@contour: ")
    told = json.loads(bench(capsys, "explain", "hd", "--json")[1])
    assert (told["hash"], told["contour"]["hash"]) == (cards()["hd"].hash, card.hash)
    assert "contour" not in json.loads(bench(capsys, "explain", "hd95", "--json")[1])


def test_a_name_that_is_almost_one_of_contours_is_told_once(capsys: Any) -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'hd@contour' or ") as caught:
        select(["hd@contuor"], contours=True)
    with pytest.raises(UsageError, match=r"Did you mean 'dice' or ") as twice:
        select(["dicee"])
    for error in (caught, twice):
        names = str(error.value).split("Did you mean ")[1].split(" or ")
        assert len(names) == len(set(names))
    for word in ("explain", "list"):
        assert run_app(app, [word, "hd@contuor"]) == 2
        assert "Did you mean 'hd@contour'" in capsys.readouterr().err


def test_list_names_every_metric_of_contours_once(capsys: Any) -> None:
    rows = json.loads(bench(capsys, "list", "metrics", "--json")[1])["metrics"]
    names = [row["name"] for row in rows]
    assert len(names) == len(set(names))
    assert names[-5:] == list(contour_cards())
    assert all(row["dims"] == ["contour"] for row in rows[-5:])
    assert {row["computed"] for row in rows[-5:]} == {"with contours"}
