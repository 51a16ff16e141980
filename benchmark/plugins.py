"""The contract: what a method and a data set are, in terms of the public value types."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr

from .errors import PluginError
from .ranges import Range
from .types import Case, CaseInfo, Region, Role, Segmentation, Study

__all__ = ["Dataset", "Method", "Plugin", "TrainContext"]

Report = Callable[[int, int, Mapping[str, float]], None]


class Plugin(BaseModel, ABC):
    """A frozen set of typed parameters; the class's fields are what ``--set`` can change."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        protected_namespaces=(),
        # records are JSON, which has neither
        allow_inf_nan=False,
    )


@dataclass(frozen=True)
class TrainContext:
    """What training may use beside its cases.

    Attributes:
        folder: Empty at first; whatever training leaves here, ``predict`` finds in ``self.model``.
        scratch: Survives a kill and goes when training is done: put checkpoints here.
        validation: Cases to choose the best epoch by; may be empty.
        seed: All randomness must follow from it.
        device: A torch device name.
        threads: How many CPU threads there are to use.
        report: Call as ``report(step, of, {"loss": 0.3})``; draws the progress bar.
    """

    folder: Path
    scratch: Path
    validation: Sequence[Case] = ()
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    report: Report = lambda step, of, values: None


class Method(Plugin):
    """A way to segment a study.

    Subclass it in a module named as the method should be called; give the module a docstring whose
    first line says what it does; implement ``predict``; override ``train`` if there is something
    to learn. Class variables state what it needs and what it gives.

    Attributes:
        produces: Regions it segments; any other region is ``not_applicable``, never zero.
        needs: Modalities a study must have.
        profiles: Parameter values by profile name, laid over the fields' defaults.
        tunable: How far ``bench tune`` searches which parameters.
    """

    produces: ClassVar[frozenset[Region]] = frozenset(
        {Region.CAVITY, Region.MYOCARDIUM, Region.LV, Region.SCAR}
    )
    needs: ClassVar[frozenset[str]] = frozenset({"lge"})
    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {}, "paper": {}}
    tunable: ClassVar[Mapping[str, Range]] = {}

    _model: Path | None = PrivateAttr(default=None)
    _device: str = PrivateAttr(default="cpu")

    @abstractmethod
    def predict(self, study: Study) -> Segmentation:
        """Segment ``study`` on the grid of ``study.target``."""

    def train(self, cases: Sequence[Case], context: TrainContext) -> None:
        """Learn from ``cases``; leave what ``predict`` needs in ``context.folder``."""

    def trainer(self) -> Method:
        """The method whose training this one uses: of one network, another reading.

        Methods whose trainers are alike (class, parameters, code) share one training. A trainer
        has only the fields that matter to training; this method then finds in ``self.model`` what
        the trainer's ``train`` left, and its own fields change nothing but its predictions.
        """
        return self

    def skip(self, study: Study) -> str | None:
        """Why this study is not applicable to this method, or None. Counted and shown.

        Such a study is not predicted, and nothing is learnt from it.
        """
        missing = sorted(self.needs - set(study.images))
        return f"needs {', '.join(missing)}" if missing else None

    @property
    def trains(self) -> bool:
        """Whether there is anything to train (and so whether a seed changes anything)."""
        return type(self).train is not Method.train

    @property
    def model(self) -> Path:
        """The folder that training left.

        Raises:
            PluginError: The method was not bound to one.
        """
        if self._model is None:
            raise PluginError(f"{type(self).__name__} is not trained.", "Call at(folder) first.")
        return self._model

    @property
    def device(self) -> str:
        """The torch device name to predict on."""
        return self._device

    def at(self, model: str | os.PathLike[str], device: str = "cpu") -> Self:
        """This method bound to what training left in ``model``."""
        bound = self.model_copy()
        bound._model = Path(model)
        bound._device = device
        return bound

    def estimate_seconds(self, cases: Sequence[Case], context: TrainContext) -> float | None:
        """How long ``train`` would take; None if unknown. Asked before long profiles."""
        return None

    def numerics(self, device: str) -> str:
        """The dtype its convolutions run in on ``device``; empty if it has none. Recorded."""
        return ""

    def files(self) -> Sequence[Path]:
        """Files that its parameters name: what is in them decides, so it is part of the key."""
        return ()

    @property
    def epoch_count(self) -> int | None:
        """How many passes over its cases training makes, all stages together; None if unknown.

        Asked of the trained method, so that one which stops early can say what it left in
        ``self.model``; seconds of training are recorded by it.
        """
        return None

    def parameter_count(self) -> int | None:
        """How many trainable numbers it has, or None if it has no network."""
        return None


class Dataset(Plugin):
    """A list of cases and a way to load each.

    Attributes:
        annotates: Regions its reference says something about.
        redistributable: Whether pixels and masks may be committed with results.
        synthetic: Shown wherever the data set's name is.
        title, licence, citation: Printed with every table made from it.
        modalities: What its studies hold.
    """

    annotates: ClassVar[frozenset[Region]] = frozenset(
        {Region.CAVITY, Region.MYOCARDIUM, Region.LV, Region.SCAR}
    )
    redistributable: ClassVar[bool] = False
    synthetic: ClassVar[bool] = False
    title: ClassVar[str] = ""
    licence: ClassVar[str] = "not stated"
    citation: ClassVar[str] = ""
    modalities: ClassVar[frozenset[str]] = frozenset({"lge"})

    @abstractmethod
    def index(self) -> Sequence[CaseInfo]:
        """Every case, always in the same order, without loading pixels.

        Raises:
            DataError: The data are not there or not in the expected layout.
        """

    @abstractmethod
    def load(self, case_id: str) -> Case:
        """One case of the index.

        Raises:
            DataError: A file is missing, unreadable or does not fit its partner.
        """

    def files(self, case_id: str) -> Sequence[Path]:
        """The files ``load`` reads: the engine re-reads a case's voxels only when one changed."""
        return ()

    def cases(self, role: Role) -> Iterator[Case]:
        """The cases of a role, loaded one by one in the index's order."""
        for info in self.index():
            if info.role == role:
                yield self.load(info.id)
