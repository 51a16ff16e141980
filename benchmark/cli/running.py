"""``bench run`` and ``bench rerun``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import BenchError, DataError, UsageError
from ..limits import TIMEOUT
from ._options import (
    AsJson,
    DataRoot,
    Device,
    Jobs,
    Memory,
    Profile,
    Runs,
    Scheduler,
    Split,
    Threads,
    Timeout,
    TrainTimeout,
    limits_of,
)
from ._shared import TerminalReporter, complain, echo_json, line
from .matrix import expanded, parse_seeds, title

if TYPE_CHECKING:
    from ..replies import RunResult

__all__ = ["rerun_command", "run_command"]

NOTHING_MEASURED = 3
FAILED_CASES = 4


def run_command(
    method: Annotated[
        list[str],
        typer.Option(
            "--method", "-m", help="NAME, 'NAME[key=value,...]' or FILE.py; may be repeated."
        ),
    ],
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "--dataset",
            "-d",
            help="NAME or 'NAME[key=value,...]', by default lge; may be "
            "repeated: each method on each data set.",
        ),
    ] = None,
    data_root: DataRoot = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", help="A parameter of the method, key=value; may be repeated."),
    ] = None,
    profile: Profile = "quick",
    seeds: Annotated[
        str, typer.Option(help="How many seeds (0, 1, ...), or a list such as '3,7'.")
    ] = "1",
    folds: Annotated[
        int | None, typer.Option(help="Cross-validation by patient in this many folds.")
    ] = None,
    split: Split = None,
    device: Device = "auto",
    threads: Threads = None,
    runs: Runs = Path("runs"),
    pictures: Annotated[bool, typer.Option(help="Draw an overlay of each case.")] = True,
    probabilities: Annotated[
        bool, typer.Option(help="Keep probability maps too, and measure their calibration.")
    ] = False,
    timeout: Timeout = TIMEOUT,
    train_timeout: TrainTimeout = 0.0,
    memory: Memory = None,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    as_json: AsJson = False,
) -> None:
    """Train, predict and score methods on data sets.

    What is already there is not done again; what was interrupted goes on. Each run has a process
    of its own: a case that crashes it, hangs or fills the memory is an error of that case.
    """
    from ..driving import contained
    from ..parameters import parse_settings
    from ..plan import RunRequest
    from .spreading import spread

    request = RunRequest(
        method="",
        dataset="",
        settings=parse_settings(settings or []),
        dataset_settings={} if data_root is None else {"data_root": str(data_root)},
        profile=profile,
        split=split,
        device=device,
        threads=threads,
        runs=runs,
        pictures=pictures,
        probabilities=probabilities,
    )
    reporter = TerminalReporter(quiet=as_json)
    limits = limits_of(timeout, train_timeout, memory)
    requests, failures = expanded(
        request, method, dataset or ["lge"], parse_seeds(seeds), folds, limits
    )
    results: list[RunResult] = []
    count = len(requests) + len(failures)
    alone = len({one.dataset for one in requests}) == 1
    if scheduler is not None or (jobs or 1) > 1:
        with _told_of_interrupt():
            results, failed_runs = spread(requests, limits, scheduler, jobs, reporter, title)
        failures += failed_runs
        requests = []
    for number, one in enumerate(requests, 1):
        if len(requests) > 1:
            reporter.note(f"[{number}/{len(requests)}] {title(one)}")
        try:
            with _told_of_interrupt():
                results.append(contained(one, limits, reporter))
        except BenchError as error:
            # what does not fit one run on a data set is unlikely to fit the next
            if (alone and isinstance(error, UsageError)) or (len(requests) == 1 and not failures):
                raise
            # one method that cannot be trained must not cost the results of the others
            failures.append((one, error))
            complain(title(one), error)
    if not results:
        raise DataError(f"None of the {count} runs could be done.", "See above.")
    if as_json:
        failed = [{"method": one.method, "dataset": one.dataset, "seed": one.seed,
                   "fold": one.fold, "error": str(error)} for one, error in failures]  # fmt: skip
        echo_json([*(_as_json(r) for r in results), *failed])
    else:
        _report(results)
    # A method that cannot be used on these data is no failure beside others that can.
    if not any(r.cases.get("ok") for r in results):
        raise typer.Exit(NOTHING_MEASURED)
    if failures or any(r.errors for r in results):
        raise typer.Exit(FAILED_CASES)


@contextmanager
def _told_of_interrupt() -> Iterator[None]:
    """Say what an interrupt costs: the parser makes an exit code of it, and no word."""
    try:
        yield
    except KeyboardInterrupt:
        line("\nInterrupted. What is finished is kept; the same command goes on.", error=True)
        raise


def rerun_command(
    record: Annotated[Path, typer.Argument(help="A record.json, or its run folder.")],
    runs: Annotated[
        Path | None, typer.Option(help="Where the repetition goes; by default beside the run.")
    ] = None,
    data_root: Annotated[Path | None, typer.Option(help="Where the data are now.")] = None,
    timeout: Timeout = TIMEOUT,
    train_timeout: TrainTimeout = 0.0,
    memory: Memory = None,
    as_json: AsJson = False,
) -> None:
    """Repeat a recorded run and compare the scores."""
    from ..driving import contained_within
    from ..experiment import rerun

    run = contained_within(limits_of(timeout, train_timeout, memory))
    done = rerun(record, TerminalReporter(quiet=as_json), runs, data_root, run)
    if as_json:
        echo_json(
            {
                "reproduced": done.reproduced,
                "differing_rows": done.differing,
                "largest_difference": done.largest,
                "changed": done.changed,
                "errors": dict(done.result.errors),
                "run": done.result.path,
            }
        )
    else:
        for case_id, message in done.result.errors.items():
            line(f"error: case {case_id}: {message}", error=True)
        for name, (then, now) in done.changed.items():
            line(f"changed: {name}: {then} -> {now}")
        if done.reproduced:
            line("reproduced: every score is the same to the last bit")
        else:
            largest = "" if done.largest is None else f"; largest difference {done.largest:.6g}"
            line(f"not reproduced: {done.differing} score rows differ{largest}")
        line(f"repetition: {done.result.path}")
    if not done.reproduced:
        raise typer.Exit(1)


def _as_json(result: RunResult) -> dict[str, Any]:
    return {
        "run": str(result.path),
        "method": result.record.method.name,
        "dataset": result.record.dataset.name,
        "seed": result.record.seed,
        "fold": result.record.fold,
        "cases": dict(result.cases),
        "errors": dict(result.errors),
        "not_applicable": dict(result.excluded),
        "cached": result.cached,
    }


def _report(results: list[RunResult]) -> None:
    from ..table import read_runs
    from .tables import print_board

    datasets = list(dict.fromkeys(result.record.dataset.name for result in results))
    for result in results:
        name, of = result.record.method.name, f"of {sum(result.cases.values())} cases"
        if len(datasets) > 1:
            name += f" on {result.record.dataset.name}"
        for case_id, message in result.errors.items():
            line(f"error: {name}: case {case_id}: {message}", error=True)
        for reason, count in result.excluded.items():
            line(f"not applicable: {name}: {count} {of}: {reason}", error=True)
        missing = result.cases.get("no_prediction")
        if missing:
            line(f"no prediction: {name}: {missing} {of}, counted as the worst", error=True)
    for dataset in datasets:
        paths = [result.path for result in results if result.record.dataset.name == dataset]
        print_board(read_runs(paths, levels=["volume"]))
    for result in results:
        state = "already there" if result.cached else f"{result.record.totals['seconds']:.0f} s"
        line(f"{result.path}  ({state})")
