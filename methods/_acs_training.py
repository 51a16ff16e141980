"""The training of acsnet: three networks one after the other, and what is fitted between them.

popescu2022, Training and evaluation: "All networks used the Adam optimizer with learning rate of
10^-3"; "No early stopping or other methods that learn from the validation set were used in
training": the last epoch is kept, and validation cases are not looked at. Epochs and batches are
not given.

Beside the networks' weights this leaves :data:`FITTED`, what was fitted (the clean-up and the
latent space). What each stage took is no file there: the engine names predictions by the bytes of
that folder, and trainings that are alike must leave the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark import Case, Region, TrainContext

from . import _acs_autoencoder
from ._acs_anatomy import Limits, failed
from ._acs_cleanup import greedy_search
from ._acs_latent import LatentSpace
from ._acs_losses import AcsRegions
from ._acs_pipeline import Clock
from ._acs_samples import enhanced, gathered, roi_samples, shapes, tissue_samples
from ._acs_settle import settle
from ._acs_stages import FITTED, find, masks_of, regions
from ._numerics import mixed
from ._training import Samples, fit, outputs, step_seconds
from ._weights import save_atomically

if TYPE_CHECKING:
    from ._objectives import Objective
    from .acsnet import AcsNet

__all__ = ["limits_for", "objectives", "seconds_to_train", "stage_seconds", "train"]

#: Of a whole training, where the progress bar has each stage end.
_ENDS = {"roi": 0.4, "tissue": 0.8, "anatomy": 0.95}
#: "beta = 0.6 in the first network to avoid over-cropping and down to beta = 0.4 in the second to
#: limit outliers".
BETAS = {"roi": 0.6, "tissue": 0.4}

#: Cases that are predicted after training, to time the stages of that.
_TIMED = 2
#: Share of the drawn slices that the checks may discard.
_DISCARDED = 0.05

Mask = NDArray[np.bool_]


def objectives(method: AcsNet, network: nn.ModuleDict) -> dict[str, Objective]:
    """What each of the networks is trained for, in order."""
    heads = {"roi": (Region.LV,), "tissue": (Region.MYOCARDIUM, Region.SCAR)}
    found: dict[str, Objective] = {
        name: AcsRegions(network[name], heads[name], BETAS[name], method.tversky)
        for name in heads
        if name in network
    }
    return {**found, "anatomy": _acs_autoencoder.objective(_autoencoder(network))}


def _autoencoder(network: nn.ModuleDict) -> _acs_autoencoder.AnatomicalAutoencoder:
    found = network["anatomy"]
    assert isinstance(found, _acs_autoencoder.AnatomicalAutoencoder)
    return found


def train(
    method: AcsNet, cases: Sequence[Case], context: TrainContext
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Train and fit everything; leave :data:`FITTED` in the context's folder.

    Returns:
        The weights of all networks, on the CPU; and the seconds of each stage.

    Raises:
        DataError: No case has myocardium or none has enhancement; or one cannot be read.
        PluginError: scikit-image is not installed, a loss diverged, or the autoencoder decodes no
            anatomical myocardium at all.
    """
    clock, seed = Clock(), context.seed
    network = method.build(seed)
    goals = objectives(method, network)
    with clock("preprocess"):
        stacks = gathered(
            cases, method.size, method.style, lambda i: np.random.default_rng([seed, i, 3])
        )

    scarred = enhanced(stacks)

    def fitted(stage: str, samples: Samples) -> None:
        with clock(stage):
            recipe = method.recipe_of(stage)
            part = replace(context, report=_part(context.report, stage))
            fit(network[stage], goals[stage], samples, None, recipe, part,
                stage=stage, stages=(stage,))  # fmt: skip
            if stage != "anatomy":  # which has no batch normalisation
                settle(network[stage], samples.images, recipe.batch, context.device,
                       recipe.precision, mixed(seed, *stage.encode()))  # fmt: skip

    def answers(stage: str, images: Tensor) -> Mask:
        found = outputs(network[stage], goals[stage], images, context.device, method.precision)
        return masks_of(list(found))

    if "roi" in network:
        fitted("roi", roi_samples(stacks, method.style_weight))
    rois = [regions(method, stack.images, answers) for stack in scarred]
    learnt = tissue_samples(scarred, rois, method.square, method.style_weight)
    fitted("tissue", learnt)
    with clock("cleanup"):
        n = sum(len(s.images) for s in scarred if not s.lge_like)  # LGE comes first
        cleanup = greedy_search(
            answers("tissue", learnt.images[:n])[:, 1], learnt.masks[:n, 1].numpy() > 0
        )
    masks, pixels = shapes(stacks, method.square)
    fitted("anatomy", _acs_autoencoder.samples(list(masks), _autoencoder(network).size))
    with clock("latent"):
        space = LatentSpace.fit(
            _autoencoder(network), list(masks), pixels.tolist(),
            limits_for(list(masks), pixels.tolist()),
            points=method.latent_points, components=method.components, seed=mixed(seed, 4),
        )  # fmt: skip
    context.report(1000, 1000, {})
    save_atomically(
        {"cleanup": cleanup.state_dict(), "latent": space.state_dict()}, context.folder / FITTED
    )
    return {name: value.cpu() for name, value in network.state_dict().items()}, clock.seconds


