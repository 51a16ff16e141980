"""fahmy2021 and fahmy2020: their numbers against each other, and cells by hand from small runs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark.cli._app import app, run_app
from benchmark.errors import DataError, UsageError
from benchmark.papers import load, report
from benchmark.papers.layout import Cell, Filled, PaperReport
from benchmark.papers.text import csv_text, latex, markdown
from benchmark.policies import Policy
from benchmark.table import read_runs

# The published numbers ----------------------------------------------------------------------------


def value(paper: str, table: str, row: str, column: str) -> float:
    found = load(paper).tables[table].cell(row, column).value
    assert found is not None, (table, row, column)
    return found


def spread(paper: str, table: str, row: str, column: str) -> float:
    found = load(paper).tables[table].cell(row, column).spread
    assert found is not None, (table, row, column)
    return found


def test_slices_of_fahmy2021_add_up_over_locations_and_over_sites() -> None:
    for row in ("total", "fusion", "none"):
        for stratum in ("all", "internal", "external"):
            name = f"{stratum}_{row}"
            parts = [value("fahmy2021", "3", name, c) for c in ("apical", "middle", "basal")]
            assert sum(parts) == value("fahmy2021", "3", name, "all")
        for column in ("apical", "middle", "basal", "all"):
            parts = [
                value("fahmy2021", "3", f"{s}_{row}", column) for s in ("internal", "external")
            ]
            assert sum(parts) == value("fahmy2021", "3", f"all_{row}", column)


def test_shares_of_fahmy2021_are_those_of_its_counts() -> None:
    for stratum in ("all", "internal", "external"):
        for method in ("fusion", "none"):
            for column in ("apical", "middle", "basal", "all"):
                name = f"{stratum}_{method}"
                share = 100 * value("fahmy2021", "3", name, column)
                share /= value("fahmy2021", "3", f"{stratum}_total", column)
                assert abs(share - spread("fahmy2021", "3", name, column)) <= 0.5 + 1e-9
            two = value("fahmy2021", "2", f"{stratum}_slices", method)
            assert two == value("fahmy2021", "3", f"{stratum}_{method}", "all")


def test_patients_of_fahmy2021_add_up_and_odd_shares_are_noted() -> None:
    table = load("fahmy2021").tables["1"]
    parts = ("training", "validation", "internal", "external")
    for name, row in table.rows.items():
        if name.startswith("n_"):
            assert sum(value("fahmy2021", "1", name, c) for c in parts) == row.cells["all"].value
    share = 100 * value("fahmy2021", "1", "n_scar", "internal") / 41
    assert round(share) == 24
    assert "24 %" in table.cell("n_scar", "internal").note


def test_patients_of_fahmy2020_add_up_and_the_row_that_does_not_is_noted() -> None:
    table = load("fahmy2020").tables["1"]
    for name, row in table.rows.items():
        if name.startswith("n_"):
            told = sum(value("fahmy2020", "1", name, f"site_{i}") for i in range(1, 8))
            doubtful = name == "n_coronary"
            assert (told != row.cells["total"].value) == doubtful, name
            assert bool(row.cells["total"].note) == doubtful
    sizes = load("fahmy2020").tables["2"]
    for name in sizes.rows:
        both = sum(value("fahmy2020", "2", name, c) for c in ("training", "testing"))
        assert both == value("fahmy2020", "2", name, "total")
    for column in ("training", "testing", "total"):
        sites = sum(value("fahmy2020", "2", f"n_site_{i}", column) for i in range(1, 8))
        scar = sum(value("fahmy2020", "2", row, column) for row in ("n_scar", "n_no_scar"))
        assert sites == scar == value("fahmy2020", "2", "n_total", column)
    for i in range(1, 8):
        assert value("fahmy2020", "1", "n_patients", f"site_{i}") == value(
            "fahmy2020", "2", f"n_site_{i}", "total"
        )


def test_slopes_of_fahmy2020_lie_in_the_middle_of_their_intervals_or_are_noted() -> None:
    """To within the decimals that are printed: 1.20 (1.0, 1.3) is 1.15 rounded."""
    for number in ("3, scar volume", "3, %LGE"):
        for row in load("fahmy2020").tables[number].rows.values():
            for column in ("slope_3d", "slope_2d"):
                cell = row.cells[column]
                if cell.low is None or cell.high is None:
                    assert row.name == "site_4"
                    continue
                assert cell.value is not None
                assert cell.low <= cell.value <= cell.high
                assert abs((cell.low + cell.high) / 2 - cell.value) < 0.08, (number, row.name)


def test_a_bound_is_shown_as_one_and_zeros_are_kept() -> None:
    from benchmark.papers.layout import shown_published

    two = load("fahmy2021").tables["2"]
    assert shown_published(two.cell("all_p", "none")) == "< 0.001"
    assert shown_published(two.cell("all_scar_slope", "fusion")) == "0.82"
    three = load("fahmy2020").tables["3, scar volume"]
    assert shown_published(three.cell("vendor_1", "slope_3d")) == "0.92 [0.82, 1.0]"
    dice = load("fahmy2020").tables["3, Dice"].cell("site_4", "dice_3d")
    assert shown_published(dice) == "0.77 (0.00)"


# Small runs ---------------------------------------------------------------------------------------

CASES = {
    "a": {"patient": "a", "role": "test", "site": "A", "vendor": "V1"},
    "b": {"patient": "b", "role": "test", "site": "A", "vendor": "V1"},
    "c": {"patient": "c", "role": "external", "site": "B", "vendor": "V2"},
    "d": {"patient": "d", "role": "external", "site": "B", "vendor": "V2"},
}
#: mm2 of scar in each of three slices of 1000 mm2 of myocardium, 10 mm apart.
SCAR = {"a": 100.0, "b": 0.0, "c": 200.0, "d": 0.0}
Made = Callable[..., Path]


def feature(
    case: str, source: str, name: str, value: float, z: int | None = None
) -> dict[str, Any]:
    return {"case": case, "source": source, "level": "volume" if z is None else "slice", "slice": z,
            "feature": name, "value": value, "status": "ok", "unit": "", "message": ""}  # fmt: skip


def score(case: str, level: str, z: int | None, value: float, **more: Any) -> dict[str, Any]:
    row = {"case": case, "region": "myocardium", "metric": "slice_success", "level": level,
           "slice": z, "dim": None, "reference": "reference", "compared": "prediction",
           "value": value, "status": "ok", "message": "", "unit": "", "better": "higher",
           "worst": 0.0}  # fmt: skip
    return {**row, **more}


@pytest.fixture
def made(make_run: Any) -> Made:
    """A run whose answers are known: ``made("fusion", share=0.5)``.

    Its myocardium is a tenth larger than the reference's, its scar ``share`` of the reference's
    share of it. It fails in all slices of d, and in ``failed`` (case, slice), where it finds none.
    """

    def make(
        method: str,
        share: float = 1.0,
        *,
        failed: tuple[tuple[str, int], ...] = (),
        dice: Mapping[str, float] | None = None,
        cases: Mapping[str, Mapping[str, Any]] = CASES,
        **more: Any,
    ) -> Path:
        scores, features, counts = [], [], []
        for case in cases:
            totals = {"reference": [0.0, 0.0], "prediction": [0.0, 0.0]}
            for z, third in enumerate(("apex", "middle", "base")):
                won = case != "d" and (case, z) not in failed
                areas = {"reference": (1000.0, SCAR[case]),
                         "prediction": (1100.0, 1.1 * share * SCAR[case] * won)}  # fmt: skip
                for source, (wall, scar) in areas.items():
                    features += [feature(case, source, "myocardium_area_mm2", wall, z),
                                 feature(case, source, "scar_area_mm2", scar, z)]  # fmt: skip
                    totals[source][0] += wall / 100
                    totals[source][1] += scar / 100
                scores += [score(case, "slice", z, float(won)),
                           score(case, third, None, float(won))]  # fmt: skip
                counts.append({"case": case, "slice": z, "reference": "reference",
                               "compared": "prediction", "reference_label": 2,
                               "compared_label": 2 if won else 0, "voxels": 50})  # fmt: skip
            for source, (wall, scar) in totals.items():
                features += [feature(case, source, "myocardium_ml", wall),
                             feature(case, source, "scar_ml", scar),
                             feature(case, source, "scar_percent", 100 * scar / wall)]  # fmt: skip
            told = (dice or {}).get(case)
            status = "both_empty" if told is None else "ok"
            scores.append(score(case, "volume", None, told, region="scar", metric="dice",
                                status=status, worst=told))  # fmt: skip
        record = {"annotates": ["myocardium", "scar"], "produces": ["myocardium", "scar"],
                  "metric_cards": {}, "split": {"train": ["x", "y"], "test": list(cases)},
                  **more.pop("record", {})}  # fmt: skip
        folder: Path = make_run(
            method, scores, dataset=more.pop("dataset", "toy"), cases=cases, features=features,
            record=record, **more,
        )  # fmt: skip
        pd.DataFrame(counts).to_parquet(folder / "counts.parquet")
        return folder

    return make


@pytest.fixture
def pair(made: Made) -> tuple[Path, Path]:
    """Fusion finds half of the scar everywhere; without, all of it but in a slice of a."""
    return made("fusion", 0.5), made("lge_only", failed=(("a", 0),))


def filled(paper: str, *paths: Path, **options: Any) -> PaperReport:
    asked = {"policy": Policy.WORST_CASE, "roles": ("test", "external"), **options}
    return report(paper, read_runs(paths), **asked)


def table(found: PaperReport, number: str) -> Filled:
    return next(t for t in found.tables if t.published.number == number)


def cells(found: PaperReport, number: str, column: str, *rows: str) -> list[float | None]:
    return [table(found, number).cell(row, column).value for row in rows]


def near(*values: float) -> list[Any]:
    return [pytest.approx(v, abs=1e-9) for v in values]


def test_success_is_counted_by_location_without_patients_whom_both_failed_in(
    pair: tuple[Path, Path],
) -> None:
    """The last fails everywhere in both; of a, the apex's slice without fusion."""
    found = filled("fahmy2021", *pair)
    for column, n, none in (("apical", 3, 2), ("middle", 3, 3), ("basal", 3, 3), ("all", 9, 8)):
        assert cells(found, "3", column, "all_total", "all_fusion", "all_none") == [n, n, none]
    assert cells(found, "3", "apical", "internal_total", "internal_none") == [2, 1]
    assert table(found, "3").cell("all_none", "apical").spread == pytest.approx(200 / 3)
    assert cells(found, "2", "none", "all_slices", "external_slices") == [8, 3]
    assert cells(found, "Text: patients", "fusion", "n_patients", "n_segmented") == [4, 3]
    assert table(found, "Text: patients").cell("n_segmented", "none").spread == 75
    assert "left out because every model failed in every slice: 1" in found.head[2]


