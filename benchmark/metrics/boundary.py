"""Overlap of two masks near their borders only, so that a large inside does not hide them.

The width of the band is part of the metric's name. It is in mm, and 2: with the usual pixels of 1
to 2 mm that is the border and one or two pixels behind it, where a band of the border alone would
score nearly 0 on an outline that is off by one pixel. The share of the image that the source
takes, 2 % of the diagonal, is 8 mm in a field of 290 mm: as thick as the wall of the left
ventricle, whose two bands then meet, and the number is plain IoU again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .definition import Card, Pair, metric
from .tolerance import within

if TYPE_CHECKING:
    from .pairs import Mask

__all__ = ["boundary_iou_2mm", "inner_band"]

_WIDTH = 2.0


def inner_band(mask: Mask, width: float, spacing: tuple[float, float, float]) -> Mask:
    """The voxels of ``mask`` near its border, slice by slice.

    Args:
        mask: ``(slice, row, column)``; outside the array is background.
        width: How far from a voxel on the border a voxel may be, in mm, centre to centre.
        spacing: (z, y, x) in mm.

    Returns:
        The same shape. Voxels on the border, those with a background voxel across one of the four
        faces in the slice, are always in it, however thin the band.
    """
    # Only here, since metrics are listed without an array library.
    import numpy as np

    _, y, x = spacing
    far = within(width)
    # One more row and column than the band is wide, so that no step from a border voxel leaves
    # the padded slice: all steps may then be added to flat indices.
    rows, columns = min(int(far / y) + 1, mask.shape[1]), min(int(far / x) + 1, mask.shape[2])
    padded = np.pad(mask, ((0, 0), (rows, rows), (columns, columns)))
    line = padded.shape[2]
    flat = padded.ravel()
    held = np.flatnonzero(flat)
    inside = flat[held - 1] & flat[held + 1] & flat[held - line] & flat[held + line]
    border = held[~inside]
    near = np.zeros_like(flat)
    for down in range(-rows, rows + 1):
        for right in range(-columns, columns + 1):
            if math.hypot(down * y, right * x) <= far:
                near[border + (down * line + right)] = True
    near &= flat
    return near.reshape(padded.shape)[:, rows:-rows, columns:-columns]


@metric(
    Card(
        name=f"boundary_iou@{_WIDTH:g}mm",
        title=f"Boundary IoU, of bands {_WIDTH:g} mm wide",
        formula="|band(R) and band(P)| / |band(R) or band(P)|, band(M) = voxels of M within "
        f"{_WIDTH:g} mm of its border, in the slice",
        unit="",
        better="higher",
        bounds=(0.0, 1.0),
        reads="masks",
        surface="A foreground voxel with a background voxel across one of the four faces in the "
        "slice; outside the image is background. Distances between voxel centres, in mm, in plane.",
        field="does not matter",
        pred_empty=0.0,
        ref_empty=0.0,
        best=1.0,
        worst=0.0,
        source="Cheng et al. 2021 (there the band is in pixels, a share of the image's diagonal)",
        notes="Bands are two-dimensional, slice by slice; over a volume their voxels are summed "
        "over slices, so those of a slice with one mask empty count as disagreement. A voxel on "
        "the border is in the band however large voxels are. Width in mm, not in pixels, so that "
        "images of different resolution compare; 2 % of the diagonal, the "
        "source's choice, is 8 mm in a field of 290 mm and fills the myocardium.",
    )
)
def boundary_iou_2mm(pair: Pair) -> float:
    """Intersection over union of the two masks' inner bands."""
    ours, theirs = (inner_band(mask, _WIDTH, pair.spacing) for mask in pair.masks())
    return int((ours & theirs).sum()) / int((ours | theirs).sum())
