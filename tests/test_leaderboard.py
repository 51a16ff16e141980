"""Ranking, and what must stand beside a rank."""

import csv
import io
from typing import get_args

import pytest

from benchmark.columns import COLUMNS, WITHOUT_SCAR
from benchmark.errors import DataError, UsageError
from benchmark.leaderboard import leaderboard
from benchmark.leaderboard_text import csv_text, head_lines, markdown, rich_view
from benchmark.metrics.definition import Status
from benchmark.panel import wilson
from benchmark.policies import Policy
from benchmark.table import Quantity, read_runs

DICE = Quantity("scar", "dice")
HD95 = Quantity("scar", "hd95", "3d")


def board_of(paths, **options):
    return leaderboard(read_runs(paths), **{"columns": [DICE], "resamples": 200, **options})


def dice(make_run, values):
    return [make_run.score(case, value) for case, value in zip("abcdefgh", values, strict=False)]


def test_means_counts_seeds_and_costs_by_hand(make_run):
    paths = [
        make_run(
            "jdl",
            [make_run.score("a", 0.2 + seed / 10), make_run.score("b", None, "both_empty")],
            seed=seed,
            record={
                "stages": {
                    "train": {"seconds": 10.0 + seed, "peak_memory_mb": 700.0 - seed},
                    "predict": {"peak_memory_mb": 500.0 + 101 * seed, "device_memory_mb": None},
                },
                "totals": {
                    "train_seconds_per_epoch": 1.0 + seed,
                    "predict_seconds_per_slice": 0.01 + seed / 100,
                },
                "parameter_count": 1234,
            },
            cases={"a": {"seconds": 1.0}, "b": {"seconds": 2.0}},
        )
        for seed in (0, 2)
    ]
    (row,) = board_of(paths).rows
    assert row.rank == 1
    assert row.seeds == (0, 2)
    assert row.cells[0].mean == pytest.approx(0.3)
    assert (row.cells[0].n_defined, row.cells[0].n_total) == (1, 2)
    assert (row.cells[0].low, row.cells[0].high) == (None, None)  # one patient has a value
    assert (row.train_seconds, row.seconds_per_case, row.parameters) == (11.0, 1.5, 1234)
    assert (row.seconds_per_epoch, row.seconds_per_slice) == (2.0, 0.02)
    assert (row.memory_mb, row.device_memory_mb) == (702.0, None)
    assert "| 11.0 | 2.00 | 20.0 | 702 | 1,234 |" in markdown(board_of(paths))
    (line,) = csv.DictReader(io.StringIO(csv_text(board_of(paths))))
    assert (line["seconds_per_slice"], line["memory_mb"], line["device_memory_mb"]) == (
        "0.02", "702.0", "",
    )  # fmt: skip


def test_memory_of_a_gpu_stands_beside_that_of_the_process(make_run):
    stages = {"train": {"peak_memory_mb": 900.0, "device_memory_mb": 1500.4}}
    text = markdown(board_of([make_run("x", dice(make_run, [0.5]), record={"stages": stages})]))
    assert "| – | – | – | 900 + 1500 GPU | – |" in text  # noqa: RUF001


def test_a_cost_that_is_no_number_was_not_recorded(make_run):
    stages = {"train": {"seconds": "x"}, "predict": {"peak_memory_mb": "big"}}
    totals = {"predict_seconds_per_slice": "x", "train_seconds_per_epoch": None}
    record = {"totals": totals, "stages": stages}
    (row,) = leaderboard(read_runs([make_run("a", [make_run.score("c", 0.5)], record=record)])).rows
    assert (row.train_seconds, row.seconds_per_epoch) == (None, None)
    assert (row.seconds_per_slice, row.memory_mb) == (None, None)