def test_tests_of_success_are_those_of_scipy(pair: tuple[Path, Path]) -> None:
    from scipy.stats import chi2_contingency

    found = filled("fahmy2021", *pair)
    for row, yates in (("all_p", False), ("all_p_yates", True)):
        p = chi2_contingency([[9, 0], [8, 1]], correction=yates).pvalue
        assert cells(found, "2", "none", row) == near(p)
        assert cells(found, "3", "all", row) == near(p)


def test_quantities_are_over_own_all_and_common_slices(pair: tuple[Path, Path]) -> None:
    """References are 10, 0 and 20 %; d, where both failed, counts nowhere."""
    found = filled("fahmy2021", *pair)
    assert cells(found, "2", "fusion", "all_scar_slope", "all_volume_slope") == near(0.5, 1.1)
    assert cells(found, "2", "none", "all_scar_slope", "all_scar_r") == near(1, 1)
    # All slices of a: 220 of 3300 mm2, against 10 %.
    assert cells(found, "2", "none_all", "all_scar_slope") == near(
        (10 * 20 / 3 + 20 * 20) / (10**2 + 20**2)
    )
    assert cells(found, "2", "fusion_common", "all_scar_slope") == near(0.5)
    assert table(found, "2").cell("all_scar_slope", "none_all").n == 3
    detected = ("all_accuracy", "all_specificity", "all_sensitivity", "all_n_scar")
    assert cells(found, "2", "fusion", *detected) == [100, 100, 100, 2]
    assert table(found, "2").cell("external_specificity", "fusion").missing == "no such case"


