"""Files for other programs: read again, and nnU-Net's held against nnU-Net's own."""

import io
import json
import math
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from benchmark.cli._app import app, run_app
from benchmark.errors import DataError, UsageError
from benchmark.evaluate import evaluate
from benchmark.export import challenger_csv, latex_table, nnunet_summary, summary_text, tidy_csv
from benchmark.leaderboard import leaderboard
from benchmark.policies import Policy
from benchmark.presets import read_summary
from benchmark.shown import read_shown
from benchmark.table import Quantity, read_runs
from benchmark.text import latex_text

DICE, HD95 = Quantity("scar", "dice"), Quantity("scar", "hd95", "3d")
ASSD = Quantity("scar", "assd", "3d")


def cohort(make_run):
    """Two methods, three cases; one misses scar in b, and c is scar-free."""
    for name, values in (("x", (0.9, None, 0.1)), ("y_z", (1 / 3, 0.5, None))):
        rows = []
        for case, value in zip("abc", values, strict=True):
            status = "ok" if value is not None else "pred_empty" if case == "b" else "both_empty"
            rows.append(make_run.score(case, value, status))
            far = None if value is None else 10 * (1 - value)
            rows.append(make_run.score(case, far, status, metric="hd95"))
            rows.append(make_run.score(case, 0.0, metric="volume_error_ml"))
        for seed in (0, 1) if name == "x" else (0,):
            more = [r | {"value": 0.7} if seed and r["value"] == 0.9 else r for r in rows]
            make_run(name, more, seed=seed, cases={"a": {"patient": "p", "site": "A"}})
    return read_runs(sorted((make_run.root / "toy").iterdir()))


def read(text, **more):
    return pd.read_csv(io.StringIO(text), keep_default_na=False, **more)


# --- csv -----------------------------------------------------------------------------------------


def test_the_csv_has_every_value_and_reads_the_same(make_run):
    runs = cohort(make_run)
    found = pd.read_csv(io.StringIO(tidy_csv(runs)))
    assert len(found) == sum(len(run.scores) for run in runs)
    mine = found[(found["method"] == "y_z") & (found["metric"] == "dice")]
    assert list(mine["value"])[:2] == [1 / 3, 0.5]  # in full
    assert np.isnan(mine["value"].iloc[2])
    assert mine["status"].iloc[2] == "both_empty"
    assert found["site"].dropna().unique().tolist() == ["A"]
    assert tidy_csv(runs) == tidy_csv(runs[::1])


def test_the_csv_can_be_of_some(make_run):
    found = read(tidy_csv(cohort(make_run), metrics=["dice"], regions=["scar"], roles=["test"]))
    assert set(found["metric"]) == {"dice"}
    for option in ({"metrics": ["dise"]}, {"regions": ["lung"]}, {"roles": ["external"]}):
        with pytest.raises(DataError, match="These runs have no"):
            tidy_csv(cohort(make_run), **option)


# --- challengeR ----------------------------------------------------------------------------------


def test_challenger_has_a_line_for_every_algorithm_and_case(make_run):
    text = challenger_csv(cohort(make_run), [DICE])
    assert text.splitlines()[0] == "task,case,algorithm,value"
    found = read(text)
    assert found.set_index(["case", "algorithm"])["value"].to_dict() == {
        ("a", "x"): "0.8",  # two seeds
        ("a", "y_z"): "0.3333333333333333",
        ("b", "x"): "NA",
        ("b", "y_z"): "0.5",
        ("c", "x"): "0.1",
        ("c", "y_z"): "NA",
    }
    assert set(found["task"]) == {"scar dice"}


def test_challenger_takes_a_policy_for_undefined_values(make_run):
    found = read(challenger_csv(cohort(make_run), [DICE], policy=Policy.WORST_CASE))
    by = found.set_index(["case", "algorithm"])["value"]
    assert (by["b", "x"], by["c", "y_z"]) == ("0.0", "NA")


def test_a_case_that_an_algorithm_lacks_is_na(make_run):
    for name, cases in (("x", "ab"), ("y", "a")):
        make_run(name, [make_run.score(c, 0.5) for c in cases])
    runs = read_runs(sorted((make_run.root / "toy").iterdir()))
    by = read(challenger_csv(runs, [DICE])).set_index(["case", "algorithm"])["value"]
    assert by["b", "y"] == "NA"


def test_challenger_files_hold_one_direction(make_run):
    runs = cohort(make_run)
    with pytest.raises(UsageError, match="smallBetter is one for a file"):
        challenger_csv(runs, [DICE, HD95])
    with pytest.raises(UsageError, match="is neither"):
        challenger_csv(runs, [Quantity("scar", "volume_error_ml")])
    with pytest.raises(DataError, match="No method has scar assd"):
        challenger_csv(runs, [ASSD])


