"""What becomes of a run where the world is against it: a table, measured here and now.

    python benchmarks/hostile.py                  # everything but the 4 GB volume, some minutes
    python benchmarks/hostile.py --volume 4       # and a volume of 4 GB, with its peak memory
    python benchmarks/hostile.py disk_full clock  # some of it

Disks are made small and folders read-only by mounting, which needs root; where that is not
permitted the row says so. ``tests/test_hostile_store.py`` runs the same scenarios, smaller.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["SCENARIOS", "NotPermittedError", "Outcome", "small_disk"]

TINY = Path(__file__).parent / "tiny"
RUN = ["run", "-m", str(TINY / "cutoff.py"), "-d", str(TINY / "rings.py"), "--threads", "1",
       "--device", "cpu", "--no-pictures", "--json"]  # fmt: skip
COMPARED = ("scores.parquet", "counts.parquet", "features.parquet", "model/*",
            "predictions/*.nii.gz")  # fmt: skip


class NotPermittedError(Exception):
    """What a scenario needs cannot be had here."""


@dataclass(frozen=True)
class Outcome:
    """A row of the table.

    Attributes:
        what: What was done to it.
        came: What came of it.
        held: It is as it should be.
    """

    what: str
    came: str
    held: bool


def bench(*words: str | Path, **environment: str) -> subprocess.Popen[str]:
    """Start ``bench``."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmark", *map(str, words)], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **environment},
    )  # fmt: skip


