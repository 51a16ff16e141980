"""One network segments the scar straight from the image (xing2023, direct segmentation).

Section 3.1: "In the direct segmentation approach a segmentation network is directly trained to
predicted the scar segmentation mask given one LGE MR image."
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from benchmark import Range, Region

from ._slicewise import SlicewiseMethod
from ._tunable import APART

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import ModuleDict

__all__ = ["Direct"]


class Direct(SlicewiseMethod):
    """Scar from the image; there is no myocardium in its answer."""

    produces: ClassVar[frozenset[Region]] = frozenset({Region.SCAR})
    heads: ClassVar[Mapping[str, int]] = {"scar": 1}
    learns: ClassVar[tuple[Region, ...]] = (Region.SCAR,)
    tunable: ClassVar[Mapping[str, Range]] = APART

    def logits(self, networks: ModuleDict, images: Tensor) -> Mapping[Region, Tensor]:
        """The scar network's."""
        return {Region.SCAR: networks["scar"](images)}
