"""Which runs are which model of popescu2022, by the parameters of the method ``acsnet``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError
from .selection import Column, Experiment, column, command

__all__ = ["METHOD", "Models", "choose"]

#: The method of the paper.
METHOD = "acsnet"
#: What the model of its tables has, whatever else its parameters are.
_WHOLE: Mapping[str, Any] = {
    "roi": "predicted", "style": True, "cleanup": True, "anatomy": True, "keep_valid": False,
    "volumetric": True,
}  # fmt: skip
#: Column of "1, text" -> what it leaves out.
ABLATIONS: Mapping[str, Mapping[str, Any]] = {
    "no_anatomy": {"anatomy": False},
    "no_style": {"style": False},
}


@dataclass(frozen=True)
class Models:
    """The experiments, or what to type for them.

    Attributes:
        main: The model of the numbered tables.
        ablations: By column of the table "1, text".
        others: Experiments that stand in no column of the paper; Table 3 names them below its own.
    """

    main: Column
    ablations: Mapping[str, Column]
    others: tuple[Experiment, ...]

    @property
    def shown(self) -> tuple[Experiment, ...]:
        """All experiments that some cell is of."""
        columns = (self.main, *self.ablations.values())
        found = [one.experiment for one in columns if one.experiment is not None]
        return (*dict.fromkeys(found), *self.others)


def choose(known: Sequence[Experiment]) -> Models:
    """Tell the models apart.

    Of several that could be the model of the tables, the one with most ablations beside it; where
    method ``acsnet`` is not among them, the only method there is.

    Raises:
        UsageError: Several experiments could fill one column.
    """
    ours = [e for e in known if e.method == METHOD]
    mains = [e for e in ours if all(e.parameters.get(k, v) == v for k, v in _WHOLE.items())]
    if not mains:
        return _of_another(known, ours)
    found = [_models(main, ours, known) for main in mains]
    most = max(map(_filled, found))
    best = [models for models in found if _filled(models) == most]
    if len(best) > 1:
        names = " or ".join(repr(models.main.label) for models in best)
        raise UsageError(
            f"The model of the tables may be {names}: they differ in no ablation of the paper.",
            "Name the runs of one of them.",
        )
    return best[0]


def _filled(models: Models) -> int:
    return sum(one.experiment is not None for one in models.ablations.values())


def _models(main: Experiment, ours: Sequence[Experiment], known: Sequence[Experiment]) -> Models:
    ablations = {name: column(ours, main, changes) for name, changes in ABLATIONS.items()}
    taken = [main, *(one.experiment for one in ablations.values())]
    return Models(Column(main), ablations, tuple(e for e in known if e not in taken))


def _of_another(known: Sequence[Experiment], ours: Sequence[Experiment]) -> Models:
    """No model of the tables by ``acsnet``: one of another method, if there is just one."""
    others = [e for e in known if e.method != METHOD]
    base = (others or ours)[0]

    def wanted(changes: Mapping[str, Any]) -> Column:
        asked = {**_WHOLE, **changes}
        found = [e for e in ours if changes and asked.items() <= e.parameters.items()]
        return Column(found[0]) if len(found) == 1 else Column(None, command(base, changes, METHOD))

    ablations = {name: wanted(changes) for name, changes in ABLATIONS.items()}
    if len(others) == 1:
        return Models(Column(others[0]), ablations, ())
    # Several: none of them is the paper's model, but all stand beside it in Table 3.
    return Models(wanted({}), ablations, tuple(others))
