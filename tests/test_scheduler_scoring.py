"""Scoring through a Dask scheduler: the same bytes, whatever dies meanwhile."""

from __future__ import annotations

import importlib
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from benchmark.casework import Work
from benchmark.cluster.chunks import PROBE, Chunk, code, score_chunk
from benchmark.cluster.connecting import connected
from benchmark.cluster.portions import portion
from benchmark.cluster.scoring import OnCluster
from benchmark.errors import DataError, UsageError
from benchmark.evaluate import Interrupted, evaluate
from benchmark.journal import records
from benchmark.kept import FOLDER, Kept
from benchmark.labels import CANONICAL
from benchmark.masks import find_files
from benchmark.progress import Reporter
from benchmark.references import FolderReferences

distributed = pytest.importorskip("distributed")
# What is run inside workers goes there as code: they cannot import a test.
importlib.import_module("cloudpickle").register_pickle_by_value(sys.modules[__name__])

CASES = 40
Connect = Callable[[], AbstractContextManager[Any]]


def save(path: Path, shift: int) -> None:
    labels = np.zeros((14, 10, 3), np.uint8)
    labels[2:9, 2:8, :2] = 2
    labels[4:7, 4:6, :2] = 1
    labels[2 + shift : 4 + shift, 3:6, :2] = 3
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(labels, np.diag([1.5, 1.25, 8.0, 1.0])), path)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Forty cases; one has no prediction, one a broken one."""
    for i in range(CASES):
        save(tmp_path / "ref" / f"c{i:02d}.nii.gz", 0)
        if i != 4:
            save(tmp_path / "pred" / f"c{i:02d}.nii.gz", i % 5)
    broken = tmp_path / "pred" / "c01.nii.gz"
    broken.write_bytes(broken.read_bytes()[:-9])
    return tmp_path / "ref", tmp_path / "pred"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two workers in processes of their own."""
    with connected("local", 2, Reporter()) as client:
        client.wait_for_workers(2)
        yield client


@pytest.fixture
def connect(cluster: Any) -> Connect:
    cluster.wait_for_workers(2, timeout=30)
    return lambda: nullcontext(cluster)


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


def pids(client: Any) -> list[int]:
    return list(client.run(os.getpid).values())


def test_two_workers_write_the_bytes_of_the_plain_loop(
    folders: tuple[Path, Path], tmp_path: Path, connect: Connect
) -> None:
    evaluate(*folders, tmp_path / "plain")
    summary = evaluate(*folders, tmp_path / "out", elsewhere=OnCluster(connect, cases=7))
    assert contents(tmp_path / "out") == contents(tmp_path / "plain")
    assert (summary.jobs, summary.scored, summary.missing) == (2, CASES - 2, ("c04",))
    assert list(summary.failed) == ["c01"]


def test_relative_paths_are_found_by_workers_and_told_as_typed(
    folders: tuple[Path, Path], tmp_path: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # not where the workers are
    evaluate(Path("ref"), Path("pred"), Path("plain"))
    summary = evaluate(Path("ref"), Path("pred"), Path("out"), elsewhere=OnCluster(connect))
    assert contents(tmp_path / "out") == contents(tmp_path / "plain")
    assert summary.failed["c01"].startswith("pred/c01.nii.gz ")
    assert b"pred/c01.nii.gz" in (tmp_path / "out" / "scores.csv").read_bytes()
    assert str(tmp_path).encode() not in (tmp_path / "out" / "scores.csv").read_bytes()


def test_contours_images_and_probabilities_reach_the_workers(
    folders: tuple[Path, Path], tmp_path: Path, connect: Connect
) -> None:
    reference, prediction = folders
    for i in range(CASES):
        image = np.random.default_rng(i).integers(0, 500, (14, 10, 3)).astype(np.int16)
        affine = np.diag([1.5, 1.25, 8.0, 1.0])
        (tmp_path / "images").mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(image, affine), tmp_path / "images" / f"c{i:02d}.nii.gz")
        (tmp_path / "maps" / "scar").mkdir(parents=True, exist_ok=True)
        given = nib.Nifti1Image((image / 500).astype(np.float32), affine)
        nib.save(given, tmp_path / "maps" / "scar" / f"c{i:02d}.nii.gz")
    asked: dict[str, Any] = {"images": tmp_path / "images", "probabilities": tmp_path / "maps"}
    evaluate(reference, prediction, tmp_path / "plain", **asked)
    evaluate(reference, prediction, tmp_path / "out", elsewhere=OnCluster(connect), **asked)
    assert contents(tmp_path / "out") == contents(tmp_path / "plain")


