"""Multi-task learning: one encoder, a decoder for the myocardium and one for the scar (xing2023).

Section 3.1: "the network has on shared sub-network followed by two sub-branch networks, one of
which generates myocardium segmentation mask and the other generates scar segmentation mask ... we
duplicated the decoder ... The loss function of (sub-branch) networks is the same with our method
as Eq.1."
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

__all__ = ["MTL"]


class MTL(SlicewiseMethod):
    """Myocardium and scar by one network with two decoders; Eq. 1 is the loss."""

    produces: ClassVar[frozenset[Region]] = frozenset({Region.MYOCARDIUM, Region.SCAR})
    heads: ClassVar[Mapping[str, int]] = {"shared": 2}
    tunable: ClassVar[Mapping[str, Range]] = JOINT

    myocardium_weight: float = Field(
        1.02, ge=0, description="lambda of Eq. 1: the myocardium's loss against the scar's"
    )

    def region_weights(self) -> Mapping[Region, float]:
        """Lambda of Eq. 1 for the myocardium."""
        return {Region.MYOCARDIUM: self.myocardium_weight}

    def logits(self, networks: ModuleDict, images: Tensor) -> Mapping[Region, Tensor]:
        """The two decoders', myocardium first."""
        myocardium, scar = networks["shared"](images).split(1, dim=1)
        return {Region.MYOCARDIUM: myocardium, Region.SCAR: scar}
