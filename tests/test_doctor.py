"""The conformance pairs through our engine and through whatever other packages are installed."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from benchmark.cli._app import app, run_app
from benchmark.doctor import PEERS, conformance, engine, examine_engine, examine_peer
from benchmark.doctor.conformance import DEFINITIONS
from benchmark.doctor.peers import Peer, Question

BY_NAME = {peer.name: peer for peer in PEERS}
MEDPY, MONAI = BY_NAME["medpy"], BY_NAME["monai"]
SURFACE, ITK = BY_NAME["surface-distance"], BY_NAME["SimpleITK"]


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    """Run a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = run_app(app, list(words))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def asked(peer, module):
    """The peer's findings by the name of its function."""
    pytest.importorskip(module)
    report = examine_peer(peer)
    assert (report.name, report.status) == (peer.name, "asked")
    return {f.question.name: f for f in report.findings}


def test_there_are_seventeen_pairs_three_with_an_empty_mask():
    cases = conformance()
    assert len(cases) == len({c.name for c in cases}) == 17
    assert sum(c.status != "ok" for c in cases) == 3
    for case in cases:
        assert case.reference.dtype == case.prediction.dtype == bool
        counts = case.answers["counts"]
        assert counts["tp"] == np.count_nonzero(case.reference & case.prediction)
        assert counts["fp"] == np.count_nonzero(case.prediction & ~case.reference)
        assert sum(counts.values()) == case.reference.size


def test_every_definition_of_the_answers_is_in_words():
    stored = {
        (block, key)
        for case in conformance()
        for block, answers in case.answers.items()
        if isinstance(answers, dict) and block != "counts"
        for key in answers
        if not key.startswith(("n_", "slices_", "mean_over"))
    }
    assert stored <= set(DEFINITIONS)


def test_our_engine_meets_every_answer():
    report = examine_engine()
    assert report.wrong == ()
    assert report.right
    assert report.cases == 17
    # Dice, IoU, volume error, and at least five distances in three geometries.
    assert report.answers >= 17 * (3 + 5 * 3)
    # Every answer there is of surfels: seven of each pair.
    plain = {name for name in engine.cards() if not name.startswith("surfel_")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "cards", lambda: plain)
        assert examine_engine().answers == report.answers - 17 * 7


@pytest.mark.parametrize(
    ("metric", "dim", "value", "n_wrong"),
    [
        ("dice", None, 0.3, 17),
        ("dice", None, None, 16),
        ("hd95", "3d", None, 14),
        ("surfel_hd95", None, None, 14),
        ("surfel_nsd@2mm", None, 0.3, 17),
    ],
)
def test_a_wrong_value_of_ours_is_found(monkeypatch, metric, dim, value, n_wrong):
    real = engine._values
    monkeypatch.setattr(engine, "_values", lambda c, m: real(c, m) | {(metric, dim): value})
    report = examine_engine()
    assert not report.right
    assert [(w.metric, w.dim, w.ours) for w in report.wrong] == [(metric, dim, value)] * n_wrong


def test_a_value_of_ours_may_be_off_by_a_billionth_and_no_more(monkeypatch):
    real, shift = engine._values, 0.0

    def altered(case, metrics):
        found = real(case, metrics)
        return found | {
            ("hd", "3d"): None if found["hd", "3d"] is None else found["hd", "3d"] + shift
        }

    monkeypatch.setattr(engine, "_values", altered)
    shift = 0.9e-9
    assert examine_engine().right
    shift = 1.1e-9
    assert len(examine_engine().wrong) == 14


def test_medpy_pools_its_percentile_and_raises_on_empty_masks():
    found = asked(MEDPY, "medpy")
    hd95 = found["hd95"]
    assert (hd95.agreeing, hd95.raising) == (12, 3)
    assert hd95.means == "95th percentile of both directions POOLED"
    assert hd95.worst.case == "separator_pooled_vs_directed_4x4_blob"
    assert hd95.worst.difference == pytest.approx(-33.36716903818499, abs=1e-9)
    assert hd95.why[0] == hd95.means
    assert "a mask empty: raises RuntimeError for undefined" in hd95.why[1]
    for name in ("hd", "assd", "asd"):
        assert found[name].means == "ours"
        assert (found[name].agreeing, found[name].raising) == (14, 3)
    assert "both masks empty: gives 1 for undefined" in found["jc"].why


@pytest.mark.filterwarnings("ignore")  # MONAI and torch warn about themselves on import
def test_monai_is_single_precision_and_infinite_on_a_miss():
    found = asked(MONAI, "monai")
    assert found["compute_hausdorff_distance(95)"].agreeing == 17
    hd = found["compute_hausdorff_distance"]
    assert hd.why == ("one mask empty: gives inf for undefined", "single precision")
    assert "reference empty: gives nan for 0" in found["compute_dice"].why
    directed = found["compute_average_surface_distance"]
    assert directed.means == "one direction only, prediction to reference"
    assert directed.worst.case == "separator_diagonal_vs_line"


