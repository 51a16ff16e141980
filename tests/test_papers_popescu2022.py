"""popescu2022: its numbers against each other, and its tables and figures from hand-made runs."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmark.cli._app import app, run_app
from benchmark.errors import DataError, UsageError
from benchmark.papers import load, report
from benchmark.papers.drawing import draw_all
from benchmark.papers.layout import Filled
from benchmark.papers.text import csv_text, latex, markdown
from benchmark.policies import Policy
from benchmark.table import read_runs

REGIONS = ("lv", "myocardium", "scar", "core_scar")
PARAMETERS = {
    "roi": "predicted", "style": True, "cleanup": True, "anatomy": True, "keep_valid": False,
    "volumetric": True, "epochs": 10,
}  # fmt: skip
#: Case -> Dice in its three slices, from apex to base; a fourth slice lies beyond the ventricle.
DICE = {"a": (0.6, 0.7, 0.8), "b": (0.7, 0.8, 0.9), "c": (0.5, 0.6, 0.7)}
#: Case -> mL of the reference by region, and of the answer.
GT = {"a": (100, 50, 10, 5), "b": (200, 80, 0, 0), "c": (300, 100, 20, 10)}
PRED = {"a": (110, 50, 5, 4), "b": (200, 100, 4, 1), "c": (270, 100, 20, 10)}
THIRDS = ("apex", "middle", "base")


def row(case: str, region: str, metric: str, where: Any, value: float | None) -> dict[str, Any]:
    overlap = metric != "hd"
    return {
        "case": case, "region": region, "metric": metric, "dim": None if overlap else "slice",
        "level": "slice" if isinstance(where, int) else where,
        "slice": where if isinstance(where, int) else None, "reference": "reference",
        "compared": "prediction", "value": value, "status": "ok", "message": "",
        "unit": "" if overlap else "mm", "better": "higher" if overlap else "lower",
        "worst": value, "best": 1.0 if overlap else 0.0,
    }  # fmt: skip


def scores(shift: float = 0.0) -> list[dict[str, Any]]:
    """BA is a tenth above Dice, HD ten times it; each region .05 below the one before."""
    found = []
    for case, dice in DICE.items():
        for k, region in enumerate(REGIONS):
            for z, at in enumerate(dice):
                value = at - 0.05 * k + shift
                for metric, number in (
                    ("dice", value), ("balanced_accuracy", value + 0.1), ("hd", 10 * value)
                ):  # fmt: skip
                    found += [row(case, region, metric, w, number) for w in (z, THIRDS[z])]
            # A false alarm beyond the reference's ventricle: in no third, and in no total.
            found.append({**row(case, region, "dice", 3, 0.0), "status": "ref_empty"})
            found.append({**row(case, region, "hd", 3, None), "status": "ref_empty", "worst": 300})
    return found


def features(pred: Mapping[str, tuple[float | None, ...]] = PRED) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    shared = {"level": "volume", "slice": None, "unit": "mL", "message": "", "status": "ok"}
    for case, volumes in GT.items():
        for region, truth, answer in zip(REGIONS, volumes, pred[case], strict=True):
            of = {**shared, "case": case, "feature": f"{region}_ml"}
            found.append({**of, "source": "reference", "value": truth})
            lost = {"status": "no_prediction"} if answer is None else {}
            found.append({**of, "source": "prediction", "value": answer, **lost})
        for z, area in enumerate((500.0, 900.0, 1000.0, 0.0)):
            found.append(
                {"case": case, "level": "slice", "slice": z, "source": "reference",
                 "feature": "lv_area_mm2", "value": area, "status": "ok", "unit": "mm2",
                 "message": ""}
            )  # fmt: skip
    return found


@pytest.fixture
def made(make_run: Any) -> Callable[..., Path]:
    """A run of ``acsnet`` from hand-made rows: ``made(anatomy=False)``."""

    def make(method: str = "acsnet", **changes: Any) -> Path:
        rows = changes.pop("scores", None) or scores(changes.pop("shift", 0.0))
        told = changes.pop("features", None) or features(changes.pop("pred", PRED))
        cases = changes.pop("cases", {case: {"patient": f"p{case}"} for case in DICE})
        more, dataset = changes.pop("record", {}), changes.pop("dataset", "lge")
        group = f"{method}-{sorted(changes.items())}"
        folder: Path = make_run(
            method, rows, dataset=dataset, features=told, cases=cases,
            record={"group": group, "key": group.replace("/", ""), "metric_cards": {}, **more},
            method_record={"parameters": {**PARAMETERS, **changes}, "asked": changes},
        )  # fmt: skip
        return folder

    return make


def tables(*paths: Path, **options: Any) -> dict[str, Filled]:
    found = report("popescu2022", read_runs(paths), **{"policy": Policy.WORST_CASE, **options})
    return {table.published.number: table for table in found.tables}


# The published numbers ----------------------------------------------------------------------------


def published(table: str, name: str, column: str) -> Any:
    return load("popescu2022").tables[table].cell(name, column)


def test_rows_of_table_1_are_the_regions_that_the_results_name() -> None:
    """The text of the table has its labels one row too low; the Results tell which is which."""
    found = {
        region: (
            published("1", f"{region}_dice", "total").value,
            published("1", f"{region}_hd", "total").value,
        )
        for region in REGIONS
    }
    assert found == {"lv": (0.93, 6.5), "myocardium": (0.79, 6.7), "scar": (0.51, 19.9),
                     "core_scar": (0.57, 18.9)}  # fmt: skip


def test_totals_of_table_1_lie_between_its_thirds() -> None:
    for name in load("popescu2022").tables["1"].rows:
        parts = [published("1", name, third) for third in THIRDS]
        total = published("1", name, "total")
        assert min(p.value for p in parts) <= total.value <= max(p.value for p in parts), name
        # Three times the slices: a narrower interval.
        assert total.spread <= min(p.spread for p in parts), name


def test_totals_of_table_2_are_those_of_its_tertiles() -> None:
    """Ranges join exactly; means of three equal parts differ by rounding and by their sizes."""
    for name in load("popescu2022").tables["2"].rows:
        parts = [published("2", name, third) for third in ("lower", "middle", "upper")]
        total = published("2", name, "total")
        assert total.low == min(part.low for part in parts), name
        assert total.high == max(part.high for part in parts), name
        assert total.value == pytest.approx(sum(p.value for p in parts) / 3, abs=1.5), name
        assert all(part.low <= part.value <= part.high for part in (*parts, total)), name
    bounds = [published("2", "lv_gt", third) for third in ("lower", "middle", "upper")]
    assert bounds[0].high < bounds[1].low < bounds[1].high < bounds[2].low


def test_the_burden_of_two_percent_is_that_of_core_scar() -> None:
    def burden(region: str, side: str) -> float:
        volumes = [published("2", f"{r}_{side}", "total").value for r in (region, "myocardium")]
        return float(100 * volumes[0] / volumes[1])

    differences = {r: burden(r, "gt") - burden(r, "pred") for r in ("core_scar", "scar")}
    assert differences["core_scar"] == pytest.approx(2, abs=0.5)
    assert differences["scar"] == pytest.approx(5, abs=0.5)


# Tables from runs ---------------------------------------------------------------------------------


def test_table_1_averages_slices_in_the_case_and_then_cases(made: Any) -> None:
    table = tables(made())["1"]
    assert table.cell("lv_dice", "apex").value == pytest.approx(0.6)
    assert table.cell("lv_dice", "base").value == pytest.approx(0.8)
    total = table.cell("lv_dice", "total")
    assert (total.value, total.n) == (pytest.approx(0.7), 3)
    assert (total.low, total.high) == (pytest.approx(0.6), pytest.approx(0.8))
    assert table.cell("core_scar_ba", "middle").value == pytest.approx(65)
    assert table.cell("myocardium_hd", "total").value == pytest.approx(6.5)
    text = markdown(report("popescu2022", read_runs([made()]), policy=Policy.WORST_CASE))
    assert "| LV ROI, Dice ↑ | 0.60 \\[0.50, 0.70\\] | 0.92 (0.02) |" in text
    assert "| LV ROI, HD (mm) ↓ | 6.0 \\[5.0, 7.0\\] | 6.9 (1.6) |" in text


def test_a_slice_beyond_the_ventricle_counts_where_slices_are_not_known(made: Any) -> None:
    """Without the reference's areas nothing tells it apart: the total then has the false alarm."""
    volumes = [f for f in features() if f["level"] == "volume"]
    table = tables(made(features=volumes))["1"]
    assert table.cell("lv_dice", "total").value == pytest.approx(0.7 * 3 / 4)


