"""Cards and the registry: what is listed, what hashes depend on, what a stranger may break."""

import dataclasses
import json
import subprocess
import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from benchmark.errors import PluginError, UsageError
from benchmark.metrics import Card, Metric, Pair, cards, metric
from benchmark.metrics.definition import COMPUTE, STATUSES

NAMES = [
    "dice",
    "iou",
    "precision",
    "recall",
    "specificity",
    "balanced_accuracy",
    "mcc",
    "volume_error_ml",
    "absolute_volume_error_ml",
    "volume_error_percent",
    "emidec_volume_ratio",
    "hd",
    "hd95",
    "hd95_pooled",
    "assd",
    "masd",
    "asd_ref_to_pred",
    "asd_pred_to_ref",
    "nsd@1mm",
    "nsd@2mm",
    "nsd@3mm",
    "boundary_iou@2mm",
    "lesion_recall",
    "lesion_precision",
    "lesion_f1",
    "lesions_reference",
    "lesions_compared",
    "slice_success",
]
#: Measured wherever there are probabilities.
CALIBRATION = ["brier", "ece"]
#: Measured only if they are asked for.
EXTRAS = [
    "budget_boundary_ml",
    "budget_missed_ml",
    "budget_false_ml",
    "budget_wrong_class_ml",
    "budget_boundary",
    "budget_missed",
    "budget_false",
    "budget_wrong_class",
    "surfel_nsd@1mm",
    "surfel_nsd@2mm",
    "surfel_nsd@3mm",
    "surfel_hd",
    "surfel_hd95",
    "surfel_asd_ref_to_pred",
    "surfel_asd_pred_to_ref",
]
EVERY = [*NAMES, *CALIBRATION, *EXTRAS]
#: Of every definition that scores may have been made by; a changed one needs another name.
HASHES = {
    "dice": "c91f8e75301e",
    "iou": "a8637b136b93",
    "precision": "959880fbf6a7",
    "recall": "f16bce99d568",
    "specificity": "953568744a26",
    "balanced_accuracy": "3fc7502aeded",
    "mcc": "2cc50245e30c",
    "volume_error_ml": "4e17e5099a3d",
    "absolute_volume_error_ml": "a32733b5b29c",
    "volume_error_percent": "b739fc0ab147",
    "emidec_volume_ratio": "d21e6e72f46d",
    "hd": "7fc53a4edb5d",
    "hd95": "3d2941b31a66",
    "hd95_pooled": "c1a89163b287",
    "assd": "0ca8cb02ba50",
    "masd": "b75838fa6b6b",
    "asd_ref_to_pred": "b3c5cb7d5a8a",
    "asd_pred_to_ref": "d1bc232cf9f0",
    "nsd@1mm": "80bc61c7e41a",
    "nsd@2mm": "04459f3aabf5",
    "nsd@3mm": "47159a8e64c2",
    "boundary_iou@2mm": "19ea9a8bb961",
    "lesion_recall": "0be0dfbc45de",
    "lesion_precision": "4e5acc8a8563",
    "lesion_f1": "068829ef277c",
    "lesions_reference": "f8b6d3972001",
    "lesions_compared": "b8c69096ed6c",
    "slice_success": "40fc5613250e",
}
DISTANCES = ["hd", "hd95", "hd95_pooled", "assd", "masd", "asd_ref_to_pred", "asd_pred_to_ref"]
NSD = ["nsd@1mm", "nsd@2mm", "nsd@3mm"]
#: One mask empty scores 0, both empty nothing.
OVERLAPS = [
    *["dice", "iou", "precision", "recall", "mcc", *NSD, "boundary_iou@2mm"],
    *["lesion_recall", "lesion_precision", "lesion_f1"],
]
FROZEN_RUN = Path(__file__).parent / "data" / "frozen_run_v1" / "record.json"
GUESSES = Card(
    name="guesses",
    title="Share of guesses that are right",
    formula="tp / (tp + fp + 1)",
    unit="",
    better="higher",
    bounds=(0.0, 1.0),
)


