"""Run folders made from rows, for every test of what reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

MISSES = ("pred_empty", "ref_empty", "no_prediction", "error")
#: unit, better, dim, value that the default policy puts in place of a miss
METRICS = {
    "dice": ("", "higher", None, 0.0),
    "hd95": ("mm", "lower", "3d", 300.0),
    "assd": ("mm", "lower", "3d", 300.0),
    "absolute_volume_error_ml": ("mL", "lower", None, None),
    "volume_error_ml": ("mL", "zero", None, None),
}


def score_row(
    case: str,
    value: float | None,
    status: str = "ok",
    *,
    region: str = "scar",
    metric: str = "dice",
    **more: Any,
) -> dict[str, Any]:
    unit, better, dim, worst = METRICS[metric]
    missed = value is None and status in MISSES
    row = {
        "case": case, "region": region, "metric": metric, "level": "volume", "dim": dim,
        "reference": "reference", "compared": "prediction", "value": value, "status": status,
        "message": "", "unit": unit, "better": better, "worst": worst if missed else value,
    }  # fmt: skip
    return {**row, **more}


def scar_rows(case: str, reference: float, prediction: float | None) -> list[dict[str, Any]]:
    """The features of one case: mL of scar on either side; None is no prediction."""
    shared = {"case": case, "level": "volume", "feature": "scar_ml", "unit": "mL", "message": ""}
    answered = "ok" if prediction is not None else "no_prediction"
    return [
        {**shared, "source": "reference", "value": reference, "status": "ok"},
        {**shared, "source": "prediction", "value": prediction, "status": answered},
    ]


class RunMaker:
    """Writes run folders under ``root``."""

    score = staticmethod(score_row)
    scar = staticmethod(scar_rows)

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(
        self,
        method: str = "one",
        scores: Sequence[Mapping[str, Any]] = (),
        *,
        dataset: str = "toy",
        seed: int = 0,
        cases: Mapping[str, Mapping[str, Any]] | None = None,
        features: Sequence[Mapping[str, Any]] = (),
        record: Mapping[str, Any] | None = None,
        method_record: Mapping[str, Any] | None = None,
        dataset_record: Mapping[str, Any] | None = None,
    ) -> Path:
        from benchmark.parquet import write_table
        from benchmark.record import RunRecord
        from benchmark.runner import CASES
        from benchmark.scoring import FEATURES, SCORES, arrow_schema

        given = dict(record or {})
        whole = {
            "method": {"name": method, "spec": method, "parameters": {}, **(method_record or {})},
            "dataset": {
                "name": dataset, "spec": dataset, "parameters": {}, "title": "Toy hearts",
                "licence": "CC0", "fingerprint": "f" * 64, **(dataset_record or {}),
            },
            "group": f"{method}-group", "seed": seed, "split": {}, "produces": ["scar"],
            "annotates": ["scar"], "metric_cards": {name: f"{name}-1" for name in METRICS},
            "stages": {"predict": {"key": "p", "seconds": 2.0}}, **given,
        }  # fmt: skip
        fold = given.get("fold")
        key = f"{seed:04d}{'' if fold is None else fold}{given.get('key', '')}"
        folder = self.root / dataset / f"{method}-{key}"
        known = dict.fromkeys(str(row["case"]) for row in scores)
        rows = [
            {"case": case, "patient": case, "role": "test", "status": "ok", "seconds": 0.5,
             "diagonal_mm": 300.0, **(cases or {}).get(case, {})}
            for case in {**known, **(cases or {})}
        ]  # fmt: skip
        write_table(folder / "cases.parquet", arrow_schema(CASES), rows)
        write_table(folder / "scores.parquet", arrow_schema(SCORES), scores)
        write_table(folder / "features.parquet", arrow_schema(FEATURES), features)
        RunRecord.model_validate(whole).save(folder)
        return folder


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Make a run folder from rows: ``make_run("jdl", [make_run.score("a", 0.8)])``."""
    return RunMaker(tmp_path / "runs")
