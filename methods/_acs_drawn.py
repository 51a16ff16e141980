"""The drawn slices of a study as popescu2022's networks learn from them, LGE or cine made like it.

"An average of 1.9 slices per patient, which did not have ground truth myocardial segmentation ...
were excluded from training": slices without myocardium are left out, for all three networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmark import Case, DataError, Region
from benchmark.types import Labels

from ._acs_cine import aligned_cine
from ._acs_preprocess import Frame, equalised, prepare

__all__ = ["Drawn", "drawn", "styled"]

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Drawn:
    """The drawn slices of one study, in the square, from apex to base.

    Attributes:
        images: ``(n, size, size)`` in [0, 255].
        lv, myocardium, enhancement: ``(n, size, size)`` bool.
        pixel: (row, column) spacing in mm.
        lge_like: Whether it was made of cine.
    """

    images: Floats
    lv: Mask
    myocardium: Mask
    enhancement: Mask
    pixel: tuple[float, float]
    lge_like: bool = False

    @property
    def has_enhancement(self) -> bool:
        """Whether stage 2 learns from it."""
        return self.lge_like or bool(self.enhancement.any())


def drawn(case: Case, size: int) -> Drawn | None:
    """The slices of ``case`` that have myocardium; None if it has none.

    Raises:
        DataError: It has no label map, its image has frames, or an attribute is no number.
        PluginError: scikit-image is not installed.
    """
    labels = _labels(case)
    prepared = prepare(case.study, size)
    return _chosen(prepared.images, labels, prepared.frame, None)


def styled(
    case: Case, donors: Sequence[Drawn], size: int, rng: np.random.Generator
) -> Drawn | None:
    """The cine of ``case`` in the style of LGE; None if it has none that can be matched.

    Args:
        case: With a label map.
        donors: All LGE scans: one lends its histogram, all together the share of slices that
            have enhancement.
        size: Side of the square.
        rng: What is drawn at random.

    Raises:
        DataError: The case has no label map, or its image has frames.
        PluginError: scikit-image is not installed.
    """
    from ._acs_style import StyleSettings, enhanced_proportion, lge_like

    labels = _labels(case)
    found = aligned_cine(case.study, labels)
    if found is None:
        return None
    cine, present = found
    frame = Frame.of(case.study, size)
    ordered = present[::-1] if frame.reversed else present
    plain = _chosen(equalised(cine, frame), labels, frame, ordered)
    if plain is None:
        return None
    share = enhanced_proportion(
        np.concatenate([d.enhancement for d in donors]),
        np.concatenate([d.myocardium for d in donors]),
    )
    donor = donors[int(rng.integers(len(donors)))].images
    settings = StyleSettings(probability=share)
    image, enhancement = lge_like(plain.images, plain.myocardium, donor, rng, settings)
    return replace(plain, images=image, enhancement=enhancement, lge_like=True)


def _chosen(images: Floats, labels: Labels, frame: Frame, present: Mask | None) -> Drawn | None:
    from scipy import ndimage

    squares = frame.to_square(labels)
    regions = [r.mask(squares) for r in (Region.LV, Region.MYOCARDIUM, Region.SCAR)]
    lv, wall, scar = regions
    # where a data set has no cavity, the region is what its walls enclose all the same
    lv = np.stack([ndimage.binary_fill_holes(slice_) for slice_ in lv])
    chosen = wall.any(axis=(1, 2))
    if present is not None:
        chosen &= present
    if not chosen.any():
        return None
    return Drawn(images[chosen], lv[chosen], wall[chosen], scar[chosen], frame.pixel)


def _labels(case: Case) -> Labels:
    labels = case.reference.labels
    if labels is None:
        raise DataError(
            f"Case {case.study.id!r}: its reference has contours but no label map.",
            "Train on cases with label maps.",
        )
    return labels
