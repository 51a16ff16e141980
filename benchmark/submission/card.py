"""``method.toml``: what the authors say about their method, typed; most of it from the record.

What no record knows is left open, and :func:`open_fields` names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..entries import _without_paths
from ..results import Run
from .layout import CARD, limit_of
from .strict import checked_model, strict_toml
from .toml_text import toml_text

__all__ = [
    "Card",
    "Pretrained",
    "TrainedOn",
    "card_text",
    "drafted",
    "open_fields",
    "read_card",
    "shown_parameters",
]

FORMAT = 1
_CONFIG = ConfigDict(extra="forbid", strict=True)


class TrainedOn(BaseModel):
    """A data set, or a part of one, that anything was learnt, chosen or tuned on."""

    model_config = _CONFIG

    dataset: str = Field(min_length=1, max_length=200)
    used_for: str = Field(default="training", max_length=200)
    cases: list[str] = Field(default=[], max_length=1_000_000)
    patients: list[str] = Field(default=[], max_length=1_000_000)
    fingerprint: str = Field(default="", max_length=200)


class Pretrained(BaseModel):
    """Weights that training began from."""

    model_config = _CONFIG

    weights: str = Field(min_length=1, max_length=500)
    source: str = Field(default="", max_length=500)
    trained_on: list[str] = Field(default=[], max_length=1000)


class Training(BaseModel):
    """All that the method has learnt from."""

    model_config = _CONFIG

    everything_is_listed: bool = False
    data: list[TrainedOn] = Field(default=[], max_length=1000)
    pretrained: list[Pretrained] = Field(default=[], max_length=1000)


class MethodFacts(BaseModel):
    """What it is and who made it."""

    model_config = _CONFIG

    name: str = Field(min_length=1, max_length=200)
    summary: str = Field(default="", max_length=2000)
    description: str = Field(default="", max_length=50_000)
    authors: list[str] = Field(default=[], max_length=1000)
    contact: str = Field(default="", max_length=500)
    code: str = Field(default="", max_length=500)
    licence: str = Field(default="", max_length=500)
    paper: str = Field(default="", max_length=500)


class Hardware(BaseModel):
    """What it ran on."""

    model_config = _CONFIG

    device: str = Field(default="", max_length=500)
    machine: str = Field(default="", max_length=500)
    threads: int = Field(default=0, ge=0)


class Cost(BaseModel):
    """Mean over the runs; what is not known is left out."""

    model_config = _CONFIG

    training_seconds: float | None = Field(default=None, ge=0)
    seconds_per_case: float | None = Field(default=None, ge=0)
    peak_memory_mb: float | None = Field(default=None, ge=0)
    parameters: int | None = Field(default=None, ge=0)


class Card(BaseModel):
    """The whole file."""

    model_config = _CONFIG

    format: int = FORMAT
    method: MethodFacts
    parameters: dict[str, Any] = {}
    training: Training = Training()
    hardware: Hardware = Hardware()
    cost: Cost = Cost()


#: By place: what it is for, and the comment that the template has above it.
_ASKED: Mapping[str, str] = {
    "method.description": "how it works, in a paragraph or a page",
    "method.authors": 'everybody who made it: ["Jane Doe (University of X)", ...]',
    "method.contact": "an e-mail address or a page for questions",
    "method.code": "address of the code, of a fixed version: https://.../tree/v1.2",
    "method.licence": "licence of the code and of the weights, as an SPDX name if it has one",
    "training.everything_is_listed": (
        "true once training.data and training.pretrained list all that anything was learnt, chosen "
        "or tuned on, and what pretrained weights were trained on"
    ),
}


def drafted(runs: Sequence[Run], patients: Mapping[str, str]) -> Card:
    """A card with all that the records of ``runs`` know.

    Args:
        runs: The runs of one experiment.
        patients: Patient by case id, as far as they are known.
    """
    first = runs[0].record
    method = first.method
    data = []
    for role, use in (("train", "training"), ("validation", "choosing the best epoch")):
        cases = sorted({c for run in runs for c in run.record.split.get(role, [])})
        if method.trains and cases:
            known = sorted({patients[c] for c in cases if c in patients})
            use = f"{use}, in folds" if first.folds else use
            print_ = "" if first.folds else first.dataset.training_fingerprint
            data.append(TrainedOn(dataset=runs[0].dataset, used_for=use, cases=cases,
                                  patients=known, fingerprint=print_))  # fmt: skip
    provenance = first.provenance
    return Card(
        method=MethodFacts(
            name=method.name, summary=method.summary,
            licence="Apache-2.0" if method.distribution == "scarbench" else "",
        ),
        parameters=shown_parameters(method.parameters),
        training=Training(data=data),
        hardware=Hardware(
            device=str(provenance.get("device_name") or first.device),
            machine=str(provenance.get("machine") or ""), threads=first.threads,
        ),
        cost=_cost(runs),
    )  # fmt: skip


def _cost(runs: Sequence[Run]) -> Cost:
    trained = [float(run.record.stages.get("train", {}).get("seconds", 0)) for run in runs]
    seconds = [float(run.cases["seconds"].mean()) for run in runs if "seconds" in run.cases]
    memory = [float(run.cases["peak_memory_mb"].max()) for run in runs
              if "peak_memory_mb" in run.cases]  # fmt: skip
    return Cost(
        training_seconds=_mean(trained) if runs[0].record.method.trains else None,
        seconds_per_case=_mean(seconds),
        peak_memory_mb=max((m for m in memory if m == m), default=None),
        parameters=runs[0].record.parameter_count,
    )


def _mean(values: Sequence[float]) -> float | None:
    known = [v for v in values if v == v]
    return round(sum(known) / len(known), 4) if known else None


def shown_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as a card has them: without null, which TOML lacks, and the author's folders."""
    shown: dict[str, Any] = _plain(dict(parameters))
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_plain(v) for v in value if v is not None]
    return _without_paths(value)


