"""Surfels: areas by hand, distances by brute force, and the package that made them known."""

import itertools
import math
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import benchmark
from benchmark.datasets.emidec import Emidec
from benchmark.doctor import conformance
from benchmark.doctor.conformance import SURFELS
from benchmark.metrics.cells import areas, lengths

ROOT = Path(__file__).resolve().parents[1]
EMIDEC = Path(os.environ.get("SCARBENCH_EMIDEC", ROOT.parent / "shared" / "data" / "emidec"))
needs_emidec = pytest.mark.skipif(not EMIDEC.is_dir(), reason=f"no EMIDEC data at {EMIDEC}")
NAMES = list(SURFELS)
SPACING = (8.0, 1.5, 1.25)
CORNERS = list(itertools.product((0, 1), repeat=3))
spacings = st.tuples(*[st.sampled_from([0.7, 1.0, 1.5, 2.0, 8.0])] * 3)


def values(reference, prediction, spacing, level="volume"):
    found = benchmark.score(reference, prediction, spacing, metrics=NAMES, levels=[level])
    return dict(zip(found["metric"], found["value"], strict=True))


def code_of(*corners):
    return sum(1 << CORNERS.index(corner) for corner in corners)


@st.composite
def pairs(draw):
    shape = draw(st.tuples(st.integers(2, 5), st.integers(1, 6), st.integers(1, 6)))
    fill = draw(st.sampled_from([0.1, 0.5, 0.9]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    masks = [rng.random(shape) < fill for _ in range(2)]
    for mask in masks:
        mask[tuple(rng.integers(0, shape))] = True
    return masks


@pytest.mark.parametrize(
    ("corners", "area"),
    [
        ([], 0.0),
        ([(0, 0, 0)], math.sqrt(3) / 8),
        ([(0, 0, 0), (0, 0, 1)], math.sqrt(2) / 2),
        ([(0, 0, 0), (0, 1, 1)], math.sqrt(3) / 4),
        ([(0, 0, 0), (1, 1, 1)], math.sqrt(3) / 4),
        # a triangle level with the corners and a trapezoid below it
        ([(0, 0, 0), (0, 0, 1), (0, 1, 0)], 0.5 + 3 * math.sqrt(3) / 8),
        ([(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)], 1.0),
        # a regular hexagon
        ([(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)], 3 * math.sqrt(3) / 4),
        # the twisted chain
        ([(0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1)], (math.sqrt(2) + math.sqrt(3)) / 2),
        ([(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)], math.sqrt(3) / 2),
        (CORNERS, 0.0),
    ],
)
def test_areas_by_hand(corners, area):
    assert areas((1.0, 1.0, 1.0))[code_of(*corners)] == pytest.approx(area, abs=1e-14)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), SPACING])
def test_a_mask_and_its_complement_have_the_same_surface(spacing):
    table = areas(spacing)
    np.testing.assert_allclose(table, table[::-1], rtol=1e-14)
    assert (table[1:-1] > 0).all()


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
def test_areas_follow_their_axes(axes):
    """Permuted and mirrored cells, with the spacing permuted along, have the same areas."""
    table = areas(SPACING)
    permuted = areas(tuple(SPACING[a] for a in axes))
    for flips in CORNERS:
        for code in range(256):
            held = [c for bit, c in enumerate(CORNERS) if code >> bit & 1]
            moved = [tuple(c[a] ^ flips[a] for a in axes) for c in held]
            assert permuted[code_of(*moved)] == pytest.approx(table[code], rel=1e-13)


def test_lengths_by_hand():
    table = lengths((3.0, 4.0))
    assert table[0b0001] == table[0b1110] == 2.5
    assert table[0b0011] == 4.0  # foreground above, background below: the outline runs along x
    assert table[0b0101] == 3.0
    assert table[0b0110] == 5.0
    assert table[0] == table[15] == 0.0
    np.testing.assert_array_equal(table, table[::-1])


