"""Whether predictions belong to the references that they are to be scored against."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .errors import BenchError, DataError, near_misses
from .grid import same_grid
from .nifti import read_grid
from .probabilities import StoredProbabilities
from .references import References

__all__ = ["check_fit", "check_names"]

_SHOWN = 20


def check_names(source: References) -> None:
    """Refuse what no table can hold.

    Raises:
        DataError: The name of a case is no Unicode: bytes of another encoding.
    """
    for case in source.ids:
        try:
            case.encode()
        except UnicodeEncodeError:
            raise DataError(
                f"The name of the case {case!r} is no UTF-8.", "Rename its file."
            ) from None


def check_fit(
    source: References, found: Mapping[str, Path], maps: StoredProbabilities | None
) -> tuple[str, ...]:
    """Notes on the grids, once every prediction belongs to a case and lies on its grid.

    Raises:
        DataError: With everything that does not fit.
    """
    faults = [
        f"{path} belongs to no reference case. {near_misses(case, source.known)}"
        if len(source.known) < 100
        else f"{path} belongs to no reference case."
        for case, path in found.items()
        if case not in source.known
    ]
    lying: dict[str, str] = {}
    for case in source.ids:
        try:
            expected = source.grid(case)
            note = expected.disagreement
            if note is not None:
                lying[case] = note
            difference = same_grid(read_grid(found[case]), expected) if case in found else None
        except BenchError:
            continue  # One case's own fault, which becomes its row.
        if difference is not None:
            faults.append(f"{found[case]} does not lie on its reference: {difference}")
    faults += [] if maps is None else maps.faults(source)
    if faults:
        more = f"\n... and {len(faults) - _SHOWN} more." if len(faults) > _SHOWN else ""
        raise DataError(
            "\n".join([f"{len(faults)} predictions do not fit:", *faults[:_SHOWN]]) + more,
            "Nothing was scored. Name each file as its case and resample it to its reference.",
        )
    if not lying:
        return ()
    case, note = next(iter(lying.items()))
    return (f"{len(lying)} of {len(source.ids)} cases: {note} (These numbers: {case}.)",)
