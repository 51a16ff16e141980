"""What the two networks of fahmy2020 share: everything but the kernels.

They learn from slabs of three slices and tell scar, normal myocardium, blood and background apart;
the slabs of a stack are merged as ``_slabs`` says. torch is imported when there is something to
compute, never to look at a method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from benchmark import Case, Region, Segmentation, Study, Volume

from ._recipe import AffineRanges
from ._slabs import DEPTH, Floats, loss_weight, merged, normalised, slabs, without_islands
from ._slices import still_volume, unit_range
from ._tissues import NETWORK, TissueMethod

if TYPE_CHECKING:
    from torch.nn import ModuleDict

    from ._tissue_unet import Dimensions
    from ._training import Samples

__all__ = ["SlabwiseMethod"]


class SlabwiseMethod(TissueMethod):
    """A U-Net of slabs; subclasses give ``dimensions``, and differ in nothing else.

    fahmy2020 compares "a 2D CNN with the exact same architecture as the 3D CNN but with 2D
    convolutional kernels". Here both are given the very same slabs, in the same order, moved
    alike and weighted alike, for as many steps; the 2D network convolves each slice of a slab by
    itself, so it never sees a neighbour. To segment, the 3D network takes all overlapping slabs;
    the 2D network takes each slice once, for it says the same of a slice in every slab.

    From the paper: 128 x 128 pixels; [0, 1] ("All MRI scans were normalized": over the stack, from
    its 1st to its 99th percentile within the square, because one bright pixel must not set the
    contrast of the heart); translation, rotation and mirroring in the plane, alike in all slices of
    a slab; cross-entropy weighted by the scar in the slab. Where it is silent, or its appendix is
    needed:

    * The square lies about the image's centre, not the heart's, so that nobody has to find it. Its
      pixels are of 1.2 mm in the paper profile, as in the same group's later fahmy2021: then a
      heart has one size whatever the scanner's matrix was.
    * Widths double from 32, as in the U-Net it cites (5.3 million parameters in 3D, 1.8 in 2D).
    * Adam, 250 epochs, a learning rate from 0.005 to 0.0005 by plateaus, dropout of a quarter, the
      best epoch on the validation cases, and batches of about 40 images, here slabs of four
      patients of the median 11 slices: all as in fahmy2021.
    * Both start from the same random weights, drawn for the 2D network; in the 3D one they are the
      middle planes of the kernels, and the outer planes 0 (:func:`._tissue_unet.inflate`). With
      all planes drawn at random, 12 quick epochs on ``lge`` found no scar at all, and 24 a
      validation Dice of 0.62 where these find 0.67 (one seed).
    * Islands are counted in pixels of the square: noise then has one size in mm on every scanner.

    The quick profile departs from this in pixels, widths, epochs, batch, dropout and in a one-cycle
    schedule: that is what two CPU cores can train in about two minutes.
    """

    #: Of the kernels: the one difference.
    dimensions: ClassVar[Dimensions]
    produces: ClassVar[frozenset[Region]] = frozenset(
        {Region.CAVITY, Region.MYOCARDIUM, Region.LV, Region.SCAR}
    )
    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {},
        # Learns nothing worth having, in seconds: for the contract suite.
        "smoke": {"size": 32, "pixel_mm": 3.0, "channels": (4, 8), "epochs": 2, "batch": 4},
        "paper": {
            "size": 128,
            "pixel_mm": 1.2,
            "channels": (32, 64, 128, 256),
            "dropout": 0.25,
            "epochs": 250,
            "batch": 36,
            "learning_rate": 5e-3,
            "schedule": "plateau",
            "validate_every": 1,
        },
    }

    channels: tuple[int, ...] = Field(
        (8, 16, 32, 64), min_length=2, description="feature maps of each level, finest first"
    )
    size: int = Field(80, gt=0, description="side in pixels of the square about the image centre")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of features dropped in training")
    islands: int = Field(4, ge=0, description="pixels of the largest lone scar that is removed")
    batch: int = Field(4, gt=0, description="slabs in a training step")
    learning_rate: float = Field(1e-2, gt=0, description="of Adam; the peak if one-cycle")

    def ranges(self) -> AffineRanges:
        """Translation, rotation and mirroring, and no more."""
        return AffineRanges(scale=0.0, shear=0.0, flip_rows=True, flip_columns=True)

    def build(self, seed: int = 0) -> ModuleDict:
        """The network, with first weights that follow from the seed and the parameters.

        Those of the 2D network start both: see :func:`._tissue_unet.inflate`.
        """
        import torch

        from ._numerics import mixed
        from ._tissue_unet import SliceBySlice, TissueUNet, inflate

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mixed(seed, *NETWORK.encode()))
            flat = TissueUNet(self.channels, dropout=self.dropout)
            if self.dimensions == 2:
                return torch.nn.ModuleDict({NETWORK: SliceBySlice(flat)})
            deep = TissueUNet(self.channels, dimensions=3, dropout=self.dropout)
        inflate(flat, deep)
        return torch.nn.ModuleDict({NETWORK: deep})

    def samples(self, cases: Sequence[Case]) -> Samples:
        """All slabs of ``cases``, with the weight of each.

        Raises:
            DataError: A case has no label map, or its image has frames.
        """
        import torch

        from ._training import Samples

        images, masks, weights = [], [], []
        for case in cases:  # once only: the engine loads a case whenever it is asked for one
            volume = still_volume(case.study)
            index = slabs(volume.shape[0])
            images.append(self._stack(volume)[index][:, None])
            masks.append(self.masks(case)[index].swapaxes(1, 2))
            voxel_ml = volume.spacing[0] * self.pixel_mm**2 / 1000
            weights += [loss_weight(voxel_ml * int(slab[-1].sum())) for slab in masks[-1]]
        return Samples(
            torch.from_numpy(np.concatenate(images)),
            torch.from_numpy(np.concatenate(masks)),
            torch.tensor(weights, dtype=torch.float32),
        )

    def predict(self, study: Study) -> Segmentation:
        """Segment ``study``: every pixel is its most probable tissue.

        The probability of a region is the sum of those of its tissues.

        Raises:
            DataError: The image has frames.
            PluginError: The weights are not there or belong to other parameters.
        """
        volume = still_volume(study)
        seen = without_islands(normalised(self.scores(study)), self.islands)
        blood, muscle, scar = (self.square.restored(seen[:, k], volume) for k in (1, 2, 3))
        myocardium = muscle + scar
        lv = blood + myocardium  # what is beyond the square, and is none of these, is background
        labels = np.stack([1 - lv, blood, muscle, scar]).argmax(axis=0).astype(np.uint8)
        probabilities = {
            Region.CAVITY: blood,
            Region.MYOCARDIUM: myocardium.clip(0, 1),  # sums exceed 1 by their rounding
            Region.LV: lv.clip(0, 1),
            Region.SCAR: scar,
        }
        return Segmentation(labels, probabilities=probabilities)

    def scores(self, study: Study) -> Floats:
        """The merged maps ``(slice, tissue, y, x)`` of ``study`` on the network's grid.

        Raises:
            DataError: The image has frames.
            PluginError: The weights are not there or belong to other parameters.
        """
        import torch

        volume = still_volume(study)
        index = slabs(volume.shape[0], DEPTH if self.dimensions == 3 else 1)
        images = torch.from_numpy(self._stack(volume)[index][:, None])
        return merged(self.shares(images), index)

    def _stack(self, volume: Volume) -> NDArray[np.float32]:
        """The slices ``(slice, y, x)`` on the square, normalised to [0, 1] as one scan."""
        slices = self.square.resampled(volume.voxels, volume.spacing)
        return unit_range(slices.reshape(1, -1, self.size)).reshape(slices.shape)