def test_the_tables_are_those_of_the_package():
    tables = pytest.importorskip("surface_distance.lookup_tables")
    for spacing in ((1.0, 1.0, 1.0), SPACING, (0.3, 7.0, 1.1)):
        theirs = tables.create_table_neighbour_code_to_surface_area(spacing)
        weights = np.array(tables.ENCODE_NEIGHBOURHOOD_3D_KERNEL).ravel()
        codes = [sum(int(weights[b]) for b in range(8) if c >> b & 1) for c in range(256)]
        np.testing.assert_allclose(areas(spacing), theirs[codes], rtol=1e-13, atol=1e-14)
        theirs = tables.create_table_neighbour_code_to_contour_length(spacing[1:])
        weights = np.array(tables.ENCODE_NEIGHBOURHOOD_2D_KERNEL).ravel()
        codes = [sum(int(weights[b]) for b in range(4) if c >> b & 1) for c in range(16)]
        np.testing.assert_allclose(lengths(spacing[1:]), theirs[codes], rtol=1e-13)


def brute_force(mask):
    """Place and area of every surfel, corner by corner."""
    table, found = areas(SPACING), []
    wide = np.pad(mask, 1)
    for z, y, x in itertools.product(*(range(n + 1) for n in mask.shape)):
        held = [(c, d, e) for c, d, e in CORNERS if wide[z + c, y + d, x + e]]
        if 0 < len(held) < 8:
            found.append((np.array((z, y, x)) * SPACING, table[code_of(*held)]))
    return found


def oracle(reference, prediction):
    ours, theirs = brute_force(reference), brute_force(prediction)
    directed = []
    for side, other in ((ours, theirs), (theirs, ours)):
        distances = [min(math.dist(p, q) for q, _ in other) for p, _ in side]
        directed.append((np.array(distances), np.array([a for _, a in side])))
    out = {"surfel_hd": max(d.max() for d, _ in directed)}
    out["surfel_asd_ref_to_pred"], out["surfel_asd_pred_to_ref"] = (
        float((d * a).sum() / a.sum()) for d, a in directed
    )
    total = sum(a.sum() for _, a in directed)
    for tau in (1, 2, 3):
        near = sum(a[d <= tau + 1e-9].sum() for d, a in directed)
        out[f"surfel_nsd@{tau}mm"] = near / total
    return out


@settings(max_examples=40, deadline=None)
@given(pairs())
def test_values_are_those_of_brute_force(masks):
    found = values(*masks, SPACING)
    assert found.pop("surfel_hd95") <= found["surfel_hd"]
    assert found == pytest.approx(oracle(*masks), abs=1e-12)


def of_the_package(package, reference, prediction, spacing):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports from a place that SciPy gave up
        found = package.compute_surface_distances(reference, prediction, spacing)
    there, back = package.compute_average_surface_distance(found)
    return {
        "surfel_hd": package.compute_robust_hausdorff(found, 100),
        "surfel_hd95": package.compute_robust_hausdorff(found, 95),
        "surfel_asd_ref_to_pred": there,
        "surfel_asd_pred_to_ref": back,
        **{
            f"surfel_nsd@{t}mm": package.compute_surface_dice_at_tolerance(found, t)
            for t in (1, 2, 3)
        },
    }


