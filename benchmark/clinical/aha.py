"""The 17 segments of the American Heart Association (Cerqueira et al., Circulation 2002; 105:539).

Slices are parted into base, middle and apex by thirds of the distance along the ventricle
(:mod:`benchmark.metrics.levels`, as popescu2022 has them). Base and middle have six segments of 60
degrees, the apex four of 90, all told from the anterior insertion of the right ventricle:

* 1, 7 anterior end there, and 2, 8 anteroseptal begin; then come 3, 9 inferoseptal, 4, 10 inferior,
  5, 11 inferolateral and 6, 12 anterolateral, counter-clockwise as seen from the apex;
* the apical segments 13 anterior, 14 septal, 15 inferior, 16 lateral share the middle of the septum
  with the others, so 14 begins 15 degrees beyond the insertion, as the published bull's eye has it;
* 17 is the tip: the slices of the apical third, from the apex on, whose wall is closed.

The sectors have equal angles about the centre of each slice's cavity. The inferior insertion parts
no segments: septa have other widths than 120 degrees, and the standard gives theirs no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..metrics.levels import THIRDS, Thirds
from ..types import Labels, Region
from .planes import Floats, Planes, angles_of

__all__ = ["SEGMENTS", "SEPTUM", "TIP", "Rings", "Sectors", "rings_of", "segments"]

#: Number -> name.
SEGMENTS: Mapping[int, str] = MappingProxyType(
    {
        1: "basal anterior",
        2: "basal anteroseptal",
        3: "basal inferoseptal",
        4: "basal inferior",
        5: "basal inferolateral",
        6: "basal anterolateral",
        7: "mid anterior",
        8: "mid anteroseptal",
        9: "mid inferoseptal",
        10: "mid inferior",
        11: "mid inferolateral",
        12: "mid anterolateral",
        13: "apical anterior",
        14: "apical septal",
        15: "apical inferior",
        16: "apical lateral",
        17: "apex",
    }
)
#: The segments between the insertions.
SEPTUM = (2, 3, 8, 9, 14)
TIP = 17
#: Of each third, its segments by sector, beginning at the anterior insertion.
_ORDER: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"base": (2, 3, 4, 5, 6, 1), "middle": (8, 9, 10, 11, 12, 7), "apex": (14, 15, 16, 13)}
)
#: Where the first of them begins, in degrees from the insertion.
_BEGINS: Mapping[str, float] = MappingProxyType({"base": 0.0, "middle": 0.0, "apex": 15.0})

#: Per slice: ``base``, ``middle``, ``apex``, ``tip``, or empty where there is no myocardium.
Rings = tuple[str, ...]


def rings_of(labels: Labels, seen: Planes, thirds: Thirds) -> Rings | str:
    """Which ring of segments each slice belongs to; or why nobody knows.

    Args:
        labels: ``(slice, row, column)`` canonical labels.
        seen: Their planes.
        thirds: Slices by third, or the reason why they are not known. Slices with myocardium beyond
            all thirds, where another outline decided on these, belong to the nearest.
    """
    if isinstance(thirds, str):
        return thirds
    third_of = {z: third for third in THIRDS for z in thirds[third]}
    if not third_of:
        return "no slice belongs to a third of the left ventricle"
    wall = Region.MYOCARDIUM.mask(labels)
    known = sorted(third_of)
    # What lies beyond the first or last slice belongs to it.
    rings = [
        third_of[min(max(z, known[0]), known[-1])] if plane.any() else ""
        for z, plane in enumerate(wall)
    ]
    for z in _from_apex(third_of, len(labels)):
        if rings[z] == "":
            continue
        if rings[z] != "apex" or not seen.closed[z]:
            break
        rings[z] = "tip"
    return tuple(rings)


class Sectors(NamedTuple):
    """Which direction belongs to which segment, slice by slice.

    Attributes:
        rings: What :func:`rings_of` gave.
        reference: ``(slice,)`` radians: the direction of the anterior insertion.
        turn: 1 where segments are counted counter-clockwise in the displayed image, else -1.
    """

    rings: Rings
    reference: Floats
    turn: int

    def of(self, z: int, angles: Floats) -> NDArray[np.uint8]:
        """Segments of directions in slice ``z``; one on a border is where its sector begins."""
        ring = self.rings[z]
        if ring in ("", "tip"):
            return np.full(angles.shape, TIP if ring else 0, dtype=np.uint8)
        order = np.array(_ORDER[ring], dtype=np.uint8)
        width = 360.0 / len(order)
        passed = np.degrees(self.turn * (angles - self.reference[z])) - _BEGINS[ring]
        # Rounded far below a pixel, so that what is on a border is there in every rotated image.
        sector = (np.round(passed, 6) % 360.0) // width
        return np.asarray(order[sector.astype(np.intp) % len(order)])

    def of_rays(self, angles: Floats) -> NDArray[np.uint8]:
        """``(slice, ray)``: the segment of each ray, 0 in slices without myocardium."""
        return np.stack([self.of(z, angles) for z in range(len(self.rings))])


def segments(
    labels: Labels, spacing: tuple[float, float, float], seen: Planes, sectors: Sectors
) -> NDArray[np.uint8]:
    """``(slice, row, column)``: the segment of each voxel of myocardium, 0 elsewhere.

    A voxel belongs where its centre lies.

    Args:
        labels: Canonical labels.
        spacing: (z, y, x) in mm.
        seen: Their planes.
        sectors: Of the same slices.
    """
    out = np.zeros(labels.shape, dtype=np.uint8)
    wall = Region.MYOCARDIUM.mask(labels)
    for z in range(len(labels)):
        at = np.argwhere(wall[z])
        angles = angles_of(at - seen.centres[z], spacing)
        out[z, at[:, 0], at[:, 1]] = sectors.of(z, angles)
    return out


def _from_apex(third_of: Mapping[int, str], n_slices: int) -> range:
    """Slices in order from the apex; the thirds say at which end that is."""
    apical = [z for z, third in third_of.items() if third == "apex"]
    others = [z for z, third in third_of.items() if third != "apex"]
    if apical and others and min(apical) > max(others):
        return range(n_slices - 1, -1, -1)
    return range(n_slices)
