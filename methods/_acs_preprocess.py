"""From a study's image to the square slices that popescu2022's networks see, and exactly back.

Imaging data and processing: "slices were automatically ordered from apex to base ... The images
were standardized in terms of orientation by applying rotations in increments of 90 degrees (90
degrees was chosen to avoid interpolation). If ... the "WindowCenter," "WindowLength,"
"RescaleSlope," and "RescaleIntercept" tags [were] populated, the corresponding linear
transformation was applied ... contrast-limited adaptive histogram equalization was applied. All
images were cropped or padded to a square of size 192x192 pixels (no aspect ratio distortion),
without centering. Finally, resulting images were rescaled in the range [0, 255]."

No pixel is ever interpolated, so what holds of a mask in the square holds of it on the study's
grid. Pixels are not of one size across scanners; the paper leaves that to the networks, and so does
this. Chosen where it is silent:

* A study that does not know its apex is taken to begin with it.
* Turned so that rows run to the patient's back and feet and columns to the left, as nearly as
  quarter turns allow; an image without an affine stays as it is.
* "Without centering" is read as: not centred on the heart. The square lies about the image's
  middle, so that as much is cut off on either side.
* Equalisation is scikit-image's with its defaults, each slice by itself and before cropping, so
  that padding takes no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmark import DataError, Study, Volume
from benchmark.errors import PluginError
from benchmark.grid import Grid

from ._slices import still_volume

__all__ = ["Frame", "Prepared", "equalised", "intensities", "prepare", "quarter_turns"]

Floats = NDArray[np.float32]
T = TypeVar("T", bound=np.generic)

#: Where columns and rows shall run, in RAS: to the left, and between the back and the feet.
_COLUMNS = np.array([-1.0, 0.0, 0.0])
_ROWS = np.array([0.0, -np.sqrt(0.5), -np.sqrt(0.5)])
#: The brightest value that networks see.
BRIGHTEST = 255.0


@dataclass(frozen=True)
class Frame:
    """How a stack lies in the square: order of its slices, quarter turns, crop or padding.

    Attributes:
        shape: Of the study's grid, (slice, row, column).
        spacing: Of the study's grid, (z, y, x) in mm.
        reversed: Whether slices are taken from the last to the first, so that the apex comes first.
        turns: Quarter turns, as :func:`numpy.rot90` counts them.
        size: Side of the square in pixels.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    reversed: bool
    turns: int
    size: int

    @classmethod
    def of(cls, study: Study, size: int) -> Frame:
        """That of the study's target image.

        Raises:
            DataError: The image has frames.
        """
        volume = still_volume(study)
        turns = quarter_turns(volume)
        return cls(volume.shape, volume.spacing, study.apex == "last", turns, size)

    @property
    def pixel(self) -> tuple[float, float]:
        """Spacing (row, column) in mm in the square: the grid's, turned."""
        _, y, x = self.spacing
        return (x, y) if self.turns % 2 else (y, x)

    @property
    def inside(self) -> tuple[slice, slice]:
        """The rows and columns of the square that lie in the image."""
        _, y, x = self.shape
        rows, columns = (x, y) if self.turns % 2 else (y, x)
        return _overlap(rows, self.size)[1], _overlap(columns, self.size)[1]

    def turned(self, values: NDArray[T]) -> NDArray[T]:
        """``(slice, row, column)`` of the grid from apex to base and turned, of its own size."""
        ordered = values[::-1] if self.reversed else values
        return np.ascontiguousarray(np.rot90(ordered, self.turns, axes=(1, 2)))

    def to_square(self, values: NDArray[T]) -> NDArray[T]:
        """``(slice, size, size)`` of ``(slice, row, column)`` on the grid; 0 outside the image."""
        turned = self.turned(values)
        out = np.zeros((len(turned), self.size, self.size), dtype=values.dtype)
        (from_y, to_y), (from_x, to_x) = (_overlap(n, self.size) for n in turned.shape[1:])
        out[:, to_y, to_x] = turned[:, from_y, from_x]
        return out

    def to_grid(self, values: NDArray[T]) -> NDArray[T]:
        """``(slice, row, column)`` on the grid of ``(slice, size, size)``; 0 outside the square.

        What :meth:`to_square` undoes, and is undone by but for what is cut off.
        """
        _, y, x = self.shape
        rows, columns = (x, y) if self.turns % 2 else (y, x)
        turned = np.zeros((len(values), rows, columns), dtype=values.dtype)
        (from_y, to_y), (from_x, to_x) = (_overlap(n, self.size) for n in (rows, columns))
        turned[:, from_y, from_x] = values[:, to_y, to_x]
        ordered = np.rot90(turned, -self.turns, axes=(1, 2))
        return np.ascontiguousarray(ordered[::-1] if self.reversed else ordered)