@pytest.mark.parametrize(
    ("annotates", "columns"),
    [
        (["cavity", "lv", "myocardium", "scar"], COLUMNS),
        (["scar"], COLUMNS),
        (["cavity", "lv", "myocardium"], WITHOUT_SCAR),
        (["myocardium"], WITHOUT_SCAR[:3]),
        (["lv"], COLUMNS),
    ],
)
def test_where_scar_is_not_annotated_the_myocardium_ranks(make_run, annotates, columns):
    """The worse on scar, which a forged table has, is the better on what is annotated."""
    paths = [
        make_run(
            name,
            [make_run.score("a", value), make_run.score("a", 1 - value, region="myocardium")],
            record={"annotates": annotates},
        )
        for name, value in (("good", 0.1), ("poor", 0.9))
    ]
    board = leaderboard(read_runs(paths), resamples=50)
    assert (board.columns, board.rank_by) == (columns, columns[0])
    first = "poor" if columns is COLUMNS else "good"
    assert [row.label for row in board.rows if row.rank == 1] == [first]
    assert f"Ranked by {columns[0]}." in markdown(board)


def test_a_record_without_the_costs_shows_dashes(make_run):
    (row,) = board_of([make_run("x", dice(make_run, [0.5]))]).rows
    assert (row.seconds_per_epoch, row.seconds_per_slice, row.memory_mb) == (None, None, None)


def test_the_mean_is_over_cases_and_the_interval_over_patients(make_run):
    """Three cases of one patient at 0, one of another at 1: resamples give 0, 1/4 or 1."""
    cases = {c: {"patient": "p"} for c in "abc"} | {"d": {"patient": "q"}}
    path = make_run("x", dice(make_run, [0, 0, 0, 1]), cases=cases)
    (row,) = board_of([path]).rows
    assert row.cells[0].mean == 0.25
    assert (row.cells[0].low, row.cells[0].high) == (0.0, 1.0)


def test_higher_dice_and_lower_distance_win_and_equals_share_a_rank(make_run):
    paths = []
    for name, d, h in (("x", 0.5, 3.0), ("y", 0.7, 9.0), ("z", 0.5, 1.0)):
        rows = [make_run.score("a", d), make_run.score("a", h, metric="hd95")]
        paths.append(make_run(name, rows))
    by_dice = board_of(paths, columns=[DICE, HD95])
    assert [(r.rank, r.label) for r in by_dice.rows] == [(1, "y"), (2, "x"), (2, "z")]
    by_distance = board_of(paths, columns=[DICE, HD95], rank_by=HD95)
    assert [(r.rank, r.label) for r in by_distance.rows] == [(1, "z"), (2, "x"), (3, "y")]


def test_a_signed_error_ranks_by_its_distance_from_zero(make_run):
    bias = Quantity("scar", "volume_error_ml")
    paths = [
        make_run(name, [make_run.score("a", value, metric="volume_error_ml")])
        for name, value in (("far", -4.0), ("near", 1.0))
    ]
    assert [r.label for r in board_of(paths, columns=[bias]).rows] == ["near", "far"]


def test_an_undefined_mean_is_null_and_ranks_last(make_run):
    rows = [make_run.score("a", None, "pred_empty", metric="hd95")]
    paths = [
        make_run("missed", rows),
        make_run("poor", [make_run.score("a", 99.0, metric="hd95")]),
    ]
    board = board_of(paths, columns=[HD95], policy=Policy.EXCLUDE)
    assert [(r.rank, r.label, r.cells[0].mean) for r in board.rows] == [
        (1, "poor", 99.0),
        (2, "missed", None),
    ]
    assert "–" in markdown(board)  # noqa: RUF001


def test_a_method_that_does_not_give_the_region_is_listed_without_a_rank(make_run):
    why = "the method does not produce scar"
    paths = [
        make_run("ring", [make_run.score(c, None, "not_applicable", message=why) for c in "ab"]),
        make_run("good", dice(make_run, [0.5, 0.6])),
    ]
    board = board_of(paths)
    assert [(r.rank, r.label) for r in board.rows] == [(1, "good"), (None, "ring")]
    assert board.rows[1].note == f"2 cases not applicable: {why}"
    assert f"ring: not ranked, 2 cases not applicable: {why}" in markdown(board)
    assert "| n/a |" in markdown(board)


