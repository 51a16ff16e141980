"""The figures of the page: which are drawn, of what, and how they stand in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..feature_agreement import shown_features
from ..leaderboard import Leaderboard
from ..leaderboard_text import COSTS
from ..results import Run
from .methods import costs

if TYPE_CHECKING:
    import matplotlib.figure

__all__ = [
    "Drawing",
    "agreement_figures",
    "cost_figures",
    "drawing",
    "rank_figures",
    "value_figures",
]


@dataclass(frozen=True)
class Drawing:
    """A figure in the page.

    Attributes:
        svg: Its element: text of our own making, in which names are escaped.
        caption: What stands below it.
        wide: Whether it takes the width of the page.
    """

    svg: str
    caption: str
    wide: bool = False

    @property
    def size(self) -> int:
        """Bytes that it takes in the page."""
        return len(self.svg.encode("utf-8"))


def drawing(
    figure: matplotlib.figure.Figure, prefix: str, caption: str, *, wide: bool = False
) -> Drawing:
    """A figure whose ids begin with ``prefix``, which no other of the page may have."""
    from ..figures import svg_text

    return Drawing(svg_text(figure, prefix), caption, wide)


def value_figures(board: Leaderboard, values: pd.DataFrame) -> list[Drawing]:
    """Every case as a dot, and the densities, of the ranking quantity.

    Args:
        board: The leaderboard.
        values: Cases by methods; NaN where a case stays undefined.
    """
    from ..figures import box_strip, violins

    known = {row.label: values[row.label].to_numpy(dtype=float) for row in board.rows
             if row.rank is not None and row.label in values}  # fmt: skip
    if all(np.isnan(column).all() for column in known.values()):
        return []
    label, unit = _quantity(board)
    return [
        drawing(box_strip(known, label=label, unit=unit), "fs",
                "Every case as a dot; boxes of the quartiles."),
        drawing(violins(known, label=label, unit=unit), "fv",
                "Densities, cut at the least and the greatest value; the bar holds the middle "
                "half, the dot in it is the median."),
    ]  # fmt: skip


def rank_figures(board: Leaderboard, table: pd.DataFrame) -> list[Drawing]:
    """Ranks in resamples of the patients, ranks in each case, and who is significantly better.

    Args:
        board: The leaderboard.
        table: Rows of its columns.
    """
    from ..figures import blobs, podium, significance_map
    from ..ranking import Scheme, case_matrix, pairwise_p, stability

    names = [row.label for row in board.rows if row.rank is not None]
    if len(names) < 2:
        return []
    held = case_matrix(table, names, board.rank_by, board.policy)
    better = board.better[board.columns.index(board.rank_by)]
    stable = stability(held.values, held.patients, Scheme.MEAN, better, names=names,
                       weights=held.weights, resamples=board.resamples)  # fmt: skip
    p = pairwise_p(held.of(Scheme.TEST), better, held.patients)
    label, unit = _quantity(board)
    return [
        drawing(blobs(stable), "fk",
                "Ranks by the mean in resamples of the patients: area is the share of resamples, "
                "the ring the rank of all cases, the cross the median, the line the 95 % "
                "interval." + (f" {stable.note}." if stable.note else "")),
        drawing(significance_map(names, p), "fm",
                "Which row is significantly better than which column: one-sided Wilcoxon "
                "signed-rank over patients, corrected over all pairs (Holm), 0.05."),
        drawing(podium(names, held.of(Scheme.RANK), label=label, better=better, unit=unit), "fp",
                "The place of each method in each case: lines join a case, bars count.", wide=True),
    ]  # fmt: skip


def cost_figures(board: Leaderboard) -> list[Drawing]:
    """The mean of the ranking quantity against each cost that was recorded."""
    from ..figures import pareto

    at = board.columns.index(board.rank_by)
    label, unit = _quantity(board)
    ranked = [row for row in board.rows if row.rank is not None]
    found = []
    for k, head in enumerate(COSTS):
        if head.startswith("per epoch"):  # part of the whole training, which is drawn
            continue
        points = {row.label: (costs(row)[k].value, row.cells[at].mean) for row in ranked}
        if sum(c is not None and q is not None for c, q in points.values()) < 2:
            continue
        quality = f"mean {label}" + (f" ({unit})" if unit else "")
        figure = pareto(points, cost=head, quality=quality, better=board.better[at])
        found.append(drawing(figure, f"fc{k}", f"Against {head}."))
    return found


def agreement_figures(
    board: Leaderboard, members: Mapping[str, Sequence[Run]]
) -> dict[str, list[Drawing]]:
    """Per method, the regression and the Bland-Altman plot of the first feature shown.

    Args:
        board: The leaderboard.
        members: Its runs by label.
    """
    from ..agreement import bland_altman, feature_pairs, pearson, regression
    from ..figures import bland_altman_plot, regression_plot

    found: dict[str, list[Drawing]] = {row.label: [] for row in board.rows}
    runs = [run for mine in members.values() for run in mine]
    held = {str(name) for run in runs for name in run.features["feature"].unique()}
    # One feature, the first: the table has all, and a figure takes as long as a whole table.
    features = [feature for feature in shown_features(runs) if feature in held][:1]
    if not features:
        return found
    # Rows of other features would be searched again for every run.
    slim = [replace(run, features=run.features[(run.features["feature"] == features[0]).to_numpy()])
            for run in runs]  # fmt: skip
    every = feature_pairs(slim, features, roles=board.roles, policy=board.policy)
    known = every["reference"].notna() & every["value"].notna()
    # The whole volume where it is measured, the slices of what only slices have.
    every = every[(known & every["level"].isin(["volume", "slice"])).to_numpy()]
    for i, row in enumerate(board.rows):
        pairs = every[(every["label"] == row.label).to_numpy()]
        if len(pairs) < 2:
            continue
        x, y = (pairs[side].to_numpy(dtype=float) for side in ("reference", "value"))
        unit = str(pairs["unit"].iloc[0] or "")
        name = features[0].removesuffix(f"_{unit.lower()}").replace("_", " ")
        line = regression(x, y, origin=True)
        limits = bland_altman(x, y, patients=pairs["patient"].to_numpy(dtype=str))
        scatter = regression_plot(x, y, line, label=name, unit=unit, r=pearson(x, y).r)
        difference = bland_altman_plot(x, y, limits, label=name, unit=unit)
        found[row.label] = [
            drawing(scatter, f"fr{i}", f"{name}: regression through the origin, dashed identity."),
            drawing(difference, f"fb{i}", f"{name}: Bland-Altman, prediction - reference."),
        ]
    return found


def _quantity(board: Leaderboard) -> tuple[str, str]:
    return str(board.rank_by), board.units[board.columns.index(board.rank_by)]
