"""``bench score --preset`` as a user types it: another's numbers beside ours, ours untouched."""

from __future__ import annotations

import csv
import json
import math

import nibabel as nib
import numpy as np
import pytest

from benchmark.cli._app import app, run_app
from benchmark.presets import preset
from benchmark.regions import Region
from benchmark.scoring import ScoreTask

SPACING = (10.0, 1.5, 1.5)


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    """Run a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = run_app(app, [str(w) for w in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def heart():
    labels = np.zeros((4, 20, 20), dtype=np.uint8)
    labels[1:3, 5:15, 5:15] = 2
    labels[1:3, 8:12, 8:12] = 1
    labels[1, 5:8, 5:9] = 3
    return labels


def write(folder, **cases):
    """(slice, row, column) labels as NIfTI files."""
    folder.mkdir()
    for name, labels in cases.items():
        image = nib.Nifti1Image(labels.T, np.diag([*SPACING[::-1], 1.0]))
        nib.save(image, folder / f"{name}.nii.gz")


@pytest.fixture
def folders(tmp_path):
    """Three references; one prediction a column off, one without scar, one missing."""
    write(tmp_path / "r", a=heart(), b=heart(), c=heart())
    without = np.where(heart() == 3, 2, heart()).astype(np.uint8)
    write(tmp_path / "p", a=np.roll(heart(), 1, axis=2), b=without)
    return "score", "-r", "r", "-p", "p"


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return {(r["case"], r["quantity"]): r for r in csv.DictReader(file)}


def test_the_evaluators_numbers_stand_beside_ours(bench, folders, tmp_path):
    code, out, _ = bench(*folders, "-o", "s", "--preset", "emidec-official")
    assert code == 0
    found = rows(tmp_path / "s" / "preset-emidec-official.csv")
    hd = found["a", "Myocardium HD"]
    assert (hd["theirs"], hd["ours"], hd["metric"], hd["unit"]) == ("10.0", "1.5", "hd 3d", "mm")
    assert "spacing (x, y, z)" in hd["why"]
    # A missed scar keeps the Dice of the three slices that have none.
    assert found["b", "Infarction Dice"]["theirs"] == "0.75"
    assert found["b", "Infarction Dice"]["ours"] == "0.0"
    missing = found["c", "Infarction Dice"]
    assert (missing["theirs"], missing["ours"], missing["status"]) == ("", "", "no_prediction")
    assert len(found) == 3 * len(preset("emidec-official").quantities)
    line = next(text for text in out.splitlines() if text.startswith("Myocardium HD "))
    assert line.split() == ["Myocardium", "HD", "mm", "5.0000", "0.7500", "hd", "3d", "2/2"]
    assert "* Its Hausdorff distance applies the spacing (x, y, z)" in out


def test_our_own_tables_do_not_change_by_a_byte(bench, folders, tmp_path):
    bench(*folders, "-o", "plain")
    bench(*folders, "-o", "beside", "--preset", "medpy", "--preset", "monai")
    ours = sorted(p.name for p in (tmp_path / "plain").iterdir())
    names = {p.name for p in (tmp_path / "beside").iterdir()}
    assert names == {*ours, "preset-medpy.csv", "preset-monai.csv"}
    for name in ours:
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "beside" / name).read_bytes()


def test_json_has_the_means_and_what_is_wrong(bench, folders):
    words = ("-o", "s", "--preset", "medpy", "--preset", "myosaiq-official", "--json")
    code, out, _ = bench(*folders, *words)
    content = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert list(content["presets"]) == ["medpy", "myosaiq-official"]
    medpy = {m["quantity"]: m for m in content["presets"]["medpy"]["means"]}
    # It raises for the missed scar: no mean; ours is that of the one defined value.
    assert medpy["scar hd"]["theirs"] is None
    assert (medpy["scar hd"]["ours"], medpy["scar hd"]["defined"]) == (1.5, 1)
    assert medpy["scar dc"]["cases"] == 2
    myosaiq = {m["quantity"]: m for m in content["presets"]["myosaiq-official"]["means"]}
    assert myosaiq["MI HD"]["theirs"] == 1.5
    assert myosaiq["MVO DICE"]["theirs"] == "nan"
    assert content["presets"]["medpy"]["wrong"]


def test_without_a_preset_nothing_is_said_of_any(bench, folders):
    code, out, _ = bench(*folders, "-o", "s", "--json")
    assert code == 0
    assert "presets" not in json.loads(out)


def test_an_unknown_preset_is_refused_before_anything_is_written(bench, folders, tmp_path):
    code, _, err = bench(*folders, "-o", "s", "--preset", "emidec")
    assert code == 2
    assert "There is no preset 'emidec'" in err
    assert "emidec-official" in err
    assert not (tmp_path / "s").exists()


def test_only_what_was_asked_for_last_stands_beside_the_tables(bench, folders, tmp_path):
    words = ("score", "-r", "r", "-p", "p", "-o", "s", "--metric", "dice")
    for asked in (("medpy", "acdc-official"), ("medpy",), ()):
        bench(*words, *(word for name in asked for word in ("--preset", name)))
        found = sorted(p.name for p in (tmp_path / "s").glob("preset-*.csv"))
        assert found == sorted(f"preset-{name}.csv" for name in asked)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--metric", "dicee"), "'dice'"),
        (("--metric", "ece"), "--probabilities"),
        (("--jobs", "0"), "0 jobs"),
        (("--labels", "scra=3"), "scra"),
        (("--contours", "p"), "--reference-contours"),
        (("--images", "nowhere"), "nowhere"),
    ],
)
def test_what_is_wrong_from_the_start_makes_no_folder(bench, folders, tmp_path, more, says):
    code, _, err = bench(*folders, "-o", "s", "--preset", "medpy", *more)
    assert code == 2
    assert says in err
    assert not (tmp_path / "s").exists()


def test_what_does_not_fit_leaves_no_file(bench, folders, tmp_path):
    write(tmp_path / "more", zz=heart())
    code, _, err = bench("score", "-r", "r", "-p", "more", "-o", "s", "--preset", "medpy")
    assert code == 2
    assert "zz" in err
    assert not list((tmp_path / "s").iterdir())


def test_regions_that_a_side_says_nothing_of_are_not_applicable(tmp_path):
    from benchmark.presets import PresetTable

    task = ScoreTask(
        "x", heart(), heart(), SPACING, produces=frozenset({Region.SCAR, Region.MYOCARDIUM})
    )
    with PresetTable(preset("acdc-official"), tmp_path / "acdc.csv") as table:
        table.add(task)
    found = rows(tmp_path / "acdc.csv")
    assert found["x", "Dice LV"]["status"] == "not_applicable"
    assert found["x", "Dice LV"]["message"] == "the prediction says nothing about cavity"
    assert found["x", "Dice LV"]["theirs"] == ""
    assert found["x", "Dice MYO"]["theirs"] == "1.0"
    assert [m.quantity for m in table.means()] == ["Dice MYO", "Volume MYO", "Err MYO(ml)"]


def test_a_block_that_raises_leaves_the_old_file(tmp_path):
    from benchmark.presets import PresetTable

    path = tmp_path / "medpy.csv"
    path.write_text("old")
    with pytest.raises(KeyError), PresetTable(preset("medpy"), path):
        raise KeyError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["medpy.csv"]


def test_numbers_in_the_file_are_exact(tmp_path):
    from benchmark.presets import PresetTable

    rng = np.random.default_rng(0)
    labels = [rng.integers(0, 5, (3, 8, 8)).astype(np.uint8) for _ in range(2)]
    for name in ("nnunet", "monai"):
        with PresetTable(preset(name), tmp_path / name) as table:
            table.add(ScoreTask("x", *labels, SPACING))
        values = preset(name).values(*labels, SPACING)
        found = rows(tmp_path / name)
        for quantity, value in values.items():
            assert value is not None
            read = float(found["x", quantity]["theirs"])
            assert read == value or (math.isnan(read) and math.isnan(value))
