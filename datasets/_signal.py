"""Signal of a tissue in the two sequences, from its relaxation times.

Times are in ms. Relaxation times are typical published values at 1.5 T, LGE ones about 15 minutes
after gadolinium; a site shifts them (its dose and delay).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ._portable import cos_sin, exp

__all__ = ["TISSUES", "Tissue", "balanced_ssfp", "inversion_recovery", "null_time"]


@dataclass(frozen=True)
class Tissue:
    """Relaxation of one tissue.

    Attributes:
        density: Proton density relative to water.
        t1: Native T1.
        t2: T2.
        t1_gadolinium: T1 when LGE is acquired.
    """

    density: float
    t1: float
    t2: float
    t1_gadolinium: float


#: Scar and blood are close after gadolinium, and so is fat: that is what makes LGE hard to read.
#: Before it (cine), scar and myocardium are close.
TISSUES: Mapping[str, Tissue] = MappingProxyType(
    {
        "myocardium": Tissue(0.80, 1000.0, 48.0, 470.0),
        "scar": Tissue(0.84, 1110.0, 54.0, 292.0),
        "mvo": Tissue(0.80, 1120.0, 56.0, 505.0),
        "blood": Tissue(0.92, 1550.0, 230.0, 322.0),
        "fat": Tissue(0.88, 270.0, 85.0, 262.0),
        "muscle": Tissue(0.78, 980.0, 42.0, 520.0),
        "liver": Tissue(0.72, 600.0, 46.0, 395.0),
        "spleen": Tissue(0.80, 1050.0, 75.0, 370.0),
        "lung": Tissue(0.12, 1100.0, 30.0, 560.0),
        "air": Tissue(0.0, 1000.0, 10.0, 1000.0),
    }
)


def inversion_recovery(t1: float, ti: float, repetition: float) -> float:
    """Longitudinal magnetisation at ``ti`` after an inversion repeated each ``repetition``.

    M / M0 = 1 - 2 exp(-TI / T1) + exp(-TR / T1); negative before the null point.
    """
    return 1.0 - 2.0 * exp(-ti / t1) + exp(-repetition / t1)


def null_time(t1: float, repetition: float) -> float:
    """The inversion time at which a tissue with ``t1`` gives no signal, by bisection."""
    low, high = 0.0, t1
    for _ in range(50):
        middle = 0.5 * (low + high)
        if inversion_recovery(t1, middle, repetition) < 0.0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def balanced_ssfp(tissue: Tissue, flip: float) -> float:
    """Steady-state signal for TR much shorter than T2 at flip angle ``flip`` (radians).

    S = M0 sin(a) / (1 + cos(a) + (1 - cos(a)) T1 / T2): a T2 / T1 contrast, blood bright.
    """
    cosine, sine = cos_sin(flip)
    return tissue.density * sine / (1.0 + cosine + (1.0 - cosine) * tissue.t1 / tissue.t2)
