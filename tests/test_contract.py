"""The contract suite: good methods keep every clause, each hostile one breaks just its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.contract import _studies, check_method, made_case
from benchmark.errors import PluginError
from benchmark.nifti import write_labels
from benchmark.registry import listed
from benchmark.types import Label

CHEAP = "imports cheaply"
GRID = "predicts on the study's grid, whatever its shape and dtype"
UNTOUCHED = "leaves its input untouched"
SILENT = "prints nothing to stdout"
SKIPS = "says why it skips a study without its modalities"
SAME = "predicts the same twice"
SPAWN = "predicts in a spawned process, and the same"
RETRAINS = "trains the same twice with one seed"
ALWAYS = [CHEAP, "says in one line what it does", "names the regions it segments", "trains", GRID,
          UNTOUCHED, SILENT, SKIPS, SAME, SPAWN]  # fmt: skip

LEARNS = """
def train(self, cases, context):
    limit = np.random.default_rng({seed}).uniform(1450, 1550)
    {keep}
"""
SAVE = "(context.folder / 'limit').write_text(repr(limit))"
READ = "limit = float((self.model / 'limit').read_text())\n"
USE = "return Segmentation(np.where(image > limit, 3, 0))"


def broken(method: str) -> dict[str, str]:
    """The clauses that a method breaks, with what was seen."""
    return {f.check: f.detail for f in check_method(method) if not f.ok}


def program(folder: Path) -> str:
    """A threshold as a program."""
    script = Path(__file__).with_name("data") / "predict.py"
    return f"command={sys.executable} {script} {{images}} {{output}},labels=scar=3"


def stored(folder: Path) -> str:
    """Label maps of the studies that the contract makes."""
    for study in _studies(frozenset({"lge"})):
        labels = np.where(study.target.voxels > 1500, 3, 0)
        write_labels(folder / f"{study.id}.nii.gz", labels, study.target)
    return f"folder={folder}"


BUILT_IN = [name for name, info in listed("methods").items() if info.distribution == "scarbench"]


#: Those that have nothing to say without these parameters; of what is needed to make them.
ASKED: dict[str, Callable[[Path], str]] = {"command": program, "predictions": stored}


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_method_keeps_every_clause(name: str, tmp_path: Path) -> None:
    """Enumerated over the registry: a new file in methods/ is tested by being there."""
    spec = f"{name}[{ASKED[name](tmp_path)}]" if name in ASKED else name
    found = [(f.check, f.ok, f.detail) for f in check_method(spec) if not f.ok or f.detail == ""]
    extra = [RETRAINS] if name not in ("empty", *ASKED) else []
    said = ("says in one line what it does", "names the regions it segments")
    assert found == [(check, True, "") for check in [*ALWAYS, *extra] if check not in said]


@pytest.mark.parametrize("name", ["command", "predictions"])
def test_a_method_that_needs_parameters_says_which(name: str) -> None:
    with pytest.raises(PluginError, match=f"Parameters of '{name}' do not fit: .*: Field required"):
        check_method(name)


def test_the_registry_was_enumerated() -> None:
    assert {"direct", "two_step", "mtl", "jdl", "otsu", "all_myocardium", "empty"} <= set(BUILT_IN)


def test_a_method_that_trains_keeps_one_clause_more(plugins: Any) -> None:
    rest = LEARNS.format(seed="context.seed", keep=SAVE)
    findings = check_method(plugins.method(READ + USE, rest))
    assert [(f.check, f.ok) for f in findings] == [(check, True) for check in [*ALWAYS, RETRAINS]]


@pytest.mark.parametrize(
    ("body", "rest", "check", "says"),
    [
        ("return Segmentation(np.zeros((2, 2, 2), int))", "", GRID, "shape (2, 2, 2)"),
        ("return 3", "", GRID, "returned int"),
        ("exit(1)", "", GRID, "SystemExit"),
        (
            "return Segmentation(np.random.default_rng().integers(0, 4, image.shape))",
            "",
            SAME,
            "two predictions of study 'a' differ",
        ),
        (
            "base = image\nwhile base.base is not None:\n    base = base.base\nbase += 1\n"
            "return Segmentation(np.zeros(image.shape, int))",
            "",
            UNTOUCHED,
            "changed the voxels",
        ),
        (
            "print('hello')\nreturn Segmentation(np.zeros(image.shape, int))",
            "",
            SILENT,
            "printed 'hello",
        ),
        (
            "return Segmentation(np.zeros(image.shape, int))",
            "def skip(self, study):\n    return None",
            SKIPS,
            "gave None for a study without ['lge']",
        ),
        (
            "limit = globals()['LIMIT']\n" + USE,
            LEARNS.format(seed="context.seed", keep="globals()['LIMIT'] = limit"),
            SPAWN,
            "KeyError: 'LIMIT'",
        ),
        (
            "limit = 500 + 1000 * (__import__('multiprocessing').parent_process() is None)\n" + USE,
            "",
            SPAWN,
            "another process predicts differently",
        ),
        (READ + USE, LEARNS.format(seed="", keep=SAVE), RETRAINS, "one seed predict differently"),
        (READ + USE, "def train(self, cases, context):\n    1 / 0", "trains", "ZeroDivisionError"),
        (
            USE.replace("limit", "1500"),
            "def train(self, cases, context):\n    pass\n\n"
            "def trainer(self):\n    return self.model_copy()",
            "trains",
            "has a trainer of its own",
        ),
        (
            "return Segmentation(np.zeros(image.shape, int))",
            "produces = frozenset()",
            "names the regions it segments",
            "",
        ),
    ],
)  # fmt: skip
def test_a_hostile_method_breaks_just_its_clause(
    plugins: Any, body: str, rest: str, check: str, says: str
) -> None:
    found = broken(plugins.method(body, rest))
    assert list(found) == [check]
    assert says in found[check]


def test_heavy_imports_at_the_top_are_named(plugins: Any) -> None:
    path = plugins.method()
    text = (plugins.folder / "made.py").read_text()
    plugins.file("made", text.replace("import os\n", "import os\nimport matplotlib\n"))
    assert broken(path) == {CHEAP: "imports matplotlib at the top of the file"}


def test_a_method_without_a_docstring_is_told(plugins: Any) -> None:
    path = plugins.method()
    text = (plugins.folder / "made.py").read_text().replace('"""A method for a test."""', "")
    plugins.file("made", text)
    assert list(broken(path)) == ["says in one line what it does"]


def test_a_method_that_cannot_be_loaded_is_an_error(plugins: Any) -> None:
    with pytest.raises(PluginError, match="is broken: SyntaxError"):
        check_method(plugins.file("made", "class A(:"))


def test_the_made_case_has_every_modality_asked_for() -> None:
    case = made_case("a", modalities=frozenset({"cine", "t1_weighted", "lge"}))
    shapes = {name: image.voxels.shape for name, image in case.study.images.items()}
    assert shapes == {"lge": (5, 64, 56), "cine": (6, 5, 64, 56), "t1_weighted": (8, 5, 64, 56)}
    assert case.reference.labels is not None
    assert {int(v) for v in set(case.reference.labels.flat)} == {
        Label.BACKGROUND, Label.CAVITY, Label.MYOCARDIUM, Label.SCAR,
    }  # fmt: skip
