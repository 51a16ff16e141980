"""The evaluation code of the EMIDEC challenge (myocardium, infarction, no-reflow)."""

from __future__ import annotations

import math

import numpy as np

from ..regions import Labels
from .definition import Preset, Quantity, Spacing, Value
from .masks import Mask, border, distances, mean_plain

__all__ = ["PRESET"]

_CLASSES = {"Myocardium": (2, 3, 4), "Infarction": (3, 4), "NoReflow": (4,)}
_DICE = "mean over ALL slices of the slice's Dice; a slice where both masks are empty counts as 1"
_VOLUME = "rounded to 0.01 mm3 before it is averaged"


def _compute(reference: Labels, prediction: Labels, spacing: Spacing) -> dict[str, Value]:
    voxel = math.prod(spacing)
    masks = {
        name: (np.isin(reference, labels), np.isin(prediction, labels))
        for name, labels in _CLASSES.items()
    }
    myocardium = float(np.count_nonzero(masks["Myocardium"][0])) * voxel
    found: dict[str, Value] = {}
    for name, (ours, theirs) in masks.items():
        sizes = [float(np.count_nonzero(mask)) * voxel for mask in (ours, theirs)]
        difference = abs(sizes[1] - sizes[0])
        both = (ours & theirs).sum(axis=(1, 2))
        each = ours.sum(axis=(1, 2)) + theirs.sum(axis=(1, 2))
        slices = [2.0 * b / n if n else 1.0 for b, n in zip(both, each, strict=True)]
        found[f"{name} Dice"] = float(sum(slices) / len(slices))
        found[f"{name} volume difference"] = round(difference, 2)
        if name == "Myocardium":
            found[f"{name} HD"] = _hausdorff(ours, theirs, spacing)
        else:
            found[f"{name} volume difference ratio"] = _share(difference, myocardium)
    return found


def _hausdorff(ours: Mask, theirs: Mask, spacing: Spacing) -> Value:
    if not ours.any() or not theirs.any():
        return None  # it raises, and no case after this one is evaluated
    # Its array has axes (z, y, x), the spacing that it reads from the file axes (x, y, z).
    wrong = spacing[::-1]
    one, other = border(ours), border(theirs)
    return float(max(distances(*pair, wrong).max() for pair in ((one, other), (other, one))))


def _share(difference: float, myocardium: float) -> float:
    if myocardium:
        return difference / myocardium
    return math.inf if difference else math.nan


def _quantities() -> tuple[Quantity, ...]:
    found = []
    for name, labels in _CLASSES.items():
        found += [
            Quantity(f"{name} Dice", labels, ours=("dice", None), why=_DICE),
            Quantity(f"{name} volume difference", labels, "mm3",
                     ("absolute_volume_error_ml", None), 1000.0, _VOLUME),
        ]  # fmt: skip
        if name == "Myocardium":
            why = (
                "spacing (x, y, z) applied to an array (z, y, x): a shift by a column scores the "
                "slice spacing, a shift by a slice the column spacing; raises if a mask is empty"
            )
            found.append(Quantity(f"{name} HD", labels, "mm", ("hd", "3d"), why=why))
        else:
            why = "|Vp - Vr| / reference MYOCARDIUM, not the difference of the two burdens"
            found.append(Quantity(f"{name} volume difference ratio", labels, why=why))
    return tuple(found)


PRESET = Preset(
    name="emidec-official",
    summary="The EMIDEC challenge's main.py: slice-averaged Dice, volumes, Hausdorff distance.",
    source="github.com/EMIDEC-Challenge/Evaluation-metrics, main.py and metrics.py as of 2020",
    wrong=(
        "Its Hausdorff distance applies the spacing (x, y, z) to an array with axes (z, y, x): "
        "an in-plane shift by one column of 1.5 mm scores the slice spacing, 10 mm, and a shift by "
        "a whole slice scores 1.5 mm.",
        "Its Dice is a mean over all slices, those without the structure in either mask counting "
        "as perfect: it grows with the number of empty slices, and a false alarm on a scar-free "
        "heart keeps the Dice of the other slices.",
        "An empty myocardium stops the program: there is no mean at all.",
        "The list of predictions drives: a case without a prediction is not missed.",
    ),
    quantities=_quantities(),
    compute=_compute,
    mean=mean_plain,
)
