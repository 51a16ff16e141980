"""The folders that nnU-Net works in: our cases in its raw layout, its plan, its preprocessed cases.

A case is a number there, never its id. All of it is made anew whenever training starts, also where
an interrupted one left some: it takes seconds, and then no half-written file is ever read.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nnunetv2.experiment_planning.dataset_fingerprint import fingerprint_extractor
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import (
    ExperimentPlanner,
)
from nnunetv2.preprocessing.preprocessors import default_preprocessor
from numpy.typing import NDArray

from benchmark import Case, Label, Volume
from benchmark.errors import DataError, UsageError
from benchmark.nifti import read_labels

from ._nnunet_surroundings import WORKERS, in_this_process
from ._slices import still_volume

__all__ = ["PLANS", "Shrunk", "Workspace", "spacing_of"]

#: Of a data set that only ever exists here.
NAME = "Dataset001_scarbench"
PLANS = "nnUNetPlans"
_ENDING = ".nii"
#: Voxels whose intensities are looked at. nnU-Net draws 1e8 of them, a gigabyte; its z-score, the
#: normalisation of anything but CT, does not use what it finds.
_SAMPLED = 1e6


@dataclass(frozen=True)
class Shrunk:
    """How the plan is made smaller than nnU-Net would make it; None leaves it to nnU-Net.

    Attributes:
        patch: Longest side of a patch, in voxels, before it is made divisible.
        batch: Patches in a step.
        features: Feature maps at full resolution.
        pixel_mm: Spacing within slices that images are resampled to; nnU-Net takes the median.
    """

    patch: int | None = None
    batch: int | None = None
    features: int | None = None
    pixel_mm: float | None = None


class _Planner(ExperimentPlanner):  # type: ignore[misc]  # nnU-Net has no types
    """nnU-Net's planner, with other constants where it is told so."""

    shrunk = Shrunk()

    def determine_fullres_target_spacing(self) -> NDArray[np.float64]:
        """Its own, but for the two finer axes."""
        spacing = np.array(super().determine_fullres_target_spacing(), dtype=np.float64)
        if self.shrunk.pixel_mm is not None:
            spacing[np.argsort(spacing, kind="stable")[:2]] = self.shrunk.pixel_mm
        return spacing

    def get_plans_for_configuration(
        self, spacing: Any, median_shape: Any, data_identifier: str, voxels: float, cache: Any
    ) -> dict[str, Any]:
        """Its plan for images that are no larger than the patch is to be."""
        seen = median_shape
        if self.shrunk.patch is not None:
            seen = np.minimum(median_shape, self.shrunk.patch)
        plan: dict[str, Any] = super().get_plans_for_configuration(
            spacing, seen, data_identifier, voxels, cache
        )
        plan["median_image_size_in_voxels"] = median_shape
        if self.shrunk.batch is not None:
            plan["batch_size"] = self.shrunk.batch
        return plan


