"""The hostile zoo: methods that are broken as a whole, in one command with healthy ones."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "zoo"))

from zoo_answers import BROKEN
from zoo_keeper import (
    Bench,
    Done,
    Specimen,
    broken_file,
    dataset_file,
    dice,
    method_file,
    runs_of,
    scores,
)


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    """A run of all of them, a healthy method before and after."""
    folder = tmp_path_factory.mktemp("methods")
    methods = [method_file(folder / "plugins", "healthy")]
    methods += [broken_file(folder / "plugins", one) for one in BROKEN]
    methods.append(method_file(folder / "plugins", "jdl"))  # called as a built-in one
    words = [word for path in methods for word in ("-m", path)]
    data = dataset_file(folder / "plugins")
    plain = ("--no-pictures", "--device", "cpu", "--threads", "1")
    return Bench(folder)("run", *words, "-d", data, *plain), folder


@pytest.mark.parametrize("specimen", BROKEN, ids=lambda one: one.name)
def test_a_broken_method_is_named_with_the_reason(
    command: tuple[Done, Path], specimen: Specimen
) -> None:
    said = command[0].line(rf"error: .*{specimen.name}\.py")
    assert re.search(specimen.says, said), command[0].err
    assert len(said) < 1500


@pytest.mark.parametrize("name", ["healthy", "jdl"])
def test_the_methods_beside_it_are_done(command: tuple[Done, Path], name: str) -> None:
    (run,) = runs_of(command[1] / "runs", name)
    assert scores(run) == {c: ("ok", pytest.approx(dice(c), abs=1e-12)) for c in "abc"}


def test_the_command_ends_with_4_and_no_traceback(command: tuple[Done, Path]) -> None:
    done, folder = command
    assert done.code == 4, done.err
    assert "Traceback" not in done.err + done.out
    assert "unexpected" not in done.err
    assert "pppp" not in done.out
    assert all(line.isprintable() for line in f"{done.err}{done.out}".split("\n"))
    assert not any(line.startswith("error: fake") for line in done.err.split("\n"))
    assert sorted(p.name for p in folder.iterdir()) == ["plugins", "runs"]
