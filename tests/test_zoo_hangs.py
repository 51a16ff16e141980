"""The hostile zoo: what never ends, at import, while cases are listed, in training, in a case."""

from __future__ import annotations

import re
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "zoo"))

from zoo_keeper import (
    Bench,
    Specimen,
    broken_file,
    dataset_file,
    dice,
    left_over,
    method_file,
    rows,
    runs_of,
    scores,
)
from zoo_processes import ENDLESS, IMPORTS, READERS, TRAININGS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
LIMITS = ("--timeout", "10", "--train-timeout", "10", "--memory", "2")
PLAIN = ("--no-pictures", "--device", "cpu", "--threads", "1")


def test_a_case_that_never_ends_is_ended_and_named(tmp_path: Path) -> None:
    cases = ["first", *(one.name for one in ENDLESS), "zlast"]
    method = method_file(tmp_path / "plugins", "zoo", ENDLESS)
    data = dataset_file(tmp_path / "plugins", cases)
    mark = f"ZOO_{uuid.uuid4().hex}"
    done = Bench(tmp_path)("run", "-m", method, "-d", data, *PLAIN, *LIMITS, **{mark: "1"})
    assert done.code == 4, done.err
    (run,) = runs_of(tmp_path / "runs", "zoo")
    found, told = scores(run), rows(run)
    for case in ("first", "zlast"):
        assert found[case] == ("ok", pytest.approx(dice(case), abs=1e-12))
    for one in ENDLESS:
        assert told[one.name][0] == "error"
        assert re.search(one.says, told[one.name][1])
        assert f"case {one.name}: " in done.err
    assert left_over(mark) == []


@pytest.mark.parametrize("specimen", [*IMPORTS, *TRAININGS], ids=lambda one: one.name)
def test_a_method_that_dies_or_hangs_as_a_whole_costs_no_other(
    tmp_path: Path, specimen: Specimen
) -> None:
    bad = broken_file(tmp_path / "plugins", specimen)
    good = method_file(tmp_path / "plugins", "healthy")
    data = dataset_file(tmp_path / "plugins")
    mark = f"ZOO_{uuid.uuid4().hex}"
    words = ("-m", bad, "-m", good, "-d", data, *PLAIN, *LIMITS)
    done = Bench(tmp_path)("run", *words, **{mark: "1"})
    assert done.code == 4, done.err
    said = done.line(rf"error: .*{specimen.name}")
    assert re.search(specimen.says, said), done.err
    assert "Traceback" not in done.err
    (run,) = runs_of(tmp_path / "runs", "healthy")
    assert scores(run) == {c: ("ok", pytest.approx(dice(c), abs=1e-12)) for c in "abc"}
    assert left_over(mark) == []


@pytest.mark.parametrize("specimen", READERS, ids=lambda one: one.name)
def test_a_data_set_that_dies_or_hangs_is_named(tmp_path: Path, specimen: Specimen) -> None:
    data = dataset_file(tmp_path / "plugins", specimen=specimen)
    good = method_file(tmp_path / "plugins", "healthy")
    mark = f"ZOO_{uuid.uuid4().hex}"
    done = Bench(tmp_path)("run", "-m", good, "-d", data, *PLAIN, *LIMITS, **{mark: "1"})
    assert done.code == 2, done.err
    assert specimen.name in done.err
    assert re.search(specimen.says, done.err), done.err
    assert "Traceback" not in done.err
    assert left_over(mark) == []
