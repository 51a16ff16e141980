"""``bench tune``: parameters chosen by what the method then scores on the validation cases.

Every trial is an ordinary run: trained on the train cases, but predicted and scored on validation
cases instead of test cases. So a trial that was interrupted goes on from its checkpoint, parameters
that were seen before cost nothing, and the run of the best parameters finds its model trained.
Cases of other roles are not opened.

The validation cases are used twice where a method also keeps its best epoch by them, as ours do:
the value of the best trial is then too good in two ways, and says which parameters to take, not how
good they are. Whether xing2023 searched on cases of their own is not said in the paper, which names
a training and a testing set only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from .errors import UsageError, near_misses
from .fingerprint import combined
from .importance import Importance, importance
from .metrics.cards import cards, select
from .objective import POLICY, ROLES, tried
from .plan import Plan, RunRequest, prepare, resolve
from .plugins import Dataset, Method
from .progress import Reporter
from .ranges import Range
from .replies import RunResult
from .runner import run as run_here
from .search_space import search_space
from .store import RunFolder
from .suggesting import need_optuna, suggest
from .table import Quantity
from .trials import Trial, TrialFolder, best_of
from .types import Region

__all__ = ["Study", "TuneRequest", "tune"]


@dataclass(frozen=True)
class TuneRequest:
    """A search as a user asks for it.

    Attributes:
        run: What every trial is; its ``seed``, ``evaluate`` and ``pictures`` are set here.
        trials: How many there shall be in all, those of earlier sessions included.
        space: Ranges as text by parameter, instead of or beside those that the method declares.
        metric: What is made as good as possible.
        region: Of which region.
        seeds: How many times each trial is trained; its value is the mean over cases, seeds
            averaged within each.
        seed: Of the search.
        timeout: Seconds after which no further trial is started; None for no limit.
    """

    run: RunRequest
    trials: int = 30
    space: Mapping[str, str] = field(default_factory=dict)
    metric: str = "dice"
    region: str = "scar"
    seeds: int = 1
    seed: int = 0
    timeout: float | None = None


@dataclass(frozen=True)
class Study:
    """A search and what came of it so far.

    Attributes:
        request: What was asked.
        plan: What every trial is, but for its parameters.
        path: Its folder.
        space: What is searched.
        quantity: What is made as good as possible.
        higher: Whether the greater value is the better.
        trials: Done or failed, in order.
    """

    request: TuneRequest
    plan: Plan
    path: Path
    space: Mapping[str, Range]
    quantity: Quantity
    higher: bool
    trials: tuple[Trial, ...] = ()

    @property
    def best(self) -> Trial | None:
        """The first trial with the best value."""
        return best_of(self.trials, self.higher)

    @property
    def failed(self) -> tuple[Trial, ...]:
        """The trials that have no value."""
        return tuple(trial for trial in self.trials if trial.state == "failed")

    @cached_property
    def importance(self) -> Importance | None:
        """What each parameter's part is, where there are trials enough to tell."""
        return importance(self.space, self.trials)


def tune(
    request: TuneRequest,
    reporter: Reporter,
    after: Callable[[Study], None] = lambda study: None,
    run: Callable[[RunRequest, Reporter], RunResult] = run_here,
) -> Study:
    """Search, or go on with a search.

    A trial that cannot be trained or predicted is a failed one, with its reason; the others go on.
    What is wrong with data, disk or the request ends the search, and the trial is tried again.
    The plugins are loaded, and the cases read, in this process.

    Args:
        request: What is asked.
        reporter: Told of the progress, a line for each trial.
        after: Called after each trial with the search so far.
        run: Does a run: by default in this process, which a trial that crashes then ends.

    Raises:
        BenchError: The request does not fit, or the data do not.
    """
    need_optuna()
    study = _prepared(request, reporter)
    with _folder(study).lock():
        ledger = TrialFolder(study.path)
        started = time.monotonic()
        # of what trains nothing, a seed would change nothing
        seeds = range(request.seeds if study.plan.method.trains else 1)
        reporter.note(_begun(study, len(ledger.finished())))
        while len(trials := ledger.finished()) < request.trials:
            if request.timeout is not None and time.monotonic() - started >= request.timeout:
                reporter.note(f"{request.timeout:g} s are over: no further trial is started")
                break
            trial = ledger.read(len(trials) + 1) or _next(study, trials)
            ledger.keep(trial)
            trial = tried(trial, study.request.run, study.quantity, seeds, reporter, run)
            ledger.keep(trial)
            reporter.note(_said(study, [*trials, trial]))
            after(replace(study, trials=(*trials, trial)))
        return replace(study, trials=tuple(trials))