def test_limits_of_agreement_and_masses_by_hand(pair: tuple[Path, Path]) -> None:
    """Of -5, 0 and -10 %: -5 with a deviation of 5. A mass is 1.05 g/mL."""
    found = filled("fahmy2021", *pair)
    agreement = table(found, "Text: agreement")
    bias = agreement.cell("scar_bias", "fusion")
    assert (bias.value, bias.spread) == (pytest.approx(-5), pytest.approx(1.96 * 5, rel=1e-3))
    assert agreement.cell("mass_bias", "fusion").value == pytest.approx(
        1.05 * (1.65 + 3.3 - 3 - 6) / 3
    )
    assert agreement.cell("volume_bias", "fusion").value == pytest.approx(3)
    assert agreement.cell("scar_within", "fusion").value == 100
    line = cells(found, "Text: agreement", "fusion", "scar_intercept", "scar_slope")
    assert line == near(0, 0.5)


def test_seeds_are_averaged_within_the_case(pair: tuple[Path, Path], made: Made) -> None:
    """With a second seed that fails nowhere, half a slice is missing."""
    found = filled("fahmy2021", *pair, made("lge_only", 0.5, seed=1))
    assert cells(found, "3", "all", "all_none", "all_total") == [8.5, 9]
    assert cells(found, "2", "none", "all_scar_slope") == near(0.75)
    assert "lge_only: seeds 0, 1" in found.head[3]


