"""Keys: a result named by everything it depends on, so that what has its key already is done.

Training depends on the method's trainer alone: methods that share one train once. Predicting
depends on the method too, and on what is predicted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .closure import hash_files
from .code import class_hash, engine_hash
from .errors import DataError
from .fingerprint import Fingerprint, combined
from .plugins import Method
from .provenance import COMPUTING, capabilities, versions
from .splits import EVALUATED

if TYPE_CHECKING:
    from .plan import Resolved, RunRequest
    from .plugins import Plugin
    from .splits import Split

__all__ = ["Keys", "keys_of"]

#: Engine modules that training and prediction run through, beside what the plugin imports.
_ENGINE = ("types", "plugins", "trained", "predicted", "nifti")


@dataclass(frozen=True)
class Keys:
    """What names the parts of a run.

    Attributes:
        train: Of what training leaves.
        method: Of the trained method: whatever it predicts depends on this and on the study.
        predict: Of all predictions of the run.
        group: Of the experiment: the same for all its seeds and folds.
    """

    train: str
    method: str
    predict: str
    group: str


def keys_of(
    request: RunRequest,
    method_from: Resolved,
    trainer: Method,
    dataset_from: Resolved,
    split: Split,
    prints: Mapping[str, Fingerprint],
    device: str,
    threads: int,
) -> Keys:
    """The keys of a run.

    Args:
        request: As asked; its device and threads may still be open.
        method_from: The method.
        trainer: What trains for it.
        dataset_from: The data set.
        split: Cases by role.
        prints: Of the cases that the method uses.
        device: The one that is taken.
        threads: As many as are taken.
    """
    method = method_from.plugin
    assert isinstance(method, Method)
    engine, kind = engine_hash(*_ENGINE), device.partition(":")[0]
    computed = {
        "engine": engine,
        "versions": versions(COMPUTING),
        "device": kind,
        "machine": capabilities(),
        "threads": threads,
    }
    seen = {i: _identity(print_) for i, print_ in prints.items()}
    own = _facts(method, method_from, device)
    of_trainer = own if trainer is method else _facts(trainer, method_from, device)
    learnt = {r: {i: seen[i] for i in split.ids(r)}
              for r in ("train", "validation")} if method.trains else {}  # fmt: skip
    seed = request.seed if method.trains else 0
    train = combined({**computed, "trainer": of_trainer, "seed": seed, "data": learnt})
    trained = combined({"train": train, "method": own})
    tested = {i: [split.roles[i], *seen[i]] for i in split.ids(*request.evaluate)}
    predict = combined(
        {"method": trained, "data": tested, "probabilities": request.probabilities,
         "dataset": dataset_from.info.name, "fold": [request.fold, request.folds]}
    )  # fmt: skip
    group = combined(
        {
            "method": [method_from.info.name, own["parameters"], method_from.code],
            "dataset": [dataset_from.info.name, _lasting(dataset_from.plugin)],
            "split": f"{request.folds} folds"
            if request.folds is not None
            else {i: role for i, role in split.roles.items() if i in prints},
            # Of a floor in folds, each run knows its own fold's cases alone.
            "data": seen if method.trains or request.folds is None else "",
            "engine": engine,
            "files": [own["files"], of_trainer["files"]],
            # Without what tells builds of one version apart (+cpu, +cu128): the device says that.
            "versions": {name: v.partition("+")[0] for name, v in versions(COMPUTING).items()},
            "device": kind,
            # Runs that were tested keep the name they had before there were others.
            **({} if request.evaluate == EVALUATED else {"evaluate": request.evaluate}),
        }
    )
    return Keys(train, trained, predict, group)


def _facts(method: Method, found: Resolved, device: str) -> dict[str, Any]:
    """What decides what ``method``, found by way of a plugin, computes, beside the engine."""
    cls = type(method)
    return {
        "class": cls.__qualname__,
        "code": found.code if cls is type(found.plugin) else class_hash(cls, found.info),
        "parameters": method.model_dump(mode="json"),
        "files": _content(method, found.info.name),
        # Of a CPU, ``machine`` says it; to ask torch would cost a second.
        "dtype": "" if device == "cpu" else method.numerics(device),
    }


def _content(method: Method, name: str) -> str:
    """Hash of the files that the parameters name."""
    try:
        return hash_files(method.files())
    except OSError as error:
        where = error.filename or "a file that its parameters name"
        raise DataError(f"{name!r}: cannot read {where}: {error.strerror or error}.") from error


def _lasting(dataset: Plugin) -> dict[str, Any]:
    """Its parameters but for paths: where the data lie does not make another experiment."""
    plain = dataset.model_dump(mode="json")
    return {k: plain[k] for k, v in dataset.model_dump().items() if not isinstance(v, Path)}


def _identity(fingerprint: Fingerprint) -> list[str]:
    return [fingerprint.study, fingerprint.reference, fingerprint.error]
