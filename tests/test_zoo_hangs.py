"""The hostile zoo: what never ends, at import, while cases are listed, in training, in a case.

Most of it is waiting, so that all commands run at the same time.
"""

from __future__ import annotations

import re
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "zoo"))

from zoo_keeper import (
    Bench,
    Done,
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
#: Long enough for what is healthy on a machine that does much else.
LIMITS = ("--timeout", "15", "--train-timeout", "15", "--memory", "2")
PLAIN = ("--no-pictures", "--device", "cpu", "--threads", "1")
WHOLE = [*IMPORTS, *TRAININGS]


class Ward:
    """The commands and what they left behind, by name: ``cases``, ``methods``, each data set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = f"ZOO_{uuid.uuid4().hex}"
        words: dict[str, list[str | Path]]
        words = {"cases": self._cases(), "methods": self._methods()}
        words |= {one.name: self._reader(one) for one in READERS}
        with ThreadPoolExecutor(len(words)) as pool:
            started = {name: pool.submit(self._run, name, ws) for name, ws in words.items()}
        self.done: dict[str, Done] = {name: one.result() for name, one in started.items()}

    def _run(self, name: str, words: list[str | Path]) -> Done:
        return Bench(self.folder / name)("run", *words, *PLAIN, *LIMITS, **{self.mark: "1"})

    def _cases(self) -> list[str | Path]:
        plugins = self.folder / "cases" / "plugins"
        cases = ["first", *(one.name for one in ENDLESS), "zlast"]
        return ["-m", method_file(plugins, "zoo", ENDLESS), "-d", dataset_file(plugins, cases)]

    def _methods(self) -> list[str | Path]:
        plugins = self.folder / "methods" / "plugins"
        files = [broken_file(plugins, one) for one in WHOLE]
        files = [*files, method_file(plugins, "healthy")]
        return [*(word for path in files for word in ("-m", path)), "-d", dataset_file(plugins)]

    def _reader(self, specimen: Specimen) -> list[str | Path]:
        plugins = self.folder / specimen.name / "plugins"
        data = dataset_file(plugins, specimen=specimen)
        return ["-m", method_file(plugins, "healthy"), "-d", data]


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Ward:
    return Ward(tmp_path_factory.mktemp("ward"))


@pytest.mark.parametrize("specimen", ENDLESS, ids=lambda one: one.name)
def test_a_case_that_never_ends_is_ended_and_named(ward: Ward, specimen: Specimen) -> None:
    (run,) = runs_of(ward.folder / "cases" / "runs", "zoo")
    status, message = rows(run)[specimen.name]
    assert status == "error"
    assert re.search(specimen.says, message)
    assert f"case {specimen.name}: " in ward.done["cases"].err


def test_the_cases_beside_it_have_the_values_that_they_have_alone(ward: Ward) -> None:
    assert ward.done["cases"].code == 4, ward.done["cases"].err
    (run,) = runs_of(ward.folder / "cases" / "runs", "zoo")
    for case in ("first", "zlast"):
        assert scores(run)[case] == ("ok", pytest.approx(dice(case), abs=1e-12))


@pytest.mark.parametrize("specimen", WHOLE, ids=lambda one: one.name)
def test_a_method_that_dies_or_hangs_as_a_whole_is_named(ward: Ward, specimen: Specimen) -> None:
    said = ward.done["methods"].line(rf"error: .*{specimen.name}")
    assert re.search(specimen.says, said), ward.done["methods"].err


def test_the_method_beside_them_is_done(ward: Ward) -> None:
    assert ward.done["methods"].code == 4, ward.done["methods"].err
    (run,) = runs_of(ward.folder / "methods" / "runs", "healthy")
    assert scores(run) == {c: ("ok", pytest.approx(dice(c), abs=1e-12)) for c in "abc"}


@pytest.mark.parametrize("specimen", READERS, ids=lambda one: one.name)
def test_a_data_set_that_dies_or_hangs_is_named(ward: Ward, specimen: Specimen) -> None:
    done = ward.done[specimen.name]
    assert done.code == 2, done.err
    assert specimen.name in done.err
    assert re.search(specimen.says, done.err), done.err


def test_there_is_no_traceback_and_no_process_is_left(ward: Ward) -> None:
    assert all("Traceback" not in done.err + done.out for done in ward.done.values())
    assert left_over(ward.mark) == []
