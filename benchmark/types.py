"""The values that cross the plugin seam, each validated on the way in.

Arrays are in ``(slice, row, column)`` order everywhere, with a leading ``frame`` axis where an
image has one; spacing and positions are in millimetres, times in milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .checks import (
    Attribute,
    checked_affine,
    checked_attributes,
    checked_id,
    checked_labels,
    checked_numbers,
    checked_spacing,
)
from .errors import DataError, near_misses
from .regions import Label, Labels, Region

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
    "checked_id",
    "checked_labels",
    "checked_spacing",
]

#: Who may see a case when: ``external`` is tested on, and comes from a site that never trained.
Role = Literal["train", "validation", "test", "external"]


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
        if self.affine is not None:
            object.__setattr__(self, "affine", checked_affine(self.affine))
        for name, length in (("times_ms", self.n_frames), ("slice_positions", self.shape[0])):
            if getattr(self, name) is not None:
                numbers = checked_numbers(name, getattr(self, name), length)
                object.__setattr__(self, name, numbers)
        if self.trigger_delay_ms is not None and not math.isfinite(self.trigger_delay_ms):
            raise DataError(f"trigger_delay_ms is {self.trigger_delay_ms}, no finite number.")

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor, so that the arrays are read-only again: NumPy pickles no flags.
        return type(self), (self.voxels, self.spacing, self.affine, self.times_ms,
                            self.slice_positions, self.trigger_delay_ms)  # fmt: skip

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
        try:
            points = np.array(self.points, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(f"A contour's points are numbers, not {self.points!r}.") from None
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
            raise DataError(f"A contour has (n >= 3, 2) points; this has shape {points.shape}.")
        if not np.isfinite(points).all():
            raise DataError(f"The {self.kind} contour of slice {self.slice} has points not finite.")
        if self.kind not in ("endo", "epi"):
            raise DataError(f"A contour is 'endo' or 'epi', not {self.kind!r}.")
        points.flags.writeable = False
        object.__setattr__(self, "slice", int(self.slice))
        object.__setattr__(self, "points", points)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.slice, self.kind, self.points)


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
        strange = [c for c in self.contours if not isinstance(c, Contour)]
        if strange:
            raise DataError(f"Contours are of type Contour, not {type(strange[0]).__name__}.")
        if self.probabilities is not None:
            object.__setattr__(self, "probabilities", self._checked_probabilities())

    def _checked_probabilities(self) -> Mapping[Region, NDArray[np.float32]]:
        checked: dict[Region, NDArray[np.float32]] = {}
        for name, values in (self.probabilities or {}).items():
            if name not in set(Region):
                raise DataError(f"{name!r} is no region.", near_misses(str(name), map(str, Region)))
            array = np.asarray(values, dtype=np.float32).view()
            if self.labels is not None and array.shape != self.labels.shape:
                raise DataError(
                    f"Probabilities of {name} have shape {array.shape}, "
                    f"labels have {self.labels.shape}."
                )
            if not (np.isfinite(array).all() and (array >= 0).all() and (array <= 1).all()):
                raise DataError(f"Probabilities of {name} leave [0, 1].")
            array.flags.writeable = False
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
        for modality, image in self.images.items():
            if not isinstance(image, Volume):
                raise DataError(
                    f"Image {modality!r} of study {self.id!r} is {type(image).__name__}, no Volume."
                )
        if self.apex not in ("first", "last", None):
            raise DataError(
                f"Study {self.id!r}: apex is 'first', 'last' or None, not {self.apex!r}."
            )
        attributes = checked_attributes(self.id, self.attributes)
        object.__setattr__(self, "images", MappingProxyType(dict(self.images)))
        object.__setattr__(self, "attributes", MappingProxyType(attributes))

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
    attributes: Mapping[str, Attribute] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        checked_id(self.id)
        if not self.patient:
            object.__setattr__(self, "patient", self.id)
        if self.role not in get_args(Role):
            raise DataError(
                f"Case {self.id!r} has no such role: {self.role!r}.",
                near_misses(str(self.role), get_args(Role)),
            )
        attributes = checked_attributes(self.id, self.attributes)
        object.__setattr__(self, "attributes", MappingProxyType(attributes))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.id, self.role, self.patient, self.stratum, dict(self.attributes))
