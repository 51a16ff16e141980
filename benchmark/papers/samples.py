"""From tables of runs to the samples a paper averages: one value for each slice of each case.

Of several seeds, several readers, or endocardium and epicardium, a sample is the mean: every slice
weighs the same in a mean over samples, however many of these it has.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd

from ..bootstrap import RESAMPLES, interval, resampled_means
from ..metrics.levels import THIRDS
from ..policies import Policy, resolve
from ..reader_scoring import PERFECT
from ..results import Run
from ..table import is_excluded, tidy
from .layout import Cell

__all__ = ["Scores", "cell_of", "map_values"]

_SAMPLE = ["patient", "case", "map", "where"]


@dataclass(frozen=True, eq=False)
class Scores:
    """The contour scores of one experiment, at the level of slices.

    Attributes:
        table: Its rows, with ``value`` as the policy has it and ``where``: the slice, or the third.
        readers: Names of the readers, sorted.
        undrawn: Samples in which a reader drew nothing: no reader's, and no answer to any, counts.
    """

    table: pd.DataFrame
    readers: tuple[str, ...]
    undrawn: pd.MultiIndex

    @property
    def n_undrawn(self) -> int:
        """How many slices those are."""
        thirds = self.undrawn.get_level_values("where").isin(THIRDS)
        return int((~thirds).sum())

    @classmethod
    def of(cls, runs: Sequence[Run], roles: Collection[str], policy: Policy) -> Scores:
        """Those of ``runs``, which are of one experiment.

        Args:
            runs: Its seeds and folds.
            roles: Cases of which roles.
            policy: What undefined values count as.
        """
        rows = tidy(runs)
        keep = (rows["dim"] == "contour") & rows["level"].isin(["slice", *THIRDS])
        keep &= rows["role"].isin(list(roles))
        keep &= ~is_excluded(rows["excluded"], rows["case_status"])
        rows = rows[keep.to_numpy(dtype=bool)]
        text = ("patient", "case", "map", "level", "reference", "compared", "status", "region",
                "metric")  # fmt: skip
        rows = rows.assign(**{name: rows[name].astype("object") for name in text})
        where = rows["level"].where(rows["level"] != "slice", rows["slice"].astype("object"))
        rows = rows.assign(where=where.astype(str))
        sides = set(chain(rows["reference"].unique(), rows["compared"].unique()))
        readers = tuple(sorted(map(str, sides - {"reference", "prediction", PERFECT})))
        return cls(resolve(rows, policy), readers, _undrawn(rows, readers))

    def model(
        self, metric: str, *, kind: str | None = None, where: str | None = None
    ) -> pd.DataFrame:
        """The prediction against every reader: ``patient``, ``case``, ``map``, ``value``.

        Args:
            metric: A metric of contours.
            kind: ``t1`` or ``t2``; both by default.
            where: A third of the ventricle; every slice by default.
        """
        rows = self.table[self.table["reference"].isin(self.readers)]
        return self._samples(rows[rows["compared"] == "prediction"], metric, kind, where)

    def experts(
        self, metric: str, *, kind: str | None = None, where: str | None = None
    ) -> pd.DataFrame:
        """The same of every pair of readers."""
        rows = self.table[self.table["reference"].isin(self.readers)]
        return self._samples(rows[rows["compared"].isin(self.readers)], metric, kind, where)

    def best(self, metric: str, region: str) -> pd.DataFrame:
        """The same of the reference's mask, fitted again, against its contours (Figure 9)."""
        rows = self.table[(self.table["compared"] == PERFECT) & (self.table["region"] == region)]
        return self._samples(rows, metric, None, None)

    def _samples(
        self, rows: pd.DataFrame, metric: str, kind: str | None, where: str | None
    ) -> pd.DataFrame:
        keep = rows["metric"] == metric
        keep &= (rows["level"] == "slice") if where is None else (rows["level"] == where)
        if kind is not None:
            keep &= rows["map"] == kind
        rows = rows[keep.to_numpy(dtype=bool)]
        rows = rows[~pd.MultiIndex.from_frame(rows[["case", "where"]]).isin(self.undrawn)]
        # A map that the index does not name is no reason to lose the sample.
        by = rows.groupby(_SAMPLE, dropna=False, sort=True)["value"].mean()
        return by.dropna().reset_index()


def _undrawn(rows: pd.DataFrame, readers: Sequence[str]) -> pd.MultiIndex:
    """What mapping2023 leaves out; its samples have "contours ... from 3 expert annotators" (3.7).

    A pair of readers with a contour each has a distance; a reader without any, met by an answer,
    has the status ``ref_empty``.
    """
    of = rows[rows["reference"].isin(readers) & (rows["metric"] == "hd_points")]
    pairs = of["compared"].isin(readers) & (of["status"] != "ok")
    alone = (of["compared"] == "prediction") & of["status"].isin(["ref_empty", "both_empty"])
    lost = of[(pairs | alone).to_numpy(dtype=bool)]
    return pd.MultiIndex.from_frame(lost[["case", "where"]].drop_duplicates())


def map_values(runs: Sequence[Run], feature: str, roles: Collection[str]) -> pd.DataFrame:
    """A feature of the slices: samples (patient, case, slice) by source, NaN where undefined.

    Args:
        runs: Seeds and folds of one experiment; of a sample, the mean over them.
        feature: Such as ``myocardium_t1_median_ms``.
        roles: Cases of which roles.
    """
    parts = []
    for run in runs:
        cases = run.cases[run.cases["role"].isin(list(roles))]
        if {"excluded", "status"} <= set(cases):
            cases = cases[~is_excluded(cases["excluded"], cases["status"])]
        rows = run.features
        rows = rows[((rows["feature"] == feature) & (rows["level"] == "slice")).to_numpy(bool)]
        parts.append(cases[["case", "patient"]].merge(rows, on="case"))
    joined = pd.concat(parts)
    joined = joined.assign(value=pd.to_numeric(joined["value"]).astype("float64"))
    keys = ["patient", "case", "slice", "source"]
    return joined.groupby(keys, sort=True)["value"].mean().unstack("source")


def cell_of(
    samples: pd.DataFrame, scale: float = 1.0, *, spread: bool = False, missing: str = ""
) -> Cell:
    """The mean over samples, with the interval of patients that are drawn again.

    Args:
        samples: With ``patient`` and ``value``.
        scale: What values are multiplied by.
        spread: Whether to give the standard deviation over the samples too.
        missing: What to say where there is none.
    """
    values = samples["value"].to_numpy(dtype=np.float64) * scale
    if not values.size:
        return Cell(missing=missing or "no value")
    patients = samples["patient"].to_numpy(dtype=str)
    means = resampled_means(values[:, None], patients, resamples=RESAMPLES)
    low, high = interval(means[:, 0], len(np.unique(patients)))
    deviation = float(values.std(ddof=1)) if spread and values.size > 1 else None
    return Cell(float(values.mean()), deviation, low, high, int(values.size))