@metric(GUESSES)
def guesses(pair: Pair) -> float:
    return pair.tp / (pair.tp + pair.fp + 1)


@pytest.fixture
def entries(monkeypatch):
    """Set the entry points of the metrics group for one test."""

    def use(*given):
        monkeypatch.setattr(
            cards, "entry_points", lambda **group: {cards.GROUP: given}[group["group"]]
        )
        cards._loaded.cache_clear()

    yield use
    monkeypatch.undo()
    cards._loaded.cache_clear()


def test_all_metrics_are_listed_in_a_fixed_order():
    assert list(cards.cards()) == EVERY
    assert cards.problems() == {}


def test_surface_metrics_have_dims_and_overlap_metrics_none():
    for name, card in cards.cards().items():
        surface = name in {*DISTANCES, *NSD}
        assert card.dims == (("3d", "slice", "inplane3d") if surface else ())
        by_masks = name == "boundary_iou@2mm" or name.startswith("surfel_")
        assert bool(card.surface) == (surface or by_masks)


def test_the_usual_metrics_are_all_but_extras():
    def names(**options):
        return [m.card.name for m in cards.select(**options)]

    assert names() == NAMES
    assert names(probabilities=True) == [*NAMES, *CALIBRATION]
    assert names(names=EXTRAS[::-1]) == EXTRAS
    assert names(names=["ece"]) == ["ece"]
    assert [n for n, c in cards.cards().items() if c.extra] == EXTRAS
    assert [n for n, c in cards.cards().items() if c.reads == "probabilities"] == CALIBRATION


def test_no_definition_changed_when_extras_came():
    assert {name: cards.cards()[name].hash for name in HASHES} == HASHES
    assert list(HASHES) == NAMES
    assert cards.definitions_hash([n for n in NAMES if n != "slice_success"]) == "f026fbdf3edf"
    assert cards.definitions_hash() == "e05d47e32689"


def test_definitions_that_kept_scores_were_made_by_have_not_changed():
    """Accepted entries name these hashes; a changed one makes them incomparable with new runs."""
    kept = json.loads(FROZEN_RUN.read_text())["metric_cards"]
    assert len(kept) == 13
    assert {name: cards.cards()[name].hash for name in kept} == kept


def test_every_card_says_all_that_a_reader_needs():
    for card in cards.cards().values():
        assert card.title
        assert card.formula
        assert card.source
        assert list(card.rules) == list(STATUSES)


def test_rules_are_the_table_of_undefined_values():
    for name in OVERLAPS:
        assert cards.cards()[name].worst == 0.0
        rules = cards.cards()[name].rules
        assert rules["pred_empty"] == rules["ref_empty"] == 0.0
        assert rules["both_empty"] is None
    for name in DISTANCES:
        assert cards.cards()[name].worst == "diagonal"
        rules = cards.cards()[name].rules
        assert rules["pred_empty"] is rules["ref_empty"] is rules["both_empty"] is None
    for name in ("volume_error_ml", "absolute_volume_error_ml", "emidec_volume_ratio"):
        rules = cards.cards()[name].rules
        assert rules["pred_empty"] == rules["ref_empty"] == COMPUTE
        assert rules["both_empty"] == 0.0
    for card in cards.cards().values():
        assert all(card.rule(s) is None for s in ("no_prediction", "not_applicable", "error"))


def test_a_hash_changes_with_every_field_and_with_nothing_else():
    other = {
        "name": "other",
        "title": "Other",
        "formula": "other",
        "unit": "mm",
        "better": "lower",
        "bounds": (0.0, None),
        "reads": "masks",
        "surface": "other",
        "field": "other",
        "both_empty": 1.0,
        "pred_empty": 1.0,
        "ref_empty": 1.0,
        "best": 2.0,
        "worst": 0.5,
        "source": "other",
        "notes": "other",
        "version": 2,
    }
    hashes = {GUESSES.hash}
    hashes |= {dataclasses.replace(GUESSES, **{k: v}).hash for k, v in other.items()}
    assert len(hashes) == 1 + len(other)
    assert dataclasses.replace(GUESSES).hash == GUESSES.hash
    # When a number is computed says nothing about what it means.
    assert dataclasses.replace(GUESSES, extra=True).hash == GUESSES.hash
    assert set(other) | {"dims", "extra"} == {f.name for f in dataclasses.fields(Card)}
    assert len(GUESSES.hash) == 12
    assert set(GUESSES.hash) <= set("0123456789abcdef")


