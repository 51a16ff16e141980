"""The hostile zoo: data sets that list or load badly, and a healthy method on each."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "zoo"))

from zoo_datasets import LISTS, LOADS
from zoo_keeper import Specimen, dataset_file, dice, method_file, rows, scores

from benchmark.errors import BenchError
from benchmark.plan import RunRequest
from benchmark.progress import Reporter
from benchmark.runner import RunResult, run


def ran(folder: Path, specimen: Specimen) -> RunResult:
    method = method_file(folder / "plugins", "healthy")
    data = dataset_file(folder / "plugins", specimen=specimen)
    asked = {"runs": folder / "runs", "pictures": False, "threads": 1, "device": "cpu"}
    return run(RunRequest(str(method), str(data), **asked), Reporter())  # type: ignore[arg-type]


@pytest.mark.parametrize("specimen", LISTS, ids=lambda one: one.name)
def test_a_list_that_is_none_is_one_clear_line_and_nothing_is_written(
    tmp_path: Path, specimen: Specimen
) -> None:
    with pytest.raises(BenchError) as caught:
        ran(tmp_path, specimen)
    assert re.search(specimen.says, str(caught.value))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plugins"]


@pytest.mark.parametrize("specimen", LOADS, ids=lambda one: one.name)
def test_a_case_that_cannot_be_loaded_is_a_row_with_the_reason_and_the_others_are_right(
    tmp_path: Path, specimen: Specimen
) -> None:
    result = ran(tmp_path, specimen)
    status, message = rows(result.path)["b"]
    assert status == "error"
    assert re.search(specimen.says, message)
    assert message.isprintable()
    found = scores(result.path)
    assert found["b"] == ("error", None)
    for case in ("a", "c"):
        assert found[case] == ("ok", pytest.approx(dice(case), abs=1e-12))
    assert dict(result.cases) == {"ok": 2, "error": 1}


def test_a_case_that_is_gone_when_it_is_predicted_is_a_row_and_tried_again(
    tmp_path: Path,
) -> None:
    load = (
        "if (case_id == 'b' and sys._getframe(1).f_code.co_name == 'predict_case'\n"
        "        and not os.path.exists(TOLD)):\n"
        "    open(TOLD, 'w').close()\n    raise OSError('gone away')"
    )
    head = f"import os, sys\nTOLD = {str(tmp_path / 'told')!r}"
    specimen = Specimen("fickle", "", head=head, load=load)
    result = ran(tmp_path, specimen)
    assert rows(result.path)["b"] == ("error", "OSError: gone away")
    assert scores(result.path)["b"] == ("error", None)
    result = ran(tmp_path, specimen)
    assert scores(result.path)["b"] == ("ok", pytest.approx(dice("b"), abs=1e-12))
