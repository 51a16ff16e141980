"""One run, entry or folder of scores for a person."""

import io
import json
import sys

import pandas as pd
import pytest

from benchmark.cli._app import app, run_app
from benchmark.entries import build_entry, write_entry
from benchmark.errors import DataError
from benchmark.policies import Policy
from benchmark.shown import read_shown, show
from benchmark.shown_text import as_json, shown_markdown, shown_sections, shown_view
from benchmark.table import Quantity, read_runs

DICE, HD95 = Quantity("scar", "dice"), Quantity("scar", "hd95", "3d")


def made(make_run, name="jdl", seed=0, **more):
    scores = [
        make_run.score("a", 0.9),
        make_run.score("b", 0.2 + seed / 10),
        make_run.score("c", None, "both_empty"),
        make_run.score("d", None, "pred_empty"),
        make_run.score("e", None, "no_prediction", message="no file"),
        make_run.score("f", None, "not_applicable", message="needs cine"),
        make_run.score("a", 7.0, metric="hd95"),
    ]
    cases = {
        "a": {"site": "A", "vendor": "V1"},
        "b": {"patient": "p", "pathology": "ischaemic"},
        "e": {"status": "no_prediction", "message": "no file", "seconds": None},
        "f": {"status": "not_applicable", "excluded": "needs cine", "seconds": None},
        "g": {"role": "train"},
    }
    features = [row for case, truth in zip("abcd", (4, 8, 0, 2), strict=True)
                for row in make_run.scar(case, truth, truth + 1)]  # fmt: skip
    record = {
        "split": {"train": ["g"], "test": list("abcdef")},
        "stages": {
            "train": {"key": "t" * 64, "seconds": 12.5, "cases": 1, "peak_memory_mb": 700.0},
            "predict": {"key": "p" * 64, "seconds": 3.0, "cases": 6, "failed": 1},
        },
        "provenance": {
            "git": {"commit": "c" * 40, "dirty": True}, "python": "3.11.7",
            "versions": {"numpy": "2.4.6"},
        },
        "totals": {"train_seconds_per_epoch": 2.5, "predict_seconds_per_slice": 0.0125},
        "parameter_count": 1234,
    }  # fmt: skip
    method = {"parameters": {"epochs": 3, "width": 8}, "asked": {"width": 8},
              "defaulted": ["epochs"], "trains": True, "needs": ["lge"]}  # fmt: skip
    return make_run(name, scores, seed=seed, cases=cases, features=features,
                    record=record | more, method_record=method)  # fmt: skip


def shown_of(paths, **options):
    return show(read_runs(paths), **{"columns": [DICE, HD95], "resamples": 50, **options})


def test_means_statuses_worst_cases_and_failures_by_hand(make_run):
    shown = shown_of([made(make_run)])
    assert shown.label == "jdl[width=8]"
    assert (shown.n_cases, shown.n_patients) == (6, 6)
    # a, b, d and e, the last two as the worst; c is rightly empty, f was skipped
    assert shown.cells[0].mean == pytest.approx((0.9 + 0.2) / 4)
    assert (shown.cells[0].n_defined, shown.cells[0].n_total) == (4, 5)
    counted = {s: n for s, n in shown.statuses[0].items() if n}
    assert counted == {"ok": 2, "both_empty": 1, "pred_empty": 1, "no_prediction": 1,
                       "not_applicable": 1}  # fmt: skip
    assert [(w.case, w.value) for w in shown.worst] == [
        ("d", 0.0),
        ("e", 0.0),
        ("b", 0.2),
        ("a", 0.9),
    ]
    assert shown.worst[0].statuses == ("pred_empty",)
    assert (shown.worst[2].patient, shown.worst[2].about) == ("p", "role test, pathology ischaemic")
    assert shown.failures == (
        ("e", 0, "no_prediction", "no file"),
        ("f", 0, "not_applicable", "needs cine"),
    )
    assert [row.bias for row in shown.agreement] == [1.0]


def test_a_distance_is_worst_when_it_is_large(make_run):
    rows = [
        make_run.score(c, v, metric="hd95") for c, v in zip("abc", (3.0, 9.0, 5.0), strict=True)
    ]
    shown = shown_of([make_run("x", rows)], columns=[HD95], worst=2)
    assert [w.case for w in shown.worst] == ["b", "c"]
    assert shown_of([make_run("x", rows)], columns=[HD95], worst=0).worst == ()


def test_the_policy_says_which_cases_have_a_value(make_run):
    shown = shown_of([made(make_run)], policy=Policy.EXCLUDE)
    assert shown.cells[0].mean == pytest.approx(0.55)
    assert [w.case for w in shown.worst] == ["b", "a"]


def test_an_entry_shows_its_seeds_together(make_run, tmp_path):
    paths = [made(make_run, seed=seed) for seed in range(3)]
    entry = write_entry(tmp_path / "leaderboards", build_entry(read_runs(paths)))
    shown = show(read_shown(entry), columns=[DICE], resamples=50)
    assert len(shown.runs) == 3
    assert next(w.value for w in shown.worst if w.case == "b") == pytest.approx(0.3)
    assert len(shown.failures) == 6
    assert "seeds | 0, 1, 2 |" in shown_markdown(shown)


