"""Cine made to look like LGE, with enhancement where there is none: more to learn from.

popescu2022, Imaging data and processing: "First, with a given occurrence probability, a
pseudo-enhancement mask was generated independently for each slice by intersecting the myocardium
mask with a randomized collection of basic shapes (eg, ellipses, squares, etc) with randomized
locations. The probability was selected to match the proportion of slices with enhancement among
the LGE scans. The resulting patches were subsequently blurred using Gaussian filters, leading to
smoother edges. The resulting mask was overlaid onto the original (dark) myocardium, elevating the
signal intensity in the corresponding area. Then, speckle noise was added and, finally, for each
cine scan, a histogram match was performed between the newly generated image and randomly sampled
scans from the LGE training data set". Figure 2 has the mask "randomly eroded" before it is blurred.

Its first step, the equalisation, is the caller's. Where the paper is silent, :class:`StyleSettings`
says what was chosen, and:

* Erosion is ragged: of the pixels at the edge of a patch each goes with a chance of one half, once
  for each of a random number of rounds.
* Enhancement is what the blurred patches cover by half or more, of the myocardium: what is learned
  is then what is seen.
* The signal is raised towards that of the brightest of what lies about the ventricle, which is the
  blood: enhancement in LGE is about as bright. It is never lowered.
* The histogram is matched exactly, by rank, so that the result has the quantiles of the LGE scan
  whatever the noise; pixels of equal value are put in random order, so that a black background
  takes the LGE scan's noise and not one grey. Rank by rank, the darkest of the cine becomes the
  darkest of the LGE; what makes the myocardium dark is that scan's own histogram.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark import DataError

__all__ = [
    "StyleSettings",
    "enhanced_proportion",
    "lge_like",
    "match_histogram",
    "pseudo_enhancement",
]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
#: A shape is where the p-norm of its own coordinates is at most 1: diamond, ellipse, and rectangle.
_NORMS = (1.0, 2.0, np.inf)
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)


@dataclass(frozen=True)
class StyleSettings:
    """How enhancement is made up; pairs are the ends of a uniform choice.

    Attributes:
        probability: Of a slice to have enhancement: :func:`enhanced_proportion` of the LGE scans.
            The default is the paper's "roughly 80%".
        shapes: How many basic shapes make a collection.
        extent: Half axes of a shape as shares of the larger side of the box about the myocardium:
            from about a wall's thickness to a third of the circumference.
        erosions: Rounds of erosion.
        blur: Standard deviation of the Gaussian in pixels: edges one to three pixels wide, which
            is what partial volume makes of an edge in LGE.
        elevation: Share of the way from the myocardium's signal to that of the bright.
        bright: Percentile of the signal in the box about the myocardium that counts as bright.
        speckle: Standard deviation of the multiplicative noise.

    Raises:
        DataError: A probability or a percentile out of range, or the ends of a choice not in order.
    """

    probability: float = 0.8
    shapes: tuple[int, int] = (1, 3)
    extent: tuple[float, float] = (0.1, 0.35)
    erosions: tuple[int, int] = (0, 2)
    blur: tuple[float, float] = (0.4, 1.2)
    elevation: tuple[float, float] = (0.7, 1.1)
    bright: float = 90.0
    speckle: tuple[float, float] = (0.03, 0.18)

    def __post_init__(self) -> None:
        for name, value, most in (
            ("probability", self.probability, 1), ("bright", self.bright, 100),
        ):  # fmt: skip
            if not 0 <= value <= most:
                raise DataError(f"{name} is {value}; it is 0 to {most}.")
        for name in ("shapes", "extent", "erosions", "blur", "elevation", "speckle"):
            low, high = getattr(self, name)
            if not 0 <= low <= high < np.inf:
                raise DataError(
                    f"{name} is {low} to {high}.", "Give two numbers from 0 on, the smaller first."
                )


def enhanced_proportion(enhancement: NDArray[Any], myocardium: NDArray[Any]) -> float:
    """Share of the slices with myocardium that have enhancement, of ``(slice, y, x)`` masks.

    Raises:
        DataError: No slice has myocardium.
    """
    shown = np.flatnonzero(np.asarray(myocardium).astype(bool).any(axis=(1, 2)))
    if not shown.size:
        raise DataError("No slice has myocardium.", "Give the masks of the training cases.")
    return float(np.mean([np.any(enhancement[k]) for k in shown]))


def lge_like(
    cine: NDArray[Any],
    myocardium: NDArray[Any],
    donor: NDArray[Any],
    rng: np.random.Generator,
    settings: StyleSettings | None = None,
) -> tuple[Floats, Mask]:
    """An LGE-like image and its enhancement.

    Args:
        cine: ``(y, x)``, or a whole scan ``(slice, y, x)`` matched as one; of any finite scale.
        myocardium: On the same grid.
        donor: The LGE scan whose histogram the result takes, an array of any shape.
        rng: All that is random comes from it, so that its state decides every byte.
        settings: By default the paper's, where it says anything.

    Returns:
        The image and the mask of its enhancement, of the shape of ``cine``. A slice without
        myocardium has no enhancement.

    Raises:
        DataError: The shapes do not fit, the scan is empty, or a value is not finite.
    """
    settings = settings or StyleSettings()
    image, wall = np.asarray(cine, dtype=np.float64), np.asarray(myocardium).astype(bool)
    if image.shape != wall.shape or image.ndim not in (2, 3):
        raise DataError(
            f"The cine has shape {image.shape} and the myocardium {wall.shape}.",
            "Give both as (y, x) or (slice, y, x).",
        )
    if not np.isfinite(image).all():
        raise DataError("The cine holds values that are not finite.")
    image = _unit(image)
    enhancement = np.zeros_like(wall)
    planes = (a.reshape(-1, *image.shape[-2:]) for a in (image, wall, enhancement))
    for plane, ring, out in zip(*planes, strict=True):
        if rng.random() < settings.probability and ring.any():
            out[:], overlay = pseudo_enhancement(ring, rng, settings)
            plane[:] = _elevated(plane, ring, overlay, rng, settings)
    image *= 1 + rng.uniform(*settings.speckle) * rng.standard_normal(image.shape)
    return match_histogram(image, donor, rng), enhancement


def pseudo_enhancement(
    myocardium: Mask, rng: np.random.Generator, settings: StyleSettings
) -> tuple[Mask, NDArray[np.float64]]:
    """Made-up enhancement of one slice, and how strongly it is overlaid.

    Args:
        myocardium: ``(y, x)``, somewhere true.
        rng: Chooses.
        settings: Between what.

    Returns:
        The enhancement, within the myocardium and not empty; and the overlay in [0, 1], which is at
        least one half there, and reaches out of the myocardium as partial volume does.
    """
    from scipy import ndimage

    patches = _shapes(myocardium, rng, settings) & myocardium
    for _ in range(rng.integers(*settings.erosions, endpoint=True)):
        edge = patches & ~ndimage.binary_erosion(patches, _CROSS)
        eroded = patches & ~(edge & (rng.random(patches.shape) < 0.5))
        patches = eroded if eroded.any() else patches
    overlay = ndimage.gaussian_filter(patches.astype(np.float64), rng.uniform(*settings.blur))
    # A patch so thin that blurring leaves less than half of it anywhere is raised to be seen.
    overlay = np.minimum(overlay / min(1.0, overlay[myocardium].max()), 1.0)
    return np.asarray((overlay >= 0.5) & myocardium), overlay


def match_histogram(image: NDArray[Any], donor: NDArray[Any], rng: np.random.Generator) -> Floats:
    """``image`` with the values of ``donor``, in the order of its own.

    The k-th of n values becomes the donor's value at the same share of the way from its lowest to
    its highest: if both have as many values, the result is the donor's values in another order.

    Args:
        image: Of any shape.
        donor: Of any shape and size.
        rng: Puts pixels of equal value in order.

    Raises:
        DataError: The donor is empty or holds values that are not finite.
    """
    values = np.sort(np.asarray(donor, dtype=np.float32), axis=None)
    if not values.size or not np.isfinite(values).all():
        raise DataError("The LGE scan to match is empty or holds values that are not finite.")
    flat = np.asarray(image).ravel()
    order = np.lexsort((rng.random(flat.size), flat))
    # In whole numbers: the middle of the k-th of n parts lies in the donor's part (2k+1)m // 2n.
    parts = (2 * np.arange(flat.size) + 1) * values.size // (2 * flat.size)
    matched = np.empty(flat.size, dtype=np.float32)
    matched[order] = values[parts]
    return matched.reshape(np.shape(image))


def _unit(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """A copy scaled to [0, 1], so that noise in proportion to it knows no offset."""
    low, span = image.min(), np.ptp(image)
    return np.asarray((image - low) / (span if span > 0 else 1.0))


def _box(mask: Mask) -> tuple[slice, slice]:
    """The rows and columns that hold some of ``mask``, which is somewhere true."""
    from scipy import ndimage

    rows, columns = ndimage.find_objects(mask.astype(np.uint8))[0]
    return rows, columns


def _shapes(myocardium: Mask, rng: np.random.Generator, settings: StyleSettings) -> Mask:
    """A collection of basic shapes, each turned at random about a random pixel of myocardium."""
    box = _box(myocardium)
    side = max(int(part.stop - part.start) for part in box)
    y, x = np.nonzero(myocardium)
    rows, columns = np.indices(myocardium.shape)
    covered = np.zeros_like(myocardium)
    for _ in range(max(1, int(rng.integers(*settings.shapes, endpoint=True)))):
        middle = rng.integers(len(y))
        turn = rng.uniform(0, np.pi)
        axes = side * rng.uniform(*settings.extent, size=2)
        p = _NORMS[rng.integers(len(_NORMS))]
        dy, dx = rows - y[middle], columns - x[middle]
        along = np.stack([np.cos(turn) * dx + np.sin(turn) * dy,
                          np.cos(turn) * dy - np.sin(turn) * dx])  # fmt: skip
        # At least half a pixel, so that a shape covers the one it is about.
        covered |= np.linalg.norm(along / np.maximum(axes, 0.5)[:, None, None], p, axis=0) <= 1
    return covered


def _elevated(
    plane: NDArray[np.float64],
    myocardium: Mask,
    overlay: NDArray[np.float64],
    rng: np.random.Generator,
    settings: StyleSettings,
) -> NDArray[np.float64]:
    """The slice with its signal raised where the overlay is."""
    dark = float(np.median(plane[myocardium]))
    bright = max(dark, float(np.percentile(plane[_box(myocardium)], settings.bright)))
    target = dark + rng.uniform(*settings.elevation) * (bright - dark)
    return np.asarray(plane + overlay * np.maximum(target - plane, 0.0))
