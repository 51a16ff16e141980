"""The scripts that compare with other packages: that they compare the same things, and say why."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest

from benchmark.metrics import kernel
from benchmark.regions import Region

ROOT = Path(__file__).parents[1]
EMIDEC = Path(
    os.environ.get("SCARBENCH_EMIDEC", ROOT.parent / "shared" / "data" / "emidec")
)  # fmt: skip
SPACING = (10.0, 1.25, 1.5)
#: What other packages warn about when they are imported or shown an empty mask.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def same_kernel(monkeypatch):
    """The kernel in use, which a timed tool chooses, is the one from before."""
    monkeypatch.setattr(kernel, "NAME", kernel.NAME)


def heart():
    """Slices 1 to 3 of 5 hold a square ventricle of 12 x 12 voxels; slice 2 scar, with MVO."""
    labels = np.zeros((5, 24, 24), dtype=np.uint8)
    labels[1:4, 6:18, 6:18] = 2
    labels[1:4, 10:14, 10:14] = 1
    labels[2, 7:10, 7:12] = 3
    labels[2, 8, 8] = 4
    return labels


@pytest.mark.parametrize("name", sorted(p.stem for p in (ROOT / "benchmarks").glob("*.py")))
def test_every_script_can_be_imported(scripts, name):
    module = scripts(name)
    assert Path(module.__file__) == ROOT / "benchmarks" / f"{name}.py"
    assert module.__doc__


def test_alterations_by_hand(scripts):
    altered = scripts("altered").ALTERED
    found = {name: alter(heart(), SPACING) for name, alter in altered.items()}
    assert all(f.dtype == np.uint8 and f.shape == (5, 24, 24) for f in found.values())
    np.testing.assert_array_equal(found["identical"], heart())
    np.testing.assert_array_equal(
        np.flatnonzero(found["shifted by a slice"].any((1, 2))), [2, 3, 4]
    )
    missing = {"first": [2, 3], "middle": [1, 3], "last": [1, 2]}
    for which, left in missing.items():
        np.testing.assert_array_equal(
            np.flatnonzero(found[f"{which} slice missing"].any((1, 2))), left
        )
    assert (found["eroded"] > 0).sum() < (heart() > 0).sum() < (found["dilated"] > 0).sum()
    assert np.count_nonzero(found["eroded"][1] == 1) == 4  # 2 x 2 of the cavity's 4 x 4
    assert found["dilated"][2, 8, 8] == found["dilated"][2, 8, 9] == 4
    assert found["scar missed"].max() == 2
    assert np.count_nonzero(found["a speck of scar"] != heart()) == 1
    same_grid = altered["resampled"](heart(), (10.0, 2.0, 2.0))
    np.testing.assert_array_equal(same_grid, heart())
    assert (found["resampled"] != heart()).any()


def test_answers_are_judged_by_their_distance_from_ours(scripts):
    judged = scripts("emidec_peers").judged
    ours = {"hd": 4.0, "hd95": 3.0, "hd95_pooled": 2.5, "dice": None}
    assert judged("hd", 4.0 * (1 + 5e-10), "ok", ours)[0] == "equal"
    assert judged("hd", 4.0 * (1 + 1e-6), "ok", ours)[0] == "single"
    assert judged("hd", 4.1, "ok", ours) == ("?", pytest.approx(0.025))
    assert judged("hd95", 2.5, "ok", ours)[0] == "pooled"
    assert judged("hd95", 2.6, "ok", ours)[0] == "?"
    assert judged("dice", math.nan, "both_empty", ours)[0] == "neither"
    assert judged("dice", None, "both_empty", ours)[0] == "neither"
    assert judged("dice", 1.0, "both_empty", ours)[0] == "empty"
    assert judged("hd", math.inf, "pred_empty", ours | {"hd": None})[0] == "empty"
    assert judged("hd", math.nan, "ok", ours)[0] == "?"


def test_a_wrong_answer_is_not_explained_away(scripts):
    script = scripts("emidec_peers")

    def wrong(reference, prediction, spacing):
        right = script.restated(reference, prediction, spacing)
        return {name: None if v is None else v * 1.01 for name, v in right.items()}

    given = [("one", heart(), SPACING)]
    kinds = {o[0] for found in script.examined(given, {"wrong": wrong}).values() for o in found}
    assert "?" in kinds
    right = script.examined(given, {"restated": script.restated})
    assert "?" not in {o[0] for found in right.values() for o in found}


@pytest.mark.skipif(not EMIDEC.is_dir(), reason=f"no EMIDEC data at {EMIDEC}")
def test_on_real_hearts_every_difference_from_other_packages_has_a_reason(scripts, capsys):
    script, altered = scripts("emidec_peers"), scripts("altered")
    asked = script.peers()
    given = list(altered.cases(_options(every=40)))
    assert len(given) == 2
    found = script.examined(given, asked)
    n_asked = 2 * len(altered.ALTERED) * 5
    for (peer, metric), outcomes in found.items():
        assert len(outcomes) == n_asked
        kinds = [kind for kind, *_ in outcomes]
        assert "?" not in kinds, (peer, metric)
        assert kinds.count("equal") + kinds.count("single") >= n_asked // 2
        if peer != "monai":
            assert "single" not in kinds
        assert ("pooled" in kinds) == ((peer, metric) == ("medpy", "hd95"))
    if "restated" in asked:
        assert {metric for peer, metric in found if peer == "restated"} == set(script.METRICS)


@pytest.mark.skipif(not EMIDEC.is_dir(), reason=f"no EMIDEC data at {EMIDEC}")
def test_a_box_around_real_masks_changes_no_answer(scripts):
    script, altered = scripts("emidec_peers"), scripts("altered")
    ((_, labels, spacing),) = altered.cases(_options(every=64))
    moved = altered.ALTERED["shifted by a column"](labels, spacing)
    masks = Region.LV.mask(labels), Region.LV.mask(moved)
    box = script.boxed(*masks)
    assert masks[0][box].size < masks[0].size / 4
    asked = {name: peer for name, peer in script.peers().items() if name != "monai"}
    for peer in asked.values():
        assert peer(masks[0][box], masks[1][box], spacing) == peer(*masks, spacing)


def _options(every):
    class Options:
        data_root = EMIDEC

    Options.every = every
    return Options


def test_the_official_table_has_the_median_and_the_worst(scripts):
    given = [("flat", heart(), (10.0, 1.5, 1.5)), ("deep", heart(), (13.0, 1.5, 1.5))]
    lines = list(scripts("emidec_official").table(given))
    (line,) = [x for x in lines if x.startswith("shifted by a column") and "HD" in x]
    # The slice spacing where 1.5 mm is right: too much by 8.5 and 11.5 mm.
    assert line.split()[7:] == [
        "11.5", "1.5", "2/2", "+10", "+11.5", "deep:", "13", "for", "1.5"
    ]  # fmt: skip
    assert not any(x.startswith("identical") for x in lines)


def test_every_tool_computes_what_it_is_said_to(scripts, capsys):
    """Within single precision; by area, pooled or by direction they are near at least."""
    tools = {t.name: t for t in scripts("contenders").installed()}
    module = scripts("workloads")
    shape = (6, 40, 40)
    work = module.Workload(
        "", [(module.heart(shape, 1), module.heart(shape, 2))], ((1,), (2, 3, 4))
    )
    ours = tools["ours NumPy"].run(work)[0]
    right = np.stack([ours[name] for name in ("dice", "hd", "hd95", "assd", "nsd")], axis=1)
    for name, tool in tools.items():
        if tool.kind in ("floor", "ours"):
            continue
        found = np.array(tool.run(work), dtype=float)
        assert found.shape == (2, {"medpy": 4, "nnU-Net": 1}.get(name, 5))
        assert (tool.kind == "partial") == (name in ("medpy", "nnU-Net"))
        np.testing.assert_allclose(found[:, 0], right[:, 0], rtol=1e-6)
        if name == "nnU-Net":
            continue
        np.testing.assert_allclose(found[:, 1], right[:, 1], rtol=1e-6)
        exact = [3] if name == "medpy" else [] if "surf" in name or "pan" in name else [2, 3, 4]
        np.testing.assert_allclose(found[:, exact], right[:, exact], rtol=1e-6)
        np.testing.assert_allclose(found[:, 3], right[:, 3], rtol=0.6)
    assert ("ours C" in tools) == ("c" in kernel.KERNELS)


def test_slices_are_given_to_others_one_by_one(scripts):
    module = scripts("workloads")
    work = module.Workload("", [(heart(), heart())], ((1,), (2,)), SPACING, slices=True)
    given = list(work.squeezed())
    assert len(given) == 5
    masks, spacing = given[2]
    assert spacing == (1.25, 1.5)
    assert [tuple(m.shape for m in pair) for pair in masks] == [((24, 24), (24, 24))] * 2


def test_marks_are_means_over_groups_of_the_fastest_of_a_kind(scripts, capsys):
    module, contenders = scripts("metrics"), scripts("contenders")
    tools = [t for t in contenders.TOOLS if t.name in ("ours C", "MONAI", "SimpleITK", "medpy")]
    times = {"ours C": [1.0, 2.0], "MONAI": [90.0, 80.0], "SimpleITK": [20.0, 40.0], "medpy": [0.5]}
    found = [
        ("A", "one", times),
        ("random", "two", times | {"MONAI": [5.0], "SimpleITK": [20.0]}),
        ("random", "three", times | {"MONAI": [20.0], "SimpleITK": [0.5]}),
    ]
    module.marks(found, tools)
    lines = capsys.readouterr().out.splitlines()
    full = next(x for x in lines if "fastest full set" in x).split()
    # A: 80; random: the root of 5 x 20; over both groups: the root of 80 x 10.
    assert full[3:] == ["80.0", "(80)", "10.0", "(5)", f"{math.sqrt(800):.1f}"]
    helped = next(x for x in lines if "or completed" in x).split()
    assert helped[3:5] == ["20.0", "(20)"]
    assert helped[5] == f"{math.sqrt(5 * 0.5):.1f}"
    module.losses(found, tools)
    text = capsys.readouterr().out
    assert "on 1 of 3 workloads" in text
    assert "three: 2.00 x the time of SimpleITK" in text


def test_a_tool_that_fails_on_a_workload_is_told_and_left_out(scripts, capsys):
    module, contenders = scripts("metrics"), scripts("contenders")

    def fails(work):
        raise ValueError("an empty mask")

    tools = [
        contenders.Tool("ours NumPy", "scarbench", "", "ours", contenders.ours("numpy")),
        contenders.Tool("other", "other", "", "full", fails),
    ]
    work = scripts("workloads").Workload("", [(heart(), heart())])
    times = module.measured(work, tools, 1)
    assert list(times) == ["ours NumPy"]
    assert times["ours NumPy"][0] > 0
    assert "other fails: ValueError: an empty mask" in capsys.readouterr().out


def test_files_hold_what_is_scored(scripts, tmp_path):
    module = scripts("fromfiles")
    files = module.written(tmp_path, 1)
    labels = module.read_labels(files[0][0])
    np.testing.assert_array_equal(labels.labels, scripts("workloads").heart(module.SHAPE, 0))
    assert labels.grid.spacing == module.SPACING
    np.testing.assert_array_equal(module._nibabel(files[0][0]).T, labels.labels)


def test_the_large_leaderboard_in_small(scripts, tmp_path, capsys):
    """The forged runs are read, averaged and written as those of a user are."""
    script = scripts("leaderboard")
    made = script.make(tmp_path, methods=2, cases=6, seeds=2)
    assert len(made) == 4
    script.work(tmp_path, resamples=20)
    out = capsys.readouterr().out
    assert "4 runs, 720 values, 20 resamples" in out
    assert "board of 30 columns" in out
