"""``bench new``: the files it writes work as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.contract import check_method
from benchmark.errors import DataError, UsageError
from benchmark.registry import find, plugin_class
from benchmark.scaffold import new_plugin


def test_a_new_method_keeps_the_contract(tmp_path: Path) -> None:
    path = new_plugin("method", "my_unet2", tmp_path / "deep")
    assert path == tmp_path / "deep" / "my_unet2.py"
    assert plugin_class(find("methods", str(path))).__name__ == "MyUnet2"
    assert [f for f in check_method(str(path)) if not f.ok] == []


def test_a_new_method_runs_on_a_new_data_set(run: Callable[..., Any], tmp_path: Path) -> None:
    method = new_plugin("method", "mine", tmp_path)
    dataset = new_plugin("dataset", "hearts", tmp_path)
    result = run(str(method), str(dataset))
    assert result.cases == {"ok": 1}
    assert (result.record.method.name, result.record.dataset.title) == ("mine", "hearts (made up)")
    assert result.record.dataset.synthetic


@pytest.mark.parametrize("name", ["label", "region", "case", "method", "dataset", "volume"])
def test_a_name_that_the_template_uses_works_too(
    run: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    method = new_plugin("method", name, tmp_path / "m")
    dataset = new_plugin("dataset", name, tmp_path / "d")
    assert run(str(method), str(dataset)).cases == {"ok": 1}


@pytest.mark.parametrize("name", ["", "My", "1a", "a-b", "a.b", "../a", "class", "_a", "a b"])
def test_a_name_that_is_no_module_s_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a plugin's name"):
        new_plugin("method", name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("precious")
    with pytest.raises(UsageError, match=r"mine\.py exists"):
        new_plugin("method", "mine", tmp_path)
    assert (tmp_path / "mine.py").read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"mine\.py cannot be written"):
        new_plugin("method", "mine", tmp_path / "file")
