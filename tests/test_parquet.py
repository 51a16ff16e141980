"""Parquet writing: whole or not at all, the same bytes for the same rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.atomic import replacing
from benchmark.errors import DataError
from benchmark.parquet import ROW_GROUP, columns_of, table_writer, write_table

SCHEMA = pa.schema([("case", pa.string()), ("slice", pa.int32()), ("value", pa.float64())])


def rows(count: int) -> list[dict[str, object]]:
    return [{"case": f"c{i % 7}", "slice": i % 5, "value": i / 3} for i in range(count)]


def test_rows_come_back_with_their_types_and_a_missing_column_is_null(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", SCHEMA, [*rows(2), {"case": "last"}])
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.schema.equals(SCHEMA)
    assert table.to_pylist() == [*rows(2), {"case": "last", "slice": None, "value": None}]


def test_bytes_do_not_depend_on_how_the_rows_were_handed_over(tmp_path: Path) -> None:
    many = rows(ROW_GROUP + 100)
    write_table(tmp_path / "a.parquet", SCHEMA, many)
    with table_writer(tmp_path / "b.parquet", SCHEMA) as writer:
        for start in range(0, len(many), 999):
            writer.append(many[start : start + 999])
    assert writer.rows == len(many)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == 2


def test_tables_and_rows_give_the_same_bytes_and_at_most_a_row_group_waits(tmp_path: Path) -> None:
    many = rows(2 * ROW_GROUP + 100)
    write_table(tmp_path / "a.parquet", SCHEMA, many)
    with table_writer(tmp_path / "b.parquet", SCHEMA) as writer:
        writer.append(many[:10])
        for start in range(10, len(many), 7001):
            writer.append_table(columns_of(many[start : start + 7001], SCHEMA))
    with table_writer(tmp_path / "c.parquet", SCHEMA) as writer:
        writer.append_table(columns_of(many, SCHEMA))
    first = (tmp_path / "a.parquet").read_bytes()
    assert (tmp_path / "b.parquet").read_bytes() == first
    assert (tmp_path / "c.parquet").read_bytes() == first
    found = pq.ParquetFile(tmp_path / "a.parquet").metadata
    sizes = [found.row_group(i).num_rows for i in range(found.num_row_groups)]
    assert sizes == [ROW_GROUP, ROW_GROUP, 100]


def test_no_rows_make_a_readable_file_with_the_schema(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", SCHEMA, [])
    assert pq.read_table(tmp_path / "t.parquet").schema.equals(SCHEMA)


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_table(path, SCHEMA, rows(1))
    before = path.read_bytes()

    def killed() -> Iterator[dict[str, object]]:
        yield from rows(ROW_GROUP + 1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_table(path, SCHEMA, killed())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]


def test_a_column_outside_the_schema_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wert"):
        write_table(tmp_path / "t.parquet", SCHEMA, [{"case": "a", "wert": 1.0}])
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"file.t\.parquet cannot be written: File exists"):
        write_table(tmp_path / "file" / "t.parquet", SCHEMA, rows(1))


def test_replacing_uses_a_name_of_its_own_beside_the_target(tmp_path: Path) -> None:
    with replacing(tmp_path / "deep" / "x.csv") as temporary:
        temporary.write_text("1")
        assert temporary.name == f".x.csv.{os.getpid()}.tmp"
        assert not (tmp_path / "deep" / "x.csv").exists()
    assert (tmp_path / "deep" / "x.csv").read_text() == "1"


def test_an_error_of_another_file_is_not_taken_for_one_of_writing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="image"), replacing(tmp_path / "a.csv"):
        (tmp_path / "image.nii").read_bytes()
    with pytest.raises(DataError, match=r"a\.csv cannot be written"), replacing(tmp_path / "a.csv"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []
