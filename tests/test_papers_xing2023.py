"""xing2023: what it prints, and what it shows from hand-made runs of its four methods."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.cli._app import app, run_app
from benchmark.errors import DataError, UsageError
from benchmark.papers import load, report
from benchmark.papers.drawing import draw_all
from benchmark.papers.layout import Filled, PaperReport
from benchmark.papers.text import markdown
from benchmark.papers.xing2023_runs import METHODS
from benchmark.policies import Policy
from benchmark.significance import wilcoxon
from benchmark.table import read_runs

PARAMETERS = {
    "learning_rate": 0.003, "dropout": 0.1, "myocardium_weight": 1.02, "weight_decay": 5.58e-06,
    "batch": 8, "epochs": 24, "backbone": "tiny_transunet", "encoder_weights": "none",
}  # fmt: skip
#: Six hearts with two slices each; Dice of the scar rises by a hundredth from one to the next.
CASES = {f"c{i}": f"p{i}" for i in range(6)}


def scores(method: str, shift: float) -> list[dict[str, Any]]:
    found = []
    for i, case in enumerate(CASES):
        for region in ("scar", "myocardium"):
            for metric, at in (("dice", 0.5), ("precision", 0.6), ("recall", 0.4)):
                for z in (0, 1, 2, None):
                    # The volume's own is not the mean of its slices; slice 2 lies beyond the heart.
                    value = at + shift + i / 100 + (0.2 if z is None else z / 10)
                    absent = region == "myocardium" and method == "direct"
                    found.append({
                        "case": case, "region": region, "metric": metric, "dim": None,
                        "level": "volume" if z is None else "slice", "slice": z,
                        "reference": "reference", "compared": "prediction",
                        "value": None if absent else 0.0 if z == 2 else value,
                        "worst": None if absent else 0.0 if z == 2 else value,
                        "status": "not_applicable" if absent else "ref_empty" if z == 2 else "ok",
                        "message": "", "unit": "", "better": "higher", "best": 1.0,
                    })  # fmt: skip
    return found


@pytest.fixture
def made(make_run: Any) -> Callable[..., Path]:
    """A run of a method: ``made("jdl", 0.1)`` has Dice a tenth above the others."""

    def make(method: str, shift: float = 0.0, **changes: Any) -> Path:
        more, dataset = changes.pop("record", {}), changes.pop("dataset", "lge")
        group = f"{method}-{sorted(changes.items())}"
        areas = [
            {"case": case, "level": "slice", "slice": z, "source": "reference", "status": "ok",
             "feature": "lv_area_mm2", "value": area, "unit": "mm2", "message": ""}
            for case in CASES for z, area in enumerate((900.0, 1000.0, 0.0))
        ]  # fmt: skip
        images = {"train": {"lge": {"apex": 3, "base": 4}}}
        folder: Path = make_run(
            method, scores(method, shift), dataset=dataset, features=areas,
            cases={case: {"patient": patient} for case, patient in CASES.items()},
            record={"group": group, "key": group, "metric_cards": {}, **more,
                    "split": {"train": ["t", "u"]}, "stages": {"score": {"images": images}}},
            method_record={"parameters": {**PARAMETERS, **changes}, "asked": changes},
        )  # fmt: skip
        return folder

    return make


def reported(*paths: Path, **options: Any) -> PaperReport:
    return report("xing2023", read_runs(paths), **{"policy": Policy.WORST_CASE, **options})


def tables(*paths: Path, **options: Any) -> dict[str, Filled]:
    return {table.published.number: table for table in reported(*paths, **options).tables}


def test_only_three_scores_are_published() -> None:
    """Figures 2 and 4 print no number, and none was read off them."""
    found = {
        (table.number, row.name, column): cell.value
        for table in load("xing2023").tables.values()
        for row in table.rows.values()
        for column, cell in row.cells.items()
        if not table.number.startswith("Text 3.1")
    }
    assert found == {("Text 4.2", "two_step", "slice"): 0.894, ("Text 4.2", "mtl", "slice"): 0.900,
                     ("Text 4.2", "jdl", "slice"): 0.891}  # fmt: skip
    data = load("xing2023").tables["Text 3.1, data"]
    assert data.cell("n_train", "patients").value == 168 - 28
    assert load("xing2023").tables["Text 3.1, training"].cell("weight_decay", "jdl").value == (
        5.58e-6
    )


def test_scores_are_means_over_slices_of_the_heart_and_whole_hearts_beside(made: Any) -> None:
    found = tables(*(made(m, 0.1 * (m == "jdl")) for m in METHODS))
    dice = found["Figure 2"]
    # .5 and .6 in the slices, and .025 for the mean of the hearts; .7 and .025 in the volume.
    assert dice.cell("direct", "slice").value == pytest.approx(0.575)
    assert dice.cell("jdl", "slice").value == pytest.approx(0.675)
    assert dice.cell("mtl", "volume").value == pytest.approx(0.725)
    assert found["Figure 4"].cell("two_step", "precision").value == pytest.approx(0.675)
    assert found["Figure 4"].cell("two_step", "recall").value == pytest.approx(0.475)
    assert found["Text 4.2"].cell("direct", "slice").missing == "not produced"
    assert found["Text 4.2"].cell("mtl", "slice").value == pytest.approx(0.575)
    notes = " ".join(dice.notes)
    assert "jdl minus direct +0.100 [+0.100, +0.100] over 6 patients" in notes
    p = wilcoxon([0.1] * 6, [0.0] * 6).p
    assert p is not None
    assert f"Holm within this table: P = {6 * p:.3f}" in notes  # of three others, two columns each
    assert "jdl minus direct" not in " ".join(found["Text 4.2"].notes)


def test_data_and_training_are_told_beside_the_papers(made: Any) -> None:
    found = tables(made("jdl"))
    data = found["Text 3.1, data"]
    assert [data.cell("n_train", c).value for c in ("images", "patients")] == [7, 2]
    assert [data.cell("n_test", c).value for c in ("images", "patients")] == [12, 6]
    text = markdown(reported(made("jdl", record={"key": "again"})))
    assert "| Learning rate | 0.003 | 4.73e-4 |" in text
    assert "| Epochs | 24 | 500 |" in text
    line = next(x for x in text.splitlines() if x.startswith("| Joint deep learning (JDL) ↑"))
    assert re.search(r"\| 0.5[78] \\\[0.56, 0.59\\\] \| not published as a number \|", line)


def test_methods_without_a_run_say_what_to_type(made: Any) -> None:
    found = tables(made("direct"), made("fwhm"))
    assert found["Figure 4"].commands() == [f"bench run -m {m} -d lge" for m in METHODS[1:]]
    assert found["Text 3.1, training"].commands() == ["bench run -m jdl -d lge"]
    assert any("left aside: fwhm" in line for line in reported(made("fwhm"), made("direct")).head)


def test_runs_that_cannot_fill_it_are_refused(made: Any) -> None:
    with pytest.raises(DataError, match="None of these runs is of a method of xing2023") as told:
        tables(made("fwhm"))
    assert "bench run -m jdl -d lge" in told.value.fix
    with pytest.raises(DataError, match="-m jdl -d lge'"):  # on maps it could not be trained
        tables(made("mapping", dataset="maps", record={"annotates": ["myocardium"]}))
    with pytest.raises(UsageError, match="'jdl' was run as"):
        tables(made("jdl"), made("jdl", epochs=3))
    with pytest.raises(DataError, match="no cases of role external"):
        tables(made("mtl"), roles=["external"])


def test_figures_have_a_dot_for_each_slice_of_a_heart(
    made: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [made("jdl"), made("two_step")]
    found = reported(*paths)
    states = {drawn.figure.number: drawn for drawn in
              draw_all("xing2023", found.figures, tmp_path)}  # fmt: skip
    assert [n for n, drawn in states.items() if drawn.files] == ["2", "4a", "4b"]
    svg = (tmp_path / "xing2023-fig4b.svg").read_text()
    assert "Two-step (n = 12)" in svg
    assert "Direct" not in svg
    assert "No run of direct, mtl yet" in states["2"].figure.note
    words = ["report", *map(str, paths), "--paper", "xing2023", "-o", str(tmp_path / "t.md")]
    assert run_app(app, words) == 0
    capsys.readouterr()
    assert "Figure 4b" in (tmp_path / "t.md").read_text()