def test_missed_slices_are_told_apart_from_distances(made: Any) -> None:
    missed = [
        {**r, "value": None, "status": "pred_empty", "worst": 300.0}
        if (r["case"], r["region"], r["metric"], r["slice"]) == ("a", "scar", "hd", 0)
        else {**r, "value": 0.0, "status": "pred_empty"}
        if (r["case"], r["region"], r["metric"], r["slice"]) == ("a", "scar", "dice", 0)
        else r
        for r in scores()
    ]
    table = tables(made(scores=missed))["1"]
    hearts = [(300 + 6 + 7) / 3, 7.0, 5.0]
    assert table.cell("scar_hd", "total").value == pytest.approx(sum(hearts) / 3)
    notes = " ".join(table.notes)
    # The other eight slices: (6 + 7 + 6 + 7 + 8 + 4 + 5 + 6) / 8.
    assert "Enhancement, HD (mm), total: 6.1 over the 8 of 9 slices" in notes
    # All nine have scar in the reference: the missed one is 0.
    assert "Enhancement, BA (%) and Dice, total: 70.0 and 0.54 over the 9 slices" in notes
    assert "LV ROI, HD" not in notes


def test_table_2_parts_cases_by_the_volume_of_the_reference(made: Any) -> None:
    table = tables(made())["2"]
    assert [table.cell("lv_gt", c).value for c in ("lower", "middle", "upper")] == [100, 200, 300]
    total = table.cell("lv_mae", "total")
    assert (total.value, total.low, total.high) == (pytest.approx(20 / 3), 0, pytest.approx(10))
    scar = table.cell("scar_mae", "total")
    assert (scar.value, scar.low, scar.high, scar.n) == (pytest.approx(25), 0, 50, 2)
    assert table.cell("scar_mae", "middle").value is None  # no scar there to divide by
    assert table.cell("scar_pred", "middle").value == 4
    assert "Enhancement, normalised MAE (%): 1 of 3" in " ".join(table.notes)


