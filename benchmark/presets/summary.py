"""nnU-Net's ``summary.json``: read as tidy numbers, and held against the masks it was made of.

Its evaluator writes one object for each case, by label or region, and means of them. The preset
``nnunet`` computes the same from the masks; where the two differ, the summary is of other masks, or
its codes mean something else than they are said to.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..labels import LabelMap
from ..nifti import file_stem
from ..regions import Region
from .masks import STRUCTURES

__all__ = ["Difference", "Measured", "differences", "read_summary", "region_of"]

#: Of numbers that are computed from the same counts, in whatever order.
_ROUNDING = 1e-12
#: Codes of more digits are none; each place has one way to match, so no key takes long.
_KEY = re.compile(r"\d{1,9}|\(\s*\d{1,9}(\s*,\s*\d{1,9})*\s*(,\s*)?\)")
_WANTED = "Give the summary.json that nnU-Net's evaluator wrote."


@dataclass(frozen=True)
class Measured:
    """One number of a summary.

    Attributes:
        case: Name of its prediction's file, without the suffix.
        codes: The codes in the masks whose union it measures.
        metric: nnU-Net's name for it: ``Dice``, ``IoU``, ``TP`` ...
        value: NaN where nnU-Net has none.
    """

    case: str
    codes: tuple[int, ...]
    metric: str
    value: float


@dataclass(frozen=True)
class Difference:
    """Something that a summary and the masks do not agree on.

    Attributes:
        case: Which; empty if it is all.
        quantity: As the preset calls it, ``scar Dice``, or the codes; empty if it is all.
        summary: What the summary says; None if nothing.
        masks: What the preset makes of the masks; None if nothing.
        reason: What is the matter.
    """

    case: str
    quantity: str
    summary: float | None
    masks: float | None
    reason: str


def read_summary(path: Path) -> tuple[Measured, ...]:
    """Every number of every case, in the file's order; the means are left out.

    Raises:
        DataError: The file cannot be read, is no such summary, or has a case twice.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}.", _WANTED) from error
    cases = content.get("metric_per_case") if isinstance(content, dict) else None
    if not isinstance(cases, list):
        raise DataError(f"{path} has no list 'metric_per_case'.", _WANTED)
    found: dict[str, list[Measured]] = {}
    for i, entry in enumerate(cases):
        where = f"{path}, entry {i} of metric_per_case"
        name, numbers = _entry(where, entry)
        if name in found:
            raise DataError(f"{where}: case {name!r} is there twice.", _WANTED)
        found[name] = numbers
    return tuple(number for numbers in found.values() for number in numbers)


def _entry(where: str, entry: Any) -> tuple[str, list[Measured]]:
    """The case of one entry, and its numbers."""
    file, metrics = (
        (entry.get("prediction_file"), entry.get("metrics"))
        if isinstance(entry, dict)
        else (None, None)
    )
    if not isinstance(file, str) or not isinstance(metrics, dict):
        raise DataError(f"{where} has no 'prediction_file' with 'metrics'.", _WANTED)
    base = Path(file.replace("\\", "/"))  # it may have been written on Windows
    name = file_stem(base) or base.stem
    numbers = []
    for key, values in metrics.items():
        if not _KEY.fullmatch(key) or not isinstance(values, dict):
            raise DataError(f"{where}: {key!r} is no label and no region.", _WANTED)
        codes = tuple(sorted(set(map(int, re.findall(r"\d+", key)))))
        for metric, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise DataError(f"{where}: {metric} of {key} is {value!r}, no number.", _WANTED)
            try:
                numbers.append(Measured(name, codes, metric, float(value)))
            except OverflowError:
                raise DataError(f"{where}: {metric} of {key} is too large.", _WANTED) from None
    return name, numbers


def region_of(codes: Collection[int], labels: LabelMap) -> Region | None:
    """The region that the union of ``codes`` is, where ``labels`` are all that occur; or None.

    Without a code for no-reflow the code of scar alone is the region scar; with one it is not.
    """
    for region in STRUCTURES:
        meant = {code for code, label in labels.codes.items() if label in region.labels}
        if region in labels.regions and meant == set(codes):
            return region
    return None


def differences(
    summary: Collection[Measured], table: Path, labels: LabelMap
) -> tuple[int, list[Difference]]:
    """Hold a summary against what the preset ``nnunet`` wrote of the same masks.

    Args:
        summary: Of :func:`read_summary`.
        table: The CSV of a :class:`~benchmark.presets.PresetTable` of that preset.
        labels: What the codes mean.

    Returns:
        How many numbers were compared, and all that differs: numbers, cases that only one side has,
        and unions of codes that are no region.
    """
    with table.open(encoding="utf-8", newline="") as file:
        rows = {(row["case"], row["quantity"]): row for row in csv.DictReader(file)}
    known, told = {case for case, _ in rows}, {number.case for number in summary}
    found = [
        Difference(case, "", None, None, "in the summary, but not among the references")
        for case in sorted(told - known)
    ]
    found += [
        Difference(case, "", None, None, "not in the summary, whose means do not know of it")
        for case in sorted(known - told)
    ]
    regions = {number.codes: region_of(number.codes, labels) for number in summary}
    found += [
        Difference("", _codes(codes), None, None, f"no region where {labels}")
        for codes, region in regions.items()
        if region is None
    ]
    compared = 0
    for number in summary:
        region = regions[number.codes]
        if region is None or number.case not in known:
            continue
        quantity = f"{region} {number.metric}"
        masks, reason = _of_masks(rows, number.case, quantity)
        if masks is None:
            found.append(Difference(number.case, quantity, number.value, None, reason))
            continue
        compared += 1
        if not _same(number.value, masks):
            reason = "other masks, or other meanings of the codes"
            found.append(Difference(number.case, quantity, number.value, masks, reason))
    return compared, found


def _of_masks(
    rows: Mapping[tuple[str, str], Mapping[str, str]], case: str, quantity: str
) -> tuple[float | None, str]:
    """What the preset says, or None and why it says nothing."""
    row = rows.get((case, quantity))
    if row is None:
        return None, "the preset has no such quantity"
    if not row["theirs"]:
        return None, row["message"] or row["status"]
    return float(row["theirs"]), ""


def _same(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=_ROUNDING)


def _codes(codes: Collection[int]) -> str:
    return f"code{'s' if len(codes) > 1 else ''} {', '.join(map(str, codes))}"
