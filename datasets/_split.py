"""A split that depends on nothing but the case's own id."""

from __future__ import annotations

import hashlib

from benchmark.types import Role

__all__ = ["hashed_role"]


def hashed_role(case_id: str, salt: str, train: float, validation: float) -> Role:
    """The role of a case by a hash of its id, so that no other case can move it to another role.

    Args:
        case_id: The case; for patients with several cases, the patient.
        salt: Chosen once for a data set; another salt is another split.
        train: Share of cases that train, in the long run.
        validation: Share that validates; the rest is tested on.
    """
    digest = hashlib.sha256(f"{salt}{case_id}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") / 2**64
    if point < train:
        return "train"
    return "validation" if point < train + validation else "test"
