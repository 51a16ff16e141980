"""One region's pair of masks, measured by every metric at every level under the status rules."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from .definition import COMPUTE, Card, Dim, Metric, Pair, Status
from .levels import THIRDS, Thirds
from .pairs import RegionPair, status_of

__all__ = ["Sample", "blank", "mean_of_slices", "measure", "without_answer"]


class Sample(NamedTuple):
    """One measured value.

    ``worst`` is the value under the default policy: ``value`` where there is one, what
    ``worst_case`` puts in its place after a one-sided miss, a missing prediction or an error, and
    None where the sample does not count.
    """

    level: str
    slice: int | None
    dim: Dim | None
    value: float | None
    status: Status
    message: str
    worst: float | None


def measure(
    metric: Metric,
    region: RegionPair,
    thirds: Thirds,
    levels: Collection[str],
    missing: tuple[Status, str] | None = None,
) -> Iterator[Sample]:
    """Every value of ``metric`` at ``levels``: volume by dim, thirds, then slices.

    Args:
        metric: What to measure.
        region: What to measure it on.
        thirds: Slices of each third, or the reason why they are unknown.
        levels: Which of ``volume``, ``apex``, ``middle``, ``base``, ``slice``.
        missing: Status and message, where ``region.compared`` is empty only because there is no
            answer: samples then have no value, and the worst one instead. Metrics of
            probabilities go by theirs.
    """
    reason = _unknown(metric.card, region)
    if reason is not None:
        yield from blank(metric, "not_applicable", reason, levels)
        return
    if metric.card.reads == "probabilities":
        # Which labels do not enter; where both are missing, it is for the same reason.
        theirs = None if isinstance(region.forecast, str) else region.forecast.missing
        missing = theirs and (missing or theirs)
    found = _measure(metric, region, thirds, levels)
    if missing is None:
        yield from found
    else:
        for sample in found:
            in_plane = sample.level != "volume" or sample.dim == "slice"
            yield without_answer(metric.card, sample, *missing, region.diagonal(in_plane))


def _unknown(card: Card, region: RegionPair) -> str | None:
    """Why a metric cannot be measured anywhere, for want of what it reads."""
    read: dict[str, object] = {
        "myocardium": region.myocardium,
        "heart": region.heart,
        "probabilities": region.forecast,
    }
    found = read.get(card.reads)
    return found if isinstance(found, str) else None


def _measure(
    metric: Metric, region: RegionPair, thirds: Thirds, levels: Collection[str]
) -> Iterator[Sample]:
    card = metric.card
    if "volume" in levels:
        for dim in card.dims or (None,):
            if dim != "contour":
                yield _volume(metric, region, dim)
    if card.dims and "slice" not in card.dims:
        return
    wanted = [name for name in THIRDS if name in levels]
    if not wanted and "slice" not in levels:
        return
    in_slices: Dim | None = "slice" if card.dims else None
    if isinstance(thirds, str) and "slice" not in levels:
        samples: list[Sample] = []
    else:
        samples = [_slice(metric, region, z, in_slices) for z in range(region.shape[0])]
    for name in wanted:
        if isinstance(thirds, str):
            yield Sample(name, None, in_slices, None, "not_applicable", thirds, None)
        else:
            yield mean_of_slices(name, [samples[z] for z in thirds[name]], in_slices)
    if "slice" in levels:
        yield from samples


def blank(
    metric: Metric, status: Status, message: str, levels: Collection[str]
) -> Iterator[Sample]:
    """What :func:`measure` would give, without a value, and without slices."""
    card = metric.card
    if "volume" in levels:
        for dim in card.dims or (None,):
            if dim != "contour":
                yield Sample("volume", None, dim, None, status, message, None)
    if card.dims and "slice" not in card.dims:
        return
    in_slices: Dim | None = "slice" if card.dims else None
    for name in THIRDS:
        if name in levels:
            yield Sample(name, None, in_slices, None, status, message, None)


def _volume(metric: Metric, region: RegionPair, dim: Dim | None) -> Sample:
    pair = region.volume
    status = status_of(pair)
    if dim is not None and status == "ok":
        if dim == "slice":
            return _pooled(metric, region, pair)
        pair = region.measured_volume(dim)
    value, status, message = _value(metric, pair, status)
    worst = value
    if value is None:
        worst = _worst(metric.card, status, region.diagonal(in_plane=dim == "slice"))
    return Sample("volume", None, dim, value, status, message, worst)


def _pooled(metric: Metric, region: RegionPair, pair: Pair) -> Sample:
    """``dim=slice`` over a volume: the slices' distances together.

    A slice with one mask empty makes the value null, as its own is, unless the card gives such a
    slice a value: its surface, with nothing to be near to, is then infinitely far.
    """
    surfaces, card = region.surfaces, metric.card
    missed = surfaces.one_sided
    diagonal = region.diagonal(in_plane=True)
    sides = sum(ours for ours, _ in missed.values()), sum(theirs for _, theirs in missed.values())
    kinds: list[Status] = ["pred_empty" if ours else "ref_empty" for ours, _ in missed.values()]
    undefined = [kind for kind in kinds if card.rule(kind) is None]
    if not undefined:
        found = surfaces.pooled_slices
        if missed:
            found = found.filled(sides, math.inf)
        value, status, message = _value(metric, replace(pair, given=found), "ok")
        worst = _worst(card, status, diagonal) if value is None else value
        if missed and not message:
            message = f"one mask is empty in {_named(missed)}: all its surface counts as too far"
        return Sample("volume", None, "slice", value, status, message, worst)
    filled = surfaces.pooled_slices.filled(sides, diagonal)
    worst, _, problem = _value(metric, replace(pair, given=filled), "ok")
    if worst is None:
        return Sample("volume", None, "slice", None, "error", problem, diagonal)
    message = f"one mask is empty in {_named(missed)}"
    if surfaces.slices:
        rest, _, _ = _value(metric, replace(pair, given=surfaces.pooled_slices), "ok")
        message += f"; {rest:.6g} {card.unit} over the other {len(surfaces.slices)}"
    status = "pred_empty" if "pred_empty" in undefined else "ref_empty"
    return Sample("volume", None, "slice", None, status, message, worst)


def _slice(metric: Metric, region: RegionPair, z: int, dim: Dim | None) -> Sample:
    pair = region.slices[z]
    status = status_of(pair)
    if dim is not None and status == "ok":
        pair = region.measured_slices[z]
    value, status, message = _value(metric, pair, status)
    worst = value
    if value is None:
        worst = _worst(metric.card, status, region.diagonal(in_plane=True))
    return Sample("slice", z, dim, value, status, message, worst)


def mean_of_slices(level: str, samples: Sequence[Sample], dim: Dim | None) -> Sample:
    """The mean over slices; null as soon as one slice that counts has no value."""
    if not samples:
        return Sample(level, None, dim, None, "not_applicable", "no slice lies in this third", None)
    counted = [s for s in samples if s.status != "both_empty"]
    statuses = [s.status for s in counted]
    worst = _mean([s.worst for s in samples if s.worst is not None])
    for status in ("error", "pred_empty", "ref_empty"):
        missing = [s for s in counted if s.status == status and s.value is None]
        if missing:
            where = _named([s.slice for s in missing if s.slice is not None])
            return Sample(level, None, dim, None, status, f"no value in {where}", worst)
    value = _mean([s.value for s in samples if s.value is not None])
    if not counted:
        return Sample(level, None, dim, value, "both_empty", "", worst)
    # One status for slices that are all missed the same way; otherwise both masks are present.
    status = statuses[0] if len(set(statuses)) == 1 else "ok"
    return Sample(level, None, dim, value, status, "", worst)


def _value(metric: Metric, pair: Pair, status: Status) -> tuple[float | None, Status, str]:
    rule = metric.card.rule(status)
    if rule != COMPUTE:
        return rule, status, ""
    if metric.card.reads == "myocardium" and not pair.myocardium:
        return None, "not_applicable", "the reference has no myocardium here"
    try:
        value = metric(pair)
    # A stranger's function may raise anything at all; it must not take the other metrics down.
    except Exception as error:
        return None, "error", f"{metric.card.name}: {type(error).__name__}: {error}"
    if value is None or not math.isfinite(value):
        return None, "error", f"{metric.card.name} gave {value} where both masks are counted"
    return float(value), status, ""


def _worst(card: Card, status: Status, diagonal: float) -> float | None:
    """What the policy ``worst_case`` puts in place of a value that is missing."""
    if status in ("both_empty", "not_applicable") or card.worst == "as_empty":
        return None
    return diagonal if card.worst == "diagonal" else card.worst


def without_answer(
    card: Card, sample: Sample, status: Status, message: str, diagonal: float
) -> Sample:
    """``sample``, taken with an empty answer, as it stands where the answer is missing.

    Args:
        card: The metric's.
        sample: Measured against an empty answer.
        status: Why there is no answer.
        message: The same in words.
        diagonal: Of the field of view, or of a slice where the sample lies in a slice, in mm.
    """
    if sample.status == "not_applicable":
        return sample
    worst = sample.worst
    # Where the reference is empty too, only the volume counts the missing answer: it is one case.
    counts = worst is not None or sample.level == "volume"
    if sample.status == "both_empty" and card.worst == "as_empty":
        # No scar and no answer: an empty answer would be right, but none was given.
        worst = None
    elif counts and card.worst != "as_empty":
        worst = _worst(card, status, diagonal)
    return sample._replace(value=None, status=status, message=message, worst=worst)


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _named(slices: Collection[int]) -> str:
    numbers = ", ".join(str(z) for z in sorted(slices))
    return f"slice {numbers}" if len(slices) == 1 else f"slices {numbers}"
