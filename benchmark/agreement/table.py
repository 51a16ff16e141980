"""Agreement of methods with the reference as one tidy table: method by feature by stratum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..bootstrap import RESAMPLES
from ..policies import Policy
from ..results import Run
from .bland_altman import bland_altman
from .correlation import concordance, pearson
from .detection import LARGE_SCAR, SCAR_PRESENT, Cut, detection
from .errors import absolute_error, normalised_mae
from .icc import icc
from .measured import THIRDS, feature_pairs, reference_volumes
from .pairs import Floats
from .proportions import IntervalMethod, Proportion
from .regression import regression, slope_interval
from .strata import ALL, LEVEL, TERTILES, UNKNOWN, checked_strata, of_cases

__all__ = ["CUTS", "FEATURES", "SHARES", "agreement_table"]

#: What is shown where nobody says what.
FEATURES = ("scar_ml", "scar_percent", "myocardium_ml", "mvo_ml")
#: Cut-offs by feature.
CUTS: Mapping[str, tuple[Cut, ...]] = {"scar_percent": (SCAR_PRESENT, LARGE_SCAR)}
#: Of a detection, in the order of columns.
SHARES = ("sensitivity", "specificity", "accuracy", "ppv", "npv")
_TEXT = ("dataset", "label", "kind", "feature", "unit", "by", "stratum", "policy", "note")
_ORDERS = {"role": ("internal", "external"), LEVEL: THIRDS, "lv_tertile": TERTILES}


def agreement_table(
    runs: Sequence[Run],
    features: Sequence[str] | None = None,
    *,
    by: Sequence[str] = (ALL,),
    roles: Sequence[str] = ("test",),
    policy: Policy = Policy.WORST_CASE,
    readers: bool = False,
    interval: IntervalMethod = "wilson",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """How well features agree with the reference's.

    Seeds are averaged within each case first. ``n_total`` counts the cases a feature applies to,
    ``n_defined`` those with a value on both sides under the policy, which says what a missing
    answer counts as (:func:`.feature_pairs`). In detection, no answer is wrong, whatever the truth,
    and left out under ``exclude``. What cannot be estimated is null, and ``note`` says why.

    Args:
        runs: What :func:`benchmark.table.read_runs` read.
        features: Their names; by default those of :data:`FEATURES` that any run has.
        by: :data:`.strata.STRATA` to split by, each on its own; the whole cohort is ``all``.
        roles: Cases of which roles.
        policy: What undefined values count as.
        readers: Whether to add the data set's readers, each as if it were a method.
        interval: Of proportions, ``wilson`` or ``exact``.
        resamples: Of bootstrap intervals (mean absolute error; slopes with several cases per
            patient); 0 leaves them out.
        seed: Of the resampling.

    Returns:
        One row per data set, method, feature and stratum, with ``dataset, label, kind, feature,
        unit, by, stratum, policy`` (``kind`` is method or reader); the counts ``n_total, n_defined,
        n_patients, n_missing`` (cases without a value in at least one seed); ``reference_`` and
        ``method_`` ``mean, min, max``; ``slope_origin`` and ``slope`` (with intercept), each with
        ``_low, _high, _se`` and by bootstrap of patients ``_cluster_low, _cluster_high`` (null with
        one case per patient), ``intercept``, ``r2`` of the line with intercept and
        ``r2_origin_uncentred``; ``r``, ``ccc``, ``icc`` (ICC(A,1)); ``bias, sd, lower, upper`` of
        the differences, ``proportional_slope, proportional_p``; ``ratio, ratio_lower,
        ratio_upper`` of the log form; ``mae, nmae`` (percent; ``_min, _max`` its range over cases),
        ``nmae_pooled``; and for each cut-off of :data:`CUTS` ``<cut>_<share>`` with ``_low, _high,
        _k, _n``. Rows are in the order of data set, label, feature as asked, stratum.

    Raises:
        UsageError: No run has such a feature, or there are no such strata.
        DataError: No runs, or no cases of these roles.
    """
    wanted = checked_strata(by)
    if features is None:
        known = {str(name) for run in runs for name in run.features["feature"].unique()}
        features = [name for name in FEATURES if name in known]
    features = tuple(dict.fromkeys(features))
    pairs = feature_pairs(runs, features, roles=roles, policy=policy, readers=readers)
    volumes = reference_volumes(runs, roles)
    found: list[dict[str, Any]] = []
    for dataset, of_dataset in pairs.groupby("dataset", sort=True):
        kinds = of_dataset[["kind", "label"]].drop_duplicates().sort_values(["kind", "label"])
        for kind, label in kinds.itertuples(index=False):
            same = (of_dataset["label"] == label) & (of_dataset["kind"] == kind)
            for feature in features:
                rows = of_dataset[(same & (of_dataset["feature"] == feature)).to_numpy()]
                for name in wanted:
                    for stratum, mine in _split(rows, name, volumes.get(str(dataset), {})):
                        facts = {"dataset": dataset, "label": label, "kind": kind,
                                 "feature": feature, "unit": _unit(rows), "by": name,
                                 "stratum": stratum, "policy": policy.value}  # fmt: skip
                        found.append(facts | _row(mine, feature, policy, interval, resamples, seed))
    table = pd.DataFrame(found)
    names = [str(name) for name in table.columns]
    counts = [name for name in names if name.startswith("n_") or name.endswith(("_k", "_n"))]
    numbers = [name for name in names if name not in _TEXT and name not in counts]
    return table.astype(dict.fromkeys(counts, "Int64") | dict.fromkeys(numbers, "float64"))


def _split(
    rows: pd.DataFrame, by: str, volumes: Mapping[str, float]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """The strata of one method's pairs of one feature, in order; never none."""
    if by == LEVEL:
        mine = rows[rows["level"].isin(THIRDS).to_numpy()]
        names = mine["level"].astype(str)
    else:
        mine = rows[~rows["level"].isin(THIRDS).to_numpy()]
        names = of_cases(mine, by, volumes)
    if mine.empty:
        yield (ALL if by == ALL else UNKNOWN), mine
        return
    order = _ORDERS.get(by, ())
    first = {name: i for i, name in enumerate(order)}
    there = set(names)
    for name in sorted(there, key=lambda n: (n == UNKNOWN, first.get(n, len(order)), n)):
        yield name, mine[(names == name).to_numpy()]


