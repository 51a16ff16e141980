"""``bench tune``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..limits import TIMEOUT
from ._options import (
    AsJson,
    DataRoot,
    Dataset,
    Device,
    Memory,
    Profile,
    Runs,
    Split,
    Threads,
    Timeout,
    TrainTimeout,
    limits_of,
)
from ._shared import TerminalReporter, columns, echo_json, line
from .running import FAILED_CASES, NOTHING_MEASURED

if TYPE_CHECKING:
    from ..tuning import Study

__all__ = ["tune_command"]

_SHOWN = 5
#: A parameter with a lesser share may be best anywhere.
_MATTERS = 0.05


def tune_command(
    method: Annotated[
        str, typer.Option("--method", "-m", help="NAME, 'NAME[key=value,...]' or FILE.py.")
    ],
    dataset: Dataset = "lge",
    data_root: DataRoot = None,
    trials: Annotated[
        int, typer.Option(min=1, help="How many in all, those already there included.")
    ] = 30,
    space: Annotated[
        list[str] | None,
        typer.Option(
            help="Range of a parameter, key=low:high, key=low:high:log or key=one,another, instead "
            "of or beside those that the method declares; may be repeated."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", "-s", help="A parameter that is fixed, not searched; may be repeated."
        ),
    ] = None,
    metric: Annotated[str, typer.Option(help="Metric; 'bench list metrics' shows them.")] = "dice",
    region: Annotated[str, typer.Option(help="Region.")] = "scar",
    seeds: Annotated[
        int, typer.Option("--seeds-per-trial", min=1, help="Trainings that a value is the mean of.")
    ] = 1,
    profile: Profile = "quick",
    seed: Annotated[int, typer.Option(min=0, help="Of the search.")] = 0,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds after which no further trial is started.")
    ] = None,
    case_timeout: Timeout = TIMEOUT,
    train_timeout: TrainTimeout = 0.0,
    memory: Memory = None,
    split: Split = None,
    device: Device = "auto",
    threads: Threads = None,
    runs: Runs = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Search for a method's best parameters.

    Bayesian optimisation with a Gaussian process. Trials are trained on the train cases and scored
    on the validation cases; no test case is opened. The same command goes on with a search. A trial
    whose training or prediction crashes, fills the memory or takes longer than it may has failed,
    and the others go on.
    """
    from ..driving import contained_within
    from ..parameters import parse_settings
    from ..plan import RunRequest
    from ..search_space import parse_space
    from ..store import read_json
    from ..tuning import TuneRequest, tune
    from ..tuning_files import write_files

    request = TuneRequest(
        RunRequest(
            method=method,
            dataset=dataset,
            settings=parse_settings(settings or []),
            dataset_settings={} if data_root is None else {"data_root": str(data_root)},
            profile=profile,
            split=split,
            device=device,
            threads=threads,
            runs=runs,
        ),
        trials=trials,
        space=parse_space(space or []),
        metric=metric,
        region=region,
        seeds=seeds,
        seed=seed,
        timeout=timeout,
    )
    reporter = TerminalReporter(quiet=as_json)
    run = contained_within(limits_of(case_timeout, train_timeout, memory))
    study = tune(request, reporter, partial(write_files, importance=False), run)
    write_files(study)
    pictures = _draw(study)
    if as_json:
        echo_json({**read_json(study.path / "tune.json"), "folder": str(study.path),
                   "pictures": list(map(str, pictures))})  # fmt: skip
    else:
        _report(study, pictures)
    if study.best is None:
        raise typer.Exit(NOTHING_MEASURED)
    if study.failed:
        raise typer.Exit(FAILED_CASES)


def _draw(study: Study) -> list[Path]:
    from ..tuning_figures import draw_history, draw_importance

    if study.best is None:
        return []
    what = f"{study.quantity}, validation"
    drawn = draw_history(study.path / "history", study.trials, study.space, study.higher, what)
    found = study.importance
    if found is not None:
        drawn += draw_importance(study.path / "importance", found, str(study.quantity))
    return drawn


def _report(study: Study, pictures: list[Path]) -> None:
    from ..tuning_files import TWICE, best_command, ranked

    best = study.best
    for trial in study.failed:
        line(f"failed: trial {trial.number}: {trial.reason}", error=True)
    if study.failed:
        line(f"To have a failed trial tried again, remove its file in {study.path / 'trials'}.",
             error=True)  # fmt: skip
    if best is None:
        line(f"No trial has a value. {study.path}")
        return
    rows = [study.trials[i] for i in ranked(study)][:_SHOWN]
    dataset = study.plan.dataset_from.info.name
    synthetic = " (synthetic)" if study.plan.dataset.synthetic else ""
    line(
        f"{study.plan.method_from.info.name} on {dataset}{synthetic}: best of "
        f"{len(study.trials)} trials, mean over {best.cases} validation case(s)"
    )
    columns(
        "",
        ["trial", str(study.quantity), "found by", *study.space],
        [
            [str(t.number), "failed" if t.value is None else f"{t.value:.4f}", t.source,
             *(_shown(t.parameters[name]) for name in study.space)]
            for t in rows
        ],
    )  # fmt: skip
    first = study.trials[0]
    if first.source == "given" and first.value is not None:
        gain = "nothing better was found" if best is first else f"best {best.value:.4f}"
        line(f"without a search: {first.value:.4f}; {gain}")
    found = study.importance
    if found is not None:
        shares = ", ".join(f"{name} {share.total:.0%}" for name, share in found.shares.items())
        line(f"importance: {shares} (model foretells {max(found.explained, 0):.0%} of unseen)")
    for name, end in _at_ends(study).items():
        line(f"{name} is best at the {end} end of its range: search further, --space {name}=...")
    line(TWICE)
    line(f"{best_command(study)}")
    line(f"{study.path}  ({', '.join(p.name for p in pictures)})")


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _at_ends(study: Study) -> dict[str, str]:
    """Which parameters that matter are best within a hundredth of an end of their range."""
    matter = study.importance
    found: dict[str, str] = {}
    for name, one in study.space.items():
        if one.choices or one.size <= 2 or study.best is None:
            continue
        at = one.position(study.best.parameters[name])
        counts = matter is None or matter.shares[name].total >= _MATTERS
        if counts and min(at, 1 - at) < 0.01:
            found[name] = "lower" if at < 0.5 else "upper"
    return found
