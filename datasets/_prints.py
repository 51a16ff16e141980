"""What a made case is, and its fingerprint: the same wherever it is made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arrays", "fingerprint"]

Arrays = dict[str, NDArray[np.generic]]


def fingerprint(arrays: Mapping[str, NDArray[np.generic]], described: str) -> str:
    """SHA-256 (hex) of decoded voxels, in the order of names, with dtype and shape."""
    digest = hashlib.sha256(described.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.name} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
    return digest.hexdigest()