def _prepared(request: TuneRequest, reporter: Reporter) -> Study:
    for name, number in (("trials", request.trials), ("seeds", request.seeds)):
        if number < 1:
            raise UsageError(f"{number} {name} are none.", "Use 1 or more.")
    base = replace(request.run, seed=0, evaluate=ROLES, pictures=False, fold=None, folds=None)
    resolved = resolve("methods", base.method, base.settings, base.profile)
    cls = type(resolved.plugin)
    assert issubclass(cls, Method)
    name = resolved.info.name
    values = {**cls.profiles[base.profile], **resolved.asked}
    space = search_space(cls, name, values, resolved.asked, request.space)
    card = _card(request.metric)
    base = replace(base, probabilities=base.probabilities or card.reads == "probabilities")
    plan = prepare(base, reporter)
    _check_region(plan, request.region)
    dim = ("3d" if "3d" in card.dims else card.dims[0]) if card.dims else None
    quantity = Quantity(request.region, request.metric, dim)
    key = combined(
        {"group": plan.group, "space": {k: repr(v) for k, v in space.items()},
         "quantity": str(quantity), "policy": POLICY, "seeds": request.seeds,
         "seed": request.seed, "probabilities": base.probabilities}
    )  # fmt: skip
    path = RunFolder(base.runs, plan.dataset_from.info.name, f"tune-{name}", key).path
    request = replace(request, run=base)
    return Study(request, plan, path, space, quantity, card.better == "higher")


def _folder(study: Study) -> RunFolder:
    name, _, key = study.path.name.rpartition("-")
    return RunFolder(study.request.run.runs, study.path.parent.name, name, key)


def _card(metric: str) -> Any:
    known = cards()
    if metric not in known:
        raise UsageError(f"There is no metric {metric!r}.", near_misses(metric, known))
    card = known[metric]
    usual = {m.card.name: m.card.better for m in select(probabilities=True)}
    if usual.get(metric) not in ("higher", "lower"):
        why = "has no better and worse end" if metric in usual else "is no metric that runs measure"
        good = [name for name, better in usual.items() if better in ("higher", "lower")]
        raise UsageError(f"{metric!r} {why}.", f"There are: {', '.join(good)}.")
    return card


def _check_region(plan: Plan, region: str) -> None:
    method, dataset = plan.method, plan.dataset
    assert isinstance(dataset, Dataset)
    both = sorted(map(str, method.produces & dataset.annotates))
    if region not in list(Region):
        raise UsageError(f"There is no region {region!r}.", near_misses(region, both))
    if region not in both:
        who = plan.method_from.info.name if region not in method.produces else "the data set"
        raise UsageError(f"{who} says nothing of the region {region!r}.", near_misses("", both))


def _next(study: Study, trials: Sequence[Trial]) -> Trial:
    """The first trial is what the method has without a search, so that a gain can be told."""
    number = len(trials) + 1
    given = {key: getattr(study.plan.method, key) for key in study.space}
    if number == 1 and all(value in study.space[key] for key, value in given.items()):
        return Trial(number=1, state="running", source="given", parameters=given)
    seed = study.request.seed
    parameters, source = suggest(study.space, trials, study.higher, seed, number)
    return Trial(number=number, state="running", source=source, parameters=parameters)


def _begun(study: Study, n_there: int) -> str:
    ranges = ", ".join(f"{name} {one}" for name, one in study.space.items())
    there = f"; {n_there} trial(s) are there" if n_there else ""
    return f"searching {ranges}{there}"


def _said(study: Study, trials: Sequence[Trial]) -> str:
    """One line about the last trial."""
    last, best = trials[-1], best_of(trials, study.higher)
    what = f"trial {last.number} of {study.request.trials}: "
    if last.value is None:
        what += f"failed: {last.reason}"
    else:
        what += f"{study.quantity} {last.value:.4f}"
    if best is not None:
        what += f" (best {best.value:.4f}, trial {best.number})"
    what += ", was there" if last.cached else f", {last.seconds:.0f} s"
    spent = [trial.seconds for trial in trials if not trial.cached]
    left = study.request.trials - last.number
    if spent and left > 0:
        what += f", about {_duration(left * sum(spent) / len(spent))} left"
    return what


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