def test_errors_of_seeds_are_averaged_not_their_volumes(made: Any) -> None:
    less = {**PRED, "a": (90, 50, 5, 4)}
    table = tables(
        made(record={"group": "same", "key": "0"}),
        made(pred=less, record={"group": "same", "seed": 1, "key": "1"}),
    )["2"]
    assert table.cell("lv_pred", "lower").value == pytest.approx(100)
    assert table.cell("lv_mae", "lower").value == pytest.approx(10)


def test_a_case_without_an_answer_has_no_volume_or_none_at_all(made: Any) -> None:
    lost = {**PRED, "a": (None, None, None, None)}
    assert tables(made(pred=lost))["2"].cell("lv_mae", "lower").value == pytest.approx(100)
    kind = tables(made(pred=lost), policy=Policy.EXCLUDE)["2"]
    assert kind.cell("lv_mae", "lower").value is None
    assert kind.cell("lv_mae", "total").n == 2


def test_two_cases_have_no_tertiles(made: Any) -> None:
    few = made(
        scores=[r for r in scores() if r["case"] != "c"],
        features=[f for f in features() if f["case"] != "c"],
        cases={"a": {"patient": "p"}, "b": {"patient": "q"}},
    )
    table = tables(few)["2"]
    assert table.cell("lv_gt", "upper").missing == "needs three cases"
    assert table.cell("lv_gt", "total").value == 150


def test_volumes_are_tested_unpaired_as_published_and_paired(made: Any) -> None:
    from scipy import stats

    table = tables(made())["2, text"]
    expected = stats.ttest_ind([110, 200, 270], [100, 200, 300], equal_var=False).pvalue
    assert table.cell("lv", "welch").value == pytest.approx(expected)
    # Differences 10, 0 and -30: the smaller of two ranks, half of all sign patterns, twice.
    assert table.cell("lv", "wilcoxon").value == pytest.approx(1)
    assert table.published.cell("core_scar", "welch").text == ".46"


def test_a_test_of_cases_that_are_one_patient_is_not_made(made: Any) -> None:
    one = made(cases={case: {"patient": "p"} for case in DICE})
    cell = tables(one)["2, text"].cell("lv", "welch")
    assert cell.value is None
    assert cell.missing


