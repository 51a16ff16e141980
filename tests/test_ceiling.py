"""The human ceiling: readers against each other, averaged as a method's seeds are."""

import csv
import io

import pytest

from benchmark.board_rows import track
from benchmark.ceiling import LABEL, ceiling, has_readers, reader_rows
from benchmark.columns import CONTOURS, WITHOUT_SCAR, default_columns
from benchmark.leaderboard import leaderboard
from benchmark.leaderboard_text import csv_text, markdown, rich_view
from benchmark.policies import Policy
from benchmark.table import Quantity, read_runs, tidy

ENDO = Quantity("endo", "dice", "contour")
MYOCARDIUM = Quantity("myocardium", "dice")


def read(make_run, case, a, b, value, status="ok", **more):
    """The Dice of two readers' endocardial contours."""
    return make_run.score(case, value, status, region="endo", dim="contour", reference=a,
                          compared=b, **more)  # fmt: skip


def rows(make_run):
    """Two cases, three readers: pairs of 0.9, 0.8, 0.7 and of 0.5, 0.6, and one undrawn."""
    return [
        read(make_run, "a", "r1", "r2", 0.9),
        read(make_run, "a", "r1", "r3", 0.8),
        read(make_run, "a", "r2", "r3", 0.7),
        read(make_run, "b", "r1", "r2", 0.5),
        read(make_run, "b", "r1", "r3", 0.6),
        read(make_run, "b", "r2", "r3", None, "both_empty"),
    ]


def runs_of(make_run, names=("one", "two"), record=None):
    """Every run holds the same readers, and what its method has against reference and readers."""
    method = [
        *(make_run.score(c, 0.4, region="myocardium") for c in "ab"),
        *(make_run.score(c, 0.3, region="endo", dim="contour") for c in "ab"),
        *(read(make_run, c, "r1", "prediction", 0.2) for c in "ab"),
        *(read(make_run, c, "reference", "perfect_mask", 0.99) for c in "ab"),
    ]
    annotates = {"annotates": ["cavity", "lv", "myocardium"], **(record or {})}
    return read_runs(make_run(n, [*method, *rows(make_run)], record=annotates) for n in names)


def test_pairs_are_averaged_within_a_case_then_cases_by_hand(make_run):
    row = ceiling(tidy(runs_of(make_run)), [ENDO, MYOCARDIUM], Policy.WORST_CASE, resamples=50)
    assert row.label == LABEL
    assert (row.rank, row.seeds, row.track, row.parameters) == (None, (), "readers", None)
    # 0.8 of three pairs, and 0.55 of two, which weighs two thirds
    assert row.cells[0].mean == pytest.approx((0.8 + 0.55 * 2 / 3) / (1 + 2 / 3))
    assert (row.cells[0].n_defined, row.cells[0].n_total) == (2, 2)
    assert (row.cells[1].mean, row.cells[1].n_total) == (None, 0)
    assert row.note == (
        "3 readers (r1, r2, r3), 3 pairs, each against each other; the pairs were not scored by "
        "myocardium dice"
    )


def test_runs_that_repeat_the_readers_count_them_once(make_run):
    table = tidy(runs_of(make_run))
    assert len(reader_rows(table)) == 6
    assert set(reader_rows(table)["run"]) == {"r1 | r2", "r1 | r3", "r2 | r3"}
    assert reader_rows(table, roles=["external"]).empty


def test_excluded_cases_do_not_count(make_run):
    path = make_run("x", rows(make_run), cases={"b": {"excluded": "wrong heart"}})
    row = ceiling(tidy(read_runs([path])), [ENDO], Policy.WORST_CASE, resamples=20)
    assert row.cells[0].mean == pytest.approx(0.8)
    assert (row.cells[0].low, row.cells[0].high) == (None, None)  # one patient


def test_one_reader_is_no_ceiling(make_run):
    scores = [make_run.score("a", 0.5), read(make_run, "a", "r1", "prediction", 0.2)]
    runs = read_runs([make_run("x", scores)])
    assert ceiling(tidy(runs), [ENDO], Policy.WORST_CASE) is None
    assert not has_readers(runs[0].scores)
    assert not has_readers(runs[0].scores.drop(columns="compared"))
    board = leaderboard(runs, resamples=20)
    assert board.ceiling is None
    assert "Human ceiling: none, these runs hold one reader" in markdown(board)


def test_contours_are_columns_where_readers_were_compared(make_run):
    runs = runs_of(make_run)
    assert has_readers(runs[0].scores)
    assert default_columns(runs) == WITHOUT_SCAR + CONTOURS
    assert default_columns(runs)[0] == WITHOUT_SCAR[0]  # the rank hangs on no contour


def test_the_ceiling_stands_above_the_methods_unranked(make_run):
    board = leaderboard(runs_of(make_run), columns=[MYOCARDIUM, ENDO], resamples=50)
    text = markdown(board)
    table = [line for line in text.splitlines() if line.startswith("|")][2:5]
    assert [line.split(" | ")[1] for line in table] == ["human ceiling", "one", "two"]
    assert table[0].startswith("| – | human ceiling | – | n/a | 0.700 [")  # noqa: RUF001
    assert table[0].endswith(" | readers |")
    assert {row.label for row in board.rows} == {"one", "two"}
    assert LABEL not in board.standings[Policy.WORST_CASE]
    lines = list(csv.DictReader(io.StringIO(csv_text(board))))
    assert [(line["method"], line["rank"], line["track"]) for line in lines[:2]] == [
        (LABEL, "", "readers"),
        (LABEL, "", "readers"),
    ]
    assert float(lines[1]["mean"]) == board.ceiling.cells[1].mean
    from rich.console import Console

    console = Console(width=200, record=True, file=io.StringIO())
    console.print(rich_view(board))
    assert "human ceiling" in console.export_text()


@pytest.mark.parametrize(
    ("needs", "name"),
    [
        (["lge"], "LGE"),
        (["cine", "lge"], "LGE + cine"),
        (["t1", "t2"], "mapping"),
        (["t1"], "mapping"),
        (["lge", "t1"], "LGE + t1"),
        ([], "not recorded"),
        (["perfusion"], "perfusion"),
    ],
)
def test_a_track_is_named_by_the_inputs(needs, name):
    assert track(needs) == name


def test_rows_tell_the_track(make_run):
    path = make_run("x", [make_run.score("a", 0.5)], method_record={"needs": ["cine", "lge"]})
    board = leaderboard(read_runs([path]), resamples=20)
    assert board.rows[0].track == "LGE + cine"
    assert "| inputs |" in markdown(board)
