"""From runs to the table of agreement, by stratum, under each policy; and its text."""

from __future__ import annotations

import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.agreement import (
    agreement_csv,
    agreement_markdown,
    agreement_table,
    agreement_view,
    bland_altman,
    feature_pairs,
    regression,
    tertiles,
)
from benchmark.errors import DataError, UsageError
from benchmark.policies import Policy
from benchmark.table import read_runs

ALL_TESTED = ("test", "external")


def row(case, source, value, feature="scar_ml", *, unit="mL", level="volume", status=None, z=None):
    known = "ok" if value is not None else "no_prediction"
    return {"case": case, "source": source, "level": level, "slice": z, "feature": feature,
            "value": value, "status": status or known, "unit": unit, "message": ""}  # fmt: skip


def both(case, reference, prediction, feature="scar_ml", **more):
    return [
        row(case, "reference", reference, feature, **more),
        row(case, "prediction", prediction, feature, **more),
    ]


def made(make_run, values, method="one", *, seed=0, cases=None, feature="scar_ml", unit="mL"):
    """A run from case -> (reference, prediction)."""
    given_cases = {case: {} for case in values} | (cases or {})
    rows = [r for case, pair in values.items() for r in both(case, *pair, feature, unit=unit)]
    return make_run(method, cases=given_cases, features=rows, seed=seed)


def table_of(paths, *args, **options):
    options.setdefault("resamples", 50)
    return agreement_table(read_runs(paths), *args, **options)


VALUES = {f"c{i}": (float(x), float(y)) for i, (x, y) in enumerate(
    [(2, 3), (5, 4), (9, 11), (14, 12), (20, 25), (1, 1)])}  # fmt: skip


