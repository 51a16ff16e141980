"""Surface distances against brute force, the conformance pairs, MONAI and medpy."""

import json
import math
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import benchmark
from benchmark.metrics import kernel
from benchmark.metrics.distances import Distances, Surfaces

DATA = Path(benchmark.__file__).parent / "doctor"
PAIRS = json.loads((DATA / "surface_pairs.json").read_text())
DIMS = {
    "3d": "voxel_border_3d_conn1",
    "slice": "slicewise_2d",
    "inplane3d": "inplane_border_3d_distance",
}
KEYS = {
    "hd": "hd",
    "hd95": "hd95_max_of_directed_linear",
    "hd95_pooled": "hd95_pooled_linear",
    "assd": "assd_pooled",
    "masd": "masd_mean_of_directed",
    "asd_ref_to_pred": "asd_ref_to_pred",
    "asd_pred_to_ref": "asd_pred_to_ref",
}
#: What a metric is of the same masks the other way round.
MIRRORED = {"asd_ref_to_pred": "asd_pred_to_ref", "asd_pred_to_ref": "asd_ref_to_pred"}
#: These count the background, so they depend on how much of it there is.
OF_THE_FIELD = {"specificity", "balanced_accuracy", "mcc"}
SPACING = (8.0, 1.25, 1.75)


def stored_pair(name):
    with np.load(DATA / "surface_pairs.npz") as arrays:
        return arrays[f"{name}__ref"], arrays[f"{name}__pred"]


def values(reference, prediction, spacing=SPACING, **options):
    """Volume values by (metric, dim)."""
    table = benchmark.score(reference, prediction, spacing, **options)
    rows = zip(table["metric"], table["dim"], table["value"], strict=True)
    return {(metric, dim if isinstance(dim, str) else None): value for metric, dim, value in rows}


