"""Features over the slices that a method segmented successfully: the preset of fahmy2021.

fahmy2021, Statistical Analysis: "Slices with substantial errors such that <50% of myocardium area
was correctly segmented, were identified and removed from data analysis"; Results: four patients,
in whom both models failed, "were excluded from further analysis". So the volumes it reports are
those of each method's own successful slices, in the patients that are left. A method is judged on
the slices that it can do, and two methods on different slices; therefore the same is given over the
slices that both segmented, and over all.

Volumes come from the areas by slice that scoring kept, success from the kept counts: nothing is
scored again. A slice in which the reference has no myocardium can neither succeed nor fail; it is
in none but ``all``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from .errors import DataError
from .regions import Region
from .results import Run
from .table import is_excluded

__all__ = ["CHOICES", "FOUND", "slice_success", "successful_features"]

#: Share of the reference's myocardium from which on a slice is successful.
FOUND = 0.5
#: Which slices values are taken over.
CHOICES = ("own", "common", "all")
_MYOCARDIUM = tuple(int(label) for label in Region.MYOCARDIUM.labels)
_AREAS = {"myocardium_area_mm2": "myocardium_ml", "scar_area_mm2": "scar_ml"}
_VALUES = ("myocardium_ml", "scar_ml", "scar_percent")
_COLUMNS = ("run", "label", "case", "patient", "role", "slices", "source", "n_slices", *_VALUES,
            "dropped")  # fmt: skip


def slice_success(counts: pd.DataFrame) -> pd.DataFrame:
    """Which slices of which cases were segmented successfully.

    Args:
        counts: Rows of ``counts.parquet``; of these, the prediction against the reference.

    Returns:
        A row for each slice with reference myocardium, by case and slice: ``case``, ``slice``,
        ``reference`` and ``found`` (voxels of the reference's myocardium, and those that are
        myocardium in the prediction too), ``successful``. Its mean in a case is the metric
        ``slice_success`` of the myocardium.
    """
    rows = counts
    if {"reference", "compared"} <= set(counts):
        same = (counts["reference"] == "reference") & (counts["compared"] == "prediction")
        rows = counts[same.to_numpy(dtype=bool)]
    rows = rows[rows["reference_label"].isin(_MYOCARDIUM).to_numpy(dtype=bool)]
    voxels = rows["voxels"].to_numpy(dtype=np.int64)
    hit = rows["compared_label"].isin(_MYOCARDIUM).to_numpy(dtype=bool)
    told = pd.DataFrame(
        {
            "case": rows["case"].to_numpy(),
            "slice": rows["slice"].to_numpy(dtype=np.int64),
            "reference": voxels,
            "found": np.where(hit, voxels, 0),
        }
    )
    summed = told.groupby(["case", "slice"], sort=True, as_index=False).sum()
    return summed.assign(successful=summed["found"] >= FOUND * summed["reference"])


def successful_features(run_a: Run, run_b: Run | None = None) -> pd.DataFrame:
    """Volumes and burden of each case over own, common and all slices; method and reference.

    Args:
        run_a: A run read from its folder, with a ``counts.parquet`` and the features by slice.
        run_b: The run it is set against, of the same data set; without, common slices are own.

    Returns:
        One row per run (``a``, ``b``), case that is not excluded (by id), choice of slices and
        source (``prediction``, ``reference``), with ``n_slices`` and, NaN where undefined,
        ``myocardium_ml``, ``scar_ml`` and ``scar_percent``. ``all`` means every slice; its
        ``n_slices`` is of those with reference myocardium, which are what success is counted among.
        ``dropped`` marks cases that no run has a successful slice in: the paper leaves those out.
        It is silent about a case that one model alone failed in; here that case is kept, with no
        slice and so no value of that model's own, and of the common slices none of either.

    Raises:
        DataError: A run lacks counts or areas by slice, as an accepted entry does, or the two hold
            different cases.
    """
    runs = {"a": run_a} if run_b is None else {"a": run_a, "b": run_b}
    cases = [set(map(str, _counting(run)["case"])) for run in runs.values()]
    if cases[0] != cases[-1]:
        differ = sorted(cases[0] ^ cases[-1])
        raise DataError(
            f"{run_a.source} and {runs['b'].source} hold different cases, {differ[0]!r} for one.",
            "Name two runs on the same cases of one data set.",
        )
    won = {name: _won(run) for name, run in runs.items()}
    areas = {name: _volumes(run) for name, run in runs.items()}
    rows: list[dict[str, Any]] = []
    for name, run in runs.items():
        for info in _counting(run).sort_values("case").to_dict("records"):
            case = info["case"]
            sets = [found.get(case, frozenset()) for found in won.values()]
            told = areas[name].get(case, {})
            drawn = [z for z, ml in told.get("reference", {}).items() if ml[0] > 0]
            own = won[name].get(case, frozenset())
            chosen = {"own": own, "common": frozenset.intersection(*sets), "all": None}
            rows += [
                {
                    "run": name,
                    "label": run.label,
                    "case": case,
                    "patient": info["patient"],
                    "role": info["role"],
                    "slices": choice,
                    "source": source,
                    "n_slices": len(drawn if slices is None else slices),
                    **_summed(told.get(source, {}), slices),
                    "dropped": not any(sets),
                }
                for choice, slices in chosen.items()
                for source in ("prediction", "reference")
            ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _counting(run: Run) -> pd.DataFrame:
    """The cases that count."""
    cases = run.cases.assign(case=run.cases["case"].astype(str))
    if {"excluded", "status"} <= set(cases):
        cases = cases[(~is_excluded(cases["excluded"], cases["status"])).to_numpy(dtype=bool)]
    return cases


def _won(run: Run) -> dict[str, frozenset[int]]:
    """The successful slices of each case that has any."""
    path = run.source / "counts.parquet"
    try:
        counts = pd.read_parquet(path, engine="pyarrow")
    except FileNotFoundError:
        raise DataError(
            f"{run.source} has no counts of its slices.", "Name a run folder, not an entry."
        ) from None
    except (OSError, ValueError) as error:  # pyarrow's errors are one or the other
        raise DataError(f"{path} cannot be read: {error}.", "Score the run again.") from error
    found = slice_success(counts)
    found = found[found["successful"].to_numpy(dtype=bool)]
    slices: dict[str, set[int]] = {}
    for case, z in zip(found["case"].astype(str), found["slice"].tolist(), strict=True):
        slices.setdefault(case, set()).add(int(z))
    return {case: frozenset(held) for case, held in slices.items()}


#: mL of myocardium and of scar, NaN where not known.
_Slices = dict[int, tuple[float, float]]


def _volumes(run: Run) -> dict[str, dict[str, _Slices]]:
    """Case -> source -> slice -> mL.

    An area times the distance of slices is a volume; that distance is not in the tables, but
    volume and areas are, of the reference or of whoever drew any myocardium, which tell it.
    """
    rows = run.features
    if not (rows["level"] == "slice").to_numpy(dtype=bool).any():
        raise DataError(f"{run.source} has no areas by slice.", "Name a run folder, not an entry.")
    value = pd.to_numeric(rows["value"]).astype("float64")
    rows = rows.assign(value=value, case=rows["case"].astype(str))
    areas = rows[((rows["level"] == "slice") & rows["feature"].isin(_AREAS)).to_numpy(dtype=bool)]
    wide = areas.pivot_table(index=["case", "source", "slice"], columns="feature", values="value")
    wide = wide.reindex(columns=list(_AREAS))
    thick = _thickness(rows)
    found: dict[str, dict[str, _Slices]] = {}
    columns = (wide[name].tolist() for name in _AREAS)
    for (case, source, z), wall, scar in zip(wide.index.tolist(), *columns, strict=True):
        mm = thick.get(case, float("nan")) / 1000.0
        found.setdefault(case, {}).setdefault(source, {})[int(z)] = (wall * mm, scar * mm)
    return found


def _thickness(rows: pd.DataFrame) -> dict[str, float]:
    """Distance of slices in mm, by case; of cases in which anybody drew any myocardium."""
    found: dict[str, float] = {}
    keys = ["case", "source"]
    whole = rows[((rows["level"] == "volume") & (rows["feature"] == "myocardium_ml")).to_numpy()]
    part = rows[
        ((rows["level"] == "slice") & (rows["feature"] == "myocardium_area_mm2")).to_numpy()
    ]
    both = pd.concat(
        {"ml": whole.groupby(keys)["value"].sum(), "mm2": part.groupby(keys)["value"].sum()}, axis=1
    )
    both = both[(both["mm2"] > 0).to_numpy(dtype=bool)].reset_index()
    for case, ml, mm2 in zip(both["case"], both["ml"], both["mm2"], strict=True):
        found.setdefault(str(case), 1000.0 * float(ml) / float(mm2))
    return found


def _summed(told: _Slices, slices: Iterable[int] | None) -> dict[str, float]:
    """Sums over the slices that are chosen, and the burden; NaN without any slice."""
    held = [ml for z, ml in told.items() if slices is None or z in slices]
    if not held:
        return dict.fromkeys(_VALUES, float("nan"))
    wall, scar = (float(sum(column)) for column in zip(*held, strict=True))
    share = 100.0 * scar / wall if wall > 0 else float("nan")
    return dict(zip(_VALUES, (wall, scar, share), strict=True))
