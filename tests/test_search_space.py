"""Ranges and spaces: what text says, what a field allows, what a method declares."""

from __future__ import annotations

from typing import Any

import pytest

from benchmark.errors import PluginError, UsageError
from benchmark.plan import resolve
from benchmark.plugins import Method
from benchmark.ranges import Range, parse_range
from benchmark.registry import listed
from benchmark.search_space import parse_space, search_space

#: Two parameters that it declares, and others of every kind.
REST = """
tunable = {"gain": __import__("benchmark").Range(1e-4, 1.0, log=True),
           "shift": __import__("benchmark").Range(0, 1)}
gain: float = Field(0.5, gt=0)
shift: float = Field(0.9, ge=0, le=1)
depth: int = Field(4, ge=1, le=9)
kind: __import__("typing").Literal["one", "two"] = "one"
on: bool = True
"""


@pytest.fixture
def dial(plugins: Any) -> str:
    path: str = plugins.method(rest=REST, name="dial")
    return path


@pytest.mark.parametrize(
    ("text", "low", "high", "log", "whole"),
    [
        ("1e-5:1e-2:log", 1e-5, 1e-2, True, False),
        (" 0 : 3 ", 0, 3, False, True),
        ("0:0.5", 0, 0.5, False, False),
    ],
)
def test_a_range_is_read_from_text(
    text: str, low: float, high: float, log: bool, whole: bool
) -> None:
    found = parse_range(text)
    assert (found.low, found.high, found.log, found.whole) == (low, high, log, whole)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("3", "no range"),
        ("", "no range"),
        ("1:2:lin", "no range"),
        ("1:2:log:3", "no range"),
        ("1:x", "'x' is no number"),
        ("2:1", "2 to 1 is no range"),
        ("1:1", "1 to 1 is no range"),
        ("0:1:log", "0 has no logarithm"),
        ("0:inf", "0 to inf is no range"),
        ("nan:1", "nan to 1 is no range"),
        ("a,a", "not two or more different"),
    ],
)
def test_what_is_no_range_is_refused_by_its_text(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_range(text)


def test_a_suggestion_has_digits_that_can_be_typed_and_stays_inside() -> None:
    log, linear = Range(1e-5, 1e-2, log=True), Range(0.0, 0.6)
    assert log.rounded(0.000473456789) == 0.0004735
    assert linear.rounded(0.3912345678) == 0.3912
    assert Range(1000.0, 3000.0).rounded(1234.5678) == 1235
    assert Range(0.12354, 1.0).rounded(0.12354) == 0.12354
    assert [log.position(v) for v in (1e-5, 1e-2)] == [0, 1]
    assert linear.position(0.15) == pytest.approx(0.25)
    assert 0.6 in linear
    assert 0.7 not in linear
    assert True not in linear


def space_of(dial: str, asked: dict[str, Any], changes: dict[str, str]) -> dict[str, Range]:
    cls = type(resolve("methods", dial, {}).plugin)
    assert issubclass(cls, Method)
    return search_space(cls, "dial", asked, asked, changes)


def test_the_method_says_what_is_searched_and_the_user_changes_it(dial: str) -> None:
    assert space_of(dial, {}, {}) == {
        "gain": Range(1e-4, 1.0, log=True), "shift": Range(0.0, 1.0),
    }  # fmt: skip
    found = space_of(dial, {"gain": "0.2"}, {"shift": "0:0.5", "depth": "2:8", "on": "true,false"})
    assert found == {
        "shift": Range(0.0, 0.5),
        "depth": Range(2, 8),
        "on": Range(choices=(True, False)),
    }
    # a field's type decides, not how the range was written
    assert [found["shift"].whole, found["depth"].whole] == [False, True]


@pytest.mark.parametrize(
    ("asked", "changes", "says"),
    [
        ({}, {"gian": "0:1"}, "no parameter 'gian'. Did you mean 'gain'"),
        ({}, {"shift": "0:2"}, r"--space shift=0:2: .*shift=2: Input should be less than or equal"),
        ({}, {"gain": "-1:1"}, r"gain=-1: Input should be greater than 0"),
        ({}, {"depth": "1.5:3"}, r"--space depth=1.5:3: .*depth=1.5: Input should be a valid int"),
        ({}, {"kind": "one,three"}, r"kind='three': Input should be 'one' or 'two'"),
        ({}, {"on": "0:1"}, r"'on' is no number. Write --space on=one,another"),
        ({"shift": 0.1}, {"shift": "0:1"}, "'shift' has a range and the fixed value 0.1"),
        ({"gain": 1, "shift": 1}, {}, "nothing to search in 'dial': all that it declares is fixed"),
    ],
)
def test_a_space_that_does_not_fit_is_refused_by_name(
    dial: str, asked: dict[str, Any], changes: dict[str, str], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        space_of(dial, asked, changes)


def test_a_method_without_ranges_is_refused_and_says_what_to_write(plugins: Any) -> None:
    cls: Any = type(resolve("methods", plugins.method(), {}).plugin)
    with pytest.raises(UsageError, match=r"'made': it declares none. Give ranges, --space key=low"):
        search_space(cls, "made", {}, {}, {})
    assert search_space(cls, "made", {}, {}, {"threshold": "300:700"}) == {
        "threshold": Range(300.0, 700.0)
    }


def test_a_range_that_a_method_declares_wrongly_is_the_plugins_error(plugins: Any) -> None:
    rest = 'tunable = {"threshold": __import__("benchmark").Range(-5, 5)}'
    cls: Any = type(resolve("methods", plugins.method(rest=rest), {}).plugin)
    with pytest.raises(PluginError, match=r"'made' declares as tunable .*threshold=-5"):
        search_space(cls, "made", {}, {}, {})


@pytest.mark.parametrize("items", [["a"], ["=1:2"], ["a=1:2", "a=2:3"], ["a b=1:2"]])
def test_what_is_no_item_of_a_space_is_refused(items: list[str]) -> None:
    with pytest.raises(UsageError, match=r"no range|given twice"):
        parse_space(items)


PAPER = {"learning_rate": 4.73e-4, "dropout": 0.39, "weight_decay": 5.58e-6}


@pytest.mark.parametrize("name", ["jdl", "mtl", "two_step", "direct"])
@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_the_ranges_of_xing2023_hold_its_optimum_and_every_profile(name: str, profile: str) -> None:
    paper = PAPER | ({"myocardium_weight": 1.02} if name in ("jdl", "mtl") else {})
    plugin = resolve("methods", name, {}, profile).plugin
    assert isinstance(plugin, Method)
    space = search_space(type(plugin), name, type(plugin).profiles[profile], {}, {})
    assert set(space) == set(paper)
    for key, one in space.items():
        assert 0.05 < one.position(paper[key]) < 0.95
        assert getattr(plugin, key) in one


def test_what_every_method_declares_as_tunable_fits_its_fields() -> None:
    for name in listed("methods"):
        plugin = resolve("methods", name, {}).plugin
        assert isinstance(plugin, Method)
        if plugin.tunable:
            assert set(search_space(type(plugin), name, {}, {}, {})) == set(plugin.tunable)
