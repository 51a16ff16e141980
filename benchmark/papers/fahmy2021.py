"""The tables and figures of fahmy2021: fusion of LGE and cine against LGE alone.

Any data set with scar will do. Internal testing is its role ``test``, external testing its role
``external``. Which slices were successful stands in :mod:`.fahmy2021_slices`, over which of them
volumes are measured in :mod:`.fahmy2021_protocols`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ..policies import Policy
from ..results import Run
from ..text import NONE
from .agreement_figures import bland_altman_panel, regression_panel
from .drawing import PaperFigure, figures_of
from .fahmy2021_cells import agreement, burden, patients, quantities, success
from .fahmy2021_making import STRATA, Cells, Making
from .fahmy2021_protocols import PROTOCOLS
from .layout import Cell, Filled, PaperReport

__all__ = ["report"]

_COUNTS = (
    "A slice counts if the reference has myocardium in it; it is successful if at least 50 % of "
    "that is found. Patients in whom both models fail in every slice are left out, as published. "
    "Of several seeds, counts are means over them, and rounded for the tests. Tests take slices as "
    "independent and unpaired, as published; they are neither."
)
_OWN = (
    "As published, each model is measured over its own successful slices "
    "(as_published:fahmy2021); beside it over all slices of the same patients, and over the slices "
    "that both models segmented successfully. The reference is measured over the same slices. R is "
    "Pearson's. Slopes are of lines through the origin."
)
_DETECTION = (
    "A patient has scar if %Scar of the reference, over all slices, is more than 1 %; it is found "
    "if that of the model is, of several seeds on average. Over all slices, scar is not found in a "
    "case without an answer; otherwise a case without a value is in no number, nor in any line. "
    "Intervals are exact (Clopper-Pearson)."
)


def report(
    runs: Sequence[Run],
    *,
    roles: Collection[str] = ("test", "external"),
    policy: Policy = Policy.WORST_CASE,
) -> PaperReport:
    """Every table and figure of the paper.

    Args:
        runs: Of one data set with scar; methods ``fusion`` and ``lge_only`` fill the tables.
        roles: Cases of which roles.
        policy: Nothing here is a mean of metrics, so it changes nothing.

    Raises:
        DataError: The runs are of neither method, or their data has no scar.
        UsageError: They are of several data sets, or several experiments are of one method.
    """
    making = Making.of(runs, roles)
    tables = (_table_1(making), _table_2(making), _table_3(making), _agreement(making),
              _patients(making))  # fmt: skip
    return PaperReport(making.paper, making.head(policy), tables, _figures(making))


def _table_1(making: Making) -> Filled:
    cells: Cells = {}
    for column in ("training", "validation", "all"):
        for row in ("scar", "scar_median", "n_scar", "n_patients"):
            cells[row, column] = Cell(missing="not tested", text=NONE)
    for column, role in (("training", "train"), ("validation", "validation")):
        if learnt := making.run.record.split.get(role):
            cells["n_patients", column] = Cell(float(len(learnt)))
    for column in ("internal", "external"):
        cells |= {(row, column): cell for row, cell in burden(making, column).items()}
    table = making.paper.tables["1"]
    for row in table.rows:
        for column in table.columns:
            cells.setdefault((row, column), Cell(missing="not recorded", text=NONE))
    note = (
        "%Scar of the reference over the patients with more than 1 %, as in the paper's text. "
        "Tables of runs hold the cases that were tested; of those learnt from there is no more "
        "than their number, and nothing else of a patient is recorded."
    )
    return Filled(table, cells, (note,))


def _table_2(making: Making) -> Filled:
    cells: Cells = {}
    for stratum in STRATA:
        cells |= success(making, stratum, "2")
        for method in making.models:
            for protocol in PROTOCOLS:
                cells |= quantities(making, stratum, method, protocol)
    return making.filled("2", cells, _COUNTS, _OWN, _DETECTION, protocols=True)


def _table_3(making: Making) -> Filled:
    cells: Cells = {}
    for stratum in STRATA:
        cells |= success(making, stratum, "3")
    note = (
        "The paper does not say how it tells locations apart; ours are thirds of the distance from "
        "the first to the last slice with a left ventricle."
    )
    filled = making.filled("3", cells, _COUNTS, note, *making.unplaced())
    titles = making.paper.tables["2"].columns
    by = {titles[column]: model.label for column, model in making.models.items()}
    return replace(filled, filled_by=by)


def _agreement(making: Making) -> Filled:
    cells: Cells = {}
    for method in making.models:
        for protocol in PROTOCOLS:
            cells |= agreement(making, method, protocol)
    note = "Limits of agreement are 1.96 standard deviations (ddof 1) of the differences."
    return making.filled("Text: agreement", cells, note, _OWN, protocols=True)


def _patients(making: Making) -> Filled:
    cells = patients(making)
    return making.filled("Text: patients", cells, _DETECTION)


def _figures(making: Making) -> tuple[PaperFigure, ...]:
    found: dict[str, list[PaperFigure]] = {"3": [], "4": []}
    for number, feature, label, unit in (
        ("3", "scar_percent", "%Scar", "%"),
        ("4", "myocardium_ml", "Myocardial volume", "mL"),
    ):
        for panel, method, make in (
            ("a", "fusion", regression_panel), ("b", "none", regression_panel),
            ("c", "fusion", bland_altman_panel), ("d", "none", bland_altman_panel),
        ):  # fmt: skip
            model = making.models[method]
            told = "with" if method == "fusion" else "without"
            title = f"{label} {told} LGE-cine fusion"
            pairs = making.pairs("all", method, "own", feature)
            figure = make(number + panel, model, title, pairs, label=label, unit=unit)
            note = f"{figure.note} Own successful slices, as published."
            found[number].append(replace(figure, note=note))
    return figures_of(making.paper, found)
