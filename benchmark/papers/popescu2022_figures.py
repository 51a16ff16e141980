"""Figures of popescu2022: histograms of Dice by third, and errors of volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
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
_VOLUMES = {"8a": ("lv", "LV volume"), "8b": ("core_scar", "Core scar volume")}


def figures(making: Making) -> tuple[PaperFigure, ...]:
    """All figures of the paper, in its order."""
    main = making.models.main
    experiment = main.experiment

    def sixth() -> Figure:
        assert experiment is not None
        return _histograms(thirds_of_dice(making, experiment))

    def eighth(region: str, label: str) -> Figure:
        assert experiment is not None
        return _errors(normalised_errors(making, experiment)[region], label)

    titles = {number: figure.title for number, figure in making.paper.figures.items()}
    drawn = experiment is not None
    panels = [
        PaperFigure(
            panel,
            f"Normalised absolute error of the {label}",
            "A dot for each case whose reference has the region (mean over seeds), a line at the "
            f"mean. Of {main.label}.",
            draw=(lambda region=region, label=label: eighth(region, label)) if drawn else None,
            command=main.command,
        )
        for panel, (region, label) in _VOLUMES.items()
    ]
    return figures_of(
        making.paper,
        {
            "1": PaperFigure(
                "1", titles["1"],
                missing="needs the masks themselves, of which runs keep areas and volumes alone",
            ),
            "6": PaperFigure(
                "6", titles["6"],
                "Of each case, the mean Dice of its slices in the third, over seeds (the paper: of "
                "each slice, as which slices are in a third is not kept). Solid line: mean; dotted "
                f"lines: 5th and 95th percentile. Of {main.label}.",
                draw=sixth if drawn else None,
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


def _histograms(values: dict[tuple[str, str], Floats]) -> Figure:
    """Three rows of thirds, two columns of regions; 0 to 1 in steps of .05."""
    from ..figures.style import INK, PAGE_MM, PALETTE, settings, sheet

    if not any(map(len, values.values())):
        raise DataError("There is no Dice of the LV or the myocardium.", "Name other runs.")
    means = "; ".join(f"{region} {third} {row.mean():.2f}" for (region, third), row in
                      values.items() if len(row))  # fmt: skip
    with settings():
        figure = sheet("Dice by location", f"Histograms of Dice. Means: {means}.", PAGE_MM, 110)
        axes = figure.subplots(len(_THIRDS), len(_REGIONS), sharex=True, sharey=True)
        bins = np.linspace(0, 1, 21)
        for j, (region, title) in enumerate(_REGIONS.items()):
            for i, (third, name) in enumerate(_THIRDS.items()):
                ax, row = axes[i, j], values[region, third]
                ax.set_title(f"{title}, {name} (n = {len(row)})")
                ax.set_xlim(0, 1)
                if not len(row):
                    ax.text(0.5, 0.5, "no value", ha="center", transform=ax.transAxes, color=INK)
                    continue
                ax.hist(row, bins=bins, color=PALETTE[j], alpha=0.75)
                ax.axvline(row.mean(), color=INK, lw=1.2)
                for share in np.percentile(row, [5, 95]):
                    ax.axvline(share, color=INK, lw=0.9, ls=":")
                ax.text(0.02, 0.88, f"mean {row.mean():.2f}", transform=ax.transAxes, color=INK)
        for ax in axes[-1]:
            ax.set_xlabel("Dice")
        for ax in axes[:, 0]:
            ax.set_ylabel("cases")
        return figure


def _errors(values: Floats, label: str) -> Figure:
    from ..figures import dots

    if not values.size:
        raise DataError(f"There is no error of the {label}.", "Name runs that give the region.")
    return dots({label: values}, label="Normalised absolute error", unit="%")