def test_the_burden_is_a_share_of_each_sides_own_myocardium(made: Any) -> None:
    table = tables(made())["Figure 8, text"]
    found = [table.cell("core_scar", c).value for c in table.titles]
    assert found == [pytest.approx(20 / 3), pytest.approx(19 / 3), pytest.approx(-1 / 3),
                     pytest.approx(1)]  # fmt: skip


# Which run fills what -----------------------------------------------------------------------------


def test_runs_on_maps_are_refused(made: Any) -> None:
    """They have a left ventricle and volumes, but no LGE."""
    with pytest.raises(DataError, match="has no images of LGE but T1 and T2 maps: the tables"):
        tables(made(cases={case: {"patient": case, "map": "t1"} for case in DICE}))


def test_ablations_stand_beside_the_whole(made: Any) -> None:
    found = tables(made(), made(anatomy=False, shift=-0.1), made(style=False, shift=-0.2))
    table = found["1, text"]
    values = [table.cell("myocardium_dice", c).value for c in table.titles]
    assert values == [pytest.approx(v) for v in (0.65, 0.55, 0.45)]
    assert not table.commands()
    notes = " ".join(table.notes)
    assert "Myocardium, Dice: all stages minus without the third network +0.100 over 3" in notes
    assert found["1"].cell("lv_dice", "total").value == pytest.approx(0.7)


def test_what_no_run_fills_says_what_to_type(made: Any) -> None:
    from typer.main import get_command

    commands = tables(made(epochs=20))["1, text"].commands()
    assert commands == [
        "bench run -m acsnet --set epochs=20 --set anatomy=false -d lge",
        "bench run -m acsnet --set epochs=20 --set style=false -d lge",
    ]
    run = get_command(app).commands["run"]  # type: ignore[attr-defined]
    for command in commands:
        assert run.make_context("run", shlex.split(command)[2:]).params["dataset"] == ["lge"]


def test_a_run_that_differs_in_more_is_no_ablation(made: Any) -> None:
    table = tables(made(), made(anatomy=False, epochs=3))["1, text"]
    assert table.cell("myocardium_dice", "no_anatomy").command


def test_an_ablation_alone_fills_its_own_column(made: Any) -> None:
    found = tables(made(anatomy=False))
    assert found["1, text"].cell("myocardium_dice", "no_anatomy").value == pytest.approx(0.65)
    for number in ("1", "2", "2, text", "Figure 8, text"):
        assert found[number].commands() == ["bench run -m acsnet -d lge"], number


def test_another_method_alone_stands_in_the_tables(made: Any) -> None:
    found = tables(made("jdl"))
    assert found["1"].cell("lv_dice", "total").value == pytest.approx(0.7)
    assert found["3"].cell("acsnet", "dice").value == pytest.approx(0.65)
    assert found["1"].filled_by["total"] == "jdl"


def test_other_methods_are_rows_below_those_of_table_3(made: Any) -> None:
    found = tables(made(), made("jdl", shift=0.05), made("mtl"))
    table = found["3"]
    assert table.cell("acsnet", "dice").value == pytest.approx(0.65)
    assert table.cell("ours: jdl", "dice").value == pytest.approx(0.70)
    assert list(table.published.rows)[-2:] == ["ours: jdl", "ours: mtl"]
    assert table.cell("yue", "hd").missing == "no such method here"
    assert table.cell("interobserver", "dice").missing == "needs a data set with two readers"
    without = tables(made("jdl"), made("mtl"))
    assert without["3"].commands() == ["bench run -m acsnet -d lge"]
    assert without["3"].cell("ours: mtl", "dice").value == pytest.approx(0.65)


def test_readers_fill_the_row_of_observers(made: Any) -> None:
    between = [
        {**r, "reference": "r1", "compared": "r2", "value": 0.75, "worst": 0.75}
        for r in scores()
        if (r["region"], r["metric"], r["level"]) == ("myocardium", "dice", "slice")
        and r["slice"] < 3
    ]
    table = tables(made(scores=[*scores(), *between]))["3"]
    assert table.cell("interobserver", "dice").value == pytest.approx(0.75)
    assert table.cell("acsnet", "dice").value == pytest.approx(0.65)


