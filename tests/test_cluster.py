"""Runs on a Dask cluster: the same tables, workers shared out, one training for who share it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.cli.spreading import threads_each
from benchmark.cluster import connecting
from benchmark.cluster.connecting import connected, gpus, slurm_cluster
from benchmark.cluster.executing import OnDask, wants_gpu
from benchmark.cluster.held import Task, do
from benchmark.cluster.matrix import drive_all
from benchmark.cluster.shares import Shares
from benchmark.errors import BenchError, DataError, UsageError
from benchmark.limits import Limits
from benchmark.plan import RunRequest
from benchmark.progress import Reporter
from benchmark.workers import usable_cpus

distributed = pytest.importorskip("distributed")

TABLES = ("scores.parquet", "counts.parquet", "features.parquet")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two workers in processes of their own."""
    with connected("local", 2, Reporter()) as client:
        client.wait_for_workers(2)
        yield client


def drive_on(client: Any, requests: list[RunRequest]) -> dict[int, Any]:
    client.wait_for_workers(2, timeout=60)
    runs, limits = requests[0].runs, Limits(timeout_s=120)
    with OnDask(client, limits, runs, gpu=False, reporter=Reporter()) as cluster:
        return dict(drive_all(requests, cluster, Reporter()))


def tables(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in TABLES}


def test_the_tables_of_a_matrix_are_those_of_one_process_byte_for_byte(
    plugins: Any, run: Callable[..., Any], client: Any, tmp_path: Path
) -> None:
    learner, toy = plugins.trained(), plugins.toy()
    crashing = plugins.method('if study.id == "b": os.kill(os.getpid(), 9)\n' + plugins.BRIGHT)
    asked: dict[str, Any] = {"pictures": False, "threads": 1, "device": "cpu"}
    requests = [
        RunRequest(method, toy, seed=seed, runs=tmp_path / "spread", **asked)
        for method, seed in ((learner, 0), (learner, 1), (crashing, 0))
    ]
    came = drive_on(client, requests)
    assert all(not isinstance(came[i], BenchError) for i in range(3))
    for seed in (0, 1):
        plain = run(learner, toy, seed=seed)
        assert came[seed].path.name == plain.path.name
        assert tables(came[seed].path) == tables(plain.path)
        assert came[seed].cases == {"ok": 4}
    # What a plugin does to its process is one case's, and the worker goes on.
    assert came[2].cases == {"ok": 3, "error": 1}
    assert "SIGKILL" in came[2].errors["b"]
    assert not list((tmp_path / "spread").glob(".shared-*"))


def test_runs_that_share_a_training_train_once(plugins: Any, client: Any, tmp_path: Path) -> None:
    events = tmp_path / "events.txt"
    learnt = plugins.trained().removesuffix(".py")
    text = Path(f"{learnt}.py").read_text().replace('"TOY_EVENTS"', '"NOBODY_SETS"')
    # Workers started before this test: the place to count in is in the code.
    head = "def happened(what):"
    text = text.replace(head, f"{head}\n    open({str(events)!r}, 'a').write(what + chr(10))")
    path = plugins.file("learner", text)
    toy = plugins.toy()
    asked: dict[str, Any] = {"runs": tmp_path / "runs", "pictures": False, "threads": 1,
                             "device": "cpu"}  # fmt: skip
    requests = [
        RunRequest(path, toy, evaluate=roles, **asked) for roles in (("test",), ("external",))
    ]
    came = drive_on(client, requests)
    assert [came[i].cases for i in (0, 1)] == [{"ok": 3}, {"ok": 1}]
    assert len([x for x in events.read_text().splitlines() if x.startswith("train")]) == 6


def test_a_killed_worker_does_not_change_a_run(
    plugins: Any, run: Callable[..., Any], client: Any, tmp_path: Path
) -> None:
    slow = plugins.method("time.sleep(0.7)\n" + plugins.BRIGHT)
    toy = plugins.toy()
    client.wait_for_workers(2, timeout=60)
    pids = list(client.run(os.getpid).values())

    class Killing(Reporter):
        def stage(self, name: str, total: int) -> Any:
            if name == "predict":
                os.kill(pids[0], signal.SIGKILL)
            return super().stage(name, total)

    request = RunRequest(slow, toy, runs=tmp_path / "spread", pictures=False, threads=1,
                         device="cpu")  # fmt: skip
    with OnDask(client, Limits(), request.runs, gpu=False, reporter=Reporter()) as cluster:
        [(_, came)] = drive_all([request], cluster, Killing())
    assert came.cases == {"ok": 4}
    assert tables(came.path) == tables(run(slow, toy).path)


