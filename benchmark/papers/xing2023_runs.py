"""Which runs are which method of xing2023, and the rows that its tables are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from ..errors import DataError, UsageError
from ..policies import Policy
from ..results import Run
from ..table import Quantity
from .published import Paper
from .selection import Column, Experiment, command
from .slices import slice_table

__all__ = ["METHODS", "OWN", "TABLES", "Making", "choose"]

#: The paper's methods, in its order; the last is its own.
METHODS = ("direct", "two_step", "mtl", "jdl")
OWN = "jdl"
#: Table -> column -> what it is of.
TABLES: Mapping[str, Mapping[str, Quantity]] = {
    "Figure 2": {
        "slice": Quantity("scar", "dice", None, "slice"),
        "volume": Quantity("scar", "dice"),
    },
    "Figure 4": {
        "precision": Quantity("scar", "precision", None, "slice"),
        "recall": Quantity("scar", "recall", None, "slice"),
    },
    "Text 4.2": {
        "slice": Quantity("myocardium", "dice", None, "slice"),
        "volume": Quantity("myocardium", "dice"),
    },
}


@dataclass(frozen=True)
class Making:
    """What the tables are made from.

    Attributes:
        models: The experiment of each method, or what to type for it.
        runs: Those of the four methods.
        roles: Cases of which roles.
        policy: What undefined values count as.
        paper: The published numbers.
    """

    models: Mapping[str, Column]
    runs: tuple[Run, ...]
    roles: tuple[str, ...]
    policy: Policy
    paper: Paper

    @cached_property
    def table(self) -> pd.DataFrame:
        """Rows of the paper's metrics."""
        wanted = [quantity for columns in TABLES.values() for quantity in columns.values()]
        return slice_table(self.runs, self.roles, wanted)

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """Label of the rows of each method of which there are runs."""
        return {name: model.experiment.label for name, model in self.models.items()
                if model.experiment is not None}  # fmt: skip


def choose(known: Sequence[Experiment]) -> dict[str, Column]:
    """The experiment of each method of the paper, or what to type for it.

    Raises:
        DataError: None is of a method of the paper.
        UsageError: A method was run with several parameters.
    """
    models: dict[str, Column] = {}
    of_paper = [e for e in known if e.method in METHODS]
    if not of_paper:
        # On data without scar no method of the paper could be trained.
        fits = "scar" in known[0].record.annotates
        typed = _command(known[0], OWN) if fits else f"bench run -m {OWN} -d lge"
        raise DataError(
            f"None of these runs is of a method of xing2023: {', '.join(METHODS)}.",
            f"Type '{typed}', and the same of the others.",
        )
    for name in METHODS:
        found = [e for e in of_paper if e.method == name]
        if len(found) > 1:
            raise UsageError(
                f"Method {name!r} was run as {' and '.join(repr(e.label) for e in found)}.",
                "Name the runs of one of them.",
            )
        models[name] = Column(found[0]) if found else Column(None, _command(of_paper[0], name))
    return models


def _command(base: Experiment, method: str) -> str:
    return command(base, {}, method)
