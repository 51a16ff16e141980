"""The C kernel and its NumPy twin: equal to the last bit, and right by brute force."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import benchmark
from benchmark.errors import UsageError
from benchmark.metrics import kernel, reach, steps
from benchmark.provenance import provenance

DATA = Path(benchmark.__file__).parent / "doctor"
GEOMETRIES = {
    "3d": {"in_plane": False, "per_slice": False},
    "slice": {"in_plane": True, "per_slice": True},
    "inplane3d": {"in_plane": True, "per_slice": False},
}
MASK = kernel.membership([[1]])
HEART = [[1], [2, 3, 4], [1, 2, 3, 4], [3, 4], [4]]
both_kernels = pytest.mark.skipif("c" not in kernel.KERNELS, reason="the C kernel was not built")
spacings = st.tuples(*[st.sampled_from([0.7, 1.0, 1.25, 1.875, 3.0, 8.0, 10.0])] * 3)


def measured(labels, spacing, geometry, lut=MASK, n_regions=1, name=kernel.NAME):
    options = GEOMETRIES[geometry]
    return kernel.distances(*labels, lut, n_regions, spacing, **options, kernel=name)


def assert_twins(labels, spacing, lut=MASK, n_regions=1):
    """Both kernels agree in every bit; returns what they found, by geometry."""
    found = {}
    for geometry in GEOMETRIES:
        ours, twin = (
            measured(labels, spacing, geometry, lut, n_regions, name) for name in ("c", "numpy")
        )
        for part in ("distances", "counts", "faces", "far", "far_starts"):
            assert getattr(ours, part).tobytes() == getattr(twin, part).tobytes(), (geometry, part)
        found[geometry] = ours
    return found


def border(mask, in_plane):
    padded = np.pad(mask, 1)
    shifts = [(1, 1), (-1, 1), (1, 2), (-1, 2)]
    if not in_plane and len(mask) > 1:
        shifts += [(1, 0), (-1, 0)]
    inner = np.logical_and.reduce([np.roll(padded, *shift) for shift in shifts])
    return np.argwhere((padded & ~inner)[1:-1, 1:-1, 1:-1])


def brute_force(start, goal, spacing, per_slice):
    """Distances, ascending, by comparing all surface voxels with all."""
    found = []
    for voxel in start:
        near = goal[goal[:, 0] == voxel[0]] if per_slice else goal
        if len(near):
            found.append(np.sqrt((((near - voxel) * spacing) ** 2).sum(axis=1).min()))
    return np.sort(found)


def ascending(found, column):
    near = np.repeat(found.distances, found.counts[:, column].sum(axis=0))
    far = np.concatenate(
        [
            found.far[slice(*found.far_starts[place : place + 2])]
            for place in range(column, len(found.far_starts) - 1, found.counts.shape[1])
        ]
    )
    return np.concatenate([near, np.sort(far)])


def assert_brute_force(masks, spacing, found):
    for geometry, histogram in found.items():
        options = GEOMETRIES[geometry]
        faces = [border(mask, options["in_plane"]) for mask in masks]
        for column, (start, goal) in enumerate((faces, faces[::-1])):
            expected = brute_force(start, goal, np.array(spacing), options["per_slice"])
            np.testing.assert_allclose(
                ascending(histogram, column), expected, rtol=0, atol=1e-9, err_msg=geometry
            )
            per_slice = np.bincount(start[:, 0], minlength=len(masks[0]))
            np.testing.assert_array_equal(histogram.faces[:, column], per_slice)


@st.composite
def masks(draw):
    """Dense, sparse or far apart: every road through the kernels."""
    kind = draw(st.sampled_from(["dense", "sparse", "apart", "blocks", "lonely"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 4))
    if kind == "dense":
        shape = (n, *rng.integers(1, 9, 2))
        return [rng.random(shape) < rng.choice([0.1, 0.4, 0.8]) for _ in range(2)]
    shape = (n, int(rng.integers(1, 40)), int(rng.integers(30, 140)))
    if kind == "sparse":
        return [rng.random(shape) < 6 / np.prod(shape) for _ in range(2)]
    if kind == "blocks":
        # Rows crowded here and empty there, and surfaces a few voxels to many apart.
        tiles = [rng.random((n, 5, 6)) < rng.choice([0.15, 0.5]) for _ in range(2)]
        size = rng.integers(2, 12, 2)
        return [np.repeat(np.repeat(t, size[0], axis=1), size[1], axis=2) for t in tiles]
    found = [rng.random(shape) < 0.3 for _ in range(2)]
    if kind == "lonely":
        found[1][:] = False
        found[1][tuple(rng.integers(0, shape))] = True
        return found
    found[0][:, :, 6:] = False
    found[1][:, :, :-6] = False
    return found


@both_kernels
@settings(max_examples=150, deadline=None)
@given(masks(), spacings)
def test_both_kernels_give_the_same_bits_and_those_of_brute_force(pair, spacing):
    assert_brute_force(pair, spacing, assert_twins(pair, spacing))


@settings(max_examples=60, deadline=None)
@given(masks(), spacings, st.booleans())
def test_a_tree_and_columns_find_the_same_bits(pair, spacing, per_slice):
    start, goal = (border(mask, in_plane=True) for mask in pair)
    if per_slice:
        start = start[np.isin(start[:, 0], goal[:, 0])]
    if not len(start) or not len(goal):
        return
    found = []
    for cost in (0, 10**12):  # of a query by the tree
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reach, "_QUERY", cost)
            patch.setattr(reach, "_AREA", 200)
            found.append(reach.nearest(start, goal, pair[0].shape, spacing, per_slice))
    assert found[0].tobytes() == found[1].tobytes()


@both_kernels
@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), spacings)
def test_regions_measured_together_are_those_measured_alone(seed, spacing):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, [5, 9, 30]))
    labels = [rng.integers(0, 5, shape).astype(np.uint8) for _ in range(2)]
    labels[1][rng.random(shape) < rng.choice([0.0, 0.9])] = 0
    together = assert_twins(labels, spacing, kernel.membership(HEART), len(HEART))
    for index, region in enumerate(HEART):
        alone = assert_twins([np.isin(a, region) for a in labels], spacing)
        for geometry, found in alone.items():
            for side in range(2):
                column = index + side * len(HEART)
                expected = ascending(found, side)
                assert ascending(together[geometry], column).tobytes() == expected.tobytes()
                np.testing.assert_array_equal(
                    together[geometry].faces[:, column], found.faces[:, side]
                )


@both_kernels
@pytest.mark.parametrize("name", json.loads((DATA / "surface_pairs.json").read_text())["cases"])
def test_both_kernels_agree_on_the_conformance_pairs(name):
    with np.load(DATA / "surface_pairs.npz") as arrays:
        pair = [arrays[f"{name}__{side}"].astype(bool) for side in ("ref", "pred")]
    assert_brute_force(pair, (10.0, 1.5, 1.5), assert_twins(pair, (10.0, 1.5, 1.5)))


def adversarial(name):
    rng = np.random.default_rng(0)
    shape = (6, 70, 90)
    ones, corner, other = np.ones(shape, bool), np.zeros(shape, bool), np.zeros(shape, bool)
    corner[0, 0, 0] = other[-1, -1, -1] = True
    noise = [rng.random(shape) < 0.3 for _ in range(2)]
    left, right = (n & (np.arange(90) < 10) for n in noise)
    _, y, x = np.mgrid[:6, :70, :90]
    ring = np.abs(np.hypot(y - 35, x - 45) - 30) < 1
    centre = (y == 35) & (x == 45)
    return {
        "all ones": [ones, ones],
        "all ones against a corner": [ones, corner],
        "opposite corners": [corner, other],
        "noise": noise,
        "noise against ones": [noise[0], ones],
        "noise far apart": [left, right[:, :, ::-1]],
        "a ring and its centre": [ring, centre],
        "one side empty": [ones, np.zeros(shape, bool)],
    }[name]


@both_kernels
@pytest.mark.parametrize("spacing", [(10.0, 1.5, 1.5), (1.0, 1.0, 1.0), (3.0, 0.7, 1.9)])
@pytest.mark.parametrize(
    "name",
    ["all ones", "all ones against a corner", "opposite corners", "noise", "noise against ones",
     "noise far apart", "a ring and its centre", "one side empty"],
)  # fmt: skip
def test_adversarial_masks(name, spacing):
    pair = adversarial(name)
    found = assert_twins(pair, spacing)
    if sum(int(m.sum()) for m in pair) < 10_000:
        assert_brute_force(pair, spacing, found)
    if name == "all ones":
        assert all(ascending(f, 0).max() == 0 for f in found.values())


@pytest.mark.parametrize("name", kernel.KERNELS)
def test_distances_by_hand(name):
    labels = [np.zeros((2, 3, 200), np.uint8) for _ in range(2)]
    labels[0][0, 1, 10] = 1
    labels[1][0, 2, 14] = 1  # 1 row of 3 mm and 4 columns of 1 mm away
    labels[1][1, 1, 190] = 1  # far, and without a partner in its slice
    spacing = (8.0, 3.0, 1.0)
    space = measured(labels, spacing, "3d", name=name)
    assert ascending(space, 0).tolist() == [5.0]
    far = np.hypot(8.0, 180.0)
    assert ascending(space, 1).tolist() == pytest.approx([5.0, far], abs=1e-12)
    slices = measured(labels, spacing, "slice", name=name)
    assert ascending(slices, 1).tolist() == [5.0]
    assert slices.faces.tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize("name", kernel.KERNELS)
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_joint_counts_and_box(name, seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, [4, 12, 80]))
    n = int(rng.integers(2, 17))
    labels = [rng.integers(0, n, shape).astype(np.uint8) for _ in range(2)]
    for array in labels:
        array[rng.random(shape) < rng.choice([0.0, 0.5, 0.99])] = 0
        array[:, :, : rng.integers(0, shape[2])] = rng.integers(0, 2)
    counts, (rows, columns) = kernel.joint(*labels, n, kernel=name)
    expected = np.zeros((shape[0], n, n), int)
    np.add.at(expected, (np.indices(shape)[0], *labels), 1)
    np.testing.assert_array_equal(counts, expected)
    used = np.argwhere((labels[0] | labels[1]).any(axis=0))
    if len(used):
        assert (rows.start, columns.start) == tuple(used.min(axis=0))
        assert (rows.stop, columns.stop) == tuple(used.max(axis=0) + 1)
    else:
        assert rows.start == rows.stop


@pytest.mark.parametrize("name", kernel.KERNELS)
@pytest.mark.parametrize("value", [5, 16, 255])
def test_labels_that_are_no_labels_are_refused(name, value):
    labels = np.zeros((1, 2, 9), np.uint8)
    labels[0, 1, 8] = value
    with pytest.raises(ValueError, match="not below 5"):
        kernel.joint(labels, np.zeros_like(labels), 5, kernel=name)


@pytest.mark.parametrize("name", kernel.KERNELS)
def test_any_memory_order_and_read_only_arrays_do(name):
    rng = np.random.default_rng(3)
    labels = [rng.integers(0, 5, (3, 20, 30)).astype(np.uint8) for _ in range(2)]
    expected = measured(labels, (8.0, 1.0, 1.0), "3d", kernel.membership(HEART), 5, name)
    variants = [
        [np.asfortranarray(a) for a in labels],
        [np.ascontiguousarray(a[::-1, ::-1, ::-1])[::-1, ::-1, ::-1] for a in labels],
        [np.repeat(a, 2, axis=1)[:, ::2] for a in labels],
    ]
    for array in labels:
        array.flags.writeable = False
    for variant in [*variants, labels]:
        found = measured(variant, (8.0, 1.0, 1.0), "3d", kernel.membership(HEART), 5, name)
        np.testing.assert_array_equal(found.counts, expected.counts)
        counts, _ = kernel.joint(*variant, 5, kernel=name)
        np.testing.assert_array_equal(counts, kernel.joint(*labels, 5)[0])


@both_kernels
@pytest.mark.parametrize("change", [{1: None}, {2: b"\1" * 512}, {6: b""}, {12: bytearray(8)}])
def test_the_c_kernel_checks_what_it_is_given(change):
    labels = np.ones((1, 2, 3), np.uint8)
    table = steps.table((1.0, 1.0, 1.0), True)
    axes = [steps.squares(1.0, n) for n in labels.shape]
    counts = np.zeros((1, 2, len(table.distances)), np.int64)
    faces = np.zeros((1, 2), np.int64)
    good = [labels, labels, MASK, 1, True, False, table.steps, table.rank, table.squared, *axes,
            counts, faces]  # fmt: skip
    assert kernel._C.distances(*good) == (b"", b"")
    for index, value in change.items():
        good[index] = value
    with pytest.raises((ValueError, TypeError)):
        kernel._C.distances(*good)


def every_length(spacing, reach, flat):
    """The length of every step up to ``reach``, one by one."""
    half = [0 if flat and axis == 0 else int(reach / s) + 1 for axis, s in enumerate(spacing)]
    grid = np.stack(np.meshgrid(*[np.arange(-k, k + 1) for k in half]), axis=-1).reshape(-1, 3)
    lengths = np.sqrt(((grid * np.array(spacing)) ** 2).sum(axis=1))
    return np.sort(lengths[lengths <= reach * (1 + 1e-12)])


@pytest.mark.parametrize("spacing", [(10.0, 1.5, 1.5), (1.0, 1.0, 1.0), (20.0, 0.1, 7.0)])
@pytest.mark.parametrize("flat", [True, False])
def test_the_table_holds_every_step_once_and_every_distance(spacing, flat):
    table = steps.table(spacing, flat)
    lengths = np.sqrt(((table.steps * np.array(spacing)) ** 2).sum(axis=1))
    assert table.steps[0].tolist() == [0, 0, 0]
    assert len(np.unique(table.steps, axis=0)) == len(table.steps)
    expected = every_length(spacing, lengths[-1], flat)
    np.testing.assert_allclose(lengths, expected, rtol=1e-12)
    np.testing.assert_allclose(table.distances[table.rank], lengths, rtol=1e-15)
    assert (np.diff(table.squared) > 0).all()
    expected = every_length(spacing, table.distances[-1], flat)
    place = np.searchsorted(table.distances, expected * (1 - 1e-12))
    np.testing.assert_allclose(table.distances[place], expected, rtol=1e-12)
    if spacing == (10.0, 1.5, 1.5):
        assert table.distances[-1] > 10.0  # past one slice spacing


def imported(**environment):
    """Import the kernel in a process of its own."""
    program = "from benchmark.metrics import kernel; print(kernel.NAME, '|', kernel.describe())"
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SCARBENCH_")}
    return subprocess.run(
        [sys.executable, "-c", program], env=kept | environment, capture_output=True, text=True
    )


def test_the_kernel_is_chosen_at_import_and_recorded():
    done = imported(SCARBENCH_KERNEL="numpy")
    assert done.stdout.strip() == "numpy | numpy: chosen by SCARBENCH_KERNEL"
    assert "There is no kernel 'fast'" in imported(SCARBENCH_KERNEL="fast").stderr
    assert provenance("cpu", 1)["metrics_kernel"] == kernel.describe()


@both_kernels
def test_a_built_kernel_is_used_and_may_be_required():
    assert imported().stdout.strip() == "c | c"
    assert imported(SCARBENCH_REQUIRE_KERNEL="1").stdout.strip() == "c | c"


def test_a_missing_kernel_is_an_error_only_where_it_is_required(monkeypatch):
    monkeypatch.delenv("SCARBENCH_KERNEL", raising=False)
    monkeypatch.delenv("SCARBENCH_REQUIRE_KERNEL", raising=False)
    assert kernel._chosen(None, "the C kernel was not built") == "numpy"
    monkeypatch.setenv("SCARBENCH_REQUIRE_KERNEL", "1")
    with pytest.raises(UsageError, match=r"^The C kernel was not built"):
        kernel._chosen(None, "the C kernel was not built")
    monkeypatch.delenv("SCARBENCH_REQUIRE_KERNEL")
    monkeypatch.setenv("SCARBENCH_KERNEL", "c")
    with pytest.raises(UsageError, match="C compiler"):
        kernel._chosen(None, "the C kernel was not built")


def test_the_c_source_says_its_own_hash_and_another_text_is_refused(monkeypatch, tmp_path):
    text = kernel._SOURCE.read_bytes()
    assert kernel.source_hash(text) == kernel.source_hash(text.replace(b"\n", b"\r\n"))
    line = f'#define SOURCE_HASH "{kernel.source_hash(text)}"'
    assert line.encode() in text, f"_kernel.c was edited: its line has to be {line}"
    if "c" in kernel.KERNELS:
        edited = tmp_path / "_kernel.c"
        edited.write_bytes(text + b"\n")
        monkeypatch.setattr(kernel, "_SOURCE", edited)
        module, reason = kernel._load()
        assert module is None
        assert kernel.source_hash(text + b"\n") in reason
