"""The budget of the Dice loss: by hand, by brute force, and every wrong voxel exactly once."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import benchmark
from benchmark.datasets.emidec import Emidec
from benchmark.metrics.cards import cards
from benchmark.scoring import ScoreTask, score_case
from benchmark.types import Region

SPACING = (8.0, 1.5, 1.5)
ROOT = Path(__file__).resolve().parents[1]
EMIDEC = Path(os.environ.get("SCARBENCH_EMIDEC", ROOT.parent / "shared" / "data" / "emidec"))
needs_emidec = pytest.mark.skipif(not EMIDEC.is_dir(), reason=f"no EMIDEC data at {EMIDEC}")
ACCOUNTS = ["boundary", "missed", "false", "wrong_class"]
VOLUMES = [f"budget_{account}_ml" for account in ACCOUNTS]
LOSSES = [f"budget_{account}" for account in ACCOUNTS]
NAMES = [*VOLUMES, *LOSSES]
spacings = st.tuples(*[st.sampled_from([0.4, 0.7, 1.0, 1.5, 2.0, 3.0])] * 3)


def table(reference, prediction, spacing=SPACING, **options):
    return benchmark.score(reference, prediction, spacing, metrics=["dice", *NAMES], **options)


def of_region(found, region):
    rows = found[found["region"] == region]
    return dict(zip(rows["metric"], rows["value"], strict=True))


def voxels(reference, prediction, region="scar", spacing=SPACING, **options):
    """Voxels in each account."""
    found = of_region(table(reference, prediction, spacing, **options), region)
    voxel_ml = math.prod(spacing) / 1000
    counts = [found[name] / voxel_ml for name in VOLUMES]
    assert counts == pytest.approx([round(c) for c in counts], abs=1e-9)
    return [round(c) for c in counts]


@st.composite
def maps(draw):
    """Two label maps of blobs and of noise, with much in common."""
    shape = draw(st.tuples(st.integers(1, 3), st.integers(2, 9), st.integers(2, 9)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    noise = rng.normal(size=shape)
    blobs = ndimage.gaussian_filter(noise, draw(st.sampled_from([0, 1, 2])))
    reference = np.digitize(blobs, np.quantile(blobs, [0.4, 0.6, 0.75, 0.9])).astype(np.uint8)
    prediction = np.roll(reference, draw(st.integers(-2, 2)), axis=2)
    wrong = rng.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.5]))
    prediction[wrong] = rng.integers(0, 5, wrong.sum())
    return reference, prediction


@settings(max_examples=50, deadline=None)
@given(maps(), spacings)
def test_every_wrong_voxel_is_in_one_account(labels, spacing):
    found = table(*labels, spacing, levels=["volume", "slice"])
    voxel_ml = math.prod(spacing) / 1000
    wide = found.pivot(index=["region", "level", "slice"], columns="metric", values="value")
    for (region, level, z), row in wide.iterrows():
        planes = labels if level == "volume" else [side[int(z)][None] for side in labels]
        ours, theirs = (Region(region).mask(side) for side in planes)
        counts = row[VOLUMES] / voxel_ml
        np.testing.assert_allclose(counts, counts.round(), atol=1e-9)
        assert counts.round().sum() == (ours ^ theirs).sum()
        if ours.any() or theirs.any():
            assert row[LOSSES].sum() == pytest.approx(1 - row["dice"], abs=1e-12)
        else:
            assert row[LOSSES].isna().all()


def near(voxel, mask, spacing):
    """Whether a voxel is within 2 mm of a mask in its slice, or next to it."""
    z, y, x = voxel
    for v, u in np.argwhere(mask[z]):
        steps = abs(v - y) + abs(u - x)
        if steps == 1 or math.hypot((v - y) * spacing[1], (u - x) * spacing[2]) <= 2 + 1e-6:
            return True
    return False


def flood(mask):
    left, pieces = {tuple(map(int, v)) for v in np.argwhere(mask)}, []
    while left:
        edge = [left.pop()]
        piece = set(edge)
        while edge:
            at = edge.pop()
            for axis in range(3):
                for step in (-1, 1):
                    to = tuple(c + step * (k == axis) for k, c in enumerate(at))
                    if to in left:
                        left.remove(to)
                        piece.add(to)
                        edge.append(to)
        pieces.append(piece)
    return pieces


def oracle(reference, prediction, region, spacing):
    counts = dict.fromkeys(ACCOUNTS, 0)
    sides = (("missed", reference, prediction), ("false", prediction, reference))
    for account, one, other in sides:
        mask, opposite = region.mask(one), region.mask(other)
        for piece in flood(mask):
            touched = any(opposite[v] for v in piece)
            for voxel in piece:
                if opposite[voxel]:
                    continue
                if not touched:
                    counts[account] += 1
                elif near(voxel, opposite, spacing):
                    counts["boundary"] += 1
                elif other[voxel]:
                    counts["wrong_class"] += 1
                else:
                    counts[account] += 1
    return [counts[account] for account in ACCOUNTS]


@settings(max_examples=60, deadline=None)
@given(maps(), spacings)
def test_accounts_are_those_of_brute_force(labels, spacing):
    found = table(*labels, spacing)
    voxel_ml = math.prod(spacing) / 1000
    for region in Region:
        if region is not Region.CORE_SCAR:
            values = of_region(found, region)
            counts = [values[name] / voxel_ml for name in VOLUMES]
            assert counts == pytest.approx(oracle(*labels, region, spacing), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(maps(), st.sampled_from([(8.0, 1.5, 1.5), (1.0, 0.7, 3.0)]))
def test_missed_and_false_change_places_with_the_maps(labels, spacing):
    there = table(*labels, spacing).set_index(["region", "metric"])["value"]
    back = table(*labels[::-1], spacing).set_index(["region", "metric"])["value"]
    for name in NAMES:
        other = name.replace("missed", "?").replace("false", "missed").replace("?", "false")
        np.testing.assert_array_equal(there.xs(name, level=1), back.xs(other, level=1))


@settings(max_examples=40, deadline=None)
@given(maps())
def test_rows_and_columns_may_be_swapped(labels):
    there = table(*labels, (8.0, 0.7, 1.5))["value"]
    back = table(*(side.transpose(0, 2, 1) for side in labels), (8.0, 1.5, 0.7))["value"]
    np.testing.assert_allclose(there, back, rtol=1e-12)


def wall():
    """A slab of myocardium, cavity above it, background below; one slice of 20 x 30."""
    labels = np.zeros((1, 20, 30), dtype=np.uint8)
    labels[0, 2:8] = 1
    labels[0, 8:14] = 2
    return labels


def test_a_lesion_that_is_not_found_is_missed_whatever_is_drawn_there():
    reference, prediction = wall(), wall()
    reference[0, 9:12, 3:8] = 3
    assert voxels(reference, prediction) == [0, 15, 0, 0]
    assert voxels(prediction, reference) == [0, 0, 15, 0]
    # even right beside one that is found
    reference[0, 9:12, 12:15] = prediction[0, 9:12, 8:15] = 3
    prediction[0, 9:12, 8] = 2
    prediction[0, 9:12, 3:8] = 2
    assert voxels(reference, prediction) == [3 * 1, 15, 0, 3 * 2]


def test_what_lies_within_two_millimetres_is_boundary():
    reference, prediction = wall(), wall()
    reference[0, 9:12, 5:15] = 3
    prediction[0, 9:12, 6:12] = 3
    # 1.5 mm: 1 column on the left and 1 on the right; the 2 columns beyond are called myocardium
    assert voxels(reference, prediction) == [6, 0, 0, 6]
    # with pixels of 3 mm the voxels across a face are boundary still
    assert voxels(reference, prediction, spacing=(8.0, 3.0, 3.0)) == [6, 0, 0, 6]
    # of 1 mm two columns, of 0.4 mm five
    assert voxels(reference, prediction, spacing=(8.0, 1.0, 1.0)) == [9, 0, 0, 3]
    assert voxels(reference, prediction, spacing=(8.0, 0.4, 0.4)) == [12, 0, 0, 0]


def test_deep_errors_are_wrong_class_in_the_heart_and_missed_or_false_outside():
    reference, prediction = wall(), wall()
    reference[0, 9:12, 5:15] = 3
    prediction[0, 9:12, 5:10] = 3
    prediction[0, 9:12, 10:13] = 2
    prediction[0, 9:12, 13:] = 0
    assert voxels(reference, prediction) == [3, 3 * 2, 0, 3 * 2]
    assert voxels(prediction, reference) == [3, 0, 3 * 2, 3 * 2]
    # Of the myocardium, scar included, only what is drawn as background is wrong: 17 columns and
    # 3 rows, of which there is myocardium above, below and to the left.
    assert voxels(reference, prediction, "myocardium") == [17 + 17 + 1, 16, 0, 0]


def test_a_slice_without_an_answer_is_missed():
    reference, prediction = np.repeat(wall(), 2, axis=0), np.repeat(wall(), 2, axis=0)
    prediction[1] = 0
    for region, size in (("cavity", 180), ("myocardium", 180), ("lv", 360)):
        assert voxels(reference, prediction, region) == [0, size, 0, 0]
        losses = of_region(table(reference, prediction), region)
        assert losses["budget_missed"] == pytest.approx(1 - losses["dice"]) == pytest.approx(1 / 3)


def test_no_reflow_called_scar_is_a_wrong_class_of_it_and_no_error_of_scar():
    reference, prediction = wall(), wall()
    reference[0, 9:12, 3:20] = prediction[0, 9:12, 3:20] = 3
    reference[0, 10, 4:14] = 4
    prediction[0, 10, 4:7] = 4
    assert voxels(reference, prediction, "mvo") == [1, 0, 0, 6]
    assert voxels(reference, prediction, "scar") == [0, 0, 0, 0]


def test_the_heart_is_what_both_sides_speak_about():
    """A method without a cavity calls nothing there another class of the heart."""
    reference, prediction = wall(), wall()
    reference[0, 8:11, 5:15] = prediction[0, 8:11, 5:15] = 3
    prediction[0, 4:8, 5:15] = 3  # into the cavity: one row at the boundary, three beyond

    def accounts(**sides):
        task = ScoreTask("a", reference, prediction, SPACING, **sides)
        rows = score_case(task, metrics=VOLUMES, levels=["volume"], regions=[Region.SCAR]).scores
        return [row["value"] / (math.prod(SPACING) / 1000) for row in rows]

    assert accounts() == pytest.approx([10, 0, 0, 30])
    without = frozenset(Region) - {Region.CAVITY, Region.LV}
    assert accounts(produces=without) == pytest.approx([10, 0, 30, 0])
    assert accounts(annotates=without) == pytest.approx([10, 0, 30, 0])


def test_core_scar_has_a_budget_too():
    reference, prediction = wall(), wall()
    reference[0, 9:12, 3:9] = prediction[0, 9:12, 4:10] = 3
    image = np.full(reference.shape, 10.0)
    image[0, 9:12] = 100.0
    image[0, 9:12, 20:] = 10.0
    found = of_region(table(reference, prediction, image=image), "core_scar")
    assert sum(found[name] for name in VOLUMES) == pytest.approx(6 * math.prod(SPACING) / 1000)
    assert found["budget_boundary"] == pytest.approx(1 - found["dice"])


@pytest.mark.parametrize(
    ("ours", "theirs", "status", "accounts"),
    [
        (True, False, "pred_empty", [0, 15, 0, 0]),
        (False, True, "ref_empty", [0, 0, 15, 0]),
        (False, False, "both_empty", [0, 0, 0, 0]),
    ],
)
def test_empty_masks(ours, theirs, status, accounts):
    maps = wall(), wall()
    for labels, held in zip(maps, (ours, theirs), strict=True):
        labels[0, 9:12, 3:8] = 3 if held else 2
    found = table(*maps)
    rows = found[(found["region"] == "scar") & (found["metric"] != "dice")]
    assert set(rows["status"]) == {status}
    values = of_region(found, "scar")
    voxel_ml = math.prod(SPACING) / 1000
    assert [values[name] / voxel_ml for name in VOLUMES] == pytest.approx(accounts)
    losses = [values[name] for name in LOSSES]
    if status == "both_empty":
        assert np.isnan(losses).all()
    else:
        assert losses == [a / 15 for a in accounts]


def test_a_missing_answer_costs_what_an_empty_one_does():
    reference = wall()
    reference[0, 9:12, 3:8] = 3
    task = ScoreTask("a", reference, None, SPACING)
    rows = score_case(task, metrics=NAMES, levels=["volume"], regions=[Region.SCAR]).scores
    assert {row["status"] for row in rows} == {"no_prediction"}
    assert all(row["value"] is None for row in rows)
    worst = {row["metric"]: row["worst"] for row in rows}
    assert worst["budget_missed"] == 1.0
    assert worst["budget_missed_ml"] == pytest.approx(15 * math.prod(SPACING) / 1000)
    assert sum(worst.values()) == worst["budget_missed"] + worst["budget_missed_ml"]


def test_masks_alone_do_not_tell_of_other_classes():
    mask = wall() == 1
    rows = benchmark.score(mask, mask, SPACING, metrics=NAMES)
    assert set(rows["status"]) == {"not_applicable"}
    assert set(rows["message"]) == {"only canonical labels tell which other classes there are"}


def test_all_are_extras_of_which_less_is_better():
    for name in NAMES:
        assert cards()[name].extra
        assert cards()[name].better == "lower"


@needs_emidec
def test_the_errors_of_real_hearts_are_told_apart():
    """Moved by two pixels, without the last slice, and with the scar called myocardium."""
    data = Emidec(data_root=EMIDEC)
    scars = 0
    for info in data.index()[:40:8]:
        case = data.load(info.id)
        reference, spacing = case.reference.labels, case.study.target.spacing
        voxel_ml = math.prod(spacing) / 1000
        held = np.flatnonzero(reference.any(axis=(1, 2)))
        for what in ("moved", "without the last slice", "without scar"):
            if what == "moved":
                prediction = np.roll(reference, 2, axis=2)
            elif what == "without scar":
                prediction = np.where(reference >= 3, 2, reference)
            else:
                prediction = reference.copy()
                prediction[held[-1]] = 0
            found = table(reference, prediction, spacing)
            for region in (Region.CAVITY, Region.MYOCARDIUM, Region.LV, Region.SCAR):
                values = of_region(found, region.value)
                wrong = (region.mask(reference) ^ region.mask(prediction)).sum()
                total = sum(values[name] for name in VOLUMES)
                assert total == pytest.approx(wrong * voxel_ml, rel=1e-12)
                if what == "without the last slice":
                    assert values["budget_missed_ml"] == pytest.approx(total, rel=1e-12)
                if what == "without scar" and region is Region.SCAR:
                    assert values["budget_missed_ml"] == pytest.approx(total, rel=1e-12)
                    scars += total > 0
    assert scars
