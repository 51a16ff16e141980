"""Several quantities tested in one table, and McNemar's test of slices."""

import numpy as np
import pandas as pd
import pytest

from benchmark.compare import comparison_markdown
from benchmark.significance import holm
from benchmark.success import METRIC, with_mcnemar
from benchmark.table import Quantity, load_runs
from benchmark.tested import compared_together

DICE, ASSD = Quantity("scar", "dice"), Quantity("scar", "assd", "3d")


def slices(make_run, case, outcomes):
    """One row per slice: 1, 0, None where the method missed, "alarm" where there is no scar."""
    for z, outcome in enumerate(outcomes):
        status = {None: "pred_empty", "alarm": "ref_empty"}.get(outcome, "ok")
        value = float(outcome) if status == "ok" else None
        yield make_run.score(case, value, status, metric="dice", level="slice", slice=z) | {
            "metric": METRIC,
            "worst": 0.0 if value is None else value,
        }


def table_of(make_run, **methods):
    paths = []
    for name, seeds in methods.items():
        for seed, cases in enumerate(seeds):
            scores = [row for case, o in cases.items() for row in slices(make_run, case, o)]
            scores += [make_run.score(case, 0.5) | {"metric": METRIC} for case in cases]
            paths.append(make_run(name, scores, seed=seed))
    return load_runs(paths)


def compared(table):
    found = compared_together(table, [Quantity("scar", METRIC)])
    return with_mcnemar(found, table).to_dict("records")[0]


def test_mcnemar_counts_the_slices_that_one_alone_segments_well(make_run):
    table = table_of(
        make_run,
        x=[{"a": [1, 1, 1, 1, 1], "b": [1, 0, "alarm"]}],
        y=[{"a": [0, 0, 0, None, 1], "b": [0, 1, 0]}],
    )
    row = compared(table)
    assert (row["both"], row["only_a"], row["only_b"], row["neither"]) == (1, 5, 1, 0)
    assert row["mcnemar_p"] == pytest.approx(2 * (1 + 6) / 2**6)  # binomial, 1 of 6, both sides
    assert "of 7 slices 5 well by x alone, 1 by y alone" in row["note"]


def test_of_several_seeds_the_majority_decides(make_run):
    table = table_of(
        make_run,
        x=[{"a": [1, 1]}, {"a": [1, 0]}, {"a": [0, 0]}],
        y=[{"a": [0, 0]}],
    )
    row = compared(table)
    assert (row["only_a"], row["neither"]) == (1, 1)


def test_without_slices_there_is_no_test_and_the_note_says_so(make_run):
    table = load_runs(
        make_run(name, [make_run.score(c, v) | {"metric": METRIC} for c in "ab"])
        for name, v in (("x", 0.5), ("y", 0.6))
    )
    row = compared(table)
    assert pd.isna(row["mcnemar_p"])
    assert "no McNemar test: no scores of slices" in row["note"]


def test_other_quantities_are_left_as_they_are(make_run):
    table = load_runs(make_run(n, [make_run.score("a", 0.5)]) for n in "xy")
    found = compared_together(table, [DICE])
    pd.testing.assert_frame_equal(with_mcnemar(found, table), found)


def test_holm_is_over_the_whole_table(make_run):
    rng = np.random.default_rng(0)
    table = load_runs(
        make_run(
            name,
            [
                row
                for case in "abcdefgh"
                for row in (
                    make_run.score(case, shift + rng.uniform(0, 0.2)),
                    make_run.score(case, 9 - shift + rng.uniform(0, 2), metric="assd"),
                )
            ],
        )
        for name, shift in (("x", 0.2), ("y", 0.5), ("z", 0.25))
    )
    found = compared_together(table, [DICE, ASSD])
    assert list(found["metric"]) == ["dice"] * 3 + ["assd"] * 3
    assert list(found["p_holm"]) == holm(list(found["p"]))
    alone = compared_together(table, [DICE])
    assert (found["p_holm"][:3] >= alone["p_holm"]).all()
    assert (found["p_holm"][:3] > alone["p_holm"]).any()
    text = comparison_markdown(found)
    header = text.splitlines()[0]
    assert header.startswith("| a | b | quantity | mean a | mean b | a - b | 95 % interval |")
    assert header.endswith("| note | exchange p | Holm p | could have shown |")
    assert "corrected for the 6 tests of this table" in text
