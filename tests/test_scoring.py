"""Rows of one case: which there are, in which order, with which status and which worst value."""

import math
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

import benchmark
from benchmark import DataError, Region, Volume
from benchmark.errors import UsageError
from benchmark.metrics import Card, cards, metric
from benchmark.metrics.definition import STATUSES
from benchmark.metrics.tables import COUNTS, FEATURES, SCORES
from benchmark.scoring import ScoreTask, arrow_schema, score_case, unreadable_case

SPACING = (10.0, 1.0, 1.0)
SHAPE = (5, 30, 40)
DIAGONAL_2D = 50.0
DIAGONAL_3D = math.hypot(50.0, 50.0)
EMIDEC = Path(
    os.environ.get("SCARBENCH_EMIDEC", Path(__file__).parents[2] / "shared" / "data" / "emidec")
)


def heart():
    """Slices 1 to 4 hold a square ventricle; slices 2 and 3 scar; slice 3 no-reflow."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[1:5, 5:25, 5:25] = 2
    labels[1:5, 10:20, 10:20] = 1
    labels[2:4, 5:9, 5:15] = 3
    labels[3, 6:8, 6:8] = 4
    return labels


def task(reference=None, prediction="same", **options):
    reference = heart() if reference is None else reference
    prediction = reference.copy() if isinstance(prediction, str) else prediction
    return ScoreTask("c1", reference, prediction, SPACING, **options)


def rows(scored, **wanted):
    return [r for r in scored.scores if all(r[k] == v for k, v in wanted.items())]


def one(scored, **wanted):
    found = rows(scored, **{"level": "volume", "slice": None, "dim": None, **wanted})
    assert len(found) == 1
    return found[0]


def told(row):
    return row["value"], row["status"], row["worst"]


def test_rows_have_the_columns_of_their_tables_in_order():
    scored = score_case(task(apex="first"))
    assert {tuple(r) for r in scored.scores} == {tuple(SCORES)}
    assert {tuple(r) for r in scored.counts} == {tuple(COUNTS)}
    assert {tuple(r) for r in scored.features} == {tuple(FEATURES)}
    assert {r["status"] for r in scored.scores} <= set(STATUSES)


def test_rows_fit_their_arrow_schema():
    pa = pytest.importorskip("pyarrow")
    scored = score_case(task(apex="first"))
    for found, columns in (
        (scored.scores, SCORES),
        (scored.counts, COUNTS),
        (scored.features, FEATURES),
    ):
        table = pa.Table.from_pylist(found, schema=arrow_schema(columns))
        assert table.column_names == list(columns)
        assert table.to_pylist() == found


def test_rows_and_their_order_are_the_same_every_time():
    noisy = np.random.default_rng(0).integers(0, 5, SHAPE, dtype=np.uint8)
    first, second = (score_case(task(prediction=noisy, apex="last")) for _ in range(2))
    assert first == second
    key = ("region", "metric", "level", "dim", "slice")
    names = [tuple(r[k] for k in key) for r in first.scores]
    assert len(set(names)) == len(names)
    regions = [r["region"] for r in first.scores]
    assert list(dict.fromkeys(regions)) == [r.value for r in Region]
    dice = [(r["level"], r["slice"]) for r in rows(first, region="lv", metric="dice")]
    levels = [(name, None) for name in ("volume", "apex", "middle", "base")]
    assert dice == levels + [("slice", z) for z in range(5)]
    hd = [(r["level"], r["dim"]) for r in rows(first, region="lv", metric="hd")]
    dims = [("volume", "3d"), ("volume", "slice"), ("volume", "inplane3d")]
    assert hd[:4] == [*dims, ("apex", "slice")]


def test_a_task_survives_pickling():
    again = pickle.loads(pickle.dumps(task(image=Volume(heart().astype(float), SPACING))))
    assert score_case(again) == score_case(task(image=Volume(heart().astype(float), SPACING)))


def test_identical_segmentations_are_perfect_everywhere():
    scored = score_case(task(apex="first", image=Volume(heart().astype(float), SPACING)))
    for row in scored.scores:
        if row["status"] == "ok":
            assert row["value"] == row["worst"]
            if row["better"] != "none":
                assert row["value"] == cards.cards()[row["metric"]].best
    empty = {r["slice"] for r in rows(scored, region="lv", level="slice", status="both_empty")}
    assert empty == {0}


def test_regions_are_unions_of_labels():
    prediction = heart()
    prediction[prediction == 4] = 3
    scored = score_case(task(prediction=prediction))
    assert one(scored, region="scar", metric="dice")["value"] == 1.0
    assert told(one(scored, region="mvo", metric="dice")) == (0.0, "pred_empty", 0.0)
    prediction[prediction == 3] = 2
    scored = score_case(task(prediction=prediction))
    assert one(scored, region="myocardium", metric="dice")["value"] == 1.0
    assert one(scored, region="scar", metric="dice")["value"] == 0.0


@pytest.mark.parametrize(
    ("reference", "prediction", "status", "volume_error"),
    [(True, False, "pred_empty", -0.8), (False, True, "ref_empty", 0.8)],
)
def test_one_mask_empty(reference, prediction, status, volume_error):
    drawn, blank = heart(), np.where(heart() >= 3, 2, heart())
    scored = score_case(task(drawn if reference else blank, drawn if prediction else blank))
    assert told(one(scored, region="scar", metric="dice")) == (0.0, status, 0.0)
    found = one(scored, region="scar", metric="volume_error_ml")
    assert found["status"] == status
    assert found["value"] == found["worst"] == pytest.approx(volume_error)
    for dim, worst in (("3d", DIAGONAL_3D), ("inplane3d", DIAGONAL_3D), ("slice", DIAGONAL_2D)):
        assert told(one(scored, region="scar", metric="hd95", dim=dim)) == (None, status, worst)
    percent = one(scored, region="scar", metric="volume_error_percent")
    expected = (None, None) if status == "ref_empty" else (-100.0, -100.0)
    assert (percent["value"], percent["worst"]) == expected


def test_both_masks_empty():
    blank = np.where(heart() >= 3, 2, heart())
    scored = score_case(task(blank, blank))
    assert told(one(scored, region="scar", metric="dice")) == (None, "both_empty", None)
    assert told(one(scored, region="scar", metric="hd", dim="3d")) == (None, "both_empty", None)
    assert told(one(scored, region="scar", metric="volume_error_ml")) == (0.0, "both_empty", 0.0)


def test_a_slice_with_one_mask_empty_is_a_failure_and_counts():
    prediction = heart()
    prediction[4] = 0
    scored = score_case(task(prediction=prediction, apex="first"))
    missed = one(scored, region="lv", metric="hd", dim="slice", level="slice", slice=4)
    assert told(missed) == (None, "pred_empty", DIAGONAL_2D)
    pooled = one(scored, region="lv", metric="hd", dim="slice")
    assert told(pooled) == (None, "pred_empty", DIAGONAL_2D)
    assert pooled["message"] == "one mask is empty in slice 4; 0 mm over the other 3"
    # Each of 4 slices has 76 surface voxels; those of the missed one lie at the diagonal.
    mean = one(scored, region="lv", metric="assd", dim="slice")["worst"]
    assert mean == pytest.approx(76 * DIAGONAL_2D / (4 * 76 + 3 * 76))
    # The distance in space is that to the neighbouring slice.
    assert one(scored, region="lv", metric="hd", dim="3d")["value"] == 10.0


def test_thirds_are_means_of_their_slices_under_the_status_rules():
    prediction = heart()
    prediction[4] = 0
    prediction[1, 5:15] = 0  # half of the first ventricle slice
    scored = score_case(task(prediction=prediction, apex="first"))
    apex, middle, base = (
        one(scored, region="lv", metric="dice", level=level) for level in ("apex", "middle", "base")
    )
    assert told(apex) == (pytest.approx(2 / 3), "ok", pytest.approx(2 / 3))
    assert told(middle) == (1.0, "ok", 1.0)
    assert told(base) == (0.0, "pred_empty", 0.0)
    base = one(scored, region="lv", metric="hd", level="base", dim="slice")
    assert told(base) == (None, "pred_empty", DIAGONAL_2D)
    assert "slice 4" in base["message"]
    apex = one(scored, region="scar", metric="dice", level="apex")
    assert told(apex) == (None, "both_empty", None)


def test_a_third_with_one_missed_slice_has_a_worst_mean_but_no_distance():
    reference = np.zeros((6, 30, 40), dtype=np.uint8)
    reference[:, 5:9, 5:9] = 2
    prediction = reference.copy()
    prediction[1] = 0
    scored = score_case(task(reference, prediction, apex="first"))
    dice = one(scored, region="myocardium", metric="dice", level="apex")
    assert told(dice) == (0.5, "ok", 0.5)
    hd = one(scored, region="myocardium", metric="hd", level="apex", dim="slice")
    assert told(hd) == (None, "pred_empty", DIAGONAL_2D / 2)


def test_an_apex_that_is_not_known_is_not_guessed():
    scored = score_case(task())
    found = rows(scored, level="apex") + rows(scored, level="base")
    assert found
    assert {(r["value"], r["status"], r["worst"]) for r in found} == {
        (None, "not_applicable", None)
    }


def test_the_apex_at_the_other_end_exchanges_apex_and_base():
    prediction = heart()
    prediction[4] = 0
    first = score_case(task(prediction=prediction, apex="first"))
    last = score_case(task(prediction=prediction, apex="last"))
    for metric_, dim in (("dice", None), ("hd", "slice")):
        there = one(first, region="lv", metric=metric_, dim=dim, level="base")
        back = one(last, region="lv", metric=metric_, dim=dim, level="apex")
        assert told(there) == told(back)


def test_a_region_outside_either_side_is_not_applicable_and_says_which():
    everything = frozenset(Region)
    scored = score_case(
        task(annotates=everything - {Region.MVO}, produces=everything - {Region.CAVITY})
    )
    for region, message in (
        ("mvo", "reference does not annotate mvo"),
        ("cavity", "prediction does not produce cavity"),
    ):
        found = rows(scored, region=region)
        assert {(r["value"], r["status"], r["worst"], r["message"]) for r in found} == {
            (None, "not_applicable", None, message)
        }
        assert {r["level"] for r in found} == {"volume", "apex", "middle", "base"}
    assert one(scored, region="lv", metric="dice")["value"] == 1.0


def test_the_emidec_ratio_divides_by_the_myocardium_of_the_reference():
    reference, prediction = heart(), heart()
    prediction[2:4, 5:9, 5:15] = 2  # all scar missed
    prediction[1, 5:25, 5:25] = 0  # and the myocardium of one slice, which must not matter
    scored = score_case(task(reference, prediction, apex="first"))
    found = one(scored, region="scar", metric="emidec_volume_ratio")
    assert told(found) == (80 / 1200, "pred_empty", 80 / 1200)
    found = one(scored, region="lv", metric="emidec_volume_ratio")
    assert told(found) == (400 / 1200, "ok", 400 / 1200)
    slices = rows(scored, region="scar", metric="emidec_volume_ratio", level="slice")
    assert [r["value"] for r in slices] == [0.0, 0.0, 40 / 300, 40 / 300, 0.0]
    middle = one(scored, region="scar", metric="emidec_volume_ratio", level="middle")
    assert middle["value"] == pytest.approx(40 / 300)


def test_the_emidec_ratio_of_a_miss_is_that_of_an_empty_answer():
    scored = score_case(task(prediction=None))
    found = one(scored, region="scar", metric="emidec_volume_ratio")
    assert told(found) == (None, "no_prediction", 80 / 1200)


def test_the_emidec_ratio_is_not_applicable_where_no_myocardium_is_annotated():
    annotates = frozenset({Region.SCAR, Region.LV})
    scored = score_case(task(apex="first", annotates=annotates))
    found = rows(scored, region="scar", metric="emidec_volume_ratio")
    assert {(r["value"], r["status"], r["worst"], r["message"]) for r in found} == {
        (None, "not_applicable", None, "reference does not annotate myocardium")
    }
    assert {r["level"] for r in found} == {"volume", "apex", "middle", "base"}
    assert one(scored, region="scar", metric="dice")["value"] == 1.0
    masks = benchmark.score(heart() == 3, heart() == 3, SPACING, metrics=["emidec_volume_ratio"])
    assert list(masks["status"]) == ["not_applicable"]
    assert "canonical labels" in masks.loc[0, "message"]


def test_the_emidec_ratio_of_a_slice_without_myocardium_is_not_applicable_not_infinite():
    """The volume counts the false scar that the slice cannot."""
    prediction = heart()
    prediction[0, 5:9, 5:15] = 3
    scored = score_case(task(prediction=prediction))
    found = one(scored, region="scar", metric="emidec_volume_ratio", level="slice", slice=0)
    assert told(found) == (None, "not_applicable", None)
    assert found["message"] == "the reference has no myocardium here"
    found = one(scored, region="scar", metric="emidec_volume_ratio")
    assert told(found) == (40 / 1200, "ok", 40 / 1200)


def test_core_scar_is_measured_against_the_same_myocardium():
    image = np.where(heart() == 3, 200.0, 100.0)
    image[2, 5, 5] = 400.0
    prediction = np.where(heart() >= 3, 2, heart())
    scored = score_case(task(prediction=prediction, image=Volume(image, SPACING)))
    found = one(scored, region="core_scar", metric="emidec_volume_ratio")
    assert told(found) == (1 / 1200, "pred_empty", 1 / 1200)


def test_a_directed_mean_takes_a_missed_slice_in_its_own_direction_only():
    """Missed: 76 more surface voxels of the reference at the diagonal; none of the prediction."""
    prediction = heart()
    prediction[4] = 0
    scored = score_case(task(prediction=prediction))
    there = one(scored, region="lv", metric="asd_ref_to_pred", dim="slice")
    back = one(scored, region="lv", metric="asd_pred_to_ref", dim="slice")
    assert told(there) == (None, "pred_empty", pytest.approx(DIAGONAL_2D / 4))
    assert told(back) == (None, "pred_empty", 0.0)


def test_a_card_that_values_only_misses_leaves_false_slices_without_a_value(monkeypatch):
    """A volume has a value over one-sided slices only if the card gives each of them one."""

    def count(pair):
        return float(pair.distances.pooled.searchsorted(1.0, side="right"))

    options = {"reads": "distances", "dims": ("slice",), "pred_empty": 0.0, "ref_empty": None}
    known = {"near": bad_metric("near", count, **options)}
    monkeypatch.setattr(cards, "metrics", lambda: known)
    missed, false = heart(), heart()
    missed[4] = 0
    false[0] = false[1]
    found = one(score_case(task(prediction=missed)), region="lv", metric="near", dim="slice")
    assert told(found) == (3 * 76 * 2, "ok", 3 * 76 * 2)
    both = false.copy()
    both[4] = 0
    for prediction in (false, both):
        scored = score_case(task(prediction=prediction))
        found = one(scored, region="lv", metric="near", dim="slice")
        assert (found["value"], found["status"]) == (None, "ref_empty")


@pytest.mark.parametrize("status", ["no_prediction", "error"])
def test_a_missing_prediction_keeps_its_rows_and_costs_the_worst(status):
    there = score_case(task(apex="first"))
    missing = score_case(task(prediction=None, apex="first", status=status, message="gone"))
    key = ("region", "metric", "level", "slice", "dim")
    assert [[r[k] for k in key] for r in missing.scores] == [
        [r[k] for k in key] for r in there.scores
    ]
    counted = [r for r in missing.scores if r["status"] != "not_applicable"]
    assert {(r["value"], r["status"], r["message"]) for r in counted} == {(None, status, "gone")}
    assert one(missing, region="scar", metric="dice")["worst"] == 0.0
    assert one(missing, region="scar", metric="balanced_accuracy")["worst"] == 0.0
    assert one(missing, region="scar", metric="hd", dim="3d")["worst"] == DIAGONAL_3D
    error = one(missing, region="scar", metric="volume_error_ml")["worst"]
    assert error == pytest.approx(-0.8)
    empty_slice = one(missing, region="lv", metric="dice", level="slice", slice=0)
    assert empty_slice["worst"] is None
    assert missing.counts == []


def test_a_missing_answer_to_a_scar_free_heart_still_costs_the_worst():
    blank = np.where(heart() >= 3, 2, heart())
    scored = score_case(task(blank, None))
    assert told(one(scored, region="scar", metric="dice")) == (None, "no_prediction", 0.0)
    assert one(scored, region="scar", metric="hd", dim="slice")["worst"] == DIAGONAL_2D


def test_a_case_a_method_skips_is_not_applicable_with_its_reason():
    scored = score_case(task(prediction=None, status="not_applicable", message="needs cine"))
    assert {(r["value"], r["status"], r["worst"]) for r in scored.scores} == {
        (None, "not_applicable", None)
    }
    assert {r["message"] for r in scored.scores} == {"needs cine"}


def test_core_scar_needs_the_image():
    without = score_case(task())
    found = one(without, region="core_scar", metric="dice")
    assert (found["status"], found["message"]) == ("not_applicable", "core scar needs the image")
    image = np.where(heart() == 3, 200.0, 100.0)
    image[2, 5, 5] = 400.0
    scored = score_case(task(image=Volume(image, SPACING)))
    assert told(one(scored, region="core_scar", metric="dice")) == (1.0, "ok", 1.0)
    core = [r for r in scored.features if r["feature"] == "core_scar_ml"]
    assert [r["value"] for r in core] == [pytest.approx(0.01)] * 2  # only the brightest voxel


def test_calling_all_of_the_myocardium_scar_is_an_error_not_an_exemption():
    prediction = np.where(heart() == 2, 3, heart())
    image = Volume(np.where(heart() == 3, 200.0, 100.0), SPACING)
    scored = score_case(task(prediction=prediction, image=image))
    found = one(scored, region="core_scar", metric="dice")
    assert told(found) == (None, "error", 0.0)
    assert "remote" in found["message"]


def test_counts_allow_every_overlap_metric_to_be_made_again():
    noisy = np.random.default_rng(3).integers(0, 5, SHAPE, dtype=np.uint8)
    scored = score_case(task(prediction=noisy))
    assert sum(r["voxels"] for r in scored.counts) == np.prod(SHAPE)
    assert all(r["voxels"] > 0 for r in scored.counts)
    tp = fp = fn = 0
    for row in scored.counts:
        ours, theirs = row["reference_label"] in (3, 4), row["compared_label"] in (3, 4)
        tp += row["voxels"] * (ours and theirs)
        fp += row["voxels"] * (theirs and not ours)
        fn += row["voxels"] * (ours and not theirs)
    assert one(scored, region="scar", metric="dice")["value"] == 2 * tp / (2 * tp + fp + fn)


def test_features_are_of_both_sides_or_of_those_asked_for():
    scored = score_case(task(reference_name="anna", compared_name="bert"))
    assert {r["source"] for r in scored.features} == {"anna", "bert"}
    only = score_case(task(describe=frozenset({"compared"})))
    assert {r["source"] for r in only.features} == {"prediction"}
    missing = score_case(task(prediction=None, message="gone"))
    theirs = [r for r in missing.features if r["source"] == "prediction"]
    assert {(r["value"], r["status"], r["message"]) for r in theirs} == {
        (None, "no_prediction", "gone")
    }


def test_only_chosen_metrics_and_levels_are_measured():
    scored = score_case(task(apex="first"), metrics=["dice", "hd"], levels=["slice"])
    assert {(r["metric"], r["level"]) for r in scored.scores} == {
        ("dice", "slice"),
        ("hd", "slice"),
    }
    with pytest.raises(UsageError, match="hd95"):
        score_case(task(), metrics=["hd96"])


def test_misaligned_sides_are_refused_with_both_geometries():
    with pytest.raises(DataError, match=r"'c1'.*\(5, 30, 40\).*\(5, 40, 30\).*10 x 1 x 1 mm"):
        task(prediction=np.zeros((5, 40, 30), dtype=np.uint8))
    with pytest.raises(DataError, match=r"\(5, 30, 40\), the image \(5, 30, 41\)"):
        task(image=Volume(np.zeros((5, 30, 41)), SPACING))
    with pytest.raises(DataError, match="2 slice positions for 5 slices"):
        task(slice_positions=(0.0, 1.0))
    with pytest.raises(DataError, match="canonical"):
        task(prediction=np.full(SHAPE, 7, dtype=np.uint8))


def bad_metric(name, function, **options):
    fields = {
        "title": name,
        "formula": name,
        "unit": "",
        "better": "higher",
        "bounds": (0.0, 1.0),
        "worst": 0.0,
    }
    return metric(Card(name=name, **fields, **options))(function)


def fails(pair):
    raise RuntimeError("boom")


def gives_nothing(pair):
    return None


@pytest.mark.parametrize(
    ("function", "message"),
    [(fails, "boom"), (lambda pair: float("nan") * pair.tp, "nan"), (gives_nothing, "None")],
)
def test_a_metric_that_breaks_is_an_error_row_and_spares_the_others(function, message, monkeypatch):
    known = {**cards.metrics(), "bad": bad_metric("bad", function)}
    monkeypatch.setattr(cards, "metrics", lambda: known)
    scored = score_case(task(), metrics=["dice", "bad"])
    broken = one(scored, region="lv", metric="bad")
    assert told(broken) == (None, "error", 0.0)
    assert message in broken["message"]
    assert one(scored, region="lv", metric="dice")["value"] == 1.0


def test_a_strangers_metric_may_read_the_masks(monkeypatch):
    def rows_in_common(pair):
        ours, theirs = pair.masks()
        return float((ours.any(axis=2) & theirs.any(axis=2)).sum())

    known = {"rows": bad_metric("rows", rows_in_common, reads="masks")}
    monkeypatch.setattr(cards, "metrics", lambda: known)
    scored = score_case(task())
    assert one(scored, region="lv", metric="rows")["value"] == 80.0
    assert one(scored, region="lv", metric="rows", level="slice", slice=1)["value"] == 20.0


def test_score_of_two_masks_is_one_region():
    mask = heart() == 3
    table = benchmark.score(mask, mask, SPACING)
    assert list(table.columns) == list(SCORES)
    assert set(table["region"]) == {"mask"}
    assert set(table["level"]) == {"volume"}
    assert table.set_index("metric").loc["dice", "value"] == 1.0


def test_score_of_labels_is_every_region_and_core_scar_with_the_image():
    table = benchmark.score(heart(), heart(), SPACING, metrics=["dice"])
    assert list(table["region"]) == ["cavity", "myocardium", "lv", "scar", "mvo"]
    image = np.where(heart() == 3, 200, 100)
    table = benchmark.score(heart(), heart(), SPACING, metrics=["dice"], image=image)
    assert list(table["region"])[-1] == "core_scar"
    assert list(table["value"]) == [1.0] * 6
    table = benchmark.score(heart(), heart(), SPACING, metrics=["dice"], regions=["scar", "lv"])
    assert list(table["region"]) == ["lv", "scar"]


def test_score_of_labels_of_your_own_needs_their_meaning():
    own = heart().astype(np.int32) * 300
    meaning = {"scar": (900, 1200), "blood": [300]}
    table = benchmark.score(own, own, SPACING, regions=meaning, metrics=["dice"])
    assert list(table["region"]) == ["scar", "blood"]
    assert list(table["value"]) == [1.0, 1.0]
    with pytest.raises(DataError, match="canonical"):
        benchmark.score(own, own, SPACING)


def test_score_by_slice_and_third():
    table = benchmark.score(
        heart(), heart(), SPACING, metrics=["dice"], levels=["slice", "apex"], apex="first"
    )
    assert set(table["level"]) == {"slice", "apex"}
    assert str(table["slice"].dtype) == "Int32"
    nothing = benchmark.score(heart(), heart(), SPACING, metrics=[])
    assert list(nothing.columns) == list(SCORES)
    assert len(nothing) == 0


def test_score_agrees_with_score_case():
    prediction = np.roll(heart(), 2, axis=1)
    table = benchmark.score(heart(), prediction, SPACING)
    scored = score_case(task(prediction=prediction), levels=["volume"])
    expected = [r["value"] for r in scored.scores if r["region"] != "core_scar"]
    np.testing.assert_array_equal(table["value"], np.array(expected, dtype=float))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((heart(), heart()[:4], SPACING), {}, DataError, r"\(5, 30, 40\).*\(4, 30, 40\)"),
        ((heart()[0], heart()[0], SPACING), {}, DataError, "leading axis"),
        ((heart() / 1, heart(), SPACING), {}, DataError, "Reference has dtype float64"),
        ((heart(), heart(), (1.0, 1.0)), {}, DataError, "Spacing"),
        ((heart(), heart(), (1.0, 0.0, 1.0)), {}, DataError, "Spacing"),
        ((heart() > 0, heart(), SPACING), {}, DataError, "do not make a mask"),
        ((heart() > 0, heart() > 0, SPACING), {"regions": ["lv"]}, UsageError, "no regions"),
        ((heart(), heart(), SPACING), {"regions": ["scars"]}, UsageError, "'scar'"),
        ((heart(), heart(), SPACING), {"regions": {"a": ()}}, UsageError, "No label value"),
        ((heart(), heart(), SPACING), {"levels": ["volum"]}, UsageError, "'volume'"),
        ((heart(), heart(), SPACING), {"metrics": ["dise"]}, UsageError, "'dice'"),
    ],
)
def test_score_names_what_does_not_fit(arguments, options, error, message):
    with pytest.raises(error, match=message):
        benchmark.score(*arguments, **options)


def emidec_case(name):
    nibabel = pytest.importorskip("nibabel")
    folder = EMIDEC / "emidec-dataset-1.0.1" / name
    if not folder.is_dir():
        pytest.skip(f"EMIDEC is not at {EMIDEC}")
    files = [nibabel.load(folder / part / f"{name}.nii.gz") for part in ("Contours", "Images")]
    labels, image = (np.asarray(f.dataobj).T for f in files)
    z, y, x = (float(s) for s in files[0].header.get_zooms()[::-1])
    return labels.astype(np.uint8), image, (z, y, x)


def test_a_real_case_against_itself_shifted_in_plane():
    labels, image, spacing = emidec_case("Case_P002")
    shifted = np.roll(labels, 1, axis=2)
    scored = score_case(
        ScoreTask("P002", labels, shifted, spacing, apex="last", image=Volume(image, spacing))
    )
    for dim in ("3d", "slice", "inplane3d"):
        assert one(scored, region="lv", metric="hd", dim=dim)["value"] == pytest.approx(spacing[2])
    overlap = (labels > 0) & (shifted > 0)
    expected = 2 * overlap.sum() / ((labels > 0).sum() + (shifted > 0).sum())
    assert one(scored, region="lv", metric="dice")["value"] == pytest.approx(expected, abs=1e-12)
    volume = next(r for r in scored.features if r["feature"] == "lv_ml")
    assert volume["value"] == pytest.approx((labels > 0).sum() * np.prod(spacing) / 1000)
    assert {r["status"] for r in scored.scores} <= {"ok", "both_empty"}


def test_a_real_case_in_the_metrics_of_detection_and_of_the_myocardium():
    """Against the definitions written out on the whole arrays, uncropped."""
    ndimage = pytest.importorskip("scipy.ndimage")
    labels, _, spacing = emidec_case("Case_P002")
    drawn = np.roll(labels, 3, axis=1)
    drawn[-3:] = np.where(drawn[-3:] >= 3, 2, drawn[-3:])
    scored = score_case(ScoreTask("P002", labels, drawn, spacing, apex="last"))
    ours, theirs = labels >= 3, drawn >= 3

    def value(metric, **where):
        return one(scored, region="scar", metric=metric, **where)["value"]

    ratio = abs(int(theirs.sum()) - int(ours.sum())) / (labels >= 2).sum()
    assert value("emidec_volume_ratio") == pytest.approx(ratio, abs=1e-15)
    assert 0 < ratio < 1
    assert value("mcc") == pytest.approx(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1], abs=1e-12)
    assert value("specificity") == (~ours & ~theirs).sum() / (~ours).sum()
    pieces, n = ndimage.label(ours)
    found = len(set(pieces[theirs].tolist()) - {0})
    assert value("lesion_recall") == found / n
    assert value("lesions_reference") == n
    assert value("nsd@1mm", dim="slice") < value("nsd@3mm", dim="slice") < 1


@pytest.mark.parametrize("status", ["no_prediction", "error"])
def test_no_answer_to_a_scar_free_heart_is_no_volume_error_of_zero(status):
    blank = np.where(heart() >= 3, 2, heart())
    scored = score_case(task(blank, None, status=status))
    for name in ("volume_error_ml", "absolute_volume_error_ml", "volume_error_percent"):
        for level in ("volume", "slice"):
            found = rows(scored, region="scar", metric=name, level=level)
            assert {(r["value"], r["worst"]) for r in found} == {(None, None)}
    # an empty answer, though, is right
    right = score_case(task(blank, np.zeros_like(blank)))
    found = one(right, region="scar", metric="volume_error_ml")
    assert (found["value"], found["worst"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("annotates", "known"),
    [
        ({Region.SCAR}, False),
        ({Region.SCAR, Region.MVO}, False),
        ({Region.SCAR, Region.CAVITY}, True),
        ({Region.SCAR, Region.MYOCARDIUM}, True),
    ],
)
def test_thirds_are_those_of_an_annotated_ventricle(annotates, known):
    """Scar alone does not say from where to where the left ventricle reaches."""
    scored = score_case(task(apex="first", annotates=frozenset(annotates)))
    (row,) = rows(scored, region="scar", metric="dice", level="middle")
    assert (row["status"] != "not_applicable") is known
    if not known:
        assert "no outline of the left ventricle" in row["message"]


def test_an_unreadable_case_has_the_rows_of_a_readable_one_but_slices_and_no_number():
    produces = frozenset({Region.SCAR, Region.MYOCARDIUM})
    whole = score_case(task(apex="first", prediction=None, produces=produces))
    lost = unreadable_case("c1", "cut off", frozenset(Region), produces)
    key = ("region", "metric", "level", "dim")
    expected = [tuple(r[k] for k in key) for r in whole.scores if r["level"] != "slice"]
    assert [tuple(r[k] for k in key) for r in lost.scores] == expected
    assert {(r["value"], r["worst"], r["slice"]) for r in lost.scores} == {(None, None, None)}
    told = {(r["region"], r["status"], r["message"]) for r in lost.scores}
    assert ("scar", "error", "cut off") in told
    assert ("cavity", "not_applicable", "prediction does not produce cavity") in told
    assert {r["status"] for r in lost.scores if r["region"] == "myocardium"} == {"error"}
