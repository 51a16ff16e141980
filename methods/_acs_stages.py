"""What acsnet's trained networks, and what was fitted beside them, say of a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark import Region, Study
from benchmark.errors import BenchError, PluginError

from ._acs_autoencoder import AnatomicalAutoencoder
from ._acs_cleanup import Cleanup
from ._acs_latent import LatentSpace
from ._acs_pipeline import Clock, Found, agreed
from ._acs_preprocess import BRIGHTEST, prepare
from ._acs_roi import cleaned
from ._acs_tissue import seen, tight_square, whole

if TYPE_CHECKING:
    from .acsnet import AcsNet

__all__ = ["FITTED", "Answers", "find", "masks_of", "read_fitted", "regions"]

#: The file that training leaves beside the weights.
FITTED = "fitted.pt"

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
#: From a stage's name and images ``(n, 1, y, x)`` to masks ``(n, region, y, x)``.
Answers = Callable[[str, Tensor], Mask]


def find(method: AcsNet, study: Study) -> Found:
    """What each stage of a trained ``method`` finds in ``study``, and the seconds it takes.

    Raises:
        DataError: The image has frames, or an attribute is no number.
        PluginError: What training leaves is not there, damaged, or of other parameters; or
            scikit-image is not installed.
    """
    clock = Clock()
    cleanup, space = method.fitted()  # before the clock starts: loaded once for all studies
    network = method.network()
    goals = method.objectives(network)

    def answers(stage: str, images: Tensor) -> Mask:
        return masks_of(method.answers(goals[stage], images))

    with clock("preprocess"):
        prepared = prepare(study, method.size)
    images, frame = prepared.images, prepared.frame
    with clock("roi"):
        roi = regions(method, images, answers)
    with clock("tissue"):
        segmented, enhancement = _tissues(images, roi, method.square, answers)
    if method.cleanup:
        with clock("cleanup"):
            enhancement = cleanup(enhancement)
    corrected = segmented
    if method.anatomy:
        autoencoder = network["anatomy"]
        assert isinstance(autoencoder, AnatomicalAutoencoder)
        # Of what lies in the image alone: a correction is checked as the mask it becomes there.
        inside = (slice(None), *frame.inside)
        corrected = np.zeros_like(segmented)
        with clock("anatomy"):
            corrected[inside] = [
                space.correct(autoencoder, wall, frame.pixel, keep_valid=method.keep_valid).mask
                for wall in segmented[inside]
            ]
    with clock("volume"):
        limits = space.limits if method.anatomy else None
        final, dropped = agreed(corrected, frame, limits, method.volumetric)
    return Found(
        images, frame, roi, segmented, enhancement, corrected, final, dropped, clock.seconds
    )


def regions(method: AcsNet, images: Floats, answers: Answers) -> Mask:
    """The region of interest in each slice of a stack, cleaned up.

    Args:
        method: Has a first stage or none.
        images: ``(slice, size, size)`` in [0, 255], from apex to base.
        answers: What the networks say.
    """
    if method.roi == "none":
        return np.broadcast_to(whole(images.shape[1:], method.square), images.shape).copy()
    inputs = torch.from_numpy(images[:, None] / np.float32(BRIGHTEST))
    return cleaned(answers("roi", inputs)[:, 0])


def _tissues(images: Floats, roi: Mask, size: int, answers: Answers) -> tuple[Mask, Mask]:
    """Stage 2's myocardium and enhancement; empty where there is no region."""
    found = np.zeros((2, *roi.shape), dtype=bool)
    shown = np.flatnonzero(roi.any(axis=(1, 2)))
    if not len(shown):
        return found[0], found[1]
    squares = [seen(images[k], roi[k], size) for k in shown]
    inputs = torch.from_numpy(np.stack([image for image, _ in squares])[:, None])
    for k, both, (_, window) in zip(shown, answers("tissue", inputs), squares, strict=True):
        for mask, into in zip(both, found[:, k], strict=True):
            window.paste(mask, into)
        found[:, k] &= tight_square(roi[k])
    return found[0], found[1]


def masks_of(answers: Sequence[Mapping[Region, Tensor]]) -> Mask:
    """``(n, region, y, x)``: where each region's probability reaches one half."""
    logits = [torch.cat(list(part.values()), dim=1) for part in answers]
    return np.asarray((torch.cat(logits) >= 0).cpu().numpy())


def read_fitted(path: Path) -> tuple[Cleanup, LatentSpace]:
    """What training fitted beside the networks.

    Raises:
        PluginError: It is not there or damaged.
    """
    if not path.is_file():
        raise PluginError(f"There is no latent space at {path}.", "Train the method first.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return Cleanup.from_state(state["cleanup"]), LatentSpace.from_state(state["latent"])
    # What torch raises of a damaged file, and what a file of something else leads to.
    except (
        RuntimeError, UnpicklingError, EOFError, OSError, KeyError, TypeError, ValueError,
        AttributeError, BenchError,
    ) as error:  # fmt: skip
        raise PluginError(
            f"{path} holds no clean-up and latent space ({type(error).__name__}).",
            "Train the method again.",
        ) from error
