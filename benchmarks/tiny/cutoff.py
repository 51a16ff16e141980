"""Brighter than a learnt cut-off is scar: trains in half a second, with a checkpoint every step."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from benchmark import Case, Method, Region, Segmentation, Study, TrainContext


class Cutoff(Method):
    """The cut-off is the mean of what each step finds."""

    produces = frozenset({Region.SCAR})
    needs = frozenset({"lge"})
    steps: int = Field(20, gt=0, description="Steps of training")
    work: float = Field(0.02, ge=0, description="Seconds that a step or a prediction computes")

    def train(self, cases: Sequence[Case], context: TrainContext) -> None:
        """Go on from the last checkpoint, if there is one."""
        checkpoint = context.scratch / "found.txt"
        found = [float(v) for v in checkpoint.read_text().split()] if checkpoint.exists() else []
        while len(found) < self.steps:
            _compute(self.work)
            case = cases[len(found) % len(cases)]
            rng = np.random.default_rng([context.seed, len(found)])
            scar = case.study.images["lge"].voxels[_labels(case) == 3]
            found.append(float(rng.choice(scar, 50).mean()) - float(rng.uniform(60, 120)))
            partial = checkpoint.with_suffix(f".{os.getpid()}")
            partial.write_text(" ".join(map(repr, found)))
            partial.replace(checkpoint)
            context.report(len(found), self.steps, {"cutoff": found[-1]})
        (context.folder / "cutoff.txt").write_text(repr(float(np.mean(found))))

    def predict(self, study: Study) -> Segmentation:
        """Compare every voxel with the cut-off."""
        _compute(self.work)
        assert self.model is not None
        limit = float((self.model / "cutoff.txt").read_text())
        return Segmentation(np.where(study.images["lge"].voxels > limit, 3, 0))

    def parameter_count(self) -> int:
        """One."""
        return 1


def _compute(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        np.arange(1000).sum()


def _labels(case: Case) -> np.ndarray:
    assert case.reference.labels is not None
    return case.reference.labels
