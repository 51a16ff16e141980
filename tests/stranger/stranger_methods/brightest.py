"""The brightest share of the image is scar."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from benchmark import Case, Label, Method, Region, Segmentation, Study, TrainContext


class Brightest(Method):
    """Learns how much of an image is scar, and takes that much of the brightest."""

    produces = frozenset({Region.SCAR})
    share: float = Field(1.0, gt=0, le=2, description="Multiplies the share that was learnt")

    def train(self, cases: Sequence[Case], context: TrainContext) -> None:
        shares = [np.mean(Region.SCAR.mask(c.reference.labels)) for c in cases]
        np.save(context.folder / "share.npy", np.mean(shares))

    def predict(self, study: Study) -> Segmentation:
        image = study.images["lge"].voxels
        share = float(np.load(self.model / "share.npy")) * self.share
        bright = image >= np.quantile(image, 1 - min(share, 1.0))
        return Segmentation(np.where(bright, Label.SCAR, Label.BACKGROUND))
