"""What a search leaves beside its trials: ``tune.json``, ``trials.csv`` and the best command."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .atomic import replacing
from .objective import POLICY
from .store import write_json
from .text import csv_cell
from .tuning import Study

__all__ = ["TWICE", "best_command", "ranked", "write_files"]

FORMAT = 1
#: What must be said beside every value of a search.
TWICE = (
    "The validation cases chose these parameters, and the epoch that each training kept too if the "
    "method does so: the value is too good. Judge by the test cases."
)


def best_command(study: Study) -> str | None:
    """The command that runs the best parameters on the test cases; None without a best trial.

    Its model is there already: only prediction and scoring are to be done.
    """
    best, run, plan = study.best, study.request.run, study.plan
    if best is None:
        return None
    asked = {k: getattr(plan.method, k) for k in plan.method_from.asked}
    asked |= {name: best.parameters[name] for name in study.space}
    words = ["bench", "run", "--method", _spec(plan.method_from.spec, asked)]
    given = plan.dataset_from.asked
    words += ["--dataset", _spec(plan.dataset_from.spec, given)]
    if run.profile != "quick":
        words += ["--profile", run.profile]
    if study.request.seeds > 1:
        words += ["--seeds", str(study.request.seeds)]
    for option, value, default in (
        ("--split", run.split, None), ("--device", run.device, "auto"),
        ("--threads", run.threads, None), ("--runs", run.runs, Path("runs")),
    ):  # fmt: skip
        if value != default:
            words += [option, str(value)]
    return shlex.join(words)


def _spec(name: str, settings: Mapping[str, Any]) -> str:
    inside = ",".join(f"{key}={_word(value)}" for key, value in settings.items())
    return f"{name}[{inside}]" if inside else name


def _word(value: Any) -> str:
    """``value`` as :func:`benchmark.parameters.parse_spec` reads it back."""
    if value is None:
        return "none"
    if isinstance(value, str | Path):
        text = str(value)
        plain = text.strip() == text and not set(text) & set('[]{}(),"')
        return text if plain and text.lower() not in ("none", "null", "") else json.dumps(text)
    if isinstance(value, bool | list | tuple | dict):
        return json.dumps(value, default=str)
    return repr(value) if isinstance(value, int | float) else _word(str(value))


def ranked(study: Study) -> list[int]:
    """Positions in ``study.trials``: the best value first, failed trials last."""
    sign = -1 if study.higher else 1
    values = [trial.value for trial in study.trials]
    order = sorted((sign * v, i) for i, v in enumerate(values) if v is not None)
    return [i for _, i in order] + [i for i, v in enumerate(values) if v is None]


def write_files(study: Study, *, importance: bool = True) -> None:
    """Write both files anew.

    Args:
        study: The search so far.
        importance: Whether to reckon what each parameter's part is, which takes a second.

    Raises:
        DataError: The folder cannot be written to.
    """
    write_json(study.path / "tune.json", _content(study, importance))
    with (
        replacing(study.path / "trials.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        facts = ("number", "state", "source", "value", "cases", "seconds", "cached", "reason")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*facts, *study.space, "runs"])
        for trial in study.trials:
            plain = trial.model_dump()
            given = [trial.parameters[name] for name in study.space]
            row = [*(plain[name] for name in facts), *given, " ".join(trial.runs)]
            writer.writerow(map(csv_cell, row))


def _content(study: Study, importance: bool) -> dict[str, Any]:
    plan, request, best = study.plan, study.request, study.best
    found = study.importance if importance else None
    return {
        "format": FORMAT,
        "method": plan.method_from.info.name,
        "parameters": plan.method.model_dump(mode="json"),
        "profile": request.run.profile,
        "dataset": plan.dataset_from.info.name,
        "synthetic": plan.dataset.synthetic,
        "split": plan.split.source,
        "group": plan.group,
        "space": {k: {n: v for n, v in asdict(one).items() if v not in (None, ())}
                  for k, one in study.space.items()},
        "metric": study.quantity.metric,
        "dim": study.quantity.dim,
        "region": study.quantity.region,
        "role": "validation",
        "policy": str(POLICY),
        "better": "higher" if study.higher else "lower",
        "seeds": request.seeds,
        "seed": request.seed,
        "wanted": request.trials,
        "failed": len(study.failed),
        "best": None if best is None else best.model_dump(mode="json"),
        "command": best_command(study),
        "note": TWICE,
        "importance": None if found is None else asdict(found),
        "trials": [trial.model_dump(mode="json") for trial in study.trials],
    }  # fmt: skip
