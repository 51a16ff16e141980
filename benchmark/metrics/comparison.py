"""What all regions of one scoring task share, computed once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..clinical import Feature, can_describe, core_of, features, missing_features
from ..types import Label, Region
from .counts import confusion
from .definition import Status
from .distances import LabelSurfaces, Surfaces
from .kernel import joint
from .levels import Thirds, thirds
from .pairs import RegionPair
from .tables import Row

if TYPE_CHECKING:
    from ..scoring import ScoreTask

__all__ = ["Comparison"]

#: Any of these says from which slice to which the left ventricle reaches; scar alone does not.
_OUTLINES = (Region.LV, Region.MYOCARDIUM, Region.CAVITY)
#: What labels alone tell apart; the surfaces of all of these are measured together.
_MEASURED = tuple(region for region in Region if region is not Region.CORE_SCAR)


class Comparison:
    """A task with all that its regions share: the joint histogram, the crop, both core scars."""

    def __init__(self, task: ScoreTask) -> None:
        self.task = task
        reference = task.reference
        # Measured against an empty answer, a missing prediction tells what missing it all costs.
        prediction = np.zeros_like(reference) if task.prediction is None else task.prediction
        self.labels = reference, prediction
        self.joint, in_plane = joint(reference, prediction, len(Label))
        self.box = (slice(None), *in_plane)
        self.cropped = reference[self.box], prediction[self.box]
        labels = [sorted(region.labels) for region in _MEASURED]
        self.surfaces = LabelSurfaces(*self.cropped, labels, task.spacing)
        self.shape = (reference.shape[0], reference.shape[1], reference.shape[2])
        positions = task.slice_positions or [z * task.spacing[0] for z in range(self.shape[0])]
        if any(can_describe(region, task.annotates) for region in _OUTLINES):
            present = [bool(plane.any()) for plane in self.joint[:, 1:]]
            self.thirds: Thirds = thirds(present, positions, task.apex)
        else:
            self.thirds = (
                f"{task.reference_name} annotates no outline of the left ventricle, so where its "
                "thirds lie is unknown"
            )
        self.cores = core_of(reference, task.image), core_of(prediction, task.image)

    def region(self, region: Region) -> tuple[RegionPair | str, tuple[Status, str] | None]:
        """The pair of masks of ``region``, or the reason why it is not applicable.

        Beside it, status and message where the compared side has no mask and it is to blame.
        """
        task = self.task
        if not can_describe(region, task.annotates):
            return f"{task.reference_name} does not annotate {region.value}", None
        # What is not applicable to a method at all says so itself, in `task.message`.
        if task.prediction is None and task.status == "not_applicable":
            return task.message or "not applicable to this case", None
        if not can_describe(region, task.produces):
            return f"{task.compared_name} does not produce {region.value}", None
        if region is Region.CORE_SCAR:
            ours, theirs = self.cores
            if isinstance(ours, str):
                return ours, None
            if isinstance(theirs, str):
                nothing = np.zeros_like(ours.mask)
                pair = RegionPair.of_masks(ours.mask, nothing, task.spacing)
                return pair, ("error", f"{task.compared_name}: {theirs}")
            return RegionPair.of_masks(ours.mask, theirs.mask, task.spacing), None
        pair = RegionPair(
            reference=region.mask(self.cropped[0]),
            compared=region.mask(self.cropped[1]),
            counts=confusion(self.joint, region.labels),
            shape=self.shape,
            spacing=task.spacing,
            measured=Surfaces.of(self.surfaces, _MEASURED.index(region), len(_MEASURED)),
        )
        return pair, None

    def count_rows(self, identity: Mapping[str, str]) -> Iterator[Row]:
        """One row for each pair of labels that meets in a slice."""
        for z, ours, theirs in np.argwhere(self.joint).tolist():
            yield {
                "case": identity["case"],
                "slice": z,
                "reference": identity["reference"],
                "compared": identity["compared"],
                "reference_label": ours,
                "compared_label": theirs,
                "voxels": int(self.joint[z, ours, theirs]),
            }

    def feature_rows(self) -> Iterator[Row]:
        """The clinical features of the sides that the task wants described."""
        task = self.task
        if "reference" in task.describe:
            found = features(
                self.labels[0],
                task.spacing,
                regions=task.annotates,
                core=self.cores[0],
                empty="ref_empty",
            )
            yield from _feature_rows(task.case, task.reference_name, found)
        if "compared" in task.describe:
            if task.prediction is None:
                found = missing_features(task.status, task.message)
            else:
                found = features(
                    self.labels[1], task.spacing, regions=task.produces, core=self.cores[1]
                )
            yield from _feature_rows(task.case, task.compared_name, found)


def _feature_rows(case: str, source: str, found: Iterable[Feature]) -> Iterator[Row]:
    for f in found:
        yield {
            "case": case,
            "source": source,
            "level": f.level,
            "slice": f.slice,
            "feature": f.feature,
            "value": f.value,
            "status": f.status,
            "unit": f.unit,
            "message": f.message,
        }