def _row(
    rows: pd.DataFrame,
    feature: str,
    policy: Policy,
    interval: IntervalMethod,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Everything there is to say of one stratum."""
    applies = rows[(rows["seeds"] > 0).to_numpy()]
    kept = applies[(applies["reference"].notna() & applies["value"].notna()).to_numpy()]
    x, y = (kept[side].to_numpy(dtype=np.float64) for side in ("reference", "value"))
    patients = kept["patient"].astype(str).to_numpy(dtype=str)
    repeated = len(np.unique(patients)) < len(patients)
    found: dict[str, Any] = {
        "n_total": len(applies),
        "n_defined": len(kept),
        "n_patients": len(np.unique(patients)),
        "n_missing": int((applies["missing"] > 0).sum()),
    }
    for side, values in (("reference", x), ("method", y)):
        some = len(values) > 0
        found |= {
            f"{side}_mean": values.mean() if some else None,
            f"{side}_min": values.min() if some else None,
            f"{side}_max": values.max() if some else None,
        }
    statistics, notes = _statistics(x, y, patients, repeated, resamples, seed)
    found |= statistics
    for cut in CUTS.get(feature, ()):
        found |= _detected(applies, cut, policy, interval)
    return found | {"note": _note(rows, applies, kept, notes, repeated)}


def _statistics(
    x: Floats, y: Floats, patients: Any, repeated: bool, resamples: int, seed: int
) -> tuple[dict[str, Any], dict[str, str]]:
    """Statistics by column, and notes by what they are about."""
    found: dict[str, Any] = {}
    notes: dict[str, str] = {}
    for name, origin in (("slope_origin", True), ("slope", False)):
        line = regression(x, y, origin=origin)
        cluster: tuple[float | None, float | None] = (None, None)
        if repeated and resamples:
            cluster = slope_interval(x, y, patients, origin=origin, resamples=resamples, seed=seed)
        found |= {name: line.slope, f"{name}_low": line.slope_low, f"{name}_high": line.slope_high,
                  f"{name}_se": line.slope_se, f"{name}_cluster_low": cluster[0],
                  f"{name}_cluster_high": cluster[1]}  # fmt: skip
        if origin:
            found["r2_origin_uncentred"] = line.r2_uncentred
        else:
            found |= {"intercept": line.intercept, "intercept_low": line.intercept_low,
                      "intercept_high": line.intercept_high, "r2": line.r2}  # fmt: skip
        notes[name] = line.note
    for name, linear in (("r", pearson(x, y)), ("ccc", concordance(x, y))):
        found |= {name: linear.r, f"{name}_low": linear.low, f"{name}_high": linear.high}
        if name == "r":
            found["r_p"] = linear.p
        notes[name] = linear.note
    plain = bland_altman(x, y, patients=patients)
    for name in ("bias", "bias_low", "bias_high", "sd", "lower", "lower_low", "lower_high",
                 "upper", "upper_low", "upper_high"):  # fmt: skip
        found[name] = getattr(plain, name)
    found |= {"proportional_slope": plain.slope, "proportional_p": plain.slope_p}
    ratio = bland_altman(x, y, log=True, patients=patients)
    found |= {"ratio": ratio.bias, "ratio_lower": ratio.lower, "ratio_upper": ratio.upper}
    rated = icc(np.stack([x, y], axis=1), "ICC(A,1)")
    found |= {"icc": rated.value, "icc_low": rated.low, "icc_high": rated.high}
    off = absolute_error(x, y, patients, resamples=resamples, seed=seed)
    found |= {"mae": off.value, "mae_low": off.low, "mae_high": off.high}
    share = normalised_mae(x, y)
    found |= {"nmae": share.value, "nmae_min": share.smallest, "nmae_max": share.largest,
              "n_nmae": share.n, "nmae_pooled": share.pooled}  # fmt: skip
    notes |= {"differences": plain.note, "ratio": ratio.note, "icc": rated.note,
              "mae": off.note if resamples else "", "nmae": share.note}  # fmt: skip
    return found, notes


def _detected(
    applies: pd.DataFrame, cut: Cut, policy: Policy, interval: IntervalMethod
) -> dict[str, Any]:
    """Whether cases are told to be above a cut-off."""
    truth = cut.above(applies["reference"])
    if policy is Policy.EXCLUDE:
        truth = np.where(applies["value"].isna(), np.nan, truth)
    answers = detection(truth, cut.above(applies["answer"]), interval=interval)
    found: dict[str, Any] = {}
    for name in SHARES:
        share: Proportion = getattr(answers, name)
        column = f"{cut.name}_{name}"
        found |= {column: share.value, f"{column}_low": share.low, f"{column}_high": share.high,
                  f"{column}_k": share.k, f"{column}_n": share.n}  # fmt: skip
    return found


def _note(
    rows: pd.DataFrame,
    applies: pd.DataFrame,
    kept: pd.DataFrame,
    notes: Mapping[str, str],
    repeated: bool,
) -> str:
    """What a reader must know: why something is null, and what was left out."""
    said = []
    if not len(applies):
        why = [str(text) for text in rows["why"].dropna().unique() if text]
        return "; ".join(why) or "no values of this were recorded"
    if len(rows) > len(applies):
        said.append(f"{len(rows) - len(applies)} not applicable")
    if len(applies) > len(kept):
        lost = applies["reference"].isna().sum()
        said += [f"{lost} without a reference"] * bool(lost)
        unanswered = len(applies) - len(kept) - lost
        said += [f"{unanswered} without an answer left out"] * bool(unanswered)
    missing = int((kept["missing"] > 0).sum())
    said += [f"{missing} without a value in some seed"] * bool(missing)
    if not len(kept):
        return "; ".join([*said, "no pair"])
    about: dict[str, list[str]] = {}
    for name, note in notes.items():
        if note:
            about.setdefault(note, []).append(name)
    said += [f"{', '.join(names)}: {note}" for note, names in about.items()]
    if repeated:
        said.append(
            "several cases of a patient: intervals of r, ccc, icc, of shares of cases and of "
            "slopes other than cluster take them as independent"
        )
    return "; ".join(said)


def _unit(rows: pd.DataFrame) -> str:
    known = rows["unit"].dropna()
    return str(known.iloc[0]) if len(known) else ""
