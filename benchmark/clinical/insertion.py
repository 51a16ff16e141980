"""Where the right ventricle joins the left: the direction that myocardial segments are told from.

An insertion is given by attributes of the study, read off its images and never off a reference:

* ``rv_insertion``: the anterior insertion as text ``row,column`` in pixels of the target image,
  from 0 at the middle of the first pixel; or one such pair for each slice, parted by ``;``;
* or ``rv_insertion_deg``: its direction from the centre of the left ventricle in degrees, from the
  image's right hand side counter-clockwise as displayed (rows downwards), for all slices;
* ``rv_insertion_inferior``: beside ``rv_insertion``, the inferior one in the same form.

or found from a mask of the right ventricle (:func:`of_right_ventricle`). Without any of these it is
not known, and nothing is guessed.

Segments are counted from the anterior insertion over the septum, which is counter-clockwise as seen
from the apex (Cerqueira et al. 2002). Which way that is in an image follows from the inferior
insertion, as the septum is the shorter way between the two; else from where the image is seen from
(:func:`turn_of`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..types import Labels, Study, Volume
from .planes import Floats, angles_of

__all__ = ["ATTRIBUTES", "UNKNOWN", "Insertion", "insertion_of", "of_right_ventricle", "turn_of"]

#: 1 where segments are counted counter-clockwise in the displayed image, -1 where clockwise.
Turn = Literal[1, -1]
#: Anterior insertion as a place, as a direction; inferior insertion as a place.
ATTRIBUTES = ("rv_insertion", "rv_insertion_deg", "rv_insertion_inferior")
UNKNOWN = "where the right ventricle joins the left is not known"
#: So many pixels may lie between the masks of the two ventricles where they touch.
_GAP = 2.0
#: A right ventricle is beside the left one, not around it.
_WIDEST = math.radians(240.0)


@dataclass(frozen=True, eq=False)
class Insertion:
    """The anterior insertion, and which way the septum lies from it.

    Args:
        turn: Which way segments are counted; None where ``inferior`` tells.
        angle: Its direction in radians (:func:`benchmark.clinical.planes.angles_of`), for each
            slice or for all.
        points: Or its place, ``(slice or 1, 2)`` (row, column) in pixels.
        inferior: The place of the inferior insertion, likewise.
    """

    turn: Turn | None
    angle: Floats | float | None = None
    points: Floats | None = None
    inferior: Floats | None = None

    def __post_init__(self) -> None:
        if (self.angle is None) == (self.points is None):
            raise DataError("An RV insertion is a direction or a place, one of the two.")
        if self.turn is None and (self.inferior is None or self.points is None):
            raise DataError(
                "Nothing says on which side of the RV insertion the septum lies.",
                "Give the turn, or the places of both insertions.",
            )

    def check(self, n_slices: int, case: str) -> None:
        """Refuse one that was given for another number of slices.

        Raises:
            DataError: It was.
        """
        told = [np.asarray(p) for p in (self.angle, self.points, self.inferior) if p is not None]
        wrong = [len(p) for p in told if p.ndim and len(p) not in (1, n_slices)]
        if wrong:
            raise DataError(f"Case {case!r}: {wrong[0]} RV insertions for {n_slices} slices.")

    def moved(self, corner: tuple[int, int]) -> Insertion:
        """The same in an image cropped to begin at row and column ``corner``."""
        moved = [None if p is None else p - np.array(corner) for p in (self.points, self.inferior)]
        return Insertion(self.turn, angle=self.angle, points=moved[0], inferior=moved[1])

    def resolve(
        self, centres: Floats, spacing: tuple[float, float, float]
    ) -> tuple[Floats, Turn] | str:
        """Its direction in each slice, and the turn; or why there is none.

        Args:
            centres: ``(slice, 2)`` (row, column) in pixels; NaN in slices without a ventricle,
                which have no direction to a place.
            spacing: (z, y, x) in mm.
        """
        if self.angle is not None:
            return np.broadcast_to(np.asarray(self.angle, float), len(centres)), self.turn or 1
        assert self.points is not None
        angles = angles_of(self.points - centres, spacing)
        if self.turn is not None:
            return angles, self.turn
        assert self.inferior is not None
        across = angles_of(self.inferior - centres, spacing) - angles
        across = across[~np.isnan(across)]
        # The mean of directions, so that slices are not counted by the side they round to.
        side = float(np.sin(across).sum())
        if abs(side) <= 1e-6 * max(len(across), 1):
            return "the septum is on neither side of its two RV insertions"
        return angles, 1 if side > 0 else -1


def turn_of(image: Volume, apex: Literal["first", "last"] | None) -> Turn | str:
    """Which way segments are counted in a displayed image; or why that is not known.

    Its affine says whether slices follow each other into the display or out of it, and so from
    which end of the stack the image is seen. From the apex they are counted counter-clockwise.

    Args:
        image: The image.
        apex: Which end of the stack the apex is at.
    """
    if apex is None:
        return "which end of the stack is the apex is not known"
    if image.affine is None:
        return "without an affine nobody knows whether the image is seen from the apex"
    handed = float(np.linalg.det(image.affine[:3, :3]))
    if not handed:
        return "its affine does not say whether the image is seen from the apex"
    return 1 if (handed > 0) == (apex == "first") else -1


def insertion_of(study: Study) -> Insertion | str:
    """The insertion that the study's attributes give; or why there is none.

    Raises:
        DataError: An attribute is not in the form above, lies outside the image, or two of them
            contradict each other.
    """
    place, direction, inferior = (study.attributes.get(name) for name in ATTRIBUTES)
    if place is None and direction is None and inferior is None:
        return UNKNOWN
    if (place is None) == (direction is None) or (place is None and inferior is not None):
        raise DataError(
            f"Study {study.id!r}: {ATTRIBUTES[0]} is {place!r}, {ATTRIBUTES[1]} {direction!r} and "
            f"{ATTRIBUTES[2]} {inferior!r}.",
            f"Give {ATTRIBUTES[0]}, alone or with {ATTRIBUTES[2]}; or {ATTRIBUTES[1]} alone.",
        )
    if inferior is not None:
        both = (_points(study, ATTRIBUTES[0], place), _points(study, ATTRIBUTES[2], inferior))
        return Insertion(None, points=both[0], inferior=both[1])
    points = None if place is None else _points(study, ATTRIBUTES[0], place)
    angle = None if direction is None else _radians(study, direction)
    turn = turn_of(study.target, study.apex)
    return turn if isinstance(turn, str) else Insertion(turn, angle=angle, points=points)


def of_right_ventricle(
    right: NDArray[np.bool_],
    labels: Labels,
    centres: Floats,
    spacing: tuple[float, float, float],
    turn: Turn,
) -> Insertion | str:
    """The insertion from a mask of the right ventricle; or why it has none.

    In each slice the left ventricle touches the right one along an arc: the smallest that holds the
    direction of every pixel of its rim within two pixels of the right ventricle. The ends of the
    arc are the insertions, and the anterior one is that from which the septum is counted. A slice
    without a right ventricle takes the direction of the nearest slice that has one.

    Args:
        right: ``(slice, row, column)``; blood pool, with or without its wall.
        labels: Canonical labels of the left ventricle, on the same grid.
        centres: ``(slice, 2)`` (row, column) of the left ventricle in pixels.
        spacing: (z, y, x) in mm.
        turn: Which way segments are counted (:func:`turn_of`).

    Raises:
        DataError: The mask is not on the labels' grid.
    """
    if right.shape != labels.shape:
        raise DataError(
            f"Labels have shape {labels.shape}, the right ventricle's mask {right.shape}."
        )
    found = {}
    for z in range(len(labels)):
        arc = _arc(right[z].astype(bool), labels[z] > 0, centres[z], spacing)
        if arc is not None:
            found[z] = arc[0] if turn == 1 else arc[1]
    if not found:
        return "the right ventricle touches the left one in no slice"
    known = np.array(list(found))
    nearest = [int(known[np.abs(known - z).argmin()]) for z in range(len(labels))]
    return Insertion(turn, angle=np.array([found[z] for z in nearest]))


def _arc(
    right: NDArray[np.bool_],
    left: NDArray[np.bool_],
    centre: Floats,
    spacing: tuple[float, float, float],
) -> tuple[float, float] | None:
    """Both ends of the arc of contact, counter-clockwise; None where there is no contact."""
    from scipy.ndimage import binary_erosion, distance_transform_edt

    if not right.any() or not left.any():
        return None
    _, dy, dx = spacing
    rim = left & ~binary_erosion(left)
    near = distance_transform_edt(~right, sampling=(dy, dx)) <= _GAP * max(dy, dx)
    angles = np.sort(angles_of(np.argwhere(rim & near) - centre, spacing))
    if len(angles) < 2:
        return None
    gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
    widest = int(gaps.argmax())
    if 2 * np.pi - gaps[widest] > _WIDEST:
        return None
    return float(angles[(widest + 1) % len(angles)]), float(angles[widest])


def _points(study: Study, name: str, given: object) -> Floats:
    """Pixels ``(slice or 1, 2)`` from the text of an attribute."""
    parts = [part.split(",") for part in str(given).split(";")]
    n, rows, columns = study.target.shape
    try:
        points = np.array([[float(number) for number in part] for part in parts])
    except ValueError:
        points = np.empty(0)
    if points.shape not in ((1, 2), (n, 2)) or not np.isfinite(points).all():
        raise DataError(
            f"Study {study.id!r}: {name} is {given!r}.",
            f"Give 'row,column' in pixels, or {n} such pairs parted by ';', one for each slice.",
        )
    if (points < -0.5).any() or (points > np.array([rows, columns]) - 0.5).any():
        raise DataError(
            f"Study {study.id!r}: {name} is {given!r}, which lies outside its image.",
            f"Give rows from 0 to {rows - 1} and columns from 0 to {columns - 1}.",
        )
    return points


def _radians(study: Study, given: object) -> float:
    """An angle in radians from an attribute in degrees."""
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise DataError(
            f"Study {study.id!r}: {ATTRIBUTES[1]} is {given!r}.", "Give degrees, as a number."
        )
    return math.radians(given)
