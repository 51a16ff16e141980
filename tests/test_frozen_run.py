"""A run folder as version 1 of the format left it: every later version must read it.

Never make it anew: a change that this test does not survive is a change that loses people's runs.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from benchmark.nifti import read_labels
from benchmark.record import FORMAT, RunRecord
from benchmark.results import find_runs, load_run
from benchmark.runner import CASES
from benchmark.scoring import COUNTS, FEATURES, SCORES, arrow_schema
from benchmark.table import read_runs, tidy

FROZEN = Path(__file__).parent / "data" / "frozen_run_v1"


def test_it_stays_small() -> None:
    assert sum(p.stat().st_size for p in FROZEN.rglob("*") if p.is_file()) < 60_000


def test_the_record_is_read_with_its_values() -> None:
    record = RunRecord.load(FROZEN)
    assert record.format == 1 <= FORMAT
    assert (record.method.name, record.method.spec, record.seed) == ("learner", "learner.py", 3)
    assert (record.method.asked, record.method.trains) == ({"threshold": 450.0}, True)
    assert (record.dataset.title, record.dataset.synthetic) == ("toy rings", True)
    assert record.split["external"] == ["x"]
    assert (record.parameter_count, record.group) == (1, "117989ccf1d3")
    assert record.stages["score"]["cases"] == 2
    assert record.metric_cards["dice"] == "c91f8e75301e"
    assert record.provenance["versions"]["scarbench"] == "0.1.0"


@pytest.mark.parametrize(
    ("name", "columns"),
    [("cases", CASES), ("scores", SCORES), ("counts", COUNTS), ("features", FEATURES)],
)
def test_columns_were_only_ever_added_at_the_end(name: str, columns: dict[str, str]) -> None:
    old, now = pq.read_schema(FROZEN / f"{name}.parquet"), arrow_schema(columns)
    assert now.names[: len(old.names)] == old.names
    assert [now.field(n).type for n in old.names] == [old.field(n).type for n in old.names]


def test_the_run_is_read_into_the_tidy_table() -> None:
    run = load_run(FROZEN)
    assert (run.method, run.label) == ("learner", "learner[threshold=450.0]")
    assert run.cases.status.tolist() == ["ok", "not_applicable"]
    assert run.cases.excluded.tolist()[1] == "another site"
    table = tidy(read_runs([FROZEN]))
    chosen = table[(table.region == "scar") & (table.metric == "dice") & (table.level == "volume")]
    values = {row.case: (row.status, row.value) for row in chosen.itertuples()}
    assert values["a"] == ("ok", 1.0)
    assert values["x"][0] == "not_applicable"
    assert pd.isna(values["x"][1])


def test_the_run_is_found_where_runs_are_kept(tmp_path: Path) -> None:
    kept = tmp_path / "toy" / "learner-380924f2c1dd"
    shutil.copytree(FROZEN, kept)
    assert find_runs(tmp_path) == [kept]


def test_the_prediction_is_read() -> None:
    read = read_labels(FROZEN / "predictions" / "a.nii.gz")
    assert read.labels.shape == (3, 20, 18)
    assert int((read.labels == 3).sum()) == int(
        pd.read_parquet(FROZEN / "counts.parquet").query("compared_label == 3").voxels.sum()
    )
