"""What a large leaderboard costs: 10 methods on 1,000 cases, 30 metrics, 2,000 resamples.

    python benchmarks/leaderboard.py
    python benchmarks/leaderboard.py --methods 10 --cases 1000 --seeds 3 --profile

Makes run folders of a synthetic cohort (scores drawn from a fixed stream, a few of them undefined,
no image anywhere) and does what ``bench leaderboard`` does with them: reading, the tidy table,
means with joint bootstrap intervals of every column, ranks under every policy, the panel on the
presence of scar, Markdown and CSV. Each part is timed, CPU (all threads) and wall; peak memory is
that of a fresh process, the import of pandas and of the engine included.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

#: Of the surface metrics, HD95 and ASSD; of the others, these. Three regions make 30 columns.
SURFACE = ("hd95", "assd", "hd", "masd")
OVERLAP = ("dice", "iou", "precision", "recall", "specificity", "absolute_volume_error_ml")
REGIONS = ("scar", "myocardium", "cavity")
FAR_MM = 300.0


def make(folder: Path, methods: int, cases: int, seeds: int) -> list[Path]:
    """Run folders under ``folder``."""
    import pyarrow as pa

    from benchmark.metrics.cards import cards
    from benchmark.parquet import table_writer
    from benchmark.record import RunRecord
    from benchmark.runner import CASES
    from benchmark.scoring import FEATURES, SCORES, arrow_schema

    definitions = cards()
    rng = np.random.default_rng(0)
    ids = np.array([f"c{i:04d}" for i in range(cases)])
    truth = np.where(rng.random(cases) < 0.2, 0.0, rng.gamma(2.0, 8.0, cases))
    hardness = rng.normal(0, 0.1, cases)
    made = []
    for m in range(methods):
        for seed in range(seeds):
            path = folder / "made" / f"method{m:02d}-{seed:04d}"
            found = np.where(rng.random(cases) < 0.05, 0.0, truth * rng.normal(1, 0.2, cases))
            found = np.maximum(found, 0.0)
            with table_writer(path / "cases.parquet", arrow_schema(CASES)) as writer:
                writer.append({"case": c, "patient": f"p{i // 2:04d}", "role": "test",
                               "status": "ok", "seconds": 0.5, "diagonal_mm": FAR_MM}
                              for i, c in enumerate(ids))  # fmt: skip
            with table_writer(path / "scores.parquet", arrow_schema(SCORES)) as writer:
                for region in REGIONS:
                    both = (truth == 0) & (found == 0) & (region == "scar")
                    missed = (truth > 0) & (found == 0) & (region == "scar")
                    status = np.where(both, "both_empty", np.where(missed, "pred_empty", "ok"))
                    for name in (*OVERLAP, *SURFACE):
                        card = definitions[name]
                        far = name in SURFACE
                        value = np.clip(0.7 + m / 100 + hardness + rng.normal(0, 0.05, cases), 0, 1)
                        value = (1 - value) * FAR_MM if far else value
                        null = both | (missed & far)
                        worst = np.where(missed, FAR_MM if far else 0.0, value)
                        columns = {
                            "case": ids, "region": np.full(cases, region),
                            "metric": np.full(cases, name), "level": np.full(cases, "volume"),
                            "dim": pa.array(["3d" if far else None] * cases),
                            "reference": np.full(cases, "reference"),
                            "compared": np.full(cases, "prediction"),
                            "value": pa.array(np.where(missed & ~far, 0.0, value), mask=null),
                            "status": status, "message": np.full(cases, ""),
                            "unit": np.full(cases, card.unit), "worst": pa.array(worst, mask=both),
                            "better": np.full(cases, card.better),
                            "best": np.full(cases, 0.0 if far else 1.0),
                        }  # fmt: skip
                        schema = arrow_schema(SCORES)
                        columns = {
                            field.name: pa.array(columns[field.name], field.type)
                            if field.name in columns
                            and not isinstance(columns[field.name], pa.Array)
                            else columns.get(field.name, pa.nulls(cases)).cast(field.type)
                            for field in schema
                        }
                        writer.append_table(pa.table(columns, schema=schema))
            with table_writer(path / "features.parquet", arrow_schema(FEATURES)) as writer:
                for source, volumes in (("reference", truth), ("prediction", found)):
                    writer.append({"case": c, "source": source, "level": "volume", "value": v,
                                   "feature": "scar_ml", "status": "ok", "unit": "mL"}
                                  for c, v in zip(ids, volumes.tolist(), strict=True))  # fmt: skip
            name = f"method{m:02d}"
            record = RunRecord.model_validate({
                "method": {"name": name, "spec": name, "parameters": {}},
                "dataset": {"name": "made", "spec": "made", "parameters": {}, "synthetic": True,
                            "fingerprint": "f" * 64},
                "group": f"group{m:02d}", "seed": seed, "split": {}, "produces": list(REGIONS),
                "annotates": list(REGIONS), "stages": {},
                "metric_cards": {k: card.hash for k, card in definitions.items()},
            })  # fmt: skip
            record.save(path)
            made.append(path)
    return made


@contextmanager
def part(name: str) -> Iterator[None]:
    """Say what a part took."""
    cpu, wall = time.process_time(), time.perf_counter()
    yield
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{name:<34}{cpu:9.2f}{wall:9.2f}", flush=True)


def work(folder: Path, resamples: int) -> None:
    """What the command does, part by part."""
    print(f"{'seconds':<34}{'CPU':>9}{'wall':>9}")
    with part("whole"):
        with part("imports"):
            from benchmark.leaderboard import leaderboard
            from benchmark.leaderboard_text import csv_text, markdown
            from benchmark.results import find_runs
            from benchmark.table import Quantity, read_runs
        with part("reading"):
            runs = read_runs(find_runs(folder), levels=["volume"])
        columns = [
            Quantity(region, name, "3d" if name in SURFACE else None)
            for region in REGIONS
            for name in (*OVERLAP, *SURFACE)
        ]
        with part(f"board of {len(columns)} columns"):
            board = leaderboard(runs, columns=columns, resamples=resamples)
        with part("text"):
            text = markdown(board) + csv_text(board)
    scores = sum(len(run.scores) for run in runs)
    # Linux counts in KiB, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin"
                                                                 else 1024)  # fmt: skip
    print(f"{len(runs)} runs, {scores:,} values, {resamples} resamples, {len(text):,} characters")
    print(f"peak memory {peak:.0f} MiB")


def main() -> None:
    """Make the runs, then time a process of its own on them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", type=int, default=10)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--profile", action="store_true", help="Say which functions take the time.")
    parser.add_argument("--runs", type=Path, help="Use these run folders; made there if none are.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scarbench-leaderboard-") as temporary:
        folder = options.runs or Path(temporary)
        if not (folder / "made").is_dir():
            make(folder, options.methods, options.cases, options.seeds)
        if options.profile:
            profile = cProfile.Profile()
            profile.runcall(work, folder, options.resamples)
            pstats.Stats(profile).sort_stats("cumulative").print_stats(40)
            return
        call = f"work(Path({str(folder)!r}), {options.resamples})"
        code = f"from pathlib import Path; from leaderboard import work; {call}"
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, check=True)


if __name__ == "__main__":
    main()
