"""All ranks beside each other: does the order depend on the scheme, the policy, the metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import UsageError
from ..policies import Policy
from ..table import Quantity
from ..text import markdown_cell, markdown_table, number
from .directions import Floats, Ints, rank
from .matrices import case_matrix
from .schemes import Scheme
from .stability import ranking

__all__ = ["Consensus", "consensus", "rank_table", "rank_table_markdown"]


@dataclass(frozen=True)
class Consensus:
    """One order out of several, by the mean of their ranks.

    Attributes:
        ranks: By method; only those that every ranking ranks.
        scores: By method: the weighted mean of its ranks.
        weights: By ranking, of sum 1.
        note: Which methods were left out; empty otherwise.
    """

    ranks: dict[str, int]
    scores: dict[str, float]
    weights: dict[str, float]
    note: str = ""

    @property
    def sentence(self) -> str:
        """What it is, to stand beside it: a mean of ranks always says its weights."""
        parts = ", ".join(f"{name} {weight:.3g}" for name, weight in self.weights.items())
        left = f" {self.note}." if self.note else ""
        return f"Consensus: mean of the ranks, weighted {parts}.{left}"


def consensus(
    rankings: Mapping[str, Mapping[str, int]], weights: Mapping[str, float] | None = None
) -> Consensus:
    """The mean rank of each method over several rankings (metrics, say).

    Metrics measure different things and often twice the same: which of them count, and how much,
    is a choice, so that nothing makes it but who asks. A method that one of the rankings lacks
    (it does not produce the region) is left out of all, and the others are ranked anew without it:
    a mean over fewer ranks could not be compared.

    Args:
        rankings: By name, the rank of each method; 1 is best.
        weights: By name, not negative; by default all the same.

    Raises:
        UsageError: There is no ranking, a weight is negative or of no ranking, or all are 0.
    """
    if not rankings:
        raise UsageError("There is no ranking to make a consensus of.", "Name a metric.")
    given = dict.fromkeys(rankings, 1.0) if weights is None else dict(weights)
    strange = [name for name in given if name not in rankings]
    if strange:
        raise UsageError(f"There is no ranking {strange[0]!r} to be weighted.",
                         f"There are: {', '.join(rankings)}.")  # fmt: skip
    held = {name: float(given.get(name, 0.0)) for name in rankings}
    total = sum(held.values())
    if not total > 0 or min(held.values()) < 0 or not np.isfinite(total):
        raise UsageError(f"These weights do not make a mean: {held}.",
                         "Give numbers of 0 or more, not all 0.")  # fmt: skip
    counting = {name: ranks for name, ranks in rankings.items() if held[name] > 0}
    every = list(dict.fromkeys(method for ranks in rankings.values() for method in ranks))
    kept = [method for method in every if all(method in ranks for ranks in counting.values())]
    scores = dict.fromkeys(kept, 0.0)
    for name, ranks in counting.items():
        # Ties share the mean of their ranks here, lest a tie be a gift.
        anew = _shared([ranks[method] for method in kept])
        for method, one in zip(kept, anew, strict=True):
            scores[method] += held[name] / total * float(one)
    # Sums of the same ranks in another order are the same score.
    order = rank(np.round([scores[method] for method in kept], 9))
    left = [method for method in every if method not in kept]
    return Consensus(
        ranks={method: int(one) for method, one in zip(kept, order, strict=True)},
        scores=scores,
        weights={name: weight / total for name, weight in held.items()},
        note=f"Left out, not ranked by all of them: {', '.join(left)}" if left else "",
    )


def _shared(ranks: Sequence[int]) -> Floats:
    from scipy.stats import rankdata

    return np.asarray(rankdata(ranks), dtype=np.float64) if len(ranks) else np.empty(0)


def rank_table(
    table: pd.DataFrame,
    labels: Sequence[str],
    quantities: Sequence[Quantity],
    *,
    policies: Sequence[Policy] = tuple(Policy),
    schemes: Sequence[Scheme] = tuple(Scheme),
) -> pd.DataFrame:
    """Ranks by every scheme under every policy of every quantity.

    Args:
        table: Rows of :func:`benchmark.table.select`.
        labels: The methods.
        quantities: What they are ranked by; one without a direction is left out, as nothing can be
            ranked by it.
        policies: Of undefined values.
        schemes: How to rank.

    Returns:
        One row per quantity, policy, scheme and method to which the quantity applies: ``region,
        metric, dim, level, better, policy, scheme, label, rank, score, n, note``; ``score`` is
        what was ranked (a mean, a median, a mean rank, a number of methods), ``n`` the cases with
        a value.
    """
    rows: list[dict[str, object]] = []
    for quantity in quantities:
        mine = table[quantity.rows(table)]
        better = mine["better"].dropna().astype(str).unique()
        if not len(better) or better[0] not in ("higher", "lower", "zero"):
            continue
        applies = mine[(mine["status"] != "not_applicable").to_numpy()]["label"].astype(str)
        there = set(applies.unique())
        ranked = [label for label in labels if label in there]
        facts = {"region": quantity.region, "metric": quantity.metric, "dim": quantity.dim,
                 "level": quantity.level, "better": better[0]}  # fmt: skip
        for policy in policies:
            held = case_matrix(mine, ranked, quantity, policy)
            for scheme in schemes:
                weights = held.weights if scheme is Scheme.MEAN else None
                found = ranking(held.of(scheme), better[0], scheme, patients=held.patients,
                                weights=weights)  # fmt: skip
                ranks: Ints = found.ranks
                for j, label in enumerate(ranked):
                    score = float(found.scores[j])
                    rows.append({**facts, "policy": policy.value, "scheme": scheme.value,
                                 "label": label, "rank": int(ranks[j]),
                                 "score": None if np.isnan(score) else score,
                                 "n": int(found.n[j]), "note": found.note})  # fmt: skip
    columns = ["region", "metric", "dim", "level", "better", "policy", "scheme", "label", "rank",
               "score", "n", "note"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"score": "float64"})


def rank_table_markdown(ranks: pd.DataFrame, policy: Policy = Policy.WORST_CASE) -> str:
    """Ranks as a Markdown table: a row per method, a column per quantity and scheme.

    Args:
        ranks: Of :func:`rank_table`.
        policy: Of which policy.
    """
    mine = ranks[(ranks["policy"] == policy.value).to_numpy()]
    columns = list(dict.fromkeys(zip(mine["region"], mine["metric"], mine["dim"], mine["level"],
                                     mine["scheme"], strict=True)))  # fmt: skip
    cells: dict[str, dict[object, str]] = {}
    for row in mine.to_dict("records"):
        at = tuple(row[name] for name in ("region", "metric", "dim", "level", "scheme"))
        score = row["score"]
        shown = number(None if pd.isna(score) else float(score), 3)
        cells.setdefault(str(row["label"]), {})[at] = f"{row['rank']} ({shown})"
    header = ["method"]
    for region, metric, dim, level, scheme in columns:
        quantity = Quantity(region, metric, None if pd.isna(dim) else dim, level)
        header.append(markdown_cell(f"{quantity}, {scheme}"))
    lines = [
        [markdown_cell(label), *(row.get(column, "n/a") for column in columns)]
        for label, row in cells.items()
    ]
    used = list(dict.fromkeys(scheme for *_, scheme in columns))
    said = "; ".join(f"{scheme}: {Scheme(scheme).sentence}" for scheme in used)
    foot = f"\nRank (what was ranked). Policy {policy.value}: {policy.sentence}. {said}."
    return markdown_table(header, lines) + markdown_foot(foot)


def markdown_foot(text: str) -> str:
    """Our own words, with the underscores of names escaped."""
    return text.replace("_", "\\_") + "\n"