def test_demographics_have_what_the_reference_tells(pair: tuple[Path, Path]) -> None:
    one = table(filled("fahmy2021", *pair), "1")
    assert one.cell("n_patients", "training").value == 2
    assert one.cell("scar", "internal") == Cell(pytest.approx(10), None, n=1)
    assert (one.cell("n_scar", "external").value, one.cell("n_scar", "external").spread) == (1, 50)
    assert one.cell("age", "internal").missing == "not recorded"
    assert one.cell("scar", "all").missing == "not tested"


def test_a_missing_method_is_a_command_in_cells_and_figures(pair: tuple[Path, Path]) -> None:
    found = filled("fahmy2021", pair[0])
    command = "bench run -m lge_only -d toy"
    assert table(found, "2").commands() == [command]
    assert table(found, "2").cell("all_p", "none").command == command
    assert cells(found, "2", "fusion", "all_slices", "all_scar_slope") == [9, pytest.approx(0.5)]
    for number, row in (("2", "all_scar_slope"), ("Text: agreement", "scar_bias")):
        assert table(found, number).cell(row, "fusion_common").command == command
        assert table(found, number).cell(row, "fusion_all").value is not None
    states = {figure.number: figure.why_not for figure in found.figures}
    assert states["3a"] == ""
    assert states["3b"] == f"not drawn: no run yet; run: {command}"
    assert "not quantitative" in states["2"]
    assert command in markdown(found)


