"""Which runs a command asks for: each method on each data set, by seeds and folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import BenchError, PluginError, UsageError
from ._shared import complain

if TYPE_CHECKING:
    from ..limits import Limits
    from ..plan import RunRequest

    Ask = Callable[[str, RunRequest], Any]
    Lost = list[tuple[RunRequest, BenchError]]

__all__ = ["expanded", "parse_seeds", "title"]


def expanded(
    request: RunRequest,
    methods: Sequence[str],
    datasets: Sequence[str],
    seeds: Sequence[int],
    folds: int | None,
    limits: Limits,
) -> tuple[list[RunRequest], Lost]:
    """Every run, one data set after the other; and those of plugins that cannot be loaded, and why.

    Raises:
        UsageError: A name, a parameter or an option does not fit; said before any run starts.
        PluginError: No method, or no data set, can be loaded.
    """
    from ..driving import asking

    datasets = list(dict.fromkeys(datasets))
    lost: Lost = []
    with asking(limits) as ask:
        if len(datasets) > 1:
            _check_common(request)
            datasets, lost = _opened(request, methods, datasets, ask)
        runs, broken = _of_methods(request, methods, datasets, seeds, folds, ask)
    return (
        [replace(one, dataset=name) for name in datasets for one in runs],
        [(replace(one, seed=seed, fold=fold, folds=folds), error) for one, error in lost + broken
         for seed in seeds for fold in (range(folds) if folds else [None])],
    )  # fmt: skip


def _check_common(request: RunRequest) -> None:
    """Refuse what can only be said of one data set."""
    if "data_root" in request.dataset_settings:
        raise UsageError(
            "--data-root is of one data set, and several are named.",
            "Write it with its own: --dataset 'NAME[data_root=FOLDER]'.",
        )
    if request.split is not None:
        raise UsageError(
            "--split is of one data set, and several are named.",
            "Give each data set with a split of its own a command of its own.",
        )


def _opened(
    request: RunRequest, methods: Sequence[str], datasets: Sequence[str], ask: Ask
) -> tuple[list[str], Lost]:
    """The data sets that can be loaded, and the runs on the others."""
    from ..parameters import parse_spec
    from ..registry import find

    found: dict[str, str] = {}
    lost: Lost = []
    for spec in datasets:
        try:
            ask("opens", replace(request, dataset=spec))
        except PluginError as error:
            lost += [(replace(request, method=one, dataset=spec), error) for one in methods]
            if not found and spec == datasets[-1]:
                raise
            complain(spec, error)
            continue
        name = find("datasets", parse_spec(spec).name).name
        if name in found:
            raise UsageError(
                f"{found[name]!r} and {spec!r} are both called {name!r}, and share its tables.",
                "Give each a command, and --runs, of its own.",
            )
        found[name] = spec
    return list(found.values()), lost


def _of_methods(
    request: RunRequest,
    methods: Sequence[str],
    datasets: Sequence[str],
    seeds: Sequence[int],
    folds: int | None,
    asked: Ask,
) -> tuple[list[RunRequest], Lost]:
    """The runs on one data set; and of methods that cannot be loaded, those on every data set."""
    from ..experiment import expand

    request = replace(request, dataset=datasets[0])
    failed: list[str] = []
    lost: Lost = []

    def ask(step: str, one: RunRequest) -> Any:
        if step == "trains" and len(methods) == len(seeds) == 1:
            return True  # nothing depends on it: the run itself loads the method
        failed[:] = [one.method]  # should what it answers be none
        return asked(step, one)

    while True:
        try:
            return expand(request, methods, seeds, folds, ask), lost
        except PluginError as error:
            (broken,) = failed
            lost += [(replace(request, method=broken, dataset=name), error) for name in datasets]
            methods = [m for m in methods if m != broken]
            if not methods:
                raise
            complain(f"{broken} on {', '.join(datasets)}", error)


def parse_seeds(text: str) -> list[int]:
    """How many seeds, or which.

    Raises:
        UsageError: It is neither a number nor a list of numbers.
    """
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--seeds {text!r}: not a number or a list of numbers.",
                         "Write --seeds 3 or --seeds 3,7,11.") from None  # fmt: skip
    if "," in text:
        return numbers
    if not 1 <= numbers[0] <= 1000:
        raise UsageError(f"--seeds {text}: there must be 1 to 1000 seeds.")
    return list(range(numbers[0]))


def title(request: RunRequest) -> str:
    """What a run is called while it is done."""
    fold = "" if request.fold is None else f", fold {request.fold} of {request.folds}"
    return f"{request.method} on {request.dataset}, seed {request.seed}{fold}"