def test_cases_that_a_method_skips_are_counted_beside_its_name(make_run):
    skipped = {"status": "not_applicable", "excluded": "needs cine", "seconds": None}
    rows = [make_run.score("b", None, "not_applicable", message="needs cine")]
    paths = [
        make_run("cine", [make_run.score("a", 0.5), *rows], cases={"b": skipped}),
        make_run("lge", dice(make_run, [0.4, 0.4])),
    ]
    board = board_of(paths)
    assert board.n_excluded == 0
    assert board.rows[0].label == "cine"
    assert (board.rows[0].cells[0].n_defined, board.rows[0].cells[0].n_total) == (1, 1)
    assert "cine: 1 case not applicable: needs cine" in markdown(board)


def test_folds_are_concatenated(make_run):
    """Each fold is tested on other data, and that is no reason for caution."""
    paths = [
        make_run("x", [make_run.score(case, value)], record={"fold": fold, "folds": 2},
                 dataset_record={"fingerprint": case * 20})
        for fold, (case, value) in enumerate([("a", 0.2), ("b", 0.6)])
    ]  # fmt: skip
    (row,) = board_of(paths).rows
    assert "CAUTION" not in markdown(board_of(paths))
    assert row.cells[0].mean == pytest.approx(0.4)
    assert (row.cells[0].n_defined, row.folds) == (2, 2)


def test_other_roles_and_excluded_cases_do_not_count(make_run):
    cases = {"b": {"role": "external"}, "c": {"excluded": "wrong heart"}}
    path = make_run("x", dice(make_run, [0.1, 0.5, 0.9]), cases=cases)
    test = board_of([path])
    assert test.rows[0].cells[0].mean == pytest.approx(0.1)
    assert test.n_excluded == 1
    both = board_of([path], roles=["test", "external"])
    assert both.rows[0].cells[0].mean == pytest.approx(0.3)
    assert "role test + external, 1 excluded" in " ".join(head_lines(both))
    with pytest.raises(DataError, match="role validation"):
        board_of([path], roles=["validation"])


def test_the_head_says_what_must_be_said(make_run):
    record = {"synthetic": True, "title": "Computed hearts", "citation": "Doe 2024"}
    board = board_of([make_run("x", dice(make_run, [0.5, 0.6]), dataset_record=record)])
    text = markdown(board)
    for words in ("Computed hearts (toy), SYNTHETIC", "Licence of the data: CC0", "Doe 2024",
                  "2 cases of 2 patients", "policy worst\\_case", "Ranked by scar dice",
                  "200 joint resamples", "dice `dice-1`", "Data fingerprint: `ffff"):  # fmt: skip
        assert words in text
    assert "SYNTHETIC" not in markdown(board_of([make_run("y", dice(make_run, [0.5]))]))


def test_different_data_are_cautioned_against(make_run):
    paths = [
        make_run(name, dice(make_run, [0.5]), dataset_record={"fingerprint": name * 20})
        for name in ("x", "y")
    ]
    assert "CAUTION: the methods saw different versions" in markdown(board_of(paths))


def test_markdown_has_the_mean_the_interval_and_the_counts(make_run):
    path = make_run("x", dice(make_run, [0.25, 0.75]))
    line = "| 1 | x | 1 | 0.500 [0.250, 0.750] 2/2 | – | – | – | – | – |"  # noqa: RUF001
    assert line in markdown(board_of([path]))


def test_csv_has_every_number_in_full(make_run):
    path = make_run("x", dice(make_run, [0.1, 0.2, 0.4]))
    (line,) = csv.DictReader(io.StringIO(csv_text(board_of([path]))))
    assert float(line["mean"]) == pytest.approx(0.7 / 3, abs=1e-16)
    assert (line["rank"], line["method"], line["n_defined"], line["dim"]) == ("1", "x", "3", "")
    assert line["metric_card"] == "dice-1"