def test_every_column_is_its_function_on_the_pairs(make_run):
    found = table_of([made(make_run, VALUES)]).iloc[0]
    x, y = np.array(list(VALUES.values())).T
    through, line = (regression(x, y, origin=origin) for origin in (True, False))
    limits = bland_altman(x, y)
    assert (found["label"], found["feature"], found["unit"]) == ("one", "scar_ml", "mL")
    assert (found["by"], found["stratum"], found["policy"]) == ("all", "all", "worst_case")
    assert (found["n_total"], found["n_defined"], found["n_patients"]) == (6, 6, 6)
    assert found["slope_origin"] == through.slope
    assert found["slope_origin_low"] == through.slope_low
    assert found["r2_origin_uncentred"] == through.r2_uncentred
    assert (found["slope"], found["intercept"], found["r2"]) == (
        line.slope,
        line.intercept,
        line.r2,
    )
    assert (found["bias"], found["lower"], found["upper"]) == (
        limits.bias, limits.lower, limits.upper
    )  # fmt: skip
    assert found["r"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert found["mae"] == pytest.approx(np.abs(y - x).mean())
    assert found["nmae"] == pytest.approx(100 * (np.abs(y - x) / x).mean())
    assert (found["reference_mean"], found["reference_max"]) == (x.mean(), 20)
    assert math.isnan(found["slope_origin_cluster_low"])
    assert found["note"] == ""


def test_seeds_are_averaged_within_the_case_first(make_run):
    """Slopes 1 and 3 of two seeds; the mean of their values lies on 2, with no scatter at all."""
    paths = [
        made(make_run, {"a": (1, 1), "b": (2, 2), "c": (4, 5)}, seed=0),
        made(make_run, {"a": (1, 3), "b": (2, 6), "c": (4, 11)}, seed=1),
    ]
    found = table_of(paths)
    assert len(found) == 1
    assert found["n_total"].tolist() == [3]
    pairs = feature_pairs(read_runs(paths), ["scar_ml"])
    assert pairs["value"].tolist() == [2, 4, 8]
    assert found["slope_origin"].tolist() == pytest.approx([2.0])


def test_folds_are_laid_side_by_side(make_run):
    rows = {0: {"a": (1.0, 2.0), "b": (2.0, 4.0)}, 1: {"c": (3.0, 6.5)}}
    paths = [
        make_run("x", cases={key: {} for key in v}, record={"fold": fold, "folds": 2},
                 features=[r for case, pair in v.items() for r in both(case, *pair)])
        for fold, v in rows.items()
    ]  # fmt: skip
    assert table_of(paths)["n_total"].tolist() == [3]


@pytest.mark.parametrize(
    ("policy", "n_defined", "bias"),
    [
        (Policy.WORST_CASE, 3, -2.0),
        (Policy.EXCLUDE, 2, 0.5),
        (Policy.BOTH_EMPTY_IS_PERFECT, 3, -2.0),
    ],
)
def test_the_policy_says_what_a_missing_answer_counts_as(make_run, policy, n_defined, bias):
    values = {"a": (4, 5), "b": (6, 6), "c": (7, None)}
    found = table_of([made(make_run, values)], policy=policy).iloc[0]
    assert (found["n_total"], found["n_defined"], found["n_missing"]) == (3, n_defined, 1)
    assert found["bias"] == pytest.approx(bias)
    assert found["policy"] == policy.value
    assert "1 " in found["note"]


def test_an_answer_missing_in_one_seed_counts_as_zero_there(make_run):
    paths = [
        made(make_run, {"a": (4, 4), "b": (2, ours)}, seed=s) for s, ours in ((0, 2), (1, None))
    ]
    worst, excluded = (
        table_of(paths, policy=p).iloc[0] for p in (Policy.WORST_CASE, Policy.EXCLUDE)
    )
    assert (worst["method_min"], excluded["method_min"]) == (1.0, 2.0)
    assert worst["n_defined"] == excluded["n_defined"] == 2
    assert "1 without a value in some seed" in worst["note"]


def test_a_row_that_is_not_there_at_all_is_a_missing_answer(make_run):
    rows = [*both("a", 4.0, 5.0), row("b", "reference", 6.0)]
    path = make_run("x", cases={"a": {}, "b": {}, "c": {}}, features=rows)
    found = table_of([path]).iloc[0]
    assert (found["n_total"], found["n_defined"], found["method_min"]) == (2, 2, 0.0)
    assert "1 not applicable" in found["note"]  # a case of which neither side has a row
    lacking = [*rows, row("c", "prediction", 1.0)]
    path = make_run("y", cases={"a": {}, "b": {}, "c": {}}, features=lacking)
    found = table_of([path]).iloc[0]
    assert (found["n_total"], found["n_defined"]) == (3, 2)
    assert "1 without a reference" in found["note"]


def test_a_feature_of_t1_maps_does_not_apply_to_t2_maps(make_run):
    rows = []
    for kind in ("t1", "t2"):
        for i in range(4):
            rows += both(
                f"{kind}_{i}", 50.0 + i, 51.0 + i, f"myocardium_{kind}_median_ms", unit="ms"
            )
    path = make_run("x", cases={r["case"]: {} for r in rows}, features=rows)
    found = table_of([path], ["myocardium_t1_median_ms"]).iloc[0]
    assert (found["n_total"], found["n_defined"]) == (4, 4)
    assert "4 not applicable" in found["note"]


def test_a_time_or_a_thickness_has_no_worst_value(make_run):
    name = "myocardium_t1_median_ms"
    path = made(make_run, {"a": (900, 910), "b": (950, None)}, feature=name, unit="ms")
    found = table_of([path], [name]).iloc[0]
    assert (found["n_total"], found["n_defined"]) == (2, 1)
    assert "1 without an answer left out" in found["note"]


def test_what_does_not_apply_is_no_case_and_says_why(make_run):
    rows = [row("a", "reference", 4.0), {**row("a", "prediction", None, status="not_applicable"),
            "message": "scar is not part of this segmentation"}]  # fmt: skip
    found = table_of([make_run("x", cases={"a": {}}, features=rows)]).iloc[0]
    assert (found["n_total"], found["n_defined"]) == (0, 0)
    assert found["note"] == "scar is not part of this segmentation"
    assert math.isnan(found["bias"])


def test_a_feature_that_one_run_never_recorded_is_a_row_of_nulls(make_run):
    paths = [made(make_run, VALUES), make_run("old", cases={"c0": {}})]
    found = table_of(paths).set_index("label")
    assert found.loc["old", "n_total"] == 0
    assert found.loc["old", "note"] == "not recorded"
    assert found.loc["one", "n_total"] == 6


def test_an_unknown_feature_role_or_stratum_is_named(make_run):
    path = made(make_run, VALUES)
    with pytest.raises(UsageError, match="No run has a feature 'scar_mL'"):
        table_of([path], ["scar_mL"])
    with pytest.raises(UsageError, match="no strata by 'hospital'"):
        table_of([path], by=["hospital"])
    with pytest.raises(DataError, match="role external"):
        table_of([path], roles=["external"])
    with pytest.raises(DataError, match="no runs"):
        agreement_table([])


def test_excluded_cases_and_other_roles_do_not_count(make_run):
    cases = {"c0": {"excluded": "moved"}, "c1": {"role": "external"}}
    path = made(make_run, VALUES, cases=cases)
    assert table_of([path])["n_total"].tolist() == [4]
    assert table_of([path], roles=ALL_TESTED)["n_total"].tolist() == [5]


def test_strata_by_site_have_a_named_place_for_the_unknown(make_run):
    cases = {"c0": {"site": "B"}, "c1": {"site": "A"}, "c2": {"site": "A"}, "c3": {"site": "  "}}
    found = table_of([made(make_run, VALUES, cases=cases)], by=["all", "site"])
    counted = found[["by", "stratum", "n_total"]].values.tolist()
    assert counted == [["all", "all", 6], ["site", "A", 2], ["site", "B", 1],
                       ["site", "unknown", 3]]  # fmt: skip


def test_internal_and_external_go_by_role(make_run):
    path = made(make_run, VALUES, cases={"c0": {"role": "external"}})
    found = table_of([path], by=["role"], roles=ALL_TESTED)
    assert found[["stratum", "n_total"]].values.tolist() == [["internal", 5], ["external", 1]]
    assert "fewer than 2 pairs" in found["note"].iloc[1]
    assert math.isnan(found["r"].iloc[1])


def test_a_column_that_the_case_table_lacks_makes_one_stratum_of_the_unknown(make_run):
    assert table_of([made(make_run, VALUES)], by=["map"])["stratum"].tolist() == ["unknown"]


def test_tertiles_are_of_the_reference_s_ventricle_and_the_same_for_all(make_run):
    """Sizes 100 to 600 mL by case; the method's own sizes run the other way."""
    sizes = {case: (100.0 * (i + 1), 100.0 * (6 - i)) for i, case in enumerate(VALUES)}
    rows = [r for case, pair in VALUES.items() for r in both(case, *pair)]
    rows += [r for case, pair in sizes.items() for r in both(case, *pair, "lv_ml")]
    paths = [make_run(m, cases={key: {} for key in VALUES}, features=rows) for m in ("x", "y")]
    found = table_of(paths, ["lv_ml"], by=["lv_tertile"])
    assert found["stratum"].tolist() == ["lower", "middle", "upper"] * 2
    assert found["reference_mean"].tolist() == [150, 350, 550] * 2
    missing = table_of([made(make_run, VALUES, method="z")], by=["lv_tertile"])
    assert missing["stratum"].tolist() == ["unknown"]


def test_thirds_are_rows_of_their_own_level(make_run):
    name = "myocardium_t1_median_ms"
    rows = []
    for i, case in enumerate("abcd"):
        for level in ("volume", "apex", "middle", "base"):
            pair = (900.0 + 10 * i, 905.0 + 11 * i + (level == "apex"))
            rows += both(case, *pair, name, unit="ms", level=level)
    path = make_run("x", cases={key: {} for key in "abcd"}, features=rows)
    found = table_of([path], [name], by=["all", "level"])
    assert found["stratum"].tolist() == ["all", "apex", "middle", "base"]
    assert found["n_total"].tolist() == [4] * 4
    assert found["bias"].tolist() == pytest.approx([6.5, 7.5, 6.5, 6.5])


def test_where_no_third_was_recorded_the_table_says_so(make_run):
    found = table_of([made(make_run, VALUES)], by=["level"]).iloc[0]
    assert (found["stratum"], found["n_total"]) == ("unknown", 0)
    assert "no values" in found["note"]


def test_areas_of_slices_are_several_cases_of_a_patient(make_run):
    rng = np.random.default_rng(0)
    rows = []
    for case in "abcde":
        for z in range(4):
            area = float(rng.uniform(50, 400))
            more = {"unit": "mm2", "level": "slice", "z": z}
            rows += both(case, area, area * 1.1 + float(rng.normal(0, 9)), "scar_area_mm2", **more)
    path = make_run("x", cases={key: {} for key in "abcde"}, features=rows)
    found = table_of([path], ["scar_area_mm2"]).iloc[0]
    assert (found["n_total"], found["n_patients"]) == (20, 5)
    assert found["slope_origin_cluster_low"] < found["slope_origin"]
    assert found["slope_origin"] < found["slope_origin_cluster_high"]
    assert "several cases of a patient" in found["note"]
    pairs = feature_pairs(read_runs([path]), ["scar_area_mm2"])
    plain = bland_altman(pairs["reference"], pairs["value"], patients=pairs["patient"])
    assert found["sd"] == plain.sd
    assert plain.repeated


def test_detection_counts_no_answer_as_wrong_but_not_as_found(make_run):
    values = {"a": (20, 16), "b": (3, 0.5), "c": (0, 2), "d": (0, 0), "e": (0, None)}
    path = made(make_run, values, feature="scar_percent", unit="%")
    worst = table_of([path], ["scar_percent"]).iloc[0]
    counts = {
        share: (worst[f"scar_present_{share}_k"], worst[f"scar_present_{share}_n"])
        for share in ("sensitivity", "specificity", "accuracy", "ppv", "npv")
    }
    assert counts == {"sensitivity": (1, 2), "specificity": (1, 3), "accuracy": (2, 5),
                      "ppv": (1, 2), "npv": (1, 2)}  # fmt: skip
    assert (worst["large_scar_sensitivity_k"], worst["large_scar_sensitivity_n"]) == (1, 1)
    left_out = table_of([path], ["scar_percent"], policy=Policy.EXCLUDE).iloc[0]
    assert (left_out["scar_present_specificity_k"], left_out["scar_present_specificity_n"]) == (
        1,
        2,
    )


def test_an_empty_answer_says_that_there_is_no_scar(make_run):
    rows = [
        row("a", "reference", 0.0, "scar_percent", unit="%"),
        row("a", "prediction", None, "scar_percent", unit="%", status="pred_empty"),
    ]
    found = table_of([make_run("x", cases={"a": {}}, features=rows)], ["scar_percent"]).iloc[0]
    assert (found["scar_present_specificity_k"], found["scar_present_specificity_n"]) == (1, 1)


def test_readers_stand_beside_methods_once(make_run):
    rows = [r for case, pair in VALUES.items() for r in both(case, *pair)]
    rows += [row(case, "reader_1", pair[0] + 1) for case, pair in VALUES.items()]
    paths = [make_run(m, cases={key: {} for key in VALUES}, features=rows) for m in ("x", "y")]
    assert table_of(paths)["label"].tolist() == ["x", "y"]
    found = table_of(paths, readers=True)
    assert found["label"].tolist() == ["x", "y", "reader_1"]
    assert found["kind"].tolist() == ["method", "method", "reader"]
    assert found["bias"].iloc[2] == 1.0
    assert found["n_total"].tolist() == [6, 6, 6]


def test_a_case_that_a_reader_did_not_read_is_no_miss_of_the_reader(make_run):
    rows = [r for case, pair in VALUES.items() for r in both(case, *pair)]
    rows += [row(case, "reader_1", pair[0] + 1) for case, pair in list(VALUES.items())[:4]]
    path = make_run("x", cases={key: {} for key in VALUES}, features=rows)
    found = table_of([path], readers=True).iloc[1]
    assert (found["n_total"], found["n_missing"], found["bias"]) == (4, 0, 1.0)
    assert "2 not applicable" in found["note"]


def test_no_feature_at_all_is_refused(make_run):
    path = made(make_run, VALUES, feature="lv_ml")
    for features in (None, []):
        with pytest.raises(UsageError, match="No feature was named"):
            table_of([path], features)


def test_intervals_that_take_cases_as_independent_are_told(make_run):
    cases = {case: {"patient": f"p{i // 2}"} for i, case in enumerate(VALUES)}
    path = made(make_run, VALUES, cases=cases, feature="scar_percent", unit="%")
    note = table_of([path], ["scar_percent"]).iloc[0]["note"]
    assert "of r, ccc, icc, of shares of cases and of slopes other than cluster" in note


def test_the_order_of_runs_changes_nothing(make_run):
    paths = [made(make_run, VALUES, m, seed=s) for m in ("x", "y") for s in (0, 1)]
    one, two = (agreement_table(list(runs), resamples=50) for runs in (
        read_runs(paths), read_runs(paths)[::-1]))  # fmt: skip
    pd.testing.assert_frame_equal(one, two)
    assert agreement_csv(one) == agreement_csv(two)


def test_the_csv_has_every_number_in_full(make_run):
    found = table_of([made(make_run, VALUES)])
    read = pd.read_csv(io.StringIO(agreement_csv(found)))
    assert read.columns.tolist() == found.columns.tolist()
    assert read["slope_origin"].iloc[0] == found["slope_origin"].iloc[0]
    assert math.isnan(read["slope_origin_cluster_low"].iloc[0])


def test_markdown_has_counts_intervals_and_reasons(make_run):
    values = {"a": (20, 16), "b": (3, 0.5), "c": (0, 2), "d": (0, None)}
    path = made(make_run, values, feature="scar_percent", unit="%")
    text = agreement_markdown(table_of([path], ["scar_percent"], by=["all", "site"]))
    assert "### scar\\_percent (%)\n" in text
    assert "### scar\\_percent (%) by site\n" in text
    assert "scar present: &gt; 1 %" in text
    assert "| one | 4/4 | 0.786 [" not in text  # brackets are escaped: names are a stranger's
    assert "| one | 4/4 | 0.786 \\[" in text
    assert "| one | unknown | 4/4 |" in text
    assert "1/2 |" in text
    assert "- scar\\_percent, one: 1 without a value in some seed; nmae: 2 left out" in text
    assert "ratio" not in text
    assert "an empty or missing answer counts as 0" in text


def test_a_stranger_s_names_cannot_break_the_text(make_run):
    cases = {case: {"site": "<b>|`x`"} for case in VALUES}
    text = agreement_markdown(table_of([made(make_run, VALUES, cases=cases)], by=["site"]))
    assert "<b>" not in text
    lines = [line for line in text.splitlines() if line.startswith("| one")]
    assert [line.replace("\\|", "").count("|") for line in lines] == [13] * len(lines)


def test_the_terminal_shows_the_same_numbers(make_run):
    from rich.console import Console

    found = table_of([made(make_run, VALUES), made(make_run, VALUES, "[red]two")])
    console = Console(width=250, file=io.StringIO(), record=True)
    console.print(agreement_view(found))
    text = console.export_text()
    assert "[red]two" in text
    assert f"{found['ccc'].iloc[0]:.3f}" in text


def test_thirds_of_nine_and_of_ties():
    assert tertiles(range(9)).tolist() == ["lower"] * 3 + ["middle"] * 3 + ["upper"] * 3
    assert tertiles([5, 5, 5, 5]).tolist() == ["lower"] * 4
    assert tertiles([1, 1, 1, 9]).tolist() == ["lower"] * 3 + ["upper"]
    assert tertiles([3, math.nan, 1, 2]).tolist() == ["upper", None, "lower", "middle"]


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [math.nan] * 4])
def test_of_fewer_than_three_there_are_no_thirds(values):
    assert tertiles(values).tolist() == [None] * len(values)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 40).map(lambda i: i / 10), min_size=3, max_size=30))
def test_equal_values_are_never_parted_and_thirds_follow_size(values):
    found = tertiles(values)
    place = {"lower": 0, "middle": 1, "upper": 2}
    ranks = [place[name] for name in found]
    for a, i in zip(values, ranks, strict=True):
        for b, j in zip(values, ranks, strict=True):
            assert not (a < b and i > j)
            assert not (a == b and i != j)
    if len(set(values)) == len(values):
        sizes = [ranks.count(i) for i in range(3)]
        assert max(sizes) - min(sizes) <= 1
