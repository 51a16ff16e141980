"""Who is in the mapping cohort and how they are scanned: everything but pixels.

Diagnoses are those of mapping2023, Figure 1, in its proportions. Ten of its 262 patients are left
out, who are spread over seven diagnoses of one or two patients each; 100 patients then stand for
the other 252. A hundred is enough for every diagnosis that the paper names often to be tested on,
is made in under a minute, and is trained on in minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from benchmark.types import Role

from ._portable import Stream

__all__ = [
    "COUNTS",
    "KEY",
    "LEVELS",
    "MAPS",
    "MATRIX",
    "PIXEL",
    "THICKNESS",
    "VERSION",
    "MapName",
    "Patient",
    "cases",
    "patients",
]

#: Part of the cache folder and of every random key. The generator is frozen: a change of a single
#: voxel is a new version, with its reason here.
#: 1: the first.
VERSION = 1
#: First part of every random key, so that no stream is one of another cohort's.
KEY = 0x6D6170

MapName = Literal["t1", "t2"]
MAPS: tuple[MapName, ...] = ("t1", "t2")
#: From the apex upwards: relative height of each slice in the ventricle.
LEVELS = {"apex": 0.29, "middle": 0.53, "base": 0.77}

#: Section 3.2: 1.5 x 1.5 mm pixels, slices of 8 mm. The field of view is cut to the trunk's middle,
#: about a third of the paper's 216 x 240 pixels; rows and columns differ in number, as there.
PIXEL = 1.5
MATRIX = (128, 144)
THICKNESS = 8.0

#: Patients by diagnosis: 100 in the proportions of Figure 1 (its count behind each), by largest
#: remainder.
COUNTS = {
    "healthy_volunteer": 14,  # 36
    "athlete": 5,  # 12
    "ischaemic": 8,  # 20
    "dilated": 7,  # 17
    "hypertrophic": 8,  # 20
    "aspecific_cardiomyopathy": 6,  # 15
    "myocarditis": 4,  # 9
    "valvular": 5,  # 14
    "transplant": 1,  # 2
    "aspecific_lge": 7,  # 19
    "hypertrophy": 2,  # 5
    "no_alterations": 33,  # 83
}

#: Section 3.2: 65 %, 20 % and 15 % of the patients.
_SHARES: dict[Role, int] = {"train": 65, "validation": 20, "test": 15}


@dataclass(frozen=True)
class Patient:
    """One line of the cohort.

    Attributes:
        number: From 1; with the version, the key of all its random numbers.
        role: Of both of its maps.
        pathology: A key of ``COUNTS``.
    """

    number: int
    role: Role
    pathology: str

    @property
    def id(self) -> str:
        """Such as ``p001``."""
        return f"p{self.number:03d}"


@cache
def patients() -> tuple[Patient, ...]:
    """The whole cohort, by number; roles are dealt out along the list of diagnoses.

    Each next patient gets the role that is furthest behind its share, so that every diagnosis is
    split as the whole is, to within a patient.
    """
    kinds = [kind for kind, count in COUNTS.items() for _ in range(count)]
    dealt = dict.fromkeys(_SHARES, 0)
    drawn: list[tuple[Role, str]] = []
    for place, kind in enumerate(kinds, start=1):
        role = max(_SHARES, key=lambda r: _SHARES[r] * place - 100 * dealt[r])
        dealt[role] += 1
        drawn.append((role, kind))
    order = Stream(KEY, VERSION, 0).permutation(len(drawn))
    return tuple(Patient(n, *drawn[i]) for n, i in enumerate(order, start=1))


@cache
def cases() -> dict[str, tuple[Patient, MapName]]:
    """Patient and map of each case, by its id, in order: ``map_p001_t1``, ``map_p001_t2`` ..."""
    return {f"map_{p.id}_{name}": (p, name) for p in patients() for name in MAPS}