# --- nnU-Net -------------------------------------------------------------------------------------


def heart(shift=0, scar=True):
    labels = np.zeros((5, 24, 20), dtype=np.uint8)
    labels[1:4, 6:18, 4:16] = 2
    labels[1:4, 10:14, 8:12] = 1
    if scar:
        labels[2, 7:10, 5:12] = 3
        labels[2, 8, 8] = 4
    return np.roll(labels, shift, axis=2)


@pytest.fixture
def scored(tmp_path):
    """Three pairs, one of them scar-free on both sides; a fourth reference has no prediction."""
    sides = {
        "reference": {"a": heart(), "b": heart(scar=False), "c": heart(), "d": heart()},
        "prediction": {"a": heart(1), "b": heart(2, scar=False), "c": heart(scar=False)},
    }
    for side, masks in sides.items():
        (tmp_path / side).mkdir()
        for name, mask in masks.items():
            image = nib.Nifti1Image(mask.T, np.diag([1.5, 1.5, 10.0, 1.0]))
            nib.save(image, tmp_path / side / f"{name}.nii.gz")
    evaluate(tmp_path / "reference", tmp_path / "prediction", tmp_path / "out")
    return tmp_path


def same(ours, theirs):
    """Equal, NaN included, with the same keys in all depths."""
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[k], theirs[k]) for k in theirs)
    return ours == pytest.approx(theirs, nan_ok=True, rel=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_the_summary_is_the_one_that_nnunet_s_evaluator_writes(scored, monkeypatch):
    evaluator = pytest.importorskip(
        "nnunetv2.evaluation.evaluate_predictions", reason="needs the extra nnunet"
    )
    from nnunetv2.imageio.nibabel_reader_writer import NibabelIO

    class Here:
        """A pool of no process."""

        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda self, *_: None  # noqa: E731

        def starmap(self, function, tasks):
            return [function(*task) for task in tasks]

    context = SimpleNamespace(get_context=lambda _: SimpleNamespace(Pool=lambda _: Here()))
    monkeypatch.setattr(evaluator, "multiprocessing", context)
    (run,) = read_shown(scored / "out")
    ours = json.loads(summary_text(nnunet_summary(run)))
    regions = [tuple(json.loads(f"[{k.strip('(),')}]")) for k in ours["mean"]]
    evaluator.compute_metrics_on_folder(
        str(scored / "reference"), str(scored / "prediction"), str(scored / "theirs.json"),
        NibabelIO(), ".nii.gz", regions, num_processes=1,
    )  # fmt: skip
    theirs = json.loads((scored / "theirs.json").read_text())
    assert ours.keys() == theirs.keys()
    assert same(ours["mean"], theirs["mean"])
    assert same(ours["foreground_mean"], theirs["foreground_mean"])
    assert len(ours["metric_per_case"]) == len(theirs["metric_per_case"]) == 3
    for mine, its in zip(ours["metric_per_case"], theirs["metric_per_case"], strict=True):
        assert mine.keys() == its.keys()
        assert its["prediction_file"].endswith(mine["prediction_file"].removeprefix("predictions"))
        assert same(mine["metrics"], its["metrics"])


def test_the_summary_by_hand(scored):
    (run,) = read_shown(scored / "out")
    found = nnunet_summary(run)
    assert [c["prediction_file"] for c in found["metric_per_case"]] == [
        f"predictions/{case}.nii.gz" for case in "abc"
    ]
    scar = found["metric_per_case"][2]["metrics"]["(3, 4)"]
    assert scar == {"Dice": 0.0, "IoU": 0.0, "FP": 0, "TP": 0, "FN": 21, "TN": 5 * 24 * 20 - 21,
                    "n_pred": 0, "n_ref": 21}  # fmt: skip
    assert math.isnan(found["metric_per_case"][1]["metrics"]["(3, 4)"]["Dice"])
    # NaN leaves nnU-Net's mean without a trace
    a = found["metric_per_case"][0]["metrics"]["(3, 4)"]["Dice"]
    assert found["mean"]["(3, 4)"]["Dice"] == pytest.approx(a / 2)


def test_the_summary_is_read_again_by_our_own_reader(scored):
    (run,) = read_shown(scored / "out")
    path = scored / "summary.json"
    path.write_text(summary_text(nnunet_summary(run)))
    numbers = {(n.case, n.codes, n.metric): n.value for n in read_summary(path)}
    assert numbers["c", (3, 4), "FN"] == 21
    assert {case for case, _, _ in numbers} == {"a", "b", "c"}


def test_what_has_no_counts_has_no_summary(make_run):
    run = cohort(make_run)[0]
    with pytest.raises(DataError, match=r"no counts\.parquet"):
        nnunet_summary(run)


# --- LaTeX ---------------------------------------------------------------------------------------


def test_latex_is_a_booktabs_table(make_run):
    board = leaderboard(cohort(make_run), columns=[DICE, HD95], resamples=50)
    text = latex_table(board)
    lines = text.splitlines()
    assert [m for m in ("\\toprule", "\\midrule", "\\bottomrule") if text.count(m) == 1] == [
        "\\toprule", "\\midrule", "\\bottomrule"]  # fmt: skip
    body = [line for line in lines if line.endswith(r" \\")]
    assert len(body) == 3
    assert {line.count(" & ") for line in body} == {3}
    assert body[0] == (
        r"rank & method & scar dice $\uparrow$ & scar hd95 (3d) (mm) $\downarrow$ \\"
    )
    assert any(r"& y\_z &" in line for line in body)
    assert text.count("{") == text.count("}")
    assert "worst\\_case" in text


def test_names_cannot_become_commands():
    evil = '\\input{/etc/passwd} 100% $x^2$ #1 a~b & <c> [d] "e"\n\nnew\x07'
    text = latex_text(evil)
    for mark in ("\\input", "% ", "&", "$", "#"):
        plain = text.replace("\\" + mark.strip(), "")
        assert mark not in plain, mark
    assert "\n" not in text
    assert "\x07" not in text


# --- command line --------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = run_app(app, [str(w) for w in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def paths(make_run):
    cohort(make_run)
    return sorted((make_run.root / "toy").iterdir())


def test_every_format_on_the_command_line(make_run, bench, tmp_path, scored):
    runs = paths(make_run)
    code, out, _ = bench("export", *runs, "--to", "csv", "-o", "all.csv")
    assert (code, out) == (0, "written: all.csv\n")
    assert len(pd.read_csv("all.csv")) == 27
    assert bench("export", *runs, "--to", "challenger", "-o", "dice.csv")[0] == 0
    assert len(read((tmp_path / "dice.csv").read_text())) == 6
    code, out, _ = bench("export", *runs, "--to", "challenger", "-o", "each", "--metric", "dice",
                         "--metric", "hd95")  # fmt: skip
    assert code == 0
    assert sorted(p.name for p in (tmp_path / "each").iterdir()) == [
        "scar_dice.csv", "scar_hd95_3d.csv"]  # fmt: skip
    assert bench("export", *runs, "--to", "latex", "-o", "t.tex", "--metric", "dice")[0] == 0
    assert "\\toprule" in (tmp_path / "t.tex").read_text()
    code, _, err = bench("export", scored / "out", "--to", "nnunet", "-o", "s.json")
    assert code == 0
    assert "note: d has no prediction" in err
    assert list(pd.json_normalize(json.loads((tmp_path / "s.json").read_text())["metric_per_case"])
                ["prediction_file"]) == [f"predictions/{c}.nii.gz" for c in "abc"]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("RUNS", "--to", "cvs", "-o", "x"), "'csv'"),
        (("RUNS", "--to", "csv"), "--out"),
        (("RUNS", "-o", "x"), "--to"),
        (("nowhere", "--to", "csv", "-o", "x"), "There is no nowhere"),
        (("RUNS", "--to", "csv", "-o", "x", "--metric", "dise"), "no metric 'dise'"),
        (("RUNS", "--to", "csv", "-o", "x", "--policy", "exclude"), "--policy means nothing"),
        (("RUNS", "--to", "csv", "-o", "x", "--dim", "3d"), "--dim means nothing"),
        (("RUNS", "--to", "challenger", "-o", "x.csv", "--metric", "dise"), "'dice'"),
        (("RUNS", "--to", "challenger", "-o", "x.csv", "--region", "lung"), "no lung dice"),
        (("RUNS", "--to", "challenger", "-o", "x.csv", "--policy", "best"), "no policy 'best'"),
        (("RUNS", "--to", "challenger", "-o", "x.csv", "--role", "external"), "role external"),
        (("RUNS", "--to", "challenger", "-o", "x.csv", "--metric", "dice", "--metric", "hd95"),
         "smallBetter"),
        (("RUNS", "--to", "nnunet", "-o", "x"), "of one run"),
        (("RUN", "--to", "nnunet", "-o", "x"), "no counts.parquet"),
        (("RUN", "--to", "nnunet", "-o", "x", "--metric", "dice"), "fixed metrics"),
        (("RUN", "--to", "csv", "-o", "RUN"), "is a folder. Name a file in it."),
    ],
)  # fmt: skip
def test_export_with_what_does_not_fit(make_run, bench, words, says):
    runs = paths(make_run)
    given = [p for w in words for p in (runs if w == "RUNS" else [runs[0]] if w == "RUN" else [w])]
    code, out, err = bench("export", *given)
    assert code == 2
    assert says in err
    assert "Traceback" not in out + err
