"""Scoring that is interrupted, killed or spread over processes writes what it would have alone."""

from __future__ import annotations

import csv
import gc
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pyarrow as pa
import pytest

from benchmark import Case, CaseInfo, Dataset, Segmentation, Study, Volume, casework
from benchmark.case_rows import ScoreFiles, encoded
from benchmark.errors import DataError, UsageError
from benchmark.evaluate import Interrupted, evaluate
from benchmark.journal import KEY, Journal, records
from benchmark.kept import FOLDER, Kept
from benchmark.parquet import TableWriter
from benchmark.presets import PresetTable, preset
from benchmark.progress import Reporter
from benchmark.references import DatasetReferences, file_stamp
from benchmark.scoring import CaseScores, ScoreTask, score_case
from benchmark.workers import AHEAD, ahead, frugal

SPACING = (1.5, 1.25, 8.0)
CASES = 9
NAMES = ["counts.parquet", "features.parquet", "scores.csv", "scores.parquet"]
Folders = tuple[Path, Path, Path]


def save(path: Path, voxels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, np.diag([*SPACING, 1.0])), path)


def heart(shift: int) -> np.ndarray:
    labels = np.zeros((14, 10, 3), np.uint8)
    labels[2:9, 2:8, :2] = 2
    labels[4:7, 4:6, :2] = 1
    labels[2 + shift : 4 + shift, 3:6, :2] = 3
    return labels


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Nine cases; one has no prediction, one a broken one."""
    for i in range(CASES):
        save(tmp_path / "ref" / f"c{i}.nii.gz", heart(0))
        if i != 4:
            save(tmp_path / "pred" / f"c{i}.nii.gz", heart(i % 5))
    broken = tmp_path / "pred" / "c1.nii.gz"
    broken.write_bytes(broken.read_bytes()[:-9])
    return tmp_path / "ref", tmp_path / "pred", tmp_path / "out"


@pytest.fixture
def undisturbed(folders: Folders) -> dict[str, bytes]:
    reference, prediction, out = folders
    evaluate(reference, prediction, out.with_name("undisturbed"))
    return contents(out.with_name("undisturbed"))


def contents(out: Path) -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in out.iterdir()}
    assert sorted(found) == NAMES  # and no journal
    return found


def kept(out: Path) -> int:
    return sum(1 for path in (out / FOLDER).glob("*.journal") for _ in records(path))


@contextmanager
def stopped_after(cases: int) -> Iterator[list[str]]:
    """Ctrl-C as the case after so many is scored; gives the cases that were begun."""
    begun: list[str] = []

    def score(task: ScoreTask, **options: Any) -> CaseScores:
        begun.append(task.case)
        if len(begun) > cases:
            raise KeyboardInterrupt
        return score_case(task, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(casework, "score_case", score)
        yield begun


def interrupted(folders: Folders, after: int, **options: Any) -> Interrupted:
    with stopped_after(after), pytest.raises(Interrupted) as caught:
        evaluate(*folders, **options)
    return caught.value


@pytest.mark.parametrize("jobs", [2, 3])
def test_the_bytes_do_not_depend_on_how_many_processes_score(
    folders: Folders, undisturbed: dict[str, bytes], jobs: int
) -> None:
    summary = evaluate(*folders, jobs=jobs)
    assert contents(folders[2]) == undisturbed
    assert (summary.jobs, summary.resumed, summary.scored) == (jobs, 0, CASES - 2)
    assert (summary.missing, list(summary.failed)) == (("c4",), ["c1"])
    assert multiprocessing.active_children() == []


def test_there_are_no_more_processes_than_cases_and_few_cases_are_not_worth_one(
    folders: Folders,
) -> None:
    assert evaluate(*folders, jobs=None).jobs == 1
    with pytest.raises(UsageError, match="0 jobs"):
        evaluate(*folders, jobs=0)


def test_an_interrupted_scoring_goes_on_with_what_is_left(
    folders: Folders, undisturbed: dict[str, bytes]
) -> None:
    stop = interrupted(folders, 4)
    # The broken one is not counted: it is tried again.
    assert (stop.kept, stop.cases, stop.out) == (3, CASES, folders[2])
    assert [path.name for path in folders[2].iterdir()] == [FOLDER]
    with stopped_after(99) as begun:
        summary = evaluate(*folders)
    assert summary.resumed == 3
    assert begun == ["c1", "c4", "c5", "c6", "c7", "c8"]
    assert (summary.missing, list(summary.failed)) == (("c4",), ["c1"])
    assert contents(folders[2]) == undisturbed


def test_interrupted_again_and_again_it_comes_to_the_same(
    folders: Folders, undisturbed: dict[str, bytes]
) -> None:
    for expected in (0, 1, 2, 3):  # the broken case is the second each time
        assert interrupted(folders, 2 if expected else 1).kept == expected + 1
    assert evaluate(*folders, jobs=2).resumed == 4
    assert contents(folders[2]) == undisturbed


def test_what_changed_meanwhile_is_scored_again(folders: Folders) -> None:
    reference, prediction, out = folders
    interrupted(folders, 7)
    before = (prediction / "c2.nii.gz").stat()
    save(prediction / "c2.nii.gz", heart(0))
    # Not even the time of the file tells.
    os.utime(prediction / "c2.nii.gz", ns=(before.st_atime_ns, before.st_mtime_ns))
    save(reference / "c3.nii.gz", heart(1))
    with stopped_after(99) as begun:
        evaluate(*folders)
    assert begun == ["c1", "c2", "c3", "c7", "c8"]
    evaluate(reference, prediction, out.with_name("anew"))
    assert contents(out) == contents(out.with_name("anew"))


@pytest.mark.parametrize(
    "options", [{"metrics": ["dice"]}, {"apex": "first"}, {"prediction_labels": "scar=3"}]
)
def test_other_options_start_over(
    folders: Folders, undisturbed: dict[str, bytes], options: dict[str, Any]
) -> None:
    from benchmark.labels import parse_labels

    if "prediction_labels" in options:
        options = {"prediction_labels": parse_labels("cavity=1;myocardium=2;scar=3")}
    assert interrupted(folders, 5, **options).kept == 4
    assert evaluate(*folders).resumed == 0
    assert contents(folders[2]) == undisturbed


def test_other_code_starts_over(
    folders: Folders, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("benchmark.casework.engine_hash", lambda name: "of older code")
        interrupted(folders, 5)
    assert evaluate(*folders).resumed == 0
    assert contents(folders[2]) == undisturbed


@pytest.mark.parametrize("cut", [1, 30, 4000])
def test_a_cut_journal_is_believed_as_far_as_it_is_whole(
    folders: Folders, undisturbed: dict[str, bytes], cut: int
) -> None:
    interrupted(folders, 6)
    (journal,) = (folders[2] / FOLDER).glob("*.journal")
    ends = [place.offset + place.length for _, place in records(journal)]
    whole = journal.read_bytes()[:-cut]
    journal.write_bytes(whole)
    # One record, of the broken case, is never believed.
    assert evaluate(*folders).resumed == sum(end <= len(whole) for end in ends) - 1
    assert contents(folders[2]) == undisturbed


def test_a_file_that_could_not_be_read_is_tried_again(folders: Folders) -> None:
    prediction = folders[1]
    interrupted(folders, 4)
    whole, broken = (prediction / f"c{i}.nii.gz" for i in (5, 1))
    before = broken.stat()
    broken.write_bytes(whole.read_bytes())
    os.utime(broken, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert dict(evaluate(*folders).failed) == {}


def test_a_misfit_leaves_nothing_behind_but_what_was_kept(
    folders: Folders, undisturbed: dict[str, bytes]
) -> None:
    _, prediction, out = folders
    save(prediction / "x.nii.gz", heart(0))
    with pytest.raises(DataError, match=r"x\.nii\.gz belongs to no reference case"):
        evaluate(*folders, jobs=2)
    assert list(out.iterdir()) == []
    (prediction / "x.nii.gz").unlink()
    interrupted(folders, 5)
    save(prediction / "x.nii.gz", heart(0))
    with pytest.raises(DataError, match=r"x\.nii\.gz belongs to no reference case"):
        evaluate(*folders)
    (prediction / "x.nii.gz").unlink()
    assert evaluate(*folders).resumed == 4
    assert contents(out) == undisturbed


def test_an_interruption_before_the_first_case_leaves_nothing(folders: Folders) -> None:
    assert interrupted(folders, 0).kept == 0
    assert list(folders[2].iterdir()) == []


def test_what_could_not_be_read_is_nothing_to_keep(folders: Folders) -> None:
    (folders[1] / "c0.nii.gz").write_bytes(b"")
    assert interrupted(folders, 2).kept == 0
    assert list(folders[2].iterdir()) == []


def test_presets_are_right_after_a_resume(folders: Folders) -> None:
    reference, prediction, out = folders

    def scored(to: Path) -> bytes:
        with PresetTable(preset("emidec-official"), out.with_name(f"{to.name}.csv")) as table:
            evaluate(reference, prediction, to, watch=table.add)
        return table.path.read_bytes()

    expected = scored(out.with_name("first"))
    interrupted(folders, 5)
    assert scored(out) == expected
    with (out.with_name("out.csv")).open(encoding="utf-8", newline="") as file:
        cases = list(dict.fromkeys(row["case"] for row in csv.DictReader(file)))
    assert cases == [f"c{i}" for i in range(CASES)]


RUN = """
import os, signal, sys
from benchmark import casework, evaluate
from benchmark.cli import main
from benchmark.scoring import score_case

