"""The pairs of masks with known answers, and what the definitions of the answers are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DEFINITIONS", "DIMS", "DISTANCES", "SURFELS", "Case", "Definition", "conformance"]

Mask = NDArray[np.bool_]
#: A block of answers (what counts as surface) and a key in it (what is made of the distances).
Definition = tuple[str, str]

_NSD = ("nsd@1mm", "nsd@2mm", "nsd@3mm")
#: ``dim`` of ours -> block of answers.
DIMS: Mapping[str, str] = MappingProxyType(
    {
        "3d": "voxel_border_3d_conn1",
        "slice": "slicewise_2d",
        "inplane3d": "inplane_border_3d_distance",
    }
)
#: Metric -> key of its answer in a block; ours where we have it.
DISTANCES: Mapping[str, str] = MappingProxyType(
    {
        "hd": "hd",
        "hd95": "hd95_max_of_directed_linear",
        "hd95_pooled": "hd95_pooled_linear",
        "assd": "assd_pooled",
        "masd": "masd_mean_of_directed",
        "asd_ref_to_pred": "asd_ref_to_pred",
        "asd_pred_to_ref": "asd_pred_to_ref",
        "nsd@1mm": "nsd_pooled@1mm",
        "nsd@2mm": "nsd_pooled@2mm",
        "nsd@3mm": "nsd_pooled@3mm",
    }
)

#: Metric of surfels -> its answer.
SURFELS: Mapping[str, Definition] = MappingProxyType(
    {
        f"surfel_{key}": ("deepmind_surfel_3d", key)
        for key in ("hd", "hd95", "asd_ref_to_pred", "asd_pred_to_ref", *_NSD)
    }
)

_SURFACES = {
    "voxel_border_3d_conn1": "",
    "voxel_border_3d_conn3": "surface of 26 neighbours, not 6",
    "inplane_border_3d_distance": "surface of the 4 neighbours in the slice",
    "slicewise_2d": "distances within each slice",
    "deepmind_surfel_3d": "surface elements weighted by area, not voxels",
}
_SUMMARIES = {
    "hd": "greatest distance",
    "hd95": "greater directed 95th percentile",
    "hd95_max_of_directed_linear": "greater directed 95th percentile",
    "hd95_pooled_linear": "95th percentile of both directions POOLED",
    "hd95_floor_index": "95th percentile without interpolation",
    "assd_pooled": "mean of both directions pooled",
    "masd_mean_of_directed": "mean of the two directed means",
    "asd_pred_to_ref": "one direction only, prediction to reference",
    "asd_ref_to_pred": "one direction only, reference to prediction",
    **dict.fromkeys(_NSD, "share of the surface"),
    **{f"nsd_pooled@{t}mm": "share of the surface" for t in (1, 2, 3)},
    **{f"nsd_mean_of_directed@{t}mm": "mean of the two directed shares" for t in (1, 2, 3)},
}
#: Every definition that the answers hold, in words: of the surface, and of the number.
DEFINITIONS: Mapping[Definition, tuple[str, str]] = MappingProxyType(
    {(b, k): (surface, text) for b, surface in _SURFACES.items() for k, text in _SUMMARIES.items()}
)


@dataclass(frozen=True, eq=False)
class Case:
    """A pair of masks with its answers.

    Attributes:
        name: What is particular about it.
        reference: ``(slice, row, column)`` bool.
        prediction: The same.
        spacing: (z, y, x) in mm.
        answers: ``status``, ``dice``, ``iou``, volumes, and a block of distances per surface.
    """

    name: str
    reference: Mask
    prediction: Mask
    spacing: tuple[float, float, float]
    answers: Mapping[str, Any]

    @property
    def status(self) -> str:
        """Which of the masks are empty: ``ok``, ``both_empty``, ``pred_empty``, ``ref_empty``."""
        return str(self.answers["status"])

    def distance(self, definition: Definition) -> float | None:
        """The answer in a definition; None if it is undefined or not known in this one."""
        block, key = definition
        value = self.answers.get(block, {}).get(key)
        return None if value is None else float(value)


@cache
def conformance() -> tuple[Case, ...]:
    """All pairs, in the order of their file."""
    folder = files(__package__)
    stored = json.loads(folder.joinpath("surface_pairs.json").read_text(encoding="utf-8"))
    z, y, x = stored["spacing_mm"]
    with folder.joinpath("surface_pairs.npz").open("rb") as file, np.load(file) as arrays:
        return tuple(
            Case(
                name,
                arrays[f"{name}__ref"].astype(bool),
                arrays[f"{name}__pred"].astype(bool),
                (float(z), float(y), float(x)),
                MappingProxyType(answers),
            )
            for name, answers in stored["cases"].items()
        )
