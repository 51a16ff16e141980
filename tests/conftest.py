"""What several test files share: run folders made from rows, and plugins made from text."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

# Before anything imports torch: many processes with spinning threads slow each other down.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Tests in several processes share the CPUs, and those with fixed seeds must not hang on how many.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

MISSES = ("pred_empty", "ref_empty", "no_prediction", "error")
#: unit, better, dim, value that the default policy puts in place of a miss
METRICS = {
    "dice": ("", "higher", None, 0.0),
    "hd95": ("mm", "lower", "3d", 300.0),
    "assd": ("mm", "lower", "3d", 300.0),
    "absolute_volume_error_ml": ("mL", "lower", None, None),
    "volume_error_ml": ("mL", "zero", None, None),
}


def score_row(
    case: str,
    value: float | None,
    status: str = "ok",
    *,
    region: str = "scar",
    metric: str = "dice",
    **more: Any,
) -> dict[str, Any]:
    unit, better, dim, worst = METRICS[metric]
    missed = value is None and status in MISSES
    row = {
        "case": case, "region": region, "metric": metric, "level": "volume", "dim": dim,
        "reference": "reference", "compared": "prediction", "value": value, "status": status,
        "message": "", "unit": unit, "better": better, "worst": worst if missed else value,
    }  # fmt: skip
    return {**row, **more}


def scar_rows(case: str, reference: float, prediction: float | None) -> list[dict[str, Any]]:
    """The features of one case: mL of scar on either side; None is no prediction."""
    shared = {"case": case, "level": "volume", "feature": "scar_ml", "unit": "mL", "message": ""}
    answered = "ok" if prediction is not None else "no_prediction"
    return [
        {**shared, "source": "reference", "value": reference, "status": "ok"},
        {**shared, "source": "prediction", "value": prediction, "status": answered},
    ]


class RunMaker:
    """Writes run folders under ``root``."""

    score = staticmethod(score_row)
    scar = staticmethod(scar_rows)

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(
        self,
        method: str = "one",
        scores: Sequence[Mapping[str, Any]] = (),
        *,
        dataset: str = "toy",
        seed: int = 0,
        cases: Mapping[str, Mapping[str, Any]] | None = None,
        features: Sequence[Mapping[str, Any]] = (),
        record: Mapping[str, Any] | None = None,
        method_record: Mapping[str, Any] | None = None,
        dataset_record: Mapping[str, Any] | None = None,
    ) -> Path:
        from benchmark.parquet import write_table
        from benchmark.record import RunRecord
        from benchmark.runner import CASES
        from benchmark.scoring import FEATURES, SCORES, arrow_schema

        given = dict(record or {})
        whole = {
            "method": {"name": method, "spec": method, "parameters": {}, **(method_record or {})},
            "dataset": {
                "name": dataset, "spec": dataset, "parameters": {}, "title": "Toy hearts",
                "licence": "CC0", "fingerprint": "f" * 64, **(dataset_record or {}),
            },
            "group": f"{method}-group", "seed": seed, "split": {}, "produces": ["scar"],
            "annotates": ["scar"], "metric_cards": {name: f"{name}-1" for name in METRICS},
            "stages": {"predict": {"key": "p", "seconds": 2.0}}, **given,
        }  # fmt: skip
        fold = given.get("fold")
        key = f"{seed:04d}{'' if fold is None else fold}{given.get('key', '')}"
        folder = self.root / dataset / f"{method}-{key}"
        known = dict.fromkeys(str(row["case"]) for row in scores)
        rows = [
            {"case": case, "patient": case, "role": "test", "status": "ok", "seconds": 0.5,
             "diagonal_mm": 300.0, **(cases or {}).get(case, {})}
            for case in {**known, **(cases or {})}
        ]  # fmt: skip
        write_table(folder / "cases.parquet", arrow_schema(CASES), rows)
        write_table(folder / "scores.parquet", arrow_schema(SCORES), scores)
        write_table(folder / "features.parquet", arrow_schema(FEATURES), features)
        RunRecord.model_validate(whole).save(folder)
        return folder


@pytest.fixture(scope="module")
def scripts() -> Iterator[Callable[[str], Any]]:
    """A function that imports a script of ``benchmarks``, which find each other by their folder."""
    folder = Path(__file__).parents[1] / "benchmarks"
    before, environment = set(sys.modules), dict(os.environ)
    sys.path.insert(0, str(folder))
    yield importlib.import_module
    sys.path.remove(str(folder))
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if Path(file).parent == folder:
            del sys.modules[name]
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Make a run folder from rows: ``make_run("jdl", [make_run.score("a", 0.8)])``."""
    return RunMaker(tmp_path / "runs")


