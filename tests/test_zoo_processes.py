"""The hostile zoo: what ends, fills or outlives the process in which it runs.

A run of its own process does each case; one that takes it down is an error of that case, with what
happened to the process, and the next case goes on in another.
"""

from __future__ import annotations

import re
import sys
import time
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "zoo"))

from zoo_keeper import (
    Bench,
    Specimen,
    dataset_file,
    dice,
    left_over,
    method_file,
    rows,
    runs_of,
    scores,
)
from zoo_processes import DEADLY, LEAVING

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
HEALTHY = ("first", "middle", "zlast")


class Ward:
    """A run on specimens and healthy cases, and what it left behind."""

    def __init__(self, folder: Path) -> None:
        deadly, leaving = [one.name for one in DEADLY], [one.name for one in LEAVING]
        cases = [HEALTHY[0], *leaving, HEALTHY[1], *deadly, HEALTHY[2]]
        self.folder = folder
        method = method_file(folder / "plugins", "zoo", [*DEADLY, *LEAVING])
        data = dataset_file(folder / "plugins", cases)
        mark = f"ZOO_{uuid.uuid4().hex}"
        words = ("-m", method, "-d", data, "--no-pictures", "--device", "cpu", "--threads", "1")
        self.done = Bench(folder)("run", *words, "--timeout", "60", "--memory", "2", **{mark: "1"})
        assert runs_of(folder / "runs", "zoo"), self.done.err
        (self.run,) = runs_of(folder / "runs", "zoo")
        self.rows, self.scores = rows(self.run), scores(self.run)
        deadline = time.monotonic() + 20
        while left_over(mark) and time.monotonic() < deadline:
            time.sleep(0.2)
        self.left = left_over(mark)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Ward:
    return Ward(tmp_path_factory.mktemp("ward"))


@pytest.mark.parametrize("specimen", DEADLY, ids=lambda one: one.name)
def test_what_takes_the_process_down_costs_its_case_and_says_what_happened(
    ward: Ward, specimen: Specimen
) -> None:
    status, message = ward.rows[specimen.name]
    assert status == "error"
    assert re.search(specimen.says, message)
    assert ward.scores[specimen.name] == ("error", None)
    assert ward.done.err.count(f"error: zoo: case {specimen.name}: ") == 1


@pytest.mark.parametrize("specimen", LEAVING, ids=lambda one: one.name)
def test_what_leaves_something_running_has_answered_all_the_same(
    ward: Ward, specimen: Specimen
) -> None:
    assert ward.rows[specimen.name] == ("ok", "")
    assert ward.scores[specimen.name] == ("ok", pytest.approx(dice(specimen.name), abs=1e-12))


@pytest.mark.parametrize("case", HEALTHY)
def test_the_cases_beside_them_have_the_values_that_they_have_alone(ward: Ward, case: str) -> None:
    assert ward.scores[case] == ("ok", pytest.approx(dice(case), abs=1e-12))


def test_no_process_is_left_behind(ward: Ward) -> None:
    assert ward.left == []


def test_the_command_ends_with_4_and_no_traceback(ward: Ward) -> None:
    assert ward.done.code == 4
    assert "Traceback" not in ward.done.err + ward.done.out
    assert "unexpected" not in ward.done.err
    assert all(line.isprintable() for line in f"{ward.done.err}{ward.done.out}".split("\n"))


def test_a_flood_of_print_is_neither_on_the_terminal_nor_all_on_the_disk(ward: Ward) -> None:
    assert "ffff" not in ward.done.out + ward.done.err
    assert sum(p.stat().st_size for p in ward.run.rglob("*") if p.is_file()) < 64 * 2**20


def test_nothing_was_written_elsewhere(ward: Ward) -> None:
    assert {p.name for p in ward.folder.iterdir()} <= {"plugins", "runs", "core"}