@dataclass(frozen=True)
class Prepared:
    """A study as the first network sees it.

    Attributes:
        images: ``(slice, size, size)`` in [0, 255], from apex to base.
        frame: How it lies on the study's grid.
    """

    images: Floats
    frame: Frame


def prepare(study: Study, size: int) -> Prepared:
    """The study's target image as the networks see it.

    Raises:
        DataError: The image has frames, or an attribute is no number.
        PluginError: scikit-image is not installed.
    """
    frame = Frame.of(study, size)
    return Prepared(equalised(intensities(study), frame), frame)


def equalised(values: NDArray[np.floating[Any]], frame: Frame) -> Floats:
    """``(slice, row, column)`` equalised slice by slice, in the square, in [0, 255].

    A slice of one value becomes 0.

    Raises:
        PluginError: scikit-image is not installed.
    """
    try:
        from skimage.exposure import equalize_adapthist
    except ImportError:
        raise PluginError(
            "acsnet equalises images with scikit-image, which is not installed.",
            "pip install 'scarbench[acsnet]'",
        ) from None

    out = np.zeros(values.shape, dtype=np.float32)
    for image, equal in zip(values, out, strict=True):
        # of size 1 first: the span of two large numbers may not be finite
        small = image / max(float(np.abs(image).max()), np.finfo(np.float64).tiny)
        low, high = small.min(), small.max()
        if high > low:
            equal[:] = equalize_adapthist(np.clip((small - low) / (high - low), 0.0, 1.0))
    return _stretched(frame.to_square(out))


def _stretched(images: Floats) -> Floats:
    """Each slice's lowest and highest value moved to 0 and 255."""
    low = images.min(axis=(1, 2), keepdims=True)
    span = images.max(axis=(1, 2), keepdims=True) - low
    return np.asarray(BRIGHTEST * (images - low) / np.where(span > 0, span, 1), dtype=np.float32)


def intensities(study: Study) -> NDArray[np.float64]:
    """The target's voxels with the linear transformations of the DICOM attributes it has.

    ``RescaleSlope`` and ``RescaleIntercept`` first, as DICOM orders them; then ``WindowCenter`` and
    ``WindowWidth`` (the paper calls it WindowLength): what lies outside the window is clipped.

    Raises:
        DataError: The image has frames, an attribute is no number, a slope 0, or a width not
            positive; or the transformed values are not finite.
    """
    values = still_volume(study).voxels.astype(np.float64)
    given = study.attributes
    slope = _number(study.id, given, "RescaleSlope", 1.0)
    intercept = _number(study.id, given, "RescaleIntercept", 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        values = values * slope + intercept
    if not slope or not np.isfinite(values).all():  # else a blank image, and an empty answer
        raise DataError(
            f"Study {study.id!r}: attributes RescaleSlope {slope:g} and RescaleIntercept "
            f"{intercept:g} leave no image.",
            "Give those of the file, or leave them out.",
        )
    if "WindowCenter" in given and "WindowWidth" in given:
        centre = _number(study.id, given, "WindowCenter", 0.0)
        width = _number(study.id, given, "WindowWidth", 0.0)
        if width <= 0:
            raise DataError(
                f"Study {study.id!r}: attribute WindowWidth is {width:g}.",
                "Give a number above 0, or leave it out.",
            )
        values = np.clip(values, centre - width / 2, centre + width / 2)
    return values


def quarter_turns(volume: Volume) -> int:
    """How often to turn the slices by 90 degrees, as :func:`numpy.rot90` does, to standard."""
    if volume.affine is None:
        return 0
    directions = Grid.of(volume).directions
    column, row = directions[:, 0], directions[:, 1]
    fits = []
    for _ in range(4):
        # rounded, so that of two equal turns the smaller is taken on every machine
        fits.append(round(float(column @ _COLUMNS + row @ _ROWS), 6))
        row, column = -column, row
    return int(np.argmax(fits))


def _number(study: str, given: Mapping[str, Any], name: str, default: float) -> float:
    value = given.get(name)
    if value is None or value == "":
        return default
    try:
        number = float(str(value).split("\\")[0])  # DICOM parts several windows so
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        raise DataError(
            f"Study {study!r}: attribute {name} is {value!r}.", "Give a number, or leave it out."
        )
    return number


def _overlap(n: int, size: int) -> tuple[slice, slice]:
    """Where a line of ``n`` pixels and one of ``size`` about its middle overlap, in each."""
    length = min(n, size)
    first, second = (n - length) // 2, (size - length) // 2
    return slice(first, first + length), slice(second, second + length)
