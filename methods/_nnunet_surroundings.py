"""nnU-Net as a guest in this process: its settings go in, its traces do not stay.

nnU-Net is made to be a program of its own: it is told where things are by environment variables,
prints, starts pools of processes and draws from every global generator of random numbers.
"""

from __future__ import annotations

import contextlib
import os
import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import StringIO
from types import ModuleType
from typing import Any, TextIO
from unittest.mock import patch

import matplotlib
import numpy as np
import torch

__all__ = ["SETTINGS", "WORKERS", "guest", "in_this_process", "met", "mixed", "seeded"]

#: How many processes augment beside the one that trains; none, for they would draw at random.
WORKERS = "nnUNet_n_proc_DA"
#: What holds for all that is done here. Compiling takes longer than a quick training and rounds
#: differently; a Weights & Biases run would tell a stranger about the data.
SETTINGS: Mapping[str, str] = {
    "nnUNet_compile": "false",
    "nnUNet_wandb_enabled": "0",
    WORKERS: "0",
}


@contextlib.contextmanager
def guest(
    log: TextIO, device: str, threads: int | None = None, **environment: str
) -> Iterator[None]:
    """Run nnU-Net inside; everything it touches is as it was after.

    What it prints, and its warnings, go to ``log``. On a CPU only deterministic algorithms run; on
    a GPU its loss has none, so two trainings there agree to rounding only.

    Args:
        log: An open text file.
        device: What it will run on.
        threads: How many threads torch has inside; None leaves them.
        environment: Environment variables beside :data:`SETTINGS`.
    """
    memory: Any = torch.utils.deterministic
    before = dict(os.environ)
    torch_before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        memory.fill_uninitialized_memory,
        torch.backends.cudnn.benchmark,
    )
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()

    def logged(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        log.write(f"{category.__name__}: {message}\n")

    try:
        with contextlib.redirect_stdout(log), warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.showwarning = logged
            os.environ.update({**SETTINGS, **environment})
            torch.set_num_threads(threads or torch_before[0])
            torch.use_deterministic_algorithms(torch.device(device).type == "cpu")
            memory.fill_uninitialized_memory = False  # a quarter of a step, for nothing read
            yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
        torch.set_num_threads(torch_before[0])
        torch.use_deterministic_algorithms(torch_before[1], warn_only=torch_before[2])
        memory.fill_uninitialized_memory = torch_before[3]
        torch.backends.cudnn.benchmark = torch_before[4]
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def met() -> None:
    """Import nnU-Net, as a guest: this alone sets variables, draws numbers and takes the backend.

    matplotlib would show nothing any more in a notebook that it runs in.
    """
    with guest(StringIO(), "cpu"), patch.object(matplotlib, "use"):
        from . import _nnunet_model, _nnunet_trainer  # noqa: F401


def mixed(*numbers: int) -> int:
    """One 32-bit seed from several numbers; near ones give unlike seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def seeded(*numbers: int) -> None:
    """Seed every generator that nnU-Net draws from."""
    seed = mixed(*numbers)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class _Done:
    """The result of a job that was run when it was given."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def ready(self) -> bool:
        return True

    def get(self) -> list[Any]:
        return self._values


class _Here:
    """As much of ``multiprocessing`` as nnU-Net uses to read its cases, without a process.

    A pool of its own would start one interpreter a worker, four seconds each, and cannot be had at
    all in a worker of ours, for those are daemons.
    """

    _pool: tuple[()] = ()

    def get_context(self, method: str) -> _Here:
        return self

    def Pool(self, processes: int) -> _Here:  # noqa: N802 - the name it is called by
        return self

    def __enter__(self) -> _Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def starmap_async(
        self, function: Callable[..., Any], arguments: Iterable[Iterable[Any]]
    ) -> _Done:
        return _Done([function(*one) for one in arguments])

    def starmap(
        self, function: Callable[..., Any], arguments: Iterable[Iterable[Any]]
    ) -> list[Any]:
        return self.starmap_async(function, arguments).get()


@contextlib.contextmanager
def in_this_process(*modules: ModuleType) -> Iterator[None]:
    """Inside, the pools that these modules make run their jobs here and now."""
    before = [getattr(module, "multiprocessing") for module in modules]  # noqa: B009 - not typed
    try:
        for module in modules:
            setattr(module, "multiprocessing", _Here())  # noqa: B010
        yield
    finally:
        for module, real in zip(modules, before, strict=True):
            setattr(module, "multiprocessing", real)  # noqa: B010