#: Two patients to train on, one to choose by, three to test on, one of another site.
TOY = '''"""Rings in noise."""
from pathlib import Path
import numpy as np
from benchmark import Case, CaseInfo, DataError, Dataset, Segmentation, Study, Volume

ROLES = {"t1": "train", "t2": "train", "v1": "validation",
         "a": "test", "b": "test", "c": "test", "x": "external"}


class Toy(Dataset):
    """Rings with a scar, each in noise of its own."""

    title = "toy rings"
    licence = "CC0"
    citation = "Nobody 2024"
    synthetic = True
    redistributable = True
    unreadable: str = ""
    odd: float = 0.0

    def index(self):
        return [CaseInfo(name, role, f"p-{name}", attributes={"site": "1", "vendor": "A"})
                for name, role in ROLES.items()]

    def load(self, case_id):
        if case_id == self.unreadable:
            raise DataError(f"{case_id}.nii.gz is cut off.", "Download it again.")
        y, x = np.mgrid[-10:10, -9:9]
        radius = np.hypot(y, x)
        labels = np.zeros((3, 20, 18), dtype=np.uint8)
        labels[:, radius < 8] = 2
        labels[:, (radius < 8) & (x > 0) & (y > 0)] = 3
        labels[:, radius < 4] = 1
        noise = np.random.default_rng(list(ROLES).index(case_id)).integers(-30, 30, labels.shape)
        image = np.array([100, 400, 50, 600], dtype=np.int16)[labels] + noise.astype(np.int16)
        image[0, 0, 0] += int(self.odd) if case_id == "b" else 0
        attributes = {"only": "b" if case_id == "b" else "other"}
        study = Study(case_id, {"lge": Volume(image, (10.0, 1.5, 1.5))}, attributes, apex="first")
        return Case(study, Segmentation(labels))
'''

#: Calls itself ``Made``; {body} is what predict does with ``image`` (and ``study``).
METHOD = '''"""A method for a test."""
import os
import time
from pathlib import Path
import numpy as np
from pydantic import Field
from benchmark import Contour, Method, Region, Segmentation, Study


def happened(what):
    """Count calls across processes, where a test asks for it."""
    if "TOY_EVENTS" in os.environ:
        with open(os.environ["TOY_EVENTS"], "a") as file:
            file.write(what + "\\n")


class Made(Method):
    """Bright is scar."""

    produces = frozenset({{Region.SCAR}})
    threshold: float = Field(500.0, gt=0, description="Brighter is scar")

    def predict(self, study):
        happened(f"predict {{study.id}}")
        image = study.images["lge"].voxels
{body}
{rest}
'''
BRIGHT = "return Segmentation(np.where(image > self.threshold, 3, 0))"
#: Learns a threshold in 6 steps, each with a checkpoint.
TRAIN = """
def train(self, cases, context):
    file = context.scratch / "state.txt"
    state = [float(v) for v in file.read_text().split()] if file.exists() else []
    while len(state) < 6:
        happened(f"train {len(state)}")
        time.sleep(float(os.environ.get("TOY_SLOW", "0")))
        case = cases[len(state) % len(cases)]
        image = case.study.images["lge"].voxels
        rng = np.random.default_rng([context.seed, len(state)])
        state.append(float(image[case.reference.labels == 3].mean()) - rng.uniform(50, 90))
        partial = file.with_suffix(".partial")
        partial.write_text(" ".join(map(repr, state)))
        partial.replace(file)
    (context.folder / "threshold.txt").write_text(repr(float(np.mean(state))))

def parameter_count(self):
    return 1
"""
LEARNT = """
time.sleep(float(os.environ.get("TOY_SLOW", "0")))
limit = float((self.model / "threshold.txt").read_text())
return Segmentation(np.where(image > limit, 3, 0))
"""