def test_the_same_runs_give_the_same_bytes_in_any_order(make_run):
    paths = [make_run(n, dice(make_run, [0.1, 0.7, 0.3]), seed=s) for n in "xyz" for s in (0, 1)]
    one, two = board_of(paths), board_of(paths[::-1])
    assert markdown(one) == markdown(two)
    assert csv_text(one) == csv_text(two)


def test_names_cannot_break_the_table(make_run):
    asked = {"asked": {"a": "|<b>`x`"}}
    text = markdown(board_of([make_run("x", dice(make_run, [0.5]), method_record=asked)]))
    assert "x\\[a=\\|&lt;b&gt;\\`x\\`\\]" in text


def test_the_terminal_shows_the_same_numbers(make_run):
    from rich.console import Console

    path = make_run("x", dice(make_run, [0.25, 0.75]), features=make_run.scar("a", 1.0, 2.0))
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(rich_view(board_of([path])))
    text = console.export_text()
    assert "0.500" in text
    assert "[0.250, 0.750]" in text
    assert "1.000 [0.207, 1.000]" in text  # sensitivity 1 of 1


def test_several_data_sets_need_a_name(make_run):
    paths = [
        make_run("x", dice(make_run, [0.5])),
        make_run("x", dice(make_run, [0.9]), dataset="other"),
    ]
    with pytest.raises(UsageError, match="of other, toy"):
        board_of(paths)
    assert board_of(paths, dataset="other").rows[0].cells[0].mean == 0.9
    with pytest.raises(DataError, match="No run of nothing"):
        board_of(paths, dataset="nothing")


def test_ranking_by_what_is_no_column_is_refused(make_run):
    with pytest.raises(UsageError, match="it is no column"):
        board_of([make_run("x", dice(make_run, [0.5]))], rank_by=HD95)


def test_what_describes_the_cases_may_be_shown_and_ranks_nobody(make_run):
    lesions = Quantity("scar", "lesions_reference")
    paths = [
        make_run(name, [make_run.score("a", value), count(make_run, 3.0)])
        for name, value in (("x", 0.5), ("y", 0.7))
    ]
    board = board_of(paths, columns=[DICE, lesions])
    assert [(r.label, r.cells[1].mean) for r in board.rows] == [("y", 3.0), ("x", 3.0)]
    with pytest.raises(UsageError, match=r"Cannot rank by .*lesions_reference.*describes"):
        board_of(paths, columns=[DICE, lesions], rank_by=lesions)


def count(make_run, value):
    return make_run.score("a", value) | {
        "metric": "lesions_reference",
        "better": "none",
        "worst": None,
    }


def test_a_column_nobody_scored_is_not_applicable(make_run):
    board = board_of([make_run("x", dice(make_run, [0.5]))], columns=[DICE, HD95])
    assert board.rows[0].cells[1].n_total == 0
    assert board.rows[0].cells[1].mean is None


def flipping(make_run):
    """Forty hearts with scar and ten without: who wins is a matter of the policy."""
    bold = [make_run.score(f"s{i}", 0.8) for i in range(40)]
    bold += [make_run.score(f"f{i}", 0.0, "ref_empty") for i in range(10)]
    careful = [make_run.score(f"s{i}", 0.62) for i in range(39)]
    careful.append(make_run.score("s39", None, "no_prediction"))
    careful += [make_run.score(f"f{i}", None, "both_empty") for i in range(10)]
    return board_of([make_run("bold", bold), make_run("careful", careful)])


def test_the_order_under_every_policy_by_hand(make_run):
    standings = flipping(make_run).standings
    means = {p: {n: (s.rank, s.mean) for n, s in held.items()} for p, held in standings.items()}
    assert means == {
        Policy.EXCLUDE: {"bold": (1, pytest.approx(0.64)), "careful": (2, pytest.approx(0.62))},
        Policy.WORST_CASE: {
            "bold": (1, pytest.approx(0.64)),
            "careful": (2, pytest.approx(39 * 0.62 / 40)),
        },
        Policy.BOTH_EMPTY_IS_PERFECT: {
            "bold": (2, pytest.approx(0.64)),
            "careful": (1, pytest.approx((39 * 0.62 + 10) / 50)),
        },
    }