def oracle_faces(mask, in_plane):
    """Surface voxels by looking at each neighbour of each voxel."""
    faces = []
    steps = [(0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    if not in_plane:
        steps += [(1, 0, 0), (-1, 0, 0)]
    for voxel in np.argwhere(mask):
        for step in steps:
            near = voxel + step
            inside = np.all(near >= 0) and np.all(near < mask.shape)
            if not inside or not mask[tuple(near)]:
                faces.append(voxel)
                break
    return np.array(faces).reshape(-1, 3)


def oracle_directed(start, goal, spacing):
    if not len(start) or not len(goal):
        return np.empty(0)
    steps = (start[:, None, :] - goal[None, :, :]) * np.array(spacing)
    return np.sqrt((steps**2).sum(axis=2)).min(axis=1)


def oracle(reference, prediction, spacing, dim):
    """Both sets of distances by comparing all voxels with all voxels."""
    flat = dim != "3d" or reference.shape[0] == 1
    ours, theirs = oracle_faces(reference, flat), oracle_faces(prediction, flat)
    if dim != "slice":
        return oracle_directed(ours, theirs, spacing), oracle_directed(theirs, ours, spacing)
    found = ([], [])
    for z in range(len(reference)):
        here = ours[ours[:, 0] == z], theirs[theirs[:, 0] == z]
        found[0].append(oracle_directed(*here, spacing))
        found[1].append(oracle_directed(*here[::-1], spacing))
    return np.concatenate(found[0]), np.concatenate(found[1])


def oracle_value(metric, d):
    both = np.concatenate(d)
    return {
        "hd": lambda: both.max(),
        "hd95": lambda: max(np.percentile(d[0], 95), np.percentile(d[1], 95)),
        "hd95_pooled": lambda: np.percentile(both, 95),
        "assd": lambda: both.mean(),
        "masd": lambda: (d[0].mean() + d[1].mean()) / 2,
        "asd_ref_to_pred": lambda: d[0].mean(),
        "asd_pred_to_ref": lambda: d[1].mean(),
    }[metric]()


spacings = st.tuples(*[st.sampled_from([0.7, 1.0, 1.5, 1.875, 3.0, 8.0, 10.0])] * 3)


@st.composite
def pairs(draw, full=True):
    """Two masks of one small shape, both with a voxel where ``full``."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 7)))
    fill = draw(st.sampled_from([0.1, 0.4, 0.8]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    masks = [rng.random(shape) < fill for _ in range(2)]
    if full:
        for mask in masks:
            mask[tuple(rng.integers(0, shape))] = True
    return masks


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("name", PAIRS["cases"])
def test_conformance_pairs_are_met(name, dim):
    expected = PAIRS["cases"][name]
    found = values(*stored_pair(name), spacing=PAIRS["spacing_mm"])
    if DIMS[dim] not in expected:
        assert expected["status"] != "ok"
        assert all(math.isnan(found[metric, dim]) for metric in KEYS)
        return
    expected = expected[DIMS[dim]]
    for metric, key in KEYS.items():
        if expected.get("slices_only_one"):
            assert math.isnan(found[metric, dim])
        else:
            assert found[metric, dim] == pytest.approx(expected[key], abs=1e-9)


@pytest.mark.parametrize("name", [n for n, c in PAIRS["cases"].items() if c["status"] == "ok"])
def test_conformance_pairs_pooled_over_slices_that_have_both_masks(name):
    expected = PAIRS["cases"][name]["slicewise_2d"]
    surfaces = Surfaces(*stored_pair(name), tuple(PAIRS["spacing_mm"]))
    assert sorted(surfaces.one_sided) == expected["slices_only_one"]
    assert len(surfaces.slices) == expected["n_slices_both"]
    pooled = surfaces.pooled_slices
    for metric, key in KEYS.items():
        d = pooled.reference, pooled.compared
        assert oracle_value(metric, d) == pytest.approx(expected[key], abs=1e-9)
    per_slice = [oracle_value("hd95", (d.reference, d.compared)) for d in surfaces.slices.values()]
    assert np.mean(per_slice) == pytest.approx(expected["mean_over_slices_hd95"], abs=1e-9)


@pytest.mark.parametrize("name", PAIRS["cases"])
def test_conformance_counts_statuses_and_overlap(name):
    expected = PAIRS["cases"][name]
    reference, prediction = stored_pair(name)
    table = benchmark.score(reference, prediction, PAIRS["spacing_mm"]).set_index("metric")
    for metric in ("dice", "iou"):
        value = table.loc[metric, "value"]
        if expected[metric] is None:
            assert math.isnan(value)
        else:
            assert value == pytest.approx(expected[metric], abs=1e-12)
        assert table.loc[metric, "status"] == expected["status"]
    difference = expected["volume_ml_pred"] - expected["volume_ml_ref"]
    assert table.loc["volume_error_ml", "value"] == pytest.approx(difference, abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(pairs(), spacings)
def test_distances_are_those_of_brute_force(masks, spacing):
    surfaces = Surfaces(*masks, spacing)
    for dim in DIMS:
        found = surfaces.pooled_slices if dim == "slice" else surfaces.volume(dim)
        for ours, theirs in zip(
            (found.reference, found.compared), oracle(*masks, spacing, dim), strict=True
        ):
            np.testing.assert_allclose(ours, np.sort(theirs), rtol=0, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(pairs(), spacings)
def test_metrics_are_those_of_brute_force(masks, spacing):
    found = values(*masks, spacing=spacing)
    for dim in ("3d", "inplane3d"):
        d = oracle(*masks, spacing, dim)
        for metric in KEYS:
            assert found[metric, dim] == pytest.approx(oracle_value(metric, d), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6)),
    st.booleans(),
    st.sampled_from(kernel.KERNELS),
)
def test_surface_voxels_are_those_with_a_background_face_neighbour(mask, in_plane, name):
    lut = kernel.membership([[1]])
    found = kernel.distances(
        mask, mask, lut, 1, SPACING, in_plane=in_plane, per_slice=False, kernel=name
    )
    voxels = oracle_faces(mask, in_plane or len(mask) == 1)
    expected = np.bincount(voxels[:, 0].astype(int), minlength=len(mask))
    np.testing.assert_array_equal(found.faces, np.stack([expected, expected], axis=1))
    assert found.counts[:, :, 0].sum() == 2 * len(voxels)


@settings(max_examples=60, deadline=None)
@given(pairs(full=False), spacings)
def test_surface_values_do_not_change_when_the_masks_are_swapped(masks, spacing):
    there, back = values(*masks, spacing=spacing), values(*masks[::-1], spacing=spacing)
    for metric in ("dice", "iou", "mcc", "absolute_volume_error_ml"):
        np.testing.assert_equal(there[metric, None], back[metric, None])
    np.testing.assert_equal(there["precision", None], back["recall", None])
    assert there["volume_error_ml", None] == -back["volume_error_ml", None]
    for metric in KEYS:
        for dim in DIMS:
            other = MIRRORED.get(metric, metric)
            np.testing.assert_allclose(there[metric, dim], back[other, dim], rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(pairs(), spacings)
def test_axes_may_be_permuted_with_their_spacing(masks, spacing):
    assume(1 not in masks[0].shape)  # a stack of one slice is two-dimensional by definition
    expected = values(*masks, spacing=spacing)
    for order in permutations(range(3)):
        turned = [mask.transpose(order) for mask in masks]
        found = values(*turned, spacing=[spacing[axis] for axis in order])
        for metric in KEYS:
            assert found[metric, "3d"] == pytest.approx(expected[metric, "3d"], abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(pairs(full=False), spacings, st.integers(0, 3), st.integers(0, 3), st.integers(0, 2))
def test_padding_changes_no_bit_of_any_distance(masks, spacing, rows, columns, slices):
    if masks[0].shape[0] == 1:
        slices = 0
    wide = [np.pad(m, ((slices, 0), (rows, 1), (2, columns))) for m in masks]
    before, after = values(*masks, spacing=spacing), values(*wide, spacing=spacing)
    for key in before:
        if key[0] not in OF_THE_FIELD:
            np.testing.assert_equal(after[key], before[key])


@settings(max_examples=40, deadline=None)
@given(pairs(full=False))
def test_dtype_and_memory_order_do_not_matter(masks):
    expected = values(*masks)
    strided = [np.repeat(m, 2, axis=2)[:, :, ::2] for m in masks]
    mirrored = [np.ascontiguousarray(m[:, ::-1])[:, ::-1] for m in masks]
    own = {"mask": [1]}
    variants = [
        values(*[np.asfortranarray(m) for m in masks]),
        values(*strided),
        values(*mirrored),
        values(masks[0], masks[1].astype(np.uint8) * 255),
        values(masks[0].astype(np.int64), masks[1]),
        values(*[m.astype(np.uint8) for m in masks], regions=own),
        values(*[m.astype(np.int16) for m in masks], regions=own),
        values(*[m.astype(np.uint8) * 7 for m in masks], regions={"mask": [7]}),
    ]
    if any(m.any() for m in masks):
        variants.append(values(*[m.astype(np.uint8) * 255 for m in masks]))
    for found in variants:
        np.testing.assert_equal(found, expected)


@settings(max_examples=40, deadline=None)
@given(pairs(), spacings, st.sampled_from([0.25, 3.0, 10.0]))
def test_distances_scale_with_the_spacing(masks, spacing, factor):
    small = values(*masks, spacing=spacing)
    large = values(*masks, spacing=[s * factor for s in spacing])
    for metric in KEYS:
        for dim in ("3d", "inplane3d"):
            assert large[metric, dim] == pytest.approx(factor * small[metric, dim], rel=1e-9)
    assert large["dice", None] == small["dice", None]


@settings(max_examples=60, deadline=None)
@given(pairs(), spacings)
def test_known_inequalities_hold(masks, spacing):
    v = values(*masks, spacing=spacing)
    for dim in ("3d", "inplane3d"):
        assert v["hd", dim] >= v["hd95", dim] >= 0
        assert v["hd", dim] >= v["hd95_pooled", dim]
        assert v["hd", dim] + 1e-9 >= v["assd", dim]
        assert v["hd", dim] + 1e-9 >= v["masd", dim]
        directed = v["asd_ref_to_pred", dim], v["asd_pred_to_ref", dim]
        assert v["masd", dim] == pytest.approx(sum(directed) / 2, abs=1e-12)
        assert min(directed) - 1e-9 <= v["assd", dim] <= max(directed) + 1e-9
    iou = v["iou", None]
    assert v["dice", None] == pytest.approx(2 * iou / (1 + iou), abs=1e-12)


def test_a_stack_of_one_slice_is_two_dimensional():
    mask = np.zeros((1, 9, 9), dtype=bool)
    mask[0, 2:7, 2:7] = True
    moved = np.roll(mask, 1, axis=2)
    found = values(mask, moved)
    for metric in KEYS:
        assert found[metric, "3d"] == found[metric, "slice"] == found[metric, "inplane3d"] > 0


def test_a_shift_in_plane_is_measured_in_the_spacing_of_its_axis():
    mask = np.zeros((3, 20, 20), dtype=bool)
    mask[1, 5:12, 5:12] = True
    for axis, expected in ((1, 1.25), (2, 1.75)):
        found = values(mask, np.roll(mask, 1, axis=axis))
        assert {found["hd", dim] for dim in DIMS} == {expected}
    assert values(mask, np.roll(mask, 1, axis=0))["hd", "3d"] == 8.0


def test_percentiles_are_interpolated_linearly_even_of_one_value():
    assert Distances.percentile(np.array([3.0]), 95.0) == 3.0
    assert Distances.percentile(np.array([0.0, 10.0]), 95.0) == 9.5
    numbers = np.sort(np.random.default_rng(1).random(57))
    assert Distances.percentile(numbers, 95.0) == pytest.approx(np.percentile(numbers, 95))


def blobs(seed):
    """Two overlapping random blobs with neither empty, large enough for the peers."""
    rng = np.random.default_rng(seed)
    z, y, x = np.mgrid[:6, :32, :32]
    masks = []
    for _ in range(2):
        centre = rng.uniform((2, 13, 13), (3, 18, 18))
        radius = rng.uniform(6, 9)
        distance = ((z - centre[0]) * 3) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
        mask = distance < radius**2
        mask ^= (rng.random(mask.shape) < 0.02) & mask
        masks.append(mask)
    return masks


@pytest.mark.parametrize("seed", range(4))
def test_medpy_agrees_where_it_is_right(seed):
    binary = pytest.importorskip("medpy.metric.binary")
    reference, prediction = blobs(seed)
    found = values(reference, prediction)
    peers = {"hd": binary.hd, "hd95_pooled": binary.hd95, "assd": binary.assd}
    for metric, peer in peers.items():
        expected = peer(prediction, reference, voxelspacing=SPACING)
        assert found[metric, "3d"] == pytest.approx(expected, abs=1e-9)
    directed = [
        binary.asd(*masks, voxelspacing=SPACING)
        for masks in ((prediction, reference), (reference, prediction))
    ]
    assert found["masd", "3d"] == pytest.approx(sum(directed) / 2, abs=1e-9)
    assert found["asd_pred_to_ref", "3d"] == pytest.approx(directed[0], abs=1e-9)
    assert found["asd_ref_to_pred", "3d"] == pytest.approx(directed[1], abs=1e-9)
    assert found["dice", None] == pytest.approx(binary.dc(prediction, reference), abs=1e-12)


@pytest.mark.filterwarnings("ignore")  # MONAI and torch warn about themselves on import
@pytest.mark.parametrize("seed", range(2))
def test_monai_agrees_where_it_is_right(seed):
    monai = pytest.importorskip("monai.metrics")
    torch = pytest.importorskip("torch")
    reference, prediction = blobs(seed)
    found = values(reference, prediction)
    tensors = [torch.from_numpy(m[None, None].astype(np.float32)) for m in (prediction, reference)]
    options = {"include_background": True, "spacing": list(SPACING)}
    for metric, percentile in (("hd", None), ("hd95", 95)):
        peer = monai.compute_hausdorff_distance(*tensors, percentile=percentile, **options)
        assert found[metric, "3d"] == pytest.approx(float(peer), abs=1e-4)
    peer = monai.compute_average_surface_distance(*tensors, symmetric=True, **options)
    assert found["assd", "3d"] == pytest.approx(float(peer), abs=1e-4)
