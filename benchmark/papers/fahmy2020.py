"""The tables and figures of fahmy2020: a 3D against a 2D CNN, by vendor and site.

Any data set with scar will do. How our sites and vendors stand in the paper's rows is in
:mod:`.fahmy2020_strata`, what a cell is made of in :mod:`.fahmy2020_cells`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..policies import Policy
from ..results import Run
from ..text import NONE
from .agreement_figures import bland_altman_panel, regression_panel
from .drawing import PaperFigure, figures_of
from .fahmy2020_cells import (
    agreement,
    class_counts,
    classes,
    dice,
    large_scar,
    lines,
    sizes,
)
from .fahmy2020_making import Cells, Making
from .layout import Cell, Filled, PaperReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["report"]

_LINES = (
    "Slopes of lines through the origin, with their 95 % intervals; r is Pearson's. Welch's t test "
    "of the slopes and Fisher's z test of the correlations take the two models as independent, as "
    "published; they are measured against one reference in the same patients."
)
_DICE = (
    "Of cases with scar in the reference. P in the row of all sites is of 3D against 2D, by the "
    "Kruskal-Wallis test as published; beside it the paired Wilcoxon test, which knows that both "
    "segmented the same patients."
)
_LARGE = (
    "Of several seeds, a case has their mean %LGE; in a case without an answer no large scar is "
    "found. Intervals are exact (Clopper-Pearson): that of "
    "the paper's sensitivity, 51 to 97 % for 10 of 12, is."
)


def report(
    runs: Sequence[Run],
    *,
    roles: Collection[str] = ("test", "external"),
    policy: Policy = Policy.WORST_CASE,
) -> PaperReport:
    """Every table and figure of the paper.

    Args:
        runs: Of one data set with scar; methods ``cnn3d`` and ``cnn2d`` fill the tables.
        roles: Cases of which roles.
        policy: What an undefined Dice counts as.

    Raises:
        DataError: The runs are of neither method, or their data has no scar.
        UsageError: They are of several data sets, or several experiments are of one method.
    """
    making = Making.of(runs, roles, policy)
    tables = (
        _table_1(making), _table_2(making), _lines(making, "3, scar volume", "scar_ml"),
        _lines(making, "3, %LGE", "scar_percent"), _dice(making), _large(making),
        _agreement(making), _classes(making),
    )  # fmt: skip
    return PaperReport(making.paper, making.head(), tables, _figures(making))


def _table_1(making: Making) -> Filled:
    table = making.paper.tables["1"]
    cells = {
        (row, column): Cell(missing="not recorded", text=NONE)
        for row in table.rows
        for column in table.columns
    }
    note = "Tables of runs hold a case's site, vendor and pathology, and nothing else of a patient."
    return Filled(table, cells, (note,))


def _table_2(making: Making) -> Filled:
    note = (
        "With scar are patients whose %LGE of the reference is more than 1 %, as published. Tables "
        "of runs hold the cases that were tested; of those learnt from there is no more than their "
        "number."
    )
    return Filled(making.paper.tables["2"], sizes(making), (note, *making.strata.notes))


def _lines(making: Making, number: str, feature: str) -> Filled:
    table = making.paper.tables[number]
    cells: Cells = {}
    for row in table.rows:
        cells |= {(row, column): cell for column, cell in lines(making, row, feature).items()}
    notes = (_LINES, *making.unanswered(), *making.strata.notes)
    filled = making.filled(number, cells, *notes, columns=_suffixed(making))
    titles = {"n": "Cases", **table.columns}
    return replace(filled, intervals=True, columns=titles, ours_only=("n",))


def _dice(making: Making) -> Filled:
    table = making.paper.tables["3, Dice"]
    cells: Cells = {}
    for row in table.rows:
        cells |= {(row, column): cell for column, cell in dice(making, row).items()}
    filled = making.filled(
        "3, Dice", cells, _DICE, *making.strata.notes, columns=_suffixed(making, "dice")
    )
    titles = {"n": "Cases", **table.columns, "paired": "P, Wilcoxon, paired"}
    return replace(filled, columns=titles, ours_only=("n", "paired"))


def _large(making: Making) -> Filled:
    cells = {
        (row, column): cell
        for column in making.models
        for row, cell in large_scar(making, column).items()
    }
    return replace(making.filled("Text: large scar", cells, _LARGE), intervals=True)


def _agreement(making: Making) -> Filled:
    note = "Limits of agreement are 1.96 standard deviations (ddof 1) of the differences."
    return making.filled("Text: agreement", agreement(making), note, *making.unanswered())


def _classes(making: Making) -> Filled:
    cells = {
        (row, column): cell
        for column in making.models
        for row, cell in classes(making, column).items()
    }
    return making.filled("Text: Dice classes", cells, "Of cases with scar in the reference.")


def _suffixed(making: Making, *kinds: str) -> dict[str, str]:
    """Column of a table -> which model fills it."""
    found: dict[str, str] = {}
    for kind in kinds or ("slope", "r"):
        found |= {f"{kind}_{column[-2:]}": model.label for column, model in making.models.items()}
    return found


def _figures(making: Making) -> tuple[PaperFigure, ...]:
    model = making.models["cnn3d"]
    panels = []
    for panel, make, feature, label, unit in (
        ("5a", regression_panel, "scar_ml", "Scar volume", "mL"),
        ("5b", regression_panel, "scar_percent", "%LGE", "%"),
        ("5c", bland_altman_panel, "scar_ml", "Scar volume", "mL"),
        ("5d", bland_altman_panel, "scar_percent", "%LGE", "%"),
    ):
        title = f"{label} of the 3D CNN"
        pairs = making.pairs("cnn3d", feature)
        panels.append(make(panel, model, title, pairs, label=label, unit=unit))
    return (*figures_of(making.paper, {"5": panels}), _classes_figure(making))


def _classes_figure(making: Making) -> PaperFigure:
    """The classes that the paper names; it draws no such figure."""
    number, title = "Dice classes", "Classes of Dice of scar"
    absent = [model for model in making.models.values() if model.experiment is None]
    if len(absent) == len(making.models):
        return PaperFigure(number, title, command=absent[0].command)

    def draw() -> Figure:
        from ..figures import stacked_classes

        return stacked_classes(class_counts(making), label="Dice of scar", title=title)

    note = "Not in the paper, which names the classes and prints no number of them."
    return PaperFigure(number, title, note, draw)
