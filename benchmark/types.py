"""The values that cross the plugin seam, each validated on the way in.

Arrays are in ``(slice, row, column)`` order everywhere, with a leading ``frame`` axis where an
image has one; spacing and positions are in millimetres, times in milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import DataError

__all__ = [
    "Attribute",
    "Case",
    "CaseInfo",
    "Contour",
    "Label",
    "Labels",
    "Region",
    "Role",
    "Segmentation",
    "Study",
    "Volume",
]

Attribute = str | int | float | bool | None
Labels = NDArray[np.uint8]
#: Who may see a case when: ``external`` is tested on, and comes from a site that never trained.
Role = Literal["train", "validation", "test", "external"]


class Label(IntEnum):
    """The canonical label values; a data set maps its own codes to these."""

    BACKGROUND = 0
    CAVITY = 1
    MYOCARDIUM = 2
    SCAR = 3
    MVO = 4


class Region(StrEnum):
    """What is measured: a union of labels.

    ``core_scar`` has the labels of ``scar`` and is narrowed by full width at half maximum, so it
    needs the image as well (:mod:`benchmark.clinical`).
    """

    CAVITY = "cavity"
    MYOCARDIUM = "myocardium"
    LV = "lv"
    SCAR = "scar"
    MVO = "mvo"
    CORE_SCAR = "core_scar"

    @property
    def labels(self) -> tuple[Label, ...]:
        """The canonical labels whose union is this region."""
        return _REGION_LABELS[self]

    def mask(self, labels: Labels) -> NDArray[np.bool_]:
        """Where ``labels`` (any shape) belong to this region."""
        lookup = np.zeros(256, dtype=bool)
        lookup[list(self.labels)] = True
        return np.asarray(lookup[labels], dtype=bool)


_REGION_LABELS: Mapping[Region, tuple[Label, ...]] = MappingProxyType(
    {
        Region.CAVITY: (Label.CAVITY,),
        Region.MYOCARDIUM: (Label.MYOCARDIUM, Label.SCAR, Label.MVO),
        Region.LV: (Label.CAVITY, Label.MYOCARDIUM, Label.SCAR, Label.MVO),
        Region.SCAR: (Label.SCAR, Label.MVO),
        Region.MVO: (Label.MVO,),
        Region.CORE_SCAR: (Label.SCAR, Label.MVO),
    }
)


@dataclass(frozen=True, eq=False)
class Volume:
    """One image on its grid.

    Args:
        voxels: ``(slice, row, column)`` or ``(frame, slice, row, column)``; a real, finite dtype.
            Kept as a read-only view.
        spacing: ``(z, y, x)`` in mm; z is the distance between slice centres, gap included.
        affine: 4x4, from ``(column, row, slice)`` indices to RAS mm, as NIfTI has it. By default
            the spacing alone.
        times_ms: Per frame, time since the R wave (cine) or inversion / preparation time (maps).
        slice_positions: Per slice, position along the slice normal in mm; by default multiples of
            the slice spacing. Cine and LGE stacks of one study share its origin.
        trigger_delay_ms: When in the cardiac cycle a single-phase image was acquired.

    Raises:
        DataError: An axis, the spacing, a length or a dtype does not fit, or a voxel is not finite.
    """

    voxels: NDArray[Any]
    spacing: tuple[float, float, float]
    affine: NDArray[np.float64] | None = None
    times_ms: tuple[float, ...] | None = None
    slice_positions: tuple[float, ...] | None = None
    trigger_delay_ms: float | None = None

    def __post_init__(self) -> None:
        voxels = np.asarray(self.voxels)
        if voxels.ndim not in (3, 4):
            raise DataError(
                f"A volume has axes ([frame,] slice, row, column); this has shape {voxels.shape}."
            )
        if voxels.size == 0:
            raise DataError(f"A volume of shape {voxels.shape} holds no voxel.")
        if voxels.dtype.kind not in "biuf":
            raise DataError(f"A volume holds real numbers, not dtype {voxels.dtype}.")
        if voxels.dtype.kind == "f" and not np.isfinite(voxels).all():
            bad = int(voxels.size - np.isfinite(voxels).sum())
            raise DataError(f"{bad} of {voxels.size} voxels are NaN or infinite.")
        view = voxels.view()
        view.flags.writeable = False
        object.__setattr__(self, "voxels", view)
        object.__setattr__(self, "spacing", checked_spacing(self.spacing))
        self._check_lengths()
        if self.affine is not None:
            affine = np.array(self.affine, dtype=np.float64)
            if affine.shape != (4, 4) or not np.isfinite(affine).all():
                raise DataError(f"An affine is a finite 4x4 matrix; this is {affine.tolist()}.")
            affine.flags.writeable = False
            object.__setattr__(self, "affine", affine)

    def _check_lengths(self) -> None:
        lengths = {"times_ms": self.n_frames, "slice_positions": self.shape[0]}
        for name, length in lengths.items():
            values = getattr(self, name)
            if values is None:
                continue
            values = tuple(float(v) for v in values)
            if len(values) != length or not all(map(math.isfinite, values)):
                raise DataError(f"{name} needs {length} finite numbers; it is {values}.")
            object.__setattr__(self, name, values)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(slice, row, column)``, without the frame axis."""
        z, y, x = self.voxels.shape[-3:]
        return z, y, x

    @property
    def n_frames(self) -> int:
        """How many frames there are; 1 for an image without a frame axis."""
        return int(self.voxels.shape[0]) if self.voxels.ndim == 4 else 1

    @property
    def positions(self) -> tuple[float, ...]:
        """Position of each slice in mm: as given, or multiples of the slice spacing."""
        if self.slice_positions is not None:
            return self.slice_positions
        return tuple(i * self.spacing[0] for i in range(self.shape[0]))


