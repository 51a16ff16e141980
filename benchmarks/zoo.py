"""The hostile zoo as a table: what each specimen does, what ``bench`` says, what it cost others.

    python benchmarks/zoo.py [answers] [processes] [hangs] [methods] [datasets] [masks]

Specimens are those of the tests (``tests/zoo``). Each is shown to ``bench`` as a user would, beside
healthy cases, methods or files; "intact" is whether these have the values that they have alone.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["KINDS", "main"]

ZOO = Path(__file__).resolve().parents[1] / "tests" / "zoo"
PLAIN = ("--no-pictures", "--device", "cpu", "--threads", "1")
#: Generous, that a busy machine ends nothing that is healthy; and for what never ends.
LIMITS = ("--timeout", "90", "--train-timeout", "90", "--memory", "2")
HASTY = ("--timeout", "15", "--train-timeout", "15", "--memory", "2")
#: specimen, what it does, what bench says, exit code, the others intact
Row = tuple[str, str, str, int, bool]


def _right(run: Path, cases: Sequence[str]) -> bool:
    from zoo_keeper import dice, scores

    found = scores(run)
    return all(
        found[case][0] == "ok" and abs((found[case][1] or 0.0) - dice(case)) < 1e-12
        for case in cases
    )


def _cases(specimens: Sequence[Any], *limits: str) -> Iterator[Row]:
    """All of them in one run, a case each."""
    from zoo_keeper import Bench, dataset_file, method_file, rows, runs_of

    healthy, half = ("first", "middle", "zlast"), len(specimens) // 2
    names = [one.name for one in specimens]
    with tempfile.TemporaryDirectory(prefix="zoo-") as made:
        folder = Path(made)
        cases = [healthy[0], *names[:half], healthy[1], *names[half:], healthy[2]]
        method = method_file(folder / "plugins", "zoo", specimens)
        data = dataset_file(folder / "plugins", cases)
        done = Bench(folder)("run", "-m", method, "-d", data, *PLAIN, *limits)
        (run,) = runs_of(folder / "runs", "zoo")
        told, intact = rows(run), _right(run, healthy)
        for one in specimens:
            status, message = told[one.name]
            yield one.name, one.what, message or status, done.code, intact


def answers() -> Iterator[Row]:
    """What a method raises, returns, prints and changes."""
    from zoo_answers import ANSWERS, HARMLESS, SPITEFUL

    yield from _cases([*ANSWERS, *HARMLESS])
    yield from _cases(SPITEFUL)


def processes() -> Iterator[Row]:
    """What takes a process down or outlives it."""
    from zoo_processes import DEADLY, LEAVING

    yield from _cases([*LEAVING, *DEADLY], "--timeout", "60", "--memory", "2")


def hangs() -> Iterator[Row]:
    """What never ends."""
    from zoo_processes import ENDLESS, IMPORTS, TRAININGS

    yield from _cases(ENDLESS, *HASTY)
    yield from _methods([*IMPORTS, *TRAININGS], HASTY)


def methods() -> Iterator[Row]:
    """Methods that are broken as a whole."""
    from zoo_answers import BROKEN

    yield from _methods(BROKEN)


def _methods(specimens: Sequence[Any], limits: Sequence[str] = LIMITS) -> Iterator[Row]:
    from zoo_keeper import Bench, broken_file, dataset_file, method_file, runs_of

    with tempfile.TemporaryDirectory(prefix="zoo-") as made:
        folder = Path(made)
        files = [broken_file(folder / "plugins", one) for one in specimens]
        files.append(method_file(folder / "plugins", "healthy"))
        words = [word for path in files for word in ("-m", path)]
        data = dataset_file(folder / "plugins")
        done = Bench(folder)("run", *words, "-d", data, *PLAIN, *limits)
        runs = runs_of(folder / "runs", "healthy")
        intact = len(runs) == 1 and _right(runs[0], "abc")
        for one in specimens:
            said = done.line(rf"error: .*{one.name}\.py")
            yield one.name, one.what, said.removeprefix("error: "), done.code, intact


def datasets() -> Iterator[Row]:
    """Data sets that list or load badly, each in a command of its own."""
    from zoo_datasets import LISTS, LOADS
    from zoo_keeper import Bench, dataset_file, method_file, rows, runs_of
    from zoo_processes import READERS

    for one in (*LISTS, *LOADS, *READERS):
        with tempfile.TemporaryDirectory(prefix="zoo-") as made:
            folder = Path(made)
            method = method_file(folder / "plugins", "healthy")
            data = dataset_file(folder / "plugins", specimen=one)
            limits = HASTY if one in READERS else LIMITS
            done = Bench(folder)("run", "-m", method, "-d", data, *PLAIN, *limits)
            runs = runs_of(folder / "runs", "healthy")
            scored = len(runs) == 1 and (runs[0] / "cases.parquet").is_file()
            said = rows(runs[0])["b"][1] if scored else done.err.strip().split("\n")[-1]
            intact = not scored or _right(runs[0], ("a", "c"))
            yield one.name, one.what, said, done.code, intact


def masks() -> Iterator[Row]:
    """Files, each the prediction of a case of its own."""
    import pyarrow.parquet as pq
    from zoo_files import MASKS, healthy_mask
    from zoo_keeper import Bench

    healthy = ("_first", "middle", "zlast")
    with tempfile.TemporaryDirectory(prefix="zoo-") as made:
        folder = Path(made)
        for side in ("reference", "prediction"):
            (folder / side).mkdir()
            for case in healthy:
                healthy_mask(folder / side / f"{case}.nii.gz")
        for one in MASKS:
            one.make(folder / "prediction" / f"{one.name}.nii.gz")
            same = one.name == "dims_huge"  # on another grid it would be refused unread
            (one.make if same else healthy_mask)(folder / "reference" / f"{one.name}.nii.gz")
        words = ("-r", "reference", "-p", "prediction", "-o", "out", "--metric", "dice")
        done = Bench(folder)("score", *words)
        rows = {
            row["case"]: row
            for row in pq.read_table(folder / "out" / "scores.parquet").to_pylist()
            if (row["metric"], row["region"], row["level"]) == ("dice", "scar", "volume")
        }
        intact = all(rows[case]["value"] == 1.0 for case in healthy)
        for one in MASKS:
            row = rows[one.name]
            said = row["message"].replace(f"{folder}/", "").replace("prediction/", "")
            yield one.name, one.what, said or row["status"], done.code, intact


KINDS: dict[str, Callable[[], Iterator[Row]]] = {
    one.__name__: one for one in (answers, processes, hangs, methods, datasets, masks)
}


def main() -> None:
    """Print the table as Markdown; exit 1 where a specimen harmed others."""
    from benchmark.plain import one_line
    from benchmark.text import markdown_cell

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="by default all")
    asked = parser.parse_args().kinds or list(KINDS)
    sys.path.insert(0, str(ZOO))
    print("| Specimen | What it does | What bench says | Exit code | Others intact |")
    print("| :-- | :-- | :-- | --: | :-- |")
    harmed = count = 0
    for kind in asked:
        for name, what, said, code, intact in KINDS[kind]():
            told = one_line(re.sub(r"/\S*zoo-[^/\s]*/(\S*/)?", "", said), 140)
            cells = [f"{kind}/{name}", what, told, str(code), "yes" if intact else "NO"]
            print("| " + " | ".join(map(markdown_cell, cells)) + " |", flush=True)
            count, harmed = count + 1, harmed + (not intact)
    print(f"\n{count} specimens; {harmed} cost others something.")
    sys.exit(bool(harmed))


if __name__ == "__main__":
    main()
