"""The tables and figures of popescu2022, from runs on a data set of LGE.

What a cell is made of stands in :mod:`.popescu2022_cells` and, of volumes, in
:mod:`.popescu2022_volumes`; which runs fill which column in :mod:`.popescu2022_runs`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from .. import averages
from ..bootstrap import RESAMPLES
from ..errors import DataError
from ..policies import Policy, case_means
from ..relaxation import MAPS
from ..results import Run
from ..table import Quantity, tidy
from ..text import number
from .layout import Cell, Filled, PaperReport
from .popescu2022_cells import LEVELS, METRICS, REGIONS, Cells, Making
from .popescu2022_figures import figures
from .popescu2022_runs import METHOD, choose
from .popescu2022_volumes import table_2, table_2_text, table_burden
from .published import PublishedRow
from .selection import experiments, one_dataset
from .slices import cell_of_mean

__all__ = ["report"]

_ELSEWHERE = "no such method here"
#: Rows of Table 3 that are results of other papers.
_OTHERS = ("zabihollahy", "yue", "roth", "challenge", "chen")
_SAMPLES = (
    "Means over cases of the mean over a case's slices; the paper averages the slices of all "
    "patients, and its intervals count them as independent; ours draw patients again. HD: "
    "Hausdorff distance in the slice, in mm."
)


def report(
    runs: Sequence[Run],
    *,
    roles: Collection[str] = ("test",),
    policy: Policy = Policy.WORST_CASE,
) -> PaperReport:
    """Every table of the paper.

    Args:
        runs: Of one data set of LGE; which fills which column, their parameters say.
        roles: Cases of which roles.
        policy: What undefined values count as.

    Raises:
        DataError: The runs have no rows of slices and thirds, or no volumes.
        UsageError: They are of several data sets, or several could fill one column.
    """
    one_dataset(runs)
    _check(runs, roles)
    making = Making(choose(experiments(runs)), roles, policy, runs)
    tables = (
        _table_1(making), _table_1_text(making), table_2(making), table_2_text(making),
        table_burden(making), _table_3(making),
    )  # fmt: skip
    return PaperReport(making.paper, _head(making), tables, figures(making))


def _check(runs: Sequence[Run], roles: Collection[str]) -> None:
    """Refuse runs that can fill no cell.

    Raises:
        DataError: One of them, with everything that it lacks.
    """
    for run in runs:
        regions = set(run.scores["region"].astype(str)) & set(REGIONS)
        volumes = set(run.features["feature"].astype(str)) & {f"{name}_ml" for name in REGIONS}
        maps = set(run.cases["map"].dropna().astype(str)) & set(MAPS) if "map" in run.cases else ()
        lacking = [
            what
            for there, what in (
                (not maps, "images of LGE but T1 and T2 maps"),
                (bool(regions), "scores of the left ventricle, its myocardium or scar"),
                (bool(volumes), "volumes"),
                (bool(run.cases["role"].isin(list(roles)).any()),
                 f"cases of role {' or '.join(roles)}"),
            )
            if not there
        ]  # fmt: skip
        if lacking:
            raise DataError(
                f"{run.source} ({run.label} on {run.dataset}) has no {', no '.join(lacking)}: the "
                "tables of popescu2022 are of LGE.",
                f"Type 'bench run -m {METHOD} -d lge'.",
            )


def _head(making: Making) -> tuple[str, ...]:
    data = making.run.record.dataset
    synthetic = ", SYNTHETIC: computed, not measured in patients" * data.synthetic
    return (
        f"{making.paper.name}: {making.paper.citation}.",
        f"Ours: {data.title or data.name} ({data.name}){synthetic}.",
        f"Cases of role {' + '.join(making.roles)}. The paper's patients all have scar; ours need "
        "not.",
        f"Undefined values, policy {making.policy}: {making.policy.sentence}.",
    )


def _quantity(row: str, column: str) -> Quantity:
    region, _, metric = row.rpartition("_")
    name, dim, _ = METRICS[metric]
    return Quantity(region, name, dim, LEVELS[column])


def _table_1(making: Making) -> Filled:
    main = making.models.main
    rows = making.paper.tables["1"].rows
    cells = making.cells_of(main, {(r, c): _quantity(r, c) for r in rows for c in LEVELS})
    notes = [
        _SAMPLES,
        "Thirds of the distance from the reference's first slice with a left ventricle to its "
        "last; the total is over all slices with one.",
        "BA (balanced accuracy) is taken over the whole field of view; the paper names no region, "
        "probably its image of 192 x 192 pixels: its specificity depends on that.",
    ]
    if main.experiment is not None:
        notes += _missed(making)
    filled = making.filled("1", cells, *notes, **dict.fromkeys(LEVELS, main))
    return replace(filled, intervals=True)


def _missed(making: Making) -> Iterator[str]:
    """What the means are where they can be measured at all: a missed slice has no distance."""
    titles = making.paper.tables["1"].rows
    for region in REGIONS:
        found = making.both_there(region)
        if found.hd is not None and found.n < found.counted:
            yield (
                f"{titles[f'{region}_hd'].title}, total: {number(found.hd, 1)} over the {found.n} "
                f"of {found.counted} slices (of all seeds) where both masks have it. The others "
                "have no distance, and the paper does not say what it takes for one."
            )
        if region in ("scar", "core_scar") and found.dice is not None and found.ba is not None:
            yield (
                f"{titles[f'{region}_ba'].title} and Dice, total: {number(100 * found.ba, 1)} and "
                f"{number(found.dice, 2)} over the {found.n_there} slices (of all seeds) where the "
                "reference has it; the paper used slices 'with enhancement segmentation ground "
                "truth', perhaps only these."
            )


def _table_1_text(making: Making) -> Filled:
    table = making.paper.tables["1, text"]
    models = {"whole": making.models.main, **making.models.ablations}
    cells: Cells = {}
    for column, model in models.items():
        cells |= making.cells_of(model, {(r, column): _quantity(r, "total") for r in table.rows})
    return making.filled(
        "1, text", cells, _SAMPLES,
        "The paper says that the third network 'did not have significant impact on performance "
        "metrics', and that adding LGE-like images 'improved the network's ability to identify "
        "regions of enhancement'; it prints no number of either.",
        *_differences(making), **models,
    )  # fmt: skip


def _differences(making: Making) -> Iterator[str]:
    """Paired tests of the whole model against each ablation, Holm within the table."""
    from ..significance import holm, paired

    main = making.models.main.experiment
    titles = making.paper.tables["1, text"].columns
    told, ps = [], []
    for name, model in making.models.ablations.items():
        if main is None or model.experiment is None:
            continue
        for row in making.paper.tables["1, text"].rows.values():
            quantity = _quantity(row.name, "total")
            rows = making.table[quantity.rows(making.table)]
            labels = [main.label, model.experiment.label]
            wide = (
                case_means(rows[rows["label"].isin(labels).to_numpy()], making.policy)
                .astype({"label": "object", "patient": "object", "case": "object"})
                .pivot_table(index=["patient", "case"], columns="label", values="value")
                .reindex(columns=labels)
            )
            patients = wide.index.get_level_values("patient").to_numpy(dtype=str)
            values = wide.to_numpy(dtype=float)
            found = paired(values[:, 0], values[:, 1], patients)
            if found.difference is not None:
                told.append((row.title, titles[name].lower(), found))
                ps.append(found.p)
    for (title, other, found), p in zip(told, holm(ps), strict=True):
        test = found.note if p is None else "P " + ("< 0.001" if p < 0.001 else f"= {p:.3f}")
        yield (
            f"{title}: all stages minus {other} {found.difference:+.3f} over "
            f"{found.n_patients} patients, Wilcoxon, Holm within this table: {test}."
        )


def _table_3(making: Making) -> Filled:
    main = making.models.main
    columns = {"dice": "myocardium_dice", "hd": "myocardium_hd"}
    quantities = {c: _quantity(row, "total") for c, row in columns.items()}
    shown = making.models.shown
    means = making.means(shown, list(quantities.values()))
    cells: Cells = {}
    for column in columns:
        cells |= {(row, column): Cell(missing=_ELSEWHERE) for row in _OTHERS}
        cells["acsnet", column] = Cell(command=main.command)
    cells |= _between_readers(making)
    published = making.paper.tables["3"]
    rows = dict(published.rows)
    for experiment in shown:
        name = "acsnet" if experiment is main.experiment else f"ours: {experiment.label}"
        rows.setdefault(name, PublishedRow(name, f"Ours: {experiment.label}", "", 2, {}))
        for column, mean in zip(columns, means[experiment.label], strict=True):
            cells[name, column] = cell_of_mean(mean)
    filled = making.filled(
        "3", cells, _SAMPLES,
        "Rows below the paper's own are the other runs that were given. The other methods of the "
        "paper's table are not implemented here; their numbers are on data sets of their own, "
        "'a general guidepost rather than a precise comparison', as it says.",
        acsnet=main,
    )  # fmt: skip
    return replace(filled, published=replace(published, rows=rows), intervals=True)


def _between_readers(making: Making) -> Cells:
    """The agreement of readers, where the data set has several: all runs have the same of it."""
    sides = {"reference", "prediction", "perfect_mask"}
    scores = making.run.scores
    between = pd.Series(False, index=scores.index)
    if {"reference", "compared"} <= set(scores):
        between = ~scores["reference"].isin(sides) & ~scores["compared"].isin(sides)
    quantities = [Quantity("myocardium", name, dim, "slice")
                  for name, dim in (("dice", None), ("hd", "slice"))]  # fmt: skip
    wanted = np.logical_or.reduce([q.rows(scores) for q in quantities])
    rows = tidy([replace(making.run, scores=scores[between.to_numpy(dtype=bool) & wanted])])
    rows = rows[rows["role"].isin(list(making.roles)).to_numpy(dtype=bool)]
    if not len(rows):
        missing = Cell(missing="needs a data set with two readers")
        return {("interobserver", column): missing for column in ("dice", "hd")}
    label = str(rows["label"].iloc[0])
    means = averages.cells(rows, [label], quantities, making.policy, RESAMPLES, 0)[label]
    return {("interobserver", column): cell_of_mean(mean)
            for column, mean in zip(("dice", "hd"), means, strict=True)}  # fmt: skip