def test_one_role_leaves_the_other_stratum_empty(pair: tuple[Path, Path]) -> None:
    found = filled("fahmy2021", *pair, roles=("test",))
    assert cells(found, "3", "all", "internal_total", "external_total") == [6, 0]
    assert table(found, "3").cell("external_none", "all").missing == "no such slice"
    slope = table(found, "2").cell("external_scar_slope", "fusion")
    assert (slope.value, bool(slope.missing)) == (None, True)


def test_slices_without_a_known_location_count_in_the_last_column_alone(made: Made) -> None:
    """Where every slice succeeds, nothing tells the apex from the base."""
    cases = {name: CASES[name] for name in ("a", "b", "c")}
    found = filled("fahmy2021", made("fusion", cases=cases), made("lge_only", cases=cases))
    assert cells(found, "3", "all", "all_total", "all_none") == [9, 9]
    assert cells(found, "3", "apical", "all_total") == [0]
    assert any("location is not known" in note for note in table(found, "3").notes)


# fahmy2020 ----------------------------------------------------------------------------------------

DICE = {"a": 0.2, "c": 0.8}


@pytest.fixture
def slabs(made: Made) -> tuple[Path, Path]:
    return made("cnn3d", 1.0, dice=DICE), made("cnn2d", 0.5, dice={"a": 0.3, "c": 0.5})


def test_slopes_by_site_and_vendor_by_hand(slabs: tuple[Path, Path]) -> None:
    """mL: 3 against 3.3 and 6 against 6.6; of 2D half of it."""
    found = filled("fahmy2020", *slabs)
    volume = table(found, "3, scar volume")
    for row in ("all", "site_1", "site_2", "vendor_1"):
        assert volume.cell(row, "slope_3d").value == pytest.approx(1.1)
        assert volume.cell(row, "slope_2d").value == pytest.approx(0.55)
    assert volume.cell("all", "n").value == 4
    assert table(found, "3, %LGE").cell("all", "slope_2d").value == pytest.approx(0.5)
    for row, why in (("site_3", "no such site in this data"),
                     ("vendor_3", "no such vendor in this data")):  # fmt: skip
        assert volume.cell(row, "slope_3d").missing == why
        assert volume.cell(row, "p_r").missing == why
    assert "Site 1: A; Site 2: B" in " ".join(volume.notes)


def test_dice_is_of_cases_with_scar(slabs: tuple[Path, Path]) -> None:
    from scipy.stats import kruskal

    dice = table(filled("fahmy2020", *slabs), "3, Dice")
    cell = dice.cell("all", "dice_3d")
    assert (cell.value, cell.spread, cell.n) == (
        pytest.approx(0.5), pytest.approx(math.sqrt(0.18)), 2)  # fmt: skip
    assert dice.cell("site_1", "dice_3d").value == pytest.approx(0.2)
    assert dice.cell("all", "p").value == pytest.approx(kruskal([0.2, 0.8], [0.3, 0.5]).pvalue)
    assert dice.cell("vendors", "dice_3d").value == pytest.approx(kruskal([0.2], [0.8]).pvalue)


def test_large_scars_classes_and_sizes(slabs: tuple[Path, Path]) -> None:
    """Of 10, 0, 20 and 0 %, one is large; half of it is 10 %."""
    found = filled("fahmy2020", *slabs)
    rows = ("n_large", "accuracy", "sensitivity", "specificity")
    assert cells(found, "Text: large scar", "cnn3d", *rows) == [1, 100, 100, 100]
    assert cells(found, "Text: large scar", "cnn2d", *rows) == [1, 75, 0, 100]
    low = table(found, "Text: large scar").cell("accuracy", "cnn2d").low
    assert low == pytest.approx(19.41204, abs=1e-4)  # Clopper-Pearson of 3 in 4
    classes = cells(found, "Text: Dice classes", "cnn3d", "poor", "moderate", "good", "excellent")
    assert classes == [50, 0, 0, 50]
    sizes = cells(found, "2", "testing", "n_site_1", "n_scar", "n_no_scar", "n_total")
    assert sizes == [2, 2, 2, 4]
    assert cells(found, "2", "training", "n_total") == [2]
    means = table(found, "Text: agreement")
    assert means.cell("volume_mean", "manual").value == pytest.approx(2.25)
    assert means.cell("percent_bias", "cnn2d").value == pytest.approx(-3.75)


