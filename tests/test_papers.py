"""Published numbers against the text they were read from, and tables filled from runs."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmark.cli._app import app, run_app
from benchmark.errors import DataError, UsageError
from benchmark.papers import known_papers, load, report
from benchmark.papers.layout import Filled
from benchmark.papers.text import csv_text, latex, markdown
from benchmark.policies import Policy
from benchmark.results import load_run
from benchmark.table import read_runs

#: The paper as text, where this machine has it; it is nobody's to hand on.
TEXTS = Path(os.environ.get("SCARBENCH_PAPERS", Path(__file__).parents[2] / "shared" / "papers"))
FILES = {
    "fahmy2020": "002_2457bb28f9394b33.txt",
    "fahmy2021": "000_be09960bd08be4d6.txt",
    "mapping2023": "004_77d200996efc81bf.txt",
    "popescu2022": "001_983e7aa765a0d9c2.txt",
    "xing2023": "003_3a04f5438d303423.txt",
}
#: Papers of few numbers: how many quotes there are at least.
FEW = {"xing2023": 4}

#: Two patients to test on, with a T1 and a T2 map each, and one to learn from. Circles about the
#: image's centre; reader k draws them k tenths of a millimetre wider than the reference.
MAPS = '''"""Circles on maps of known values."""
import numpy as np
from benchmark import Case, CaseInfo, Contour, Dataset, Region, Segmentation, Study, Volume
from benchmark.contours import contours_to_labels

SHAPE, SPACING = (3, 64, 64), (10.0, 1.5, 1.5)
ROLES = {"p1": "train", "p2": "test", "p3": "test"}
VALUES = {"t1": {"p1": 1000.0, "p2": 1010.0, "p3": 1050.0}, "t2": {"p1": 50, "p2": 51, "p3": 55}}


def circles(wider=0.0):
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    unit = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    found = []
    for z in range(3):
        for kind, radius in (("endo", 14.0 + 3 * z), ("epi", 24.0 + 3 * z)):
            found.append(Contour(z, kind, 31.5 + unit * (radius + wider) / 1.5))
    return tuple(found)


def drawn(wider=0.0):
    return Segmentation(contours_to_labels(circles(wider), SHAPE), circles(wider))


class Maps(Dataset):
    annotates = frozenset({Region.CAVITY, Region.MYOCARDIUM, Region.LV})
    synthetic = True
    title = "circles on maps"
    readers: int = 3
    undrawn: str = ""

    def index(self):
        return [CaseInfo(f"{p}_{m}", role, p, attributes={"map": m})
                for p, role in ROLES.items() for m in ("t1", "t2")]

    def load(self, case_id):
        patient, kind = case_id.split("_")
        labels = drawn().labels
        value = VALUES[kind][patient]
        image = np.where(labels == 2, value, 1600.0).astype(np.float32)
        image += np.arange(3, dtype=np.float32)[:, None, None]  # a millisecond more with each slice
        study = Study(case_id, {kind: Volume(image, SPACING)}, {"map": kind}, apex="first")
        readers = {f"reader_{k}": drawn(k / 10) for k in range(1, self.readers + 1)}
        if case_id == self.undrawn:
            contours = tuple(c for c in circles(0.2) if c.slice)
            readers["reader_2"] = Segmentation(contours_to_labels(contours, SHAPE), contours)
        return Case(study, drawn(), readers)
'''
#: Answers with the reference's circles, shifted by a millimetre with each level of `blunder`.
MAPPING = '''"""Circles, with the parameters of a network."""
import sys
from pathlib import Path
import numpy as np
from benchmark import Method, Region, Segmentation
sys.path.insert(0, str(Path(__file__).parent))


class Circles(Method):
    needs = frozenset()
    produces = frozenset({Region.CAVITY, Region.MYOCARDIUM, Region.LV})
    encoder: str = "resnet50"
    encoder_weights: str = "none"
    width: int = 64
    maps: str = "both"
    dominant_points: bool = True
    interpolate: bool = True
    filter: bool = True
    hull: bool = True
    labels: str = "mask"
    blunder: int = 0

    def skip(self, study):
        return None if self.maps in ("both", study.attributes["map"]) else f"not {self.maps}"

    def predict(self, study):
        from maps import drawn
        return drawn(float(self.blunder))
'''
Run = Callable[..., Any]


@pytest.fixture
def maps(plugins: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.syspath_prepend(str(plugins.folder))
    monkeypatch.delitem(sys.modules, "maps", raising=False)
    return str(plugins.file("maps", MAPS))


# The published numbers ----------------------------------------------------------------------------


def digits(text: str) -> str:
    """Without a zero that is not printed: ".02" is 0.02."""
    return re.sub(r"\D", "", text.replace("L", "1")).lstrip("0")


@pytest.mark.parametrize("paper", known_papers())
def test_every_quote_is_in_the_paper_word_by_word(paper: str) -> None:
    path = TEXTS / FILES[paper]
    if not path.is_file():
        pytest.skip(f"no text of {paper} at {path}")
    text = " ".join(path.read_text(encoding="utf-8").split())
    found = load(paper)
    quotes = {c.quote for t in found.tables.values() for r in t.rows.values()
              for c in r.cells.values()}  # fmt: skip
    quotes |= {told.quote for told in found.prose}
    assert len(quotes) >= FEW.get(paper, 20)
    assert [quote for quote in quotes if quote not in text] == []


@pytest.mark.parametrize("paper", known_papers())
def test_every_number_is_in_the_words_it_was_read_from(paper: str) -> None:
    """As it is, or by digits: a lost point, and letters in superscript that became digits."""
    for table in load(paper).tables.values():
        for row in table.rows.values():
            for column, cell in row.cells.items():
                where = f"table {table.number}, {row.name}, {column}"
                seen = cell.read_from or cell.text
                assert seen in cell.quote, where
                assert digits(seen).startswith(digits(cell.text)), where
                assert len(digits(seen)) - len(digits(cell.text)) <= 2, where
                for other in (cell.spread, cell.low, cell.high):
                    if other is not None:
                        shown = f"{other:.2f}".rstrip("0")
                        assert shown in cell.quote or digits(shown) in cell.quote, where
                assert column in table.columns, where


@pytest.mark.parametrize("paper", known_papers())
def test_the_tables_say_what_the_prose_says(paper: str) -> None:
    """Equal to within one of the last decimal of whichever is printed with fewer."""
    found = load(paper)
    assert found.prose or paper in FEW  # one that prints each of its numbers once
    for told in found.prose:
        cell = found.tables[told.table].cell(told.row, told.column)
        printed = cell.value if told.part == "value" else cell.spread
        assert printed is not None
        decimals = min(len(f"{n:g}".partition(".")[2]) for n in (printed, told.value))
        assert abs(printed - told.value) < 10**-decimals, told


def value(table: str, row: str, column: str) -> float:
    found = load("mapping2023").tables[table].cell(row, column).value
    assert found is not None
    return found


def test_the_tables_of_mapping2023_agree_with_each_other() -> None:
    """T1 and T2, by their numbers of samples, make both; repeated numbers differ by rounding."""
    for row in ("iou", "dice", "hd", "msd"):
        for side in ("model", "experts"):
            parts = [(value("3", row, f"{side}_{k}"), value("3", "n_test", f"{side}_{k}"))
                     for k in ("t1", "t2")]  # fmt: skip
            mean = sum(v * n for v, n in parts) / sum(n for _, n in parts)
            # One of three numbers is wrong in print or in reading, and its note says so.
            doubtful = (row, side) == ("msd", "experts")
            assert (abs(mean - value("2", row, side)) > 0.02) == doubtful, (row, side, mean)
        assert value("6", row, "resnet50") == value("7", row, "with")
        assert value("6", row, "resnet50") == pytest.approx(value("2", row, "model"), abs=0.011)
        for kind in ("t1", "t2"):
            assert value("A1", row, f"combined_{kind}") == value("3", row, f"model_{kind}")
    assert "1.17" in load("mapping2023").tables["2"].cell("msd", "experts").note
    for row in ("train", "test"):
        parts = [value("1", row, c) for c in ("basal", "middle", "apical")]
        assert sum(parts) == value("1", row, "total")
    assert value("3", "n_train", "model_t1") + value("3", "n_train", "model_t2") == 832


def test_traps_of_the_text_are_read_as_what_was_printed() -> None:
    """Letters fused into digits, lost points, and the numbers of the abstract and section 4.3."""
    assert value("3", "iou", "experts_t2") == 86.25
    assert value("3", "hd", "experts_t2") == 2.41
    assert value("4", "hd", "experts_apical") == 2.91
    assert value("4", "iou", "model_apical") == 73.13
    assert value("6", "parameters", "unet") == 31
    icc = load("mapping2023").tables["5, text"].cell("t1", "all")
    assert (icc.value, icc.low, icc.high) == (0.90, 0.87, 0.93)
    assert load("mapping2023").tables["Figure 9"].cell("endo", "median").value is None


# Tables from rows ---------------------------------------------------------------------------------

#: Sample -> the mean over endo and epi; three samples of two patients, and one in doubt.
IOU = {("a", 0): 0.8, ("a", 1): 0.7, ("b", 0): 0.6}
READERS = ("r1", "r2", "r3")
PARAMETERS = {
    "encoder": "resnet50", "encoder_weights": "none", "width": 64, "maps": "both",
    "dominant_points": True, "interpolate": True, "filter": True, "hull": True, "labels": "mask",
}  # fmt: skip


def row(
    case: str,
    z: Any,
    reference: str,
    compared: str,
    region: str,
    metric: str,
    value: float | None,
) -> dict[str, Any]:
    overlap = metric in ("iou", "dice")
    return {
        "case": case, "region": region, "metric": metric, "dim": "contour", "reference": reference,
        "level": "slice" if isinstance(z, int) else z, "slice": z if isinstance(z, int) else None,
        "compared": compared, "value": value, "status": "ok", "message": "",
        "unit": "" if overlap else "mm", "better": "higher" if overlap else "lower",
        "worst": value, "best": 1.0 if overlap else 0.0,
    }  # fmt: skip


def rows(iou: Mapping[tuple[str, int], float] = IOU, wider: float = 0.0) -> list[dict[str, Any]]:
    """Endo is 0.1 above the mean and epi as much below, reader 1 above the others, and so on."""
    found = []
    pairs = [("r1", "r2"), ("r1", "r3"), ("r2", "r3")]
    for (case, z), mean in iou.items():
        for region, side in (("endo", 0.1), ("epi", -0.1)):
            for reader, habit in zip(READERS, (0.03, 0.0, -0.03), strict=True):
                mine = [("iou", mean + side + habit), ("dice", 0.8 + side + habit),
                        ("hd_points", 4.0 + wider + 10 * habit), ("hd", 99.0),
                        ("masd", 2.0 + side)]  # fmt: skip
                for where in (z, ("apex", "base")[z]):
                    found += [row(case, where, reader, "prediction", region, m, v) for m, v in mine]
            for first, second in pairs:
                theirs = [("iou", 0.9 + side / 2), ("dice", 0.95), ("hd_points", 1.5 + side),
                          ("hd", 99.0), ("masd", 0.75)]  # fmt: skip
                for where in (z, ("apex", "base")[z]):
                    found += [row(case, where, first, second, region, m, v) for m, v in theirs]
            found += [row(case, z, "reference", "prediction", region, "iou", 0.0)]
            found += [row(case, z, "reference", "perfect_mask", region, "hd_points", 0.5 + z)]
    return found


def values(case: str, kind: str, z: int, **by: float) -> list[dict[str, Any]]:
    feature = {"case": case, "level": "slice", "slice": z, "status": "ok", "unit": "ms",
               "feature": f"myocardium_{kind}_median_ms", "message": ""}  # fmt: skip
    return [{**feature, "source": source, "value": value} for source, value in by.items()]


@pytest.fixture
def made(make_run: Any) -> Callable[..., Path]:
    """A run of method ``mapping`` from hand-made rows: ``made(hull=False)``."""

    def make(method: str = "mapping", **changes: Any) -> Path:
        scores = changes.pop("scores", None) or rows(wider=changes.pop("wider", 0.0))
        more = changes.pop("record", {})
        images = {"train": {"t1": {"apex": 5, "base": 7}, "t2": {"base": 1}},
                  "test": {"t1": {"apex": 1, "base": 1}, "t2": {"apex": 1}}}  # fmt: skip
        group = f"{method}-{sorted(changes.items())}"
        features = [
            *values("a", "t1", 0, prediction=1000, r1=1000, r2=1010, r3=1005),
            *values("a", "t1", 1, prediction=1040, r1=1050, r2=1046, r3=1049),
            *values("b", "t2", 0, prediction=50, r1=51, r2=52, r3=53),
        ]
        made_of = {
            "group": group, "key": group.replace("/", ""), "metric_cards": {},
            "stages": {"score": {"images": images}, "train": {"seconds": 90.0}},
            "totals": {"predict_seconds_per_slice": 0.25}, "parameter_count": 32_100_000, **more,
        }  # fmt: skip
        folder: Path = make_run(
            method, scores, dataset=changes.pop("dataset", "mapping"), features=features,
            cases={"a": {"patient": "p", "map": "t1"}, "b": {"patient": "q", "map": "t2"}},
            record=made_of,
            method_record={"parameters": {**PARAMETERS, **changes}, "asked": changes},
        )  # fmt: skip
        return folder

    return make


def tables(*paths: Path, **options: Any) -> dict[str, Filled]:
    found = report("mapping2023", read_runs(paths), **{"policy": Policy.WORST_CASE, **options})
    return {table.published.number: table for table in found.tables}


def column(table: Filled, name: str) -> list[Any]:
    return [table.cell(row, name).value for row in table.published.rows]


TABLE_2 = """\
## Table 2. Mean metrics against expert annotations