@settings(max_examples=60, deadline=None)
@given(pairs(), spacings)
def test_values_are_those_of_the_package(masks, spacing):
    package = pytest.importorskip("surface_distance")
    theirs = of_the_package(package, *masks, spacing)
    assert values(*masks, spacing) == pytest.approx(theirs, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(pairs(), spacings)
def test_a_single_slice_is_what_the_package_says_of_an_image(masks, spacing):
    package = pytest.importorskip("surface_distance")
    for mask in masks:
        mask[0, 0, 0] = True
    theirs = of_the_package(package, *(mask[0] for mask in masks), spacing[1:])
    assert values(*(mask[:1] for mask in masks), spacing) == pytest.approx(theirs, abs=1e-9)
    table = benchmark.score(*masks, spacing, metrics=NAMES, levels=["slice"])
    first = table[table["slice"] == 0]
    assert dict(zip(first["metric"], first["value"], strict=True)) == pytest.approx(
        theirs, abs=1e-9
    )


@pytest.mark.parametrize(
    "case", [c for c in conformance() if c.status == "ok"], ids=lambda c: c.name
)
def test_the_conformance_answers_are_met(case):
    found = values(case.reference, case.prediction, case.spacing)
    expected = {name: case.distance(definition) for name, definition in SURFELS.items()}
    assert None not in expected.values()
    assert found == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(pairs(), spacings, st.permutations(range(3)))
def test_the_order_of_masks_and_axes_does_not_matter(masks, spacing, axes):
    there, back = values(*masks, spacing), values(*masks[::-1], spacing)
    for name in NAMES:
        swapped = {"surfel_asd_ref_to_pred": "surfel_asd_pred_to_ref",
                   "surfel_asd_pred_to_ref": "surfel_asd_ref_to_pred"}.get(name, name)  # fmt: skip
        assert there[name] == pytest.approx(back[swapped], abs=1e-12)
    # a stack of one slice is two-dimensional, and these are not
    padded = [np.pad(mask, 1) for mask in masks]
    assert values(*padded, spacing) == there
    turned = [mask.transpose(axes) for mask in padded]
    found = values(*turned, tuple(spacing[a] for a in axes))
    # Areas summed in other units of rounding may pass 95 % one surfel earlier or later.
    del found["surfel_hd95"], there["surfel_hd95"]
    assert found == pytest.approx(there, abs=1e-12)


def test_a_shift_by_one_pixel_by_hand():
    """A square of 4 pixels: the outline, 2 x 3 mm straight and 4 corners, moved by 1 mm."""
    masks = [np.zeros((1, 12, 12), dtype=bool) for _ in range(2)]
    masks[0][0, 4:8, 4:8] = True
    masks[1][0, 4:8, 5:9] = True
    found = values(*masks, (8.0, 1.0, 1.0))
    assert found["surfel_hd"] == found["surfel_hd95"] == 1.0
    # 1 mm away: of the side that moved inside, 3 mm and two corners; of the other 3 mm, for its
    # corners meet the outline that moved.
    corner = math.sqrt(2) / 2
    outline = 4 * 3 + 4 * corner
    assert found["surfel_asd_ref_to_pred"] == pytest.approx((3 + 3 + 2 * corner) / outline)
    assert found["surfel_nsd@1mm"] == 1.0


@pytest.mark.parametrize(
    ("ours", "theirs", "status"),
    [(True, False, "pred_empty"), (False, True, "ref_empty"), (False, False, "both_empty")],
)
def test_empty_masks(ours, theirs, status):
    masks = [np.full((2, 4, 5), side) for side in (ours, theirs)]
    found = benchmark.score(*masks, SPACING, metrics=NAMES, levels=["volume"])
    assert set(found["status"]) == {status}
    shares = found["metric"].str.contains("nsd")
    one_sided = status != "both_empty"
    assert found["value"][~shares].isna().all()
    assert found["value"][shares].tolist() == [0.0] * 3 or not one_sided
    assert found["value"].notna().sum() == 3 * one_sided
    worst = math.hypot(2 * 8.0, 4 * 1.5, 5 * 1.25)
    assert found["worst"][~shares].dropna().tolist() == [pytest.approx(worst)] * 4 * one_sided


def test_touching_every_border_is_surface_too():
    everything = np.ones((3, 4, 5), dtype=bool)
    found = values(everything, everything, SPACING)
    assert {found[f"surfel_nsd@{t}mm"] for t in (1, 2, 3)} == {1.0}
    assert found["surfel_hd"] == 0.0


@needs_emidec
def test_real_hearts_are_measured_as_the_package_does():
    package = pytest.importorskip("surface_distance")
    data = Emidec(data_root=EMIDEC)
    for info in data.index()[:30:10]:
        case = data.load(info.id)
        reference, spacing = case.reference.labels, case.study.target.spacing
        prediction = np.roll(reference, (1, 2), (1, 2))
        found = benchmark.score(reference, prediction, spacing, metrics=NAMES)
        for region in (benchmark.Region.CAVITY, benchmark.Region.MYOCARDIUM):
            theirs = of_the_package(
                package, region.mask(reference), region.mask(prediction), spacing
            )
            rows = found[found["region"] == region.value]
            values_ = dict(zip(rows["metric"], rows["value"], strict=True))
            assert values_ == pytest.approx(theirs, abs=1e-9)
