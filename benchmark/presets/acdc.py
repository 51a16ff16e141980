"""The script that the ACDC challenge gave to its participants."""

from __future__ import annotations

import math

import numpy as np

from ..regions import Labels
from .definition import Preset, Quantity, Spacing, Value
from .masks import counts, mean_plain

__all__ = ["PRESET"]

# Its own codes are 3 for the cavity and 2 for the ring; the right ventricle (1) is not ours to say.
_STRUCTURES = {"LV": (1,), "MYO": (2, 3, 4)}


def _compute(reference: Labels, prediction: Labels, spacing: Spacing) -> dict[str, Value]:
    voxel_ml = math.prod(spacing) / 1000.0
    found: dict[str, Value] = {}
    for name, labels in _STRUCTURES.items():
        n = counts(np.isin(reference, labels), np.isin(prediction, labels))
        sizes = n.tp + n.fn, n.tp + n.fp
        found[f"Dice {name}"] = 2.0 * n.tp / sum(sizes) if sum(sizes) else 1.0
        found[f"Volume {name}"] = sizes[1] * voxel_ml
        found[f"Err {name}(ml)"] = sizes[1] * voxel_ml - sizes[0] * voxel_ml
    return found


def _quantities() -> tuple[Quantity, ...]:
    found = []
    for name, labels in _STRUCTURES.items():
        found += [
            Quantity(f"Dice {name}", labels, ours=("dice", None),
                     why="1 where both masks are empty"),
            Quantity(f"Volume {name}", labels, "mL"),
            Quantity(f"Err {name}(ml)", labels, "mL", ("volume_error_ml", None)),
        ]  # fmt: skip
    return tuple(found)


PRESET = Preset(
    name="acdc-official",
    summary="The ACDC challenge's metrics_acdc.py: Dice, volume, signed volume error.",
    source="metrics_acdc.py, April 2017, from the challenge's site "
    "(creatis.insa-lyon.fr/Challenge/acdc); Hausdorff distances came from its server, whose code "
    "is not published, and are not reproduced",
    wrong=(
        "Both masks empty is a perfect Dice of 1: structures that are not there raise the mean.",
        "Its volume error is signed: the mean of it is a bias and not an error.",
        "It prints three decimals; published means may come from rounded values.",
        "The right ventricle (Dice RV, Volume RV, Err RV) is left out: canonical labels have none.",
    ),
    quantities=_quantities(),
    compute=_compute,
    mean=mean_plain,
)
