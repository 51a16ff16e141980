"""Best, median and worst case of each method, from the pictures that its runs left.

The pictures are overlays that scoring drew: every slice with the contours of the reference and of
the prediction. Nothing is drawn here. They show patients, and so they are shown only where the
data may be passed on, or where the user asks for them and keeps the page.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ..checks import checked_id
from ..errors import BenchError
from ..leaderboard import Leaderboard
from ..results import Run
from ..table import Quantity

__all__ = ["Picture", "Strip", "fitted", "quantity_values", "strips"]

_PNG = b"\x89PNG\r\n\x1a\n"
#: A file larger than this is no overlay of ours.
_MOST_BYTES = 1_000_000
#: What is kept longest where not all fit: failures teach most, what is usual least.
_IMPORTANCE = ("worst", "best", "median")


@dataclass(frozen=True)
class Picture:
    """One case of one method.

    Attributes:
        which: ``best``, ``median`` or ``worst``.
        case: Its id.
        value: Of the ranking quantity: averaged over seeds.
        seed: Of the run whose picture it is; None without one.
        png: The file's bytes; empty without one.
        why: Why there is no picture, if there is none.
        title: What its place among the cases is called: a case may have several.
    """

    which: str
    case: str
    value: float
    seed: int | None = None
    png: bytes = b""
    why: str = ""
    title: str = ""

    @property
    def uri(self) -> str:
        """The picture as part of the page."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")

    @property
    def size(self) -> int:
        """Bytes that it takes in the page."""
        return len(self.uri) if self.png else 0


@dataclass(frozen=True)
class Strip:
    """The pictures of one method."""

    label: str
    pictures: tuple[Picture, ...]
    why: str = ""


def strips(
    board: Leaderboard,
    members: Mapping[str, Sequence[Run]],
    values: pd.DataFrame,
) -> list[Strip]:
    """Per method, its best, median and worst case by the ranking quantity.

    Of cases with equal values the one whose id comes first is taken; of an even number of cases
    the median is the worse of the two in the middle: it is a case, not an average.

    Args:
        board: The leaderboard.
        members: Its runs by label.
        values: Values of the ranking quantity, cases (id) by methods (label); NaN is left out.
    """
    better = board.better[board.columns.index(board.rank_by)]
    found = []
    for row in board.rows:
        known = values[row.label].dropna() if row.label in values else pd.Series(dtype=float)
        if known.empty:
            found.append(Strip(row.label, (), f"It has no value of {board.rank_by}."))
            continue
        picked = _picked(known, better)
        found.append(Strip(row.label, tuple(_found(one, members[row.label]) for one in picked)))
    return found


def fitted(found: Sequence[Strip], room: int) -> tuple[list[Strip], int]:
    """The strips with as many pictures as fit into ``room`` bytes, and how many were left out.

    The worst case of every method comes first, then every best, then every median, each in the
    order of the ranks.
    """
    order = [
        (i, j)
        for which in _IMPORTANCE
        for i, strip in enumerate(found)
        for j, picture in enumerate(strip.pictures)
        if picture.which == which and picture.png
    ]
    left, dropped, full = room, set(), False
    for i, j in order:
        size = found[i].pictures[j].size
        # Once one does not fit none of the less important is put in its place.
        full = full or size > left
        if full:
            dropped.add((i, j))
        else:
            left -= size
    kept = [
        replace(
            strip,
            pictures=tuple(
                replace(picture, png=b"", seed=None, why="left out: the page would be too large")
                if (i, j) in dropped
                else picture
                for j, picture in enumerate(strip.pictures)
            ),
        )
        for i, strip in enumerate(found)
    ]
    return kept, len(dropped)


def quantity_values(means: pd.DataFrame, quantity: Quantity, labels: Sequence[str]) -> pd.DataFrame:
    """Cases (id) by methods (label): one value each, of what ``case_means`` gave."""
    rows = means[quantity.rows(means)]
    case = rows["case"].astype(str)
    wide = rows["value"].groupby([case, rows["label"].astype(str)]).mean().unstack()
    return wide.reindex(columns=list(labels)).sort_index()


def _picked(known: pd.Series[float], better: str) -> list[Picture]:
    """Best, median and worst; one case alone is all three."""
    badness = {"higher": -known, "lower": known}.get(better, known.abs())
    order = np.lexsort((known.index.to_numpy(dtype=str), badness.to_numpy(dtype=float)))
    at = {"best": 0, "median": len(order) // 2, "worst": len(order) - 1}
    places: dict[int, list[str]] = {}
    for which, place in at.items():
        places.setdefault(int(order[place]), []).append(which)
    return [
        Picture(
            which=min(names, key=_IMPORTANCE.index),
            case=str(known.index[place]),
            value=float(known.iloc[place]),
            title=" and ".join(names),
        )
        for place, names in places.items()
    ]


def _found(picture: Picture, runs: Sequence[Run]) -> Picture:
    """``picture`` with the file of the first seed that has one."""
    for run in sorted(runs, key=lambda run: (run.record.seed, run.record.fold or 0)):
        png = _read(run.source, picture.case)
        if png:
            return replace(picture, seed=run.record.seed, png=png)
    if not any(run.source.is_dir() for run in runs):
        return replace(picture, why="no picture: made from accepted entries")
    return replace(picture, why="no picture: its runs drew none of this case")


def _read(folder: Path, case: str) -> bytes:
    """The overlay of a case; empty where there is none, or no PNG of a likely size."""
    try:
        path = folder / "pictures" / f"{checked_id(case)}.png"
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return b""
        content = path.read_bytes()
    except (OSError, BenchError):  # an id that could leave the folder names no picture
        return b""
    return content if content.startswith(_PNG) else b""
