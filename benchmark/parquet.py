"""Parquet files that stream, appear whole or not at all, and whose bytes follow from their rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .atomic import replacing

__all__ = ["TableWriter", "columns_of", "table_writer", "write_table"]

#: Rows in a row group; fixed, so that the bytes do not depend on how the rows were handed over.
ROW_GROUP = 32_768
#: Rows that are turned into columns at once.
_BATCH = 4096


def columns_of(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as a table; a column that a row lacks is null.

    Raises:
        ValueError: A row has a column that the schema lacks.
    """
    known = frozenset(schema.names)
    for row in rows:
        if not known.issuperset(row):
            raise ValueError(f"no such columns: {sorted(set(row) - known)}")
    return pa.Table.from_pylist(rows, schema=schema)


class TableWriter:
    """Takes rows one by one or in batches and holds at most one row group of them in memory."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.rows = 0
        self._schema = schema
        self._tables: list[pa.Table] = []
        self._waiting = 0
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows; a column that a row lacks is null.

        Raises:
            ValueError: A row has a column that the schema lacks.
        """
        waiting = iter(rows)
        while batch := list(islice(waiting, _BATCH)):
            self.append_table(columns_of(batch, self._schema))

    def append_table(self, table: pa.Table) -> None:
        """Add the rows of a table of the same schema."""
        self.rows += len(table)
        self._tables.append(table)
        self._waiting += len(table)
        while self._waiting >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is waiting and the footer."""
        if self._waiting:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        """Write one row group, of what is waiting."""
        # In one piece: pages would otherwise end where the tables do.
        waiting = pa.concat_tables(self._tables).combine_chunks()
        self._writer.write_table(waiting.slice(0, ROW_GROUP), row_group_size=ROW_GROUP)
        rest = waiting.slice(ROW_GROUP)
        self._tables = [rest] if len(rest) else []
        self._waiting = len(rest)


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
