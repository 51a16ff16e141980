"""The composite GitHub Action: its steps are run as GitHub would run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmark.entries import build_entry, write_entry
from benchmark.table import read_runs

yaml = pytest.importorskip("yaml", reason="PyYAML reads the action's file")
ROOT = Path(__file__).resolve().parents[1]
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@pytest.fixture(scope="module")
def action() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "action.yml").read_text())


class Runner:
    """What GitHub does with a composite action: substitutes expressions, then runs its steps."""

    def __init__(self, action: Mapping[str, Any], folder: Path) -> None:
        self.action, self.folder = action, folder
        self.temp = folder / "temp"
        self.temp.mkdir()
        for name in ("output", "summary"):
            (folder / name).touch()

    def __call__(self, **given: str) -> list[subprocess.CompletedProcess[str]]:
        given = {key.replace("_", "-"): value for key, value in given.items()}
        assert set(given) <= set(self.action["inputs"])
        inputs = {k: given.get(k, v.get("default", "")) for k, v in self.action["inputs"].items()}
        done = []
        for step in self.action["runs"]["steps"]:
            if "run" not in step:
                continue
            environment = {k: self._filled(v, inputs) for k, v in step["env"].items()}
            script = self.folder / "step.sh"
            script.write_text(self._filled(step["run"], inputs))
            assert step["shell"] == "bash"
            done.append(subprocess.run(
                ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
                cwd=self.folder, env=self._environment() | environment, capture_output=True,
                text=True, timeout=240, check=False,
            ))  # fmt: skip
            if done[-1].returncode:
                break
        return done

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "GITHUB"))}
        return kept | {
            "CI": "true", "GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(self.temp),
            "GITHUB_OUTPUT": str(self.folder / "output"), "OMP_NUM_THREADS": "1",
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "PATH": f"{self.folder / 'shims'}{os.pathsep}{kept['PATH']}",
        }  # fmt: skip

    @staticmethod
    def _filled(text: str, inputs: Mapping[str, str]) -> str:
        def value(found: re.Match[str]) -> str:
            name = found[1]
            if name == "github.action_path":
                return str(ROOT)
            return inputs[name.removeprefix("inputs.")]

        return EXPRESSION.sub(value, text)

    @property
    def outputs(self) -> dict[str, str]:
        lines = (self.folder / "output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def runner(action, tmp_path) -> Runner:
    """With a python3 whose environments have our bench, so that nothing is downloaded."""
    shims = tmp_path / "shims"
    shims.mkdir()
    bench = f'#!/bin/sh\\nexec "{sys.executable}" -P -m benchmark "$@"\\n'
    (shims / "python3").write_text(
        "#!/bin/sh\n"
        f'echo "python3 $*" >> "{tmp_path}/calls"\n'
        'mkdir -p "$3/bin" && cp "$0" "$3/bin/python.real"\n'
        f'printf \'#!/bin/sh\\necho "pip $*" >> "{tmp_path}/calls"\\n\' > "$3/bin/python"\n'
        f"printf '{bench}' > \"$3/bin/bench\"\n"
        'chmod +x "$3/bin/python" "$3/bin/bench"\n'
    )
    (shims / "python3").chmod(0o755)
    return Runner(action, tmp_path)


@pytest.fixture
def made(plugins, run, tmp_path) -> dict[str, str]:
    spec, data = plugins.method(), plugins.toy()
    write_entry(tmp_path / "leaderboards", build_entry(read_runs([run(spec).path])))
    return {"method": spec, "dataset": data}


def test_the_action_is_what_github_asks_for(action):
    assert {"name", "description", "inputs", "outputs", "runs"} <= set(action)
    assert action["runs"]["using"] == "composite"
    for step in action["runs"]["steps"]:
        assert ("run" in step) != ("uses" in step)
        assert "run" not in step or "shell" in step
    for told in (*action["inputs"].values(), *action["outputs"].values()):
        assert told["description"].endswith(".")
    ids = {step.get("id") for step in action["runs"]["steps"]}
    for output in action["outputs"].values():
        assert re.fullmatch(r"\$\{\{ steps\.check\.outputs\.[a-z-]+ \}\}", output["value"])
    assert "check" in ids


def test_no_input_is_part_of_a_script(action):
    for step in action["runs"]["steps"]:
        assert not EXPRESSION.search(step.get("run", ""))


def test_every_input_reaches_a_step(action):
    text = str(action["runs"]["steps"])
    for name in action["inputs"]:
        assert f"inputs.{name} " in text, name


def test_a_method_that_is_as_it_was_passes(runner, made, tmp_path):
    install, check = runner(**made)
    assert (install.returncode, check.returncode) == (0, 0), check.stderr
    assert runner.outputs == {"exit-code": "0", "junit": "bench-check.xml"}
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[0] == f"python3 -m venv {runner.temp}/scarbench"
    assert calls[1] == (f"pip -m pip install --quiet --constraint {ROOT}/constraints.txt {ROOT}")
    assert ET.parse(tmp_path / "bench-check.xml").getroot().get("failures") == "0"
    assert (tmp_path / "summary").read_text().startswith("### :white_check_mark: bench check")


def test_a_regression_fails_the_step_with_annotations(runner, made, plugins):
    plugins.method("return Segmentation(np.where(image > 650.0, 3, 0))")
    check = runner(**made, markdown="m.md", junit="")[-1]
    assert check.returncode == 1
    assert runner.outputs == {"exit-code": "1", "junit": ""}
    assert "\n::error file=leaderboards/toy/made.json,title=" in check.stdout
    assert (runner.folder / "m.md").is_file()


def test_an_error_and_nothing_measured_fail_the_step_with_their_codes(runner, made):
    assert runner(dataset="nothing")[-1].returncode == 2
    assert runner.outputs["exit-code"] == "2"
    assert runner(dataset=made["dataset"], engine_only="true")[-1].returncode == 3
    assert runner.outputs["exit-code"] == "3"


def test_inputs_cannot_become_commands_or_outputs(runner, made, tmp_path):
    evil = "\"; touch pwned; $(touch pwned) `touch pwned` ' "
    inputs = set(runner.action["inputs"]) - {"python-version", "engine-only"}
    # All that is read first stops the command; files that are written come after a whole check.
    for names in ({"junit", "markdown"}, {"method"}, {"tolerances", "seeds"}, inputs):
        more = made | {name.replace("-", "_"): evil + "\nexit-code=0" for name in names}
        check = runner(**more)[-1]
        assert check.returncode in (0, 2), (names, check.stderr)
        assert not list(tmp_path.rglob("pwned"))
    lines = (tmp_path / "output").read_text().splitlines()
    assert [line.partition("=")[0] for line in lines] == ["exit-code", "junit"] * (len(lines) // 2)


def test_several_methods_stand_on_lines_of_their_own(runner, made, plugins, run, tmp_path):
    other = plugins.method(name="other")
    write_entry(tmp_path / "leaderboards", build_entry(read_runs([run(other).path])))
    made["method"] += f"\n{other}\n"
    check = runner(**made)[-1]
    assert check.returncode == 0
    assert "2 checks (made on toy, other on toy)" in check.stdout


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_scripts_have_no_mistake_that_shellcheck_knows(action):
    for step in action["runs"]["steps"]:
        if "run" in step:
            subprocess.run(["shellcheck", "-s", "bash", "-"], input=step["run"], text=True,
                           check=True)  # fmt: skip
