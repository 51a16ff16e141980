"""Any program as a method: what it is given, what it must leave, and how it can fail."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from benchmark import Region, Study, Volume
from benchmark.errors import BenchError, DataError, PluginError, UsageError
from benchmark.methods import _program
from benchmark.methods.command import Command
from benchmark.registry import create

PREDICT = Path(__file__).with_name("data") / "predict.py"
PYTHON = shlex.quote(sys.executable)
Make = Callable[..., Command]


def study(name: str = "a", dtype: str = "int16", **more: Volume) -> Study:
    voxels = np.arange(24).reshape(2, 3, 4).astype(dtype)
    affine = np.array([[0, -1.5, 0, 7], [1.25, 0, 0, -3], [0, 0, 8, 11], [0, 0, 0, 1]])
    return Study(name, {"lge": Volume(voxels, (8.0, 1.5, 1.25), affine), **more})


@pytest.fixture
def script(tmp_path: Path) -> Make:
    """A method that runs this Python text on {images} and {output}."""

    def make(text: str, arguments: str = "{images} {output}", **others: Any) -> Command:
        path = tmp_path / "program.py"
        path.write_text(f"import os, sys, time\nfrom pathlib import Path\n{text}\n")
        return Command(command=f"{PYTHON} {path} {arguments}", **others)

    return make


def refused(method: Command, kind: type[BenchError], given: Study | None = None) -> BenchError:
    with pytest.raises(kind) as caught:
        method.predict(given or study())
    return caught.value


@pytest.mark.parametrize(
    "dtype", ["int16", "uint8", "float32", "float64", "int64", "bool", "float16"]
)
def test_a_program_s_answer_is_its_labels_on_the_study_s_grid(dtype: str) -> None:
    limit = 0 if dtype == "bool" else 20
    method = Command(command=f"{PYTHON} {PREDICT} {{images}} {{output}} {limit}", labels="scar=3")
    given = study(dtype=dtype)
    labels = method.predict(given).labels
    np.testing.assert_array_equal(labels, np.where(given.target.voxels > limit, 3, 0))
    assert method.produces == {Region.SCAR}


def test_without_labels_the_codes_are_canonical() -> None:
    method = Command(command=f"{PYTHON} {PREDICT} {{images}} {{output}} 20")
    assert method.produces == {Region.CAVITY, Region.MYOCARDIUM, Region.LV, Region.SCAR}


def test_it_is_given_a_file_for_each_modality_as_it_is(script: Make, tmp_path: Path) -> None:
    cine = Volume(
        np.random.default_rng(0).normal(size=(3, 2, 5, 6)).astype(np.float32),
        (9.0, 2.0, 1.0),
        times_ms=(0.0, 40.0, 80.0),
    )
    method = script(
        f"import shutil\nshutil.copytree(sys.argv[1], {str(tmp_path / 'seen')!r})",
        modalities=("lge", "cine"),
    )
    given = study("case.1", cine=cine)
    assert method.needs == {"lge", "cine"}
    assert "wrote no case.1.nii.gz" in str(refused(method, DataError, given))
    names = sorted(p.name for p in (tmp_path / "seen").iterdir())
    assert names == ["case.1_0000.nii.gz", "case.1_0001.nii.gz"]
    first, second = (nib.load(tmp_path / "seen" / name) for name in names)
    np.testing.assert_array_equal(np.asarray(first.dataobj).T, given.target.voxels)
    np.testing.assert_allclose(first.affine, given.target.affine)
    assert first.get_data_dtype() == np.int16
    np.testing.assert_array_equal(np.asarray(second.dataobj).T, cine.voxels)
    np.testing.assert_allclose(second.header.get_zooms(), (1.0, 2.0, 9.0, 40.0))
    assert second.header.get_xyzt_units() == ("mm", "msec")


def test_the_words_are_split_as_in_a_shell_but_no_shell_runs(script: Make) -> None:
    method = script(
        "print(sys.argv[3:]); sys.exit(1)", '{images} {output} "a b" $HOME `id` *.py > {output}/x'
    )
    said = str(refused(method, PluginError))
    assert "['a b', '$HOME', '`id`', '*.py', '>', '/" in said


def test_it_runs_where_bench_was_started_on_the_device_asked_for(
    script: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    method = script("print(Path.cwd(), sys.argv[3], sys.stdin.read() == '')\nsys.exit(1)",
                    "{images} {output} --device={device}")  # fmt: skip
    said = str(refused(method.at(tmp_path, "cuda"), PluginError))
    assert f"{tmp_path} --device=cuda True" in said


# --- failures ---


def test_a_status_other_than_0_is_told_with_the_last_lines(script: Make) -> None:
    text = "for i in range(9):\n    print('line', i, flush=True)\nprint('no GPU', file=sys.stderr)"
    error = refused(script(f"{text}\nsys.exit(3)"), PluginError)
    assert "ended with status 3: line 5 | line 6 | line 7 | line 8 | no GPU." in str(error)
    (log,) = error.__notes__
    assert log.splitlines() == [*(f"line {i}" for i in range(9)), "no GPU"]
    assert "ended with status 4, printing nothing." in str(
        refused(script("sys.exit(4)"), PluginError)
    )
    killed = refused(script("os.kill(os.getpid(), 9)"), PluginError)
    assert "was ended by signal 9" in str(killed)


def test_of_a_long_log_the_end_is_kept(script: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_program, "_KEPT", 100)
    error = refused(script("print('x' * 1000 + 'end')\nsys.exit(1)"), PluginError)
    (log,) = error.__notes__
    assert log == "[904 bytes left out]\n" + "x" * 96 + "end\n"
    assert len(str(error)) < 1200


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pass", r"'a' that can be used. It wrote no a.nii.gz into {output}: the folder is empty"),
        ("Path(sys.argv[2], 'a_0000.nii.gz').touch()", r"there are a_0000\.nii\.gz"),
        ("Path(sys.argv[2], 'a.nii.gz').write_bytes(b'rubbish' * 99)", r"a\.nii\.gz"),
        ("Path(sys.argv[2], 'a.nii.gz').mkdir()", r"wrote no a\.nii\.gz .* a\.nii\.gz \(no file\)"),
        ("Path(sys.argv[2]).rmdir()", r"the folder is empty"),
        ("save(np.zeros((4, 3, 3), 'u1'))", r"a\.nii\.gz does not lie on the image of 'a'"),
        ("save(np.zeros((4, 3, 2), 'u1'), np.eye(4))", r"does not lie on the image of 'a'"),
        ("save(np.full((4, 3, 2), 7, 'u1'))", r"holds the unknown label 7; known are 0, 1, 2, 3"),
        ("save(np.full((4, 3, 2), .5))", r"holds 0\.5 where labels are whole numbers"),
    ],
)
def test_what_it_leaves_must_be_labels_on_the_grid(script: Make, text: str, says: str) -> None:
    helper = (
        "def save(voxels, affine=None):\n"
        "    import nibabel as nib\n"
        "    like = nib.load(Path(sys.argv[1], 'a_0000.nii.gz'))\n"
        "    image = nib.Nifti1Image(voxels, like.affine if affine is None else affine)\n"
        "    nib.save(image, Path(sys.argv[2], 'a.nii.gz'))\n"
        "print('done')\n"
    )
    numpy = "import numpy as np\n" if "np." in text else ""
    error = refused(script(numpy + helper + text), DataError)
    import re

    assert re.search(says, str(error)), str(error)
    assert error.__notes__ == ["done\n"]


def test_codes_of_its_own_are_mapped_and_others_refused(script: Make) -> None:
    text = (
        "import nibabel as nib\nimport numpy as np\n"
        "like = nib.load(Path(sys.argv[1], 'a_0000.nii.gz'))\n"
        "labels = np.zeros(like.shape, 'u1')\nlabels[0], labels[1] = 20, 10\n"
        "nib.save(nib.Nifti1Image(labels, like.affine), Path(sys.argv[2], 'a.nii.gz'))"
    )
    method = script(text, labels="myocardium=10;scar=20")
    assert method.produces == {Region.MYOCARDIUM, Region.SCAR}
    labels = np.asarray(method.predict(study()).labels)
    assert (labels[..., 0] == 3).all()
    assert (labels[..., 1] == 2).all()
    assert "unknown label 10" in str(refused(script(text, labels="scar=20"), DataError))


# --- no process is left ---

HANGS = """
import subprocess
{before}
child = subprocess.Popen([sys.executable, "-c", {child!r}])
Path({pids!r}).write_text(f"{{os.getpid()}} {{child.pid}}")
print("started", flush=True)
{after}
"""
SLEEPS = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody asked about does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def gone(pids: Path) -> bool:
    """Whether all of these ended, in the end: a killed one may need a moment."""
    for _ in range(100):
        if not any(map(alive, map(int, pids.read_text().split()))):
            return True
        time.sleep(0.1)
    return False


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@linux
@pytest.mark.parametrize("child", [SLEEPS, STUBBORN])
def test_when_time_is_up_the_program_and_its_children_end(
    script: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, child: str
) -> None:
    monkeypatch.setattr(_program, "_GRACE", 0.3)
    pids = tmp_path / "pids"
    text = HANGS.format(before="", child=child, pids=str(pids), after="time.sleep(600)")
    error = refused(script(text, timeout=4), PluginError)
    assert "did not end within 4 s: started. Give it more time with timeout." in str(error)
    assert gone(pids)


@linux
def test_a_child_that_outlives_its_program_is_ended_and_its_answer_kept(
    script: Make, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    text = HANGS.format(before="", child=SLEEPS, pids=str(pids), after="sys.exit(5)")
    assert "status 5" in str(refused(script(text), PluginError))
    assert gone(pids)


@linux
def test_ctrl_c_ends_the_program_and_its_children(
    tmp_path: Path, python: Callable[..., Any]
) -> None:
    pids, program = tmp_path / "pids", tmp_path / "program.py"
    text = HANGS.format(before="", child=SLEEPS, pids=str(pids), after="time.sleep(600)")
    program.write_text(f"import os, sys, time\nfrom pathlib import Path\n{text}")
    bench = python(
        "import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import numpy as np\nfrom benchmark import Study, Volume\n"
        "from benchmark.methods.command import Command\n"
        "study = Study('a', {'lge': Volume(np.zeros((1, 4, 4)), (1, 1, 1))})\n"
        "Command(command=sys.argv[1]).predict(study)",
        f"{PYTHON} {program} {{images}} {{output}}",
        TMPDIR=str(tmp_path),
    )
    for _ in range(300):
        if pids.exists() and pids.read_text():
            break
        time.sleep(0.1)
    bench.send_signal(signal.SIGINT)
    assert bench.wait(60) != 0
    assert gone(pids)
    assert not list(tmp_path.glob("scarbench-command-*"))


# --- as a method of a run ---


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "command: Field required"),
        ({"command": "python predict.py"}, r"does not say where \{images\} goes"),
        ({"command": "python predict.py {images}"}, r"does not say where \{output\} goes"),
        ({"command": "{images} {output}"}, r"does not say where \{images\} goes"),
        ({"command": "pyhton3 x.py {images} {output}"}, "there is no program 'pyhton3'"),
        ({"command": "./no-such {images} {output}"}, "there is no program './no-such'"),
        ({"command": "python 'x {images} {output}"}, "cannot be split: No closing quotation"),
        ({"command": "", "timeout": "1"}, "command=''"),
        ({"command": "sh {images} {output}", "timeout": "0"}, "timeout='0'"),
        ({"command": "sh {images} {output}", "labels": "scra=1"}, "'scra=1' in labels"),
        ({"command": "sh {images} {output}", "modalities": ["lge", "lge"]}, "not all different"),
    ],
)
def test_parameters_that_cannot_work_are_refused(values: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        create("methods", "command", values)


def test_a_run_keeps_what_the_program_printed_of_a_case_that_failed(
    run: Any, tmp_path: Path
) -> None:
    program = tmp_path / "program.sh"
    program.write_text(
        f'if ls "$1" | grep -q "^b_"; then echo too dark; exit 3; fi\n'
        f'exec {PYTHON} {PREDICT} "$1" "$2" 500\n'
    )
    asked = {"command": f"sh {program} {{images}} {{output}}", "labels": "scar=3"}
    result = run("command", settings=asked)
    assert result.cases == {"ok": 3, "error": 1}
    log = result.path / "plugin.log"
    assert result.errors["b"] == (
        "The program 'sh' ended with status 3: too dark. What it printed is in plugin.log."
    )
    assert log.read_text() == "--- b\ntoo dark\n"
    assert result.record.produces == ["scar"]
    scores = pd.read_parquet(result.path / "scores.parquet")
    dice = scores[(scores.metric == "dice") & (scores.level == "volume")].set_index("case")
    assert set(dice[dice.region == "scar"].value.dropna()) == {1.0}
    # Another program, another run: the file that the command names is part of the key.
    program.write_text(program.read_text().replace("too dark", "too bright"))
    assert run("command", settings=asked).path != result.path


def test_files_named_by_the_command_are_part_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("predict.py", "model.pth"):
        (tmp_path / name).touch()
    words = "sh predict.py --weights=model.pth --threads=2 {images} {output}"
    assert [p.name for p in Command(command=words).files()] == ["model.pth", "predict.py"]


def test_a_script_within_the_command_is_no_file() -> None:
    method = Command(command=f"{sys.executable} -c '{'x = 1; ' * 100}' {{images}} {{output}}")
    assert method.files() == [Path(sys.executable)]


def test_studies_without_a_modality_are_skipped_with_the_reason(script: Make) -> None:
    method = script("pass", modalities=("lge", "t2"))
    assert method.skip(study()) == "needs t2"