def test_an_interrupt_leaves_no_thread_that_waits(
    plugins: Any, client: Any, tmp_path: Path
) -> None:
    hanging = plugins.method("time.sleep(600)")
    client.wait_for_workers(2, timeout=60)
    requests = [RunRequest(hanging, plugins.toy(), runs=tmp_path / "runs", pictures=False,
                           threads=n, device="cpu") for n in (1, 2, 3)]  # fmt: skip
    before = threading.active_count()
    with OnDask(
        client, Limits(timeout_s=15.0), tmp_path / "runs", gpu=False, reporter=Reporter()
    ) as cluster:
        timer = threading.Timer(3.0, cluster.stop)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            list(drive_all(requests, cluster, Reporter()))
    until = time.monotonic() + 30
    while [t for t in threading.enumerate() if t.name.startswith("run_")]:
        assert time.monotonic() < until
    assert threading.active_count() <= before + 4  # Dask keeps some of its own


def test_workers_are_dealt_to_runs_and_those_of_one_that_ends_to_the_others() -> None:
    there = {"w1": 1, "w2": 2, "w3": 1}
    shares = Shares(lambda: dict(there))
    assert shares.join("a")
    assert shares.of("a") == there
    assert shares.join("b")
    assert len(shares.of("a")) == 2
    assert len(shares.of("b")) == 1
    assert not set(shares.of("a")) & set(shares.of("b"))
    [lone] = shares.of("b")
    del there[lone]  # b's worker is lost: a gives one
    assert len(shares.of("b")) == 1
    assert len(shares.of("a")) == 1
    shares.leave("a")
    assert shares.of("b") == there
    there["w9"] = 4
    assert shares.of("b") == there
    there.clear()
    assert shares.of("b") == {}


def test_a_run_waits_for_a_worker_of_its_own_until_there_is_one_or_none_to_be_had() -> None:
    shares = Shares(lambda: {"w1": 1})
    assert shares.join("a")
    entered: list[bool] = []
    waiting = threading.Thread(target=lambda: entered.append(shares.join("b")))
    waiting.start()
    shares.leave("a")
    waiting.join(20)
    assert entered == [True]
    last = threading.Thread(target=lambda: entered.append(shares.join("c")))
    last.start()
    shares.close()
    last.join(20)
    assert entered == [True, False]


