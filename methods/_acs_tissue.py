"""What popescu2022's second network sees of a slice, and what becomes of its answer.

Stage 2: "the ROI mask center of mass was used to center the LV images in a 128x128 pixel square.
Next, the predicted LV ROI was used to rescale the intensity values (Supplemental Material, Appendix
A)"; and of stage 1, "used to zero out signal outside a tight square around the segmented ROI".
Appendix A is not at hand. Chosen here:

* Each slice by itself, its centre rounded to a whole pixel: nothing is interpolated.
* Intensities go from the 1st to the 99th percentile of those in the region to [0, 1], clipped: both
  blood and wall are in it, so that neither fat nor lung sets the contrast of the heart.
* The tight square is the smallest that holds the region, and :data:`MARGIN` pixels on each side: a
  wall that the first network saw a little too small would else be cut off for good. What stage 2
  answers outside it, where it was shown nothing, is no tissue.
* The cavity is what the myocardium encloses; of a ring that is open, as close to the base, what its
  convex hull does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["MARGIN", "Window", "cavity", "seen", "tight_square", "whole"]

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)

#: Pixels that the tight square is wider than the region, on each side.
MARGIN = 4
#: Percentiles of the intensities in the region that become 0 and 1.
RANGE = (1.0, 99.0)


@dataclass(frozen=True)
class Window:
    """A square of whole pixels in a slice; it may reach beyond the image.

    Attributes:
        top, left: Of its first pixel.
        size: Its side in pixels.
    """

    top: int
    left: int
    size: int

    @classmethod
    def about(cls, mask: Mask, size: int) -> Window:
        """That about the centre of mass of ``mask``, which is not empty."""
        rows, columns = np.nonzero(mask)
        middle = (size - 1) / 2
        # half a pixel up, always: numpy would round to the even one
        top, left = (int(np.floor(v.mean() - middle + 0.5)) for v in (rows, columns))
        return cls(top, left, size)

    def cut(self, image: NDArray[T]) -> NDArray[T]:
        """``(size, size)`` of ``(row, column)``; 0 beyond the image."""
        out = np.zeros((self.size, self.size), dtype=image.dtype)
        here, there = self._parts(image.shape)
        out[there] = image[here]
        return out

    def paste(self, part: NDArray[T], into: NDArray[T]) -> None:
        """Put ``part``, of this size, where it belongs; what lies beyond ``into`` is lost."""
        here, there = self._parts(into.shape)
        into[here] = part[there]

    def _parts(self, shape: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        here, there = [], []
        for start, n in zip((self.top, self.left), shape, strict=True):
            low, high = min(max(start, 0), n), max(min(start + self.size, n), 0)
            high = max(low, high)
            here.append(slice(low, high))
            there.append(slice(low - start, high - start))
        return tuple(here), tuple(there)


def seen(image: Floats, roi: Mask, size: int) -> tuple[Floats, Window]:
    """What the network sees of a slice, and where that is.

    Args:
        image: ``(row, column)``.
        roi: The region found in it, not empty.
        size: Side of the square in pixels.

    Returns:
        ``(size, size)`` in [0, 1].
    """
    low, high = np.percentile(image[roi], RANGE)
    span = high - low if high > low else 1.0
    rescaled = np.clip((image - low) / span, 0.0, 1.0).astype(np.float32)
    window = Window.about(roi, size)
    return window.cut(rescaled * tight_square(roi)), window


def tight_square(roi: Mask) -> Mask:
    """The square about a region, not empty: outside it stage 2 sees nothing and says nothing."""
    spans = [np.flatnonzero(roi.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    side = max(int(last - first) + 1 for first, last in spans) + 2 * MARGIN
    out = np.zeros_like(roi)
    (top, left) = (max(int(first + last + 1 - side) // 2, 0) for first, last in spans)
    (bottom, right) = (int(first + last + 1 - side) // 2 + side for first, last in spans)
    out[top:bottom, left:right] = True
    return out


def whole(shape: tuple[int, int], size: int) -> Mask:
    """The region of a method without a first stage: the middle of the image, ``size`` wide."""
    out = np.zeros(shape, dtype=bool)
    top, left = (max((n - size) // 2, 0) for n in shape)
    out[top : top + size, left : left + size] = True
    return out


def cavity(myocardium: Mask, c_shaped: bool) -> Mask:
    """What the myocardium of a slice encloses.

    Args:
        myocardium: ``(row, column)``.
        c_shaped: Whether it is an open ring, whose convex hull is then taken.
    """
    from scipy import ndimage

    if not c_shaped:
        return np.asarray(ndimage.binary_fill_holes(myocardium)) & ~myocardium
    from skimage import morphology

    hull: Mask = morphology.convex_hull_image(myocardium)  # type: ignore[no-untyped-call]
    return hull & ~myocardium
