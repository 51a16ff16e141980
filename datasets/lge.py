"""Synthetic cohort of 96 LGE and cine studies, made on first use (embedded default).

A physical phantom, not patients: analytic hearts (:mod:`._phantom`) with infarcts or the patchy
scars of hypertrophic cardiomyopathy (:mod:`._scar`), scanned by inversion recovery and balanced
SSFP (:mod:`._signal`, :mod:`._imaging`) at seven sites of three vendors (:mod:`._protocol`), and
drawn by three readers (:mod:`._readers`). The reference is what a reader without error would draw:
outlines by majority of each voxel's samples, papillary muscles in the cavity, and scar where its
field exceeds the level that gives the wanted burden.

Roles follow Fahmy et al. 2021: half of the development cases train, a quarter each validates and
tests, and one site (G) is external and never trains; all four are stratified by burden.

The generator is frozen: the voxels are the same on every machine, and a change of any of them is a
new ``VERSION``, with its reason in :mod:`._protocol`.
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
from benchmark.types import Attribute, Case, CaseInfo, Region, Segmentation, Study, Volume

from ._cache import Cohort
from ._lge_fingerprints import CASES
from ._prints import Arrays
from ._protocol import SITES, VERSION, Patient, Site, patients, stratum
from ._synthesis import synthesise

__all__ = ["VERSION", "Lge"]


class Lge(Dataset):
    """The synthetic cohort; see the module."""

    annotates: ClassVar[frozenset[Region]] = frozenset(
        {Region.CAVITY, Region.MYOCARDIUM, Region.LV, Region.SCAR, Region.MVO}
    )
    redistributable: ClassVar[bool] = True
    synthetic: ClassVar[bool] = True
    title: ClassVar[str] = f"scarbench synthetic LGE cohort, version {VERSION}"
    licence: ClassVar[str] = "CC0-1.0"
    citation: ClassVar[str] = (
        f"Synthetic LGE and cine cohort of scarbench, version {VERSION}: 96 simulated studies of "
        "7 simulated sites; no patient data."
    )
    modalities: ClassVar[frozenset[str]] = frozenset({"lge", "cine"})

    def index(self) -> Sequence[CaseInfo]:
        """All cases by id; computed, without making or reading pixels."""
        return tuple(
            CaseInfo(
                id=p.id,
                role=p.role,
                patient=p.id,
                stratum=stratum(p.burden),
                attributes=_known(p),
            )
            for p in patients()
        )

    def load(self, case_id: str) -> Case:
        """One case; the first ever makes the whole cohort (about 20 s on two cores).

        Raises:
            DataError: There is no such case, the cache cannot be written, or the machine computes
                other voxels than were frozen.
        """
        patient = _patient(case_id)
        site = SITES[patient.site]
        arrays, described = cohort().read(patient.id)
        told: dict[str, Any] = json.loads(described)
        spacing = (site.pitch, site.pixel, site.pixel)
        lge = Volume(
            arrays["lge"],
            spacing,
            _affine(arrays["lge"], spacing, told["lge_positions"], site),
            slice_positions=tuple(told["lge_positions"]),
            trigger_delay_ms=told["trigger_delay_ms"],
        )
        spacing = (site.cine_pitch, site.cine_pixel, site.cine_pixel)
        cine = Volume(
            arrays["cine"],
            spacing,
            _affine(arrays["cine"], spacing, told["cine_positions"], site),
            times_ms=tuple(told["cine_times_ms"]),
            slice_positions=tuple(told["cine_positions"]),
        )
        attributes = {
            **_known(patient),
            "inversion_time_ms": told["inversion_time_ms"],
            "heart_rate_bpm": told["heart_rate_bpm"],
        }
        return Case(
            Study(patient.id, {"lge": lge, "cine": cine}, attributes, apex=site.apex),
            Segmentation(np.asarray(arrays["labels"], dtype=np.uint8)),
            {
                name: Segmentation(np.asarray(array, dtype=np.uint8))
                for name, array in sorted(arrays.items())
                if name.startswith("reader_")
            },
        )

    def files(self, case_id: str) -> Sequence[Path]:
        """The case's file in the cache, made first if need be."""
        path = cohort().file(_patient(case_id).id)
        if not path.exists():
            cohort().ensure()
        return (path,)


@cache
def cohort() -> Cohort:
    """The cohort as it is kept on disk."""
    return Cohort("lge", VERSION, tuple(p.id for p in patients()), CASES, make, 260)


def make(index: int) -> tuple[Arrays, str]:
    """Arrays and description of one case, by its place in the list."""
    return synthesise(patients()[index])


def _patient(case_id: str) -> Patient:
    for patient in patients():
        if patient.id == case_id:
            return patient
    raise DataError(
        f"The synthetic cohort has no case {case_id!r}.",
        near_misses(case_id, [p.id for p in patients()]),
    )


def _known(patient: Patient) -> dict[str, Attribute]:
    """What a method may know; burden is read off the reference, so only its stratum is told."""
    return {
        "patient": patient.id,
        "site": patient.site,
        "vendor": SITES[patient.site].vendor,
        "pathology": patient.pathology,
    }


def _affine(
    voxels: NDArray[Any], spacing: tuple[float, float, float], positions: list[float], site: Site
) -> NDArray[np.float64]:
    """To RAS: columns run to the left, rows to the back, the stack up from apex to base or down.

    Both stacks share the middle of the image, so a point lies at the same place in either.
    """
    rows, columns = voxels.shape[-2:]
    up = 1.0 if site.apex == "first" else -1.0
    affine = np.diag([-spacing[2], -spacing[1], up * spacing[0], 1.0])
    affine[0, 3] = 0.5 * (columns - 1) * spacing[2]
    affine[1, 3] = 0.5 * (rows - 1) * spacing[1]
    affine[2, 3] = up * positions[0]
    return affine