def test_the_definitions_hash_is_over_the_chosen_metrics_in_any_order():
    assert cards.definitions_hash(["dice", "hd"]) == cards.definitions_hash(["hd", "dice"])
    assert cards.definitions_hash(["dice"]) != cards.definitions_hash(["iou"])
    assert cards.definitions_hash() == cards.definitions_hash(NAMES)


def test_an_unknown_metric_is_named_with_its_near_miss():
    with pytest.raises(UsageError, match=r"no metric 'dise'.*'dice'"):
        cards.select(["dise"])


def test_a_card_that_contradicts_itself_is_refused():
    with pytest.raises(PluginError, match="reads counts and has dims"):
        dataclasses.replace(GUESSES, dims=("3d",))
    with pytest.raises(PluginError, match="no dim \\['4d'\\]"):
        dataclasses.replace(GUESSES, dims=("4d",), reads="distances")
    with pytest.raises(PluginError, match="cannot name a metric"):
        dataclasses.replace(GUESSES, name="a b")


def test_a_card_is_ready_for_json():
    told = json.loads(json.dumps(cards.cards()["hd95"].as_dict()))
    assert told["name"] == "hd95"
    assert told["hash"] == cards.cards()["hd95"].hash
    assert told["rules"]["ref_empty"] is None


def entry(name, thing):
    """An entry point that loads ``thing``, or raises it."""

    class Entry(EntryPoint):
        def load(self):
            if isinstance(thing, Exception):
                raise thing
            return thing

    return Entry(name, f"stranger:{name}", cards.GROUP)


def test_a_strangers_metric_comes_after_ours_and_changes_the_definitions_hash(entries):
    ours = cards.definitions_hash()
    entries(entry("guesses", guesses))
    assert list(cards.cards()) == [*EVERY, "guesses"]
    assert cards.metrics()["guesses"] is guesses
    assert cards.definitions_hash() != ours
    assert cards.definitions_hash(NAMES) == ours


def test_a_metric_whose_function_names_no_module_harms_nobody(entries, monkeypatch):
    nowhere = Metric(GUESSES, lambda pair: 1.0)
    nowhere.function.__module__ = None
    module = types.ModuleType("theirs_here")
    module.nowhere = nowhere
    monkeypatch.setitem(sys.modules, "theirs_here", module)
    entries(EntryPoint("s", "theirs_here", cards.GROUP))
    assert "guesses" in cards.metrics()
    # what the entry point names is what counts for the code hash
    assert ("theirs_here", "") in cards.modules()


def test_an_entry_point_may_name_a_module_or_a_collection(entries):
    entries(entry("here", sys.modules[__name__]))
    assert "guesses" in cards.cards()
    entries(entry("here", [guesses]))
    assert "guesses" in cards.cards()


def test_broken_entry_points_are_listed_and_harm_nobody(entries):
    entries(
        entry("breaks", RuntimeError("no such thing")),
        entry("clash", Metric(cards.cards()["dice"], guesses.function)),
        entry("empty", object()),
        entry("fine", guesses),
    )
    assert list(cards.cards()) == [*EVERY, "guesses"]
    assert list(cards.problems()) == ["breaks", "clash", "empty"]
    assert "RuntimeError: no such thing" in cards.problems()["breaks"]
    assert "dice is taken" in cards.problems()["clash"]
    assert cards.metrics()["dice"] is not None


def test_listing_cards_imports_no_array_library():
    code = (
        "import sys; from benchmark.metrics.cards import cards; cards();"
        "print([m for m in ('numpy', 'scipy', 'pandas', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