|  | Automated vs expert annotation: ours | published | \
Agreement of three experts (interobserver): ours | published |
| :-- | --: | --: | --: | --: |
| IoU - Jaccard index (%) ↑ | 70.00 a | 80.02 | 90.00 b | 85.22 |
| Dice score (%) ↑ | 80.00 | 86.40 | 95.00 | 90.81 |
| Hausdorff distance (mm) ↓ | 4.00 | 4.68 | 1.50 | 2.65 |
| Mean surface distance (mm) ↓ | 2.00 | 2.10 | 0.75 | 1.12 |

Published on other data: 262 patients, one scanner; test set of 40 patients read by three experts.
"""


def test_table_2_is_a_mean_over_slices_readers_and_both_contours(made: Any) -> None:
    """(0.8 + 0.7 + 0.6) / 3: a slice weighs the same in patients with one and with two."""
    text = markdown(report("mapping2023", read_runs([made()]), policy=Policy.WORST_CASE))
    start = text.index("## Table 2.")
    assert text[start : start + len(TABLE_2.rstrip())] == TABLE_2.rstrip()
    assert text.count("Published on other data") == 11


def test_tables_1_3_and_4_part_the_same_samples(made: Any) -> None:
    found = tables(made())
    assert column(found["1"], "apical") == [5, 2]
    assert column(found["1"], "middle") == [0, 0]
    assert column(found["1"], "total") == [13, 3]
    third = found["3"]
    assert column(third, "model_t1")[0] == pytest.approx(75)
    assert column(third, "model_t2")[0] == pytest.approx(60)
    assert [column(third, f"model_{k}")[-2:] for k in ("t1", "t2")] == [[12, 2], [1, 1]]
    assert third.cell("n_train", "experts_t1").value is None
    fourth = found["4"]
    assert fourth.cell("iou", "model_apical").value == pytest.approx(70)
    assert fourth.cell("iou", "model_basal").value == pytest.approx(70)
    assert fourth.cell("iou", "model_middle").missing == "no value"


def test_intervals_draw_patients_again_not_slices(made: Any) -> None:
    """Two patients have means of 75 and 60: no resample leaves these."""
    cell = tables(made())["2"].cell("iou", "model")
    assert (cell.low, cell.high) == (pytest.approx(60), pytest.approx(75))
    assert cell.n == 3


def test_a_slice_that_one_reader_did_not_draw_counts_for_nobody(made: Any) -> None:
    lost = [
        {**r, "value": None, "status": "pred_empty", "worst": 500.0}
        if (r["case"], r["slice"], r["reference"], r["compared"]) == ("a", 1, "r1", "r3") else r
        for r in rows()
    ]  # fmt: skip
    path = made(scores=lost)
    found = tables(path)
    assert found["2"].cell("iou", "model").value == pytest.approx(70)  # 0.8 and 0.6
    assert found["2"].cell("hd", "experts").value == pytest.approx(1.5)
    assert found["2"].cell("iou", "model").n == 2
    text = markdown(report("mapping2023", read_runs([path]), policy=Policy.WORST_CASE))
    assert "not every reader drew them: 1." in text


def test_a_miss_of_the_model_costs_what_the_policy_says(made: Any) -> None:
    missed = [
        {**r, "value": None, "status": "pred_empty", "worst": 304.0}
        if (r["case"], r["compared"], r["metric"]) == ("b", "prediction", "hd_points") else r
        for r in rows()
    ]  # fmt: skip
    path = made(scores=missed)
    assert tables(path)["2"].cell("hd", "model").value == pytest.approx((4 + 4 + 304) / 3)
    kind = tables(path, policy=Policy.EXCLUDE)["2"].cell("hd", "model")
    assert (kind.value, kind.n) == (pytest.approx(4), 2)


def test_table_5_has_medians_over_slices_and_the_correlation_of_raters(made: Any) -> None:
    found = tables(made())
    t1 = found["5"].cell("t1", "model")
    assert (t1.value, t1.spread, t1.n) == (1020, 20, 2)
    assert found["5"].cell("t1", "observer_2").value == 1028
    assert found["5"].cell("t2", "observer_3").value == 53
    assert "r2" in found["5"].notes[0]
    icc = found["5, text"]
    assert icc.cell("t1", "all").value == pytest.approx(0.99403, abs=1e-5)
    assert icc.cell("t1", "all").n == 2
    assert icc.cell("t2", "all").missing == "not defined"  # one slice
    assert icc.cell("t1", "observers").value != icc.cell("t1", "all").value


def test_figure_9_tells_the_distribution_by_kind(made: Any) -> None:
    figure = tables(made())["Figure 9"]
    assert figure.cell("endo", "median").value == 0.5
    assert figure.cell("epi", "mean").value == pytest.approx(2.5 / 3)
    assert figure.cell("endo", "range").text == "0.50 to 1.50"


def test_several_seeds_are_averaged_within_each_slice(made: Any) -> None:
    group = {"group": "same"}
    one = made(record={**group, "seed": 0, "key": "s0"})
    two = made(wider=2.0, record={**group, "seed": 1, "key": "s1"})
    cell = tables(one, two)["2"].cell("hd", "model")
    assert (cell.value, cell.n) == (pytest.approx(5.0), 3)


# Which run fills what -----------------------------------------------------------------------------


def test_ablations_fill_the_columns_that_their_parameters_name(made: Any) -> None:
    found = tables(
        made(), made(encoder="unet", wider=6.0), made(encoder_weights="imagenet", wider=-1.0),
        made(hull=False, wider=1.0), made(hull=False, filter=False, wider=2.0),
        made(hull=False, filter=False, interpolate=False, wider=3.0),
        made(maps="t1", wider=4.0), made(maps="t2", wider=5.0),
    )  # fmt: skip
    assert found["6"].cell("hd", "unet").value == pytest.approx(10)
    assert found["6"].cell("hd", "resnet50").value == pytest.approx(4)
    assert found["7"].cell("hd", "without").value == pytest.approx(4)
    assert found["7"].cell("hd", "with").value == pytest.approx(3)
    assert column(found["8"], "hd") == [pytest.approx(v) for v in (7, 6, 5, 4)]
    assert found["A1"].cell("hd", "only_t1").value == pytest.approx(8)
    assert found["A1"].cell("hd", "only_t2").value == pytest.approx(9)
    assert found["A1"].cell("iou", "combined_t1").spread == pytest.approx(math.sqrt(50))
    assert not any(table.commands() for table in found.values())
    assert found["6"].cell("train_minutes", "unet").value == 1.5
    assert found["6"].cell("parameters", "unet").value == pytest.approx(32.1)
    assert found["6"].cell("slice_seconds", "resnet50").value == 0.25


def test_what_no_run_fills_says_what_to_type(made: Any) -> None:
    found = tables(made(width=48))
    assert found["6"].commands() == [
        "bench run -m mapping --set width=48 --set encoder=unet -d mapping"
    ]
    assert found["8"].commands() == [
        "bench run -m mapping --set width=48 --set interpolate=false --set filter=false "
        "--set hull=false -d mapping",
        "bench run -m mapping --set width=48 --set filter=false --set hull=false -d mapping",
        "bench run -m mapping --set width=48 --set hull=false -d mapping",
    ]
    assert found["A1"].commands()[1].endswith("--set maps=t2 -d mapping")
    text = markdown(report("mapping2023", read_runs([made(width=48)]), policy=Policy.WORST_CASE))
    assert "| Hausdorff distance (mm) ↓ | run (1) | 15.4 | 4.00 | 4.69 |" in text
    assert "(1) run: `bench run -m mapping --set width=48 --set encoder=unet -d mapping`" in text


def test_the_word_none_is_quoted_in_a_command(made: Any) -> None:
    """``none`` alone would be None for a field that takes both."""
    (command,) = tables(made(encoder_weights="imagenet"))["7"].commands()
    assert command == "bench run -m mapping --set 'encoder_weights=\"none\"' -d mapping"


@pytest.mark.parametrize(
    ("profile", "asked"),
    [
        ("quick", {}),
        ("paper", {}),
        ("smoke", {"learning_rate": 1e-3, "batch": 4}),
        ("paper", {"encoder_weights": "a file's weights.pt"}),
        ("paper", {"encoder_weights": "none"}),
        ("quick", {"maps": "t1"}),  # an ablation alone: the main model has a command too
    ],
)
def test_every_command_can_be_typed(make_run: Any, profile: str, asked: dict[str, Any]) -> None:
    """Through the shell's words, the options of ``bench run``, and the method's own checks."""
    from typer.main import get_command

    from benchmark.methods.mapping import Mapping2023
    from benchmark.parameters import parse_settings
    from benchmark.plan import resolve

    method = Mapping2023(**{**Mapping2023.profiles[profile], **asked})
    path = make_run(
        "mapping", rows(), dataset="mapping",
        cases={"a": {"patient": "p", "map": "t1"}, "b": {"patient": "q", "map": "t2"}},
        features=values("a", "t1", 0, prediction=1000, r1=1000, r2=1010, r3=1005),
        record={"fold": 1, "folds": 3, "metric_cards": {}},
        method_record={"parameters": method.model_dump(mode="json"), "asked": asked,
                       "profile": profile},
    )  # fmt: skip
    run = get_command(app).commands["run"]  # type: ignore[attr-defined]
    found = {command for table in tables(path).values() for command in table.commands()}
    assert len(found) >= 6
    made = set()
    for command in found:
        assert "`" not in command
        bench, name, *words = shlex.split(command)
        assert (bench, name) == ("bench", "run")
        given = run.make_context("run", words).params
        assert (given["dataset"], given["folds"], given["seeds"]) == (["mapping"], 3, "1")
        settings = parse_settings(given["settings"] or ())
        made.add(resolve("methods", given["method"][0], settings, given["profile"]).plugin)
    assert len(made) == len(found)
    assert len({m for m in made if m.encoder == "unet"}) == 1  # type: ignore[attr-defined]


def test_columns_that_differ_in_more_than_their_first_weights_say_so(made: Any) -> None:
    small = tables(made(encoder="tiny_resnet", width=32))["7"]
    assert any("differ in encoder and width too" in note for note in small.notes)
    assert tables(made())["7"].notes == ()
    assert tables(made(encoder_weights="imagenet"))["7"].notes == ()


def test_a_run_that_could_not_have_its_weights_is_no_pretrained_one(made: Any) -> None:
    path = made(encoder_weights="imagenet")
    (path / "model").mkdir()
    told = '{"asked": "imagenet", "used": "random weights", "why": "no network"}'
    (path / "model" / "initialisation.json").write_text(told)
    found = report("mapping2023", read_runs([path]), policy=Policy.WORST_CASE)
    seventh = next(t for t in found.tables if t.published.number == "7")
    assert seventh.cell("hd", "with").command.startswith("bench run -m mapping")
    assert seventh.cell("hd", "without").value == pytest.approx(4)
    assert any("started from random" in line for line in found.head)


def test_a_run_that_differs_in_more_than_its_column_names_fills_none(made: Any) -> None:
    found = tables(made(), made(encoder="unet", width=16))
    assert found["6"].cell("hd", "unet").value is None


def test_an_ablation_alone_fills_its_own_column(made: Any) -> None:
    found = tables(made(encoder="unet"))
    assert found["6"].cell("hd", "unet").value == pytest.approx(4)
    assert found["2"].cell("hd", "model").command == "bench run -m mapping -d mapping"
    assert found["2"].cell("hd", "experts").value == pytest.approx(1.5)


def test_another_method_may_stand_in_the_main_tables(made: Any) -> None:
    found = tables(made("floor"))
    assert found["2"].cell("hd", "model").value == pytest.approx(4)
    assert found["6"].commands() == ["bench run -m mapping --set encoder=unet -d mapping"]
    with pytest.raises(UsageError, match="one model alone"):
        tables(made("floor"), made("ceiling"))


def test_two_models_that_could_be_the_main_one_are_refused(made: Any) -> None:
    with pytest.raises(UsageError, match="may be"):
        tables(made(), made(width=16))
    more = tables(made(), made(width=16), made(encoder="unet"))
    assert more["6"].cell("hd", "unet").value == pytest.approx(4)


# Refusals and the command -------------------------------------------------------------------------


def test_runs_on_other_data_are_told_what_they_lack(make_run: Any) -> None:
    path = make_run("one", [make_run.score("a", 0.8)], dataset="lge")
    with pytest.raises(DataError, match="no cases that are T1 or T2 maps, no contours of the ref"):
        tables(path)


def test_runs_without_a_case_of_the_roles_are_refused(made: Any) -> None:
    with pytest.raises(DataError, match=r"has no cases of role nobody\. Name other roles"):
        report("mapping2023", read_runs([made()]), roles=["nobody"], policy=Policy.WORST_CASE)


def test_runs_of_two_data_sets_are_refused(made: Any) -> None:
    with pytest.raises(UsageError, match="2 data sets: mapping, other"):
        tables(made(), made(dataset="other"))


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = run_app(app, words)
    out, err = capsys.readouterr()
    return code, out, err


def test_a_paper_that_is_not_there_is_refused_with_those_near_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = told(["report", "--paper", "mapping"], capsys)
    assert (code, "Did you mean 'mapping2023'?" in err) == (2, True)
    code, _, err = told(["report"], capsys)
    assert (code, "Which paper?" in err) == (2, True)
    code, _, err = told(
        ["report", "--paper", "mapping2023", "--runs", str(tmp_path / "none")], capsys
    )
    assert (code, "There are no runs" in err) == (2, True)
    code, _, err = told(["report", "x/entry.json", "--paper", "mapping2023"], capsys)
    assert (code, "accepted entry" in err) == (2, True)
    code, _, err = told(["report", "--paper", "mapping2023", "--format", "htm"], capsys)
    assert (code, "no format 'htm'" in err) == (2, True)
    code, _, err = told(["report", "--paper", "mapping2023", "-o", "table.doc"], capsys)
    assert (code, "does not say its format" in err) == (2, True)


def test_the_command_writes_markdown_csv_and_latex(
    made: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = made()
    code, out, _ = told(["report", str(path), "--paper", "mapping2023"], capsys)
    assert code == 0
    assert TABLE_2.rstrip() in out
    for name in ("t.csv", "t.tex"):
        words = ["report", str(path), "--paper", "mapping2023", "-o", str(tmp_path / name)]
        assert told(words, capsys)[0] == 0
    lines = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text())))
    (cell,) = [r for r in lines
               if (r["table"], r["row"], r["column"]) == ("3", "iou", "experts_t2")]  # fmt: skip
    assert float(cell["value"]) == pytest.approx(90)
    assert (cell["published"], "86256" in cell["quote"]) == ("86.25", True)
    assert "other data" in cell["published_on"]
    (cell,) = [r for r in lines if (r["table"], r["row"], r["column"]) == ("6", "hd", "unet")]
    assert cell["command"] == "bench run -m mapping --set encoder=unet -d mapping"
    text = (tmp_path / "t.tex").read_text()
    assert text.count("\\begin{tabular}") == text.count("\\end{tabular}") == 11
    assert "IoU - Jaccard index (\\%) $\\uparrow$ & 70.00 a & 80.02 & 90.00 b & 85.22 \\\\" in text
    assert not re.search(r"(?<!\\)[_%#]", "".join(text.splitlines(keepends=True)[4:]))


def test_intervals_are_shown_where_they_are_asked_for(made: Any) -> None:
    found = report("mapping2023", read_runs([made()]), policy=Policy.WORST_CASE)
    assert "70.00 a \\[60.00, 75.00\\]" in markdown(found, intervals=True)
    assert "70.00 a \\[" not in markdown(found)
    assert "\\[60.00" not in latex(found)
    cells = sum(len(list(table.pairs())) for table in found.tables)
    assert csv_text(found).count("\n") == 1 + cells + len(found.figures)


def test_the_terminal_shows_every_table(made: Any) -> None:
    from rich.console import Console

    from benchmark.papers.text import rich_view

    console = Console(width=200, file=io.StringIO(), color_system=None)
    found = report("mapping2023", read_runs([made()]), policy=Policy.WORST_CASE)
    console.print(rich_view(found), crop=False)
    out = console.file.getvalue()  # type: ignore[attr-defined]
    assert "70.00 a │     80.02 │" in out
    assert out.count("Published on other data") == 11
    narrow = Console(width=60, file=io.StringIO(), color_system=None)
    narrow.print(rich_view(found), crop=False)
    lines = narrow.file.getvalue().splitlines()  # type: ignore[attr-defined]
    for table in found.tables:
        for i, command in enumerate(table.commands(), start=1):
            assert f"({i}) run: {command}" in map(str.rstrip, lines)


def test_help_imports_neither_torch_nor_pandas() -> None:
    program = (
        "import sys\n"
        "from benchmark.cli._app import app, run_app\n"
        "assert run_app(app, ['report', '--help']) == 0\n"
        "assert not {'torch', 'pandas', 'scipy', 'numpy'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--paper" in done.stdout


# From a data set to the tables --------------------------------------------------------------------


def test_a_run_on_maps_fills_the_tables(run: Run, maps: str, plugins: Any) -> None:
    """Readers 0.1, 0.2 and 0.3 mm outside of the answer; T1 1011 and 1051 in the middle slices."""
    done = run(plugins.file("mapping", MAPPING), maps)
    found = tables(done.path)
    assert found["2"].cell("hd", "model").value == pytest.approx(0.2, abs=1e-3)
    assert found["2"].cell("hd", "experts").value == pytest.approx(0.4 / 3, abs=1e-3)
    assert found["2"].cell("hd", "model").n == 12
    assert column(found["1"], "total") == [None, 12]
    assert column(found["1"], "apical") == [None, 4]
    assert found["5"].cell("t1", "model").value == 1031
    assert found["5"].cell("t2", "observer_2").value == 54
    assert 0 < found["Figure 9"].cell("epi", "median").value < 1.5
    images = load_run(done.path).record.stages["score"]["images"]
    assert images["test"]["t1"] == {"apex": 2, "base": 2, "middle": 2}


def test_a_slice_left_out_by_a_reader_leaves_the_tables(run: Run, maps: str, plugins: Any) -> None:
    done = run(plugins.file("mapping", MAPPING), f"{maps}[undrawn=p2_t2]")
    found = tables(done.path)
    assert found["2"].cell("hd", "model").n == 11
    assert found["2"].cell("hd", "model").value == pytest.approx(0.2, abs=1e-3)
    assert found["4"].cell("hd", "model_apical").n == 3
    assert found["4"].cell("hd", "model_middle").n == 4
    assert found["5"].cell("t2", "observer_2").n == 5
    assert found["5"].cell("t2", "observer_1").n == 6
