"""tolerances.toml: what counts for a quantity, and what a mistake in the file is told as."""

from pathlib import Path

import pytest

from benchmark.drift import default_tolerances, read_tolerances
from benchmark.errors import DataError
from benchmark.table import Quantity

DICE = Quantity("scar", "dice")
RULE = """[[tolerance]]
metric = "dice"
absolute = 0.1
margin = 0.2
case = 0.3
reason = "because this is a test"
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "tolerances.toml"
        path.write_text(text)
        return path

    return write


def test_the_defaults_have_a_rule_for_every_default_column():
    from benchmark.columns import COLUMNS, CONTOURS, WITHOUT_SCAR

    tolerances = default_tolerances()
    for quantity in (*COLUMNS, *WITHOUT_SCAR, *CONTOURS):
        rule = tolerances.rule(quantity, "any")
        assert rule is not None, quantity
        assert len(rule.reason) > 20
    assert tolerances.engine.absolute == tolerances.engine.relative == 0
    assert read_tolerances(None) is tolerances


def test_a_rule_of_a_file_goes_before_the_packages(written):
    tolerances = read_tolerances(written(RULE))
    assert tolerances.rule(DICE, "lge").absolute == 0.1
    assert tolerances.rule(Quantity("scar", "hd95", "3d"), "lge").absolute == 0.05
    assert tolerances.seeds == default_tolerances().seeds


def test_the_more_specific_rule_counts_and_the_data_set_most(written):
    texts = [RULE]
    for where, absolute in (('region = "scar"', 0.2), ('dataset = "lge"', 0.3)):
        texts.append(RULE.replace("absolute = 0.1", f"absolute = {absolute}\n{where}"))
    tolerances = read_tolerances(written("\n".join(reversed(texts))))
    assert tolerances.rule(DICE, "lge").absolute == 0.3
    assert tolerances.rule(DICE, "emidec").absolute == 0.2
    assert tolerances.rule(Quantity("cavity", "dice"), "emidec").absolute == 0.1


def test_of_equals_the_later_rule_counts(written):
    tolerances = read_tolerances(written(RULE + RULE.replace("0.1", "0.7")))
    assert tolerances.rule(DICE, "lge").absolute == 0.7


def test_tolerance_and_margin_are_the_larger_of_amount_and_share(written):
    text = RULE.replace("margin = 0.2", "margin = 0.2\nmargin_relative = 0.5\nrelative = 0.01")
    rule = read_tolerances(written(text)).rule(DICE, "lge")
    assert (rule.tolerance(0.5), rule.tolerance(-50.0)) == (0.1, 0.5)
    assert (rule.inferior(0.1), rule.inferior(1.0)) == (0.2, 0.5)


def test_a_rule_can_add_a_quantity_or_set_one_free(written):
    text = RULE.replace("case", 'region = "cavity"\ngated = true\ncase')
    text += RULE.replace("case", 'region = "scar"\ngated = false\ncase')
    tolerances = read_tolerances(written(text))
    assert tolerances.gated([DICE, Quantity("scar", "hd95", "3d")], "lge") == (
        Quantity("scar", "hd95", "3d"),
        Quantity("cavity", "dice"),
    )


def test_a_quantity_without_a_rule_decides_nothing():
    assert default_tolerances().gated([Quantity("scar", "mcc")], "lge") == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (RULE.replace("absolute", "absolut"), r"toml, line 1: tolerance\.1\.absolute is missing"),
        (RULE + "absolut = 1\n", r"toml, line 7: there is no key tolerance\.1\.absolut"),
        (RULE + RULE + "x = 1", r"line 13: there is no key tolerance\.2\.x"),
        (RULE.replace("0.1", "-1.0"), r"line 3: tolerance\.1\.absolute: .*found -1\.0"),
        (RULE.replace("0.1", "nan"), r"line 3: tolerance\.1\.absolute"),
        (RULE.replace("because this is a test", ""), r"line 6: tolerance\.1\.reason"),
        (RULE.replace('reason = "because this is a test"\n', ""), r"tolerance\.1\.reason is miss"),
        (RULE + "gated = true\n", r"gated = true needs a region"),
        ("[seeds]\nalpha = 0.1\n", r"line 1: seeds\.reason is missing"),
        ("[nonsense]\nx = 1\n", r"line 1: there is no key nonsense"),
        ("tolerance = 3", r"line 1: tolerance"),
        ("metric = ", "is no TOML"),
    ],
)
def test_a_mistake_names_the_file_the_line_and_the_key(written, text, told):
    with pytest.raises(DataError, match=told):
        read_tolerances(written(text))


def test_a_missing_binary_or_huge_file_is_refused(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="Cannot read"):
        read_tolerances(tmp_path / "none.toml")
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="no TOML"):
        read_tolerances(path)
    monkeypatch.setattr("benchmark.drift.tolerances._MAX_BYTES", 2)
    with pytest.raises(DataError, match="larger than"):
        read_tolerances(path)


def test_the_tolerances_of_this_repository_are_right():
    path = Path(__file__).parents[1] / "leaderboards" / "tolerances.toml"
    assert read_tolerances(path).rule(Quantity("myocardium", "dice"), "lge") is not None
