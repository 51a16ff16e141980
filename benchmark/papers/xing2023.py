"""What xing2023 shows, from runs of its four methods: direct, two_step, mtl and jdl.

The paper has no numbered table and prints three scores in all (section 4.2); its figures print no
number, and nothing was read off them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from .. import averages
from ..bootstrap import RESAMPLES
from ..errors import DataError
from ..policies import Policy, case_means
from ..results import Run
from .layout import Cell, Filled, PaperReport
from .published import load
from .selection import experiments, one_dataset
from .slices import cell_of_mean, heart_slices
from .xing2023_figures import figures
from .xing2023_runs import OWN, TABLES, Making, choose

__all__ = ["report"]

#: Row of "Text 3.1, training" -> parameter of the method.
_PARAMETERS = {
    "learning_rate": "learning_rate", "dropout": "dropout", "loss_weight": "myocardium_weight",
    "weight_decay": "weight_decay", "n_batch": "batch", "n_epochs": "epochs",
}  # fmt: skip
_IMAGES = (
    "Means over cases of the mean over a case's slices with a left ventricle, with seeds averaged "
    "within the case; the paper does not say over what its means are, and chose 635 images of 168 "
    "patients by a rule that it does not tell."
)
_SWAPPED = (
    "Precision is the share of the predicted scar that is scar, recall the share of the scar that "
    "is found, as the paper's formulas say; its sentence on what a high value of each means has "
    "the two swapped."
)


def report(
    runs: Sequence[Run],
    *,
    roles: Collection[str] = ("test",),
    policy: Policy = Policy.WORST_CASE,
) -> PaperReport:
    """Everything that the paper shows of its methods.

    Args:
        runs: Of one data set of LGE; runs of methods that are not the paper's are left aside.
        roles: Cases of which roles.
        policy: What undefined values count as.

    Raises:
        DataError: None is of a method of the paper, or they have no case of these roles.
        UsageError: They are of several data sets, or a method is there with several parameters.
    """
    one_dataset(runs)
    known = experiments(runs)
    models = choose(known)
    used = tuple(run for e in models.values() if e.experiment for run in e.experiment.runs)
    for run in used:
        if not run.cases["role"].isin(list(roles)).any():
            raise DataError(
                f"{run.source} has no cases of role {' or '.join(roles)}.", "Name other roles."
            )
    making = Making(models, used, tuple(roles), policy, load("xing2023"))
    aside = sorted({e.label for e in known} - set(making.labels.values()))
    data = used[0].record.dataset
    synthetic = ", SYNTHETIC: computed, not measured in patients" * data.synthetic
    head = [
        f"{making.paper.name}: {making.paper.citation}.",
        f"Ours: {data.title or data.name} ({data.name}){synthetic}.",
        f"Cases of role {' + '.join(roles)}.",
        f"Undefined values, policy {policy}: {policy.sentence}.",
    ]
    if aside:
        head.append(f"Not methods of this paper, left aside: {', '.join(aside)}.")
    tables = (
        _table_data(making), _table_training(making),
        *(_table_scores(making, name) for name in TABLES),
    )  # fmt: skip
    return PaperReport(making.paper, tuple(head), tables, figures(making))


def _table_data(making: Making) -> Filled:
    record, cases = making.runs[0].record, making.runs[0].cases
    tested = cases[cases["role"].isin(making.roles).to_numpy()]
    cells: dict[tuple[str, str], Cell] = {}
    inside = heart_slices(making.runs)
    if inside is None:
        cells["n_test", "images"] = Cell(missing="not recorded")
    else:
        n = int(inside.get_level_values("case").isin(tested["case"]).sum())
        cells["n_test", "images"] = Cell(float(n))
    cells["n_test", "patients"] = Cell(float(tested["patient"].nunique()))
    trained = record.split.get("train", [])
    cells["n_train", "patients"] = (
        Cell(float(len(trained))) if trained else Cell(missing="not recorded")
    )
    counted = record.stages.get("score", {}).get("images", {}).get("train", {})
    images = sum(n for levels in counted.values() for n in levels.values())
    cells["n_train", "images"] = Cell(float(images)) if images else Cell(missing="not recorded")
    note = (
        "Our images are all slices in which the reference has a left ventricle; of training, "
        "patients are cases."
    )
    return Filled(making.paper.tables["Text 3.1, data"], cells, (note,))


def _table_training(making: Making) -> Filled:
    model = making.models[OWN]
    table = making.paper.tables["Text 3.1, training"]
    cells: dict[tuple[str, str], Cell] = {}
    for row, name in _PARAMETERS.items():
        if model.experiment is None:
            cells[row, OWN] = Cell(command=model.command)
            continue
        value = model.experiment.parameters.get(name)
        number = None if value is None else float(value)
        cells[row, OWN] = Cell(
            number, missing="not recorded", text="" if number is None else f"{number:g}"
        )
    notes = ["Ours: the parameters of the runs, which 'bench tune' may set for other data."]
    if model.experiment is not None:
        backbone = model.experiment.parameters.get("backbone")
        weights = model.experiment.parameters.get("encoder_weights")
        notes.append(
            f"Backbone {backbone}, encoder weights {weights}; the paper's is TransUNet with a "
            "transformer trained on ImageNet-21k."
        )
    return Filled(table, cells, tuple(notes), {OWN: model.label})


def _table_scores(making: Making, name: str) -> Filled:
    columns = TABLES[name]
    labels = list(making.labels.values())
    means = averages.cells(
        making.table, labels, list(columns.values()), making.policy, RESAMPLES, 0
    )
    cells: dict[tuple[str, str], Cell] = {}
    for method, model in making.models.items():
        for i, column in enumerate(columns):
            cells[method, column] = (
                Cell(command=model.command)
                if model.experiment is None
                else cell_of_mean(means[making.labels[method]][i])
            )
    notes = [_IMAGES, *([_SWAPPED] if name == "Figure 4" else []), *_compared(making, name)]
    return Filled(
        making.paper.tables[name], cells, tuple(notes),
        {method: model.label for method, model in making.models.items()},
        intervals=True, ours_only=("volume",) if "volume" in columns else (),
    )  # fmt: skip


def _compared(making: Making, name: str) -> Iterator[str]:
    """The paper's method against the others: paired over patients, Holm within the table."""
    from ..significance import holm, paired

    if OWN not in making.labels:
        return
    told, ps = [], []
    for column, quantity in TABLES[name].items():
        rows = making.table[quantity.rows(making.table)]
        wide = (
            case_means(rows, making.policy)
            .astype({"label": "object", "patient": "object", "case": "object"})
            .pivot_table(index=["patient", "case"], columns="label", values="value")
            .reindex(columns=list(making.labels.values()))
        )
        patients = wide.index.get_level_values("patient").to_numpy(dtype=str)
        for other, label in making.labels.items():
            if other == OWN:
                continue
            ours = wide[making.labels[OWN]].to_numpy(dtype=float)
            found = paired(ours, wide[label].to_numpy(dtype=float), patients)
            if found.difference is not None:
                told.append((column, other, found))
                ps.append(found.p)
    for (column, other, found), p in zip(told, holm(ps), strict=True):
        interval = "" if found.low is None else f" [{found.low:+.3f}, {found.high:+.3f}]"
        test = found.note if p is None else "P " + ("< 0.001" if p < 0.001 else f"= {p:.3f}")
        title = making.paper.tables[name].columns[column]
        yield (
            f"{title}: {OWN} minus {other} {found.difference:+.3f}{interval} over "
            f"{found.n_patients} patients, Wilcoxon, Holm within this table: {test}."
        )
