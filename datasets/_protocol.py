"""The seven sites of the synthetic cohort, and who is scanned where: everything but pixels.

The list of cases is computed, not stored: burden is set by construction, so a case's stratum is
known before it exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from benchmark.types import Role

from ._portable import Stream

__all__ = ["SITES", "VERSION", "Patient", "Site", "patients", "stratum"]

#: Part of the cache folder and of every random key. The generator is frozen: a change of a single
#: voxel is a new version, with its reason here.
#: 1: the first.
VERSION = 1


@dataclass(frozen=True)
class Site:
    """How one hospital scans; lengths in mm.

    Attributes:
        vendor: Of the scanner.
        pixel: In-plane spacing of LGE.
        matrix: LGE rows and columns.
        pitch, thickness: Between slice centres, and of a slice.
        cine_pixel, cine_matrix, cine_pitch, frames: The same of the cine stack.
        phase_sensitive: Real LGE images around an offset of 2048, instead of magnitude.
        gain: Of the receiver: image units per unit of magnetisation.
        noise: Of LGE, relative to full magnetisation.
        ti_bias: Mean relative error of the inversion time.
        t1_factor: Of all T1 after gadolinium (dose and delay).
        shading: How much the coils' sensitivity varies.
        blur: Side weight of the reconstruction's point spread.
        apex: Which slice lies at the apex.
        external: Whether it only ever tests.
    """

    vendor: str
    pixel: float
    matrix: tuple[int, int]
    pitch: float
    thickness: float
    cine_pixel: float
    cine_matrix: tuple[int, int]
    cine_pitch: float
    frames: int
    phase_sensitive: bool
    gain: float
    noise: float
    ti_bias: float
    t1_factor: float
    shading: float
    blur: float
    apex: Literal["first", "last"]
    external: bool = False


SITES: dict[str, Site] = {
    "A": Site("V1", 1.50, (160, 160), 10.0, 8.0, 2.0, (120, 120), 10.0, 8,
              False, 4200.0, 0.030, 0.02, 1.00, 0.25, 0.10, "first"),
    "B": Site("V1", 1.37, (176, 160), 8.0, 8.0, 1.9, (128, 120), 8.0, 9,
              False, 3800.0, 0.036, 0.05, 0.96, 0.30, 0.08, "first"),
    "C": Site("V2", 1.80, (136, 128), 10.0, 7.0, 2.1, (116, 112), 10.0, 8,
              True, 1500.0, 0.034, 0.00, 1.04, 0.20, 0.12, "last"),
    "D": Site("V2", 1.46, (160, 152), 9.0, 8.0, 1.9, (120, 120), 10.0, 9,
              True, 1350.0, 0.040, -0.03, 1.00, 0.22, 0.10, "last"),
    "E": Site("V3", 1.25, (176, 176), 9.6, 8.0, 1.8, (124, 124), 9.6, 8,
              False, 2600.0, 0.045, 0.07, 1.08, 0.35, 0.06, "first"),
    "F": Site("V3", 2.00, (128, 128), 10.0, 10.0, 2.2, (112, 112), 8.0, 9,
              False, 3000.0, 0.028, -0.02, 0.98, 0.28, 0.12, "last"),
    "G": Site("V2", 1.64, (144, 144), 8.8, 6.0, 2.0, (116, 116), 8.0, 9,
              True, 1100.0, 0.046, 0.04, 1.10, 0.38, 0.14, "first", external=True),
}  # fmt: skip


@dataclass(frozen=True)
class Patient:
    """One line of the cohort.

    Attributes:
        number: From 1; with the version, the key of all its random numbers.
        role: Train, validation, test or external.
        site: A key of ``SITES``.
        pathology: ``ischaemic``, ``hypertrophic``, ``dilated`` or ``normal``.
        burden: Scar share of the reference's myocardium, to the nearest voxel.
    """

    number: int
    role: Role
    site: str
    pathology: str
    burden: float

    @property
    def id(self) -> str:
        """Such as ``S001``."""
        return f"S{self.number:03d}"


def stratum(burden: float) -> str:
    """The burden class that splits balance: ``<1%``, ``1-10%`` or ``>10%`` of the myocardium."""
    return "<1%" if burden < 0.01 else "1-10%" if burden <= 0.10 else ">10%"


#: Per role: cases without scar, with a trace (< 1 %), with 1-10 %, with more.
_COUNTS: dict[Role, tuple[int, int, int, int]] = {
    "train": (12, 2, 14, 12),
    "validation": (6, 1, 7, 6),
    "test": (6, 1, 7, 6),
    "external": (4, 1, 6, 5),
}


@cache
def patients() -> tuple[Patient, ...]:
    """The whole cohort, by number: 80 of development in the ratio 2:1:1, and 16 external."""
    drawn: list[tuple[Role, str, str, float]] = []
    for salt, (role, counts) in enumerate(_COUNTS.items()):
        stream = Stream(VERSION, 0, salt)
        sites = [name for name, site in SITES.items() if site.external == (role == "external")]
        kinds = _kinds(counts, stream)
        order = stream.permutation(len(kinds))
        for place, i in enumerate(order):
            drawn.append((role, sites[place % len(sites)], *kinds[i]))
    order = Stream(VERSION, 0, 99).permutation(len(drawn))
    return tuple(Patient(n, *drawn[i]) for n, i in enumerate(order, start=1))


def _kinds(counts: tuple[int, int, int, int], stream: Stream) -> list[tuple[str, float]]:
    """Pathology and burden of each case of a role, kept clear of the class borders."""
    free, trace, low, high = counts
    kinds = [(("normal", "hypertrophic", "dilated", "normal")[i % 4], 0.0) for i in range(free)]
    kinds += [("hypertrophic", stream.uniform(0.004, 0.008)) for _ in range(trace)]
    for i in range(low):
        burden = 0.014 + 0.078 * (i + stream.uniform()) / low
        kinds.append((("hypertrophic", "ischaemic")[i % 2], burden))
    for i in range(high):
        q = (i + stream.uniform()) / high
        # The largest scars are infarcts; patches of hypertrophic hearts stay below a quarter.
        kind = "hypertrophic" if i % 3 == 1 and q < 0.6 else "ischaemic"
        kinds.append((kind, 0.11 + 0.38 * q * q))
    return kinds
