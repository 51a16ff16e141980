"""mapping2023's letters of significance and its figures, from samples and hand-made runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.papers import load, report
from benchmark.papers.drawing import draw_all
from benchmark.papers.layout import Cell, Filled, PaperReport
from benchmark.papers.mapping2023_letters import lettered_means, lettered_medians
from benchmark.papers.text import csv_text, latex, markdown, rich_view
from benchmark.policies import Policy
from benchmark.table import read_runs

#: PlantGrowth of R: control, treatment 1 and treatment 2.
PLANTS = {
    "model": [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14],
    "observer_1": [4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69],
    "observer_2": [6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26],
}


def plants(samples: Mapping[str, list[float]] = PLANTS) -> tuple[Filled, dict[Any, Any]]:
    """As the first row of Table 5: any table with three columns would do."""
    table = load("mapping2023").tables["5"]
    groups = {("t1", column): np.array(values) for column, values in samples.items()}
    cells = {at: Cell(float(values.mean())) for at, values in groups.items() if len(values)}
    return Filled(table, cells), groups


def test_letters_part_what_differs_in_the_published_example() -> None:
    """Tukey's p values there are .3909, .1980 and .0120: only the treatments differ."""
    found = lettered_means(*plants())
    letters = [found.cell("t1", column).letters for column in PLANTS]
    assert set(letters[1]).isdisjoint(letters[2])
    assert set(letters[0]) & set(letters[1])
    assert set(letters[0]) & set(letters[2])
    assert "Welch's analysis of variance: T1 (ms): P = 0.017." in found.notes[0]
    # Games and Howell: .475, .113 and .024 part the same.
    assert not any("Games" in note for note in found.notes)
    assert "independent sample" in found.notes[-1]


def test_medians_have_letters_of_ranks() -> None:
    """Dwass-Steel-Critchlow-Fligner: .382, .142 and .027; Kruskal-Wallis .0184."""
    found = lettered_medians(*plants())
    letters = [found.cell("t1", column).letters for column in PLANTS]
    assert set(letters[1]).isdisjoint(letters[2])
    assert set(letters[0]) & set(letters[2])
    assert "Kruskal-Wallis test: T1 (ms): P = 0.018." in found.notes[0]


def test_a_test_for_unequal_variances_that_differs_is_told() -> None:
    """Two quiet groups whose means differ by many of their own deviations, and one wild one."""
    rng = np.random.default_rng(0)
    quiet = np.linspace(-0.1, 0.1, 20)
    wild = (5 + 20 * rng.standard_normal(20)).tolist()
    filled, groups = plants(
        {"model": quiet.tolist(), "observer_1": (quiet + 1).tolist(), "observer_2": wild}
    )
    found = lettered_means(filled, groups)
    assert found.cell("t1", "model").letters == found.cell("t1", "observer_1").letters
    (note,) = [note for note in found.notes if "Games" in note]
    assert "T1 (ms): Model a, Observer 1 b" in note


@pytest.mark.parametrize(
    "samples",
    [
        {},
        {"model": [1.0, 2.0]},
        {"model": [1.0, 2.0], "observer_1": []},
        {"model": [1.0], "observer_1": [2.0]},
    ],
)
def test_fewer_than_two_groups_of_two_have_no_letters(samples: Any) -> None:
    for lettered in (lettered_means, lettered_medians):
        found = lettered(*plants(samples))
        assert not any(cell.letters for cell in found.cells.values())
        assert found.notes == ()


def test_groups_that_are_all_equal_share_a_letter() -> None:
    for lettered in (lettered_means, lettered_medians):
        found = lettered(*plants({"model": [1.0] * 4, "observer_1": [1.0] * 4}))
        assert {cell.letters for cell in found.cells.values()} == {"a"}


def shown(filled: Filled) -> PaperReport:
    return PaperReport(load("mapping2023"), ("head",), (filled,))


def test_letters_stand_apart_from_digits_in_every_form() -> None:
    """Fused they were read as digits once: 86.25 and a letter as 86256."""
    import io

    from rich.console import Console

    found = lettered_means(*plants())
    first = found.cell("t1", "model").letters
    assert f"| 5.0 {first} | 1041.7 (110.5) |" in markdown(shown(found))
    assert f"& 5.0 {first} &" in latex(shown(found))
    out = io.StringIO()
    Console(file=out, width=200, color_system=None).print(rich_view(shown(found)))
    assert f" 5.0 {first} │" in out.getvalue()
    line = csv_text(shown(found)).splitlines()[1]
    assert f",{first},1041.7," in line
    assert "letters are ours" in markdown(shown(found))


# From runs ----------------------------------------------------------------------------------------


def rows(shift: float) -> list[dict[str, Any]]:
    """Eight slices of four patients, three readers; the model is worse than they by far."""
    found = []
    readers = ("r1", "r2", "r3")
    for i in range(8):
        case, z = f"c{i // 2}", i % 2
        for region, side in (("endo", 0.02), ("epi", -0.02)):
            pairs = [(r, "prediction", 0.6 + shift) for r in readers]
            pairs += [("r1", "r2", 0.9), ("r1", "r3", 0.9), ("r2", "r3", 0.9)]
            pairs += [("reference", "perfect_mask", 0.95)]
            for reference, compared, at in pairs:
                for metric in ("iou", "dice", "hd_points", "masd"):
                    overlap = metric in ("iou", "dice")
                    value = at + side + i / 500
                    value = value if overlap else 10 * (1 - value)
                    found += [
                        {"case": case, "region": region, "metric": metric, "dim": "contour",
                         "reference": reference, "level": level, "slice": at_slice,
                         "compared": compared, "value": value, "status": "ok", "message": "",
                         "unit": "" if overlap else "mm", "worst": value,
                         "better": "higher" if overlap else "lower", "best": float(overlap)}
                        for level, at_slice in (("slice", z), (("apex", "base")[z], None))
                    ]  # fmt: skip
    return found


