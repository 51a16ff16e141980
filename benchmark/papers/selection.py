"""Which runs fill which column of a paper's table: by what their records say of their parameters.

An ablation differs from the experiment it ablates in the parameters that its column names, and in
nothing else; a run that differs in more fills no column. Where there is none, the answer is the
command that makes it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError
from ..record import RunRecord
from ..results import Run, unique_labels

__all__ = ["Column", "Experiment", "column", "command", "experiments", "one_dataset"]


@dataclass(frozen=True, eq=False)
class Experiment:
    """Runs that differ in nothing but seed and fold.

    Attributes:
        label: What to call them.
        runs: All of them.
    """

    label: str
    runs: tuple[Run, ...]

    @property
    def record(self) -> RunRecord:
        """Of the first run; all but seed, fold and costs are the same in the others."""
        return self.runs[0].record

    @property
    def method(self) -> str:
        """The method's name."""
        return self.record.method.name

    @property
    def parameters(self) -> Mapping[str, Any]:
        """All parameters, as they took effect."""
        return self.record.method.parameters


@dataclass(frozen=True)
class Column:
    """What fills a column: an experiment, or the command that would make one."""

    experiment: Experiment | None
    command: str = ""

    @property
    def label(self) -> str:
        """In words, for the line below a table."""
        return self.experiment.label if self.experiment else "no run yet"


def one_dataset(runs: Sequence[Run]) -> str:
    """The data set that all runs are of.

    Raises:
        UsageError: They are of several.
    """
    names = sorted({run.dataset for run in runs})
    if len(names) != 1:
        raise UsageError(
            f"These runs are of {len(names)} data sets: {', '.join(names)}.",
            "Name runs of one, or add --dataset NAME.",
        )
    return names[0]


def experiments(runs: Sequence[Run]) -> list[Experiment]:
    """The experiments that ``runs`` are of, in their order."""
    labels = unique_labels(runs)
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.dataset, run.record.group), []).append(run)
    return [Experiment(labels[key], tuple(found)) for key, found in groups.items()]


def column(
    known: Iterable[Experiment],
    base: Experiment,
    changes: Mapping[str, Any],
    *,
    free: Collection[str] = (),
) -> Column:
    """What differs from ``base`` in ``changes`` alone.

    Args:
        known: Where to look.
        base: An experiment of the method that is ablated.
        changes: Parameter values.
        free: Further parameters that may differ, as they mean nothing once ``changes`` are made.

    Raises:
        UsageError: Several experiments do: of different code, or in different splits.
    """
    wanted = {**base.parameters, **changes}
    found = [e for e in known if e.method == base.method and _equal(e.parameters, wanted, free)]
    if len(found) > 1:
        names = " and ".join(str(e.runs[0].source) for e in found)
        raise UsageError(
            f"{names} have the same parameters, but not the same code or split.",
            "Name the runs of one of them.",
        )
    if found:
        return Column(found[0])
    return Column(None, command(base, changes))


def command(
    base: Experiment, changes: Mapping[str, Any], method: str = "", profile: str = "quick"
) -> str:
    """What to type to have ``base`` with ``changes``; or ``method``, with them, on its data.

    Args:
        base: What there is.
        changes: Parameter values.
        method: Another method.
        profile: Of that other method.
    """
    record = base.record
    asked: Mapping[str, Any] = {}
    if not method:
        profile, asked = record.method.profile, record.method.asked
    words = ["bench run", *_option("-m", method or record.method.spec)]
    for key, value in {**asked, **changes}.items():
        words += _option("--set", f"{key}={_plain(value)}")
    words += _option("-d", _spec(record.dataset.spec, record.dataset.asked))
    words += [] if profile == "quick" else _option("--profile", profile)
    words += [] if record.folds is None else ["--folds", str(record.folds)]
    return " ".join([*words, *_seeds(base)])


def _equal(ours: Mapping[str, Any], wanted: Mapping[str, Any], free: Collection[str]) -> bool:
    names = (set(ours) | set(wanted)) - set(free)
    return all(ours.get(name) == wanted.get(name) for name in names)


def _spec(name: str, asked: Mapping[str, Any]) -> str:
    inside = ",".join(f"{key}={_plain(value)}" for key, value in asked.items())
    return f"{name}[{inside}]" if inside else name


def _seeds(base: Experiment) -> list[str]:
    seeds = sorted({run.record.seed for run in base.runs})
    if len(seeds) == 1:
        return []
    counted = seeds == list(range(len(seeds)))
    return ["--seeds", str(len(seeds)) if counted else ",".join(map(str, seeds))]


def _option(name: str, value: str) -> list[str]:
    return [name, shlex.quote(value)]


def _plain(value: Any) -> str:
    """``value`` as ``--set`` reads it: of text that it would take for something else, JSON."""
    if isinstance(value, str):
        odd = value.lower() in ("none", "null") or value[:1] in ("[", "{", '"')
        return json.dumps(value) if odd else value
    return json.dumps(value)
