"""Which examinations look alike across two groups, seen from any of eight sides.

How far apart they lie was measured (``benchmarks/leakage.py``), as the share of 144 bits that
differ, averaged over slices. Of EMIDEC's 64 patients the 2,016 pairs of different ones lie 0.317 to
0.447 apart, 0.410 in the median. A case and its copy lie at most

* 0.000: flipped, turned by 90 degrees, apex and base swapped, cropped by 10 % a side;
* 0.045: the end slices left out, resampled to 70 % in plane, noise of 10 % of the SD;
* 0.104: windowed from 5 to 90 % with a gamma of 0.7, squared, 60 % of the slices, noise of 30 %;
* 0.188: cropped by 25 % a side, which cuts into the square (median 0.014);
* 0.206: turned by 5 degrees (median 0.182); by 15 degrees 0.397, as far as another patient.

The simulated patients of ``lge`` have torsos from one model and lie closer: 0.179 at least in 4,560
pairs, and those of ``mapping`` 0.208 in 19,800. So the threshold is 0.15: below every pair of
different patients and above every copy that was not turned by a few degrees or cut into. Windowed
maps of ``mapping``, which show little around the heart, reach 0.176: one in seven such copies is
missed there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .prints import BITS, CasePrint, hash_bits

__all__ = ["FEW", "FEW_THRESHOLD", "THRESHOLD", "Alike", "alike", "distances"]

#: Stacks this close are taken for one examination.
THRESHOLD = 0.15
#: Fewer slices than this are a mean over too few to hold to that.
FEW = 3
FEW_THRESHOLD = 0.12


@dataclass(frozen=True)
class Alike:
    """Two examinations that look alike.

    Attributes:
        one, other: Of either group.
        distance: Mean share of bits that differ.
        slices: How many slices that is the mean of.
    """

    one: CasePrint
    other: CasePrint
    distance: float
    slices: int


def alike(
    ones: Sequence[CasePrint],
    others: Sequence[CasePrint],
    advance: Callable[[str], None] = lambda case: None,
) -> Iterator[Alike]:
    """Every pair of one of ``ones`` and one of ``others`` that look alike.

    Args:
        ones: Cases that are here (their tiles are turned and flipped).
        others: Cases, here or declared.
        advance: Called with each id of ``ones`` that is done.
    """
    table = _Table([other for other in others if len(other.bits)])
    for one in ones:
        if len(one.tiles) and table.others:
            found = table.distances(one)
            compared = np.minimum(table.lengths, len(one.tiles))
            limits = np.where(compared >= FEW, THRESHOLD, FEW_THRESHOLD)
            for i in np.flatnonzero(found <= limits):
                yield Alike(one, table.others[int(i)], round(float(found[i]), 4), int(compared[i]))
        advance(one.id)


def distances(one: CasePrint, others: Sequence[CasePrint]) -> NDArray[np.float32]:
    """The distance of ``one`` to each of ``others``, all of which have slices."""
    return _Table(others).distances(one)


class _Table:
    """The hashes of many cases, one slice after the other."""

    def __init__(self, others: Sequence[CasePrint]) -> None:
        self.others = others
        self.lengths = np.array([len(other.bits) for other in others])
        if others:
            self._starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
            self._signs = _signs(np.concatenate([other.bits for other in others]))

    def distances(self, one: CasePrint) -> NDArray[np.float32]:
        """Of ``one``, turned in the way that fits best, to each.

        Each slice of the shorter stack takes the slice of the other that is nearest to it; the mean
        of these is the distance, so that slices left out, thinned or in another order matter
        little.
        """
        best = np.full(len(self.lengths), np.inf, dtype=np.float32)
        for turned in sides(one.tiles):
            turns = _signs(np.array([hash_bits(tile) for tile in turned]))
            apart = (1 - self._signs @ turns.T / BITS) / 2  # (slices of all, slices of one)
            ours = np.minimum.reduceat(apart, self._starts, axis=0).mean(axis=1)
            theirs = np.add.reduceat(apart.min(axis=1), self._starts) / self.lengths
            best = np.minimum(best, np.where(self.lengths < len(turned), theirs, ours))
        return best


def sides(tiles: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """``(slice, y, x)`` in the eight ways in which a square can be turned and flipped."""
    for turned in (tiles, tiles.transpose(0, 2, 1)):
        for flipped in (turned, turned[:, ::-1]):
            yield np.ascontiguousarray(flipped)
            yield np.ascontiguousarray(flipped[:, :, ::-1])


def _signs(bits: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(bits, np.float32(1), np.float32(-1))
