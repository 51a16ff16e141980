"""Joint counts, overlap and volume metrics, and the thirds of the ventricle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchmark import score
from benchmark.errors import PluginError
from benchmark.metrics import Pair, cards
from benchmark.metrics.counts import confusion, joint_counts
from benchmark.metrics.levels import thirds

LABELS = st.integers(0, 4)


def pair(tp, fp, fn, tn, spacing=(10.0, 2.0, 2.0)):
    return Pair(
        tp=tp,
        fp=fp,
        fn=fn,
        tn=tn,
        spacing=spacing,
        masks=lambda: (None, None),
        myocardium=40,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dice", 12 / 17),  # 2*6 / (2*6 + 2 + 3)
        ("iou", 6 / 11),
        ("precision", 6 / 8),
        ("recall", 6 / 9),
        ("balanced_accuracy", (6 / 9 + 89 / 91) / 2),
        ("volume_error_ml", -0.04),  # one voxel of 10 x 2 x 2 mm too few
        ("absolute_volume_error_ml", 0.04),
        ("volume_error_percent", -100 / 9),
        ("emidec_volume_ratio", 1 / 40),
        ("specificity", 89 / 91),
        ("mcc", (6 * 89 - 2 * 3) / (8 * 9 * 91 * 92) ** 0.5),
    ],
)
def test_metrics_of_counts_by_hand(name, expected):
    assert cards.metrics()[name](pair(6, 2, 3, 89)) == pytest.approx(expected, abs=1e-15)


def test_volume_error_is_prediction_minus_reference():
    assert cards.metrics()["volume_error_ml"](pair(0, 5, 0, 95)) == pytest.approx(0.2)
    assert cards.metrics()["volume_error_ml"](pair(0, 0, 5, 95)) == pytest.approx(-0.2)


def test_balanced_accuracy_of_an_empty_answer_is_one_half():
    assert cards.metrics()["balanced_accuracy"](pair(0, 0, 7, 93)) == 0.5


def test_balanced_accuracy_where_the_reference_fills_the_field():
    assert cards.metrics()["balanced_accuracy"](pair(50, 0, 50, 0)) == 0.75


COUNTS = st.integers(0, 10**6)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_balanced_accuracy_is_the_mean_of_recall_and_specificity(tp, fp, fn, tn):
    given_ = pair(tp + 1, fp, fn, tn)
    values = {name: cards.metrics()[name](given_) for name in NAMES}
    mean = (values["recall"] + values["specificity"]) / 2
    assert values["balanced_accuracy"] == pytest.approx(mean, abs=1e-15)
    for name in NAMES:
        least, greatest = cards.cards()[name].bounds
        assert least <= values[name] <= greatest


NAMES = ("recall", "specificity", "balanced_accuracy", "mcc")


@given(hnp.arrays(bool, 30), hnp.arrays(bool, 30))
def test_mcc_is_the_correlation_of_the_two_masks(ours, theirs):
    counts = [(ours & theirs).sum(), (theirs & ~ours).sum(), (ours & ~theirs).sum()]
    found = cards.metrics()["mcc"](pair(*map(int, counts), 30 - int(sum(counts))))
    if ours.all() and theirs.all():
        assert found == 1.0
    elif 0 < ours.sum() < 30 and 0 < theirs.sum() < 30:
        assert found == pytest.approx(np.corrcoef(ours, theirs)[0, 1], abs=1e-12)
    elif ours.any() and theirs.any():
        assert found == 0.0


def test_mcc_of_counts_whose_product_no_float_holds_exactly():
    assert cards.metrics()["mcc"](pair(10**9, 0, 0, 10**9 + 7)) == 1.0
    assert cards.metrics()["mcc"](pair(0, 10**9, 10**9 + 7, 0)) == -1.0
    # three quarters of each right: (9 - 1) / 16
    assert cards.metrics()["mcc"](pair(3 * 10**9, 10**9, 10**9, 3 * 10**9)) == 0.5


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"), [(0, 0, 1.0), (4, 0, 1.0), (0, 4, 0.75), (4, 4, 1.0)]
)
def test_specificity_is_its_formula_whichever_mask_is_empty(ours, theirs, expected):
    reference, prediction = np.zeros((2, 1, 4, 4), dtype=bool)
    reference.flat[:ours] = True
    prediction.flat[:theirs] = True
    table = score(reference, prediction, (8.0, 1.0, 1.0), metrics=["specificity"])
    assert table["value"].tolist() == [expected]


def test_specificity_where_the_reference_fills_the_field_has_nothing_to_lose():
    assert cards.metrics()["specificity"](pair(50, 0, 50, 0)) == 1.0


def test_the_emidec_ratio_is_no_difference_of_burdens():
    """15 of 40 voxels scar, 10 drawn: 5 / 40, whatever myocardium the other side drew."""
    assert cards.metrics()["emidec_volume_ratio"](pair(8, 2, 7, 83)) == 5 / 40


def test_asking_for_distances_that_the_card_does_not_name_says_so():
    with pytest.raises(PluginError, match="reads='distances'"):
        _ = pair(1, 1, 1, 1).distances


@given(
    hnp.array_shapes(min_dims=3, max_dims=3, max_side=6).flatmap(
        lambda shape: st.tuples(*[hnp.arrays(np.uint8, shape, elements=LABELS)] * 2)
    )
)
def test_joint_counts_are_those_of_counting_voxel_by_voxel(arrays):
    reference, compared = arrays
    expected = np.zeros((len(reference), 5, 5), dtype=int)
    for z, y, x in np.ndindex(reference.shape):
        expected[z, reference[z, y, x], compared[z, y, x]] += 1
    joint = joint_counts(reference, compared, 5)
    np.testing.assert_array_equal(joint, expected)
    assert joint.dtype == np.int64
    ours, theirs = reference >= 3, compared >= 3
    found = confusion(joint, (3, 4))
    sides = [ours & theirs, ~ours & theirs, ours & ~theirs, ~ours & ~theirs]
    np.testing.assert_array_equal(found, np.stack([s.sum(axis=(1, 2)) for s in sides], axis=1))


def test_joint_counts_do_not_overflow_where_all_is_one_label():
    full = np.full((1, 300, 300), 4, dtype=np.uint8)
    assert joint_counts(full, full, 5)[0, 4, 4] == 90_000


def groups(n, apex="first", positions=None, present=None):
    found = thirds(present or [True] * n, positions or [8.0 * i for i in range(n)], apex)
    return [list(found[name]) for name in ("apex", "middle", "base")]


def test_thirds_are_of_the_distance_and_borders_belong_to_the_middle():
    assert groups(4) == [[0], [1, 2], [3]]
    assert groups(6) == [[0, 1], [2, 3], [4, 5]]
    assert groups(7) == [[0, 1], [2, 3, 4], [5, 6]]
    assert groups(10) == [[0, 1, 2], [3, 4, 5, 6], [7, 8, 9]]


@given(st.integers(1, 30), st.floats(1, 20))
def test_thirds_are_the_same_from_both_ends(n, step):
    positions = [step * i for i in range(n)]
    up = groups(n, "first", positions)
    down = groups(n, "last", positions)
    assert [[n - 1 - i for i in reversed(part)] for part in down] == up


def test_thirds_divide_distance_not_slices():
    assert groups(4, positions=[0.0, 1.0, 2.0, 30.0]) == [[0, 1, 2], [], [3]]


def test_thirds_do_not_depend_on_where_positions_start_or_run_to():
    assert groups(7, positions=[50.0 - 8 * i for i in range(7)]) == groups(7)


def test_slices_beyond_the_reference_belong_to_no_third():
    present = [False, True, True, True, False, False]
    assert groups(6, present=present) == [[1], [2], [3]]


def test_a_single_slice_is_the_middle():
    assert groups(3, present=[False, True, False]) == [[], [1], []]


def test_a_hole_in_the_reference_stays_within_its_third():
    assert groups(4, present=[True, False, True, True]) == [[0], [1, 2], [3]]


def test_thirds_are_never_guessed():
    assert "not known" in thirds([True], [0.0], None)
    assert "no left ventricle" in thirds([False, False], [0.0, 8.0], "first")
