"""Which runs are which model of mapping2023, by the parameters of the method ``mapping``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError
from .selection import Column, Experiment, column, command

__all__ = ["METHOD", "PRETRAINED", "STEPS", "Models", "choose"]

#: The method whose parameters tell the columns of the ablations apart.
METHOD = "mapping"
#: Rows of Table 8: what each leaves out of the contour fitting.
STEPS: Mapping[str, Mapping[str, Any]] = {
    "none": {"interpolate": False, "filter": False, "hull": False},
    "interpolation": {"filter": False, "hull": False},
    "filter": {"hull": False},
    "hull": {},
}
#: What the model of the main tables has, whatever else its parameters are.
_WHOLE = {"maps": "both", "interpolate": True, "filter": True, "hull": True,
          "dominant_points": True, "labels": "mask"}  # fmt: skip
#: What the published encoder weights are for; the small encoder has none.
PRETRAINED = {"encoder": "resnet50", "width": 64, "encoder_weights": "imagenet"}


@dataclass(frozen=True)
class Models:
    """The experiments, or what to type for them.

    Attributes:
        main: The model of Tables 2 to 5.
        contours: The same with labels made of its contours, for Table 5; else the main one.
        unet: Table 6.
        without, pretrained: Table 7.
        only_t1, only_t2: Table A1.
        steps: Table 8, by row.
        notes: What has to be said of the choice.
    """

    main: Column
    contours: Column
    unet: Column
    without: Column
    pretrained: Column
    only_t1: Column
    only_t2: Column
    steps: Mapping[str, Column]
    notes: tuple[str, ...] = ()

    @property
    def filled(self) -> int:
        """How many of them there are."""
        every = (self.unet, self.without, self.pretrained, self.only_t1, self.only_t2)
        return sum(one.experiment is not None for one in (*every, *self.steps.values()))


def choose(known: Sequence[Experiment]) -> Models:
    """Tell the models apart.

    Of several that could be the model of the main tables, the one with most ablations beside it.
    Where method ``mapping`` is not among them, another method may stand in the main tables.

    Raises:
        UsageError: Several experiments could fill one column.
    """
    ours = [e for e in known if e.method == METHOD]
    mains = [
        e for e in ours
        if all(e.parameters.get(k, v) == v for k, v in _WHOLE.items())
        and e.parameters.get("encoder") != "unet"
    ]  # fmt: skip
    if not mains:
        return _of_another(known, ours)
    found = [_models(main, ours) for main in mains]
    best = max(found, key=lambda models: models.filled)
    same = [models.main for models in found if models.filled == best.filled]
    if len(same) > 1:
        names = " or ".join(repr(one.label) for one in same)
        raise UsageError(
            f"The model of the tables may be {names}: they differ in no ablation of the paper.",
            "Name the runs of one of them.",
        )
    return best


def _models(main: Experiment, ours: Sequence[Experiment]) -> Models:
    def varied(changes: Mapping[str, Any], *free: str) -> Column:
        return column(ours, main, changes, free=free)

    notes = []
    # The plain U-Net has no published weights: what was asked for means nothing to it, but those of
    # a file are refused.
    unet = {"encoder": "unet"}
    if main.parameters.get("encoder_weights", "none") not in ("none", "imagenet"):
        unet["encoder_weights"] = "none"
    labels = varied({"labels": "contours"})
    whole = Column(main)
    if not _pretrained(main):
        without, pretrained = whole, varied(PRETRAINED)
        if pretrained.experiment is not None and not _pretrained(pretrained.experiment):
            pretrained = Column(None, pretrained.command or command(main, PRETRAINED))
    else:
        without, pretrained = varied({"encoder_weights": "none"}), whole
    if _fell_back(main):
        notes.append(
            f"{main.label} was asked for pretrained encoder weights, could not have them and "
            "started from random ones."
        )
    return Models(
        main=whole,
        contours=labels if labels.experiment else whole,
        unet=varied(unet, "encoder_weights"),
        without=without,
        pretrained=pretrained,
        only_t1=varied({"maps": "t1"}),
        only_t2=varied({"maps": "t2"}),
        steps={name: varied(changes) if changes else whole for name, changes in STEPS.items()},
        notes=tuple(notes),
    )


def _of_another(known: Sequence[Experiment], ours: Sequence[Experiment]) -> Models:
    """No model of the main tables by ``mapping``: one of another method, if there is just one."""
    others = [e for e in known if e.method != METHOD]
    base = (others or ours)[0]

    def wanted(**changes: Any) -> Column:
        # Nothing to differ from in no more than this: what has just these values will do.
        asked = {**_WHOLE, **changes}
        found = [e for e in ours if changes and asked.items() <= e.parameters.items()]
        return Column(found[0]) if len(found) == 1 else Column(None, command(base, changes, METHOD))

    if len(others) > 1:
        names = ", ".join(repr(e.label) for e in others)
        raise UsageError(
            f"None of these runs is of method {METHOD!r}, and one model alone fills the tables: "
            f"{names}.",
            f"Name the runs of one of them, or type: {wanted().command}",
        )
    main = Column(others[0]) if others else wanted()
    return Models(
        main=main,
        contours=main,
        unet=wanted(encoder="unet"),
        without=wanted(),
        pretrained=wanted(**PRETRAINED),
        only_t1=wanted(maps="t1"),
        only_t2=wanted(maps="t2"),
        steps={name: wanted(**changes) for name, changes in STEPS.items()},
    )


def _pretrained(experiment: Experiment) -> bool:
    """Whether its encoder began with weights of a file, as its parameters ask and training did."""
    return experiment.parameters.get("encoder_weights", "none") != "none" and not _fell_back(
        experiment
    )


def _fell_back(experiment: Experiment) -> bool:
    """Whether training says that the weights it was asked for could not be had, in any run."""
    for run in experiment.runs:
        try:
            text = (run.source / "model" / "initialisation.json").read_text(encoding="utf-8")
            told = json.loads(text)
        except (OSError, ValueError):
            continue  # asked for none, or the folder was thinned: the parameters have to do
        if isinstance(told, dict) and told.get("used") == "random weights":
            return True
    return False
