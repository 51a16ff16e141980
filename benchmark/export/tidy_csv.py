"""Every value of some runs as one tidy CSV: a line per value, null where there is none."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..errors import DataError
from ..results import Run
from ..table import tidy
from ..text import csv_cell

__all__ = ["tidy_csv"]


def tidy_csv(
    runs: Sequence[Run],
    *,
    regions: Collection[str] = (),
    metrics: Collection[str] = (),
    roles: Collection[str] = (),
) -> str:
    """All values of ``runs``, with the columns of :func:`benchmark.table.tidy`.

    An empty field is null: no value, whose ``status`` says why, or nothing recorded. Numbers are
    written in full, so that reading them gives the same ones again. Nothing is left out that was
    not asked to be: excluded cases are there with their reason, and readers beside predictions.

    Args:
        runs: What :func:`benchmark.table.read_runs` read.
        regions: Only these; all by default.
        metrics: Only these; all by default.
        roles: Only cases of these roles; all by default.

    Raises:
        DataError: There is no such value.
    """
    table = tidy(runs)
    for name, wanted in (("region", regions), ("metric", metrics), ("role", roles)):
        if not wanted:
            continue
        known = sorted(map(str, table[name].dropna().unique()))
        unknown = sorted(set(wanted) - set(known))
        if unknown:
            raise DataError(
                f"These runs have no {name} {unknown[0]!r}.", f"There are: {', '.join(known)}."
            )
        table = table[table[name].isin(list(wanted)).to_numpy(dtype=bool)]
    if table.empty:
        raise DataError("No value is left of these choices.", "Choose fewer at once.")
    words = [str(n) for n in table if table[n].dtype in ("category", "object")]
    texts = {name: table[name].map(csv_cell) for name in words}
    return str(table.assign(**texts).to_csv(index=False, lineterminator="\n"))
