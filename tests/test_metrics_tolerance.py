"""Normalised surface distance: the conformance pairs, brute force, and slices that were missed."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import benchmark
from benchmark.metrics.tolerance import within

DATA = Path(benchmark.__file__).parent / "doctor"
PAIRS = json.loads((DATA / "surface_pairs.json").read_text())
DIMS = {
    "3d": "voxel_border_3d_conn1",
    "slice": "slicewise_2d",
    "inplane3d": "inplane_border_3d_distance",
}
TAUS = (1, 2, 3)
NAMES = [f"nsd@{tau}mm" for tau in TAUS]


def stored_pair(name):
    with np.load(DATA / "surface_pairs.npz") as arrays:
        return arrays[f"{name}__ref"], arrays[f"{name}__pred"]


def table(reference, prediction, spacing, **options):
    return benchmark.score(reference, prediction, spacing, metrics=NAMES, **options)


def values(reference, prediction, spacing):
    """Volume values by (tau, dim)."""
    found = table(reference, prediction, spacing)
    rows = zip(found["metric"], found["dim"], found["value"], strict=True)
    return {(int(metric[4]), dim): value for metric, dim, value in rows}


def faces(mask, in_plane):
    """Indices of voxels with a background face neighbour, by looking at each neighbour."""
    steps = [(0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    steps += [] if in_plane else [(1, 0, 0), (-1, 0, 0)]
    wide = np.pad(mask, 1)
    found = [
        voxel
        for voxel in np.argwhere(mask)
        if not all(wide[tuple(voxel + 1 + np.array(step))] for step in steps)
    ]
    return np.array(found, dtype=int).reshape(-1, 3)


def near(start, goal, spacing, tau):
    """How many points of ``start`` have one of ``goal`` within ``tau``, by comparing them all."""
    if not len(start) or not len(goal):
        return 0
    steps = (start[:, None] - goal[None]) * np.array(spacing)
    # squared, as another road to the same answer; the same allowance for rounding
    return int(((steps**2).sum(axis=2).min(axis=1) <= (tau * (1 + 1e-9)) ** 2).sum())


def oracle(reference, prediction, spacing, tau, dim):
    flat = dim != "3d" or len(reference) == 1
    ours, theirs = faces(reference, flat), faces(prediction, flat)
    if dim == "slice":
        close = 0
        for z in range(len(reference)):
            here = ours[ours[:, 0] == z], theirs[theirs[:, 0] == z]
            close += near(*here, spacing, tau) + near(*here[::-1], spacing, tau)
    else:
        close = near(ours, theirs, spacing, tau) + near(theirs, ours, spacing, tau)
    return close / (len(ours) + len(theirs))


@st.composite
def pairs(draw):
    """Two masks of one small shape, both with a voxel."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 7)))
    fill = draw(st.sampled_from([0.1, 0.4, 0.8]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    masks = [rng.random(shape) < fill for _ in range(2)]
    for mask in masks:
        mask[tuple(rng.integers(0, shape))] = True
    return masks


spacings = st.tuples(*[st.sampled_from([0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 8.0])] * 3)


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("name", PAIRS["cases"])
def test_conformance_pairs_are_met(name, dim):
    expected = PAIRS["cases"][name]
    found = values(*stored_pair(name), PAIRS["spacing_mm"])
    for tau in TAUS:
        value = found[tau, dim]
        if expected["status"] == "both_empty":
            assert math.isnan(value)
        elif expected["status"] != "ok":
            assert value == 0.0
        else:
            stored = expected[DIMS[dim]]
            share = stored[f"nsd_pooled@{tau}mm"]
            if stored.get("slices_only_one"):
                share *= _share_in_common_slices(name)
            assert value == pytest.approx(share, abs=1e-9)


def _share_in_common_slices(name):
    """The stored shares are over the slices with both masks; ours counts the others as missed."""
    ours, theirs = stored_pair(name)
    both = ours.any(axis=(1, 2)) & theirs.any(axis=(1, 2))
    counts = [np.bincount(faces(m, True)[:, 0], minlength=len(m)) for m in (ours, theirs)]
    return sum(c[both].sum() for c in counts) / sum(c.sum() for c in counts)


def test_the_conformance_pairs_have_some_with_missed_slices():
    held = [c["slicewise_2d"] for c in PAIRS["cases"].values() if c["status"] == "ok"]
    assert any(stored["slices_only_one"] and stored["n_slices_both"] for stored in held)


@settings(max_examples=120, deadline=None)
@given(pairs(), spacings)
def test_values_are_those_of_brute_force(masks, spacing):
    found = values(*masks, spacing)
    for (tau, dim), value in found.items():
        assert value == oracle(*masks, spacing, tau, dim)


@settings(max_examples=60, deadline=None)
@given(pairs(), spacings)
def test_values_grow_with_the_tolerance_and_do_not_change_when_swapped(masks, spacing):
    there, back = values(*masks, spacing), values(*masks[::-1], spacing)
    assert there == back
    for dim in DIMS:
        assert 0 <= there[1, dim] <= there[2, dim] <= there[3, dim] <= 1


def square(slices=3):
    mask = np.zeros((slices, 12, 12), dtype=bool)
    mask[:, 3:9, 3:9] = True
    return mask


@pytest.mark.parametrize("pixel", [0.5, 0.7, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5])
def test_a_shift_by_one_pixel_is_within_tolerances_from_the_pixel_on(pixel):
    found = values(square(1), np.roll(square(1), 1, axis=2), (8.0, pixel, pixel))
    for tau in TAUS:
        assert (found[tau, "slice"] == 1.0) == (pixel <= tau)


def test_a_distance_that_rounding_puts_beyond_the_tolerance_is_within_it():
    """9 and 12 pixels of 0.2 mm are 3 mm on paper, and 3.0000000000000004 in float64."""
    mask, other = (np.zeros((1, 10, 13), dtype=bool) for _ in range(2))
    mask[0, 0, 0] = other[0, 9, 12] = True
    assert math.sqrt((9 * 0.2) ** 2 + (12 * 0.2) ** 2) > 3.0
    assert values(mask, other, (8.0, 0.2, 0.2))[3, "3d"] == 1.0
    assert values(mask, other, (8.0, 0.2, 0.2 * (1 + 1e-7)))[3, "3d"] == 0.0
    assert within(3.0) == 3.0 * (1 + 1e-9)


def test_by_hand():
    """A square of 6 x 6 pixels of 1.5 mm is drawn without its last column.

    Reference: 20 surface pixels; the 6 of the lost column are 1.5 mm off. Compared: 18; the 4 of
    its new last column, without its corners, were inside the reference.
    """
    narrow = square(1)
    narrow[:, :, 8] = False
    found = values(square(1), narrow, (8.0, 1.5, 1.5))
    assert found[1, "slice"] == (14 + 14) / 38
    assert found[2, "slice"] == 1.0


def test_a_slice_with_one_mask_empty_counts_as_too_far_and_the_value_exists():
    mask = square(3)
    missed = mask.copy()
    missed[2] = False
    found = table(mask, missed, (8.0, 1.0, 1.0), levels=["volume", "slice"])
    rows = found[(found["dim"] == "slice") & (found["metric"] == "nsd@2mm")]
    volume = rows[rows["level"] == "volume"].iloc[0]
    assert (volume["value"], volume["status"], volume["worst"]) == (80 / 100, "ok", 80 / 100)
    assert volume["message"] == "one mask is empty in slice 2: all its surface counts as too far"
    slices = rows[rows["level"] == "slice"]
    assert list(slices["value"]) == [1.0, 1.0, 0.0]
    assert list(slices["status"]) == ["ok", "ok", "pred_empty"]


def test_masks_that_share_no_slice_have_nothing_within_any_tolerance():
    mask, other = square(2), square(2)
    mask[0] = other[1] = False
    assert values(mask, other, (1.0, 1.0, 1.0))[3, "slice"] == 0.0
    assert values(mask, other, (1.0, 1.0, 1.0))[3, "3d"] == 1.0


def test_a_field_of_view_smaller_than_the_tolerance_hides_no_miss():
    """Its diagonal is 0.7 mm, within every tolerance; a missed slice is not."""
    mask = np.ones((2, 1, 1), dtype=bool)
    missed = mask.copy()
    missed[1] = False
    assert values(mask, missed, (8.0, 0.5, 0.5))[1, "slice"] == 2 / 3


@pytest.mark.filterwarnings("ignore")  # MONAI and torch warn about themselves on import
def test_monai_agrees_within_slices():
    """Its surface Dice is ours where no distance equals the tolerance, up to float32."""
    monai = pytest.importorskip("monai.metrics")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:40, :40]
    for _ in range(3):
        masks = []
        for _ in range(2):
            centre, radius = rng.uniform(16, 24, 2), rng.uniform(8, 13)
            masks.append(np.hypot(y - centre[0], x - centre[1]) < radius)
        found = values(masks[0][None], masks[1][None], (8.0, 1.3, 1.3))
        tensors = [torch.from_numpy(m[None, None].astype(np.float32)) for m in masks[::-1]]
        for tau in TAUS:
            peer = monai.compute_surface_dice(
                *tensors, class_thresholds=[float(tau)], include_background=True, spacing=[1.3, 1.3]
            )
            assert found[tau, "slice"] == pytest.approx(float(peer), abs=1e-6)