def test_a_case_without_an_answer_is_told_and_no_large_scar_is_found_in_it(
    slabs: tuple[Path, Path],
) -> None:
    """The 3D CNN has no answer for c, the one patient with a large scar, nor for b."""
    features = pd.read_parquet(slabs[0] / "features.parquet")
    lost = features["case"].isin(["b", "c"]) & (features["source"] == "prediction")
    features.loc[lost, "value"] = None
    features.to_parquet(slabs[0] / "features.parquet")
    found = filled("fahmy2020", *slabs)
    rows = ("n_large", "accuracy", "sensitivity", "specificity")
    assert cells(found, "Text: large scar", "cnn3d", *rows) == [1, 75, 0, 100]
    assert cells(found, "Text: large scar", "cnn2d", *rows) == [1, 75, 0, 100]
    means = table(found, "Text: agreement")
    for name, manual in (("volume", 2.25), ("percent", 7.5)):
        assert means.cell(f"{name}_mean", "manual").value == pytest.approx(manual)
        assert means.cell(f"{name}_mean", "manual").n == 4
        assert means.cell(f"{name}_bias", "cnn3d").n == 2
    told = "Cases without a %LGE of the model, which are in no pair: cnn3d 2."
    for number in ("3, scar volume", "3, %LGE", "Text: agreement"):
        assert told in table(found, number).notes


def test_scar_of_table_2_is_more_than_one_percent_of_the_myocardium(
    slabs: tuple[Path, Path],
) -> None:
    for folder in slabs:
        features = pd.read_parquet(folder / "features.parquet")
        of_a = (features["case"] == "a") & (features["feature"] == "scar_percent")
        features.loc[of_a, "value"] = 0.9
        features.to_parquet(folder / "features.parquet")
    assert cells(filled("fahmy2020", *slabs), "2", "testing", "n_scar", "n_no_scar") == [1, 3]


def test_a_missing_cnn_and_cases_without_site_are_said(made: Made) -> None:
    bare = {name: {"patient": name, "role": "test"} for name in CASES}
    found = filled("fahmy2020", made("cnn2d", 0.5, dice=DICE, cases=bare))
    volume = table(found, "3, scar volume")
    assert volume.cell("all", "slope_2d").value == pytest.approx(0.55)
    assert volume.cell("all", "slope_3d").command == "bench run -m cnn3d -d toy"
    assert volume.cell("all", "p_slope").command == "bench run -m cnn3d -d toy"
    assert volume.cell("site_1", "slope_2d").missing == "no such site in this data"
    assert "neither a site nor a vendor" in " ".join(volume.notes)
    assert {f.number for f in found.figures if not f.why_not} == {"Dice classes"}


# Refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("paper", ["fahmy2020", "fahmy2021"])
def test_runs_of_other_methods_are_told_what_to_type(made: Made, paper: str) -> None:
    with pytest.raises(DataError, match=r"these runs are of 'jdl'\. Type 'bench run -m"):
        filled(paper, made("jdl"))


@pytest.mark.parametrize("paper", ["fahmy2020", "fahmy2021"])
def test_runs_without_a_case_of_the_roles_are_refused(made: Made, paper: str) -> None:
    method = {"fahmy2020": "cnn3d", "fahmy2021": "fusion"}[paper]
    with pytest.raises(DataError, match=r"has no cases of role nobody\. Name other roles"):
        filled(paper, made(method), roles=("nobody",))


