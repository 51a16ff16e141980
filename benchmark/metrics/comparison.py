"""What all regions of one scoring task share, computed once."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..clinical import Feature, can_describe, core_of, features, missing_features
from ..relaxation import missing_relaxation, relaxation
from ..types import Label, Labels, Region
from .calibration import MARGIN
from .counts import Counts, confusion
from .definition import Status
from .distances import LabelSurfaces, Surfaces
from .kernel import joint
from .levels import Thirds, thirds
from .pairs import Forecast, Mask, RegionPair
from .tables import Row

if TYPE_CHECKING:
    from ..scoring import ScoreTask

__all__ = ["Comparison", "undescribed"]

#: Any of these says from which slice to which the left ventricle reaches; scar alone does not.
_OUTLINES = (Region.LV, Region.MYOCARDIUM, Region.CAVITY)
#: What labels alone tell apart; the surfaces of all of these are measured together.
_MEASURED = tuple(region for region in Region if region is not Region.CORE_SCAR)


def undescribed(
    region: Region,
    annotates: Collection[Region],
    produces: Collection[Region],
    names: tuple[str, str] = ("reference", "prediction"),
) -> str | None:
    """Why ``region`` is not applicable, if either side says nothing about it."""
    if not can_describe(region, annotates):
        return f"{names[0]} does not annotate {region.value}"
    if not can_describe(region, produces):
        return f"{names[1]} does not produce {region.value}"
    return None


def unforecast(
    region: Region,
    given: Collection[Region],
    annotates: Collection[Region],
    name: str = "reference",
) -> str | None:
    """Why calibration of ``region`` is not applicable, if it is in none of a data set's cases.

    Args:
        region: Of which probabilities would be measured.
        given: The regions of which there are any.
        annotates: Regions the reference says something about.
        name: What the reference is called.
    """
    if region not in given:
        return f"there are no probabilities of {region.value}"
    if not any(can_describe(outline, annotates) for outline in _OUTLINES):
        return f"{name} annotates no outline of the left ventricle, near which to measure"
    return None


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
            held = self.joint[:, 1:] if task.outline is None else task.outline
            present = [bool(plane.any()) for plane in held]
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
        names = task.reference_name, task.compared_name
        reason = undescribed(region, task.annotates, task.produces, names)
        # What is not applicable to a method at all says so itself, in `task.message`.
        skipped = task.prediction is None and task.status == "not_applicable"
        if skipped and can_describe(region, task.annotates):
            reason = task.message or "not applicable to this case"
        if reason is not None:
            return reason, None
        if region is Region.CORE_SCAR:
            ours, theirs = self.cores
            if isinstance(ours, str):
                return ours, None
            if isinstance(theirs, str):
                nothing = np.zeros_like(ours.mask)
                return self._core(ours.mask, nothing), ("error", f"{task.compared_name}: {theirs}")
            return self._core(ours.mask, theirs.mask), None
        pair = RegionPair(
            reference=region.mask(self.cropped[0]),
            compared=region.mask(self.cropped[1]),
            counts=confusion(self.joint, region.labels),
            shape=self.shape,
            spacing=task.spacing,
            myocardium=self.myocardium,
            measured=Surfaces.of(self.surfaces, _MEASURED.index(region), len(_MEASURED)),
            heart=lambda: self._cropped_heart,
            forecast=self._forecast(region),
        )
        return pair, None

    @cached_property
    def myocardium(self) -> Counts | str:
        """Voxels of the reference's myocardium per slice, or why nothing is known of it."""
        if not can_describe(Region.MYOCARDIUM, self.task.annotates):
            return f"{self.task.reference_name} does not annotate myocardium"
        tp_fp_fn_tn = confusion(self.joint, Region.MYOCARDIUM.labels)
        return tp_fp_fn_tn[:, 0] + tp_fp_fn_tn[:, 2]

    def _core(self, reference: Mask, compared: Mask) -> RegionPair:
        pair = RegionPair.of_masks(reference, compared, self.task.spacing)
        return replace(
            pair,
            myocardium=self.myocardium,
            heart=lambda: self._whole_heart,
            forecast=self._forecast(Region.CORE_SCAR, reference),
        )

    @cached_property
    def _cropped_heart(self) -> tuple[Mask, Mask]:
        return self._heart(self.cropped)

    @cached_property
    def _whole_heart(self) -> tuple[Mask, Mask]:
        return self._heart(self.labels)

    def _heart(self, maps: tuple[Labels, Labels]) -> tuple[Mask, Mask]:
        """Where each map has a class that both sides speak about."""
        told: set[int] = set()
        for region in _MEASURED:
            if undescribed(region, self.task.annotates, self.task.produces) is None:
                told.update(region.labels)
        ours, theirs = (np.isin(labels, sorted(told)) for labels in maps)
        return ours, theirs

    def _forecast(self, region: Region, truth: Mask | None = None) -> Forecast | str:
        """The probabilities of ``region`` near the heart, or why there are none to measure."""
        given = self.task.probabilities or {}
        reason = unforecast(region, given, self.task.annotates, self.task.reference_name)
        if reason is not None:
            return reason
        if isinstance(self._near_heart, str):
            return self._near_heart
        box, found = self._near_heart, given[region]
        reference = region.mask(self.labels[0][box]) if truth is None else truth[box]
        if isinstance(found, tuple):
            return Forecast(reference, np.zeros(reference.shape), found)
        return Forecast(reference, found[box])

    @cached_property
    def _near_heart(self) -> tuple[slice, slice, slice] | str:
        """Where calibration is measured: around the reference's left ventricle, in all slices."""
        held = self.labels[0] > 0
        if not held.any():
            return f"{self.task.reference_name} shows no left ventricle, near which to measure"
        sides = []
        for axis, step in enumerate(self.task.spacing[1:]):
            places = np.flatnonzero(held.any(axis=(0, 2 - axis)))
            # Whole voxels, rounded up; a margin of so many voxels on paper is not one more.
            more = math.ceil(MARGIN / step * (1 - 1e-9))
            sides.append(slice(max(int(places[0]) - more, 0), int(places[-1]) + 1 + more))
        return slice(None), sides[0], sides[1]

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
                thirds=self.thirds,
                insertion=task.insertion,
            )
            found += self._relaxation(self.labels[0], task.annotates, "ref_empty")
            yield from _feature_rows(task.case, task.reference_name, found)
        if "compared" in task.describe:
            if task.prediction is None:
                found = missing_features(task.status, task.message, insertion=task.insertion)
                if task.mapped:
                    found += missing_relaxation(task.mapped, task.status, task.message)
            else:
                found = features(
                    self.labels[1],
                    task.spacing,
                    regions=task.produces,
                    core=self.cores[1],
                    thirds=self.thirds,
                    insertion=task.insertion,
                )
                found += self._relaxation(self.labels[1], task.produces, "pred_empty")
            yield from _feature_rows(task.case, task.compared_name, found)

    def _relaxation(
        self, labels: Labels, regions: Collection[Region], empty: Status
    ) -> Iterator[Feature]:
        """T1 or T2 of myocardium and septum, where the image is a map of them."""
        task = self.task
        if task.mapped and task.image is not None:
            yield from relaxation(
                labels,
                task.image,
                task.mapped,
                thirds=self.thirds,
                regions=regions,
                empty=empty,
                insertion=task.insertion,
                spacing=task.spacing,
            )


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
            "segment": f.segment,
        }
