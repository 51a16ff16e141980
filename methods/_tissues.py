"""What the methods of fahmy2020 and fahmy2021 share: one softmax over four tissues.

fahmy2021, Network Architecture: "A softmax layer was used as the output layer of the network to
produce four maps representing the probability of each pixel to belong to scar, normal-myocardium,
blood, or background regions." The loss is :class:`._objectives.Tissues`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from benchmark import Case, Region

from ._learned import Learned
from ._slices import Points, Square, region_masks

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import ModuleDict

    from ._objectives import Objective

__all__ = ["NETWORK", "TissueMethod"]

#: The name of the network in the method's networks, and of its training.
NETWORK = "tissues"


class TissueMethod(Learned):
    """A network with an output for each of background, blood, normal myocardium and scar.

    Subclasses give ``build``, with the network under the name :data:`NETWORK`, ``samples`` and
    ``predict``.

    fahmy2021: "Background and blood pool regions were then merged into one background region", so
    there is no cavity in the answer.
    """

    produces: ClassVar[frozenset[Region]] = frozenset({Region.MYOCARDIUM, Region.SCAR})

    channels: tuple[int, ...] = Field(
        (16, 32, 64, 64), min_length=2, description="feature maps of each level, finest first"
    )
    size: int = Field(96, gt=0, description="side in pixels of the square that the network sees")
    pixel_mm: float = Field(1.5, gt=0, description="pixel size of that square in mm")
    dropout: float = Field(
        0.25, ge=0, lt=1, description="share of feature maps dropped in training"
    )

    @model_validator(mode="after")
    def _levels_fit(self) -> TissueMethod:
        """The size must halve at every level but the finest."""
        factor = 2 ** (len(self.channels) - 1)
        if self.size % factor:
            raise ValueError(
                f"size {self.size} is not a multiple of {factor}, which "
                f"{len(self.channels)} levels of channels need"
            )
        if min(self.channels) < 1:
            raise ValueError(f"channels {self.channels} must all be at least 1")
        return self

    @property
    def square(self) -> Square:
        """The grid that the network sees."""
        return Square(self.size, self.pixel_mm)

    def objectives(self, network: ModuleDict) -> Mapping[str, Objective]:
        """Cross-entropy over the four tissues."""
        from ._objectives import Tissues

        return {NETWORK: Tissues(network[NETWORK])}

    def masks(self, case: Case, centres: Points | None = None) -> NDArray[np.uint8]:
        """``(slice, 3, size, size)``: the nested masks that ``Tissues`` learns from.

        Raises:
            DataError: The reference has no label map, or the image has frames.
        """
        from ._objectives import TISSUES

        return region_masks(case, tuple(TISSUES), self.square, centres)

    def shares(self, images: Tensor) -> NDArray[np.float32]:
        """Each tissue's probability, from the trained network.

        Args:
            images: ``(n, c, [z,] y, x)``.

        Returns:
            ``(n, 4, [z,] y, x)``: background, blood, normal myocardium, scar; they sum to 1.

        Raises:
            PluginError: The weights are not there, damaged, or belong to other parameters.
        """
        import torch

        from ._objectives import Tissues

        objective = Tissues(self.network()[NETWORK])
        logits = [answer[Region.LV] for answer in self.answers(objective, images)]
        return np.asarray(torch.cat(logits).softmax(dim=1).cpu().numpy(), dtype=np.float32)