def test_simpleitk_averages_over_the_masks():
    found = asked(ITK, "SimpleITK")
    average = found["GetAverageHausdorffDistance"]
    assert average.means == ""
    assert "sets of voxels" in average.why[0]
    assert average.worst.difference == pytest.approx(-5 / 3, abs=1e-6)
    assert "not told apart by these pairs" in found["GetHausdorffDistance"].why[0]
    assert found["GetDiceCoefficient"].why[0] == "both masks empty: gives 0 for undefined"


def test_surface_distance_weighs_surface_elements():
    found = asked(SURFACE, "surface_distance")
    hd95 = found["compute_robust_hausdorff(95)"]
    assert hd95.means == "surface elements weighted by area, not voxels"
    assert found["compute_robust_hausdorff(100)"].means == "ours"


@pytest.mark.filterwarnings("ignore")  # about versions of NumPy, on import
def test_panoptica_pools_its_percentile_and_averages_directions():
    found = asked(BY_NAME["panoptica"], "panoptica")
    assert found["HD"].means == "ours"
    assert found["HD95"].means == "95th percentile of both directions POOLED"
    assert found["ASSD"].means == "mean of the two directed means"
    assert found["NSD(threshold=2)"].means == "mean of the two directed shares"
    one_empty = [a for a in found["HD95"].answers if a.right is None and not a.raised]
    assert len(one_empty) == 2
    assert all(a.theirs == pytest.approx(70.0598, abs=1e-4) for a in one_empty)


@pytest.mark.filterwarnings("ignore")
def test_nnunet_measures_overlap_as_we_do():
    found = asked(BY_NAME["nnunetv2"], "nnunetv2.evaluation.evaluate_predictions")
    for name in ("compute_metrics Dice", "compute_metrics IoU"):
        assert (found[name].agreeing, found[name].means, found[name].why) == (17, "ours", ())


@pytest.mark.filterwarnings("ignore")
def test_seg_metrics_scores_a_complete_miss_as_perfect(caplog):
    found = asked(BY_NAME["seg-metrics"], "seg_metrics.seg_metrics")
    assert "a mask empty: gives 0 for undefined" in found["hd"].why
    assert found["hd"].worst.theirs > 1e19
    assert found["hd95"].why[0].endswith("percentile of both directions POOLED")
    assert not caplog.records


class BinaryPairwiseMeasures:
    """The class of MetricsReloaded as far as it is asked, which no package index has."""

    def __init__(self, pred, ref, measures=(), pixdim=None, dict_args=None):
        self.pred, self.ref, self.pixdim = pred, ref, pixdim
        assert dict_args == {"hd_perc": 95, "nsd": 2.0}

    def distances(self):
        borders = [m - ndimage.binary_erosion(m) for m in (self.ref, self.pred)]
        maps = [ndimage.distance_transform_edt(1 - b, sampling=self.pixdim) for b in borders]
        return maps[1][borders[0] > 0], maps[0][borders[1] > 0]

    def dsc(self):
        sizes = self.pred.sum() + self.ref.sum()
        return 2 * (self.pred * self.ref).sum() / sizes if sizes else 1

    def intersection_over_union(self):
        union = (self.pred + self.ref > 0).sum()
        return (self.pred * self.ref).sum() / union if union else math.nan

    def measured(self, of):
        return of(*self.distances()) if (self.pred + self.ref).any() else 0

    def measured_hausdorff_distance(self):
        return self.measured(lambda a, b: max(a.max(), b.max()))

    def measured_hausdorff_distance_perc(self):
        return self.measured(lambda a, b: max(np.percentile(a, 95), np.percentile(b, 95)))

    def measured_average_distance(self):
        return self.measured(lambda a, b: (a.sum() + b.sum()) / (len(a) + len(b)))

    def measured_masd(self):
        return self.measured(lambda a, b: 0.5 * (a.sum() / len(a) + b.sum() / len(b)))

    def normalised_surface_distance(self):
        both = np.concatenate(self.distances())
        return (both <= 2.0).sum() / len(both)


@pytest.mark.filterwarnings("ignore")  # it divides by numbers of surface voxels that are 0
def test_metrics_reloaded_means_what_we_mean_but_for_empty_masks():
    module = SimpleNamespace(BinaryPairwiseMeasures=BinaryPairwiseMeasures)
    report = examine_peer(BY_NAME["MetricsReloaded"], lambda name: module)
    assert len(report.findings) == 7
    for found in report.findings:
        assert found.means == "ours", found.question.name
        assert found.agreeing >= 14
    hd = report.findings[2]
    assert any(text.startswith("both masks empty: gives 0 for undefined") for text in hd.why)


def stand_in(function, metric):
    """A peer with one function, taken for a metric of ours."""

    def ask(module, case):
        return {"f": lambda: function(case)}

    return Peer("stand-in", "stand_in", (Question("f", metric),), ask, "a note")


def finding(function, metric="hd95"):
    report = examine_peer(stand_in(function, metric), lambda name: SimpleNamespace())
    assert (report.status, report.version, report.message) == ("asked", "", "a note")
    return report.findings[0]


def answering(block, key):
    return lambda case: math.nan if (v := case.distance((block, key))) is None else v