def test_what_is_sent_for_a_case_does_not_grow_with_the_others(folders: tuple[Path, Path]) -> None:
    reference, prediction = folders
    found = find_files(prediction, "prediction", "Contours")
    work = Work(FolderReferences(reference, CANONICAL), found, CANONICAL)
    keys = work.keys()
    one, two = ({case: keys[case] for case in names} for names in (["c00"], ["c00", "c02"]))
    sizes = [len(pickle.dumps(portion(work, part))) for part in (one, two)]
    assert sizes[1] - sizes[0] < 1000
    assert sizes[0] < 4000
    sent = pickle.loads(pickle.dumps(portion(work, one)))
    assert list(sent.work.source.load("c00").labels.shape) == [3, 10, 14]
    assert sent.work.keys  # and it is all that scoring needs


class Killer(Reporter):
    """Kills a worker once some cases are done."""

    def __init__(self, client: Any, after: int) -> None:
        self.client, self.left = client, after

    def stage(self, name: str, total: int) -> Any:
        def advance(case: str) -> None:
            self.left -= 1
            if self.left == 0:
                os.kill(pids(self.client)[0], signal.SIGKILL)

        return nullcontext(advance)


def test_a_killed_worker_costs_nothing_that_is_seen(
    folders: tuple[Path, Path], tmp_path: Path, cluster: Any, connect: Connect
) -> None:
    evaluate(*folders, tmp_path / "plain")
    killer = Killer(cluster, 3)
    evaluate(*folders, tmp_path / "out", elsewhere=OnCluster(connect, cases=2), reporter=killer)
    assert killer.left < 0
    assert contents(tmp_path / "out") == contents(tmp_path / "plain")


def test_a_case_that_kills_every_worker_is_a_row_and_the_others_are_scored(
    folders: tuple[Path, Path], tmp_path: Path, cluster: Any, connect: Connect
) -> None:
    evaluate(*folders, tmp_path / "plain")
    (tmp_path / "deadly").write_text("c07")

    def arm(name: str) -> None:
        """Dies with the case that a file names: there for workers that start anew, too."""
        from benchmark import casework

        real = casework.score_case

        def score(task: Any, **options: Any) -> Any:
            if task.case == Path(name).read_text():
                os.kill(os.getpid(), signal.SIGKILL)
            return real(task, **options)

        casework.score_case = score

    plugin = Preload(arm, str(tmp_path / "deadly"))
    cluster.register_plugin(plugin, name="deadly")
    try:
        summary = evaluate(*folders, tmp_path / "out", elsewhere=OnCluster(connect, cases=10))
    finally:
        (tmp_path / "deadly").write_text("")
        cluster.unregister_worker_plugin("deadly")
    assert list(summary.failed) == ["c01", "c07"]
    assert "every process that tried to died" in summary.failed["c07"]
    ours, plain = ((tmp_path / f / "scores.csv").read_text().splitlines() for f in ("out", "plain"))
    assert [x for x in ours if "c07," not in x] == [x for x in plain if "c07," not in x]
    scored = [x for x in ours if "c07," in x and ",not_applicable," not in x]
    assert scored
    assert all(",error," in x for x in scored)


class Preload(distributed.WorkerPlugin):  # type: ignore[misc,name-defined]
    """Runs a function in each worker as it starts; :mod:`cloudpickle` sends it whole."""

    def __init__(self, start: Callable[[str], None], argument: str) -> None:
        self.start, self.argument = start, argument

    def setup(self, worker: Any) -> None:
        self.start(self.argument)