@pytest.mark.parametrize(
    ("scheduler", "jobs", "threads", "expected"),
    [
        (None, None, None, None),
        (None, 1, None, None),
        (None, 2, 3, 3),
        (None, 2, None, max(1, usable_cpus() // 2)),
        ("local", 1000, None, 1),
        ("tcp://host:8786", None, None, 1),
        ("slurm", 4, None, 1),
        ("slurm", 4, 8, 8),
    ],
)
def test_runs_side_by_side_never_take_more_threads_than_there_are_cpus(
    scheduler: str | None, jobs: int | None, threads: int | None, expected: int | None
) -> None:
    assert threads_each(scheduler, jobs, threads) == expected


class Info:
    """A client that tells of workers."""

    def __init__(self, *gpus: int) -> None:
        self.workers = {f"w{i}": {"nthreads": 4, "resources": {"GPU": n} if n else {}}
                        for i, n in enumerate(gpus)}  # fmt: skip

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        return {"workers": self.workers}


def test_what_may_use_a_gpu_goes_to_workers_that_have_one_and_one_at_a_time(
    tmp_path: Path,
) -> None:
    assert wants_gpu("auto", Info(0, 1))
    assert not wants_gpu("auto", Info(0, 0))
    assert not wants_gpu("cpu", Info(1, 1))
    assert wants_gpu("cuda", Info(1))
    with pytest.raises(UsageError, match="No worker has a GPU"):
        wants_gpu("cuda", Info(0))
    with pytest.raises(UsageError, match="has the device it was given"):
        wants_gpu("cuda:1", Info(1))
    cluster = OnDask(Info(0, 1, 1), Limits(), tmp_path, gpu=True, reporter=Reporter())
    assert cluster.shares.join("a")
    assert cluster.shares.of("a") == {"w1": 1, "w2": 1}  # one thread each: one training a device


def test_each_process_of_this_machine_gets_a_gpu_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: dict[str, Any] = {}

    class Spec:
        def __init__(self, **options: Any) -> None:
            made.update(options)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(distributed, "SpecCluster", Spec)
    with connecting._local(distributed, 3, ["0", "5"]):
        options = [made["workers"][i]["options"] for i in range(3)]
    assert [o.get("resources") for o in options] == [{"GPU": 1}, {"GPU": 1}, None]
    assert [o.get("env", {}).get("CUDA_VISIBLE_DEVICES") for o in options] == ["0", "5", None]
    assert {o["nthreads"] for o in options} == {1}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 1")
    assert gpus() == ["3", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert gpus() == []


def test_a_worker_that_is_slow_to_start_anew_is_not_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = pytest.importorskip("dask").config
    name = "distributed.deploy.lost-worker-timeout"
    before = config.get(name)
    during: list[str] = []

    class Spec:
        def __init__(self, **options: Any) -> None:
            pass

        def __enter__(self) -> Any:
            during.append(config.get(name))

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(distributed, "SpecCluster", Spec)
    with connecting._local(distributed, 2, []):
        pass
    assert during == ["1 hour"]  # Dask's 15 seconds are not enough for a busy machine
    assert config.get(name) == before


def test_slurm_jobs_are_asked_for_as_the_user_configured_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dask = pytest.importorskip("dask")
    pytest.importorskip("dask_jobqueue")
    log = tmp_path / "sbatch.txt"
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text(f'#!/bin/sh\ncat "$1" >> {log}\necho "Submitted batch job 7"\n')
    (tmp_path / "bin" / "scancel").write_text("#!/bin/sh\n")
    for program in sbatch.parent.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(sbatch.parent), prepend=os.pathsep)
    asked = {"jobqueue.slurm.cores": 4, "jobqueue.slurm.memory": "16GB",
             "jobqueue.slurm.processes": 2, "jobqueue.slurm.walltime": "12:00:00",
             "jobqueue.slurm.queue": "cardiac"}  # fmt: skip
    with dask.config.set(asked), slurm_cluster(2) as cluster:
        script = cluster.job_script()
        until = time.monotonic() + 30
        while not log.exists() or log.read_text().count("#SBATCH -p cardiac") < 2:
            assert time.monotonic() < until
            time.sleep(0.1)
    for line in ("#SBATCH -p cardiac", "#SBATCH --cpus-per-task=4", "#SBATCH --mem=15G",
                 "#SBATCH -t 12:00:00"):  # fmt: skip
        assert line in script
    assert "--nworkers 2" in script
    with pytest.raises(UsageError, match="Add --jobs N"), slurm_cluster(None):
        pass
    with pytest.raises(UsageError, match="jobqueue: slurm:"), slurm_cluster(1):
        pass


def test_a_worker_that_does_not_see_the_runs_says_so(tmp_path: Path) -> None:
    request = RunRequest("m", "d", runs=tmp_path)
    task = Task("begin", request, (), Limits(), tmp_path, tmp_path / "elsewhere" / "probe")
    error = do(task).error
    assert isinstance(error, DataError)
    assert "does not see" in error.problem
    assert str(tmp_path / "elsewhere") in error.problem


def test_the_command_runs_a_matrix_on_two_processes_and_leaves_none(
    plugins: Any, tmp_path: Path
) -> None:
    made, toy = plugins.method(), plugins.toy()
    broken = plugins.method("x = 1", rest=plugins.TRAIN.replace("state = [", "1 / 0 #"), name="off")
    words = [sys.executable, "-m", "benchmark", "run", "-d", toy, "--no-pictures"]
    words += ["--threads", "1", "--json", "-m", made]
    asked: dict[str, Any] = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 150}
    plain = subprocess.run([*words, "--runs", "one"], **asked)
    spread = subprocess.run([*words, "-m", broken, "--runs", "two", "--jobs", "2"], **asked)
    assert plain.returncode == 0, plain.stderr
    assert spread.returncode == 4, spread.stderr
    [first], [second, failed] = json.loads(plain.stdout), json.loads(spread.stdout)
    assert second["run"] == first["run"].replace("one", "two")
    assert tables(tmp_path / second["run"]) == tables(tmp_path / first["run"])
    assert "ZeroDivisionError" in failed["error"] or "Training" in failed["error"]


def test_the_command_through_a_scheduler_that_runs_writes_the_same_bytes(
    plugins: Any, dask: Any, tmp_path: Path
) -> None:
    words = [sys.executable, "-m", "benchmark", "run", "-d", plugins.toy(), "--no-pictures",
             "--threads", "1", "--json", "-m", plugins.trained(), "--seeds", "2"]  # fmt: skip
    asked: dict[str, Any] = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 300}
    plain = subprocess.run([*words, "--runs", "one"], **asked)
    assert plain.returncode == 0, plain.stderr
    with dask(tmp_path, workers=2) as (address, scheduler):
        spread = subprocess.run([*words, "--runs", "two", "--scheduler", address], **asked)
        assert spread.returncode == 0, spread.stderr
        again = subprocess.run([*words, "--runs", "two", "--scheduler", address], **asked)
        scheduler.kill()
        lost = subprocess.run([*words, "--runs", "three", "--scheduler", address], **asked)
    for one, two, three in zip(
        *(json.loads(r.stdout) for r in (plain, spread, again)), strict=True
    ):
        assert two["run"] == three["run"] == one["run"].replace("one", "two")
        assert three["cached"]
        assert tables(tmp_path / two["run"]) == tables(tmp_path / one["run"])
        for made in ("predictions/*.nii.gz", "model/*"):
            files = sorted((tmp_path / one["run"]).glob(made))
            assert files
            for file in files:
                other = tmp_path / two["run"] / file.relative_to(tmp_path / one["run"])
                assert other.read_bytes() == file.read_bytes()
    assert lost.returncode == 2
    assert "No Dask scheduler answers" in lost.stderr
