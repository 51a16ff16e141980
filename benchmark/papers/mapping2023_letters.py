"""Letters of significance in the tables of mapping2023 (section 3.7).

"We employed one-way Analysis of Variance (ANOVA) with Welch's correction and the Tukey Post-Hoc
Test" on metrics, "Kruskal-Wallis ... and ... Dwass-Steel-Critchlow-Fligner test for post-hoc
pairwise comparisons" on T1 and T2; "identical letters ... for results that are not significantly
different" at .05. Samples are the slices that the means are over. As the paper does, groups are
taken for independent, which they are not: model and experts are measured on the same slices, and a
patient has several; a note below every table says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .layout import Filled

__all__ = ["lettered_means", "lettered_medians"]

Floats = NDArray[np.float64]
#: Samples by row and column.
Samples = Mapping[tuple[str, str], Floats]

_CAUTION = (
    "As in the paper, each slice counts as an independent sample, though all groups are of the "
    "same slices and a patient has several: P is not exact, and letters tell less than they seem."
)


def lettered_means(filled: Filled, samples: Samples) -> Filled:
    """Letters by Tukey's test among the columns of each row, Welch's test in a note.

    Where Games and Howell's test, which fits unequal variances as Welch's does, gives others, a
    note tells these.
    """
    from ..significance import games_howell, letters, tukey, welch_anova

    told, others, untested = [], [], []
    given: dict[tuple[str, str], str] = {}
    compared = _groups(filled, samples)
    if not compared:
        return filled
    for row, columns, groups in compared:
        p = tukey(groups)
        if np.isnan(p).any():
            untested.append(filled.published.rows[row].title)
            continue
        found = letters(columns, p)
        given |= {(row, column): letter for column, letter in found.items()}
        told.append(f"{filled.published.rows[row].title}: {_p(welch_anova(groups).p)}")
        unequal = letters(columns, games_howell(groups))
        if unequal != found:
            others.append(f"{filled.published.rows[row].title}: {_told(filled, unequal)}")
    notes = []
    if told:
        notes.append(
            f"Letters: Tukey's test at .05. Welch's analysis of variance: {'; '.join(told)}."
        )
    if untested:
        notes.append(f"No test, as no group varies: {', '.join(untested)}.")
    if others:
        notes.append(
            "Games and Howell's test, without the assumption of equal variances, gives other "
            f"letters for {'; '.join(others)}."
        )
    return _with(filled, given, [*notes, _CAUTION])


def lettered_medians(filled: Filled, samples: Samples) -> Filled:
    """Letters by the test of Dwass, Steel, Critchlow and Fligner; Kruskal-Wallis in a note."""
    from ..significance import dscf, kruskal, letters

    told = []
    given: dict[tuple[str, str], str] = {}
    compared = _groups(filled, samples)
    if not compared:
        return filled
    for row, columns, groups in compared:
        found = letters(columns, dscf(groups))
        given |= {(row, column): letter for column, letter in found.items()}
        told.append(f"{filled.published.rows[row].title}: {_p(kruskal(groups).p)}")
    note = (
        "Letters: test of Dwass, Steel, Critchlow and Fligner at .05. Kruskal-Wallis test: "
        f"{'; '.join(told)}."
    )
    return _with(filled, given, [note, _CAUTION])


def _groups(filled: Filled, samples: Samples) -> list[tuple[str, list[str], list[Floats]]]:
    """Rows with at least two columns of at least two samples: row, columns, samples.

    One sample has no spread to be compared by: its column goes without letters.
    """
    found = []
    for row in filled.published.rows:
        columns = [c for c in filled.titles if len(samples.get((row, c), ())) > 1]
        if len(columns) > 1:
            found.append((row, columns, [samples[row, c] for c in columns]))
    return found


def _with(filled: Filled, given: Mapping[tuple[str, str], str], notes: Sequence[str]) -> Filled:
    cells = {at: replace(cell, letters=given.get(at, "")) for at, cell in filled.cells.items()}
    return replace(filled, cells=cells, notes=(*filled.notes, *notes))


def _told(filled: Filled, letters: Mapping[str, str]) -> str:
    return ", ".join(f"{filled.titles[column]} {letter}" for column, letter in letters.items())


def _p(p: float | None) -> str:
    if p is None:
        return "no P"
    return "P < 0.001" if p < 0.001 else f"P = {p:.3f}"
