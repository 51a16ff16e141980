"""The quantitative figures of mapping2023: split violins of model and experts, and distributions.

A sample is a slice, as in its tables (:mod:`.mapping2023_cells`), but of one contour where the
figure parts epi- and endocardium.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .drawing import PaperFigure, figures_of
from .mapping2023_cells import METRICS, Making
from .samples import Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figures", "halves"]

Floats = NDArray[np.float64]
_CONTOURS = {"epi": "Epicardial", "endo": "Endocardial"}
_THIRDS = {"base": "Basal", "middle": "Midventricular", "apex": "Apical"}
#: Row of the tables -> what the axis says, its unit, and whether it is logarithmic.
_AXES = {"dice": ("Dice", "%", False), "hd": ("Hausdorff distance", "mm", True)}
#: Rows of Table 8, short enough to stand beside a violin.
_STEPS = {"none": "No post-processing", "interpolation": "+ interpolation",
          "filter": "+ filtering", "hull": "+ convex hull"}  # fmt: skip
_MODEL, _EXPERTS = "Automated vs experts", "Agreement of experts"


def figures(making: Making) -> tuple[PaperFigure, ...]:
    """All figures of the paper, in its order."""
    main = making.models.main
    drawn = main.experiment is not None
    of = f"Of {main.label}."
    halved = (
        "A sample is a slice, over the readers or the pairs of them; dashed: median and quartiles. "
    )
    panels: dict[str, list[PaperFigure]] = {"5": [], "8": []}
    for letter, row in zip("ab", _AXES, strict=True):
        label = _AXES[row][0]
        panels["5"].append(
            PaperFigure(
                f"5{letter}",
                f"{label} of epi- and endocardium, model and experts",
                halved + of,
                draw=partial(_figure_5, making, row) if drawn else None,
                command=main.command,
            )
        )
    for letter, (row, region) in zip(
        "abcd", [(row, region) for row in _AXES for region in _CONTOURS], strict=True
    ):
        title = f"{_CONTOURS[region]} {_AXES[row][0]}"
        panels["8"].append(
            PaperFigure(
                f"8{letter}",
                f"{title} by slice, model and experts",
                halved + of,
                draw=partial(_figure_8, making, row, region) if drawn else None,
                command=main.command,
            )
        )
    steps = making.models.steps
    lacking = [model.command for model in steps.values() if model.experiment is None]
    there = len(lacking) < len(steps)
    missed = f" Not run yet: {'; '.join(dict.fromkeys(lacking))}." if lacking else ""
    best = making.experts.best("hd_points", "epi")
    return figures_of(
        making.paper,
        {
            **panels,
            "9": PaperFigure(
                "9",
                making.paper.figures["9"].title,
                "Contours fitted to the mask of the reference's own contours, against these: one "
                "value for each slice, between discrete points.",
                draw=partial(_figure_9, making) if len(best) else None,
                missing="these runs have no row of a perfect mask",
            ),
            "A1": PaperFigure(
                "A1",
                making.paper.figures["A1"].title,
                "A sample is a slice, the mean over both contours and all readers; distances are "
                f"between discrete points.{missed}",
                draw=partial(_figure_a1, making) if there else None,
                command=lacking[0] if lacking and not there else "",
            ),
        },
    )


def halves(making: Making, row: str, region: str, where: str | None = None) -> Mapping[str, Floats]:
    """The two sides of a violin: one value for each slice.

    Args:
        making: Of a report.
        row: ``dice`` or ``hd``.
        region: ``epi`` or ``endo``.
        where: A third of the ventricle; every slice by default.
    """
    metric, scale = METRICS[row]
    found = {}
    model = making.scores(making.models.main.experiment)
    if model is not None:
        found[_MODEL] = _values(_of(model, region).model(metric, where=where)) * scale
    found[_EXPERTS] = _values(_of(making.experts, region).experts(metric, where=where)) * scale
    return found


def _of(scores: Scores, region: str) -> Scores:
    """One contour's scores alone."""
    rows = scores.table
    return replace(scores, table=rows[(rows["region"] == region).to_numpy(dtype=bool)])


def _values(samples: pd.DataFrame) -> Floats:
    return samples["value"].to_numpy(dtype=np.float64)


def _figure_5(making: Making, row: str) -> Figure:
    from ..figures import split_violins

    label, unit, log = _AXES[row]
    groups = {title: halves(making, row, region) for region, title in _CONTOURS.items()}
    return split_violins(groups, label=label, unit=unit, log=log)


def _figure_8(making: Making, row: str, region: str) -> Figure:
    from ..figures import split_violins

    label, unit, log = _AXES[row]
    groups = {title: halves(making, row, region, third) for third, title in _THIRDS.items()}
    return split_violins(groups, label=f"{_CONTOURS[region]} {label}", unit=unit, log=log)


def _figure_9(making: Making) -> Figure:
    from ..figures import violins

    values = {f"{title.removesuffix('al')}um": _values(making.experts.best("hd_points", region))
              for region, title in _CONTOURS.items()}  # fmt: skip
    return violins(values, label="Achievable best Hausdorff distance", unit="mm")


def _figure_a1(making: Making) -> Figure:
    from ..figures import PAGE_MM, violins

    values = {}
    for step, model in making.models.steps.items():
        scores = making.scores(model.experiment)
        if scores is not None:
            values[_STEPS[step]] = _values(scores.model(METRICS["hd"][0]))
    return violins(values, label="Hausdorff distance", unit="mm", log=True, width_mm=PAGE_MM)
