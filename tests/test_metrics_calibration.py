"""Brier score and calibration error: by hand, by loops, and where they are measured."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import benchmark
from benchmark.errors import DataError, UsageError
from benchmark.metrics import Pair
from benchmark.metrics.calibration import brier, ece
from benchmark.metrics.cards import cards, select
from benchmark.scoring import ScoreTask, score_case, unreadable_case
from benchmark.types import Region

SPACING = (8.0, 2.0, 2.5)
NAMES = ["brier", "ece"]


def heart(shape=(2, 30, 24)):
    """A cavity in myocardium, rows 8 to 17 and columns 9 to 16; the upper rows of slice 0 scar."""
    labels = np.zeros(shape, dtype=np.uint8)
    labels[:, 8:18, 9:17] = 2
    labels[:, 11:15, 11:15] = 1
    labels[0, 8:11, 9:17] = 3
    return labels


def table(reference, prediction, probabilities, level="volume", **options):
    return benchmark.score(
        reference, prediction, SPACING, metrics=NAMES, levels=[level],
        probabilities=probabilities, **options,
    )  # fmt: skip


def scar(*arguments, **options):
    found = table(*arguments, **options)
    found = found[found["region"] == "scar"]
    assert set(found["status"]) <= {"ok", "both_empty", "pred_empty", "ref_empty"}
    return dict(zip(found["metric"], found["value"], strict=True))


def box(labels):
    """Written out: 10 mm are 5 rows and 4 columns."""
    held = np.argwhere(labels)
    (_, top, left), (_, bottom, right) = held.min(axis=0), held.max(axis=0)
    rows = slice(max(top - 5, 0), bottom + 6)
    return slice(None), rows, slice(max(left - 4, 0), right + 5)


def by_loops(truth, probabilities):
    pairs = list(zip(truth.ravel().tolist(), probabilities.ravel().tolist(), strict=True))
    mean_square = math.fsum((p - t) ** 2 for t, p in pairs) / len(pairs)
    error = 0.0
    for k in range(15):
        low, high = k / 15, (k + 1) / 15
        held = [(t, p) for t, p in pairs if low < p <= high or (k == 0 and p == 0)]
        if held:
            share = math.fsum(t for t, _ in held) / len(held)
            mean = math.fsum(p for _, p in held) / len(held)
            error += len(held) / len(pairs) * abs(mean - share)
    return {"brier": mean_square, "ece": error}


@st.composite
def cases(draw):
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 24), st.integers(1, 24)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    reference = (rng.random(shape) < draw(st.sampled_from([0.005, 0.1, 0.8]))) * rng.integers(
        1, 5, shape
    ).astype(np.uint8)
    reference[tuple(rng.integers(0, shape))] = 2
    probabilities = rng.random(shape)
    if draw(st.booleans()):  # as they are stored, every bound of a bin among them
        probabilities = np.rint(probabilities * 255) / 255
    return reference.astype(np.uint8), probabilities


@settings(max_examples=100, deadline=None)
@given(cases())
def test_values_are_those_of_loops_over_voxels(case):
    reference, probabilities = case
    where = box(reference)
    expected = by_loops(Region.SCAR.mask(reference)[where], probabilities[where])
    found = scar(reference, reference, {"scar": probabilities})
    assert found == pytest.approx(expected, abs=1e-12)
    for name in NAMES:
        assert 0 <= found[name] <= 1


@settings(max_examples=60, deadline=None)
@given(cases(), st.sampled_from([(0, 2, 1), (0, 1, 2)]), st.booleans(), st.booleans())
def test_how_the_axes_run_does_not_matter(case, axes, up, left):
    flip = (slice(None), slice(None, None, -1 if up else 1), slice(None, None, -1 if left else 1))
    there, back = (
        benchmark.score(side[0], side[0], spacing, metrics=NAMES, probabilities={"scar": side[1]})[
            "value"
        ].dropna()
        for side, spacing in (
            (case, SPACING),
            ([a[flip].transpose(axes) for a in case], tuple(SPACING[a] for a in axes)),
        )
    )
    np.testing.assert_allclose(there, back, rtol=1e-12, atol=1e-15)


def pair(truth, probabilities):
    truth, probabilities = np.array(truth, dtype=bool), np.array(probabilities, dtype=float)
    return Pair(1, 0, 0, 0, SPACING, masks=lambda: (truth, truth),
                forecasts=lambda: (truth, probabilities))  # fmt: skip


def test_by_hand():
    """Four voxels of 0.75, three of them scar: perfectly calibrated, and not certain."""
    given_ = pair([[[1, 1, 1, 0]]], [[[0.75] * 4]])
    assert ece(given_) == 0.0
    assert brier(given_) == pytest.approx((3 * 0.25**2 + 0.75**2) / 4)
    # in one bin, errors of both signs cancel; in two they do not
    assert ece(pair([[[0, 1]]], [[[0.501, 0.52]]])) == pytest.approx(abs(1.021 - 1) / 2)
    assert ece(pair([[[0, 1]]], [[[0.2, 0.8]]])) == pytest.approx(0.2)


def test_the_bounds_of_bins_belong_to_the_bin_below():
    """51/255 is 3/15 exactly, in floating point as well; single precision rounds it up."""
    for k in range(1, 15):
        on, above = 17 * k / 255, 17 * k / 255 * (1 + 1e-5)
        half = k / 15 - 1 / 30
        # With one in the same bin, wrong by the same in the other direction, it cancels.
        shared = pair([[[0, 1]]], [[[half, on]]])
        apart = pair([[[0, 1]]], [[[half, above]]])
        assert ece(shared) == pytest.approx(abs(half + on - 1) / 2)
        assert ece(apart) == pytest.approx((half + 1 - above) / 2)
    assert ece(pair([[[0, 0]]], [[[0.0, 1 / 15]]])) == pytest.approx(1 / 30)


def test_certainty_that_is_right_costs_nothing_and_that_is_wrong_everything():
    labels = heart()
    truth = (labels == 3).astype(float)
    assert scar(labels, labels, {"scar": truth}) == {"brier": 0.0, "ece": 0.0}
    assert scar(labels, labels, {"scar": 1 - truth}) == {"brier": 1.0, "ece": 1.0}


def test_the_labels_that_were_drawn_do_not_enter():
    labels = heart()
    values = [
        scar(labels, drawn, {"scar": np.full(labels.shape, 0.3)})
        for drawn in (labels, np.zeros_like(labels), np.full_like(labels, 3))
    ]
    assert values[0] == values[1] == values[2]


def test_only_what_lies_near_the_heart_is_measured():
    """Rows 3 to 22 and columns 5 to 20: 10 mm of 2 and 2.5 mm around the ventricle."""
    labels = heart()
    for row, column, inside in (
        (3, 5, True), (22, 20, True), (2, 5, False),
        (23, 20, False), (3, 4, False), (22, 21, False),
    ):  # fmt: skip
        probabilities = (labels == 3).astype(float)
        probabilities[1, row, column] = 1.0
        found = scar(labels, labels, {"scar": probabilities})
        assert found["brier"] == pytest.approx(inside / (2 * 20 * 16))
    # every slice counts, those without a heart as well
    empty_below = np.concatenate([labels, np.zeros_like(labels)])
    probabilities = np.zeros(empty_below.shape)
    probabilities[3] = 1.0
    rows = table(empty_below, empty_below, {"scar": probabilities}, "slice")
    rows = rows[(rows["region"] == "scar") & (rows["metric"] == "brier")]
    assert rows["value"].tolist() == [24 / (20 * 16), 0.0, 0.0, 1.0]
    assert rows["status"].tolist() == ["ok", "both_empty", "both_empty", "both_empty"]


@pytest.mark.parametrize("spacing", [(8.0, 10 / 7, 10 / 7), (8.0, 0.1, 0.1), (8.0, 2.5, 2.5)])
def test_a_margin_of_whole_voxels_is_not_rounded_up(spacing):
    reach = round(10 / spacing[1])
    reference = np.zeros((1, 2 * reach + 9, 2 * reach + 9), dtype=np.uint8)
    reference[0, reach + 4, reach + 4] = 2
    rows = benchmark.score(
        reference, reference, spacing, metrics=["brier"], regions=["myocardium"],
        probabilities={"myocardium": np.ones(reference.shape)},
    )  # fmt: skip
    n = (2 * reach + 1) ** 2
    assert rows["value"].tolist() == [pytest.approx((n - 1) / n)]


@pytest.mark.parametrize(
    ("ours", "theirs", "status"),
    [(1, 0, "pred_empty"), (0, 1, "ref_empty"), (0, 0, "both_empty"), (1, 1, "ok")],
)
def test_an_empty_mask_has_a_value_like_any_other(ours, theirs, status):
    maps = [np.where(heart() == 3, 3 if held else 2, heart()) for held in (ours, theirs)]
    rows = table(*maps, {"scar": np.full(heart().shape, 0.25)})
    rows = rows[rows["region"] == "scar"]
    assert set(rows["status"]) == {status}
    share = (maps[0] == 3)[box(maps[0])].mean()
    expected = [share * 0.75**2 + (1 - share) * 0.25**2, abs(0.25 - share)]
    assert rows["value"].tolist() == pytest.approx(expected)
    assert rows["worst"].tolist() == rows["value"].tolist()


def test_rows_are_there_only_where_there_are_probabilities():
    labels = heart()
    plain = score_case(ScoreTask("a", labels, labels, SPACING)).scores
    assert not {"brier", "ece"} & {row["metric"] for row in plain}
    given_ = {Region.SCAR: np.zeros(labels.shape)}
    more = score_case(ScoreTask("a", labels, labels, SPACING, probabilities=given_)).scores
    assert [row for row in more if row["metric"] not in NAMES] == plain
    extra = [row for row in more if row["metric"] in NAMES]
    assert {row["region"] for row in extra if row["status"] != "not_applicable"} == {"scar"}
    message = {row["message"] for row in extra if row["region"] == "cavity"}
    assert message == {"there are no probabilities of cavity"}
    assert [m.card.name for m in select(probabilities=True)][-2:] == NAMES
    assert "brier" not in [m.card.name for m in select()]


def test_asked_for_without_probabilities_they_say_so():
    labels = heart()
    rows = benchmark.score(labels, labels, SPACING, metrics=NAMES)
    assert set(rows["status"]) == {"not_applicable"}
    assert rows["message"][0] == "there are no probabilities of cavity"
    rows = benchmark.score(labels == 3, labels == 3, SPACING, metrics=NAMES)
    assert set(rows["message"]) == {"there are no probabilities"}


def test_without_a_ventricle_to_be_near_to_they_are_not_applicable():
    nothing = np.zeros((2, 6, 6), dtype=np.uint8)
    rows = table(nothing, heart((2, 30, 24))[:, :6, :6], {"scar": np.zeros(nothing.shape)})
    rows = rows[rows["region"] == "scar"]
    assert set(rows["status"]) == {"not_applicable"}
    assert set(rows["message"]) == {"reference shows no left ventricle, near which to measure"}
    task = ScoreTask(
        "a", heart(), heart(), SPACING, annotates=frozenset({Region.SCAR}),
        probabilities={Region.SCAR: np.zeros(heart().shape)},
    )  # fmt: skip
    rows = score_case(task, metrics=NAMES, levels=["volume"], regions=[Region.SCAR]).scores
    assert {row["status"] for row in rows} == {"not_applicable"}
    assert "annotates no outline of the left ventricle" in rows[0]["message"]


@pytest.mark.parametrize("gone", ["prediction", "map"])
def test_a_case_that_lacks_its_map_counts_as_the_worst(gone):
    why = ("no_prediction", "no map of scar")
    task = ScoreTask(
        "a", heart(), None if gone == "prediction" else heart(), SPACING, message="no map of scar",
        probabilities={Region.SCAR: why},
    )  # fmt: skip
    rows = score_case(task, metrics=["dice", *NAMES], levels=["volume"], regions=[Region.SCAR])
    dice, *rows = rows.scores
    assert dice["status"] == ("no_prediction" if gone == "prediction" else "ok")
    assert {(row["status"], row["message"]) for row in rows} == {why}
    assert [(row["value"], row["worst"]) for row in rows] == [(None, 1.0)] * 2


def test_a_map_without_a_mask_is_measured():
    """The labels do not enter: the same values as with a mask, whatever is in it."""
    map_of_scar = np.random.default_rng(1).random(heart().shape)
    found = []
    for mask in (None, heart(), np.zeros_like(heart())):
        task = ScoreTask("a", heart(), mask, SPACING, probabilities={Region.SCAR: map_of_scar})
        rows = score_case(task, metrics=NAMES, levels=["volume"], regions=[Region.SCAR]).scores
        found.append([(row["value"], row["worst"]) for row in rows])
        assert all(row["value"] is not None for row in rows)
    assert found[0] == found[1] == found[2]


def test_single_precision_moves_no_bound_to_the_next_bin():
    labels = heart()
    exact = np.random.default_rng(2).integers(0, 16, labels.shape) / 15
    one, other = (
        table(labels, labels, {"scar": exact.astype(kind)}).query("metric == 'ece'")["value"]
        for kind in (np.float64, np.float32)
    )
    np.testing.assert_allclose(one.dropna(), other.dropna(), rtol=0, atol=1e-6)


def test_a_case_that_cannot_be_read_has_rows_of_them_too():
    every = frozenset(Region)
    plain, more = (
        unreadable_case("a", "gone", every, every, probabilities=p).scores for p in ((), every)
    )
    names = {row["metric"] for row in more} - {row["metric"] for row in plain}
    assert names == {"brier", "ece"}


@pytest.mark.parametrize("annotates", [frozenset(Region), frozenset({Region.SCAR, Region.LV}),
                                       frozenset({Region.SCAR})])  # fmt: skip
def test_a_case_that_cannot_be_read_lacks_them_where_one_that_can_would(annotates):
    """Or regions without maps would count failures, of which a readable case has none."""
    produces, maps = frozenset(Region), (Region.SCAR, Region.CAVITY)
    task = ScoreTask(
        "a", heart(), heart(), SPACING, annotates=annotates,
        probabilities=dict.fromkeys(maps, ("no_prediction", "no map")),
    )  # fmt: skip

    def told(rows):
        return {
            (row["region"], row["metric"]): row["message"]
            for row in rows
            if row["metric"] in NAMES and row["level"] == "volume"
            and row["status"] == "not_applicable"
        }  # fmt: skip

    lost = unreadable_case("a", "gone", annotates, produces, probabilities=maps).scores
    assert told(lost) == told(score_case(task).scores)
    assert "scar" in {r["region"] for r in lost if r["status"] == "error"}
    errors = {r["region"] for r in lost if r["metric"] == "ece" and r["status"] == "error"}
    whole = {"scar", "cavity"} if annotates == frozenset(Region) else {"scar"}
    assert errors == (set() if Region.LV not in annotates else whole)


def test_core_scar_may_have_probabilities_as_well():
    labels, image = heart(), np.where(heart() == 3, 100.0, 10.0)
    image[0, 8, 9:17] = 20.0
    found = table(
        labels, labels, {"core_scar": ((labels == 3) & (image > 50)).astype(float)}, image=image
    )
    found = found[found["region"] == "core_scar"]
    assert found["value"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.zeros((2, 30, 23)), "have shape (2, 30, 23), the labels (2, 30, 24)"),
        (np.zeros((2, 30, 24), dtype=np.uint8), "have dtype uint8"),
        (np.full((2, 30, 24), 1.5), "leave [0, 1]: 1440 voxels do, the first is 1.5"),
        (np.full((2, 30, 24), np.nan), "the first is nan"),
        (np.full((2, 30, 24), -1e-9), "the first is -1e-09"),
    ],
)
def test_what_is_no_probability_is_refused(values, says):
    with pytest.raises(DataError) as caught:
        table(heart(), heart(), {"scar": values})
    assert says in str(caught.value)
    assert "probabilities of scar" in str(caught.value)


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(UsageError, match="no region 'scars'"):
        table(heart(), heart(), {"scars": np.zeros(heart().shape)})
    with pytest.raises(UsageError, match="Give canonical labels"):
        benchmark.score(heart() == 3, heart() == 3, SPACING,
                        probabilities={"scar": np.zeros(heart().shape)})  # fmt: skip


def test_less_is_better_and_one_is_the_worst():
    for name in NAMES:
        card = cards()[name]
        assert (card.better, card.best, card.worst, card.bounds) == ("lower", 0.0, 1.0, (0.0, 1.0))
