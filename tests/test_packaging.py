"""The wheel, as a stranger meets it: beside Hugging Face's datasets, and with their plugins."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UV = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(UV is None, reason="uv, which makes the clean environment, is not there"),
    pytest.mark.skipif(
        not (ROOT / "pyproject.toml").is_file(), reason="the source to build from is not there"
    ),
]


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    kept.setdefault("UV_FIND_LINKS", kept.get("PIP_FIND_LINKS", ""))
    return kept | {"UV_CONSTRAINT": str(ROOT / "constraints.txt"), "PYTHONSAFEPATH": "1"}


def _do(*words: object, cwd: Path) -> str:
    done = subprocess.run(
        list(map(str, words)), cwd=cwd, env=_environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _copy(source: Path, target: Path) -> Path:
    """Build from a copy: a build leaves folders beside its source."""
    ignored = shutil.ignore_patterns(".*", "build", "dist", "runs", "*.egg-info", "__pycache__",
                                     "tests", "benchmarks")  # fmt: skip
    return Path(shutil.copytree(source, target, ignore=ignored))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both wheels, built."""
    base = tmp_path_factory.mktemp("wheels")
    for name, source in (("scarbench", ROOT), ("stranger", ROOT / "tests" / "stranger")):
        copy = _copy(source, base / name)
        _do(UV, "build", "--wheel", "--python", sys.executable, "-o", base, cwd=copy)
    return base


@pytest.fixture(scope="module")
def clean(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the two wheels and Hugging Face's datasets."""
    venv = tmp_path_factory.mktemp("clean") / "venv"
    _do(UV, "venv", "--python", sys.executable, venv, cwd=wheels)
    python = venv / "bin" / "python"
    found = sorted(wheels.glob("*.whl"))
    _do(UV, "pip", "install", "--python", python, *found, "datasets", cwd=wheels)
    return venv / "bin"


def test_the_wheel_holds_every_module_and_data_file_and_nothing_at_the_top(wheels: Path) -> None:
    names = zipfile.ZipFile(next(wheels.glob("scarbench*.whl"))).namelist()
    tops = {n.partition("/")[0] for n in names}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"benchmark"}
    expected = {f"benchmark/{p.relative_to(ROOT / 'benchmark')}"
                for p in (ROOT / "benchmark").rglob("*")
                if p.suffix in (".py", ".txt", ".toml", ".typed", ".json", ".npz")}  # fmt: skip
    for folder in ("methods", "datasets"):
        expected |= {f"benchmark/{folder}/{p.name}" for p in (ROOT / folder).iterdir()
                     if p.is_file()}  # fmt: skip
    assert not expected - set(names)


def test_hugging_face_datasets_and_ours_live_together(clean: Path, tmp_path: Path) -> None:
    program = (
        "import datasets, benchmark.datasets, benchmark.methods\n"
        "assert datasets.Dataset.from_dict({'a': [1, 2]})['a'][1] == 2\n"
        "assert 'benchmark' in benchmark.datasets.__file__\n"
        "assert datasets.__file__ != benchmark.datasets.__file__\n"
    )
    _do(clean / "python", "-c", program, cwd=tmp_path)
    names = json.loads(_do(clean / "bench", "list", "datasets", "--json", cwd=tmp_path))
    assert {"lge", "emidec", "folder"} <= {d["name"] for d in names["datasets"]}


def test_the_installed_metrics_meet_every_answer(clean: Path, tmp_path: Path) -> None:
    found = json.loads(_do(clean / "bench", "doctor", "metrics", "--json", cwd=tmp_path))
    assert found["engine"]["cases"] == 17
    assert found["engine"]["right"] is True
    assert {p["name"]: p["status"] for p in found["peers"]}["medpy"] == "absent"


def test_a_strangers_method_and_data_set_run_like_ours(clean: Path, tmp_path: Path) -> None:
    listed = json.loads(_do(clean / "bench", "list", "--json", cwd=tmp_path))
    mine = next(m for m in listed["methods"] if m["name"] == "brightest")
    assert mine["from"] == "stranger 2.3"
    assert mine["error"] == ""
    assert mine["parameters"] == {"share": 1.0}
    assert any(d["name"] == "discs" for d in listed["datasets"])
    _do(clean / "bench", "check-method", "brightest", cwd=tmp_path)
    out = _do(clean / "bench", "run", "-m", "brightest[share=1.1]", "-m", "empty", "-d",
              "discs[noise=5]", "--json", cwd=tmp_path)  # fmt: skip
    runs = json.loads(out)
    assert [r["cases"] for r in runs] == [{"ok": 3}, {"ok": 3}]
    record = json.loads((tmp_path / runs[0]["run"] / "record.json").read_text())
    assert record["method"]["distribution"] == "stranger"
    assert record["method"]["asked"] == {"share": 1.1}
    board = json.loads(_do(clean / "bench", "leaderboard", "-d", "discs", "--json", cwd=tmp_path))
    assert len(board["rows"]) >= 2


def test_the_strangers_method_is_about_25_lines() -> None:
    source = (ROOT / "tests/stranger/stranger_methods/brightest.py").read_text()
    assert len([line for line in source.splitlines() if line.strip()]) <= 25
