"""The means that ``bench score`` prints: a row group at a time gives what all rows would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark.overview import Line, overview
from benchmark.parquet import ROW_GROUP, write_table
from benchmark.policies import Policy, resolve
from benchmark.scoring import SCORES, arrow_schema


def row(case: int, metric: str, value: float | None, **other: Any) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(SCORES)
    named = {
        "case": f"c{case}",
        "region": "scar",
        "metric": metric,
        "level": "volume",
        "value": value,
    }
    rest = {"status": "ok", "unit": "", "better": "higher", "worst": value, "best": 1.0}
    return empty | named | rest | other


def test_a_mean_and_its_counts_by_hand(tmp_path: Path) -> None:
    rows = [
        row(0, "dice", 0.5),
        row(1, "dice", None, status="pred_empty", worst=0.0),
        row(2, "dice", None, status="both_empty", worst=None),
        row(3, "dice", None, status="error", worst=None),
        row(4, "dice", None, status="not_applicable", worst=None),
        row(0, "dice", 0.1, level="slice", slice=0),
        row(0, "iou", 0.1),
        row(0, "hd95", 3.0, dim="3d", unit="mm", best=0.0),
        row(0, "hd95", 9.0, dim="slice", unit="mm", best=0.0),
    ]
    write_table(tmp_path / "s.parquet", arrow_schema(SCORES), rows)
    dice, hd95 = overview(tmp_path / "s.parquet")
    assert dice == Line("scar", "dice", "", 0.25, 2, 1, 4)
    assert hd95 == Line("scar", "hd95 (3d)", "mm", 3.0, 1, 1, 1)
    assert overview(tmp_path / "s.parquet", Policy.EXCLUDE)[0].mean == 0.5
    assert overview(tmp_path / "s.parquet", Policy.BOTH_EMPTY_IS_PERFECT)[0].mean == 0.5


def test_a_quantity_that_never_has_a_value_has_no_mean(tmp_path: Path) -> None:
    rows = [row(0, "dice", None, status="both_empty")]
    write_table(tmp_path / "s.parquet", arrow_schema(SCORES), rows)
    assert overview(tmp_path / "s.parquet") == [Line("scar", "dice", "", None, 0, 0, 1)]
    write_table(tmp_path / "s.parquet", arrow_schema(SCORES), [])
    assert overview(tmp_path / "s.parquet") == []


def test_metrics_of_contours_that_were_asked_for_have_lines(tmp_path: Path) -> None:
    contour = {"region": "epi", "dim": "contour", "unit": "mm", "better": "lower", "best": 0.0}
    rows = [
        row(0, "hd", 9.0, dim="3d", unit="mm", best=0.0),
        row(0, "hd", 2.0, **contour),
        row(0, "hd_points", 3.0, **contour),
    ]
    write_table(tmp_path / "s.parquet", arrow_schema(SCORES), rows)

    def lines(*metrics: str) -> list[tuple[str, str, float | None]]:
        found = overview(tmp_path / "s.parquet", metrics=metrics)
        return [(one.region, one.metric, one.mean) for one in found]

    masks, points = ("scar", "hd (3d)", 9.0), ("epi", "hd_points (contour)", 3.0)
    contours = ("epi", "hd (contour)", 2.0)
    assert lines("hd") == lines("hd", "hd@contour") == [masks, contours]
    assert lines("hd@contour") == [contours]
    assert lines("hd_points") == lines("hd_points@contour") == [points]


@pytest.mark.parametrize("policy", list(Policy))
def test_several_row_groups_are_as_one_table(tmp_path: Path, policy: Policy) -> None:
    rows = []
    for case in range(ROW_GROUP // 2 + 99):
        missed = case % 7 == 0
        for metric in ("dice", "absolute_volume_error_ml"):
            value = None if missed else 1 / (case + 3)
            status = "pred_empty" if missed else "ok"
            rows.append(row(case, metric, value, status=status, worst=0.0 if missed else value))
    path = tmp_path / "s.parquet"
    write_table(path, arrow_schema(SCORES), rows)
    whole = resolve(pd.read_parquet(path), policy)
    found = overview(path, policy)
    assert [line.metric for line in found] == ["dice", "absolute_volume_error_ml"]
    for line in found:
        part = whole[whole["metric"] == line.metric]
        assert line.mean == pytest.approx(part["value"].mean(), rel=1e-12)
        assert line.n_defined == part["value"].notna().sum()
        assert (line.n_measured, line.n_total) == ((part["status"] == "ok").sum(), len(part))
