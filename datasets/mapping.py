"""Synthetic cohort of 100 patients with T1 and T2 maps and three readers, made on first use.

A physical phantom, not patients: the analytic hearts of ``lge`` with sizes, relaxation times and
focal lesions by diagnosis (:mod:`._mapping_anatomy`), scanned by MOLLI and by T2-prepared balanced
SSFP (:mod:`._mapping_signal`, :mod:`._mapping_imaging`), with maps fitted pixel by pixel to the
noisy magnitudes (:mod:`._mapping_fit`). Diagnoses, scans and drawings follow mapping2023.

A case is one map of one patient: an apical, a middle and a basal slice, with the images that the
map was fitted to. Both maps of a patient have the same role: 65 % train, 20 % validate, 15 % test.
No slice is left out, where the paper lacks some apical ones: levels are told from the first and
last slice drawn, so a pair could not say which it is.

The reference comes as ordered sub-pixel contours, and as labels made from them (section 3.4). In
training and validation one of two annotators drew it, with errors of their own (section 3.3). In
test cases it is what a reader without error would draw by the same protocol; three readers drew the
case as well (:mod:`._mapping_readers`).

The generator is frozen: the voxels are the same on every machine, and a change of any of them is a
new ``VERSION``, with its reason in :mod:`._mapping_protocol`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import DataError, near_misses
from benchmark.plugins import Dataset
from benchmark.types import (
    Attribute,
    Case,
    CaseInfo,
    Contour,
    Region,
    Segmentation,
    Study,
    Volume,
)

from ._cache import Cohort
from ._mapping_fingerprints import CASES
from ._mapping_imaging import STEP
from ._mapping_protocol import PIXEL, VERSION, MapName, Patient, cases
from ._mapping_readers import READERS
from ._mapping_synthesis import synthesise
from ._prints import Arrays

__all__ = ["VERSION", "Mapping"]


class Mapping(Dataset):
    """The synthetic cohort; see the module."""

    annotates: ClassVar[frozenset[Region]] = frozenset(
        {Region.CAVITY, Region.MYOCARDIUM, Region.LV}
    )
    redistributable: ClassVar[bool] = True
    synthetic: ClassVar[bool] = True
    title: ClassVar[str] = f"scarbench synthetic T1 and T2 mapping cohort, version {VERSION}"
    licence: ClassVar[str] = "CC0-1.0"
    citation: ClassVar[str] = (
        f"Synthetic T1 and T2 mapping cohort of scarbench, version {VERSION}: 200 simulated maps "
        "of 100 simulated patients; no patient data."
    )
    modalities: ClassVar[frozenset[str]] = frozenset({"t1", "t1_weighted", "t2", "t2_weighted"})

    def index(self) -> Sequence[CaseInfo]:
        """All cases by patient, T1 before T2; computed, without making or reading pixels."""
        return tuple(
            CaseInfo(
                id=case_id,
                role=patient.role,
                patient=patient.id,
                stratum=patient.pathology,
                attributes=_known(patient, name),
            )
            for case_id, (patient, name) in cases().items()
        )

    def load(self, case_id: str) -> Case:
        """One case; the first ever makes the whole cohort (about 40 s on two cores).

        Raises:
            DataError: There is no such case, the cache cannot be written, or the machine computes
                other voxels than were frozen.
        """
        patient, name = _case(case_id)
        arrays, described = cohort().read(case_id)
        told: dict[str, Any] = json.loads(described)
        geometry: dict[str, Any] = {
            "spacing": (told["pitch"], PIXEL, PIXEL),
            "affine": _affine(arrays["map"], told["pitch"], told["slice_positions"]),
            "slice_positions": tuple(told["slice_positions"]),
        }
        # A tenth of a millisecond in float32: divided, for a product would round twice.
        steps = arrays["map"].astype(np.float32) / np.float32(round(1.0 / STEP[name]))
        images = {
            name: Volume(steps, **geometry),
            f"{name}_weighted": Volume(
                arrays["weighted"], times_ms=tuple(told["times_ms"]), **geometry
            ),
        }
        attributes = {**_known(patient, name), "heart_rate_bpm": told["heart_rate_bpm"]}
        return Case(
            Study(case_id, images, attributes, apex="first"),
            _drawn(arrays, "reference"),
            {hand: _drawn(arrays, hand) for hand in READERS if f"{hand}_endo" in arrays},
        )

    def files(self, case_id: str) -> Sequence[Path]:
        """The case's file in the cache, made first if need be."""
        _case(case_id)
        path = cohort().file(case_id)
        if not path.exists():
            cohort().ensure()
        return (path,)


@cache
def cohort() -> Cohort:
    """The cohort as it is kept on disk."""
    return Cohort("mapping", VERSION, tuple(cases()), CASES, synthesise, 150)


def _case(case_id: str) -> tuple[Patient, MapName]:
    if case_id not in cases():
        raise DataError(
            f"The synthetic mapping cohort has no case {case_id!r}.",
            near_misses(case_id, list(cases())),
        )
    return cases()[case_id]


def _known(patient: Patient, name: MapName) -> dict[str, Attribute]:
    """What a method may know."""
    return {"patient": patient.id, "pathology": patient.pathology, "map": name}


def _drawn(arrays: Arrays, hand: str) -> Segmentation:
    """One hand's contours, and labels made from them by the rule of the engine."""
    # SciPy, which the engine's contours need, is not imported to list the cases.
    from benchmark.contours import contours_to_labels

    endo, epi = (np.asarray(arrays[f"{hand}_{kind}"], np.float64) for kind in ("endo", "epi"))
    contours = []
    for i in range(len(endo)):
        contours += [Contour(i, "endo", endo[i]), Contour(i, "epi", epi[i])]
    return Segmentation(contours_to_labels(contours, arrays["map"].shape), tuple(contours))


def _affine(voxels: NDArray[Any], pitch: float, positions: list[float]) -> NDArray[np.float64]:
    """To RAS: columns run to the left, rows to the back, slices up from the apex."""
    rows, columns = voxels.shape[-2:]
    affine = np.diag([-PIXEL, -PIXEL, pitch, 1.0])
    affine[0, 3] = 0.5 * (columns - 1) * PIXEL
    affine[1, 3] = 0.5 * (rows - 1) * PIXEL
    affine[2, 3] = positions[0]
    return affine
