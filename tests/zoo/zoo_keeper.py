"""How specimens of the hostile zoo are kept, shown to ``bench`` and watched."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Bench", "Done", "Row", "Specimen", "broken_file", "dataset_file", "dice", "left_over",
           "method_file", "rows", "runs_of", "scores", "strangers"]  # fmt: skip

#: Small hearts, each with a scar of its own: {cases} to test on and one to learn from.
_RINGS = '''"""Rings with a scar."""
import numpy as np
from benchmark import Case, CaseInfo, Dataset, Region, Segmentation, Study, Volume
{head}
CASES = {cases}


class Rings(Dataset):
    """Rings with a scar."""

    title = "rings"
    licence = "CC0"
    synthetic = True
    redistributable = True
    annotates = frozenset({{Region.SCAR}})

    def index(self):
{index}
        return [CaseInfo("t", "train"), *(CaseInfo(name, "test") for name in CASES)]

    def load(self, case_id):
        y, x = np.mgrid[-6:6, -6:6]
        radius = np.hypot(y, x)
        scar = (radius < 6) & (radius > 2) & (x > sum(case_id.encode()) % 7 - 3)
        labels = np.repeat(np.where(scar, 3, np.where(radius < 6, 2, 0))[None], 2, 0)
        image = (100 * labels).astype(np.int16)
{load}
        study = Study(case_id, {{"lge": Volume(image, (10.0, 1.5, 1.5))}}, apex="first")
        return Case(study, Segmentation(labels))
{rest}
'''

#: A method that answers with the scar one row further down.
_METHOD = '''"""{what}"""
import os
import sys
import time
import numpy as np
from benchmark import Contour, DataError, Method, Region, Segmentation, Study
from benchmark.errors import NoPredictionError, UsageError
{head}


class Made(Method):
    """Bright is scar."""

    produces = frozenset({{Region.SCAR}})
{fields}

    def predict(self, study):
        image = study.images["lge"].voxels
        labels = np.roll(np.where(image == 300, 3, 0).astype(np.uint8), 1, axis=1)
        special = globals().get("case_" + study.id)
        return special(study, image, labels) if special else Segmentation(labels)
{rest}
'''


def dice(case: str) -> float:
    """What the healthy answer to a case of the rings scores, by another road."""
    import numpy as np

    y, x = np.mgrid[-6:6, -6:6]
    radius = np.hypot(y, x)
    scar = (radius < 6) & (radius > 2) & (x > sum(case.encode()) % 7 - 3)
    return float(2 * (scar & np.roll(scar, 1, axis=0)).sum() / (2 * scar.sum()))


@dataclass(frozen=True)
class Specimen:
    """One hostile plugin, answer or file.

    Args:
        name: What it is called: a case, a plugin's file or a file of data.
        what: What it does, for the table.
        says: A regular expression that the line which names it must hold; empty for one that
            must change nothing.
        answer: What a method does with the case of this name, as Python of a function of
            ``study``, ``image`` and a right answer ``labels``.
        head: Python at the top of its module.
        fields: Python in its class, before ``predict`` or in ``index``.
        load: Python in the ``load`` of a data set, with ``image`` and ``labels``.
        rest: Python in its class, after all else.
        status: What becomes of its case.
        make: Writes the file that it is.
    """

    name: str
    what: str
    says: str = ""
    answer: str = ""
    head: str = ""
    fields: str = ""
    load: str = ""
    rest: str = ""
    status: str = "error"
    make: Callable[[Path], object] | None = None


@dataclass(frozen=True)
class Row:
    """A line of the zoo's table: what became of a specimen, and of what stood beside it."""

    specimen: str
    what: str
    said: str
    code: int
    intact: bool


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    def line(self, pattern: str) -> str:
        """The one line of stdout or stderr in which ``pattern`` is found; empty if none."""
        found = [x for x in f"{self.err}\n{self.out}".split("\n") if re.search(pattern, x)]
        return found[0] if found else ""


class Bench:
    """``bench`` as a user starts it: a process of its own, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str | Path, timeout: float = 1500, **environment: str) -> Done:
        here = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", **environment}
        done = subprocess.run(
            [sys.executable, "-m", "benchmark", *map(str, words)],
            cwd=self.folder, env=here, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=timeout, check=False,
        )  # fmt: skip
        # as bytes first: what is no UTF-8 must not pass for it
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def _indented(text: str, spaces: int) -> str:
    return "\n".join(" " * spaces + x if x else x for x in text.strip("\n").split("\n"))


def method_file(folder: Path, name: str, specimens: Sequence[Specimen] = ()) -> Path:
    """Write a method that does with the case of each specimen what it does; its path."""
    functions = [
        f"def case_{one.name}(study, image, labels):\n"
        f"{_indented(one.answer, 4)}\n    return Segmentation(labels)\n"
        for one in specimens
    ]
    heads = [one.head.strip("\n") for one in specimens if one.head]
    return _written(
        folder / f"{name}.py",
        _METHOD.format(
            what="A method of the zoo.", head="\n".join([*heads, *functions]), fields="",
            rest="",
        ),
    )  # fmt: skip


def broken_file(folder: Path, specimen: Specimen) -> Path:
    """Write a method that is broken as a whole; its path."""
    return _written(
        folder / f"{specimen.name}.py",
        _METHOD.format(
            what="A method of the zoo.", head=specimen.head,
            fields=_indented(specimen.fields, 4), rest=_indented(specimen.rest, 4),
        ),
    )  # fmt: skip


def dataset_file(
    folder: Path, cases: Sequence[str] = ("a", "b", "c"), specimen: Specimen | None = None
) -> Path:
    """Write a data set of these cases, or a broken one; its path."""
    one = specimen or Specimen("rings", "")
    return _written(
        folder / f"{one.name}.py",
        _RINGS.format(
            head=one.head, cases=repr(tuple(cases)), index=_indented(one.fields, 8),
            load=_indented(one.load, 8), rest=_indented(one.rest, 4),
        ),
    )  # fmt: skip


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def runs_of(root: Path, name: str) -> list[Path]:
    """The run folders of a method under ``root``."""
    return sorted(p for p in root.glob("*/*") if p.is_dir() and p.name.rpartition("-")[0] == name)


def rows(run: Path) -> dict[str, tuple[str, str]]:
    """Status and message of each case of a run."""
    import pyarrow.parquet as pq

    table = pq.read_table(run / "cases.parquet").to_pylist()
    return {row["case"]: (row["status"], row["message"] or "") for row in table}


def scores(run: Path, metric: str = "dice") -> dict[str, tuple[str, float | None]]:
    """Status and value of a metric of the scar in each case of a run."""
    import pyarrow.parquet as pq

    return {
        row["case"]: (row["status"], row["value"])
        for row in pq.read_table(run / "scores.parquet").to_pylist()
        if (row["metric"], row["region"], row["level"]) == (metric, "scar", "volume")
    }


def left_over(mark: str) -> list[int]:
    """Processes that still run with ``mark`` in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:  # it ended, or is another user's
            continue
    return found


def strangers(folder: Path, known: Sequence[str]) -> list[str]:
    """What lies in ``folder`` beside what was put or is expected there."""
    return sorted(p.name for p in folder.iterdir() if p.name not in known)
