"""Scores of accepted entries and run folders as arrays: what the drift benchmarks calculate with.

A series is one quantity of one method: a value for each seed and case, misses counting as the
worst value there is, over the hearts whose reference holds the region. It is what the method gate
averages; several methods that share a network (the thresholds behind one myocardium) share a
series, which :func:`distinct` keeps once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.columns import COLUMNS
from benchmark.entries import load_entry
from benchmark.policies import Policy, resolve
from benchmark.results import Run, load_run
from benchmark.table import Quantity, select, tidy

__all__ = ["QUANTITIES", "Series", "distinct", "entries", "folders", "series_of"]

Floats = NDArray[np.float64]
QUANTITIES = COLUMNS
#: Statuses of a case whose reference has nothing of the region.
SCAR_FREE = ("both_empty", "ref_empty")


@dataclass(frozen=True, eq=False)
class Series:
    """One quantity of one method.

    Attributes:
        dataset: Name of the data set.
        method: Label of the method.
        quantity: What was measured.
        seeds: ``(seed,)``.
        cases: ``(case,)`` ids.
        values: ``(seed, case)``, in the metric's unit.
        defined: ``(seed, case)``: which of them were measured; the others are misses.
        higher: Whether more is better.
    """

    dataset: str
    method: str
    quantity: Quantity
    seeds: tuple[int, ...]
    cases: tuple[str, ...]
    values: Floats
    defined: NDArray[np.bool_]
    higher: bool

    @property
    def good(self) -> Floats:
        """The values, turned so that more is better."""
        return self.values if self.higher else -self.values


def entries(folder: Path, least: int = 2) -> dict[str, list[Run]]:
    """The runs of each accepted entry of a data set with at least so many seeds, by method."""
    found = {path.stem: load_entry(path) for path in sorted(Path(folder).glob("*.json"))}
    return {name: runs for name, runs in found.items() if len(runs) >= least}


def folders(root: Path) -> dict[str, list[Run]]:
    """The scored run folders of a data set by method, whole volumes alone."""
    found: dict[str, list[Run]] = {}
    for path in sorted(p.parent for p in Path(root).glob("*/scores.parquet")):
        run = load_run(path, levels=["volume"])
        found.setdefault(run.label, []).append(run)
    return found


def series_of(runs: Sequence[Run], method: str) -> list[Series]:
    """The series of every quantity of :data:`QUANTITIES` that the seeds of ``runs`` define.

    Cases that are undefined in a seed for want of a reference take no part.
    """
    wanted = [replace(run, scores=run.scores[_wanted(run)]) for run in runs]
    selected = select(tidy(wanted), QUANTITIES)
    rows = resolve(selected, Policy.WORST_CASE)
    rows = rows.assign(measured=selected["value"].notna().reindex(rows.index))
    found = []
    for quantity in QUANTITIES:
        mine = rows[quantity.rows(rows)]
        free = set(mine["case"][mine["status"].isin(SCAR_FREE).to_numpy()])
        mine = mine[~mine["case"].isin(list(free)).to_numpy()]
        mine = mine.astype({"case": str})
        wide = mine.pivot(index="seed", columns="case", values="value").sort_index().dropna(axis=1)
        measured = mine.pivot(index="seed", columns="case", values="measured").sort_index()
        if wide.size:
            found.append(
                Series(
                    dataset=runs[0].dataset,
                    method=method,
                    quantity=quantity,
                    seeds=tuple(int(seed) for seed in wide.index),
                    cases=tuple(wide.columns),
                    values=wide.to_numpy(dtype=np.float64),
                    defined=measured[wide.columns].to_numpy(dtype=bool),
                    higher=str(mine["better"].iloc[0]) == "higher",
                )
            )
    return found


def _wanted(run: Run) -> NDArray[np.bool_]:
    keep = np.zeros(len(run.scores), dtype=bool)
    for quantity in QUANTITIES:
        keep |= quantity.rows(run.scores)
    return keep


def distinct(found: Iterable[Series]) -> list[Series]:
    """Each series once: the values of methods that share a network are no new evidence.

    Two are the same where more than half of their values are, to the last bit.
    """
    kept: list[Series] = []
    for one in found:
        twins = (
            other.quantity == one.quantity
            and other.values.shape == one.values.shape
            and float(np.mean(other.values == one.values)) > 0.5
            for other in kept
        )
        if not any(twins):
            kept.append(one)
    return kept
