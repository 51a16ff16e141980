"""Joint deep learning: the myocardium's probability masks the scar network's image (xing2023).

Two networks are trained as one. Section 2.1: "A message passing module then combines the
information of probability maps with the original images to reproduce a masked input data for the
scar segmentation network"; section 2.2: "the myocardium segmentation network is trained by taking a
sum of weighted gradients from both loss functions".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from benchmark import Range, Region

from ._slicewise import SlicewiseMethod
from ._tunable import JOINT

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import ModuleDict

__all__ = ["JDL"]


class JDL(SlicewiseMethod):
    """Myocardium and scar by two networks joined by the message; Eq. 1 is the loss."""

    produces: ClassVar[frozenset[Region]] = frozenset({Region.MYOCARDIUM, Region.SCAR})
    heads: ClassVar[Mapping[str, int]] = {"myocardium": 1, "scar": 1}
    tunable: ClassVar[Mapping[str, Range]] = JOINT

    myocardium_weight: float = Field(
        1.02, ge=0, description="lambda of Eq. 1: the myocardium's loss against the scar's"
    )

    def region_weights(self) -> Mapping[Region, float]:
        """Lambda of Eq. 1 for the myocardium."""
        return {Region.MYOCARDIUM: self.myocardium_weight}

    def logits(self, networks: ModuleDict, images: Tensor) -> Mapping[Region, Tensor]:
        """Myocardium from the image; scar from the image times the myocardium's probability.

        The product is not detached: through it the scar's loss trains the myocardium network too.
        """
        myocardium = networks["myocardium"](images)
        message = myocardium.sigmoid() * images
        return {Region.MYOCARDIUM: myocardium, Region.SCAR: networks["scar"](message)}
