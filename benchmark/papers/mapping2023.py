"""The tables and figures of mapping2023, from runs on a data set of T1 and T2 maps.

What a cell is made of stands in :mod:`.mapping2023_cells`, which runs fill which column in
:mod:`.mapping2023_runs`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..policies import Policy
from ..relaxation import MAPS, MapKind
from ..results import Run
from .layout import Cell, Filled, PaperReport
from .mapping2023_cells import SAMPLES, Cells, Making
from .mapping2023_figures import figures
from .mapping2023_letters import lettered_means
from .mapping2023_runs import METHOD, PRETRAINED, choose
from .mapping2023_values import cost_cells, figure_9, table_5, table_5_text
from .selection import experiments, one_dataset

__all__ = ["report"]

#: Column -> third of the ventricle.
THIRDS = {"basal": "base", "middle": "middle", "apical": "apex"}


def report(
    runs: Sequence[Run],
    *,
    roles: Collection[str] = ("test",),
    policy: Policy = Policy.WORST_CASE,
) -> PaperReport:
    """Every table and figure of the paper.

    Args:
        runs: Of one data set of maps; which fills which column, their parameters say.
        roles: Cases of which roles.
        policy: What undefined values count as.

    Raises:
        DataError: The runs are not of maps, were scored before there were rows of readers, or have
            no case of these roles.
        UsageError: They are of several data sets, or several could fill one column.
    """
    one_dataset(runs)
    _check(runs)
    if not any(run.cases["role"].isin(list(roles)).any() for run in runs):
        raise DataError(
            f"{runs[0].source} has no cases of role {' or '.join(roles)}.", "Name other roles."
        )
    making = Making(choose(experiments(runs)), roles, policy, runs[0])
    tables = (
        _table_1(making), _table_2(making), _table_3(making), _table_4(making), table_5(making),
        table_5_text(making), _table_6(making), _table_7(making), _table_8(making),
        _table_a1(making), figure_9(making),
    )  # fmt: skip
    return PaperReport(making.paper, _head(making), tables, figures(making))


def _check(runs: Sequence[Run]) -> None:
    """Refuse runs that can fill no cell.

    Raises:
        DataError: One of them, with everything that it lacks.
    """
    for run in runs:
        scores = run.scores
        maps: set[str] = set()
        if "map" in run.cases:
            maps = set(run.cases["map"].dropna().astype(str)) & set(MAPS)
        given = set(scores["compared"].astype(str)) if "compared" in scores else set()
        contours = "dim" in scores and bool((scores["dim"] == "contour").any())
        lacking = [
            what
            for there, what in (
                (bool(maps), "cases that are T1 or T2 maps"),
                (contours, "contours of the reference"),
                (bool(given - {"prediction"}), "rows of readers"),
            )
            if not there
        ]
        if lacking:
            raise DataError(
                f"{run.source} ({run.label} on {run.dataset}) has no {', no '.join(lacking)}: the "
                "tables of mapping2023 are of T1 and T2 maps that several readers outlined.",
                f"Type 'bench run -m {METHOD} -d mapping'; an older run on maps, start again: "
                "scoring alone is done anew.",
            )


def _head(making: Making) -> tuple[str, ...]:
    data, experts = making.run.record.dataset, making.experts
    synthetic = ", SYNTHETIC: computed, not measured in patients" * data.synthetic
    return (
        f"{making.paper.name}: {making.paper.citation}.",
        f"Ours: {data.title or data.name} ({data.name}){synthetic}.",
        f"Cases of role {' + '.join(making.roles)}. Readers: {', '.join(experts.readers) or 'none'}"
        f"; slices left out because not every reader drew them: {experts.n_undrawn}.",
        f"Undefined values, policy {making.policy}: {making.policy.sentence}.",
        *making.models.notes,
    )


def _images(making: Making) -> Mapping[str, Mapping[str, Mapping[str, int]]]:
    """Role -> map -> third -> how many images, as the model's run counted them."""
    main = making.models.main.experiment
    run = main.runs[0] if main else making.run
    counted: Mapping[str, Mapping[str, Mapping[str, int]]] = run.record.stages.get("score", {}).get(
        "images", {}
    )
    return counted


def _table_1(making: Making) -> Filled:
    counted = _images(making)
    cells: Cells = {}
    for row, roles in (("train", ["train"]), ("test", list(making.roles))):
        maps = [levels for role in roles for levels in counted.get(role, {}).values()]
        for column in (*THIRDS, "total"):
            if not maps:
                missing = "learns from none" if row == "train" else "not recorded"
                cells[row, column] = Cell(missing=missing)
                continue
            third = THIRDS.get(column)
            counts = [n for levels in maps for k, n in levels.items() if third in (None, k)]
            cells[row, column] = Cell(float(sum(counts)))
    note = (
        "Slices of T1 and T2 maps in which the reference has a left ventricle. Levels are thirds "
        "of the distance from the reference's first slice to its last."
    )
    return making.filled("1", cells, note, train=making.models.main)