def open_fields(card: Card) -> dict[str, str]:
    """What is still to be said: what it is for, by its place (``method.authors``)."""
    content = card.model_dump()
    missing = {
        place: told
        for place, told in _ASKED.items()
        if not content[place.partition(".")[0]][place.partition(".")[2]]
    }
    for i, one in enumerate(card.training.pretrained):
        if not one.trained_on:
            missing[f"training.pretrained.{i}.trained_on"] = f"what {one.weights} learnt from"
    for i, data in enumerate(card.training.data):
        if not (data.cases or data.patients or data.fingerprint):
            missing[f"training.data.{i}.cases"] = f"which cases of {data.dataset}, or its patients"
    return missing


def card_text(card: Card) -> str:
    """``method.toml``: the card, with a comment above each field that is open."""
    content = card.model_dump(mode="json", exclude_none=True)
    comments = {place: f"OPEN: {told}" for place, told in open_fields(card).items()}
    head = (
        "# What others should know about this method. Complete it, and run the same\n"
        "# `bench submit` again: it reads this file, and writes METHOD.md and the hashes anew.\n"
        "# Add a [[training.data]] for each other data set (dataset, used_for, cases, patients),\n"
        "# and a [[training.pretrained]] for pretrained weights (weights, source, trained_on).\n\n"
    )
    return head + toml_text(content, comments)


def read_card(path: Path) -> Card:
    """Read a card.

    Raises:
        DataError: It cannot be read, or a field is unknown or of another type.
    """
    limit = limit_of(CARD)
    assert limit is not None
    content = strict_toml(path, limit)
    cost = content.get("cost")
    if isinstance(cost, dict):  # 12 is a number of seconds as well as 12.0
        content["cost"] = {
            k: float(v) if type(v) is int and k != "parameters" else v for k, v in cost.items()
        }
    return checked_model(Card, content, path)


def is_address(text: str) -> bool:
    """Whether it may be shown as a link."""
    return bool(
        re.fullmatch(r"https?://[A-Za-z0-9.\-]+(:\d+)?(/[A-Za-z0-9._~/%#?=&+@:,\-]*)?", text)
    )
