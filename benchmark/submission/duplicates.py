"""Which examinations look alike across two groups, seen from any of eight sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .prints import BITS, CasePrint, hash_bits

__all__ = ["FEW", "FEW_THRESHOLD", "THRESHOLD", "Alike", "alike", "distances"]

THRESHOLD = 0.15
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
