"""From what was asked to what will be done: plugins resolved, roles dealt, keys computed."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .code import code_hash
from .errors import BenchError, DataError, PluginError, UsageError, near_misses
from .fingerprint import Fingerprint, combined, fingerprints
from .keys import keys_of
from .parameters import parse_spec, validated
from .plain import told
from .plugins import Dataset, Method, Plugin
from .progress import Reporter
from .promised import check_parameters, check_regions, profiles_of
from .provenance import available_threads, resolve_device
from .registry import Kind, PluginInfo, find, plugin_class
from .splits import EVALUATED, Split, default_split, fold_split, read_split
from .store import RunFolder
from .types import CaseInfo, Role

__all__ = ["Plan", "Resolved", "RunRequest", "prepare", "resolve", "trainer_of"]


@dataclass(frozen=True)
class RunRequest:
    """One run as a user asks for it.

    Attributes:
        expected: The folder in ``runs`` that the run has, once it was begun: whoever does one of
            its steps and comes to another one refuses. Empty before.
        holder: Token of the one who drives the run: a worker that was sent by one who is gone
            writes nothing once there is another. Empty before.
    """

    method: str
    dataset: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    dataset_settings: Mapping[str, Any] = field(default_factory=dict)
    profile: str = "quick"
    seed: int = 0
    fold: int | None = None
    folds: int | None = None
    split: Path | None = None
    device: str = "auto"
    threads: int | None = None
    runs: Path = Path("runs")
    pictures: bool = True
    probabilities: bool = False
    evaluate: tuple[Role, ...] = EVALUATED
    expected: str = ""
    holder: str = ""

    @property
    def identity(self) -> str:
        """The run that is asked for, whoever drives it and however far it is."""
        return repr(replace(self, expected="", holder=""))


@dataclass(frozen=True)
class Resolved:
    """A loaded plugin with where it came from and which of its parameters were asked for."""

    plugin: Plugin
    info: PluginInfo
    spec: str
    asked: Mapping[str, Any]
    code: str


@dataclass(frozen=True)
class Plan:
    """A run, ready to be executed: nothing in here is decided any more."""

    request: RunRequest
    method: Method
    trainer: Method
    method_from: Resolved
    dataset: Dataset
    dataset_from: Resolved
    infos: Mapping[str, CaseInfo]
    split: Split
    prints: Mapping[str, Fingerprint]
    device: str
    threads: int
    seed: int
    group: str
    train_key: str
    method_key: str
    predict_key: str
    folder: RunFolder

    @property
    def evaluated(self) -> list[str]:
        """Ids of the cases that are predicted and scored."""
        return self.split.ids(*self.request.evaluate)


def resolve(
    kind: Kind, spec_text: str, settings: Mapping[str, Any], profile: str = "quick"
) -> Resolved:
    """Load a plugin; profile values lie over the defaults and what was asked over both.

    Raises:
        UsageError, PluginError: See :mod:`benchmark.registry` and :mod:`benchmark.parameters`.
    """
    spec = parse_spec(spec_text)
    asked = {**settings, **spec.settings}
    info = find(kind, spec.name)
    cls = plugin_class(info)
    base: Mapping[str, Any] = {}
    if issubclass(cls, Method):
        profiles = profiles_of(cls, info.name)
        if profile not in profiles:
            raise UsageError(
                f"{info.name!r} has no profile {profile!r}.", near_misses(profile, profiles)
            )
        base = profiles[profile]
    try:
        plugin = validated(cls, info.name, {**base, **asked})
    except UsageError as error:
        if asked:
            raise
        # what has no default is the user's to give; whatever else does not fit came with the plugin
        whose = "" if "Field required" in error.problem else " They are its own defaults."
        raise PluginError(f"{error.problem}{whose}", error.fix) from None
    check_parameters(plugin, info.name)
    check_regions(plugin, info.name)
    name = str(info.path) if info.module.endswith(".py") else info.name
    return Resolved(plugin, info, name, asked, code_hash(info))


def prepare(request: RunRequest, reporter: Reporter) -> Plan:
    """Resolve a request.

    Raises:
        BenchError: A name, a parameter, the data or the split do not fit.
    """
    method_from = resolve("methods", request.method, request.settings, request.profile)
    dataset_from = resolve("datasets", request.dataset, request.dataset_settings)
    method, dataset = method_from.plugin, dataset_from.plugin
    assert isinstance(method, Method)
    assert isinstance(dataset, Dataset)
    device = resolve_device(request.device)
    threads = request.threads or available_threads()
    index = _index(dataset, dataset_from.info.name)
    split = _split(request, index)
    learnt: tuple[Role, ...] = ("train", "validation") if method.trains else ()
    used = split.ids(*learnt, *request.evaluate)  # no other case is so much as opened
    prints = _fingerprints(request.runs, dataset_from, used, reporter)
    _check_roles(method, split, request.evaluate, prints)
    seed = request.seed if method.trains else 0
    trainer = trainer_of(method, method_from.info.name)
    keys = keys_of(request, method_from, trainer, dataset_from, split, prints, device, threads)
    return Plan(
        request, method, trainer, method_from, dataset, dataset_from, {i.id: i for i in index},
        split, prints, device, threads, seed, keys.group[:12], keys.train, keys.method,
        keys.predict,
        RunFolder(request.runs, dataset_from.info.name, method_from.info.name, keys.predict),
    )  # fmt: skip


def trainer_of(method: Method, name: str) -> Method:
    """The method that trains for ``method``.

    Raises:
        PluginError: It is none, or has another trainer in turn.
    """
    trainer = method.trainer()
    if not isinstance(trainer, Method):
        raise PluginError(f"The trainer of {name!r} is {trainer!r}, which is no Method.")
    if trainer is not method and trainer.trainer() is not trainer:
        raise PluginError(
            f"The trainer of {name!r}, {type(trainer).__name__}, has a trainer of its own.",
            "Let trainer() give the method that trains.",
        )
    return trainer


def _index(dataset: Dataset, name: str) -> list[CaseInfo]:
    try:
        index = list(dataset.index())
    except BenchError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"Data set {name!r} cannot list its cases: {type(error).__name__}: {told(error)}."
        ) from error
    if not index:
        raise DataError(f"Data set {name!r} has no case.")
    strange = [i for i in index if not isinstance(i, CaseInfo)]
    if strange:
        raise PluginError(f"Data set {name!r} lists {strange[0]!r}, which is no CaseInfo.")
    twice = [i for i, count in Counter(info.id for info in index).items() if count > 1]
    if twice:
        raise DataError(f"Data set {name!r} lists more than once: {', '.join(twice)}.")
    _check_files(name, index)
    return index


def _check_files(name: str, index: list[CaseInfo]) -> None:
    """Predictions are files named by their cases, and a run may be copied to any system."""
    files: dict[str, str] = {}
    for info in index:
        other = files.setdefault(unicodedata.normalize("NFC", info.id).casefold(), info.id)
        if other != info.id:
            raise DataError(
                f"Data set {name!r} lists {other!a} and {info.id!a}: on macOS and "
                "Windows they would be one file.",
                "Let ids differ by more than capitals and the encoding of accents.",
            )


def _split(request: RunRequest, index: list[CaseInfo]) -> Split:
    if request.fold is not None and request.folds is None:
        raise UsageError(f"Fold {request.fold} of how many?", "Give the number of folds too.")
    if request.split is not None and request.folds is not None:
        raise UsageError("--split and --folds exclude each other.", "Keep one of them.")
    if request.split is not None:
        return read_split(request.split, index)
    if request.folds is not None:
        return fold_split(index, request.fold or 0, request.folds)
    return default_split(index)


def _fingerprints(
    runs: Path, dataset_from: Resolved, ids: list[str], reporter: Reporter
) -> dict[str, Fingerprint]:
    dataset = dataset_from.plugin
    assert isinstance(dataset, Dataset)
    parameters = dataset.model_dump(mode="json")
    identity = combined({"code": dataset_from.code, "parameters": parameters})
    cache = runs / dataset_from.info.name / f".fingerprints-{combined(parameters)[:12]}.json"
    with reporter.stage("reading cases", len(ids)) as advance:
        return fingerprints(dataset, identity, ids, cache, advance)


def _check_roles(
    method: Method, split: Split, evaluate: tuple[Role, ...], prints: Mapping[str, Fingerprint]
) -> None:
    if not split.ids(*evaluate):
        what = "test on" if evaluate == EVALUATED else f"score: none is {' or '.join(evaluate)}"
        raise DataError(f"The split ({split.source}) leaves no case to {what}.")
    if method.trains and not split.ids("train"):
        raise DataError(f"The split ({split.source}) leaves no case to train on.")
    faults = [prints[i].error for i in split.ids("train", "validation")
              if i in prints and prints[i].error]  # fmt: skip
    if faults:
        raise DataError(
            f"{len(faults)} training or validation case(s) cannot be used:\n  "
            + "\n  ".join(faults),
            "\nMend them or leave them out with --split FILE.",
        )
