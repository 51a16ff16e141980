"""Which of our cases stand in a row of fahmy2020: by site and vendor, in the order of their names.

The paper's sites and vendors are not ours. A row "Site 1" holds our first site, and a row that
none of ours is left for says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

__all__ = ["N_SITES", "N_VENDORS", "Strata"]

N_SITES, N_VENDORS = 7, 3


@dataclass(frozen=True)
class Strata:
    """Names of our sites and vendors by row; a row without any is not in here.

    Attributes:
        names: ``site_1`` -> ours.
        beyond: Those of ours that no row is left for.
    """

    names: Mapping[str, str]
    beyond: tuple[str, ...]

    @classmethod
    def of(cls, cases: pd.DataFrame) -> Strata:
        """Of these cases, with columns ``site`` and ``vendor``; "" is no name."""
        names: dict[str, str] = {}
        beyond: list[str] = []
        for kind, most in (("vendor", N_VENDORS), ("site", N_SITES)):
            ours = sorted({str(name) for name in cases[kind]} - {""})
            names |= {f"{kind}_{i}": name for i, name in enumerate(ours[:most], start=1)}
            beyond += [f"{kind} {name}" for name in ours[most:]]
        return cls(names, tuple(beyond))

    def select(self, frame: pd.DataFrame, row: str) -> pd.DataFrame | None:
        """The rows of ``frame`` that stand in ``row``; None where ours have no such stratum."""
        if row == "all":
            return frame
        if row not in self.names:
            return None
        kind = row.partition("_")[0]
        return frame[frame[kind] == self.names[row]]

    def missing(self, row: str) -> str:
        """Why a row is empty."""
        return f"no such {row.partition('_')[0]} in this data"

    @property
    def notes(self) -> tuple[str, ...]:
        """Which of ours is in which row."""
        if not self.names and not self.beyond:
            return ("Our cases have neither a site nor a vendor.",)
        told = "; ".join(
            f"{row.replace('_', ' ').capitalize()}: {name}" for row, name in self.names.items()
        )
        notes = [f"Rows of our strata, in the order of their names: {told}."]
        if self.beyond:
            notes.append(f"Without a row of their own, but in all sites: {', '.join(self.beyond)}.")
        return tuple(notes)
