"""Parquet files that stream, appear whole or not at all, and whose bytes follow from their rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .atomic import replacing

__all__ = ["TableWriter", "table_writer", "write_table"]

#: Rows in a row group; fixed, so that the bytes do not depend on how the rows were handed over.
ROW_GROUP = 32_768


class TableWriter:
    """Takes rows one by one or in batches and holds at most one row group of them in memory."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.rows = 0
        self._schema = schema
        self._known = frozenset(schema.names)
        self._waiting: list[Mapping[str, Any]] = []
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows; a column that a row lacks is null.

        Raises:
            ValueError: A row has a column that the schema lacks.
        """
        for row in rows:
            if not self._known.issuperset(row):
                raise ValueError(f"no such columns: {sorted(set(row) - self._known)}")
            self._waiting.append(row)
            self.rows += 1
            if len(self._waiting) == ROW_GROUP:
                self._flush()

    def close(self) -> None:
        """Write what is waiting and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            table = pa.Table.from_pylist(self._waiting, schema=self._schema)
            self._writer.write_table(table, row_group_size=ROW_GROUP)
            self._waiting = []


@contextmanager
def table_writer(path: Path, schema: pa.Schema) -> Iterator[TableWriter]:
    """A writer whose rows become ``path`` when the block ends without an error.

    Raises:
        DataError: ``path`` cannot be written.
    """
    with replacing(path) as temporary:
        writer = TableWriter(temporary, schema)
        try:
            yield writer
        finally:
            # Closed on an error too: an open file cannot be removed everywhere.
            writer.close()


def write_table(path: Path, schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write ``rows`` (mappings of column to value) to ``path``.

    The same rows give the same bytes with the same version of pyarrow.

    Raises:
        DataError: ``path`` cannot be written.
    """
    with table_writer(path, schema) as writer:
        writer.append(rows)