def test_an_interrupted_scoring_goes_on_with_any_other_way_to_score(
    folders: tuple[Path, Path], tmp_path: Path, connect: Connect
) -> None:
    class Impatient(Reporter):
        def stage(self, name: str, total: int) -> Any:
            done: list[str] = []

            def advance(case: str) -> None:
                done.append(case)
                if len(done) == 9:
                    raise KeyboardInterrupt

            return nullcontext(advance)

    evaluate(*folders, tmp_path / "plain")
    out = tmp_path / "out"
    with pytest.raises(Interrupted) as stopped:
        evaluate(*folders, out, elsewhere=OnCluster(connect, cases=3), reporter=Impatient())
    assert 7 <= stopped.value.kept < CASES
    assert any(path.stem.startswith("worker-") for path in (out / FOLDER).glob("*.journal"))
    assert evaluate(*folders, out).resumed >= 7
    assert contents(out) == contents(tmp_path / "plain")


def test_a_scheduler_that_is_lost_costs_only_what_was_in_flight(
    folders: tuple[Path, Path], tmp_path: Path, dask: Any
) -> None:
    evaluate(*folders, tmp_path / "plain")
    out = tmp_path / "out"
    with dask(tmp_path) as (address, scheduler):

        class Killing(Reporter):
            def stage(self, name: str, total: int) -> Any:
                done: list[str] = []

                def advance(case: str) -> None:
                    done.append(case)
                    if len(done) == 5:
                        scheduler.kill()

                return nullcontext(advance)

        elsewhere = OnCluster(lambda: connected(address, None, Reporter()), cases=2)
        with pytest.raises(DataError, match=r"scheduler at .* is gone.*the same command goes on"):
            evaluate(*folders, out, elsewhere=elsewhere, reporter=Killing())
    assert sum(1 for p in (out / FOLDER).glob("*.journal") for _ in records(p)) >= 5
    assert evaluate(*folders, out).resumed >= 4
    assert contents(out) == contents(tmp_path / "plain")


def chunk_of(folders: tuple[Path, Path], out: Path, **changed: Any) -> Chunk:
    found = find_files(folders[1], "prediction", "Contours")
    work = Work(FolderReferences(folders[0], CANONICAL), found, CANONICAL)
    keys = dict(list(work.keys().items())[:3])
    out.mkdir(exist_ok=True)
    (out / PROBE).write_text("token")
    given = {"portion": portion(work, keys), "folder": out, "token": "token", "code": code()}
    return Chunk(**{**given, **changed})


def test_a_worker_with_other_code_or_another_disk_says_so(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"another version.*Install the same versions"):
        score_chunk(chunk_of(folders, tmp_path / "out", code="other"))
    with pytest.raises(DataError, match=r"does not see what is written to .*a disk that all"):
        score_chunk(chunk_of(folders, tmp_path / "out", folder=tmp_path / "nowhere"))
    with pytest.raises(DataError, match="does not see"):
        score_chunk(chunk_of(folders, tmp_path / "out", token="of another scoring"))


