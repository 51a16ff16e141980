"""Success rates: McNemar, chi-square and Fisher against statsmodels, scipy and fahmy2021."""

import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as peer

from benchmark.errors import DataError
from benchmark.significance import chi_square, fisher_exact, mcnemar

COUNT = st.integers(0, 60)


def test_mcnemar_by_hand():
    got = mcnemar(50, 9, 1, 40)
    assert got.p == pytest.approx(2 * (1 + 10) / 2**10)
    assert (got.statistic, got.n) == (1.0, (100,))
    corrected = mcnemar(50, 9, 1, 40, exact=False)
    assert corrected.statistic == pytest.approx(49 / 10)
    assert corrected.df == (1.0,)


@settings(max_examples=60, deadline=None)
@given(COUNT, COUNT, COUNT, COUNT)
def test_mcnemar_is_that_of_statsmodels(a, b, c, d):
    if not b + c:
        return
    table = [[a, b], [c, d]]
    exact, corrected = mcnemar(a, b, c, d), mcnemar(a, b, c, d, exact=False)
    assert exact.p == pytest.approx(peer(table, exact=True).pvalue)
    if b == c:  # its correction finds (0 - 1)^2 / (b + c) where there is no difference at all
        assert (corrected.statistic, corrected.p) == (0.0, 1.0)
        assert peer(table, exact=False, correction=True).statistic > 0
    else:
        reference = peer(table, exact=False, correction=True)
        assert corrected.statistic == pytest.approx(reference.statistic)
        assert corrected.p == pytest.approx(reference.pvalue)


def test_two_that_never_differ_are_not_different_and_no_trial_is_no_test():
    for exact in (True, False):
        assert mcnemar(5, 0, 0, 3, exact=exact).p == 1.0
        assert mcnemar(5, 0, 0, 3, exact=exact).note == "the two never differ"
        assert mcnemar(0, 0, 0, 0, exact=exact).p is None


#: fahmy2021, Table 3: successes with fusion, without, of how many, and the printed p.
PRINTED = {
    "all apical": (177, 156, 198, 0.006),
    "all mid": (318, 307, 320, 0.015),
    "all basal": (108, 99, 117, 0.091),
    "internal apical": (98, 84, 107, 0.006),
    "internal mid": (150, 145, 151, 0.094),
    "internal basal": (50, 44, 55, 0.097),
    "external apical": (79, 72, 91, 0.149),
    "external mid": (168, 162, 169, 0.076),
    "external basal": (58, 55, 62, 0.316),
    "external all": (305, 289, 322, 0.015),
}
#: Ours of the same counts: with Yates's correction, and without. Not fitted: of ten printed values
#: one is the corrected one to the printed digit, none the plain one.
OURS = {
    "all apical": (0.006, 0.004),
    "all mid": (0.009, 0.004),
    "all basal": (0.102, 0.066),
    "internal apical": (0.013, 0.007),
    "internal mid": (0.126, 0.056),
    "internal basal": (0.176, 0.105),
    "external apical": (0.237, 0.168),
    "external mid": (0.074, 0.032),
    "external basal": (0.528, 0.343),
    "external all": (0.027, 0.018),
}


@pytest.mark.parametrize("where", PRINTED)
def test_the_counts_of_fahmy2021_give_these_p_values_beside_the_printed(where):
    fusion, plain, n, printed = PRINTED[where]
    table = [[fusion, n - fusion], [plain, n - plain]]
    yates, bare = (chi_square(table, yates=y).p for y in (True, False))
    assert (round(yates, 3), round(bare, 3)) == pytest.approx(OURS[where], abs=1e-9)
    assert (round(yates, 3) == printed) == (where == "all apical")


@pytest.mark.parametrize(("fusion", "plain", "n"), [(603, 562, 635), (298, 273, 313)])
def test_of_all_slices_p_is_below_a_thousandth_as_printed(fusion, plain, n):
    table = [[fusion, n - fusion], [plain, n - plain]]
    assert chi_square(table, yates=True).p < 0.001


def test_chi_square_by_hand():
    """Rows 10 + 20, columns 10 + 20: expected 10/3, 20/3, 20/3, 40/3, all off by 5/3."""
    got = chi_square([[5, 5], [5, 15]], yates=False)
    assert got.statistic == pytest.approx((5 / 3) ** 2 * (3 / 10 + 3 / 20 + 3 / 20 + 3 / 40))
    assert (got.n, got.df) == ((10, 20), (1.0,))
    assert "below 5" in got.note
    corrected = chi_square([[5, 5], [5, 15]], yates=True)
    assert corrected.statistic == pytest.approx((7 / 6) ** 2 * 27 / 40)


def test_fisher_by_hand():
    """The lady who tastes tea, all right but one cup of each: (1 + 16 + 16 + 1) / 70."""
    got = fisher_exact([[3, 1], [1, 3]])
    assert got.p == pytest.approx(34 / 70)
    assert got.statistic == 9.0
    none = fisher_exact([[4, 0], [1, 3]])
    assert none.statistic is None
    assert none.p == pytest.approx(scipy.stats.fisher_exact([[4, 0], [1, 3]])[1])


@pytest.mark.parametrize(
    "test",
    [
        lambda t: chi_square(t, yates=True),
        lambda t: chi_square(t, yates=False),
        fisher_exact,
    ],
)
@pytest.mark.parametrize(
    ("table", "p", "note"),
    [
        ([[5, 0], [7, 0]], 1.0, "all trials have the same outcome"),
        ([[0, 5], [0, 7]], 1.0, "all trials have the same outcome"),
        ([[0, 0], [3, 4]], None, "a method without a trial"),
        ([[3, 4], [0, 0]], None, "a method without a trial"),
        ([[0, 0], [0, 0]], None, "a method without a trial"),
    ],
)
def test_tables_with_an_empty_margin_have_an_outcome(test, table, p, note):
    got = test(table)
    assert (got.p, got.statistic, got.note) == (p, None, note)


@pytest.mark.parametrize(
    "table", [[[1, 2, 3], [4, 5, 6]], [[1, -1], [2, 3]], [[1.5, 1], [2, 3]], [[1, 2], [3]], [],
              [[float("nan"), 1], [2, 3]]],
)  # fmt: skip
def test_what_is_no_table_of_counts_is_refused(table):
    for test in (lambda t: chi_square(t, yates=True), fisher_exact):
        with pytest.raises(DataError, match="2 x 2 table of counts"):
            test(table)
    with pytest.raises(DataError, match="2 x 2 table of counts"):
        mcnemar(3, -1, 2, 2)
