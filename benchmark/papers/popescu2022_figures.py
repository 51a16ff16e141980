"""Figures of popescu2022: histograms of Dice by third, and errors of volumes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..policies import case_means
from ..table import Quantity
from .drawing import PaperFigure, figures_of
from .popescu2022_cells import Making
from .popescu2022_volumes import normalised_errors
from .selection import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figures", "thirds_of_dice"]

Floats = NDArray[np.float64]
#: Rows and columns of Figure 6.
_THIRDS = {"base": "basal", "middle": "middle", "apex": "apical"}
_REGIONS = {"lv": "LV ROI", "myocardium": "Myocardium"}
_VOLUMES = {"8a": ("lv", "LV volume"), "8b": ("core_scar", "core scar volume")}


def figures(making: Making) -> tuple[PaperFigure, ...]:
    """All figures of the paper, in its order."""
    main = making.models.main
    experiment = main.experiment

    titles = {number: figure.title for number, figure in making.paper.figures.items()}
    panels = [
        PaperFigure(
            panel,
            f"Normalised absolute error of the {label}",
            "A dot for each case whose reference has the region (mean over seeds), a line at the "
            f"mean. Of {main.label}.",
            draw=partial(_figure_8, making, experiment, region, label) if experiment else None,
            command=main.command,
        )
        for panel, (region, label) in _VOLUMES.items()
    ]
    return figures_of(
        making.paper,
        {
            "1": PaperFigure(
                "1", titles["1"],
                missing="a map of places within slices, of which the tables of a run keep none",
            ),
            "6": PaperFigure(
                "6", titles["6"],
                "Of each case, the mean Dice of its slices in the third, over seeds (the paper: of "
                "each slice, as which slices are in a third is not kept). Solid line: mean; dotted "
                f"lines: 5th and 95th percentile. Of {main.label}.",
                draw=partial(_figure_6, making, experiment) if experiment else None,
                command=main.command,
            ),
            "8": panels,
        },
    )  # fmt: skip


def thirds_of_dice(making: Making, experiment: Experiment) -> dict[tuple[str, str], Floats]:
    """By (region, third), the Dice of each case: what Figure 6 is drawn from."""
    table = making.table[(making.table["label"] == experiment.label).to_numpy(dtype=bool)]
    found = {}
    for region in _REGIONS:
        for third in _THIRDS:
            rows = table[Quantity(region, "dice", None, third).rows(table)]
            values = case_means(rows, making.policy)["value"] if len(rows) else rows["value"]
            found[region, third] = values.dropna().to_numpy(dtype=np.float64)
    return found


def _figure_6(making: Making, experiment: Experiment) -> Figure:
    from ..figures import level_histograms

    values = thirds_of_dice(making, experiment)
    by_third = {third: {title: values[region, part] for region, title in _REGIONS.items()}
                for part, third in _THIRDS.items()}  # fmt: skip
    return level_histograms(by_third, label="Dice", span=(0.0, 1.0))


def _figure_8(making: Making, experiment: Experiment, region: str, label: str) -> Figure:
    from ..figures import dots

    errors = normalised_errors(making, experiment)[region]
    return dots(
        {label[:1].upper() + label[1:]: errors}, label="Normalised absolute error", unit="%"
    )