def test_a_process_writes_the_chunks_of_a_scoring_into_one_journal_and_after_an_error_another(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunk = chunk_of(folders, tmp_path / "out")
    first, answers = score_chunk(chunk)
    assert [a.case for a in answers] == ["c00", "c01", "c02"]
    second, more = score_chunk(chunk)
    assert (second, len(list(records(Path(first))))) == (first, 6)
    assert [a.place.offset for a in more] > [a.place.offset for a in answers]
    with monkeypatch.context() as patch:
        patch.setattr("benchmark.cluster.chunks.encoded", lambda scores: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            score_chunk(chunk)
    assert score_chunk(chunk)[0] != first


def test_chunks_side_by_side_in_one_process_do_not_share_a_journal(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    chunk, found = chunk_of(folders, tmp_path / "out"), []
    threads = [threading.Thread(target=lambda: found.append(score_chunk(chunk))) for _ in "ab"]
    for thread in threads:
        thread.start()
        thread.join()
    with Kept(tmp_path / "kept", ["x"]) as kept:
        assert kept.fresh(1)[0].name == "000001.journal"
    assert {Path(journal).parent for journal, _ in found} == {tmp_path / "out"}
    assert all(len(answers) == 3 for _, answers in found)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("nowhere", r"'nowhere' is no address of a scheduler: it names no host and port\. Write"),
        ("tcp://127.0.0.1", "it names no host and port"),
        ("tcp://:8786", "it names no host and port"),
        ("tcp://127.0.0.1:70000", "it names no host and port"),
        ("foo://127.0.0.1:8786", "Dask has no protocol 'foo' here"),
        ("tls://127.0.0.1:1", "needs certificates .* none are named"),
    ],
)
def test_what_is_no_address_is_said_before_a_client_is_made(
    monkeypatch: pytest.MonkeyPatch, address: str, says: str
) -> None:
    """A client that never connected hangs when it is thrown away, and prints a traceback."""
    monkeypatch.setattr("distributed.Client", lambda *_, **__: pytest.fail("made a client"))
    with pytest.raises(UsageError, match=says), connected(address, None, Reporter()):
        pytest.fail("connected")


@pytest.mark.parametrize("first", [b"", b"SSH-2.0-OpenSSH_9.2p1\r\n", bytes(64)])
def test_a_stranger_at_the_port_is_no_scheduler(
    monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr("distributed.Client", lambda *_, **__: pytest.fail("made a client"))
    monkeypatch.setattr("benchmark.cluster.connecting._ANSWERS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"

        def greet() -> None:
            with suppress(OSError):
                other = server.accept()[0]
                with other:
                    other.sendall(first)
                    other.recv(1)
                    time.sleep(3 if not first else 0)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        with pytest.raises(DataError) as caught, connected(address, None, Reporter()):
            pytest.fail("connected")
        thread.join()
    assert caught.value.problem == (
        f"No Dask scheduler answers at {address}: what is there does not answer as Dask does."
    )


def test_a_tls_address_that_does_not_answer_leaves_no_traceback_and_no_hang(
    tmp_path: Path,
) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=here -keyout key -out cert"
    subprocess.run([openssl, *words.split()], cwd=tmp_path, check=True, capture_output=True)
    code = """
import dask
from benchmark.cluster import connecting
from benchmark.errors import DataError
from benchmark.progress import Reporter
connecting._ANSWERS = 1.0
files = {"ca-file": "cert", "client.cert": "cert", "client.key": "key"}
dask.config.set({f"distributed.comm.tls.{name}": file for name, file in files.items()})
try:
    with connecting.connected("tls://127.0.0.1:1", None, Reporter()):
        pass
except DataError as error:
    print(error)
"""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True,
                          text=True, timeout=120)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("No Dask scheduler answers at tls://127.0.0.1:1: Timed out")
    assert time.monotonic() - began < 30


def test_what_cannot_be_asked_of_a_scheduler_is_said(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go(scheduler: str, jobs: int | None) -> None:
        with connected(scheduler, jobs, Reporter()):
            pytest.fail("connected")

    with pytest.raises(UsageError, match="Leave --jobs out"):
        go("tcp://127.0.0.1:1", 2)
    with pytest.raises(UsageError, match="0 jobs"):
        go("local", 0)
    with pytest.raises(UsageError, match="no address"):
        go("some/where", None)
    monkeypatch.setattr("benchmark.cluster.connecting._ANSWERS", 1.0)
    with pytest.raises(DataError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        go("tcp://127.0.0.1:1", None)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"not installed.* pip install 'scarbench\[scale\]'"):
        go("local", 2)


def test_the_command_scores_on_processes_of_its_own_and_leaves_none(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    words = [sys.executable, "-m", "benchmark", "score", "-r", "ref", "-p", "pred", "-o"]
    asked = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 120}
    plain = subprocess.run([*words, "plain"], **asked)  # type: ignore[call-overload]
    spread = subprocess.run([*words, "out", "--scheduler", "local", "--jobs", "2"], **asked)  # type: ignore[call-overload]
    assert (plain.returncode, spread.returncode) == (4, 4)
    assert contents(tmp_path / "out") == contents(tmp_path / "plain")
    assert spread.stdout.replace("out", "plain") == plain.stdout.replace("out", "plain")
    told = [
        [x for x in done.stderr.splitlines() if " steps in " not in x] for done in (spread, plain)
    ]
    assert told[0] == told[1]  # but how long it took, which is said of what takes long
