"""The hostile zoo: what a method raises, returns, prints and changes costs its case and no other.

One run holds them all: a case for each specimen, healthy ones before, between and after them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "zoo"))

from zoo_answers import ANSWERS, HARMLESS, SPITEFUL
from zoo_keeper import Bench, Done, Specimen, dataset_file, dice, method_file, rows, runs_of, scores

HEALTHY = ("first", "middle", "zlast")


class Zoo:
    """A run on specimens and healthy cases."""

    def __init__(self, folder: Path, specimens: list[Specimen]) -> None:
        half = len(specimens) // 2
        names = [one.name for one in specimens]
        cases = [HEALTHY[0], *names[:half], HEALTHY[1], *names[half:], HEALTHY[2]]
        self.folder = folder
        method = method_file(folder / "plugins", "zoo", specimens)
        data = dataset_file(folder / "plugins", cases)
        words = ("-m", method, "-d", data, "--no-pictures", "--device", "cpu", "--threads", "1")
        self.done: Done = Bench(folder)("run", *words)
        (self.run,) = runs_of(folder / "runs", "zoo")
        self.rows, self.scores = rows(self.run), scores(self.run)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("answers"), [*ANSWERS, *HARMLESS])


@pytest.fixture(scope="module")
def spite(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("spite"), SPITEFUL)


@pytest.mark.parametrize("specimen", ANSWERS, ids=lambda one: one.name)
def test_a_bad_answer_costs_its_case_which_is_named_with_the_reason(
    answers: Zoo, specimen: Specimen
) -> None:
    status, message = answers.rows[specimen.name]
    assert status == specimen.status
    assert re.search(specimen.says, message)
    assert answers.scores[specimen.name] == (status, None)
    line = f"error: zoo: case {specimen.name}: "
    assert answers.done.err.count(line) == (status == "error")


@pytest.mark.parametrize("specimen", HARMLESS, ids=lambda one: one.name)
def test_a_strange_answer_that_is_right_scores_as_any_other(
    answers: Zoo, specimen: Specimen
) -> None:
    assert answers.rows[specimen.name] == ("ok", "")
    assert answers.scores[specimen.name] == ("ok", pytest.approx(dice(specimen.name), abs=1e-12))


@pytest.mark.parametrize("case", HEALTHY)
def test_the_cases_beside_them_have_the_values_that_they_have_alone(
    answers: Zoo, case: str
) -> None:
    assert answers.scores[case] == ("ok", pytest.approx(dice(case), abs=1e-12))


def test_the_command_says_that_cases_failed_and_shows_no_traceback(answers: Zoo) -> None:
    assert answers.done.code == 4
    assert "Traceback" not in answers.done.err + answers.done.out
    assert "unexpected" not in answers.done.err


def test_what_it_says_is_printable_and_no_line_is_endless(answers: Zoo) -> None:
    for line in f"{answers.done.err}{answers.done.out}".split("\n"):
        assert line.isprintable(), ascii(line)[:200]
        assert not line.startswith("error: fake")
    assert max(map(len, answers.done.err.split("\n"))) < 1500
    assert all(len(message) < 1500 for _, message in answers.rows.values())


def test_nothing_was_written_elsewhere_and_no_code_of_an_answer_ran(answers: Zoo) -> None:
    assert sorted(p.name for p in answers.folder.iterdir()) == ["plugins", "runs"]
    assert not list(answers.folder.rglob("reduced"))
    assert not list(answers.run.rglob(".*.tmp"))


def test_tracebacks_are_in_the_log_which_is_no_larger_than_what_it_tells(answers: Zoo) -> None:
    log = answers.run / "plugin.log"
    text = log.read_text(encoding="utf-8", errors="strict")
    assert "ValueError: boom" in text
    assert log.stat().st_size < 64 * 2**20


@pytest.mark.parametrize("specimen", SPITEFUL, ids=lambda one: one.name)
def test_what_changes_the_process_is_right_all_the_same_or_lost(
    spite: Zoo, specimen: Specimen
) -> None:
    status, value = spite.scores[specimen.name]
    assert status in ("ok", "error")
    expected = dice(specimen.name) if status == "ok" else None
    assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("case", HEALTHY)
def test_what_changes_the_process_changes_no_other_case(spite: Zoo, case: str) -> None:
    assert spite.scores[case] == ("ok", pytest.approx(dice(case), abs=1e-12))


def test_stdout_holds_the_table_alone(spite: Zoo) -> None:
    assert spite.done.code in (0, 4)
    assert "raw descriptor" not in spite.done.out
    assert "pppp" not in spite.done.out
    assert "late" not in spite.done.out
    assert all(line.isprintable() for line in spite.done.out.split("\n"))
