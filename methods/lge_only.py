"""A U-Net segments LGE alone, in the square about the ventricle (fahmy2021, without fusion).

"For CNN without fusion, only LGE images were used as input." All else is as in ``fusion``, but for
the widths, which the paper chose for each by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from ._centred import PAPER, SMOKE, CentredMethod

__all__ = ["LgeOnly"]


class LgeOnly(CentredMethod):
    """Myocardium and scar from LGE."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {},
        "smoke": SMOKE,
        # "48/96/196/196 for the CNN ... without fusion", 196 as printed.
        "paper": {**PAPER, "channels": (48, 96, 196, 196)},
    }

    channels: tuple[int, ...] = Field(
        (24, 48, 98, 98), min_length=2, description="feature maps of each level, finest first"
    )
