"""The metrics as arrays are those of scoring."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import benchmark
from benchmark.errors import DataError, UsageError
from benchmark.metrics import kernel
from benchmark.metrics.arrays import evaluate, evaluate_many
from benchmark.metrics.distances import Surfaces
from benchmark.metrics.steps import squares, table

DATA = Path(benchmark.__file__).parent / "doctor"
PAIRS = json.loads((DATA / "surface_pairs.json").read_text())
REGIONS = {"cavity": (1,), "myocardium": (2, 3, 4), "scar": (3, 4), "mvo": (4,)}
SPACING = (8.0, 1.25, 1.75)


def labels(seed, shape=(4, 12, 60)):
    """Two label maps: noise, or few voxels far apart; some regions empty."""
    rng = np.random.default_rng(seed)
    found = [rng.integers(0, 5, shape).astype(np.uint8) for _ in range(2)]
    for array in found:
        array[rng.random(shape) < rng.choice([0.3, 0.95, 0.998])] = 0
        array[array == rng.integers(1, 9)] = 0
    return found


@pytest.mark.parametrize("name", PAIRS["cases"])
def test_conformance_pairs_are_met(name):
    expected = PAIRS["cases"][name]
    with np.load(DATA / "surface_pairs.npz") as arrays:
        pair = [arrays[f"{name}__{side}"].astype(bool) for side in ("ref", "pred")]
    found = evaluate(*pair, tuple(PAIRS["spacing_mm"]))
    if expected["status"] != "ok":
        both = expected["status"] == "both_empty"
        np.testing.assert_equal(found["dice"], [np.nan if both else 0.0])
        np.testing.assert_equal(found["nsd"], [np.nan if both else 0.0])
        assert all(np.isnan(found[m]).all() for m in ("hd", "hd95", "assd"))
        return
    surface = expected["voxel_border_3d_conn1"]
    keys = {"hd": "hd", "hd95": "hd95_max_of_directed_linear", "assd": "assd_pooled",
            "nsd": "nsd_pooled@2mm"}  # fmt: skip
    for metric, key in keys.items():
        assert found[metric][0] == pytest.approx(surface[key], abs=1e-9)
    assert found["dice"][0] == pytest.approx(expected["dice"], abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["3d", "inplane3d"]))
def test_values_are_those_of_scoring(seed, dim):
    pair = labels(seed)
    found = evaluate(*pair, SPACING, tuple(REGIONS.values()), dim=dim)
    table = benchmark.score(*pair, SPACING, metrics=["dice", "hd", "hd95", "assd"])
    table = table[table["dim"].isna() | (table["dim"] == dim)].set_index(["region", "metric"])
    for index, region in enumerate(REGIONS):
        for metric in ("dice", "hd", "hd95", "assd"):
            expected = table.loc[(region, metric), "value"]
            np.testing.assert_allclose(found[metric][index], expected, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_slices_are_measured_one_by_one(seed):
    pair = labels(seed)
    regions = tuple(REGIONS.values())
    together = evaluate(*pair, SPACING, regions, dim="slice", tolerance=3.0)
    for z in range(len(pair[0])):
        alone = evaluate(pair[0][z : z + 1], pair[1][z : z + 1], SPACING, regions, tolerance=3.0)
        for metric, values in alone.items():
            np.testing.assert_array_equal(together[metric][z], values)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 2.0, 40.0]))
def test_nsd_is_the_share_of_surface_within_the_tolerance(seed, tolerance):
    pair = [array > 0 for array in labels(seed)]
    found = evaluate(*pair, SPACING, tolerance=tolerance)["nsd"][0]
    if not (pair[0].any() and pair[1].any()):
        assert found == 0 or np.isnan(found)
        return
    pooled = Surfaces(*pair, SPACING).volume("3d").pooled
    assert found == pytest.approx((pooled <= tolerance * (1 + 1e-9)).mean(), abs=1e-15)


@pytest.mark.parametrize("dim", ["3d", "inplane3d", "slice"])
@pytest.mark.parametrize("spacing", [SPACING, (1.0, 1.0, 1.0), (0.7, 3.0, 1.25)])
@pytest.mark.parametrize("tolerance", [0.0, 1.0, 4.2, 1e4])
def test_both_kernels_give_the_same_bits(monkeypatch, dim, spacing, tolerance):
    pairs = [labels(seed) for seed in range(8)]
    options = {"dim": dim, "tolerance": tolerance}
    found = []
    for name in kernel.KERNELS:
        monkeypatch.setattr(kernel, "NAME", name)
        values = [evaluate(*pair, spacing, tuple(REGIONS.values()), **options) for pair in pairs]
        found.append([v.tobytes() for one in values for v in one.values()])
    assert all(other == found[0] for other in found)


@pytest.mark.parametrize("spacing", [(10, 1, 2), [10, 1.0, 2], np.array([10, 1, 2])])
def test_whole_numbers_of_mm_are_the_same_spacing(monkeypatch, spacing):
    """Equal keys of a cache, too: what one asks for must not be what the other gets."""
    far = np.zeros((2, 60, 80), bool), np.zeros((2, 60, 80), bool)
    far[0][:, 5:20, 5:20] = far[1][:, 30:50, 50:70] = True
    for name in kernel.KERNELS:
        monkeypatch.setattr(kernel, "NAME", name)
        squares.cache_clear()
        table.cache_clear()
        found = evaluate(*far, spacing)
        # from a corner to the nearest: 25 rows of 1 mm and 45 columns of 2 mm; back, 30 and 50
        assert found["hd"].tolist() == [pytest.approx(np.hypot(30, 100))]
        np.testing.assert_equal(found, evaluate(*far, (10.0, 1.0, 2.0)))


def test_more_rows_than_the_c_kernel_counts_are_left_to_its_twin():
    masks = np.zeros((1, 40_000, 4), bool), np.zeros((1, 40_000, 4), bool)
    masks[0][0, 10, 1] = masks[1][0, 39_999, 1] = True
    assert evaluate(*masks, (1.0, 1.0, 1.0))["hd"].tolist() == [39_989.0]


def test_a_kernel_that_is_not_there_is_not_replaced_in_silence(monkeypatch):
    monkeypatch.setattr(kernel, "_C", None)
    with pytest.raises(UsageError, match="C kernel is not there"):
        kernel.joint(np.zeros((1, 2, 2), np.uint8), np.zeros((1, 2, 2), np.uint8), 2, kernel="c")


def test_values_by_hand():
    reference, compared = np.zeros((1, 3, 50), bool), np.zeros((1, 3, 50), bool)
    reference[0, 0, :2] = True
    compared[0, 0, 1] = True
    compared[0, 2, 41] = True  # 2 rows of 3 mm and 40 columns of 1 mm from the nearest
    found = evaluate(reference, compared, (1.0, 3.0, 1.0), tolerance=1.0)
    far = np.hypot(6.0, 40.0)
    assert found["dice"].tolist() == [0.5]
    assert found["hd"].tolist() == [pytest.approx(far)]
    assert found["hd95"].tolist() == [pytest.approx(0.95 * far)]
    assert found["assd"].tolist() == [pytest.approx((1 + far) / 4)]
    assert found["nsd"].tolist() == [0.75]


def test_many_pairs_come_in_their_order_on_any_number_of_threads():
    pairs = [(*labels(seed), SPACING) for seed in range(23)]
    expected = [evaluate(*pair, [[1], [2]]) for pair in pairs]
    for threads in (1, 3, None):
        found = list(evaluate_many(iter(pairs), [[1], [2]], threads=threads))
        np.testing.assert_equal(found, expected)


def test_what_cannot_be_measured_is_refused():
    mask = np.ones((2, 3, 4), bool)
    with pytest.raises(DataError, match="int64"):
        evaluate(mask.astype(int), mask, SPACING)
    with pytest.raises(DataError, match=r"\(3, 4\)"):
        evaluate(mask[0], mask[0], SPACING)
    with pytest.raises(DataError, match=r"\(1, 3, 4\)"):
        evaluate(mask, mask[:1], SPACING)
    with pytest.raises(DataError, match="not below 16"):
        evaluate(mask.astype(np.uint8) * 255, mask, SPACING)
    for spacing in ((1.0, -1.0, 1.0), (1.0, 1.0), (1e-156,) * 3, None):
        with pytest.raises(DataError, match="Spacing"):
            evaluate(mask, mask, spacing)
    for tolerance in (-1.0, np.nan):
        with pytest.raises(UsageError, match="tolerance"):
            evaluate(mask, mask, SPACING, tolerance=tolerance)
    with pytest.raises(UsageError, match="no dim '2d'"):
        evaluate(mask, mask, SPACING, dim="2d")
    for regions in ((), ((),), ((0,),), ((16,),), ((1,),) * 9):
        with pytest.raises(UsageError, match="Regions"):
            evaluate(mask, mask, SPACING, regions)
