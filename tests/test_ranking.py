"""Ranks by four schemes, and what resampled patients leave of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from benchmark import ranking as r
from benchmark.bootstrap import resampled_counts
from benchmark.errors import UsageError
from benchmark.ranking.pairs import one_sided
from benchmark.ranking.resampled_tests import weighted_signed_rank

NAN = float("nan")
#: Three methods in four cases. Means .6 .6 .5; medians .55 .7 .6; ranks in the cases
#: (1 2 3) (3 1.5 1.5) (3 1 2) (1 3 2) -> 2, 1.875, 2.125.
HAND = np.array([[0.9, 0.8, 0.3], [0.3, 0.7, 0.7], [0.4, 0.8, 0.6], [0.8, 0.1, 0.4]])

matrices = arrays.arrays(
    np.float64,
    st.tuples(st.integers(2, 7), st.integers(1, 5)),
    elements=st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0, NAN]), st.floats(0, 1, width=16)),
)


def test_hand_computed_ranks_of_every_scheme():
    mean = r.aggregate_then_rank(HAND, "higher")
    assert mean.scores == pytest.approx([0.6, 0.6, 0.5])
    assert list(mean.ranks) == [1, 1, 3]
    median = r.aggregate_then_rank(HAND, "higher", how="median")
    assert median.scores == pytest.approx([0.6, 0.75, 0.5])
    assert list(median.ranks) == [2, 1, 3]
    ranks = r.rank_then_aggregate(HAND, "higher")
    assert ranks.scores == pytest.approx([2, 1.875, 2.125])
    assert list(ranks.ranks) == [2, 1, 3]
    tests = r.test_based(HAND, "higher")
    assert list(tests.scores) == [0, 0, 0]
    assert list(tests.ranks) == [1, 1, 1]


def test_direction_decides_who_is_first():
    values = np.array([[-3.0, 1.0, 2.0]] * 3)
    orders = {b: list(r.aggregate_then_rank(values, b).ranks) for b in ("higher", "lower", "zero")}
    assert orders == {"higher": [3, 2, 1], "lower": [1, 2, 3], "zero": [3, 1, 2]}


def test_zero_of_a_mean_is_of_the_mean_and_of_a_case_of_the_case():
    # Errors that cancel are unbiased on average, and far off in every case.
    values = np.array([[5.0, 1.0], [-5.0, 1.0]])
    assert list(r.aggregate_then_rank(values, "zero").ranks) == [1, 2]
    assert list(r.rank_then_aggregate(values, "zero").ranks) == [2, 1]


def test_a_significantly_better_method_outranks_by_tests():
    rng = np.random.default_rng(0)
    base = rng.random(20)
    values = np.stack([base + 0.2, base + 0.2 * rng.random(20), base - 0.2], axis=1)
    found = r.test_based(values, "higher")
    assert list(found.scores) == [2, 1, 0]
    assert list(found.ranks) == [1, 2, 3]
    assert found.note == ""


def test_pairwise_p_are_scipys_with_holms_correction():
    rng = np.random.default_rng(1)
    values = rng.random((12, 3)) + np.array([0.3, 0.15, 0.0])
    raw = r.pairwise_p(values, "higher", holm=False)
    for i, j in itertools.permutations(range(3), 2):
        expected = stats.wilcoxon(values[:, i], values[:, j], alternative="greater").pvalue
        assert raw[i, j] == pytest.approx(expected)
    pairs = list(itertools.permutations(range(3), 2))
    order = sorted(pairs, key=lambda at: raw[at])
    adjusted, least = {}, 0.0
    for k, at in enumerate(order):
        least = max(least, min(1.0, (len(pairs) - k) * raw[at]))
        adjusted[at] = least
    corrected = r.pairwise_p(values, "higher")
    assert [corrected[at] for at in pairs] == pytest.approx([adjusted[at] for at in pairs])
    assert np.isnan(np.diag(corrected)).all()


def test_cases_of_a_patient_are_one_observation_of_a_test():
    rng = np.random.default_rng(2)
    of_patients = rng.random((8, 2)) + np.array([0.2, 0.0])
    patients = np.repeat(np.arange(8), 5)
    fivefold = np.repeat(of_patients, 5, axis=0)
    assert np.allclose(
        r.pairwise_p(fivefold, "higher", patients), r.pairwise_p(of_patients, "higher"),
        equal_nan=True,
    )  # fmt: skip


def test_a_pair_that_cannot_be_tested_is_told():
    values = np.array([[0.5, NAN, 0.1], [NAN, 0.4, 0.2], [0.6, NAN, 0.3]])
    p = r.pairwise_p(values, "higher")
    assert np.isnan(p[0, 1])
    assert np.isnan(p[1, 0])
    assert np.isnan(p[1, 2])
    assert r.test_based(values, "higher").note == "2 of 3 pairs could not be tested"


def test_one_sided_p_of_nothing_is_defined():
    assert np.isnan(one_sided(np.array([])))
    assert np.isnan(one_sided(np.array([0.3])))
    assert one_sided(np.zeros(5)) == 1.0
    # Five of five better: 1 of 32 assignments of signs.
    assert one_sided(np.array([0.1, 0.2, 0.3, 0.4, 0.5])) == pytest.approx(1 / 32)
    assert one_sided(-np.array([0.1, 0.2, 0.3, 0.4, 0.5])) == pytest.approx(1.0)


def test_one_sided_p_of_few_ties_is_that_of_all_signs():
    # The normal approximation finds 0.013 in five equal gains, what no exact test can.
    assert one_sided(np.ones(5)) == pytest.approx(1 / 32)
    rng = np.random.default_rng(5)
    for n in (2, 6, 9):
        gains = rng.integers(1, 4, n) * rng.choice([-0.1, 0.1], n)
        ranks = stats.rankdata(np.round(np.abs(gains), 9))
        sums = [ranks[list(s)].sum() for s in itertools.product((False, True), repeat=n)]
        expected = np.mean(np.array(sums) >= ranks[gains > 0].sum())
        assert one_sided(gains) == pytest.approx(expected)


def test_what_only_rounding_parts_is_tied_on_the_board_as_in_its_resamples():
    values = np.array([[0.1, 0.3], [0.2, 0.2], [0.3, 0.1]])
    found = r.aggregate_then_rank(values, "higher")
    assert found.scores[0] != found.scores[1]  # 0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1
    assert list(found.ranks) == [1, 1]
    averages = {"a": found.scores[0], "b": found.scores[1], "c": None}
    assert r.ranks(averages, "higher") == {"a": 1, "b": 1, "c": 3}
    assert list(r.case_ranks([[0.1 + 0.2, 0.3, 0.2]], "higher")[0]) == [1.5, 1.5, 3]
    with pytest.raises(UsageError, match="'none'"):
        r.ranks(averages, "none")


def test_undefined_shares_the_worst_rank_of_its_case():
    values = np.array([[0.2, NAN, NAN, 0.9], [NAN, NAN, NAN, NAN], [0.1, 0.1, 0.5, NAN]])
    ranks = r.case_ranks(values, "higher")
    assert list(ranks[0]) == [2, 3.5, 3.5, 1]
    assert np.isnan(ranks[1]).all()
    assert list(ranks[2]) == [2.5, 2.5, 1, 4]


def test_undefined_is_last_in_every_scheme_and_direction():
    values = np.array([[0.9, NAN, 0.1], [0.8, NAN, 0.2], [0.7, NAN, 0.3]])
    for scheme in r.Scheme:
        for better in ("higher", "lower", "zero"):
            found = r.ranking(values, better, scheme)
            assert found.ranks[1] == 3, (scheme, better)
            assert np.isnan(found.scores[1])
            assert list(found.n) == [3, 0, 3]


def test_weights_make_the_mean_of_the_leaderboard():
    values = np.array([[0.0, 0.5], [1.0, 0.5]])
    weights = np.array([[0.2, 1.0], [1.0, 1.0]])
    found = r.aggregate_then_rank(values, "higher", weights=weights)
    assert found.scores == pytest.approx([1 / 1.2, 0.5])


@pytest.mark.parametrize("scheme", list(r.Scheme))
def test_nothing_to_rank_is_no_error(scheme):
    assert r.ranking(np.empty((0, 2)), "higher", scheme).ranks.tolist() == [1, 1]
    assert r.ranking(np.empty((3, 0)), "higher", scheme).ranks.tolist() == []
    assert r.ranking([[0.5]], "higher", scheme).ranks.tolist() == [1]
    all_undefined = r.ranking(np.full((3, 2), NAN), "higher", scheme)
    assert all_undefined.ranks.tolist() == [1, 1]
    assert np.isnan(all_undefined.scores).all()


def test_what_cannot_be_asked_is_refused_by_name():
    with pytest.raises(UsageError, match="'none'"):
        r.aggregate_then_rank(HAND, "none")
    with pytest.raises(UsageError, match="'mode'"):
        r.aggregate_then_rank(HAND, "higher", how="mode")
    with pytest.raises(UsageError, match="weights"):
        r.aggregate_then_rank(HAND, "higher", how="median", weights=HAND)
    with pytest.raises(UsageError, match="'best'"):
        r.ranking(HAND, "higher", "best")


@given(matrices, st.sampled_from(list(r.Scheme)), st.sampled_from(["higher", "lower"]), st.data())
@settings(max_examples=60, deadline=None)
def test_the_order_of_methods_does_not_matter(values, scheme, better, data):
    order = data.draw(st.permutations(range(values.shape[1])))
    whole = r.ranking(values, better, scheme).ranks
    assert (r.ranking(values[:, order], better, scheme).ranks == whole[list(order)]).all()


@given(matrices, st.sampled_from([r.Scheme.MEAN, r.Scheme.MEDIAN, r.Scheme.RANK]), st.data())
@settings(max_examples=80, deadline=None)
def test_a_dominated_method_never_outranks_its_dominator(values, scheme, data):
    values = np.nan_to_num(values)
    loss = data.draw(arrays.arrays(np.float64, len(values), elements=st.floats(0, 1, width=16)))
    both = np.concatenate([values, values[:, :1] - loss[:, None]], axis=1)
    found = r.ranking(both, "higher", scheme).ranks
    assert found[-1] >= found[0]


@given(st.integers(0, 10_000), st.integers(6, 14))
@settings(max_examples=25, deadline=None)
def test_a_dominated_method_never_outranks_its_dominator_by_tests_without_ties(seed, cases):
    # With ties the p is approximate beside exact ones, and could differ in a digit that counts.
    rng = np.random.default_rng(seed)
    values = rng.random((cases, 4)) + rng.random(4)
    values[:, 3] = values[:, 0] - 0.3 * rng.random(cases)
    found = r.test_based(values, "higher").ranks
    assert found[3] >= found[0]


@given(matrices)
@settings(max_examples=60, deadline=None)
def test_ranks_in_cases_are_those_of_scipy(values):
    found = r.case_ranks(values, "lower")
    for row, ranks in zip(values, found, strict=True):
        if np.isnan(row).all():
            assert np.isnan(ranks).all()
        else:
            assert (ranks == stats.rankdata(np.where(np.isnan(row), 9.0, row))).all()


def brute(values, patients, scheme, better, resamples, seed):
    """Each resample written out as a longer matrix, and ranked by the public function."""
    names = np.unique(patients)
    drawn = np.concatenate(list(resampled_counts(len(names), resamples, seed)))
    out = []
    for counts in drawn.astype(int):
        rows = [i for name, n in zip(names, counts, strict=True) for _ in range(n)
                for i in np.flatnonzero(patients == name)]  # fmt: skip
        out.append(r.ranking(values[rows], better, scheme).ranks)
    return np.array(out)


@pytest.mark.parametrize("scheme", [r.Scheme.MEAN, r.Scheme.MEDIAN, r.Scheme.RANK])
@pytest.mark.parametrize("better", ["higher", "zero"])
def test_resampled_ranks_are_those_of_the_resamples_written_out(scheme, better):
    rng = np.random.default_rng(3)
    values = np.round(rng.random((11, 4)) - 0.3, 1)
    values[rng.random(values.shape) < 0.15] = NAN
    patients = np.array([f"p{i // 2}" for i in range(11)])
    expected = brute(values, patients, scheme, better, 60, 5)
    found = r.stability(values, patients, scheme, better, resamples=60, seed=5)
    counts = [[int((expected[:, j] == k).sum()) for k in range(1, 5)] for j in range(4)]
    assert found.counts.tolist() == counts
    assert found.median == pytest.approx(np.median(expected, axis=0))
    taus = [stats.kendalltau(row, found.ranks).statistic for row in expected]
    assert found.kendall == pytest.approx(np.array(taus), nan_ok=True)
    for i, j in itertools.product(range(4), repeat=2):
        assert found.ahead[i, j] == pytest.approx((expected[:, i] < expected[:, j]).mean())


def test_resampled_tests_are_those_of_the_resamples_written_out():
    rng = np.random.default_rng(4)
    values = rng.random((25, 3)) + np.array([0.25, 0.1, 0.0])
    patients = np.arange(25).astype(str)
    found = r.stability(values, patients, "test_based", resamples=30, seed=2)
    names = np.unique(patients)
    rows = np.array([np.flatnonzero(patients == n)[0] for n in names])
    wins = []
    for counts in np.concatenate(list(resampled_counts(25, 30, 2))).astype(int):
        drawn = values[np.repeat(rows, counts)]
        p = np.full((3, 3), NAN)
        for i, j in itertools.permutations(range(3), 2):
            p[i, j] = stats.wilcoxon(drawn[:, i], drawn[:, j], alternative="greater",
                                     method="approx").pvalue  # fmt: skip
        off = ~np.isnan(p)
        order = np.argsort(p[off])
        held = np.maximum.accumulate(p[off][order] * np.arange(6, 0, -1))
        q = np.empty(6)
        q[order] = held
        p[off] = q
        wins.append((p <= 0.05).sum(axis=1))
    ranks = np.array([stats.rankdata(-row, method="min") for row in wins]).astype(int)
    expected = [[int((ranks[:, j] == k).sum()) for k in (1, 2, 3)] for j in range(3)]
    assert found.counts.tolist() == expected


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_weighted_signed_rank_is_scipys_of_the_repeated_differences(seed):
    rng = np.random.default_rng(seed)
    gains = np.round(rng.normal(0.3, 1, 15), 1)
    counts = rng.integers(0, 4, (1, 15)).astype(float)
    repeated = np.repeat(gains, counts[0].astype(int))
    repeated = repeated[repeated != 0]
    z = weighted_signed_rank(gains, counts)[0]
    expected = stats.wilcoxon(repeated, alternative="greater", method="approx")
    assert stats.norm.sf(z) == pytest.approx(expected.pvalue)


def test_the_weighted_signed_rank_of_nothing_is_defined():
    counts = np.array([[1.0, 1.0], [1.0, 0.0]])
    assert weighted_signed_rank(np.zeros(2), counts).tolist() == pytest.approx(
        [0, NAN], nan_ok=True
    )
    assert np.isnan(weighted_signed_rank(np.array([NAN, NAN]), counts)).all()


def test_equal_methods_stay_tied_in_every_resample():
    # 0.1 + 0.2 + ... in another block of a matrix product would differ in the last digit.
    rng = np.random.default_rng(6)
    one = rng.random((57, 1))
    values = np.concatenate([one, rng.random((57, 5)), one], axis=1)
    for scheme in r.Scheme:
        found = r.stability(values, np.arange(57).astype(str), scheme, resamples=200)
        assert (found.counts[0] == found.counts[6]).all()
        assert found.ahead[0, 6] == found.ahead[6, 0] == 0
        assert np.isnan(found.keeps[0, 6])


def test_a_clear_order_never_changes():
    values = np.array([[0.9, 0.5, 0.1]] * 6) + np.arange(6)[:, None] * 0.01
    found = r.stability(values, list("abcdef"), names=["x", "y", "z"], resamples=100)
    assert found.names == ("x", "y", "z")
    assert found.counts.tolist() == [[100, 0, 0], [0, 100, 0], [0, 0, 100]]
    assert found.low.tolist() == found.median.tolist() == found.high.tolist() == [1, 2, 3]
    assert found.mean_kendall == 1
    assert found.keeps[0, 1] == found.keeps[2, 0] == 1
    assert found.resamples == 100
    assert found.note == ""


def test_all_equal_has_no_kendall():
    found = r.stability(np.full((5, 3), 0.5), list("abcde"), resamples=50)
    assert found.counts[:, 0].tolist() == [50, 50, 50]
    assert np.isnan(found.kendall).all()
    assert found.mean_kendall is None


@pytest.mark.parametrize("scheme", list(r.Scheme))
def test_one_patient_is_not_resampled(scheme):
    found = r.stability([[0.5, 0.4], [0.6, 0.3]], ["p", "p"], scheme, resamples=50)
    assert found.note == "fewer than 2 patients with a value"
    assert found.counts.sum() == 0
    assert np.isnan(found.low).all()
    assert found.mean_kendall is None
    assert r.stability(np.empty((0, 2)), [], scheme).n_patients == 0


def test_no_resamples_are_told():
    assert r.stability(HAND, list("abcd"), resamples=0).note == "no resamples were asked for"


def test_several_metrics_at_once_are_each_alone():
    rng = np.random.default_rng(7)
    held = {"dice": rng.random((9, 3)), "hd": rng.random((9, 3)) * 50}
    better = {"dice": "higher", "hd": "lower"}
    patients = [f"p{i // 2}" for i in range(9)]
    for scheme in r.Scheme:
        both = r.stabilities(held, patients, scheme, better, names=list("abc"), resamples=80)
        for key in held:
            alone = r.stability(held[key], patients, scheme, better[key], names=list("abc"),
                                resamples=80)  # fmt: skip
            assert both[key].counts.tolist() == alone.counts.tolist()


def test_weights_reach_the_resamples():
    values = np.array([[0.0, 0.5], [1.0, 0.5], [1.0, 0.5]])
    patients = list("abc")
    heavy = r.stability(values, patients, resamples=300)
    light = r.stability(values, patients, weights=[[0.0, 1.0], [1.0, 1.0], [1.0, 1.0]],
                        resamples=300)  # fmt: skip
    # Without weight the 0 never counts, except in the resample that holds nothing else.
    assert light.counts[0, 0] > heavy.counts[0, 0]
    assert light.counts[0, 0] >= 280


def test_a_consensus_is_the_mean_of_the_ranks_with_its_weights_said():
    rankings = {"dice": {"a": 1, "b": 2, "c": 3}, "hd": {"a": 3, "b": 1, "c": 2}}
    found = r.consensus(rankings)
    assert found.scores == {"a": 2, "b": 1.5, "c": 2.5}
    assert found.ranks == {"a": 2, "b": 1, "c": 3}
    assert "dice 0.5, hd 0.5" in found.sentence
    tilted = r.consensus(rankings, {"dice": 3, "hd": 1})
    assert tilted.scores == {"a": 1.5, "b": 1.75, "c": 2.75}
    assert tilted.ranks == {"a": 1, "b": 2, "c": 3}


def test_a_consensus_leaves_out_who_is_not_ranked_everywhere():
    rankings = {"scar": {"a": 1, "b": 2, "c": 3}, "myocardium": {"a": 2, "c": 1}}
    found = r.consensus(rankings)
    # Without b, c is second of two by scar: both have 1.5.
    assert found.ranks == {"a": 1, "c": 1}
    assert found.note == "Left out, not ranked by all of them: b"
    assert r.consensus(rankings, {"scar": 1}).ranks == {"a": 1, "b": 2, "c": 3}


def test_a_tie_is_no_gift_in_a_consensus():
    found = r.consensus({"x": {"a": 1, "b": 1, "c": 3}})
    assert found.scores == {"a": 1.5, "b": 1.5, "c": 3.0}
    assert found.ranks == {"a": 1, "b": 1, "c": 3}


@pytest.mark.parametrize(
    "weights", [{"dice": 0.0}, {"dice": -1.0, "hd": 2.0}, {"hdd": 1.0}, {"dice": NAN}]
)
def test_weights_that_make_no_mean_are_refused(weights):
    with pytest.raises(UsageError):
        r.consensus({"dice": {"a": 1}, "hd": {"a": 1}}, weights)


def test_a_consensus_of_nothing_is_refused():
    with pytest.raises(UsageError, match="no ranking"):
        r.consensus({})
