"""Myocardium first, then scar inside it, by two networks trained apart (xing2023, two-step).

Section 3.1: "we train a myocardium segmentation network, and separately train a scar segmentation
network that takes MR image masked by manual labeled myocardium segmentation mask. In the testing
stage, we first predict the myocardium mask using the myocardium segmentation network and use them
to mask the LGE MR images."
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from benchmark import Region

from ._slicewise import SlicewiseMethod

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import ModuleDict

    from ._objectives import Forward

__all__ = ["TwoStep"]


class TwoStep(SlicewiseMethod):
    """Scar by a network that sees nothing but the myocardium.

    The scar network's best epoch is chosen on validation slices masked by hand, as it is trained:
    neither network knows of the other before the testing stage.
    """

    produces: ClassVar[frozenset[Region]] = frozenset({Region.MYOCARDIUM, Region.SCAR})
    heads: ClassVar[Mapping[str, int]] = {"myocardium": 1, "scar": 1}

    def stages(self, networks: ModuleDict) -> Mapping[str, Forward]:
        """The myocardium from the image; the scar from the image under the manual mask."""

        def myocardium(images: Tensor, _truth: Mapping[Region, Tensor]) -> Mapping[Region, Tensor]:
            return {Region.MYOCARDIUM: networks["myocardium"](images)}

        def scar(images: Tensor, truth: Mapping[Region, Tensor]) -> Mapping[Region, Tensor]:
            return {Region.SCAR: networks["scar"](truth[Region.MYOCARDIUM] * images)}

        return {"myocardium": myocardium, "scar": scar}

    def logits(self, networks: ModuleDict, images: Tensor) -> Mapping[Region, Tensor]:
        """Myocardium from the image; scar from the image under the predicted binary mask."""
        myocardium = networks["myocardium"](images)
        mask = (myocardium >= 0).to(images.dtype)  # a probability of at least one half
        return {Region.MYOCARDIUM: myocardium, Region.SCAR: networks["scar"](mask * images)}