@pytest.fixture
def made(make_run: Any) -> Callable[..., Path]:
    def make(shift: float = 0.0, **changes: Any) -> Path:
        parameters = {
            "encoder": "resnet50", "encoder_weights": "none", "width": 64, "maps": "both",
            "dominant_points": True, "interpolate": True, "filter": True, "hull": True,
            "labels": "mask", **changes,
        }  # fmt: skip
        group = f"mapping-{sorted(changes.items())}"
        folder: Path = make_run(
            "mapping", rows(shift), dataset="mapping",
            cases={f"c{i}": {"patient": f"p{i}", "map": ("t1", "t2")[i % 2]} for i in range(4)},
            features=[
                {"case": f"c{i}", "level": "slice", "slice": 0, "status": "ok", "unit": "ms",
                 "feature": f"myocardium_{('t1', 't2')[i % 2]}_median_ms", "message": "",
                 "source": source, "value": value + i}
                for i in range(4)
                for source, value in (("prediction", 1000.0), ("r1", 1001.0), ("r2", 1002.0),
                                      ("r3", 1003.0))
            ],
            record={"group": group, "key": group, "metric_cards": {}},
            method_record={"parameters": parameters, "asked": changes},
        )  # fmt: skip
        return folder

    return make


def test_tables_2_to_5_have_letters_and_others_none(made: Any) -> None:
    found = report("mapping2023", read_runs([made()]), policy=Policy.WORST_CASE)
    by = {table.published.number: table for table in found.tables}
    assert [by["2"].cell("dice", c).letters for c in by["2"].titles] == ["a", "b"]
    assert [by["3"].cell("hd", f"{side}_{kind}").letters
            for side in ("model", "experts") for kind in ("t1", "t2")] == [*"aabb"]  # fmt: skip
    fourth = [by["4"].cell("iou", c).letters for c in by["4"].titles]
    # No slice is midventricular, so that column has no mean and no letter.
    assert [bool(letter) for letter in fourth] == [True, False, True, True, False, True]
    assert not set(fourth[0]) & set(fourth[3])
    assert {by["5"].cell("t1", c).letters for c in by["5"].titles} == {"a"}
    for number in ("1", "5, text", "6", "7", "8", "A1", "Figure 9"):
        assert not any(cell.letters for cell in by[number].cells.values()), number
    text = markdown(found)
    assert "ours have none" not in text


def test_without_a_model_there_is_no_one_to_compare_the_experts_with(made: Any) -> None:
    found = report("mapping2023", read_runs([made(maps="t1")]), policy=Policy.WORST_CASE)
    by = {table.published.number: table for table in found.tables}
    assert not any(cell.letters for cell in by["2"].cells.values())
    assert by["3"].cell("dice", "experts_t1").letters  # T1 against T2, among experts
    states = {figure.number: figure.why_not for figure in found.figures}
    assert states["5a"] == "not drawn: no run yet; run: bench run -m mapping -d mapping"
    assert states["9"] == ""


def test_figures_are_of_slices_by_contour_and_third(made: Any, tmp_path: Path) -> None:
    runs = read_runs([made(), made(0.1, hull=False)])
    found = report("mapping2023", runs, policy=Policy.WORST_CASE)
    drawn = {one.figure.number: one.files for one in
             draw_all("mapping2023", found.figures, tmp_path)}  # fmt: skip
    assert [number for number, files in drawn.items() if files] == [
        "5a", "5b", "8a", "8b", "8c", "8d", "9", "A1",
    ]  # fmt: skip
    last = (tmp_path / "mapping2023-figA1.svg").read_text()
    assert "+ filtering (n = 8)" in last
    assert "+ convex hull (n = 8)" in last
    assert "No post-processing" not in last
    note = next(figure.note for figure in found.figures if figure.number == "A1")
    assert "Not run yet: bench run -m mapping --set interpolate=false" in note


def test_halves_of_a_violin_are_one_contour_of_one_side(made: Any) -> None:
    from benchmark.papers.mapping2023_cells import Making
    from benchmark.papers.mapping2023_figures import halves
    from benchmark.papers.mapping2023_runs import choose
    from benchmark.papers.selection import experiments

    runs = read_runs([made()])
    making = Making(choose(experiments(runs)), ["test"], Policy.WORST_CASE, runs[0])
    endo = halves(making, "dice", "endo")
    assert endo["Automated vs experts"] == pytest.approx([100 * (0.62 + i / 500) for i in range(8)])
    epi = halves(making, "hd", "epi", "base")
    assert epi["Agreement of experts"] == pytest.approx(
        [10 * (1 - 0.88 - i / 500) for i in (1, 3, 5, 7)]
    )