def done(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code, and what was said on stderr."""
    _, said = process.communicate(timeout=600)
    return process.returncode, " ".join(said.split())


def contents(runs: Path) -> dict[str, str]:
    """Digest of every result by its name."""
    return {
        path.relative_to(runs).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for pattern in COMPARED
        for path in sorted(runs.glob(f"*/*/{pattern}"))
    }


def undisturbed(base: Path, seeds: int = 1) -> tuple[Path, dict[str, str]]:
    """Runs as they should be, and what is in them; made once."""
    runs = base / f"undisturbed{seeds}"
    if not runs.exists():
        code, said = done(bench(*RUN, "--seeds", str(seeds), "--runs", runs))
        assert code == 0, said
    return runs, contents(runs)


@contextmanager
def small_disk(path: Path, kilobytes: int) -> Iterator[Callable[[str], None]]:
    """A disk of its own at ``path``; gives a function that changes its options.

    Raises:
        NotPermittedError: This user, or this system, may not mount one.
    """
    path.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(path))
    try:
        yield lambda options: _mount("-o", f"remount,{options}", str(path))
    finally:
        subprocess.run(["umount", "-l", str(path)], check=False, capture_output=True)


def _mount(*words: str) -> None:
    if shutil.which("mount") is None or not sys.platform.startswith("linux"):
        raise NotPermittedError("there is no mount")
    one = subprocess.run(["mount", *words], check=False, capture_output=True, text=True)
    if one.returncode:
        raise NotPermittedError(" ".join(one.stderr.split()) or "mount is not permitted")


def disk_full(
    base: Path, shares: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9), jobs: int = 1
) -> Outcome:
    """The disk is full at some moment of as many runs as there are jobs; then there is space."""
    plain, expected = undisturbed(base, jobs)
    asked = [*RUN, "--seeds", str(jobs), *(["--jobs", str(jobs)] if jobs > 1 else [])]
    size = sum(-(-p.stat().st_size // 4096) * 4 if p.is_file() else 4 for p in plain.rglob("*"))
    faults, stages, codes = [], [], set()
    for share in shares:
        disk = base / f"full{share}of{jobs}"
        with small_disk(disk, max(int(size * share), 64)) as change:
            runs = disk / "runs"
            code, said = done(bench(*asked, "--runs", runs))
            kept = {p: p.read_bytes() for p in runs.glob("*/*/predictions/*.json")}
            stages.append(_reached(runs))
            codes.add(str(code))
            if code not in (2, 4) or "No space left on device" not in said:
                faults.append(f"at {share}: exit code {code}: {said[-200:]}")
            change("size=100m")
            code, said = done(bench(*asked, "--runs", runs))
            if code or contents(runs) != expected:
                faults.append(f"after {share}: exit code {code}: {said[-200:]}")
            if any(p.read_bytes() != content for p, content in kept.items()):
                faults.append(f"after {share}: predicted again")
    return Outcome(
        f"disk full at {len(shares)} sizes, in {', '.join(dict.fromkeys(stages))}"
        + (f"; {jobs} runs in {jobs} workers" if jobs > 1 else ""),
        "; ".join(faults)
        or f"exit code {' or '.join(sorted(codes))}, the file and 'No space left on device' named; "
        "with space the same command goes on, nothing is predicted again, same bytes",
        not faults,
    )


def _reached(runs: Path) -> str:
    from benchmark.underway import run_states

    return next((state.stage for state in run_states(runs)), "begin")


def disk_full_for_workers(base: Path, shares: Sequence[float] = (0.1, 0.4, 0.6, 0.9)) -> Outcome:
    """As :func:`disk_full`, with runs side by side."""
    return disk_full(base, shares, jobs=2)


def read_only(base: Path) -> Outcome:
    """The folder of the runs can be read alone."""
    faults = []
    with small_disk(base / "read", 100_000) as change:
        runs = base / "read" / "runs"
        shutil.copytree(undisturbed(base)[0], runs)
        change("ro")
        for words in (RUN, [*RUN, "--set", "steps=3"]):
            code, said = done(bench(*words, "--runs", runs))
            if code != 2 or "Read-only file system" not in said:
                faults.append(f"run: exit code {code}: {said[-200:]}")
        board = ["leaderboard", "--runs", runs, "--leaderboards", base / "none"]
        for readers in (["runs", runs], [*board, "--out", base / "board"]):
            code, said = done(bench(*readers))
            if code:
                faults.append(f"{readers[0]}: exit code {code}: {said[-200:]}")
        code, said = done(bench(*board, "--out", runs / "board"))
        if code != 2 or "Read-only file system" not in said:
            faults.append(f"leaderboard: exit code {code}: {said[-200:]}")
    return Outcome(
        "runs/ mounted read-only",
        "; ".join(faults)
        or "bench run: exit code 2, the folder and 'Read-only file system' "
        "named; bench runs and bench leaderboard --out elsewhere read it",
        not faults,
    )


def clock(base: Path) -> Outcome:
    """The clock goes back by three days between two versions of a method."""
    from benchmark.plan import RunRequest
    from benchmark.progress import Reporter
    from benchmark.results import find_runs
    from benchmark.runner import run

    method = base / "cutoff.py"
    method.write_bytes((TINY / "cutoff.py").read_bytes())
    asked = RunRequest(str(method), str(TINY / "rings.py"), settings={"steps": 2, "work": 0.0},
                       runs=base / "clock", threads=1, device="cpu", pictures=False)  # fmt: skip
    first = run(asked, Reporter())
    method.write_text(method.read_text().replace(" > limit", " >= limit"))
    times = time.time, time.time_ns
    time.time = lambda: times[0]() - 259_200
    time.time_ns = lambda: times[1]() - 259_200 * 10**9
    try:
        second = run(asked, Reporter())
        os.utime(second.path / "record.json", (time.time(), time.time()))
        current = find_runs(base / "clock")
        again = run(asked, Reporter())
    finally:
        time.time, time.time_ns = times
    held = current == [second.path] and again.cached and second.path != first.path
    return Outcome(
        "the clock goes back three days between two versions of a method",
        "the version run last is the current one, and is found done" if held else str(current),
        held,
    )


def writers(base: Path) -> Outcome:
    """Two processes do one run, a third another run of the data set, readers read meanwhile."""
    expected = undisturbed(base)[1]
    runs, boards = base / "writers", base / "writers-boards"
    doing = [bench(*RUN, "--runs", runs) for _ in range(2)]
    doing.append(bench(*RUN, "--runs", runs, "--seeds", "7,8"))
    codes = set()
    while any(one.poll() is None for one in doing):
        codes.add(done(bench("runs", runs.parent, "--json"))[0])
        code, said = done(
            bench("leaderboard", "--runs", runs, "--leaderboards", boards, "--no-html")
        )
        codes.add(0 if "There are no results" in said or "being written" in said else code)
    faults = [f"exit code {code}: {said[-200:]}" for code, said in map(done, doing) if code]
    found = contents(runs)
    if codes - {0}:
        faults.append(f"readers ended with {sorted(codes)}")
    if any(found.get(name) != digest for name, digest in expected.items()):
        faults.append("other bytes")
    if len(list(runs.glob("*/*/record.json"))) != 3:
        faults.append("not three runs")
    faults += [f"left over: {path}" for path in runs.rglob(".*.tmp")]
    return Outcome(
        "two bench run of one run, a third of two others, leaderboard and runs meanwhile",
        "; ".join(faults) or "one waits and finds it done; same bytes; readers see whole runs",
        not faults,
    )


def accepting(base: Path) -> Outcome:
    """Two processes accept the same runs at once."""
    runs, boards = base / "accepting", base / "accepting-boards"
    code, said = done(bench(*RUN, "--set", "work=0", "--seeds", "3", "--runs", runs))
    assert code == 0, said
    folders = sorted(path.parent for path in runs.glob("*/*/record.json"))
    alone = done(bench("accept", *folders, "--leaderboards", base / "alone"))
    two = [bench("accept", *folders, "--leaderboards", boards) for _ in range(2)]
    codes = [alone[0], *(done(one)[0] for one in two)]
    entries = [p.read_bytes() for of in (base / "alone", boards) for p in of.glob("*/*.json")]
    held = codes == [0, 0, 0] and len(entries) == 2 and entries[0] == entries[1]
    left = [path.name for path in boards.rglob(".*.tmp")]
    return Outcome(
        "two bench accept of the same runs",
        "both end well; the entry has the bytes of one" if held else f"{alone}, {codes}, {left}",
        held and not left,
    )


#: Ids as a stranger's data set may have them, and whether they are taken.
IDS = {
    "../up": False, "..": False, ".hidden": False, "a/b": False, "a\\b": False, "/etc": False,
    "C:evil": False, "con": False, "NUL.nii": False, "dot.": False, "space ": False, " s": False,
    "new\nline": False, "null\0": False, "tab\t": False, "escape\x1b[31m": False,
    "right\u202eleft": False, "": False, "a" * 201: False, "\ud83d": False,
    "a" * 200: True, "\u00e9t\u00e9": True, "e\u0301te\u0301": True, "\u5fc3\u81d3": True,
    "\u0642\u0644\u0628": True, "\N{ANATOMICAL HEART}": True, "a b": True, "a.b-c_d": True,
    "<b>": False, "a&b'": True, "%0A::error": False, "=1+1": True,
}  # fmt: skip


def ids(base: Path) -> Outcome:
    """Case ids of every kind: refused, or right to the end."""
    from benchmark import CaseInfo, DataError

    faults = []
    for name, taken in IDS.items():
        try:
            CaseInfo(name, "test")
            found = True
        except DataError:
            found = False
        if found is not taken:
            faults.append(f"{name!a} is {'taken' if found else 'refused'}")
    odd = [name for name, taken in IDS.items() if taken and name != "e\u0301te\u0301"]
    dataset = base / "odd.py"
    text = (TINY / "rings.py").read_text(encoding="utf-8")
    first = "_IDS = "
    dataset.write_text(text.replace(first, f"_IDS = {[(one, 'test') for one in odd]!a}\n_OLD = "),
                       encoding="utf-8")  # fmt: skip
    runs = base / "ids"
    code, said = done(bench("run", "-m", "empty", "-d", dataset, "--runs", runs, "--json",
                            "--threads", "1", "--device", "cpu"))  # fmt: skip
    written = {p.name.removesuffix(".nii.gz") for p in runs.glob("*/*/predictions/*.nii.gz")}
    if code or written != set(odd):
        faults.append(f"exit code {code}: {said[-300:]}")
    out = base / "ids-board"
    code, said = done(bench("leaderboard", "--runs", runs, "--leaderboards", out))
    if code:
        faults.append(f"leaderboard: exit code {code}: {said[-300:]}")
    for pair in (["A", "a"], ["\u00e9", "e\u0301"]):
        dataset.write_text(text.replace(first, f"_IDS = {[(i, 'test') for i in pair]!a}\n_OLD = "),
                           encoding="utf-8")  # fmt: skip
        code, said = done(bench("run", "-m", "empty", "-d", dataset, "--runs", runs))
        if code != 2 or "they would be one file" not in said:
            faults.append(f"{pair!a}: exit code {code}: {said[-300:]}")
    return Outcome(
        f"{len(IDS)} case ids: ../, reserved, control, RTL override, NFC and NFD, emoji, long",
        "; ".join(faults)
        or f"{len(odd) + 1} are taken and come out whole in files, tables and "
        "pages; the others are refused by name; pairs that would be one file elsewhere too",
        not faults,
    )


def names(base: Path) -> Outcome:
    """A stranger's record or entry that names its data set or method ``../``."""
    faults = []
    for what, key in (("dataset", "../../evil"), ("method", "../evil"), ("dataset", "/tmp/evil")):
        runs = base / f"names-{what}{len(key)}" / "deep"
        shutil.copytree(undisturbed(base)[0], runs)
        (record,) = runs.glob("*/*/record.json")
        content = json.loads(record.read_text(encoding="utf-8"))
        content[what]["name"] = key
        content["method"]["trains"] = False
        record.write_text(json.dumps(content), encoding="utf-8")
        before = set(base.parent.rglob("*evil*"))
        for words in (["accept", record.parent], ["leaderboard", record.parent]):
            code, said = done(bench(*words, "--leaderboards", runs / "boards"))
            if code != 2 or "cannot be a name" not in said:
                faults.append(f"{words[0]}, {what} {key}: exit code {code}: {said[-200:]}")
        if set(base.parent.rglob("*evil*")) != before:
            faults.append(f"{what} {key} left its folder")
    return Outcome(
        "a record that names its data set or method ../../evil: accept, leaderboard",
        "; ".join(faults) or "exit code 2, the file and the name named; nothing is written",
        not faults,
    )


def volume(base: Path, gigabytes: float = 0.03, ceiling: float = 12.0) -> Outcome:
    """A reference and a prediction of so many voxels, almost all of them background."""
    import numpy as np

    slices = 64
    side = int((gigabytes * 2**30 / slices) ** 0.5)
    heart = np.zeros((side, side), np.uint8)
    heart[100:160, 100:160], heart[110:150, 110:150] = 2, 1
    peaks = []
    for name, shift in (("reference", 0), ("prediction", 1)):
        _write_large(base / name / "a.nii.gz", np.roll(heart, shift, axis=0), slices)
    process = subprocess.Popen(
        [sys.executable, "-c", _LIMITED, str(int(ceiling * 2**30)), "score", "-r",
         str(base / "reference"), "-p", str(base / "prediction"), "-o", str(base / "out")],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    began = time.perf_counter()
    with process.stderr as stream:
        said = stream.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = code = os.waitstatus_to_exitcode(status)
    peaks.append(usage.ru_maxrss / 2**20)
    told = f"exit code {code}, {time.perf_counter() - began:.0f} s, peak {max(peaks):.2f} GB"
    return Outcome(
        f"bench score of a volume of {side} x {side} x {slices} = {side**2 * slices / 2**30:.2f} G "
        f"voxels, memory at most {ceiling:g} GB",
        f"{told}{': ' + ' '.join(said.split())[-300:] if said else ''}",
        code in (0, 2, 4) and "Traceback" not in said,
    )


_LIMITED = (
    "import resource, sys; n = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_DATA, (n, n)); "
    "del sys.argv[1]; from benchmark.cli import main; main()"
)


def _write_large(path: Path, one: object, slices: int) -> None:
    """A NIfTI of equal slices, a slice in memory at a time; empty but for the first three."""
    import gzip

    import nibabel as nib
    import numpy as np

    plane = np.asarray(one, dtype=np.uint8)
    header = nib.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape((*plane.shape, slices))
    header.set_zooms((1.5, 1.5, 8.0))
    header.set_xyzt_units("mm")
    header["magic"], header["vox_offset"] = b"n+1", 352
    header.set_sform(np.diag([1.5, 1.5, 8.0, 1.0]), code=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    empty = bytes(plane.size)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header.binaryblock + bytes(4))
        for i in range(slices):
            file.write(plane.tobytes(order="F") if i < 3 else empty)


SCENARIOS: dict[str, Callable[[Path], Outcome]] = {
    "disk_full": disk_full, "disk_full_for_workers": disk_full_for_workers,
    "read_only": read_only, "clock": clock, "writers": writers, "accepting": accepting,
    "ids": ids, "names": names, "volume": volume,
}  # fmt: skip


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []], help="all by default")
    parser.add_argument("--volume", type=float, default=0.03, help="GB of the large volume")
    parser.add_argument("--memory", type=float, default=12.0, help="GB it may take")
    options = parser.parse_args()
    wrong = 0
    print("| what | what comes of it | as it should be |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="scarbench-hostile-") as folder:
        for name in options.scenarios or SCENARIOS:
            base = Path(folder) / name
            base.mkdir()
            try:
                one = (volume(base, options.volume, options.memory) if name == "volume"
                       else SCENARIOS[name](base))  # fmt: skip
            except NotPermittedError as error:
                print(f"| {name} | not tried: {error} | |")
                continue
            wrong += not one.held
            print(f"| {one.what} | {one.came} | {'yes' if one.held else 'NO'} |", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
