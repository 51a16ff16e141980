"""Signal of a tissue in the two mapping sequences, by the Bloch equations of balanced SSFP.

A train of balanced SSFP pulses locks the magnetisation along an axis at half the flip angle a from
the field, along which it relaxes by both T1 and T2 (Scheffler, Magn Reson Med 2003; 49:781):

    dx/dt = cos(a/2) / T1 - R x,   R = cos(a/2)^2 / T1 + sin(a/2)^2 / T2.

Its limit is the steady state of :func:`._signal.balanced_ssfp`. A pulse of a/2 before and after
turns the longitudinal magnetisation into x and back. So each image disturbs what the next one
finds: with MOLLI that shortens the apparent T1 (Look-Locker effect), with T2 preparation it adds
signal that has not decayed, and the map's T2 comes out too long. Scanners have the same errors.
Times are in ms, magnetisation is relative to equilibrium.
"""

from __future__ import annotations

from dataclasses import dataclass

from ._portable import PI, cos_sin, exp
from ._signal import Tissue

__all__ = ["ECHO_TIMES", "MOLLI", "T2_PREPARED", "Readout", "molli", "t2_prepared"]

#: Echo times of the T2 preparation (mapping2023, section 3.2).
ECHO_TIMES = (0.0, 25.0, 55.0)
#: Beats on which MOLLI 5(3)3 takes images after each of its two inversions, the beats of recovery
#: between, and the time from each inversion to the middle of the first image. Eight images, as in
#: section 3.2; the scheme and its times are the conventional ones, which the paper does not print.
_IMAGES = (5, 3)
_PAUSE = 3
_FIRST = (120.0, 200.0)
#: Beats between T2-prepared images: one image, three of recovery.
_T2_BEATS = 4
#: Share of the magnetisation that the inversion pulse turns.
_INVERSION = 0.97


@dataclass(frozen=True)
class Readout:
    """One image's pulses: flip angle in radians, time between pulses, and how many.

    The middle of the train is the image's time.
    """

    flip: float
    repetition: float
    pulses: int

    @property
    def duration(self) -> float:
        """Of the whole train."""
        return self.repetition * self.pulses

    def locked(self, tissue: Tissue, x: float, time: float) -> float:
        """Magnetisation along the locked axis after ``time``, from ``x``."""
        cosine, sine = cos_sin(0.5 * self.flip)
        rate = cosine * cosine / tissue.t1 + sine * sine / tissue.t2
        steady = cosine / (tissue.t1 * rate)
        return steady + (x - steady) * exp(-rate * time)

    def signal(self, tissue: Tissue, m: float) -> tuple[float, float]:
        """Signal at the middle of the train, and the longitudinal magnetisation after it."""
        middle = self.locked(tissue, m, 0.5 * self.duration)
        after = self.locked(tissue, middle, 0.5 * self.duration)
        return tissue.density * cos_sin(0.5 * self.flip)[1] * middle, after


#: Flip angle and time between pulses as in section 3.2. It does not print how many pulses an image
#: takes; 60 last 144 to 162 ms, which fits into diastole.
MOLLI = Readout(35.0 * PI / 180.0, 2.7, 60)
T2_PREPARED = Readout(70.0 * PI / 180.0, 2.4, 60)


def _recovered(m: float, time: float, t1: float) -> float:
    return 1.0 - (1.0 - m) * exp(-time / t1)


def molli(tissue: Tissue, beat: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Inversion times in rising order, and the signed signal at each.

    Args:
        tissue: What is scanned.
        beat: Time between heart beats, ms.
    """
    half = 0.5 * MOLLI.duration
    m, taken = 1.0, list[tuple[float, float]]()
    for images, first in zip(_IMAGES, _FIRST, strict=True):
        if taken:  # from the last image to the inversion
            rest = (_PAUSE + 1) * beat - half - first
            m = _recovered(m, rest, tissue.t1)
        m = (1.0 - 2.0 * _INVERSION) * m
        for i in range(images):
            free = first - half if i == 0 else beat - MOLLI.duration
            signal, m = MOLLI.signal(tissue, _recovered(m, free, tissue.t1))
            taken.append((first + i * beat, signal))
    times, signals = zip(*sorted(taken), strict=True)
    return times, signals


def t2_prepared(tissue: Tissue, beat: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Echo times, and the signal at each.

    Args:
        tissue: What is scanned.
        beat: Time between heart beats, ms.
    """
    m, signals = 1.0, []
    for echo in ECHO_TIMES:
        signal, after = T2_PREPARED.signal(tissue, m * exp(-echo / tissue.t2))
        signals.append(signal)
        m = _recovered(after, _T2_BEATS * beat - T2_PREPARED.duration - echo, tissue.t1)
    return ECHO_TIMES, tuple(signals)