def test_data_without_scar_and_two_experiments_are_refused(made: Made) -> None:
    with pytest.raises(DataError, match="'maps' has no scar"):
        filled("fahmy2021", made("mapping", dataset="maps", record={"annotates": ["myocardium"]}))
    other = made("fusion", record={"group": "other", "key": "o"},
                 method_record={"parameters": {"size": 3}, "asked": {"size": 3}})  # fmt: skip
    with pytest.raises(UsageError, match=r"'fusion\[size=3\]' could fill the same cells"):
        filled("fahmy2021", made("fusion"), other)


# As a user types it -------------------------------------------------------------------------------


def test_the_command_writes_tables_and_figures(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, pictures = tmp_path / "paper.md", tmp_path / "pictures"
    words = ["report", "--paper", "fahmy2021", *map(str, pair), "-o", str(out)]
    assert run_app(app, [*words, "--figures", str(pictures)]) == 0
    text = out.read_text(encoding="utf-8")
    assert "## Table 3." in text
    assert "![Figure 3a](pictures/fahmy2021-fig3a.png)" in text
    assert len(list(pictures.iterdir())) == 16
    assert all((pictures / f"fahmy2021-fig{n}{p}.svg").is_file() for n in "34" for p in "abcd")
    err = capsys.readouterr().err
    assert "Figure 2: not drawn: not quantitative (images of patients)" in err


def test_all_formats_say_all_cells(slabs: tuple[Path, Path]) -> None:
    found = filled("fahmy2020", *slabs)
    lines = list(csv.DictReader(io.StringIO(csv_text(found))))
    assert {one["table"] for one in lines} >= {"1", "2", "3, Dice", "Figure 5a", "Dice classes"}
    slope = next(one for one in lines if (one["table"], one["row"], one["column"]) == (
        "3, %LGE", "all", "slope_2d"))  # fmt: skip
    assert float(slope["value"]) == pytest.approx(0.5)
    assert (slope["published"], slope["published_low"]) == ("0.8", "0.74")
    bound = next(one for one in lines if (one["table"], one["row"], one["column"]) == (
        "3, %LGE", "all", "p_slope"))  # fmt: skip
    assert (bound["published_relation"], bound["published"]) == ("<", "0.001")
    assert "\\%LGE" in latex(found)
    assert "no such site in this data" in markdown(found)


def test_the_terminal_shows_what_is_not_published_as_a_dash(pair: tuple[Path, Path]) -> None:
    from rich.console import Console

    from benchmark.papers.text import rich_view

    out = io.StringIO()
    found = filled("fahmy2021", *pair)
    Console(file=out, width=100, color_system=None).print(rich_view(found), crop=False)
    shown = out.getvalue()
    assert "not published as a number" in shown
    assert shown.count("published ┃") >= 4
    assert "Figure 3a. %Scar with LGE-cine fusion: drawn with --figures DIR" in shown


def test_a_run_without_any_answer_is_no_agreement(made: Made, tmp_path: Path) -> None:
    """Every statistic is undefined, and says why; nothing is a good number."""
    cases = {"d": CASES["d"]}
    found = filled("fahmy2021", made("fusion", cases=cases), made("lge_only", cases=cases))
    assert cells(found, "Text: patients", "none", "n_patients", "n_segmented") == [1, 0]
    two = table(found, "2")
    for row in ("all_scar_slope", "all_scar_r", "all_accuracy", "all_slices"):
        assert two.cell(row, "fusion").value is None
        assert two.cell(row, "fusion").missing
    for row in ("scar_bias", "scar_within", "scar_intercept"):
        assert table(found, "Text: agreement").cell(row, "none").missing
    from benchmark.papers.drawing import draw_all

    drawn = list(draw_all("fahmy2021", found.figures, tmp_path / "pictures"))
    assert sum(bool(one.files) for one in drawn) == 8  # they say that there is nothing
