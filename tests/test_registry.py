"""Plugins found, listed and loaded: installed by a stranger, or given as a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import PluginError, UsageError
from benchmark.registry import create, find, listed, plugin_class

GOOD = '''"""Says: {name}."""
from benchmark import Method, Segmentation
class Good(Method):
    size: int = 3
    def predict(self, study):
        return Segmentation(study.target.voxels > self.size)
'''
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Lay a distribution on ``sys.path`` as an installer does; forget it after the test."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def lay(name: str, points: str, files: dict[str, str], kind: str = "methods") -> Path:
        info = site / f"{name}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[scarbench.{kind}]\n{points}\n")
        for file, text in files.items():
            path = site / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return site

    yield lay
    for module in set(sys.modules) - before:
        if module.startswith("stranger"):
            del sys.modules[module]


def package(name: str, **modules: str) -> dict[str, str]:
    return {f"{name}/__init__.py": "", **{f"{name}/{m}.py": t for m, t in modules.items()}}


def test_every_public_module_of_a_package_is_a_plugin(install: Install) -> None:
    files = package("stranger_a", one=GOOD, two=GOOD, _shared="x = 1")
    files["stranger_a/three/__init__.py"] = GOOD
    install("stranger-a", "all = stranger_a", files)
    found = {n: i for n, i in listed("methods").items() if i.distribution == "stranger-a"}
    assert list(found) == ["one", "three", "two"]
    assert (found["one"].module, found["one"].version) == ("stranger_a.one", "1.5")
    assert create("methods", "two", {"size": "7"}).model_dump() == {"size": 7}
    assert type(create("methods", "three", {})).__module__ == "stranger_a.three"


def test_an_entry_point_may_name_a_module_or_a_class(install: Install) -> None:
    two = GOOD + GOOD.replace("Good", "Better").replace("= 3", "= 4")
    install(
        "stranger-b",
        "single = stranger_b.deep.one\nbetter = stranger_b.two:Better",
        {**package("stranger_b", two=two), **package("stranger_b/deep", one=GOOD)},
    )
    assert create("methods", "single", {}).model_dump() == {"size": 3}
    assert create("methods", "better", {}).model_dump() == {"size": 4}
    info = listed("methods")["better"]
    assert info.source is not None
    assert [p.default for p in info.source.parameters] == ["4"]


def test_data_sets_go_through_the_same_door(install: Install) -> None:
    text = "from benchmark import Dataset\nclass D(Dataset):\n    def index(self): return []\n"
    files = package("stranger_d", mine=text + "    def load(self, case_id): raise KeyError\n")
    install("stranger-d", "x = stranger_d", files, "datasets")
    assert list(create("datasets", "mine", {}).index()) == []
    assert "mine" not in listed("methods")


def test_broken_plugins_are_listed_with_their_error_and_stop_no_other(install: Install) -> None:
    files = package(
        "stranger_c", good=GOOD, syntax="class A(:", late="import not_there\n" + GOOD, _x=""
    )
    points = "all = stranger_c\nghost = stranger_ghost\nlost = stranger_c.lost:A\nodd = a b c"
    install("stranger-c", points, files)
    found = listed("methods")
    assert found["syntax"].error.startswith("SyntaxError: ")
    assert "no module 'stranger_ghost'" in found["ghost"].error
    assert "no module 'stranger_c.lost'" in found["lost"].error
    assert found["odd"].error
    assert (found["good"].error, found["late"].error, found["empty"].error) == ("", "", "")
    for name in ("syntax", "ghost", "lost", "odd"):
        with pytest.raises(PluginError, match=f"{name!r}.*is broken"):
            find("methods", name)
    with pytest.raises(PluginError, match=r"cannot be imported: ModuleNotFoundError.*not_there"):
        create("methods", "late", {})
    assert create("methods", "good", {})


def test_two_plugins_of_one_name_are_both_refused(install: Install) -> None:
    install("stranger-e", "x = stranger_e", package("stranger_e", empty=GOOD))
    with pytest.raises(PluginError, match=r"two plugins .* \(scarbench\) and .* \(stranger-e\)"):
        find("methods", "empty")


def test_listing_and_finding_import_no_plugin(install: Install, python: Callable[..., Any]) -> None:
    files = package("stranger_f", one=GOOD)
    files["stranger_f/__init__.py"] = "raise SystemExit('imported')"
    files |= package("stranger_f/deep", two=GOOD)
    site = install("stranger-f", "a = stranger_f\nb = stranger_f.deep\nc = stranger_f.one:Good",
                   files)  # fmt: skip
    process = python(
        "import json, sys\n"
        "from benchmark.registry import listed, find\n"
        "names = [*listed('methods'), *listed('datasets')]\n"
        "find('methods', 'two'), find('methods', 'empty')\n"
        "mods = [m for m in sys.modules if m.startswith(('stranger', 'benchmark.methods', "
        "'benchmark.datasets')) or m in ('torch', 'numpy', 'pydantic', 'scipy')]\n"
        "print(json.dumps([names, mods]))",
        PYTHONPATH=str(site),
    )
    out, err = process.communicate()
    names, modules = json.loads(out)
    assert {"c", "two", "empty", "jdl", "lge"} <= set(names), err
    assert modules == []


def test_an_unknown_name_is_told_what_was_meant() -> None:
    with pytest.raises(UsageError, match=r"no method 'emty'. Did you mean 'empty'"):
        find("methods", "emty")
    with pytest.raises(UsageError, match=r"no plugin file .*/nowhere\.py"):
        find("datasets", "./nowhere.py")


def test_a_file_is_a_plugin_called_as_its_stem(plugins: Any) -> None:
    path = plugins.file("my-own.v2", GOOD)
    made = create("methods", path, {"size": 9})
    assert find("methods", path).name == "my-own.v2"
    assert made.model_dump() == {"size": 9}


def test_a_file_imports_its_siblings(plugins: Any) -> None:
    plugins.file("_shared", "SIZE = 11")
    text = "from ._shared import SIZE\n" + GOOD.replace("= 3", "= SIZE")
    path = plugins.file("mine", text.replace('"""Says: {name}."""', ""))
    assert create("methods", path, {}).model_dump() == {"size": 11}


def test_files_of_one_name_in_two_folders_are_two_plugins(plugins: Any, tmp_path: Path) -> None:
    path = plugins.file("mine", GOOD)
    other = tmp_path / "mine.py"
    other.write_text(GOOD)
    first, second = (plugin_class(find("methods", str(p))) for p in (path, other))
    assert first is not second
    assert plugin_class(find("methods", path)) is first


def test_an_edited_file_is_imported_again_within_one_process(plugins: Any) -> None:
    create("methods", plugins.file("mine", GOOD), {})
    path = plugins.file("mine", GOOD.replace("= 3", "= 10"))
    assert create("methods", path, {}).model_dump() == {"size": 10}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1", r"has 0 public Method classes \(none\), not one"),
        (
            GOOD + "class Other(Good): pass",
            r"has 2 public Method classes \(Good, Other\), not one. Keep one",
        ),
        ("from benchmark import Method\nclass A(Method): pass", "A in .* does not implement pred"),
        ("import sys; sys.exit(3)", "cannot be imported: SystemExit: 3"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("from . import _gone", "cannot be imported: ImportError.*_gone"),
        ("def f(:", "is broken: SyntaxError"),
    ],
)
def test_a_file_that_is_no_plugin_is_refused(plugins: Any, text: str, says: str) -> None:
    with pytest.raises(PluginError, match=says):
        create("methods", plugins.file("mine", text), {})


def test_a_class_that_is_not_there_is_named(install: Install) -> None:
    install("stranger-g", "g = stranger_g.one:Gone", package("stranger_g", one=GOOD))
    with pytest.raises(PluginError, match="has no Method called Gone"):
        create("methods", "g", {})


def test_an_alias_and_a_private_class_do_not_count_twice(plugins: Any) -> None:
    path = plugins.file("mine", GOOD + "Alias = Good\nclass _Base(Method): pass")
    assert create("methods", path, {}).model_dump() == {"size": 3}


def test_what_a_plugin_prints_while_imported_stays_off_stdout(
    plugins: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    create("methods", plugins.file("mine", "print('hello')\n" + GOOD), {})
    assert capsys.readouterr() == ("", "hello\n")


def test_a_file_that_is_no_python_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("words")
    with pytest.raises(UsageError, match=r"text\.txt is no Python file"):
        find("methods", str(tmp_path / "text.txt"))
