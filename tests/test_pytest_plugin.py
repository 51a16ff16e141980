"""The fixture of pytest, in a project of somebody else: each test starts pytest in a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.entries import build_entry, write_entry
from benchmark.table import read_runs

PLUGIN = "benchmark.pytest_plugin"


@pytest.fixture
def project(tmp_path, plugins, run):
    """A method, its data set and its accepted entry, in a folder with tests."""
    spec, data = plugins.method(), plugins.toy()
    write_entry(tmp_path / "leaderboards", build_entry(read_runs([run(spec).path])))
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")

    def start(text: str, *words: str, **files: str) -> subprocess.CompletedProcess[str]:
        body = f"SPEC, DATA = {json.dumps(spec)}, {json.dumps(data)}\n" + text
        (tmp_path / "test_drift.py").write_text(body)
        for name, content in files.items():
            (tmp_path / f"{name}.py").write_text(content)
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "GITHUB"))}
        # As the entry point would, and nothing else that is installed here.
        clean |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, "-P", "-m", "pytest", "-p", PLUGIN, "-p", "no:cacheprovider", *words],
            cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip

    start.plugins = plugins  # type: ignore[attr-defined]
    return start


def test_the_plugin_is_installed_with_the_package():
    from importlib.metadata import entry_points

    (found,) = [e for e in entry_points(group="pytest11") if e.name == "scarbench"]
    assert found.value == PLUGIN


def test_a_method_that_is_as_it_was_passes_and_gives_its_findings(project):
    done = project(
        "def test_it(bench):\n"
        "    check = bench.check(SPEC, DATA, threads=1)\n"
        "    assert check.outcome == 'same'\n"
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_a_method_that_drifted_fails_with_the_table_and_no_traceback(project):
    project.plugins.method("return Segmentation(np.where(image > 650.0, 3, 0))")
    done = project("def test_it(bench):\n    bench.check(SPEC, DATA, threads=1)\n")
    assert done.returncode == 1
    assert "REGRESSION: made on toy: " in done.stdout
    assert "worst cases" in done.stdout
    assert "Traceback" not in done.stdout
    assert "pytest_plugin.py" not in done.stdout


def test_a_mistake_and_an_empty_baseline_are_failures_with_a_sentence(project, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    text = "def test_it(bench):\n    bench.check(SPEC, DATA)\n"
    done = project(text, "--bench-baseline", "elsewhere")
    assert done.returncode == 1
    assert "cannot be checked: There is no accepted entry of 'toy' in" in done.stdout
    ini = tmp_path / "pytest.ini"
    ini.write_text(ini.read_text() + "bench_baseline = nowhere\n")
    assert "nowhere" in project(text).stdout
    # what is typed goes before what is configured
    assert project(text, "--bench-baseline", "leaderboards").returncode == 0


def test_a_fixture_of_the_project_goes_first_and_ours_has_a_second_name(project):
    done = project(
        "def test_theirs(bench):\n    assert bench == 'theirs'\n"
        "def test_ours(scarbench):\n    assert scarbench.check(SPEC, DATA, threads=1)\n",
        conftest="import pytest\n@pytest.fixture\ndef bench():\n    return 'theirs'\n",
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_other_tests_of_a_project_import_nothing_of_ours(project):
    done = project(
        "import sys\n"
        "def test_it():\n"
        "    ours = sorted(m for m in sys.modules if m.partition('.')[0] == 'benchmark')\n"
        "    assert ours == ['benchmark', 'benchmark.pytest_plugin']\n"
        "    assert not {'numpy', 'pandas', 'torch', 'pydantic'} & set(sys.modules)\n"
    )
    assert done.returncode == 0, done.stdout


def test_its_options_are_shown_with_what_they_do(project):
    done = project("", "--help")
    assert "--bench-baseline=DIR" in done.stdout
    assert "bench_baseline" in done.stdout


def test_the_file_of_the_plugin_asks_for_pytest_alone():
    import benchmark.pytest_plugin as plugin

    heads = [line for line in Path(plugin.__file__).read_text().splitlines()
             if line.startswith(("import ", "from "))]  # fmt: skip
    assert heads == [
        "from __future__ import annotations",
        "from collections.abc import Sequence",
        "from pathlib import Path",
        "from typing import TYPE_CHECKING",
        "import pytest",
    ]