@pytest.mark.parametrize(
    ("metric", "block", "key", "means"),
    [
        ("hd95", "voxel_border_3d_conn1", "hd95_max_of_directed_linear", "ours"),
        (
            "hd95",
            "voxel_border_3d_conn1",
            "hd95_floor_index",
            "95th percentile without interpolation",
        ),
        ("hd95", "voxel_border_3d_conn1", "hd", "greatest distance"),
        ("assd", "voxel_border_3d_conn3", "assd_pooled", "surface of 26 neighbours, not 6"),
        (
            "hd95",
            "inplane_border_3d_distance",
            "hd95_pooled_linear",
            "surface of the 4 neighbours in the slice; 95th percentile of both directions POOLED",
        ),
    ],
)
def test_the_definition_that_a_peer_answers_is_found_from_its_numbers(metric, block, key, means):
    found = finding(answering(block, key), metric)
    assert found.means == means
    assert found.raising == 0
    assert (found.agreeing == 17) == (means == "ours")


def test_numbers_of_no_definition_are_said_to_be_that():
    found = finding(lambda case: 77.0)
    assert (found.agreeing, found.means) == (0, "")
    assert found.why == ("no known definition", "a mask empty: gives 77 for undefined")
    assert found.worst.case == "identical"
    assert found.worst.difference == 77.0


def test_a_peer_that_always_raises_is_told_so():
    def broken(case):
        raise ZeroDivisionError("division by zero")

    found = finding(broken)
    assert (found.agreeing, found.raising, found.worst) == (0, 17, None)
    assert {a.raised for a in found.answers} == {"ZeroDivisionError: division by zero"}


def test_a_peer_that_is_not_installed_is_absent():
    peer = replace(MEDPY, module="nobody_has_this.metrics")
    assert examine_peer(peer).status == "absent"


def test_a_peer_that_cannot_be_imported_is_broken():
    def load(error):
        def fail(name):
            raise error

        return examine_peer(MEDPY, fail)

    report = load(ImportError("libfoo.so.3: cannot open shared object file"))
    assert (report.status, report.findings) == ("broken", ())
    assert report.message == "ImportError: libfoo.so.3: cannot open shared object file"
    report = load(ModuleNotFoundError("No module named 'scipy'", name="scipy"))
    assert (report.status, report.message) == ("broken", "it needs scipy")


def test_bench_doctor_metrics_prints_who_differs_and_why(bench):
    pytest.importorskip("medpy")
    code, out, err = bench("doctor", "metrics", "--peer", "medpy")
    assert (code, err) == (0, "")
    assert "answers met on 17 pairs" in out
    row = next(text for text in out.splitlines() if text.startswith("hd95 "))
    assert "12/17" in row
    assert "0 for 33.3672 (separator_pooled_vs_directed_4x4_blob)" in row
    assert "POOLED" in row
    assert "monai" not in out


def test_bench_doctor_metrics_json_is_json(bench):
    pytest.importorskip("SimpleITK")
    code, out, _ = bench("doctor", "metrics", "--json", "--peer", "simpleitk", "--peer", "medpy")
    content = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert content["engine"]["right"] is True
    assert content["engine"]["wrong"] == []
    assert [p["name"] for p in content["peers"]] == ["medpy", "SimpleITK"]
    average = content["peers"][1]["metrics"][3]
    assert average["function"] == "GetAverageHausdorffDistance"
    assert (average["pairs"], average["raise"]) == (17, 3)
    assert len(average["answers"]) == 17


def test_bench_doctor_metrics_fails_if_and_only_if_ours_is_wrong(bench, monkeypatch):
    assert bench("doctor", "metrics", "--peer", "none")[0] == 0
    real = engine._values
    monkeypatch.setattr(engine, "_values", lambda c, m: real(c, m) | {("dice", None): 0.25})
    code, out, _ = bench("doctor", "metrics", "--peer", "none")
    assert code == 1
    assert "OURS IS WRONG" in out
    assert "both_empty" in out
    code, out, _ = bench("doctor", "metrics", "--peer", "none", "--json")
    assert code == 1
    assert json.loads(out)["engine"]["right"] is False


def test_bench_doctor_metrics_lists_absent_and_broken_packages(bench, monkeypatch):
    import benchmark.doctor as package

    def broken(module, case):
        raise AssertionError

    absent = Peer("absent-one", "nobody_has_this", (), broken)
    monkeypatch.setattr(package, "PEERS", (absent,))
    code, out, err = bench("doctor", "metrics")
    assert (code, err) == (0, "")
    assert "absent-one: not installed" in out
    assert json.loads(bench("doctor", "metrics", "--json")[1])["peers"][0]["status"] == "absent"


def test_an_unknown_peer_suggests_a_near_one(bench):
    code, _, err = bench("doctor", "metrics", "--peer", "medpi")
    assert code == 2
    assert "'medpi'" in err
    assert "'medpy'" in err


def test_asking_for_help_loads_nothing():
    program = (
        "import sys\nfrom benchmark.cli._app import app, run_app\n"
        "run_app(app, ['doctor', '--help'])\n"
        "print([m for m in ('numpy', 'scipy', 'pandas', 'torch', 'medpy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "metrics" in done.stdout
