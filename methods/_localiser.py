"""Small networks that find the left ventricle in LGE and cine slices, so that nobody has to.

They see the middle of the image in coarse pixels and answer with the probability that a pixel lies
inside the epicardium. The one for LGE learns from the reference. Of the cine there is no reference:
it learns the ventricle of the LGE slice that each matched cine image belongs to, at the same place
in the scanner. Breath-holds shift each by some mm, in any direction alike, so that over all
training slices the shifts average out, and what is learned is the ventricle in the cine.

Measured on the 20 validation cases of ``lge``, as trained in the quick profile: the centre lies
0.7 mm from that of the reference (median; 2.6 mm in 95 % of slices), and cine and LGE, apart by
2.4 mm (4.8) as the generator moved them, come to lie within 1.1 mm (2.9).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmark import Case, Region, Study, TrainContext

from . import _centre, _cine
from ._recipe import AffineRanges, Precision, Recipe
from ._slices import Floats, Points, Square, region_masks, still_volume, unit_range

if TYPE_CHECKING:
    from torch.nn import ModuleDict

    from ._objectives import Objective
    from ._training import Samples

__all__ = ["FILE", "build", "locate", "stack", "train", "training_seconds"]

#: The file that training leaves in its folder.
FILE = "centre.pt"
#: 224 mm about the middle of the image; a ventricle beyond is not found.
GRID = Square(56, 4.0)
_CHANNELS = (8, 16, 32, 32)


def recipe(epochs: int, precision: Precision = "auto") -> Recipe:
    """How a localiser is trained: for seconds, with larger shifts than hearts show."""
    return Recipe(
        epochs=epochs,
        batch=8,
        learning_rate=5e-3,
        schedule="one_cycle",
        augment=AffineRanges(scale=0.15, degrees=30.0, shift=0.12, shear=0.1),
        validate_every=4,
        precision=precision,
    )


def build(modalities: Sequence[str], seed: int = 0) -> ModuleDict:
    """A network for each modality, by its name."""
    import torch

    from ._networks import UNet
    from ._numerics import mixed

    networks = torch.nn.ModuleDict()
    for name in modalities:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mixed(seed, *b"centre", *name.encode()))
            networks[name] = UNet(channels=_CHANNELS)
    return networks


def objective(network: Any) -> Objective:
    """Cross-entropy and Dice loss of the ventricle."""
    from ._objectives import Regions

    return Regions(lambda images, _truth: {Region.LV: network(images)}, (Region.LV,))


def samples(cases: Sequence[Case], modalities: Sequence[str]) -> dict[str, Samples]:
    """For each modality all slices of ``cases`` and the ventricle in them.

    Raises:
        DataError: A case has no label map, its LGE image has frames, or its cine cannot be matched.
    """
    import torch

    from ._training import Samples

    masks: list[NDArray[np.uint8]] = []
    images: dict[str, list[Floats]] = {name: [] for name in modalities}
    for case in cases:  # once only: the engine loads a case whenever it is asked for one
        masks.append(region_masks(case, (Region.LV,), GRID))
        for name in modalities:
            images[name].append(_seen(case.study, name)[0])
    truth = torch.from_numpy(np.concatenate(masks))
    return {
        name: Samples(torch.from_numpy(np.concatenate(seen)[:, None]), truth)
        for name, seen in images.items()
    }


def train(
    cases: Sequence[Case],
    context: TrainContext,
    modalities: Sequence[str],
    epochs: int,
    precision: Precision = "auto",
) -> None:
    """Train a localiser for each modality; leave them in ``context.folder / "centre.pt"``.

    Raises:
        DataError: As :func:`samples`.
    """
    from ._training import fit
    from ._weights import save_atomically

    networks = build(modalities, context.seed)
    learnt = samples(cases, modalities)
    chosen = samples(context.validation, modalities) if context.validation else {}
    stages = [f"centre-{name}" for name in modalities]
    for name, stage in zip(modalities, stages, strict=True):
        network = networks[name]
        fit(
            network,
            objective(network),
            learnt[name],
            chosen.get(name),
            recipe(epochs, precision),
            context,
            stage=stage,
            stages=stages,
        )
    state = {name: value.cpu() for name, value in networks.state_dict().items()}
    save_atomically(state, context.folder / FILE)


def training_seconds(
    cases: Sequence[Case], context: TrainContext, modalities: Sequence[str], epochs: int
) -> float:
    """How long :func:`train` would take here, from a few steps timed; one case at least."""
    from ._numerics import reproducible
    from ._training import step_seconds

    how, few = recipe(epochs), cases[:2]
    with reproducible(context.threads):
        networks, learnt = build(modalities), samples(few, modalities)
        seconds = sum(
            step_seconds(networks[n], objective(networks[n]), learnt[n], how, context.device)
            for n in modalities
        )
    slices = round(len(learnt[modalities[0]]) * len(cases) / len(few))
    return seconds * how.steps_per_epoch(slices) * epochs


def probability(
    networks: ModuleDict, study: Study, modality: str, device: str, precision: Precision
) -> Floats:
    """``(slice, size, size)`` on :data:`GRID`: the ventricle, in the place of each LGE slice."""
    import torch

    from ._training import outputs

    images = torch.from_numpy(_seen(study, modality)[0][:, None])
    network = networks[modality]
    answers = outputs(network, objective(network), images, device, precision)
    found = torch.cat([answer[Region.LV][:, 0].float().sigmoid().cpu() for answer in answers])
    return np.asarray(found.numpy(), dtype=np.float32)


def locate(
    networks: ModuleDict,
    study: Study,
    device: str = "cpu",
    precision: Precision = "auto",
) -> dict[str, Points]:
    """The ventricle's centre in each LGE slice and in the cine image matched to it.

    A given centre is taken as it is. Where no slice shows a ventricle the centre is the middle of
    the LGE image, and in the cine the same place in the scanner as in LGE.

    Args:
        networks: From :func:`build`, trained; one for each modality wanted, LGE first.
        study: Its cine, where that is wanted, can be matched.
        device: Where to compute.
        precision: Of the networks.

    Returns:
        By modality: ``(LGE slice, 2)`` mm from the middle of the image of that modality.

    Raises:
        DataError: A given centre cannot be read, an image has frames or a cine cannot be matched.
    """
    found: dict[str, Points] = {}
    positions = np.asarray(still_volume(study).positions)
    for name in networks:
        at = _given(study, name)
        if at is None:
            offset = np.array(stack(study, name)[2])
            seen = probability(networks, study, name, device, precision)
            here = _centre.centres(seen, GRID, positions)
            if here is None:
                here = found.get("lge", np.zeros((len(positions), 2)))
            at = here + offset
        found[name] = at
    return found


def _given(study: Study, modality: str) -> Points | None:
    """A given centre for each LGE slice; a given one of the cine is that of its matched slice."""
    points = _centre.given(study, modality)
    if points is None or modality == "lge":
        return points
    slices = _cine.match(study).slices
    # Where no cine slice is matched the image is black wherever it is looked at.
    return points[[0 if i is None else i for i in slices]]


def _seen(study: Study, modality: str) -> tuple[Floats, Points]:
    """Images ``(LGE slice, size, size)`` in [0, 1], and where :data:`GRID` lies in each."""
    values, spacing, offset = stack(study, modality)
    middles = np.broadcast_to(np.array(offset), (len(values), 2))
    return unit_range(GRID.resampled(values, spacing, middles)), middles


def stack(
    study: Study, modality: str
) -> tuple[NDArray[Any], tuple[float, float, float], tuple[float, float]]:
    """The images of a modality that go with the LGE slices.

    Returns:
        ``(LGE slice, row, column)``, their spacing, and where the middle of the LGE image lies in
        them by the headers: (row, column) in mm from their own middle.
    """
    lge = still_volume(study)
    if modality == "lge":
        return lge.voxels, lge.spacing, (0.0, 0.0)
    cine = study.images["cine"]
    images = _cine.matched(cine, _cine.match(study))
    return images, cine.spacing, _cine.header_offset(lge, cine)
