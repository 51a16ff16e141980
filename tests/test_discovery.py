"""What the text of a plugin file tells without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.discovery import Parameter, read_source


def source(folder: Path, text: str, name: str = "plug") -> Path:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_summary_fields_needs_and_regions_are_read(tmp_path: Path) -> None:
    found = read_source(
        source(
            tmp_path,
            '''"""First line.

More."""
import not_there
raise SystemExit("never runs")
class Mine(Method):
    needs: ClassVar = frozenset({"cine", "lge"})
    produces = frozenset({Region.SCAR, "lv"})
    plain: int = 3
    needed: str
    dots: float = Field(..., gt=0)
    bare: float = Field(gt=0, description="How much")
    made: list[int] = Field(default_factory=list)
    shown: float = Field(0.5, description="Share")
    named: str = Field(default="x")
    kept: ClassVar[int] = 4
    _private: int = 5
''',
        )
    )
    assert found.summary == "First line."
    assert found.classes == ("Mine",)
    assert set(found.needs) == {"cine", "lge"}
    assert set(found.produces) == {"scar", "lv"}
    assert found.parameters == (
        Parameter("plain", "int", "3"),
        Parameter("needed", "str", "required"),
        Parameter("dots", "float", "required"),
        Parameter("bare", "float", "required", "How much"),
        Parameter("made", "list[int]", "list()"),
        Parameter("shown", "float", "0.5", "Share"),
        Parameter("named", "str", "'x'"),
    )


def test_a_method_that_says_nothing_needs_lge_and_one_that_needs_nothing_says_so(
    tmp_path: Path,
) -> None:
    assert read_source(source(tmp_path, "class A(Method): pass")).needs == ("lge",)
    assert read_source(source(tmp_path, "class A(Method):\n    needs = frozenset()")).needs == ()


def test_fields_are_inherited_from_siblings_and_overridden(tmp_path: Path) -> None:
    source(
        tmp_path,
        "import benchmark\nclass Base(benchmark.Method):\n    a: int = 1\n    b: int = 2\n",
        "_base",
    )
    path = source(
        tmp_path, "from ._base import Base as Old\nclass Mine(Old):\n    b: int = 3\n    c: int = 4"
    )
    found = read_source(path)
    assert [(p.name, p.default) for p in found.parameters] == [("a", "1"), ("b", "3"), ("c", "4")]


def test_private_classes_and_strangers_are_no_plugins(tmp_path: Path) -> None:
    text = "class _A(Method): pass\nclass B: pass\nclass C(B): pass\nclass D(Dataset): pass"
    assert read_source(source(tmp_path, text)).classes == ("D",)


def test_the_named_class_is_the_one_described(tmp_path: Path) -> None:
    path = source(tmp_path, "class A(Method):\n    a: int = 1\nclass B(Method):\n    b: int = 2")
    assert [p.name for p in read_source(path).parameters] == ["a"]
    assert [p.name for p in read_source(path, "B").parameters] == ["b"]


def test_classes_that_derive_from_each_other_end(tmp_path: Path) -> None:
    assert read_source(source(tmp_path, "class A(B): pass\nclass B(A): pass")).classes == ()


def test_a_byte_order_mark_and_another_encoding_are_read(tmp_path: Path) -> None:
    marked = tmp_path / "marked.py"
    marked.write_bytes(b'\xef\xbb\xbf"""Marked."""')
    latin = tmp_path / "latin.py"
    latin.write_bytes('# coding: latin-1\n"""Größe."""'.encode("latin-1"))
    assert read_source(marked).summary == "Marked."
    assert read_source(latin).summary == "Größe."


@pytest.mark.parametrize("text", [b"class A(Method:", b'"\xff"', b"\0"])
def test_what_is_no_python_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "bad.py"
    path.write_bytes(text)
    with pytest.raises((SyntaxError, ValueError)):
        read_source(path)
