"""A U-Net segments LGE with the matched, aligned cine image beside it (fahmy2021, with fusion).

"For CNN with fusion, the input was two aligned LGE and cine images at matched cardiac phase and
anatomical location." How cine is matched is in ``_cine``, how it is aligned in ``_centre``, the
rest in ``_centred``. A study without a cine, or one that cannot be matched, is not applicable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from benchmark import Study

from ._centred import PAPER, SMOKE, CentredMethod
from ._cine import reason

__all__ = ["Fusion"]


class Fusion(CentredMethod):
    """Myocardium and scar from LGE and cine."""

    needs: ClassVar[frozenset[str]] = frozenset({"lge", "cine"})
    modalities: ClassVar[tuple[str, ...]] = ("lge", "cine")
    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {},
        "smoke": SMOKE,
        # "The number of channels in the four multiresolution (from high to low) levels were
        # 32/64/128/128 and 48/96/196/196 for the CNN with and without fusion, respectively."
        "paper": {**PAPER, "channels": (32, 64, 128, 128)},
    }

    channels: tuple[int, ...] = Field(
        (16, 32, 64, 64), min_length=2, description="feature maps of each level, finest first"
    )

    def skip(self, study: Study) -> str | None:
        """Why this study is not applicable: no cine, or none that can be matched."""
        return super().skip(study) or reason(study)
