"""The command line as a user types it, and what it says to every kind of mistake."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from benchmark import Region
from benchmark.cli._app import app, run_app
from benchmark.cli._shared import TerminalReporter
from benchmark.errors import UsageError
from benchmark.metrics.cards import cards
from benchmark.metrics.definition import STATUSES
from benchmark.scoring import ScoreTask, score_case

Bench = Callable[..., tuple[int, str, str]]

DATA = '''"""Four small rings."""
import numpy as np
from benchmark import Case, CaseInfo, Dataset, Segmentation, Study, Volume

class Rings(Dataset):
    """Rings with a scar."""
    def index(self):
        roles = {"a": "train", "b": "validation", "c": "test", "d": "test"}
        return [CaseInfo(name, role) for name, role in roles.items()]
    def load(self, case_id):
        y, x = np.mgrid[-8:8, -8:8]
        labels = np.where(np.hypot(y, x) < 6, 2, 0).astype(np.uint8)[None].repeat(3, 0)
        labels[:, 8:, 8:] = np.where(labels[:, 8:, 8:] > 0, 3, 0)
        image = labels.astype(np.float32) * 100
        return Case(Study(case_id, {"lge": Volume(image, (10, 1.5, 1.5))}, apex="first"),
                    Segmentation(labels))
'''
METHOD = '''"""A method for a test."""
import numpy as np
from benchmark import Method, Segmentation

class M(Method):
    """One."""
    epochs: int = 3
    def predict(self, study):
        {body}
'''


@pytest.fixture
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Bench:
    """Run a command line in an empty folder that has a data set file, rings.py."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rings.py").write_text(DATA)

    def run(*words: object) -> tuple[int, str, str]:
        code = run_app(app, [str(w) for w in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def _write(path: Path, labels: np.ndarray, spacing: tuple[float, ...] = (1.5, 1.5, 10.0)) -> Path:
    """Write (slice, row, column) labels as NIfTI."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = labels.T if labels.ndim == 3 else labels
    image = nib.Nifti1Image(array, np.diag([*(spacing + (1.0,) * 3)[:3], 1.0]))
    nib.save(image, path)
    return path


def _ring(shape: tuple[int, int, int] = (3, 16, 14)) -> np.ndarray:
    labels = np.zeros(shape, dtype=np.uint8)
    labels[:, 4:12, 4:12] = 2
    labels[:, 6:9, 6:9] = 3
    return labels


def _pair(folder: Path) -> tuple[Path, Path]:
    for side in ("reference", "prediction"):
        for case in ("a", "b"):
            _write(folder / side / f"{case}.nii.gz", _ring())
    return folder / "reference", folder / "prediction"


def _score(bench: Bench, folder: Path, *more: object) -> tuple[int, str, str]:
    return bench("score", "-r", folder / "reference", "-p", folder / "prediction", "-o",
                 folder / "out", *more)  # fmt: skip


# --- good input ---------------------------------------------------------------------------------


def test_score_writes_its_tables_and_prints_means(bench: Bench, tmp_path: Path) -> None:
    _pair(tmp_path)
    code, out, _ = _score(bench, tmp_path)
    assert code == 0
    assert "2 of 2 cases scored" in out
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {"scores.parquet", "counts.parquet", "features.parquet", "scores.csv"}
    code, out, err = _score(bench, tmp_path, "--json")
    assert err == ""
    dice = [m["mean"] for m in json.loads(out)["means"] if m["metric"] == "dice"]
    assert dice
    assert set(dice) <= {1.0, None}


def test_a_missing_prediction_is_a_row_and_counts_as_the_worst(
    bench: Bench, tmp_path: Path
) -> None:
    _, prediction = _pair(tmp_path)
    (prediction / "b.nii.gz").unlink()
    code, out, _ = _score(bench, tmp_path, "--json")
    found = json.loads(out)
    assert (code, found["missing"], found["scored"]) == (0, ["b"], 1)
    scar = next(m for m in found["means"] if (m["region"], m["metric"]) == ("scar", "dice"))
    assert (scar["mean"], scar["n_total"], scar["n_measured"]) == (0.5, 2, 1)


def test_run_twice_says_that_it_was_there(bench: Bench) -> None:
    words = ("run", "-m", "empty", "-d", "./rings.py")
    assert bench(*words)[0] == 0
    code, out, _ = bench(*words)
    assert code == 0
    assert "already there" in out


def test_new_check_run_compare_accept_leaderboard(bench: Bench, tmp_path: Path) -> None:
    assert bench("new", "method", "mine")[0] == 0
    code, out, _ = bench("check-method", "./mine.py")
    assert code == 0, out
    code, out, _ = bench("run", "-m", "./mine.py", "-m", "empty", "-d", "./rings.py", "--seeds",
                         "3", "--json")  # fmt: skip
    runs = json.loads(out)
    assert code == 0
    assert [(Path(r["run"]).name.partition("-")[0], r["seed"]) for r in runs] == [
        ("mine", 0), ("mine", 1), ("mine", 2), ("empty", 0)]  # fmt: skip
    code, out, _ = bench("compare", "-d", "rings")
    assert code == 0
    assert "empty" in out
    code, out, _ = bench("accept", *[r["run"] for r in runs[:3]])
    assert code == 0
    assert (tmp_path / "leaderboards/rings/mine.json").is_file()
    code, out, _ = bench("leaderboard", "-d", "rings")
    assert code == 0
    assert (tmp_path / "leaderboards/rings.md").is_file()
    assert (tmp_path / "leaderboards/rings.csv").is_file()
    record = Path(runs[0]["run"]) / "record.json"
    code, out, _ = bench("rerun", record)
    assert code == 0
    assert "reproduced" in out
    (tmp_path / "mine.py").write_text("import os\nos._exit(3)")
    code, out, err = bench("rerun", record)
    assert (code, out) == (2, "")
    assert "mine.py' on " in err
    assert "exit code 3" in err


@pytest.mark.parametrize(
    ("annotates", "region"), [(["myocardium", "scar"], "scar"), (["myocardium"], "myocardium")]
)
def test_tables_are_of_the_myocardium_where_scar_is_not_annotated(
    bench: Bench, make_run: Any, annotates: list[str], region: str
) -> None:
    for name in ("one", "two"):
        scores = [make_run.score(c, 0.5, region=r) for c in "ab" for r in ("scar", "myocardium")]
        make_run(name, scores, record={"annotates": annotates})
    code, out, _ = bench("leaderboard", "-d", "toy")
    assert code == 0
    assert f"Ranked by {region} dice." in out
    code, out, _ = bench("compare", "-d", "toy")
    assert code == 0
    assert f"| {region} dice |" in out
    for asked in ("scar", "myocardium"):
        assert f"| {asked} dice |" in bench("compare", "-d", "toy", "--region", asked)[1]


def test_several_metrics_are_compared_in_one_table(bench: Bench, make_run: Any) -> None:
    for name, value in (("one", 0.5), ("two", 0.7)):
        make_run(name, [
            row for case in "abc" for row in (
                make_run.score(case, value),
                make_run.score(case, 10 * value, metric="hd95"),
                make_run.score(case, value / 2, level="apex"),
            )
        ])  # fmt: skip
    code, out, _ = bench("compare", "-d", "toy", "--metric", "dice", "--metric", "hd95", "--json")
    assert code == 0
    dice, hd95 = json.loads(out)
    assert (dice["metric"], dice["dim"], dice["n_cases"]) == ("dice", None, 3)
    assert (hd95["metric"], hd95["dim"]) == ("hd95", "3d")
    assert hd95["p_holm"] == pytest.approx(2 * hd95["p"], rel=1e-12)
    assert {"permutation_p", "smallest"} <= set(dice)
    code, out, _ = bench("compare", "-d", "toy", "--level", "apex")
    assert code == 0
    assert "| scar dice (apex) | 0.250 |" in out


def test_compare_cautions_against_methods_that_saw_different_data(
    bench: Bench, make_run: Any
) -> None:
    for name, data in (("one", "a" * 40), ("two", "a" * 40), ("three", "b" * 40)):
        make_run(name, [make_run.score(c, 0.5) for c in "ab"], dataset_record={"fingerprint": data})
    said = ("CAUTION: the methods saw different versions or parts of the data "
            f"({'a' * 12}: one, two; {'b' * 12}: three).")  # fmt: skip
    code, out, _ = bench("compare", "-d", "toy")
    assert (code, out.partition("\n")[0]) == (0, said)
    assert said.partition(" (")[0] in bench("leaderboard", "-d", "toy")[1]
    rows = json.loads(bench("compare", "-d", "toy", "--json")[1])
    assert {(row["a"], row["b"]): row["caution"][:7] for row in rows} == {
        ("one", "two"): "", ("one", "three"): "CAUTION", ("three", "two"): "CAUTION"}  # fmt: skip
    same = [path for path in Path("runs/toy").iterdir() if "three" not in path.name]
    assert "CAUTION" not in bench("compare", *same)[1]


def test_json_is_all_there_is_on_stdout_even_if_a_plugin_prints(
    bench: Bench, tmp_path: Path
) -> None:
    body = "print('hello'); return Segmentation(np.zeros(study.target.shape, int))"
    (tmp_path / "noisy.py").write_text(METHOD.format(body=body))
    code, out, _ = bench("run", "-m", "./noisy.py", "-d", "./rings.py", "--json")
    assert code == 0
    run = Path(json.loads(out)[0]["run"])
    assert "hello" in (run / "plugin.log").read_text()


def test_list_is_json_for_programs_and_a_table_for_people(bench: Bench) -> None:
    code, out, _ = bench("list")
    assert code == 0
    assert all(word in out for word in ("jdl", "lge", "emidec", "dice", "hd95"))
    code, out, _ = bench("list", "metrics", "--json")
    assert {m["name"] for m in json.loads(out)["metrics"]} >= {"dice", "hd95", "assd", "masd"}


def test_either_map_will_do_and_the_list_says_so(bench: Bench) -> None:
    assert "needs: t1 or t2" in bench("list", "mapping")[1]
    assert "t1 or t2" in bench("list", "methods")[1]
    assert "needs: cine, lge" in bench("list", "fusion")[1]


def test_a_name_of_a_method_and_of_a_data_set_is_listed_as_both(bench: Bench) -> None:
    code, out, _ = bench("list", "mapping")
    assert code == 0
    method, dataset = out.index("mapping (method, from"), out.index("mapping (dataset, from")
    assert method < out.index("segments: ") < dataset < out.index("annotates: ")
    code, out, _ = bench("list", "mapping", "--json")
    both = json.loads(out)
    assert (code, set(both)) == (0, {"methods", "datasets"})
    assert both["methods"]["needs"] == ["t1", "t2"]
    assert both["datasets"]["parameters"] == {}
    assert json.loads(bench("list", "lge", "--json")[1])["name"] == "lge"


def test_explain_says_all_that_is_on_the_card(bench: Bench) -> None:
    code, out, _ = bench("explain", "nsd@2mm")
    assert code == 0
    card = cards()["nsd@2mm"]
    words = " ".join(out.split())
    for text in (card.title, card.formula, card.surface, card.source, card.notes, card.hash):
        assert " ".join(text.split()) in words
    # Of every status: what it is, the value, and what the default policy makes of it.
    assert [row.split()[0] for row in out.splitlines()[-7:]] == list(STATUSES)
    told = [" ".join(row.split()) for row in out.splitlines()[-7:]]
    assert told[1] == "both_empty neither has none left out"
    assert told[2] == "pred_empty only the reference has 0 the value"
    assert told[4] == "no_prediction there is no answer none 0"
    assert max(map(len, out.splitlines())) <= 100


def test_explain_is_json_for_programs_and_the_same_as_listing_one(bench: Bench) -> None:
    code, out, _ = bench("explain", "hd95", "--json")
    assert code == 0
    card = json.loads(out)
    assert card["hash"] == "3d2941b31a66"
    assert card["rules"] == {
        "ok": "compute", "both_empty": None, "pred_empty": None, "ref_empty": None,
        "no_prediction": None, "not_applicable": None, "error": None,
    }  # fmt: skip
    assert bench("list", "hd95", "--json")[1] == out
    assert bench("list", "hd95")[1] == bench("explain", "hd95")[1]


@pytest.mark.parametrize("name", cards())
def test_every_metric_can_be_explained(bench: Bench, name: str) -> None:
    code, out, _ = bench("explain", name)
    assert code == 0
    assert out.startswith(f"{name}: ")
    assert all(status in out for status in STATUSES)


@pytest.mark.parametrize(
    ("name", "miss", "worst"),
    [
        ("dice", "0", 0.0),
        ("hd95", "the diagonal of the field of view", (16**2 + 6**2 + 6**2) ** 0.5),
        ("volume_error_ml", "what an empty answer gets, unless that is right", -0.064),
        ("budget_missed_ml", "what an empty answer gets, unless that is right", 0.064),
        ("surfel_hd", "the diagonal of the field of view", (16**2 + 6**2 + 6**2) ** 0.5),
        ("surfel_nsd@2mm", "0", 0.0),
        ("lesions_reference", "none: it is undefined there", None),
    ],
)
def test_explain_tells_of_every_status_what_scoring_does(
    bench: Bench, name: str, miss: str, worst: float | None
) -> None:
    none, full = np.zeros((2, 6, 6), dtype=np.uint8), np.zeros((2, 6, 6), dtype=np.uint8)
    full[:, 2:4, 2:4] = 3
    told = {row.split()[0]: row for row in bench("explain", name)[1].splitlines()[-7:]}
    for status, reference, prediction in (
        ("ok", full, full),
        ("both_empty", none, none),
        ("pred_empty", full, none),
        ("ref_empty", none, full),
        ("no_prediction", full, None),
    ):
        task = ScoreTask("a", reference, prediction, (8.0, 1.0, 1.0))
        row = score_case(task, metrics=[name], levels=["volume"], regions=[Region.SCAR]).scores[0]
        assert row["status"] == status
        if row["value"] is not None:
            assert row["worst"] == row["value"]
            says = "the value"
        elif status == "both_empty":
            assert row["worst"] is None
            says = "left out"
        else:
            assert row["worst"] == pytest.approx(worst)
            says = miss
        assert told[status].rstrip().endswith(f"  {says}")


def test_explaining_what_could_not_be_loaded_says_why(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {"theirs": "their.module: RuntimeError: no licence"}
    monkeypatch.setattr("benchmark.metrics.cards.problems", lambda: broken)
    code, _, err = bench("explain", "theirs")
    assert code == 2
    assert "RuntimeError: no licence" in err


def test_version_and_no_command(bench: Bench) -> None:
    assert bench("--version")[:2] == (0, "scarbench 0.1.0\n")
    code, out, _ = bench()
    assert code == 2
    assert "leaderboard" in out


# --- bad input: one clear message, the documented exit code --------------------------------------


def _break(path: Path, how: str) -> None:
    """Damage a written prediction, or put something else in its place."""
    ring = _ring()
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-20])
    elif how == "text":
        path.write_bytes(gzip.compress(b"these are no voxels"))
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "fractional":
        _write(path, ring.astype(np.float32) + 0.5)
    elif how == "nan":
        _write(path, np.where(ring == 3, np.nan, ring).astype(np.float32))
    elif how == "unknown label":
        _write(path, np.where(ring == 3, 9, ring).astype(np.uint8))
    elif how == "negative":
        _write(path, np.where(ring == 3, np.int16(-1), ring.astype(np.int16)))
    elif how == "4-D":
        _write(path, np.stack([ring.T] * 2, axis=-1))
    elif how == "2-D":
        _write(path, ring[0].T.copy())


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("truncated", "b.nii.gz"),
        ("text", "b.nii.gz"),
        ("empty", "b.nii.gz"),
        ("fractional", "0.5"),
        ("nan", "nan"),
        ("unknown label", "9"),
        ("negative", "-1"),
        ("4-D", "4"),
        ("2-D", "2"),
    ],
)
def test_one_broken_prediction_is_a_row_the_others_are_scored_and_the_exit_code_is_4(
    bench: Bench, tmp_path: Path, how: str, says: str
) -> None:
    _, prediction = _pair(tmp_path)
    _break(prediction / "b.nii.gz", how)
    code, out, _ = _score(bench, tmp_path, "--json")
    found = json.loads(out)
    assert code == 4
    assert found["scored"] == 1
    assert "b.nii.gz" in found["failed"]["b"]
    assert says in found["failed"]["b"]
    assert "Traceback" not in found["failed"]["b"]


def _misfit(folder: Path, how: str) -> None:
    reference, prediction = _pair(folder)
    b = prediction / "b.nii.gz"
    if how == "extra":
        _write(prediction / "zzz.nii.gz", _ring())
    elif how == "duplicate":
        _write(prediction / "b.nii", _ring())
    elif how == "shape":
        _write(b, _ring((3, 16, 16)))
    elif how == "swapped axes":
        _write(b, np.swapaxes(_ring(), 1, 2).copy())
    elif how == "spacing":
        _write(b, _ring(), (1.0, 1.0, 10.0))
    elif how == "no predictions":
        for path in prediction.iterdir():
            path.unlink()
    elif how == "no references":
        for path in reference.iterdir():
            path.unlink()
    elif how == "no folder":
        reference.rename(folder / "elsewhere")


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("extra", "zzz.nii.gz"),
        ("duplicate", "b.nii"),
        ("shape", "its shape is another"),
        ("swapped axes", "swapped"),
        ("spacing", "1.5"),
        ("no predictions", "prediction"),
        ("no references", "reference"),
        ("no folder", "reference"),
    ],
)
def test_masks_that_do_not_fit_are_named_and_nothing_is_scored(
    bench: Bench, tmp_path: Path, how: str, says: str
) -> None:
    _misfit(tmp_path, how)
    code, _, err = _score(bench, tmp_path)
    assert code == 2
    assert says in err
    assert "Traceback" not in err
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--labels", "scar=x"), "scar"),
        (("--labels", "scra=3"), "scra"),
        (("--metric", "dise"), "'dice'"),
        (("--role", "tset"), "'test'"),
        (("--apex", "up"), "'up'"),
        (("--dataset", "emidecc"), "'emidec'"),
        (("--images", "nowhere"), "nowhere"),
    ],
)
def test_options_of_score_that_do_not_fit(
    bench: Bench, tmp_path: Path, more: tuple[str, str], says: str
) -> None:
    _pair(tmp_path)
    code, _, err = _score(bench, tmp_path, *more)
    assert code == 2
    assert says in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("beside", "option", "value"),
    [
        ("--dataset", "--labels", "scar=3"),
        ("--dataset", "--images", "images"),
        ("--dataset", "--apex", "first"),
        ("--reference", "--role", "test"),
    ],
)
def test_options_of_score_that_would_be_ignored(
    bench: Bench, tmp_path: Path, beside: str, option: str, value: str
) -> None:
    reference, prediction = _pair(tmp_path)
    where = "emidec" if beside == "--dataset" else reference
    code, _, err = bench(
        "score", beside, where, "-p", prediction, "-o", tmp_path / "out", option, value
    )
    assert code == 2
    assert f"{option} says nothing beside {beside}. Leave it out" in " ".join(err.split())
    assert not (tmp_path / "out").exists()


def test_an_unwritable_output_is_said_before_anything_is_scored(
    bench: Bench, tmp_path: Path
) -> None:
    _pair(tmp_path)
    (tmp_path / "out").write_text("a file, not a folder")
    code, _, err = _score(bench, tmp_path)
    assert code == 2
    assert str(tmp_path / "out") in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-m", "jdll"), "'jdl'"),
        (("-m", "./nowhere.py"), "nowhere.py"),
        (("-m", "jdl[epochz=2]"), "'epochs'"),
        (("-m", "jdl[epochs=many]"), "many"),
        (("-m", "jdl[epochs=0]"), "greater than 0"),
        (("-m", "jdl[epochs=2"), "]"),
        (("-m", "jdl", "--set", "epochs"), "key=value"),
        (("-m", "jdl", "--profile", "papr"), "'paper'"),
        (("-m", "empty", "--seeds", "three"), "three"),
        (("-m", "empty", "--folds", "9"), "9 folds"),
        (("-m", "empty", "--split", "nowhere.json"), "nowhere.json"),
        (("-m", "empty", "--runs", "rings.py"), "rings.py"),
        (("-m", "empty", "--threads", "0"), "threads"),
        (("-m", "empty", "--data-root", "x"), "data_root"),
        (("-m", "empty", "--split", "s.json", "--folds", "2"), "exclude"),
    ],
)
def test_options_of_run_that_do_not_fit(bench: Bench, words: tuple[str, ...], says: str) -> None:
    code, _, err = bench("run", "-d", "./rings.py", *words)
    assert code == 2
    assert says in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"test": ["c", "zz"]}, "'zz'"),
        ({"tset": ["c"]}, "'test'"),
        ({"test": ["c"], "train": ["c"]}, "two roles"),
        ({"train": ["a"]}, "no case to test"),
        (["c"], "no split"),
    ],
)
def test_split_files_that_do_not_fit(
    bench: Bench, tmp_path: Path, content: object, says: str
) -> None:
    (tmp_path / "split.json").write_text(json.dumps(content))
    code, _, err = bench("run", "-m", "empty", "-d", "./rings.py", "--split", "split.json")
    assert code == 2
    assert says in err


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise ValueError('it is too dark')", "ValueError: it is too dark"),
        ("return Segmentation(np.zeros((1, 2, 3), np.uint8))", "(1, 2, 3)"),
        ("return np.zeros(study.target.shape)", "ndarray"),
        ("return None", "NoneType"),
        ("return Segmentation(np.zeros(study.target.shape))", "float64"),
        ("return Segmentation(np.full(study.target.shape, 7))", "7"),
        ("study.target.voxels[:] = 0", "read-only"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise MemoryError('no more')", "MemoryError"),
    ],
)
def test_a_method_that_fails_is_a_row_for_each_case_and_exit_code_4(
    bench: Bench, tmp_path: Path, body: str, says: str
) -> None:
    (tmp_path / "bad.py").write_text(METHOD.format(body=body))
    code, _, err = bench("run", "-m", "./bad.py", "-m", "empty", "-d", "./rings.py")
    assert code == 4
    assert err.count(says) == 2
    assert "case c" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def broken(:", "SyntaxError"),
        ("import not_there_at_all", "not_there_at_all"),
        ('"""Nothing."""', "has 0 public Method classes"),
    ],
)
def test_a_method_file_that_cannot_be_loaded(
    bench: Bench, tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "bad.py").write_text(text)
    code, _, err = bench("run", "-m", "./bad.py", "-d", "./rings.py")
    assert code == 2
    assert says in err
    assert "Traceback" not in err


def test_training_that_fails_is_one_message_and_the_traceback_is_kept(
    bench: Bench, tmp_path: Path
) -> None:
    body = "return None\n    def train(self, cases, context):\n        raise RuntimeError('nan')"
    (tmp_path / "bad.py").write_text(METHOD.format(body=body))
    code, _, err = bench("run", "-m", "./bad.py", "-d", "./rings.py")
    assert code == 2
    assert "RuntimeError: nan" in err
    log = next((tmp_path / "runs").glob("*/*/plugin.log"))
    assert str(log.relative_to(tmp_path)) in err
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("rerun", "nowhere"), "nowhere"),
        (("rerun", "rings.py"), "rings.py"),
        (("leaderboard", "-d", "nothing"), "nothing"),
        (("compare", "--metric", "dise"), "'dice'"),
        (("compare", "--metric", "dice", "--metric", "dise"), "'dise'"),
        (("show", "nowhere"), "nowhere"),
        (("export", "nowhere", "--to", "csv", "-o", "x.csv"), "nowhere"),
        (("accept", "nowhere"), "nowhere"),
        (("list", "jdll"), "'jdl'"),
        (("explain", "hd59"), "'hd95'"),
        (("explain", "jdl"), "There is no metric 'jdl'"),
        (("new", "method", "Not-A-Name"), "Not-A-Name"),
        (("compare", "--policy", "exclud"), "Did you mean 'exclude'?"),
        (("runs", "--state", "runing"), "Did you mean 'running'?"),
        (("rn",), "run"),
        (("run", "-m", "empty", "--sedes", "2"), "--seeds"),
    ],
)
def test_other_commands_with_what_does_not_fit(
    bench: Bench, words: tuple[str, ...], says: str
) -> None:
    code, _, err = bench(*words)
    assert code == 2
    assert says in err
    assert "Traceback" not in err


def _emidec(folder: Path, case: str, image: np.ndarray, labels: np.ndarray) -> None:
    for tree, array in (("Images", image), ("Contours", labels)):
        _write(folder / case / tree / f"{case}.nii.gz", array)


def test_emidec_whose_test_case_is_broken_is_a_row_and_the_rest_is_scored(
    bench: Bench, tmp_path: Path
) -> None:
    root = tmp_path / "emidec"
    for number in range(1, 13):
        image = _ring().astype(np.float32) * 100
        _emidec(root, f"Case_P{number:03d}", image, _ring())
    code, out, _ = bench("run", "-m", "empty", "-d", "emidec", "--data-root", root, "--json")
    run = json.loads(out)[0]
    assert code == 0
    tested = [p.name.partition(".")[0]
              for p in (Path(run["run"]) / "predictions").glob("*.nii.gz")]  # fmt: skip
    victim = sorted(tested)[0]
    nan = np.where(_ring() == 3, np.nan, 100.0).astype(np.float32)
    _write(root / victim / "Images" / f"{victim}.nii.gz", nan)
    code, out, _ = bench("run", "-m", "empty", "-d", "emidec", "--data-root", root, "--json")
    found = json.loads(out)[0]
    assert code == 4
    assert "NaN" in found["errors"][victim]
    assert found["cases"]["ok"] == len(tested) - 1


def test_emidec_image_without_contours_is_named(bench: Bench, tmp_path: Path) -> None:
    _emidec(tmp_path / "e", "Case_P001", _ring().astype(np.float32), _ring())
    (tmp_path / "e/Case_P001/Contours/Case_P001.nii.gz").unlink()
    code, _, err = bench("run", "-m", "empty", "-d", "emidec", "--data-root", tmp_path / "e")
    assert code == 2
    assert "Case_P001" in err


def test_debug_shows_the_error_and_nothing_else_does(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="'jdl'"):
        bench("list", "jdll", "--debug")
    # a program that calls us has arguments of its own
    monkeypatch.setattr(sys, "argv", ["program", *"abcdef"])
    assert bench("list", "jdll")[0] == 2


# --- what must not be imported -------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("list",),
        ("explain", "nsd@2mm"),
        ("score", "--help"),
        ("run", "--help"),
        ("leaderboard", "--help"),
        ("show", "--help"),
        ("export", "--help"),
    ],
)
def test_looking_never_imports_what_is_heavy(words: tuple[str, ...]) -> None:
    heavy = ("torch", "monai", "nnunetv2", "matplotlib", "scipy", "pandas")
    program = (
        "import sys\n"
        "from benchmark.cli._app import app, run_app\n"
        f"run_app(app, {list(words)!r})\n"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_scoring_never_imports_torch(bench: Bench, tmp_path: Path) -> None:
    _pair(tmp_path)
    program = (
        "import sys\n"
        "from benchmark.cli._app import app, run_app\n"
        "code = run_app(app, ['score', '-r', 'reference', '-p', 'prediction', '-o', 'out'])\n"
        "print(code, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1] == "0 False", done.stdout + done.stderr


def test_one_training_that_fails_costs_the_others_nothing(bench: Bench, tmp_path: Path) -> None:
    body = "return None\n    def train(self, cases, context):\n        raise RuntimeError('nan')"
    (tmp_path / "bad.py").write_text(METHOD.format(body=body))
    code, out, err = bench("run", "-m", "./bad.py", "-m", "empty", "-d", "./rings.py")
    assert code == 4
    assert "RuntimeError: nan" in err
    assert "empty" in out
    code, out, err = bench("run", "-m", "./bad.py", "-m", "empty", "-d", "./rings.py", "--json")
    assert code == 4
    done, failed = json.loads(out)
    assert (done["method"], done["cached"]) == ("empty", True)
    assert (failed["method"], failed["seed"]) == ("./bad.py", 0)
    assert "RuntimeError: nan" in failed["error"]
    code, out, err = bench("run", "-m", "./bad.py", "-d", "./rings.py", "--seeds", "2")
    assert (code, out, err.count("RuntimeError: nan")) == (2, "", 2)


def test_each_method_is_run_on_each_data_set(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "squares.py").write_text((tmp_path / "rings.py").read_text())
    body = "return Segmentation(np.zeros(study.target.shape, np.uint8))"
    (tmp_path / "mine.py").write_text(METHOD.format(body=body))
    asked = ("run", "-m", "empty", "-m", "./mine.py", "-d", "./rings.py", "-d", "./squares.py")
    code, out, err = bench(*asked)
    assert code == 0, err
    assert [line.split("] ")[1] for line in err.splitlines() if line.startswith("[")] == [
        f"{method} on ./{dataset}.py, seed 0"
        for dataset in ("rings", "squares") for method in ("empty", "./mine.py")
    ]  # fmt: skip
    heads = [line for line in out.splitlines() if line.startswith("# ")]
    assert [head.rpartition("(")[2] for head in heads] == ["rings)", "squares)"]
    code, out, _ = bench(*asked, "--json")
    assert [(one["method"], one["dataset"], one["cached"]) for one in json.loads(out)] == [
        ("empty", "rings", True), ("mine", "rings", True),
        ("empty", "squares", True), ("mine", "squares", True),
    ]  # fmt: skip


@pytest.mark.parametrize("file", ["import os\nos._exit(3)", "1 / 0"])
def test_a_data_set_that_cannot_be_loaded_costs_the_others_nothing(
    bench: Bench, tmp_path: Path, file: str
) -> None:
    (tmp_path / "bad.py").write_text(file)
    code, out, err = bench("run", "-m", "empty", "-d", "./bad.py", "-d", "./rings.py", "--json")
    assert code == 4
    done, failed = json.loads(out)
    assert (done["dataset"], done["cases"]) == ("rings", {"ok": 2})
    assert (failed["method"], failed["dataset"]) == ("empty", "./bad.py")
    assert err.count("bad.py") >= 1
    code, out, err = bench("run", "-m", "empty", "-d", "./bad.py", "-d", "bad.py")
    assert (code, out) == (2, "")
    assert "bad.py" in err


def test_what_does_not_fit_one_data_set_costs_the_others_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    """Which folds there can be hangs on the patients."""
    text = (tmp_path / "rings.py").read_text()
    assert ', "d": "test"' in text
    (tmp_path / "few.py").write_text(text.replace(', "d": "test"', ""))
    (tmp_path / "last.py").write_text(text)
    for more in ((), ("--jobs", "2")):
        code, out, err = bench("run", "-m", "empty", "-d", "./rings.py", "-d", "./few.py", "-d",
                               "./last.py", "--folds", "4", "--json", *more)  # fmt: skip
        assert code == 4, err
        came = [(one["dataset"], one["fold"], "error" in one) for one in json.loads(out)]
        whole = [(name, fold, False) for name in ("rings", "last") for fold in range(4)]
        assert came == [*whole, *(("./few.py", fold, True) for fold in range(4))]
        assert "patient" in err


def test_two_data_sets_of_one_name_are_refused(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "rings.py").write_text((tmp_path / "rings.py").read_text())
    code, out, err = bench("run", "-m", "empty", "-d", "./rings.py", "-d", "more/rings.py")
    assert (code, out) == (2, "")
    assert "'./rings.py' and 'more/rings.py' are both called 'rings'" in err


def test_a_method_that_answers_rubbish_when_asked_costs_the_others_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "bad.py").write_text("1 / 0")
    body = "return None\n\n    trains = property(lambda self: 'maybe')"
    (tmp_path / "odd.py").write_text(METHOD.format(body=body))
    code, out, err = bench("run", "-m", "./bad.py", "-m", "./odd.py", "-m", "empty", "-d",
                           "./rings.py", "--seeds", "2", "--json")  # fmt: skip
    assert code == 4
    came = [(one["method"], one["seed"], "error" in one) for one in json.loads(out)]
    assert came == [
        ("empty", 0, False), ("./bad.py", 0, True), ("./bad.py", 1, True),
        ("./odd.py", 0, True), ("./odd.py", 1, True),
    ]  # fmt: skip
    assert err.count("error: ") == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-d", "ringz"), "ringz"),
        (("-d", "./rings.py[sice=3]"), "sice"),
        (("-d", "lge", "--data-root", "."), "'NAME[data_root=FOLDER]'"),
        (("-d", "lge", "--split", "rings.json"), "--split is of one data set"),
    ],
)
def test_what_does_not_fit_several_data_sets_is_said_before_a_run_starts(
    bench: Bench, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    code, out, err = bench("run", "-m", "empty", "-d", "./rings.py", *words)
    assert (code, out) == (2, "")
    assert says in err
    assert not list((tmp_path / "runs").glob("rings/*"))


def test_a_method_is_described_with_its_deviations_and_its_choices(bench: Bench) -> None:
    code, out, _ = bench("list", "nnunet")
    assert code == 0
    assert "nnU-Net v2 itself" in out
    assert "One model is trained" in out  # of the class, not of the module
    assert re.search(r"^optimiser +sgd \| adam +adam ", out, re.MULTILINE)
    assert re.search(
        r"^probabilities +Path \| None ", bench("list", "predictions")[1], re.MULTILINE
    )
    assert "needs: no image" in bench("list", "predictions")[1]


def test_a_log_hears_of_a_long_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no bar can be drawn: how far it is and how long it still takes."""
    monkeypatch.setattr("benchmark.cli._shared._SILENCE", 0.0)
    # Imports, or a cohort to make, take a minute before the first step, a resumed one's seventh.
    times = iter([0.0, 60.0, 61.0, 62.0, 62.5])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    with TerminalReporter().training("jdl") as report:
        report(7, 10, {"loss": 0.5})
        report(8, 10, {"loss": 0.25})
        report(10, 10, {})
    assert capsys.readouterr().err == (
        "jdl: 7 of 10, loss 0.500\njdl: 8 of 10, about 2 s left, loss 0.250\n"
        "jdl: 10 steps in 62.5 s\n"
    )


def test_a_method_that_fails_on_every_case_measured_nothing(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(METHOD.format(body="raise ValueError('laod')"))
    code, _, err = bench("run", "-m", "./bad.py", "-d", "./rings.py")
    assert code == 3
    assert "ValueError: laod" in err


def test_a_misspelt_plugin_file_is_told_of_its_neighbour(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "my_unet.py").write_text("")
    code, _, err = bench("run", "-m", "./my_unt.py", "-d", "./rings.py")
    assert code == 2
    assert "my_unet.py" in err
