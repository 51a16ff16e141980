"""What popescu2022's three networks learn from: prepared slices, cine made LGE-like among them.

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
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmark import Case, DataError

from ._acs_drawn import Drawn, drawn, styled
from ._acs_preprocess import BRIGHTEST
from ._acs_tissue import Window, seen

if TYPE_CHECKING:
    from ._training import Samples

__all__ = [
    "enhanced",
    "gathered",
    "roi_samples",
    "shapes",
    "tissue_samples",
]

Mask = NDArray[np.bool_]

_log = logging.getLogger("benchmark")
#: Of the ventricle, how much the predicted region must hold to be learnt on.
_CAUGHT = 0.5


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
    cases: Sequence[Case],
    size: int,
    style: bool,
    rng: Callable[[int], np.random.Generator],
    *,
    few: bool = False,
) -> list[Drawn]:
    """The drawn slices of all cases, then those made of cine where ``style`` is wanted.

    Args:
        cases: To learn from.
        size: Side of the square.
        style: Whether cine is made LGE-like.
        rng: The random numbers of the case of that index.
        few: Whether these are some of the cases: what none of them has, others may have, so that
            nothing is said of it.

    Raises:
        DataError: No case has myocardium, and they are all; or as :func:`drawn`.
        PluginError: scikit-image is not installed.
    """
    found = [d for d in (drawn(case, size) for case in cases) if d is not None]
    if not found and not few:
        raise DataError("No training case has myocardium.", "Choose a split that has some.")
    if not style or not found:
        return found
    made = [
        styled(case, found, size, rng(i))
        for i, case in enumerate(cases)
        if {"lge", "cine"} <= set(case.study.images)
    ]
    lge_like = [d for d in made if d is not None]
    if not lge_like and not few:
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


def _samples(
    images: NDArray[Any], masks: NDArray[Any], stacks: Sequence[Drawn], style_weight: float
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
