"""Compact letters: methods that share a letter were not shown to differ.

Insert and absorb of Piepho (J Comput Graph Stat 2004;13:456-466): start with one letter for all;
each pair that differs splits every letter that holds both; a letter within another goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from string import ascii_lowercase, ascii_uppercase

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError

__all__ = ["letters"]

_ALPHABET = ascii_lowercase + ascii_uppercase


def letters(names: Sequence[str], p_matrix: ArrayLike, alpha: float = 0.05) -> dict[str, str]:
    """The letters of each name: two names share one exactly if their p is at least ``alpha``.

    A pair without a test (NaN) was not shown to differ. Letters go by the order of names: the first
    name has ``a``. Beyond 52 letters they are ``a2``, ``b2`` and so on.

    Args:
        names: In the order of the matrix.
        p_matrix: ``(name, name)``, corrected for the number of pairs already; symmetric.
        alpha: Level of significance.

    Raises:
        DataError: The matrix does not fit the names, is not symmetric or holds no p values; or a
            name is there twice.
    """
    p = np.asarray(p_matrix, dtype=np.float64)
    k = len(names)
    if p.shape != (k, k):
        raise DataError(f"{k} names and p values of the shape {p.shape}.", "Give p of every pair.")
    if len(set(names)) < k:
        raise DataError(f"A name is there twice: {', '.join(names)}.", "Name each group once.")
    if not np.array_equal(p, p.T, equal_nan=True):
        raise DataError("The p values are not symmetric.", "Give the same p for both orders.")
    if ((p < 0) | (p > 1)).any():
        raise DataError("A p value is not from 0 to 1.", "Give p values, not their logarithms.")
    columns = _columns(k, [(i, j) for i, j in combinations(range(k), 2) if p[i, j] < alpha])
    found = dict.fromkeys(names, "")
    for number, column in enumerate(columns):
        for i in sorted(column):
            found[names[i]] += _letter(number)
    return found


def _columns(k: int, differ: Sequence[tuple[int, int]]) -> list[frozenset[int]]:
    """The sets of groups that share a letter, by their first members."""
    columns = {frozenset(range(k))} if k else set()
    for i, j in differ:
        for column in sorted(columns, key=sorted):
            if i in column and j in column:
                columns.remove(column)
                columns |= {column - {i}, column - {j}}
        columns = {c for c in columns if not any(c < other for other in columns)}
    return sorted(_needed(columns), key=sorted)


def _needed(columns: set[frozenset[int]]) -> set[frozenset[int]]:
    """Without those whose every pair another column shows too, the later ones first."""
    kept = set(columns)
    for column in sorted(columns, key=sorted, reverse=True):
        others = kept - {column}
        if all(any({i, j} <= o for o in others) for i in column for j in column):
            kept = others
    return kept


def _letter(number: int) -> str:
    turn, at = divmod(number, len(_ALPHABET))
    return _ALPHABET[at] + (str(turn + 1) if turn else "")
