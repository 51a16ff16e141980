"""Rings in noise, made when they are asked for: a data set that costs next to nothing."""

from __future__ import annotations

import numpy as np

from benchmark import Case, CaseInfo, Dataset, Segmentation, Study, Volume

_ROLES = {"train": 4, "validation": 1, "test": 6, "external": 2}
_IDS = [(f"{role}-{i}", role) for role, count in _ROLES.items() for i in range(count)]


class Rings(Dataset):
    """A ring with a scar of its own in each case."""

    title = "tiny rings"
    licence = "CC0"
    citation = "scarbench"
    synthetic = True
    redistributable = True

    def index(self) -> list[CaseInfo]:
        """Thirteen cases, each of a patient of its own."""
        return [CaseInfo(name, role, f"p-{name}") for name, role in _IDS]  # type: ignore[arg-type]

    def load(self, case_id: str) -> Case:
        """Four slices of 40 x 36; how much of the ring is scar follows from the id."""
        number = [name for name, _ in _IDS].index(case_id)
        rng = np.random.default_rng(number)
        row, column = np.mgrid[-20:20, -18:18]
        radius, angle = np.hypot(row, column), np.arctan2(row, column)
        labels = np.zeros((4, 40, 36), dtype=np.uint8)
        labels[:, radius < 14] = 2
        labels[:, (radius < 14) & (angle > 0) & (angle < 0.5 + 0.15 * number)] = 3
        labels[:, radius < 8] = 1
        image = np.array([100, 400, 50, 600], dtype=np.int16)[labels]
        image = image + rng.normal(0, 60, labels.shape).astype(np.int16)
        study = Study(case_id, {"lge": Volume(image, (10.0, 1.5, 1.5))}, apex="first")
        return Case(study, Segmentation(labels))
