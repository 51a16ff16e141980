"""Six noisy rings with a scar, made on the spot."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from benchmark import Case, CaseInfo, Dataset, Label, Segmentation, Study, Volume


class Discs(Dataset):
    """Rings whose scar is a growing sector."""

    title = "Discs (synthetic)"
    synthetic = True
    noise: float = Field(10.0, ge=0, description="Standard deviation")

    def index(self) -> Sequence[CaseInfo]:
        return [CaseInfo(f"D{i}", "train" if i < 3 else "test") for i in range(6)]

    def load(self, case_id: str) -> Case:
        number = int(case_id[1:])
        y, x = np.mgrid[-32:32, -32:32]
        ring = (np.hypot(y, x) < 20)[None].repeat(4, 0)
        labels = np.where(ring, Label.MYOCARDIUM, Label.BACKGROUND).astype(np.uint8)
        labels[ring & (np.arctan2(y, x) > 2.5 - number / 4)[None]] = Label.SCAR
        noise = np.random.default_rng(number).normal(0, self.noise, labels.shape)
        image = np.array([100, 0, 60, 500])[labels] + noise
        lge = Volume(image.astype(np.float32), spacing=(10.0, 1.5, 1.5))
        return Case(Study(case_id, {"lge": lge}, apex="first"), Segmentation(labels))