@dataclass
class Workspace:
    """nnU-Net's three folders under one.

    Attributes:
        root: Where; made if need be.
        labels: Canonical labels that the references hold, in order: what the codes stand for.
    """

    root: Path
    labels: list[int] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that tell nnU-Net where its folders are."""
        return {
            f"nnUNet_{name}": str(self.root / name) for name in ("raw", "preprocessed", "results")
        }

    @property
    def raw(self) -> Path:
        """The data set as nnU-Net is given it."""
        return self.root / "raw" / NAME

    @property
    def preprocessed(self) -> Path:
        """The plan, and the cases as the networks see them."""
        return self.root / "preprocessed" / NAME

    def fill(
        self, cases: Sequence[Case], validation: Sequence[Case], counted: int | None = None
    ) -> None:
        """Write cases, ``dataset.json`` and the split, in place of what was there.

        Args:
            cases: To train on.
            validation: Its validation split, by which it optimises nothing; the training cases
                again if there are none, as in its own fold ``all``.
            counted: How many cases it shall believe there are; by default those that there are.

        Raises:
            DataError: A reference has no label map, or an image has frames.
            UsageError: Nothing is labelled in any of them.
        """
        for folder in ("raw", "preprocessed"):
            shutil.rmtree(self.root / folder, ignore_errors=True)
        for folder in ("imagesTr", "labelsTr"):
            (self.raw / folder).mkdir(parents=True)
        self.preprocessed.mkdir(parents=True)
        (self.root / "results").mkdir(exist_ok=True)
        found: set[int] = set()
        names: list[str] = []
        for case in (*_each(cases), *_each(validation)):
            names.append(f"case_{len(names):04d}")
            found |= self._write(names[-1], case)
        self.labels = [0, *sorted(found - {0})]
        if len(self.labels) == 1:
            raise UsageError(
                f"Nothing is labelled in any of the {len(names)} training and validation cases.",
                "Train on cases with references.",
            )
        self._renumber(names)
        train, held_out = names[: len(cases)], names[len(cases) :]
        _write_json(
            self.preprocessed / "splits_final.json", [{"train": train, "val": held_out or train}]
        )
        _write_json(self.raw / "dataset.json", self._dataset(names, counted))

    def prepare(self, configuration: str, shrunk: Shrunk) -> dict[str, Any]:
        """Let nnU-Net look at the cases, plan and preprocess; gives the plans.

        Raises:
            UsageError: It plans no such configuration for these cases.
        """
        extractor = fingerprint_extractor.DatasetFingerprintExtractor(NAME, num_processes=1)
        extractor.show_progress_bar = False
        extractor.num_foreground_voxels_for_intensitystats = _SAMPLED
        with in_this_process(fingerprint_extractor):
            extractor.run(overwrite_existing=True)
        planner = _Planner(NAME)
        planner.shrunk = shrunk
        if shrunk.patch is not None:
            planner.lowres_creation_threshold = 0.0  # a small patch is meant, no sign of large data
        if shrunk.features is not None:
            for cap in ("UNet_max_features_2d", "UNet_max_features_3d"):
                scale = getattr(planner, cap) // planner.UNet_base_num_features
                setattr(planner, cap, scale * shrunk.features)
            planner.UNet_base_num_features = shrunk.features
        os.environ[WORKERS] = "1"  # it gives torch as many threads as these, and not none
        plans: dict[str, Any] = planner.plan_experiment()
        os.environ[WORKERS] = "0"
        if configuration not in plans["configurations"]:
            raise UsageError(
                f"nnU-Net plans no {configuration} for these cases: half of them or more are "
                "single slices.",
                "Set configuration=2d.",
            )
        preprocessor = default_preprocessor.DefaultPreprocessor(verbose=False)
        preprocessor.show_progress_bar = False
        with in_this_process(default_preprocessor):
            preprocessor.run(NAME, configuration, PLANS, num_processes=1)
        return plans

    def dataset(self) -> dict[str, Any]:
        """``dataset.json``, without the list of its files."""
        content: dict[str, Any] = json.loads((self.raw / "dataset.json").read_text("utf-8"))
        del content["dataset"]
        return content

    def _write(self, name: str, case: Case) -> set[int]:
        """Write image and canonical labels of a case; gives the labels that it has."""
        volume, labels = still_volume(case.study), case.reference.labels
        if labels is None:
            raise DataError(
                f"Case {case.study.id!r}: its reference has contours but no label map.",
                "Train on cases with label maps.",
            )
        image = self.raw / "imagesTr" / f"{name}_0000{_ENDING}"
        _save(image, volume.voxels, np.float32, volume.spacing)
        _save(self.raw / "labelsTr" / f"{name}{_ENDING}", labels, np.uint8, volume.spacing)
        return set(np.unique(labels).tolist())

    def _renumber(self, names: Sequence[str]) -> None:
        """Give the labels consecutive codes, which nnU-Net demands, where one is missing."""
        if self.labels == list(range(len(self.labels))):
            return
        codes = np.zeros(max(self.labels) + 1, dtype=np.uint8)
        codes[self.labels] = np.arange(len(self.labels))
        for name in names:
            path = self.raw / "labelsTr" / f"{name}{_ENDING}"
            stored = read_labels(path)
            _save(path, codes[stored.labels], np.uint8, stored.grid.spacing)

    def _dataset(self, names: Sequence[str], counted: int | None) -> dict[str, Any]:
        return {
            "channel_names": {"0": "lge"},  # a name that it does not know: z-score
            "labels": {Label(v).name.lower(): code for code, v in enumerate(self.labels)},
            "numTraining": counted or len(names),
            "file_ending": _ENDING,
            "overwrite_image_reader_writer": "NibabelIO",  # keeps a single slice 3-D
            # named one by one, or it looks for them with a pool of twelve processes
            "dataset": {
                name: {
                    "images": [f"imagesTr/{name}_0000{_ENDING}"],
                    "label": f"labelsTr/{name}{_ENDING}",
                }
                for name in names
            },
        }


def spacing_of(volume: Volume) -> list[float]:
    """(z, y, x) in mm as nnU-Net reads it from a file: NIfTI keeps seven digits."""
    return [float(np.float32(s)) for s in volume.spacing]


def _each(cases: Sequence[Case]) -> Iterable[Case]:
    """Each once: the engine loads a case whenever it is asked for one."""
    return (cases[i] for i in range(len(cases)))


def _save(
    path: Path, voxels: NDArray[Any], dtype: type[np.generic], spacing: Sequence[float]
) -> None:
    affine = np.diag([*spacing[::-1], 1.0])
    nib.save(nib.Nifti1Image(voxels.astype(dtype).T, affine), path)  # type: ignore[no-untyped-call]


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
