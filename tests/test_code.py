"""Editing what a plugin runs through changes its hash; editing anything else does not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from benchmark.closure import ENGINE, files_of, hash_files
from benchmark.code import code_hash, engine_hash, metrics_hash
from benchmark.errors import PluginError
from benchmark.metrics import cards
from benchmark.registry import PluginInfo, find


def names(path: Path, module: str = "plug") -> set[str]:
    """Of the plugin's folder and of the engine, by file name."""
    return {p.name for p in files_of(path, module)}


def test_imports_are_followed_through_siblings_packages_and_functions(tmp_path: Path) -> None:
    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    put("_a.py", "from . import _b")
    put("_b.py", "def f():\n    from .sub.deep import x")
    put("sub/__init__.py", "")
    put("sub/deep.py", "from .._c import y")
    put("_c.py", "from ._a import z")
    put("_unrelated.py", "")
    put("_typed.py", "")
    put("_else.py", "")
    plug = put(
        "plug.py",
        "import os\nfrom typing import TYPE_CHECKING\nfrom ._a import z\n"
        "if TYPE_CHECKING:\n    from ._typed import T\nelse:\n    from ._else import T\n",
    )
    assert names(plug) == {"plug.py", "_a.py", "_b.py", "deep.py", "_c.py", "_else.py"}


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("from benchmark import Study", "types.py"),
        ("from benchmark import score", "scoring.py"),
        ("from benchmark import clinical", "clinical/__init__.py"),
        ("import benchmark.clinical", "clinical/volumes.py"),
        ("from benchmark.metrics import overlap", "metrics/overlap.py"),
        ("from benchmark.metrics.overlap import dice", "metrics/overlap.py"),
    ],
)
def test_engine_modules_count_however_they_are_imported(
    tmp_path: Path, text: str, file: str
) -> None:
    (tmp_path / "plug.py").write_text(text)
    assert ENGINE / file in files_of(tmp_path / "plug.py", "plug")


def test_a_built_in_plugin_s_shared_code_counts_for_a_stranger(tmp_path: Path) -> None:
    (tmp_path / "plug.py").write_text("from benchmark.methods._losses import x")
    assert "_losses.py" in names(tmp_path / "plug.py")


def test_jdl_runs_through_its_shared_modules_and_empty_does_not() -> None:
    def of(name: str) -> set[str]:
        info = find("methods", name)
        assert info.path is not None
        return names(info.path, info.module)

    assert {"jdl.py", "_losses.py", "_networks.py", "_training.py"} <= of("jdl")
    assert not {"_losses.py", "_networks.py", "jdl.py"} & of("empty")


def test_editing_a_sibling_changes_the_hash_and_an_unrelated_file_does_not(plugins: Any) -> None:
    plugins.file("_losses", "x = 1")
    path = plugins.method("from ._losses import x\n" + plugins.BRIGHT)
    before = code_hash(find("methods", path))
    plugins.file("_unrelated", "y = 2")
    plugins.file("another", "z = 3")
    assert code_hash(find("methods", path)) == before
    plugins.file("_losses", "x = 2")
    changed = code_hash(find("methods", path))
    assert changed != before
    plugins.method("from ._losses import x\n# a word\n" + plugins.BRIGHT)
    assert code_hash(find("methods", path)) not in (before, changed)


def test_of_an_installed_distribution_the_whole_package_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hashed(name: str, extra: str) -> str:
        # one package a hash: an installed plugin is hashed once in a process
        folder = tmp_path / name
        (folder / "sub").mkdir(parents=True)
        for file, text in {"__init__": "", "plug": "", "sub/hidden": extra}.items():
            (folder / f"{file}.py").write_text(text)
        (folder / "notes.txt").write_text(extra)
        info = PluginInfo(
            "methods", "plug", f"{name}.plug", folder / "plug.py", distribution="stranger"
        )
        return code_hash(info)

    monkeypatch.syspath_prepend(str(tmp_path))
    assert hashed("stranger_h1", "x = 1") != hashed("stranger_h2", "x = 2")


def test_an_installed_plugin_keeps_the_hash_of_what_was_imported(tmp_path: Path) -> None:
    path = tmp_path / "plug.py"
    path.write_text("x = 1")
    info = PluginInfo("methods", "plug", "stranger_j.plug", path)
    before = code_hash(info)
    path.write_text("x = 2")
    assert code_hash(info) == before


def test_the_hash_does_not_hang_on_where_the_files_are(tmp_path: Path) -> None:
    def laid(*folders: str) -> str:
        files = [
            tmp_path / folder / name for folder, name in zip(folders, ("a.py", "b.py"), strict=True)
        ]
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(file.name)
        return hash_files(files)

    assert laid("1/x", "2/y") == laid("4/x", "3/y")


def test_a_sibling_that_is_no_python_is_one_clear_error(plugins: Any) -> None:
    plugins.file("_lazy", "def f(:")
    path = plugins.method("from ._lazy import f\n" + plugins.BRIGHT)
    with pytest.raises(PluginError, match=r"_lazy\.py"):
        code_hash(find("methods", path))


def test_the_engine_s_hash_covers_what_its_modules_import() -> None:
    assert engine_hash("scoring") != engine_hash("types")
    for module in ("trained", "predicted"):
        files = {p.name for p in files_of(ENGINE / f"{module}.py", f"benchmark.{module}")}
        assert {"types.py", "regions.py", "plugins.py"} <= files
        assert not {"leaderboard.py", "scoring.py", "pictures.py", "runner.py"} & files


def test_every_metric_s_code_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics are loaded by name: the engine's imports do not lead to them."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "__init__.py").touch()
    helper = tmp_path / "theirs" / "helper.py"
    helper.write_text("FACTOR = 1\n")
    (tmp_path / "theirs" / "late.py").write_text("import theirs.helper\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    built_in = {f"benchmark.metrics.{name}" for name in ("overlap", "surface", "volume")}
    assert {module for module, _ in cards.modules()} >= built_in
    covered: list[set[str]] = []

    def noted(files: Iterable[Path]) -> str:
        covered.append({p.name for p in files})
        return hash_files(files)

    monkeypatch.setattr("benchmark.code.hash_files", noted)
    monkeypatch.setattr(
        "benchmark.code.modules", lambda: (*cards.modules(), ("theirs.late", "theirs-dist"))
    )
    hashes = []
    for text in ("FACTOR = 1\n", "FACTOR = 2\n"):
        helper.write_text(text)
        metrics_hash.cache_clear()
        hashes.append(metrics_hash())
    metrics_hash.cache_clear()
    assert hashes[0] != hashes[1]
    assert covered[0] >= {"overlap.py", "surface.py", "volume.py", "helper.py"}
    scoring = {p.name for p in files_of(ENGINE / "scoring.py", "benchmark.scoring")}
    assert scoring >= {"distances.py", "measure.py", "counts.py", "volumes.py", "aha.py"}


def test_the_source_of_the_c_kernel_counts_for_scoring() -> None:
    names = {path.name for path in files_of(ENGINE / "scoring.py", "benchmark.scoring")}
    assert {"_kernel.c", "kernel.py", "twin.py", "steps.py", "distances.py"} <= names