def test_the_ledger_counts_every_value(make_run):
    board = flipping(make_run)
    counted = {n: {s: k for s, k in held.items() if k} for n, held in board.ledger.items()}
    assert counted == {
        "bold": {"ok": 40, "ref_empty": 10},
        "careful": {"ok": 39, "no_prediction": 1, "both_empty": 10},
    }
    assert set(board.ledger["bold"]) == {*get_args(Status)}


def test_the_page_says_whether_the_order_depends_on_the_policy(make_run):
    text = markdown(flipping(make_run))
    assert "the order is NOT the same." in text
    assert "| careful | 39 | 10 | 0 | 0 | 1 | 0 | 0 | 2 (0.620) | 2 (0.605) | 1 (0.684) |" in text
    alone = markdown(board_of([make_run("x", dice(make_run, [0.5]), seed=7)]))
    assert "the order is the same." in alone


def test_who_is_not_ranked_stands_nowhere_and_is_counted(make_run):
    skipped = [make_run.score("a", None, "not_applicable")]
    board = board_of([make_run("x", skipped), make_run("y", dice(make_run, [0.5]))])
    assert all(list(held) == ["y"] for held in board.standings.values())
    assert board.ledger["x"]["not_applicable"] == 1
    assert "| x | 0 | 0 | 0 | 0 | 0 | 1 | 0 | n/a | n/a | n/a |" in markdown(board)


def test_the_scar_free_panel_by_hand(make_run):
    """Scar in a, b, c: found, missed, not predicted; none in d, e: clean, 4 mL invented."""
    volumes = {"a": (5.0, 3.0), "b": (5.0, 0.0), "c": (5.0, None), "d": (0.0, 0.0), "e": (0.0, 4.0)}
    features = [row for case, pair in volumes.items() for row in make_run.scar(case, *pair)]
    path = make_run("x", dice(make_run, [0.5] * 5), features=features)
    (row,) = board_of([path]).panel
    assert (row.sensitivity.value, row.sensitivity.n) == (pytest.approx(1 / 3), 3)
    assert (row.specificity.value, row.specificity.n) == (0.5, 2)
    assert (row.false_ml, row.low, row.high) == (2.0, 0.0, 4.0)
    assert row.n_missing == 1


def test_the_panel_averages_seeds_within_the_case(make_run):
    paths = [
        make_run("x", dice(make_run, [0.5]), seed=s, features=make_run.scar("a", 0.0, ml))
        for s, ml in enumerate([0.0, 3.0, 0.0])
    ]
    (row,) = board_of(paths).panel
    assert row.specificity.value == pytest.approx(2 / 3)
    assert row.false_ml == 1.0
    assert (row.low, row.sensitivity.value) == (None, None)


def test_a_missing_prediction_in_a_scar_free_heart_is_wrong_and_has_no_volume(make_run):
    path = make_run("x", dice(make_run, [0.5]), features=make_run.scar("a", 0.0, None))
    (row,) = board_of([path]).panel
    assert row.specificity.value == 0.0
    assert row.false_ml is None


def test_wilson_by_its_published_example():
    """Newcombe 1998, Table I: 81/263 gives .2553 to .3662, 0/20 gives 0 to .1611."""
    got = wilson(81, 263)
    assert (round(got.low, 4), round(got.high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 20).low == 0.0
    assert round(wilson(0, 20).high, 4) == 0.1611
    assert wilson(0, 0).value is None


def test_wilson_of_none_and_of_all_ends_exactly_there():
    # Rounding would leave a lower end of 2.8e-17 of 10 and an upper one of 1 - 1e-16 of 13.
    assert {wilson(0, n).low for n in range(1, 300)} == {0.0}
    assert {wilson(n, n).high for n in range(1, 300)} == {1.0}