def _table_2(making: Making) -> Filled:
    cells = dict(making.model("model", making.models.main))
    cells |= dict(making.between("experts"))
    samples = dict(making.samples("model")) | dict(making.samples("experts"))
    return lettered_means(making.filled("2", cells, SAMPLES, model=making.models.main), samples)


def _table_3(making: Making) -> Filled:
    cells: Cells = {}
    samples: dict[tuple[str, str], NDArray[np.float64]] = {}
    for kind in MAPS:
        for side in ("model", "experts"):
            samples |= dict(making.samples(f"{side}_{kind}", kind=kind))
        cells |= dict(making.model(f"model_{kind}", making.models.main, kind=kind))
        cells |= dict(making.between(f"experts_{kind}", kind=kind))
        cells["n_train", f"model_{kind}"] = _trained_on(making, kind)
        for side in ("model", "experts"):
            found = cells["iou", f"{side}_{kind}"]
            n = None if found.n is None else float(found.n)
            cells["n_test", f"{side}_{kind}"] = Cell(n, command=found.command)
    by = {f"model_{kind}": making.models.main for kind in MAPS}
    return lettered_means(making.filled("3", cells, SAMPLES, **by), samples)


def _trained_on(making: Making, kind: MapKind) -> Cell:
    main = making.models.main
    if main.experiment is None:
        return Cell(command=main.command)
    levels = _images(making).get("train", {}).get(kind, {})
    return Cell(float(sum(levels.values()))) if levels else Cell(missing="learns from none")


def _table_4(making: Making) -> Filled:
    cells: Cells = {}
    samples: dict[tuple[str, str], NDArray[np.float64]] = {}
    for column, third in THIRDS.items():
        for side in ("model", "experts"):
            samples |= dict(making.samples(f"{side}_{column}", where=third))
        cells |= dict(making.model(f"model_{column}", making.models.main, where=third))
        cells |= dict(making.between(f"experts_{column}", where=third))
    note = "Levels are thirds of the distance from the reference's first slice to its last."
    by = {f"model_{column}": making.models.main for column in THIRDS}
    return lettered_means(making.filled("4", cells, SAMPLES, note, **by), samples)


def _table_6(making: Making) -> Filled:
    unet, main = making.models.unet, making.models.main
    cells = dict(making.model("unet", unet)) | dict(making.model("resnet50", main))
    cells |= cost_cells("unet", unet) | cost_cells("resnet50", main)
    notes = ["Times are those of the machine of our runs; of a slice, the median over cases."]
    if main.experiment is not None:
        encoder = main.experiment.parameters.get("encoder")
        if encoder != "resnet50":
            what = f"encoder {encoder}" if encoder else main.label
            notes.append(f"Our right column is of {what}, not of a ResNet-50.")
    return making.filled("6", cells, *notes, unet=unet, resnet50=main)


def _table_7(making: Making) -> Filled:
    without, pretrained = making.models.without, making.models.pretrained
    cells = dict(making.model("without", without)) | dict(making.model("with", pretrained))
    notes = []
    if without.experiment is not None and making.models.main is without:
        others = PRETRAINED.keys() - {"encoder_weights"}
        given = without.experiment.parameters
        differing = sorted(k for k in others if given.get(k, PRETRAINED[k]) != PRETRAINED[k])
        if differing:
            notes.append(
                "Published weights are those of one network: our columns differ in "
                f"{' and '.join(differing)} too, so not by the weights alone."
            )
    return making.filled("7", cells, *notes, without=without, **{"with": pretrained})


def _table_8(making: Making) -> Filled:
    cells: Cells = {}
    for row, model in making.models.steps.items():
        for (_, column), cell in making.model("hd", model, rows=["hd"]):
            cells[row, column] = cell
    note = (
        "Hausdorff distance between the discrete points of contours, which falls as points lie "
        "denser. Where a slice has several contours of a kind, the points of all of them count."
    )
    return making.filled("8", cells, note, **making.models.steps)


def _table_a1(making: Making) -> Filled:
    main = making.models.main
    only = {"t1": making.models.only_t1, "t2": making.models.only_t2}
    cells: Cells = {}
    for kind, model in only.items():
        cells |= dict(making.model(f"combined_{kind}", main, kind=kind, spread=True))
        cells |= dict(making.model(f"only_{kind}", model, kind=kind, spread=True))
    by = {f"combined_{kind}": main for kind in only}
    return making.filled("A1", cells, SAMPLES, **by, **{f"only_{k}": m for k, m in only.items()})
