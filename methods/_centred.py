"""What the two methods of fahmy2021 share: squares about the ventricle, and how they are learned.

Data Splitting and Preprocessing: "All images were normalized to intensity range from 0 to 1 and
spatial resolution of 1.2 mm, and cropped to 160x160 matrix." Both methods see the square about the
ventricle's centre (:mod:`._localiser`), at training as at prediction, so that they learn from
squares as well and as badly placed as they will get. Each slice is moved there and brought to the
network's pixels by one interpolation, and the answer comes back by one; beyond the square nothing
is labelled. [0, 1] is each slice's 1st to 99th percentile within the square.

The network is :class:`._tissue_unet.TissueUNet`: "The models included four multiresolution
processing levels (image down-sampling factor = 2 per level), 3x3 convolutional kernels with maximum
pooling at each resolution level, ReLU activation, batch normalization, and dropout layers. Long and
short skip-connections, typically used for U-Net, were used to improve network performance." Of the
last it cites Drozdzal et al. 2016, whose long skips lead from the way down to the way up and whose
short ones go round the convolutions of a level; so each level has two convolutions and a short
skip, and the long ones are concatenated, as in the U-Net.

**Parameters.** The paper counts 0.58 million with fusion and 1.3 million without; these networks
have 1,244,836 and 2,890,336. No U-Net with a way up as wide as the way down has the paper's numbers
at the paper's widths: without short skips there are 1.19 and 2.77 million, with one convolution on
a level 0.66 and 1.52 million. What does come near is the way down alone, with two convolutions on a
level: 0.58 and 1.35 million. What the text says is built, a whole U-Net; the ratio of the two is
2.3 here and 2.2 there.

Where the paper is silent: it does not name the optimiser, Adam here, nor how far images are moved
for augmentation: translated by up to 6 % of the square's side, turned by up to 30 degrees, and
flipped along each axis half of the time, LGE and cine alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from benchmark import Case, Label, Region, Segmentation, Study, TrainContext
from benchmark.errors import UsageError

from . import _localiser
from ._localiser import locate, stack
from ._postprocess import tidied
from ._recipe import AffineRanges
from ._slices import Floats, Points, still_volume, unit_range
from ._tissues import NETWORK, TissueMethod

if TYPE_CHECKING:
    from torch.nn import ModuleDict

    from ._training import Samples

__all__ = ["PAPER", "SMOKE", "CentredMethod"]

#: Optimization of CNN Model Parameters, and Data Splitting and Preprocessing.
PAPER: Mapping[str, Any] = {
    "size": 160,
    "pixel_mm": 1.2,
    "epochs": 250,
    "batch": 4,
    "learning_rate": 0.005,
    "schedule": "plateau",
    "dropout": 0.25,
    "validate_every": 1,
    "locate_epochs": 40,
    "dilation": 1,
}
#: Learns nothing worth having, in seconds: for the contract suite.
SMOKE: Mapping[str, Any] = {"size": 32, "pixel_mm": 3.0, "channels": (4, 8), "epochs": 2,
                            "locate_epochs": 1}  # fmt: skip


class CentredMethod(TissueMethod):
    """A 2D U-Net on squares about the ventricle's centre; subclasses say on which images.

    The quick profile departs from the paper in widths, pixels, epochs, patients in a batch, dropout
    and in a one-cycle schedule: that is what two CPU cores can train in about two minutes. It also
    leaves out the dilation. The paper dilates because its networks drew boundaries too narrow;
    these do not: on the validation cases of ``lge`` the myocardium of ``fusion`` has 0.98 times the
    reference's volume without the dilation and 1.26 times with it.

    The probabilities given are the network's own; labels are what is left after post-processing.
    The parameters and the epochs counted are the U-Net's; a localiser has 74,953 parameters more,
    and its training is in the seconds of each epoch.
    """

    #: What the network sees, LGE first.
    modalities: ClassVar[tuple[str, ...]] = ("lge",)

    size: int = Field(80, gt=0, description="side in pixels of the square about the ventricle")
    epochs: int = Field(20, gt=0, description="passes over the training slices")
    batch: int = Field(1, gt=0, description="patients in a training step")
    learning_rate: float = Field(1e-2, gt=0, description="of Adam; the peak if one-cycle")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of features dropped in training")
    locate_epochs: int = Field(8, gt=0, description="passes over the slices to learn the centre")
    closing: float = Field(3, ge=0, description="radius in pixels of the disk that closes gaps")
    dilation: float = Field(0, ge=0, description="pixels by which the myocardium is dilated")

    _centring: tuple[object, ModuleDict] | None = PrivateAttr(default=None)

    def ranges(self) -> AffineRanges:
        """Translation, rotation and flips."""
        return AffineRanges(scale=0.0, shear=0.0, flip_rows=True, flip_columns=True)

    def build(self, seed: int = 0) -> ModuleDict:
        """The U-Net with its first weights, which depend on the seed and the parameters alone."""
        import torch

        from ._numerics import mixed
        from ._tissue_unet import TissueUNet

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mixed(seed, *NETWORK.encode()))
            network = TissueUNet(
                self.channels, inputs=len(self.modalities), dropout=self.dropout, residual=True
            )
        return torch.nn.ModuleDict({NETWORK: network})

    def train(self, cases: Sequence[Case], context: TrainContext) -> None:
        """Learn to find the centre, then to segment about it.

        Leaves ``centre.pt`` and ``model.pt`` in ``context.folder``.

        Raises:
            UsageError: There is no case to learn from.
            DataError: A case has no label map, its LGE image has frames, its cine cannot be matched
                or its given centre cannot be read.
        """
        from ._numerics import reproducible

        if not cases:
            raise UsageError("There are no training cases.", "Choose a split that has some.")
        with reproducible(context.threads):
            first = replace(context, report=_share(context.report, 0.0, 0.1))
            _localiser.train(cases, first, self.modalities, self.locate_epochs, self.precision)
        bound = self.at(context.folder, context.device)
        rest = replace(context, report=_share(context.report, 0.1, 1.0))
        super(CentredMethod, bound).train(cases, rest)

    def samples(self, cases: Sequence[Case]) -> Samples:
        """All slices of ``cases``; a batch is made of whole patients, as the paper's."""
        import torch

        from ._training import Samples

        images, masks, numbers = [], [], []
        patients: dict[object, int] = {}
        for case in cases:  # once only: the engine loads a case whenever it is asked for one
            seen, centres = self.seen(case.study)
            images.append(seen)
            masks.append(self.masks(case, centres))
            patient = case.study.attributes.get("patient", case.study.id)
            numbers += [patients.setdefault(patient, len(patients))] * len(seen)
        return Samples(
            torch.from_numpy(np.concatenate(images)),
            torch.from_numpy(np.concatenate(masks)),
            patients=np.array(numbers, dtype=np.int64),
        )

    def seen(self, study: Study) -> tuple[Floats, Points]:
        """What the network sees of a study, and where in its LGE image.

        Returns:
            ``(slice, modality, size, size)`` in [0, 1], each image about the ventricle's centre in
            it, and the centres in the LGE slices, ``(slice, 2)`` mm from the middle of the image.

        Raises:
            DataError: As :meth:`train`.
            PluginError: What training leaves is not there.
        """
        centres = self._centres(study)
        images = []
        for name in self.modalities:
            values, spacing, _ = stack(study, name)
            images.append(unit_range(self.square.resampled(values, spacing, centres[name])))
        return np.stack(images, axis=1), centres["lge"]

    def predict(self, study: Study) -> Segmentation:
        """Segment ``study`` slice by slice, then close, choose and dilate the myocardium.

        Raises:
            DataError: As :meth:`train`.
            PluginError: What training leaves is not there, or belongs to other parameters.
        """
        import torch

        images, centres = self.seen(study)
        shares = self.shares(torch.from_numpy(images))
        tidy = tidied(_labels(shares), self.closing, self.dilation)
        like = still_volume(study)

        def native(values: NDArray[Any]) -> Floats:
            return self.square.restored(values.astype(np.float32), like, centres)

        labels = np.zeros(like.shape, dtype=np.uint8)
        labels[native(tidy > 0) >= 0.5] = Label.MYOCARDIUM
        labels[native(tidy == Label.SCAR) >= 0.5] = Label.SCAR
        return Segmentation(
            labels,
            probabilities={
                Region.MYOCARDIUM: native(shares[:, 2:].sum(axis=1)),
                Region.SCAR: native(shares[:, 3]),
            },
        )

    def estimate_seconds(self, cases: Sequence[Case], context: TrainContext) -> float | None:
        """Of both trainings."""
        seconds = super().estimate_seconds(cases, context)
        if seconds is None:
            return None
        return seconds + _localiser.training_seconds(
            cases, context, self.modalities, self.locate_epochs
        )

    def _centres(self, study: Study) -> dict[str, Points]:
        """By modality, from the localisers; of a method bound to nothing, from untrained ones."""
        return locate(self._localisers(), study, self.device, self.precision)

    def _localisers(self) -> ModuleDict:
        """The trained localisers, loaded once by each process; errors as :meth:`network`."""
        from ._weights import load_weights

        if self._model is None:  # only to see how long a training would take
            return _localiser.build(self.modalities)
        path = self.model / _localiser.FILE
        stamp = path.stat().st_mtime_ns if path.exists() else None
        key = (path, stamp, self.device)
        if self._centring is None or self._centring[0] != key:
            networks = _localiser.build(self.modalities)
            load_weights(networks, path, self.device)
            self._centring = (key, networks)
        return self._centring[1]

    def __getstate__(self) -> dict[Any, Any]:
        # A loaded network stays in the process that loaded it.
        state = super().__getstate__()
        return {
            **state,
            "__pydantic_private__": {**state["__pydantic_private__"], "_centring": None},
        }


def _labels(shares: Floats) -> NDArray[np.uint8]:
    """``(slice, size, size)``: normal myocardium and scar where they are the likeliest tissue.

    "Background and blood pool regions were then merged into one background region": 0.
    """
    merged = (Label.BACKGROUND, Label.BACKGROUND, Label.MYOCARDIUM, Label.SCAR)
    return np.asarray(np.array(merged, dtype=np.uint8)[shares.argmax(axis=1)])


Report = Callable[[int, int, Mapping[str, float]], None]


def _share(report: Report, low: float, high: float) -> Report:
    """Tells the part of a training from ``low`` to ``high``, of 1, as a whole training's steps."""

    def part(step: int, of: int, values: Mapping[str, float]) -> None:
        report(max(round(1000 * (low + (high - low) * step / of)), 1), 1000, values)

    return part