@dataclass(frozen=True, eq=False)
class Contour:
    """One closed, ordered, sub-pixel contour in one slice.

    Args:
        slice: Index of its slice.
        kind: ``endo`` or ``epi``.
        points: ``(n, 2)`` (row, column) in pixels; pixel centres at whole numbers; not repeated at
            the end; at least three.
    """

    slice: int
    kind: Literal["endo", "epi"]
    points: NDArray[np.float64]

    def __post_init__(self) -> None:
        points = np.array(self.points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
            raise DataError(f"A contour has (n >= 3, 2) points; this has shape {points.shape}.")
        if not np.isfinite(points).all():
            raise DataError(f"The {self.kind} contour of slice {self.slice} has points not finite.")
        if self.kind not in ("endo", "epi"):
            raise DataError(f"A contour is 'endo' or 'epi', not {self.kind!r}.")
        points.flags.writeable = False
        object.__setattr__(self, "points", points)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a method answers and what a reader drew: labels, or contours, on a study's grid.

    Args:
        labels: ``(slice, row, column)`` canonical labels; integers or bool, converted to uint8.
        contours: Sub-pixel contours instead of (or beside) labels.
        probabilities: Per region, ``(slice, row, column)`` float32 in [0, 1].

    Raises:
        DataError: Neither labels nor contours; float labels; values beyond the canonical labels;
            probabilities outside [0, 1] or of another shape.
    """

    labels: Labels | None = None
    contours: tuple[Contour, ...] = ()
    probabilities: Mapping[Region, NDArray[np.float32]] | None = None

    def __post_init__(self) -> None:
        if self.labels is None and not self.contours:
            raise DataError("A segmentation needs labels or contours.")
        if self.labels is not None:
            object.__setattr__(self, "labels", checked_labels(self.labels))
        object.__setattr__(self, "contours", tuple(self.contours))
        if self.probabilities is not None:
            object.__setattr__(self, "probabilities", self._checked_probabilities())

    def _checked_probabilities(self) -> Mapping[Region, NDArray[np.float32]]:
        checked: dict[Region, NDArray[np.float32]] = {}
        for name, values in (self.probabilities or {}).items():
            array = np.asarray(values, dtype=np.float32)
            if self.labels is not None and array.shape != self.labels.shape:
                raise DataError(
                    f"Probabilities of {name} have shape {array.shape}, "
                    f"labels have {self.labels.shape}."
                )
            if not (np.isfinite(array).all() and (array >= 0).all() and (array <= 1).all()):
                raise DataError(f"Probabilities of {name} leave [0, 1].")
            checked[Region(name)] = array
        return MappingProxyType(checked)

    def __reduce__(self) -> tuple[Any, ...]:
        probabilities = None if self.probabilities is None else dict(self.probabilities)
        return type(self), (self.labels, self.contours, probabilities)


@dataclass(frozen=True, eq=False)
class Study:
    """Everything a method may see of one examination.

    Args:
        id: Unique in its data set; used as a file name, so no path separators.
        images: By modality: ``lge``, ``cine``, ``t1``, ``t2``, ``t1_weighted``, ``t2_weighted``.
        attributes: What is known beside the pixels (``patient``, ``site``, ``vendor``,
            ``pathology``, ``map``, ``lv_centre`` ...); never anything read off the reference.
        apex: Whether slice 0 (``first``) or the last slice lies at the apex; None is unknown.
    """

    id: str
    images: Mapping[str, Volume]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    apex: Literal["first", "last"] | None = None

    def __post_init__(self) -> None:
        checked_id(self.id)
        if not self.images:
            raise DataError(f"Study {self.id!r} has no image.")
        object.__setattr__(self, "images", MappingProxyType(dict(self.images)))
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))

    @property
    def target(self) -> Volume:
        """The image on whose grid the segmentation lies: LGE, a T1 or T2 map, or the first."""
        for modality in ("lge", "t1", "t2"):
            if modality in self.images:
                return self.images[modality]
        return next(iter(self.images.values()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.id, dict(self.images), dict(self.attributes), self.apex)


@dataclass(frozen=True, eq=False)
class Case:
    """A study with its answer; only the engine, and training, ever see one.

    Args:
        study: What a method may see.
        reference: The segmentation every score is against.
        readers: Further readers by name, for the human ceiling; may be empty.
    """

    study: Study
    reference: Segmentation
    readers: Mapping[str, Segmentation] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.study.target.shape
        for name, drawn in {"reference": self.reference, **self.readers}.items():
            if drawn.labels is not None and drawn.labels.shape != shape:
                raise DataError(
                    f"Case {self.study.id!r}: {name} has shape {drawn.labels.shape}, "
                    f"its image has {shape} (slice, row, column)."
                )
        object.__setattr__(self, "readers", MappingProxyType(dict(self.readers)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.study, self.reference, dict(self.readers))


@dataclass(frozen=True)
class CaseInfo:
    """A line of a data set's index: what the engine must know before it loads a case.

    Args:
        id: The study's id.
        role: Which role the data set itself gives it.
        patient: Cases of one patient never part; by default the id.
        stratum: What folds and splits balance (a burden class, say); may be empty.
        attributes: ``site``, ``vendor``, ``pathology``, ``map`` ... for strata in tables.
    """

    id: str
    role: Role
    patient: str = ""
    stratum: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked_id(self.id)
        if not self.patient:
            object.__setattr__(self, "patient", self.id)


def checked_id(name: str) -> str:
    """``name`` if it can be a file name that stays in its folder.

    Raises:
        DataError: It is empty, too long, starts with a dot, or holds a separator or control
            character.
    """
    bad = not name or len(name) > 200 or name.startswith(".") or name != name.strip()
    if bad or any(c in '/\\:*?"<>|' or not c.isprintable() for c in name):
        raise DataError(
            f"{name!r} cannot be a case id.",
            "Use letters, digits, '-', '_' and '.'; no path separators, no leading dot.",
        )
    return name


def checked_spacing(spacing: Any) -> tuple[float, float, float]:
    """``spacing`` as three positive finite floats, (z, y, x) in mm.

    Raises:
        DataError: It is not that.
    """
    values = tuple(float(s) for s in spacing)
    if len(values) != 3 or not all(math.isfinite(s) and s > 0 for s in values):
        raise DataError(f"Spacing is (z, y, x) in mm, all > 0; this is {values}.")
    return values[0], values[1], values[2]


def checked_labels(labels: Any) -> Labels:
    """``labels`` as a read-only uint8 array of canonical values.

    Raises:
        DataError: Floats, a wrong number of axes, or values that are no canonical label.
    """
    array = np.asarray(labels)
    if array.dtype.kind not in "biu":
        raise DataError(
            f"Labels are integers; these are {array.dtype}.", "Convert them with .astype('uint8')."
        )
    if array.ndim != 3:
        raise DataError(f"Labels have axes (slice, row, column); these have shape {array.shape}.")
    if array.size and (array.min() < 0 or array.max() > max(Label)):
        unknown = sorted(set(np.unique(array).tolist()) - {int(v) for v in Label})
        raise DataError(
            f"Label values {unknown} are not canonical.",
            "Use 0 background, 1 cavity, 2 myocardium, 3 scar, 4 no-reflow.",
        )
    result = np.ascontiguousarray(array, dtype=np.uint8).view()
    result.flags.writeable = False
    return result
