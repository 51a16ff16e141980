"""Whatever the numbers: an outcome, a p from 0 to 1 or a note why there is none, no warning."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.significance import (
    bootstrap_difference,
    chi_square,
    dscf,
    fisher_exact,
    games_howell,
    kruskal,
    mcnemar,
    permutation,
    smallest_difference,
    tukey,
    unpaired_and_paired,
    welch_anova,
    welch_t,
    wilcoxon,
)

#: Few different ones, so that ties, constants and empty samples are common.
VALUE = st.sampled_from([0.0, 1.0, 1.0 + 1e-15, -2.5, 1e9, 1e-9, math.nan, math.inf])
SAMPLE = st.lists(VALUE, max_size=6)
PAIRS = st.lists(st.tuples(VALUE, VALUE), max_size=6)
GROUPS = st.lists(SAMPLE, max_size=4)


def check(test):
    if test.p is None:
        assert test.note
    else:
        assert 0 <= test.p <= 1
    assert test.statistic is None or math.isfinite(test.statistic)
    assert all(math.isfinite(df) for df in test.df)


@settings(max_examples=100, deadline=None)
@given(PAIRS)
def test_of_pairs(given_pairs):
    a, b = ([pair[i] for pair in given_pairs] for i in (0, 1))
    for test in (wilcoxon(a, b), permutation(a, b), welch_t(a, b), *unpaired_and_paired(a, b)):
        check(test)
    for one, other in ((wilcoxon, wilcoxon), (permutation, permutation)):
        assert one(a, b).p == pytest.approx(other(b, a).p)
    for method in ("percentile", "bca"):
        got = bootstrap_difference(a, b, method=method, resamples=50)
        assert (got.low is None) == (got.high is None)
        assert got.low is not None or got.note
        assert got.low is None or got.low <= got.high
    power = smallest_difference(np.subtract(a, b) if given_pairs and np.isfinite(given_pairs).all()
                                else [x for x in a if math.isfinite(x)])  # fmt: skip
    assert power.note
    assert power.difference is None or power.difference > 0


@settings(max_examples=40, deadline=None)
@given(GROUPS)
def test_of_groups(groups):
    check(kruskal(groups))
    check(welch_anova(groups))
    for test in (dscf, games_howell, tukey):
        p = test(groups)
        assert p.shape == (len(groups), len(groups))
        assert (np.diag(p) == 1).all()
        np.testing.assert_array_equal(p, p.T)
        known = p[~np.isnan(p)]
        assert ((known >= 0) & (known <= 1)).all()


@settings(max_examples=100, deadline=None)
@given(st.tuples(*[st.sampled_from([0, 1, 2, 7, 10**6])] * 4))
def test_of_counts(counts):
    a, b, c, d = counts
    for exact in (True, False):
        check(mcnemar(a, b, c, d, exact=exact))
    for test in (chi_square([[a, b], [c, d]], yates=y) for y in (True, False)):
        check(test)
    check(fisher_exact([[a, b], [c, d]]))