def stage_seconds(
    trained: AcsNet, cases: Sequence[Case], train: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """What each stage took, in training and, per slice, in predicting.

    Args:
        trained: Bound to what training left.
        cases: The first of these are predicted, to time the stages of that.
        train: Seconds of each stage of training; after a kill, of what was done since then.
    """
    predict: dict[str, float] = {}
    slices = 0
    for case in cases[:_TIMED]:
        found = find(trained, case.study)
        slices += len(found.images)
        for stage, seconds in found.seconds.items():
            predict[stage] = predict.get(stage, 0.0) + seconds
    return {
        "train_seconds": {stage: round(seconds, 3) for stage, seconds in train.items()},
        "predict_seconds_per_slice": {s: round(v / slices, 5) for s, v in predict.items()},
    }


def limits_for(masks: Sequence[Mask], spacings: Sequence[Sequence[float]]) -> Limits:
    """The default limits of the five checks, or looser ones where these fit the masks badly.

    "The numerical values for the thresholds were determined by ensuring no more than 5% of the
    ground truth segmented slices would be discarded": said of the volume's checks, and held here
    for the slices'. Where the defaults discard more, each limit is the looser of the default and
    that of these masks. Never a stricter one: a few hearts say little of what there is.

    Args:
        masks: ``(row, column)`` each.
        spacings: (row, column) mm of each.
    """
    default = Limits()
    lost = sum(bool(failed(m, s, default)) for m, s in zip(masks, spacings, strict=True))
    if lost <= _DISCARDED * len(masks):
        return default
    own = Limits.from_masks(masks, spacings, _DISCARDED)
    return Limits(
        defect_mm=max(default.defect_mm, own.defect_mm),
        circularity=min(default.circularity, own.circularity),
        thinnest_mm=min(default.thinnest_mm, own.thinnest_mm),
        thickest_mm=max(default.thickest_mm, own.thickest_mm),
    )


def seconds_to_train(method: AcsNet, cases: Sequence[Case], of: int, device: str) -> float | None:
    """How long the networks' trainings would take at most, from a few steps timed.

    Stage 2 is taken to learn from all cases: how many have enhancement, a few do not say.

    Args:
        method: With its parameters.
        cases: Some of those to train on.
        of: How many there are.
        device: To train on.

    Returns:
        None where none of ``cases`` has myocardium: they do not say how long.
    """
    stacks = gathered(cases, method.size, method.style, np.random.default_rng, few=True)
    if not stacks:
        return None
    network = method.build()
    samples = {
        "roi": roi_samples(stacks, method.style_weight),
        "tissue": tissue_samples(stacks, [s.lv for s in stacks], method.square, 1.0),
        "anatomy": _acs_autoencoder.samples(
            list(shapes(stacks, method.square)[0]), _autoencoder(network).size
        ),
    }
    total = 0.0
    for stage, objective in objectives(method, network).items():
        recipe, few = method.recipe_of(stage), samples[stage]
        steps = recipe.steps_per_epoch(round(few.units * of / len(cases))) * recipe.epochs
        total += steps * step_seconds(network[stage], objective, few, recipe, device)
    return total


def _part(
    report: Callable[[int, int, Mapping[str, float]], None], stage: str
) -> Callable[[int, int, Mapping[str, float]], None]:
    """Tells the training of ``stage`` as its part of the whole."""
    names = list(_ENDS)
    i = names.index(stage)
    low, high = (_ENDS[names[i - 1]] if i else 0.0), _ENDS[stage]

    def part(step: int, of: int, values: Mapping[str, float]) -> None:
        report(max(round(1000 * (low + (high - low) * step / of)), 1), 1000, values)

    return part