def _indented(text: str, spaces: int) -> str:
    return "\n".join(" " * spaces + line for line in text.strip().splitlines())


class Plugins:
    """Writes plugin files into a folder; gives their paths, as ``--method`` takes them."""

    BRIGHT, LEARNT, TRAIN = BRIGHT, LEARNT, TRAIN

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def file(self, name: str, text: str) -> str:
        path = self.folder / f"{name}.py"
        path.write_text(text)
        return str(path)

    def toy(self) -> str:
        return self.file("toy", TOY)

    def method(self, body: str = BRIGHT, rest: str = "", name: str = "made") -> str:
        text = METHOD.format(body=_indented(body, 8), rest=_indented(rest, 4))
        return self.file(name, text)

    def trained(self, body: str = LEARNT, rest: str = TRAIN, name: str = "learner") -> str:
        return self.method(body, rest, name)


@pytest.fixture
def plugins(tmp_path: Path) -> Plugins:
    """Plugin files in a folder of their own."""
    return Plugins(tmp_path / "plugins")


@pytest.fixture
def run(plugins: Plugins, tmp_path: Path) -> Callable[..., Any]:
    """Run a method on the toy data set: ``run(path, seed=1, settings={...})``."""
    from benchmark.plan import RunRequest
    from benchmark.progress import Reporter
    from benchmark.runner import run as run_request

    def start(method: str, dataset: str | None = None, **more: Any) -> Any:
        asked = {"runs": tmp_path / "runs", "pictures": False, "threads": 1, "device": "cpu"}
        request = RunRequest(method, dataset or plugins.toy(), **{**asked, **more})
        return run_request(request, Reporter())

    return start


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What the made methods did since the last call."""
    file = tmp_path / "events.txt"
    monkeypatch.setenv("TOY_EVENTS", str(file))

    def since() -> list[str]:
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    return since


@pytest.fixture
def python(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python on a text, away from the checkout; killed when the test ends."""
    started: list[subprocess.Popen[str]] = []

    def start(text: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", text, *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # where the tests themselves run in the background of a shell, Ctrl-C is ignored
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


class DaskProcesses:
    """A Dask scheduler and workers, as a user starts them; ended with the block."""

    def __init__(self, folder: Path, workers: int = 1) -> None:
        self.workers = workers
        self.file = folder / "scheduler.json"
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *words, "--scheduler-file", str(self.file)],
            cwd=self.file.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def __enter__(self) -> tuple[str, subprocess.Popen[bytes]]:
        address = ["--host", "127.0.0.1", "--no-dashboard"]
        scheduler = self.start("scheduler", "--port", "0", *address)
        until = time.monotonic() + 60
        while not self.file.exists():
            assert time.monotonic() < until
            time.sleep(0.1)
        for _ in range(self.workers):
            self.start("worker", "--nthreads", "1", *address, "--death-timeout", "60")
        return str(json.loads(self.file.read_text())["address"]), scheduler

    def __exit__(self, *_: object) -> None:
        for process in self.started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def dask() -> type[DaskProcesses]:
    """The class that starts a cluster; its block gets the address and the scheduler's process."""
    return DaskProcesses