def test_runs_of_two_experiments_are_refused(make_run):
    paths = [made(make_run), made(make_run, name="other")]
    with pytest.raises(DataError, match="different experiments"):
        shown_of(paths)
    with pytest.raises(DataError, match="no run to show"):
        show([])


def test_other_roles_are_named(make_run):
    with pytest.raises(DataError, match="role validation") as told:
        shown_of([made(make_run)], roles=["validation"])
    assert "Roles there are: test" in told.value.fix


def test_the_text_says_what_it_is_and_where_it_is_from(make_run):
    text = shown_markdown(shown_of([made(make_run)]))
    for words in (
        "# jdl\\[width=8\\] on toy", "| width | 8 | the user |",
        "| epochs | 3 | profile quick or its default |", "| seeds | 0 |",
        "1 train, 6 test", "commit cccccccccccc, changed since", "numpy 2.4.6",
        "| 0 | train | 12.5 | 1 | – | 700 | – | tttttttttttt |",  # noqa: RUF001
        "2.50 s an epoch, 12.5 ms a slice", "1,234 parameters", "## Worst cases",
        "| scar dice | 0.275 |", "4/5", "## Clinical features",
        "| e | 0 | no\\_prediction | no file |",
    ):  # fmt: skip
        assert words in text, words


def test_a_stranger_s_text_cannot_break_the_table(make_run):
    rows = [make_run.score("a|b", None, "error", message="x")]
    cases = {"a|b": {"status": "error", "message": "<b>|x\n# y"}}
    text = shown_markdown(shown_of([make_run("x", rows, cases=cases)], columns=[DICE]))
    assert "| a\\|b | 0 | error | &lt;b&gt;\\|x # y |" in text


def test_the_terminal_has_every_section(make_run):
    from rich.console import Console

    shown = shown_of([made(make_run)])
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(shown_view(shown))
    text = console.export_text()
    for section in shown_sections(shown):
        assert section.title in text


def test_json_has_numbers_in_full_and_null_where_there_is_none(make_run):
    shown = shown_of([made(make_run)])
    found = json.loads(json.dumps(as_json(shown), allow_nan=False))
    assert found["means"][0]["mean"] == shown.cells[0].mean
    assert found["means"][1]["low"] is None
    assert found["runs"][0]["record"]["method"]["asked"] == {"width": 8}
    assert found["failures"][1]["why"] == "needs cine"


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = run_app(app, [str(w) for w in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def scores_folder(make_run, folder):
    run = made(make_run)
    folder.mkdir()
    for name in ("scores.parquet", "features.parquet"):
        (folder / name).write_bytes((run / name).read_bytes())
    return folder


def test_a_folder_of_scores_is_shown_without_a_past(make_run, bench, tmp_path):
    folder = scores_folder(make_run, tmp_path / "out")
    code, out, err = bench("show", folder)
    assert (code, err) == (0, "")
    assert "# Scores in out" in out
    assert "not recorded: a folder of scores" in out
    assert "## What it took" not in out
    assert "| scar dice | 0.275 |" in out
    code, out, _ = bench("show", folder, "--json")
    assert json.loads(out)["runs"][0]["record"] is None


def test_show_on_the_command_line(make_run, bench):
    run = made(make_run)
    code, out, _ = bench("show", run, "--metric", "hd95", "--metric", "dice", "--worst", "1")
    assert code == 0
    assert "| scar hd95 (3d), mm |" in out
    assert "| scar dice |" in out
    _, out, _ = bench("show", run, "--worst", "0")
    assert "Worst cases" not in out
    assert "No case has a value" not in out
    code, out, _ = bench("show", run, "--json", "--metric", "dice")
    assert [m["metric"] for m in json.loads(out)["means"]] == ["dice"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere",), "There is no nowhere"),
        (("RUN", "--metric", "dise"), "'dice'"),
        (("RUN", "--metric", "iou"), "hold no iou"),
        (("RUN", "--policy", "best"), "no policy 'best'"),
        (("RUN", "--role", "external"), "role external"),
        (("RUN", "--worst", "-1"), "--worst"),
        (("SCORES",), "cannot be read"),
        (("LACKS",), "lacks the columns region"),
        ((), "Missing argument"),
    ],
)
def test_show_with_what_does_not_fit(make_run, bench, tmp_path, words, says):
    for name in ("SCORES", "LACKS"):
        scores_folder(make_run, tmp_path / name)
    (tmp_path / "SCORES" / "scores.parquet").write_bytes(b"no parquet")
    path = tmp_path / "LACKS" / "scores.parquet"
    pd.read_parquet(path).drop(columns="region").to_parquet(path)
    run = made(make_run)
    code, out, err = bench("show", *[run if w == "RUN" else w for w in words])
    assert code == 2
    assert says in err
    assert "Traceback" not in out + err


def test_showing_imports_no_torch(make_run, bench, tmp_path):
    import subprocess

    program = (
        "import sys\nfrom benchmark.cli._app import app, run_app\n"
        f"run_app(app, ['show', {str(made(make_run))!r}])\n"
        "print([m for m in ('torch', 'monai', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"