def test_two_models_that_could_be_the_main_one_are_refused(made: Any) -> None:
    with pytest.raises(UsageError, match="may be"):
        tables(made(), made(epochs=3))


def test_a_region_that_a_method_does_not_give_is_not_produced(made: Any) -> None:
    gone = [
        {**r, "value": None, "status": "not_applicable", "worst": None} if r["region"] == "lv"
        else r for r in scores()
    ]  # fmt: skip
    kept = [f for f in features() if (f["source"], f["feature"]) != ("prediction", "lv_ml")]
    found = tables(made("jdl", scores=gone, features=kept))
    assert found["1"].cell("lv_dice", "apex").missing == "not produced"
    assert found["2"].cell("lv_mae", "total").missing == "not produced"
    assert found["2"].cell("lv_gt", "total").value == 200
    assert found["2, text"].cell("lv", "welch").missing == "not produced"


# Refusals, figures and the command ----------------------------------------------------------------


def test_runs_without_what_the_tables_are_of_are_refused(make_run: Any, made: Any) -> None:
    with pytest.raises(DataError, match="no volumes"):
        tables(make_run("one", [make_run.score("a", 0.8)], dataset="lge"))
    with pytest.raises(DataError, match="no cases of role external"):
        tables(made(), roles=["external"])
    with pytest.raises(UsageError, match="2 data sets"):
        tables(made(), made(dataset="other"))


def test_figures_are_drawn_of_the_cases(made: Any, tmp_path: Path) -> None:
    found = report("popescu2022", read_runs([made()]), policy=Policy.WORST_CASE)
    told = {drawn.figure.number: drawn for drawn in
            draw_all("popescu2022", found.figures, tmp_path / "out")}  # fmt: skip
    assert list(told) == ["1", "2", "3", "4", "5", "6", "7", "8a", "8b"]
    assert [n for n, drawn in told.items() if drawn.files] == ["6", "8a", "8b"]
    svg = (tmp_path / "out" / "popescu2022-fig6.svg").read_text()
    assert "LV ROI" in svg
    assert "n = 3" in svg
    assert "places within slices" in told["1"].why_not


def test_figures_without_a_run_say_what_to_type(made: Any) -> None:
    found = report("popescu2022", read_runs([made(style=False)]), policy=Policy.WORST_CASE)
    states = {figure.number: figure.why_not for figure in found.figures}
    assert states["6"] == "not drawn: no run yet; run: bench run -m acsnet -d lge"


def test_histograms_are_of_one_value_for_each_case(made: Any) -> None:
    from benchmark.papers.popescu2022_cells import Making
    from benchmark.papers.popescu2022_figures import thirds_of_dice
    from benchmark.papers.popescu2022_runs import choose
    from benchmark.papers.selection import experiments

    runs = read_runs([made()])
    models = choose(experiments(runs))
    making = Making(models, ["test"], Policy.WORST_CASE, runs)
    assert models.main.experiment is not None
    found = thirds_of_dice(making, models.main.experiment)
    assert sorted(found["lv", "base"]) == [pytest.approx(v) for v in (0.7, 0.8, 0.9)]


def test_the_command_writes_every_form(
    made: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["report", str(made()), "--paper", "popescu2022"]
    assert run_app(app, [*words, "--figures", str(tmp_path / "f")]) == 0
    out, err = capsys.readouterr()
    assert "## Table 3." in out
    assert "popescu2022-fig8b.png" in out
    assert "written:" in err
    for name in ("t.csv", "t.tex"):
        assert run_app(app, [*words, "-o", str(tmp_path / name)]) == 0
    lines = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text())))
    (cell,) = [r for r in lines if (r["table"], r["row"], r["column"])
               == ("2", "lv_mae", "total")]  # fmt: skip
    assert (cell["published"], cell["published_low"]) == ("6.3", "0.6")
    assert cell["low_and_high"] == "range"
    assert float(cell["value"]) == pytest.approx(20 / 3)


def test_the_same_runs_give_the_same_text(made: Any) -> None:
    path = made()
    found = [report("popescu2022", read_runs([path]), policy=Policy.WORST_CASE) for _ in "ab"]
    for writer in (markdown, csv_text, latex):
        assert writer(found[0]) == writer(found[1])