count = 0

def stop_here():
    global count
    count += 1
    if count > after:
        os.kill(os.getpid(), how)

def score(task, **options):
    stop_here()
    return score_case(task, **options)

def scored(*args, of=evaluate.score_all):
    for done in of(*args):
        stop_here()
        yield done

if __name__ == "__main__":  # not in the workers
    signal.signal(signal.SIGINT, signal.default_int_handler)  # pytest may run without it
    how, after, where = signal.Signals[sys.argv[1]], int(sys.argv[2]), sys.argv[3]
    if where == "scoring":
        casework.score_case = score
    else:
        evaluate.score_all = scored
    sys.argv = ["bench", *sys.argv[4:]]
    main()
"""


def bench(folders: Folders, how: str, after: int, where: str, *options: str) -> Any:
    script = folders[2].with_name("run.py")
    script.write_text(RUN)
    reference, prediction, out = map(str, folders)
    words = ["score", "-r", reference, "-p", prediction, "-o", out, *options]
    return subprocess.run(
        [sys.executable, str(script), how, str(after), where, *words],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_what_sigkill_left_is_finished(folders: Folders, undisturbed: dict[str, bytes]) -> None:
    assert bench(folders, "SIGKILL", 5, "scoring").returncode == -signal.SIGKILL
    left = {path.name.split(".")[1] for path in folders[2].iterdir()}
    assert left == {"counts", "features", "scores", "scoring"}
    assert kept(folders[2]) == 5
    again = bench(folders, "SIGKILL", 999, "scoring", "--json")
    found = json.loads(again.stdout)
    assert (found["resumed"], found["jobs"], found["scored"]) == (4, 1, CASES - 2)
    assert contents(folders[2]) == undisturbed


def test_workers_end_with_their_parent_and_lose_nothing(
    folders: Folders, undisturbed: dict[str, bytes]
) -> None:
    killed = bench(folders, "SIGKILL", 4, "answers", "--jobs", "2")
    assert killed.returncode == -signal.SIGKILL
    # The pipe of stderr was held by the workers: run() came back, so they are gone.
    before = kept(folders[2])
    assert before >= 5
    summary = evaluate(*folders)
    assert before - 1 <= summary.resumed <= before
    assert contents(folders[2]) == undisturbed


@pytest.mark.parametrize("options", [(), ("--jobs", "2")])
def test_ctrl_c_says_what_is_kept_and_how_to_go_on(
    folders: Folders, undisturbed: dict[str, bytes], options: tuple[str, ...]
) -> None:
    stopped = bench(folders, "SIGINT", 6, "answers", *options)
    assert stopped.returncode == 130
    assert "Traceback" not in stopped.stderr
    count = kept(folders[2])
    message = f"of {CASES} cases are scored and kept in {folders[2]}; the same command goes on"
    assert any(f"Interrupted: {n} {message}" in stopped.stderr for n in (count - 1, count))
    assert count >= 6
    again = bench(folders, "SIGINT", 999, "answers")
    assert again.returncode == 4  # one case is broken
    assert re.search(rf"^[5-8] of {CASES} cases were scored already$", again.stderr, re.MULTILINE)
    assert contents(folders[2]) == undisturbed


def test_a_worker_that_is_killed_is_reported_and_the_rest_is_kept(folders: Folders) -> None:
    class Killer(Reporter):
        @contextmanager
        def stage(self, name: str, total: int) -> Iterator[Callable[[str], None]]:
            seen: list[str] = []

            def advance(text: str) -> None:
                seen.append(text)
                if len(seen) == 3:
                    for child in multiprocessing.active_children():
                        assert child.pid is not None
                        os.kill(child.pid, signal.SIGKILL)

            yield advance

    reference, prediction, out = folders
    for i in range(CASES, 24):  # more than two workers can have answered by then
        save(reference / f"d{i}.nii.gz", heart(0))
    with pytest.raises(DataError, match=r"ended unexpectedly \(exit code -9\)"):
        evaluate(*folders, jobs=2, reporter=Killer())
    assert multiprocessing.active_children() == []
    assert evaluate(*folders).resumed >= 2
    evaluate(reference, prediction, out.with_name("anew"))
    assert contents(out) == contents(out.with_name("anew"))


def test_two_at_once_do_not_write_into_one_folder(folders: Folders) -> None:
    with Kept(folders[2], NAMES), pytest.raises(DataError, match="Another process is scoring into"):
        evaluate(*folders)
    evaluate(*folders)


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_who_leaves_takes_nothing_from_who_enters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Another enters just before the lock is released, where it has no name, or just after."""
    leaving, entering, third = (Kept(tmp_path, NAMES) for _ in range(3))
    with leaving:
        (leaving.folder / "000001.journal").touch()
        release = leaving._lock.release

        def meanwhile() -> None:
            if moment == "after":
                release()
            entering.__enter__()
            release()

        monkeypatch.setattr(leaving._lock, "release", meanwhile)
    with Journal(entering.fresh(1)[0]) as journal:
        journal.append(bytes(range(KEY)), b"rows")
    with pytest.raises(DataError, match="Another process is scoring into"):
        third.__enter__()
    assert kept(tmp_path) == 1
    entering.__exit__(None, None, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_a_lock_that_was_removed_lets_nobody_in(tmp_path: Path) -> None:
    flock = pytest.importorskip("fcntl").flock
    (tmp_path / FOLDER).mkdir()
    first, second = Kept(tmp_path, NAMES), Kept(tmp_path, NAMES)

    def late(file: int, how: int) -> None:
        # Between opening and locking, the first one leaves and another enters.
        patch.undo()
        first.__exit__(None, None, None)
        second.__enter__()
        flock(file, how)

    first.__enter__()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fcntl.flock", late)
        with pytest.raises(DataError, match="Another process is scoring into"):
            Kept(tmp_path, NAMES).__enter__()
    second.__exit__(None, None, None)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_vanishes_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Path.mkdir
    removed = []

    def mkdir(path: Path, **options: Any) -> None:
        made(path, **options)
        if path.name == FOLDER and len(removed) < 3:
            removed.append(path.rmdir())

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with Kept(tmp_path, NAMES) as held:
        assert held.folder.is_dir()
    assert len(removed) == 3


def test_temporary_files_of_killed_processes_go_and_others_stay(folders: Folders) -> None:
    out = folders[2]
    out.mkdir()
    names = (".scores.csv.1.tmp", ".scores.parquet.77.tmp", ".preset-medpy.csv.8.tmp")
    for name in (*names, ".other.csv.1.tmp"):
        (out / name).touch()
    evaluate(*folders)
    assert sorted(p.name for p in out.iterdir() if p.name.startswith(".")) == [".other.csv.1.tmp"]


class Drawn(Dataset):
    """Three hearts with a file each, or with none that it tells of."""

    root: str
    tells: bool = True

    def index(self) -> list[CaseInfo]:
        return [CaseInfo(id=f"c{i}", role="test") for i in range(3)]

    def files(self, case_id: str) -> list[Path]:
        return [Path(self.root) / case_id] if self.tells else []

    def load(self, case_id: str) -> Case:
        shift = int((Path(self.root) / case_id).read_text())
        labels = heart(shift).T
        volume = Volume(labels.astype(np.float32), (8.0, 1.25, 1.5))
        return Case(Study(case_id, {"lge": volume}), Segmentation(labels))


@pytest.mark.parametrize("tells", [True, False])
def test_cases_of_a_data_set_are_kept_where_it_names_their_files(
    tmp_path: Path, tells: bool
) -> None:
    for i in range(3):
        (tmp_path / f"c{i}").write_text(str(i))
        save(tmp_path / "pred" / f"c{i}.nii.gz", heart(1))
    data = Drawn(root=str(tmp_path), tells=tells)
    evaluate(data, tmp_path / "pred", tmp_path / "undisturbed")
    with stopped_after(2), pytest.raises(Interrupted) as stop:
        evaluate(data, tmp_path / "pred", tmp_path / "out", jobs=4)
    assert stop.value.kept == (2 if tells else 0)
    (tmp_path / "c1").write_text("2")
    with stopped_after(99) as begun:
        summary = evaluate(data, tmp_path / "pred", tmp_path / "out")
    assert begun == (["c1", "c2"] if tells else ["c0", "c1", "c2"])
    assert summary.jobs == 1
    evaluate(data, tmp_path / "pred", tmp_path / "undisturbed")
    assert contents(tmp_path / "out") == contents(tmp_path / "undisturbed")


def test_reading_ahead_keeps_the_order_and_stays_near(folders: Folders) -> None:
    begun: list[int] = []

    def read(item: int) -> int:
        begun.append(item)
        return -item

    furthest = 0
    for count, found in enumerate(ahead(range(50), read)):
        assert found == -count
        time.sleep(0.001)
        furthest = max(furthest, len(begun) - count - 1)
    assert begun == list(range(50))
    assert furthest <= AHEAD


def test_an_error_of_reading_comes_where_its_item_would() -> None:
    found: list[float] = []
    with pytest.raises(ZeroDivisionError):
        found.extend(ahead([1, 2, 0, 4], lambda item: 1 / item))
    found.extend(ahead([], lambda item: 1.0))
    assert list(ahead([4], lambda item: 1 / item)) == [0.25]


def test_cycles_are_collected_while_items_are_used() -> None:
    alive: list[weakref.ref[Any]] = []

    class Cycle:
        def __init__(self) -> None:
            self.itself = self
            alive.append(weakref.ref(self))

    most = 0
    gc.disable()
    try:
        for _ in frugal(range(100)):
            Cycle()
            most = max(most, sum(one() is not None for one in alive))
    finally:
        gc.enable()
    assert most <= 16
    assert gc.get_freeze_count() == 0


def test_tables_in_the_making_hold_a_bounded_part_of_their_rows(tmp_path: Path) -> None:
    task = ScoreTask("c", heart(0).T, heart(2).T, (8.0, 1.25, 1.5))
    record = encoded(score_case(task))
    rows = len(score_case(task).scores)
    with ScoreFiles(tmp_path) as files:
        highest = []
        for _ in range(2):
            most = 0
            for _ in range(80_000 // rows):
                files.add(record)
                most = max(most, pa.total_allocated_bytes())
            highest.append(most)
    assert highest[1] < 1.2 * highest[0]


@pytest.mark.parametrize("named", ["nowhere", ".", ""])
def test_what_is_no_file_tells_nothing_of_a_case(tmp_path: Path, named: str) -> None:
    class Wrong(Drawn):
        def files(self, case_id: str) -> list[Path]:
            return [*super().files(case_id), Path(self.root) / (named or case_id)]

    for i in range(3):
        (tmp_path / f"c{i}").write_text(str(i))
    stamp = DatasetReferences(Wrong(root=str(tmp_path))).stamp("c0")
    assert stamp == (None if named else [file_stamp(tmp_path / "c0")] * 2)


@pytest.mark.parametrize("full", ["counts.parquet", "features.parquet", "scores.parquet"])
def test_tables_are_replaced_together_or_not_at_all(
    folders: Folders, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    out = folders[2]
    evaluate(*folders)
    (out / "preset-medpy.csv").write_text("an earlier one")
    close = TableWriter.close

    def failing(writer: TableWriter) -> None:
        close(writer)
        if writer.path.name.startswith(f".{full}."):
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(TableWriter, "close", failing)
        with pytest.raises(DataError, match=r"cannot be written: No space left on device"):
            evaluate(*folders, metrics=["dice"])
    assert (out / "preset-medpy.csv").read_text() == "an earlier one"
    assert {name: (out / name).read_bytes() for name in NAMES} == undisturbed
    evaluate(*folders)  # and what was made of other tables is not there beside them
    assert contents(out) == undisturbed


def test_jobs_that_a_data_set_cannot_have_are_told_of(tmp_path: Path) -> None:
    class Told(Reporter):
        def note(self, text: str) -> None:
            notes.append(text)

    for i in range(3):
        (tmp_path / f"c{i}").write_text(str(i))
        save(tmp_path / "pred" / f"c{i}.nii.gz", heart(1))
    for jobs in (None, 1, 3):
        notes: list[str] = []
        data = Drawn(root=str(tmp_path))
        summary = evaluate(data, tmp_path / "pred", tmp_path / "o", jobs=jobs, reporter=Told())
        assert summary.jobs == 1
        told = ["a data set's cases are scored in one process, not in 3"]
        assert notes == (told if jobs == 3 else [])
