"""Published numbers against the text they were read from, and tables filled from runs."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.cli._app import app, run_app
from benchmark.errors import DataError, UsageError
from benchmark.papers import known_papers, load, report
from benchmark.papers.layout import Filled
from benchmark.papers.text import csv_text, latex, markdown
from benchmark.policies import Policy
from benchmark.results import load_run
from benchmark.table import read_runs

#: The paper as text, where this machine has it; it is nobody's to hand on.
TEXTS = Path(os.environ.get("SCARBENCH_PAPERS", Path(__file__).parents[2] / "shared" / "papers"))
FILES = {"mapping2023": "004_77d200996efc81bf.txt"}

#: Two patients to test on, with a T1 and a T2 map each, and one to learn from. Circles about the
#: image's centre; reader k draws them k tenths of a millimetre wider than the reference.
MAPS = '''"""Circles on maps of known values."""
import numpy as np
from benchmark import Case, CaseInfo, Contour, Dataset, Region, Segmentation, Study, Volume
from benchmark.contours import contours_to_labels

SHAPE, SPACING = (3, 64, 64), (10.0, 1.5, 1.5)
ROLES = {"p1": "train", "p2": "test", "p3": "test"}
VALUES = {"t1": {"p1": 1000.0, "p2": 1010.0, "p3": 1050.0}, "t2": {"p1": 50, "p2": 51, "p3": 55}}


def circles(wider=0.0):
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    unit = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    found = []
    for z in range(3):
        for kind, radius in (("endo", 14.0 + 3 * z), ("epi", 24.0 + 3 * z)):
            found.append(Contour(z, kind, 31.5 + unit * (radius + wider) / 1.5))
    return tuple(found)


def drawn(wider=0.0):
    return Segmentation(contours_to_labels(circles(wider), SHAPE), circles(wider))


class Maps(Dataset):
    annotates = frozenset({Region.CAVITY, Region.MYOCARDIUM, Region.LV})
    synthetic = True
    title = "circles on maps"
    readers: int = 3
    undrawn: str = ""

    def index(self):
        return [CaseInfo(f"{p}_{m}", role, p, attributes={"map": m})
                for p, role in ROLES.items() for m in ("t1", "t2")]

    def load(self, case_id):
        patient, kind = case_id.split("_")
        labels = drawn().labels
        value = VALUES[kind][patient]
        image = np.where(labels == 2, value, 1600.0).astype(np.float32)
        image += np.arange(3, dtype=np.float32)[:, None, None]  # a millisecond more with each slice
        study = Study(case_id, {kind: Volume(image, SPACING)}, {"map": kind}, apex="first")
        readers = {f"reader_{k}": drawn(k / 10) for k in range(1, self.readers + 1)}
        if case_id == self.undrawn:
            contours = tuple(c for c in circles(0.2) if c.slice)
            readers["reader_2"] = Segmentation(contours_to_labels(contours, SHAPE), contours)
        return Case(study, drawn(), readers)
'''
#: Answers with the reference's circles, shifted by a millimetre with each level of `blunder`.
MAPPING = '''"""Circles, with the parameters of a network."""
import sys
from pathlib import Path
import numpy as np
from benchmark import Method, Region, Segmentation
sys.path.insert(0, str(Path(__file__).parent))


class Circles(Method):
    needs = frozenset()
    produces = frozenset({Region.CAVITY, Region.MYOCARDIUM, Region.LV})
    encoder: str = "resnet50"
    encoder_weights: str = "none"
    width: int = 64
    maps: str = "both"
    dominant_points: bool = True
    interpolate: bool = True
    filter: bool = True
    hull: bool = True
    labels: str = "mask"
    blunder: int = 0

    def skip(self, study):
        return None if self.maps in ("both", study.attributes["map"]) else f"not {self.maps}"

    def predict(self, study):
        from maps import drawn
        return drawn(float(self.blunder))
'''
Run = Callable[..., Any]


@pytest.fixture
def maps(plugins: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.syspath_prepend(str(plugins.folder))
    monkeypatch.delitem(sys.modules, "maps", raising=False)
    return str(plugins.file("maps", MAPS))


def test_try(run, maps, plugins):
    done = run(plugins.file("mapping", MAPPING), maps)
    found = report("mapping2023", read_runs([done.path]), policy=Policy.WORST_CASE)
    print(markdown(found))
    assert 0
