"""What popescu2022's three networks learn from: prepared slices, cine made LGE-like among them.

* "An average of 1.9 slices per patient, which did not have ground truth myocardial segmentation ...
  were excluded from training": slices without myocardium are left out, for all three.
* "For the myocardium segmentation network, only LGE-CMR scans with enhancement segmentation ground
  truth were used": stage 2 has all drawn slices of the cases that have any scar. The LGE-like ones
  all have an enhancement mask, and are in it.
* "The autoencoder used ground truth myocardial segmentations from all the available training data."
* "To prevent cine-derived "LGE-like" images from dominating the training set, they were weighed
  less in the loss function": the number is the method's ``style_weight``.

Stage 2 learns on the regions that stage 1 predicts, as it will have to work on. Where that has
missed half of the ventricle, the drawn one is taken: what is cut off cannot be learnt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmark import Case, DataError, Region
from benchmark.types import Labels

from ._acs_cine import aligned_cine
from ._acs_preprocess import BRIGHTEST, Frame, equalised, prepare
from ._acs_tissue import Window, seen

if TYPE_CHECKING:
    from ._training import Samples

__all__ = [
    "Drawn",
    "drawn",
    "enhanced",
    "gathered",
    "roi_samples",
    "shapes",
    "styled",
    "tissue_samples",
]

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_log = logging.getLogger("benchmark")
#: Of the ventricle, how much the predicted region must hold to be learnt on.
_CAUGHT = 0.5


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


def roi_samples(stacks: Sequence[Drawn], style_weight: float) -> Samples:
    """What stage 1 learns from: whole slices, and the ventricle in them."""
    return _samples(
        np.concatenate([d.images / np.float32(BRIGHTEST) for d in stacks])[:, None],
        np.concatenate([d.lv for d in stacks])[:, None],
        stacks,
        style_weight,
    )


def tissue_samples(
    stacks: Sequence[Drawn], rois: Sequence[Mask], size: int, style_weight: float
) -> Samples:
    """What stage 2 learns from: squares about the regions, and wall and enhancement in them.

    Args:
        stacks: That have enhancement.
        rois: Of each the regions ``(n, size, size)`` that stage 1 finds.
        size: Side of the squares.
        style_weight: What an LGE-like slice counts.
    """
    images, masks = [], []
    for stack, found in zip(stacks, rois, strict=True):
        for k, roi in enumerate(found):
            lv = stack.lv[k]
            caught = (roi & lv).sum() >= _CAUGHT * lv.sum()
            image, window = seen(stack.images[k], roi if caught else lv, size)
            images.append(image[None])
            masks.append(
                np.stack([window.cut(stack.myocardium[k]), window.cut(stack.enhancement[k])])
            )
    return _samples(np.stack(images), np.stack(masks), stacks, style_weight)


def shapes(stacks: Sequence[Drawn], size: int) -> tuple[Mask, NDArray[np.float64]]:
    """What stage 3 learns from: the drawn myocardia of LGE, about their ventricles.

    Returns:
        ``(n, size, size)`` masks, and ``(n, 2)`` their (row, column) spacings in mm.
    """
    masks, pixels = [], []
    for stack in stacks:
        if stack.lge_like:
            continue
        for wall, lv in zip(stack.myocardium, stack.lv, strict=True):
            masks.append(Window.about(lv, size).cut(wall))
            pixels.append(stack.pixel)
    return np.stack(masks), np.array(pixels, dtype=np.float64)


def gathered(
    cases: Sequence[Case], size: int, style: bool, rng: Callable[[int], np.random.Generator]
) -> list[Drawn]:
    """The drawn slices of all cases, then those made of cine where ``style`` is wanted.

    Args:
        cases: To learn from.
        size: Side of the square.
        style: Whether cine is made LGE-like.
        rng: The random numbers of the case of that index.

    Raises:
        DataError: No case has myocardium; or as :func:`drawn`.
        PluginError: scikit-image is not installed.
    """
    found = [d for d in (drawn(case, size) for case in cases) if d is not None]
    if not found:
        raise DataError("No training case has myocardium.", "Choose a split that has some.")
    if not style:
        return found
    made = [
        styled(case, found, size, rng(i))
        for i, case in enumerate(cases)
        if {"lge", "cine"} <= set(case.study.images)
    ]
    lge_like = [d for d in made if d is not None]
    if not lge_like:
        _log.warning(
            "NO LGE-LIKE IMAGES: no training case has a cine that can be matched to its LGE. This "
            "is not the paper's setting; --set style=false says so in the record."
        )
    return found + lge_like


def enhanced(stacks: Sequence[Drawn]) -> list[Drawn]:
    """Those that stage 2 learns from.

    Raises:
        DataError: No LGE scan has enhancement.
    """
    if not any(stack.enhancement.any() for stack in stacks if not stack.lge_like):
        raise DataError(
            "No training case has enhancement, and acsnet's second stage learns from no other.",
            "Choose a split that has some.",
        )
    return [stack for stack in stacks if stack.has_enhancement]


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


def _samples(
    images: Floats, masks: NDArray[Any], stacks: Sequence[Drawn], style_weight: float
) -> Samples:
    import torch

    from ._training import Samples

    weights = np.concatenate(
        [np.full(len(d.images), style_weight if d.lge_like else 1.0) for d in stacks]
    )
    return Samples(
        torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32)),
        torch.from_numpy(masks.astype(np.uint8)),
        torch.from_numpy(weights.astype(np.float32)),
    )
