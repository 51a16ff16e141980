"""One case's rows as bytes: made where the case was scored, put into the tables by another.

What is slow about writing rows, their text and their columns, is done beside the scoring; whoever
writes the tables only concatenates.
"""

from __future__ import annotations

import csv
import io
import struct
from collections.abc import Collection, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from .atomic import replacing, unwritable
from .parquet import TableWriter, columns_of
from .scoring import SCORES, TABLES, CaseScores, arrow_schema
from .text import csv_cell

__all__ = ["NAMES", "PRESETS", "ScoreFiles", "decoded", "encoded"]

#: What is written, by file name.
NAMES = (*(f"{name}.parquet" for name in TABLES), "scores.csv")
#: What may be written beside, of another evaluator each.
PRESETS = "preset-*.csv"
_SIZES = struct.Struct(f"<{1 + len(TABLES)}Q")


def encoded(scores: CaseScores) -> bytes:
    """The rows of a case: its lines of the CSV, and its part of each table."""
    parts = [_lines(map(_shown, scores.scores))]
    for name, columns in TABLES.items():
        table = columns_of(getattr(scores, name), arrow_schema(columns))
        stream = pa.BufferOutputStream()
        with pa.ipc.new_stream(stream, table.schema) as writer:
            writer.write_table(table)
        parts.append(stream.getvalue().to_pybytes())
    content = b"".join(parts)
    packed: bytes = pa.compress(content, "zstd", asbytes=True)
    return _SIZES.pack(*map(len, parts)) + packed


def decoded(record: bytes) -> tuple[bytes, dict[str, pa.Table]]:
    """The lines of the CSV, and the part of each table."""
    sizes = _SIZES.unpack_from(record)
    content = pa.decompress(record[_SIZES.size :], sum(sizes), "zstd")
    start, tables = sizes[0], {}
    for name, size in zip(TABLES, sizes[1:], strict=True):
        # A copy of its own: a table of few rows waits long, and would hold all the others.
        part = content.slice(start, size).to_pybytes()
        with pa.ipc.open_stream(part) as reader:
            tables[name] = reader.read_all()
        start += size
    return content.slice(0, sizes[0]).to_pybytes(), tables


class ScoreFiles:
    """The tables and the CSV, in the making; a context manager.

    They appear together, or none does. What other evaluators made of an earlier scoring goes then:
    beside these tables it would be taken for theirs.

    Args:
        out: Their folder. Nothing appears there if the block raises.

    Raises:
        DataError: It cannot be written to.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self.paths: Mapping[str, Path] = {
            **{name: out / f"{name}.parquet" for name in TABLES}, "csv": out / "scores.csv",
        }  # fmt: skip

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # Left in the opposite order: all are written to their ends before the first appears.
            partial = {name: stack.enter_context(replacing(p)) for name, p in self.paths.items()}
            self._writers = {
                name: stack.enter_context(
                    closing(TableWriter(partial[name], arrow_schema(columns)))
                )
                for name, columns in TABLES.items()
            }
            self._csv = stack.enter_context(partial["csv"].open("wb"))
            self._csv.write(_lines([SCORES]))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if kind is None:
            # Of an earlier scoring; those of this one appear later, once they are whole themselves.
            for path in self._out.glob(PRESETS):
                try:
                    path.unlink()
                except OSError as failure:
                    raise unwritable(path, failure) from failure

    def add(self, record: bytes) -> None:
        """Write what :func:`encoded` made of a case behind the cases before."""
        lines, tables = decoded(record)
        self._csv.write(lines)
        for name, table in tables.items():
            self._writers[name].append_table(table)


def _shown(row: Mapping[str, Any]) -> Collection[Any]:
    """The fields of a line; those that may be a stranger's words so that nothing computes them."""
    said = {"case": csv_cell(row["case"]), "message": csv_cell(row["message"])}
    return {**row, **said}.values()


def _lines(rows: Any) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
