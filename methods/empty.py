"""Predicts nothing at all: the floor under every overlap."""

from __future__ import annotations

import numpy as np

from benchmark import Method, Segmentation, Study

__all__ = ["Empty"]


class Empty(Method):
    """Background everywhere; right about every heart without scar."""

    def predict(self, study: Study) -> Segmentation:
        """All background."""
        return Segmentation(np.zeros(study.target.shape, dtype=np.uint8))
