"""The steps of a run, by name: plain data in, plain data out, everything else on disk.

Whoever does a step needs the request and nothing of who did the step before: a run's steps may be
done by several processes, one after the other or cases side by side. A process keeps the plans it
has made, and the method that it loaded last.

The order is :mod:`benchmark.driving`'s; a process for steps is :mod:`benchmark.confined`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import predicted, scored
from .errors import DataError, PluginError, UsageError
from .parameters import parse_spec
from .plan import Plan, RunRequest, prepare, resolve
from .plugins import Method
from .progress import Reporter
from .recorded import recorded
from .registry import find, plugin_class
from .replies import Begun, Finished
from .trained import train

__all__ = ["STEPS", "Begun", "begin", "finish", "give_up", "opens", "parameters", "predict_step",
           "score_step", "train_step", "trains", "unpredicted", "unscored"]  # fmt: skip

#: Plans that are kept by a process.
_KEPT = 4
_SILENT = Reporter()


@dataclass
class _Kept:
    """What this process has of a run."""

    plan: Plan
    method: tuple[Any, Method] | None = None
    warm: bool = False
    scoring: scored.Scoring | None = None


@dataclass
class _Process:
    """What this process has of all its runs, the last one last."""

    kept: dict[str, _Kept] = field(default_factory=dict)

    def begin(self, request: RunRequest, reporter: Reporter) -> _Kept:
        name = request.identity
        self.kept.pop(name, None)
        kept = self.kept[name] = _Kept(prepare(request, reporter))
        while len(self.kept) > _KEPT:
            self.kept.pop(next(iter(self.kept)))
        return kept

    def of(self, request: RunRequest, reporter: Reporter) -> _Kept:
        kept = self.kept.get(request.identity) or self.begin(request, reporter)
        if not _expected(request, kept.plan):
            kept = self.begin(request, reporter)  # made before something was edited
        _check(request, kept.plan)
        return kept


_process = _Process()


def _expected(request: RunRequest, plan: Plan) -> bool:
    return not request.expected or plan.folder.path == request.runs / request.expected


def _check(request: RunRequest, plan: Plan) -> None:
    if not _expected(request, plan):
        raise DataError(
            f"{request.expected} was begun, and here it is {plan.folder.path.name}: the code, the "
            "data, the versions of the libraries or the machine differ between the processes that "
            "share the run.",
            "Let them have the same of each, and start the run again.",
        )


def parameters(request: RunRequest, reporter: Reporter = _SILENT) -> list[str]:
    """Names of the method's parameters; what else the request says is not looked at.

    Raises:
        UsageError, PluginError: There is no such method, or it cannot be loaded.
    """
    info = find("methods", parse_spec(request.method).name)
    return sorted(plugin_class(info).model_fields)


def trains(request: RunRequest, reporter: Reporter = _SILENT) -> bool:
    """Whether the method, with its settings, has a training stage.

    Raises:
        UsageError, PluginError: It cannot be loaded, or the settings do not fit it.
    """
    method = resolve("methods", request.method, request.settings, request.profile).plugin
    assert isinstance(method, Method)
    return method.trains


def opens(request: RunRequest, reporter: Reporter = _SILENT) -> bool:
    """True, if there is such a data set with such parameters; its cases are not looked at.

    Raises:
        UsageError, PluginError: There is none, the parameters do not fit, or it cannot be loaded.
    """
    resolve("datasets", request.dataset, request.dataset_settings)
    return True


def begin(request: RunRequest, reporter: Reporter = _SILENT) -> Begun:
    """Load the plugins, read the cases, and say which run this is.

    Raises:
        BenchError: A name, a parameter, the data or the split do not fit.
    """
    plan = _process.begin(request, reporter).plan
    _check(request, plan)
    return Begun(
        dataset=plan.dataset_from.info.name, method=plan.method_from.info.name,
        key=plan.predict_key, trains=plan.method.trains, cases=tuple(plan.evaluated),
        device=plan.device, threads=plan.threads,
        train=plan.train_key if plan.method.trains else "",
    )  # fmt: skip


def train_step(request: RunRequest, reporter: Reporter = _SILENT) -> bool:
    """Train, unless there is a model with this very key; gives whether there was none.

    Raises:
        PluginError: Training failed.
    """
    plan = _process.of(request, reporter).plan
    try:
        return train(plan, reporter)
    except UsageError as error:  # ends a command, and this is one method's own matter
        name = plan.method_from.info.name
        raise PluginError(f"Training {name!r} failed: {error.problem}", error.fix) from error


def unpredicted(request: RunRequest, reporter: Reporter = _SILENT) -> list[str]:
    """Ids of the cases to predict; the run is trained."""
    return predicted.unpredicted(_process.of(request, reporter).plan)


def predict_step(request: RunRequest, case: str, reporter: Reporter = _SILENT) -> dict[str, Any]:
    """Predict a case and give its row of facts; a failure of the method is a row too.

    Nobody asks for what is predicted: if the case is, a worker died before it could say so, or its
    driver did. Then the row is given as it stands.
    """
    kept = _process.of(request, reporter)
    if (done := predicted.standing(kept.plan, case)) is not None:
        return done
    model = kept.plan.folder.marker("train").get("model")
    if kept.method is None or kept.method[0] != model:
        for other in _process.kept.values():  # one network at a time fits a GPU
            other.method, other.warm = None, False
        kept.method = model, predicted.loaded_method(kept.plan)
    row = predicted.predict_case(kept.plan, kept.method[1], case, kept.warm, request.holder)
    kept.warm = kept.warm or row["status"] == "ok"
    return row


def give_up(
    request: RunRequest, case: str, message: str, seconds: float = 0.0, memory_mb: float = 0.0,
    read: bool = True, reporter: Reporter = _SILENT,
) -> dict[str, Any]:  # fmt: skip
    """Write the row of a case that ended the process which predicted it, and give it.

    Where reading the case ends this process as well, ``read`` is False the next time.
    """
    plan = _process.of(request, reporter).plan
    return predicted.give_up(plan, case, message, seconds, memory_mb, read=read)


def unscored(request: RunRequest, reporter: Reporter = _SILENT) -> list[str]:
    """Finish the predictions, each case having its row, and give the ids of the cases to score.

    Raises:
        DataError: A case has no row.
    """
    kept = _process.of(request, reporter)
    rows = predicted.rows_of(kept.plan)
    predicted.finish_predictions(kept.plan, rows)
    kept.scoring = scored.scoring_of(kept.plan, rows)
    return scored.unscored(kept.plan, kept.scoring)


def score_step(request: RunRequest, case: str, reporter: Reporter = _SILENT) -> float:
    """Score a predicted case into its part, and give the seconds that it took.

    Raises:
        DataError: The case, or its prediction, can no longer be read.
    """
    kept = _process.of(request, reporter)
    started = time.perf_counter()
    scored.score_one(kept.plan, _scoring(kept, case), case)
    return time.perf_counter() - started


def finish(request: RunRequest, seconds: float = 0.0, reporter: Reporter = _SILENT) -> Finished:
    """Join the parts into tables and write the record.

    Args:
        request: The run; every case is scored.
        seconds: What scoring took.
        reporter: Told of the cases that are read for it.
    """
    kept = _process.of(request, reporter)
    rows = predicted.rows_of(kept.plan)
    predicted.finish_predictions(kept.plan, rows)
    scoring = scored.scoring_of(kept.plan, rows)
    with reporter.stage("tables", len(kept.plan.prints)) as told:
        scored.join(kept.plan, scoring, seconds, told)
    result = recorded(kept.plan, rows)
    _process.kept.pop(request.identity, None)  # the process may live on; its networks need not
    return result


def _scoring(kept: _Kept, case: str) -> scored.Scoring:
    """What to score, as it is now: another process may have predicted a case once more."""
    row = predicted.row_of(kept.plan, case)
    if kept.scoring is None or kept.scoring.rows.get(case) != row:
        kept.scoring = scored.scoring_of(kept.plan, predicted.rows_of(kept.plan))
    return kept.scoring


#: Every step by its name; each takes the request, its own arguments and a ``reporter``.
STEPS: Mapping[str, Callable[..., Any]] = {
    step.__name__: step
    for step in (
        parameters, trains, opens, begin, train_step, unpredicted, predict_step, give_up, unscored,
        score_step, finish,
    )
}  # fmt: skip
