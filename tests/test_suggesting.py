"""Where a search looks next, and which parameters mattered, against functions that are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.importance import importance
from benchmark.ranges import Range
from benchmark.suggesting import random_trials, suggest
from benchmark.trials import Trial, best_of
from benchmark.tuning_figures import draw_history, draw_importance

SPACE = {
    "rate": Range(1e-5, 1e-1, log=True),
    "share": Range(0.0, 0.6),
    "weight": Range(0.1, 10.0, log=True),
    "decay": Range(1e-7, 1e-3, log=True),
}


def known(parameters: dict[str, Any]) -> float:
    """Best, 0.8, at rate 1e-3, share 0.3, weight 1; ``decay`` has no part in it."""
    rate, weight = math.log10(parameters["rate"]), math.log10(parameters["weight"])
    return 0.8 - 0.2 * (rate + 3) ** 2 - (parameters["share"] - 0.3) ** 2 - 0.02 * weight**2


def searched(n: int, seed: int, function: Callable[[dict[str, Any]], float] = known) -> list[Trial]:
    trials: list[Trial] = []
    for number in range(1, n + 1):
        parameters, source = suggest(SPACE, trials, True, seed, number)
        trials.append(done(number, parameters, function(parameters), source))
    return trials


def done(
    number: int, parameters: dict[str, Any], value: float | None, source: Any = "model"
) -> Trial:
    state: Any = "failed" if value is None else "done"
    return Trial(number=number, state=state, source=source, parameters=parameters, value=value)


def test_the_process_finds_a_known_optimum_and_beats_its_random_start() -> None:
    for seed in (0, 1):
        trials = searched(18, seed)
        start = random_trials(SPACE)
        assert [t.source for t in trials] == ["random"] * start + ["model"] * (18 - start)
        values = [t.value or 0 for t in trials]
        assert max(values[start:]) > max(values[:start])
        assert max(values) > 0.79
        best = best_of(trials, True)
        assert best is not None
        assert abs(math.log10(best.parameters["rate"]) + 3) < 0.3


def test_the_lesser_is_sought_where_the_lesser_is_better() -> None:
    trials: list[Trial] = []
    for number in range(1, 15):
        parameters, source = suggest(SPACE, trials, False, 3, number)
        trials.append(done(number, parameters, -known(parameters), source))
    best = best_of(trials, False)
    assert best is not None
    assert best.value == min(t.value for t in trials if t.value is not None)
    assert best.value < -0.78


def test_a_suggestion_follows_from_seed_number_and_trials_alone() -> None:
    trials = searched(12, 0)
    again = [suggest(SPACE, trials[:k], True, 0, k + 1)[0] for k in (11, 3, 9, 0)]
    assert again == [trials[k].parameters for k in (11, 3, 9, 0)]
    assert suggest(SPACE, trials[:11], True, 1, 12)[0] != trials[11].parameters
    assert suggest(SPACE, trials[:2], True, 0, 4)[0] != trials[2].parameters


def test_a_failed_region_is_left_like_the_worst_one() -> None:
    # the best is in the middle of what fails: with holes the model would go there every time
    def broken(parameters: dict[str, Any]) -> float | None:
        return None if parameters["rate"] > 2e-4 else known(parameters)

    trials: list[Trial] = []
    for number in range(1, 21):
        parameters, source = suggest(SPACE, trials, True, 0, number)
        trials.append(done(number, parameters, broken(parameters), source))
    late = trials[12:]
    assert sum(t.value is None for t in late) <= len(late) // 2
    assert any(t.value is None for t in trials)


def test_trials_that_all_failed_leave_the_search_at_random() -> None:
    space = {"rate": SPACE["rate"]}
    trials = [done(k, {"rate": 10.0**-k}, None) for k in range(2, 5)]
    assert suggest(space, trials, True, 0, 5)[1] == "random"


def test_whole_numbers_and_choices_are_searched_as_what_they_are() -> None:
    space = {"n": Range(1, 9), "m": Range(1, 100, log=True), "kind": Range(choices=("a", "b"))}
    trials: list[Trial] = []
    for number in range(1, 16):
        parameters, source = suggest(space, trials, True, 0, number)
        assert isinstance(parameters["n"], int)
        assert isinstance(parameters["m"], int)
        value = -abs(parameters["n"] - 5) + (parameters["kind"] == "b")
        trials.append(done(number, parameters, value, source))
    best = best_of(trials, True)
    assert best is not None
    assert (best.parameters["n"], best.parameters["kind"]) == (5, "b")


def test_importance_finds_the_share_of_variance_that_is_known() -> None:
    # 0.2 x^2 on (-2, 2), y^2 on (-.3, .3), .02 z^2 on (-1, 1): variances .0569, .00072, .00004
    for seed in (0, 1):
        found = importance(SPACE, searched(20, seed))
        assert found is not None
        assert next(iter(found.shares)) == "rate"
        assert found.shares["rate"].total > 0.95
        assert found.shares["share"].total < 0.04
        assert found.shares["decay"].total < 0.01
        assert found.explained > 0.5
        assert found.trials == 20


def test_importance_tells_what_parameters_make_together() -> None:
    space = {"x": Range(-1.0, 1.0), "y": Range(-1.0, 1.0)}
    grid = [(x / 3, y / 3) for x in range(-3, 4) for y in range(-3, 4)]
    trials = [done(k, {"x": x, "y": y}, x * y) for k, (x, y) in enumerate(grid)]
    found = importance(space, trials)
    assert found is not None
    for name in space:  # a product: neither makes anything alone
        assert found.shares[name].alone == pytest.approx(0, abs=0.03)
        assert found.shares[name].total == pytest.approx(1, abs=0.03)


def test_importance_of_noise_explains_nothing_of_unseen_trials() -> None:
    trials = searched(20, 0, _noise)
    found = importance(SPACE, trials)
    assert found is not None
    assert found.explained < 0.3


def _noise(parameters: dict[str, Any]) -> float:
    return math.modf(1e9 * sum(parameters.values()))[0]


def test_importance_says_nothing_of_few_or_equal_values() -> None:
    trials = searched(10, 0)
    assert importance(SPACE, trials[:9]) is None
    assert importance(SPACE, trials) is not None
    assert importance(SPACE, [t.model_copy(update={"value": 0.5}) for t in trials]) is None
    failed = [t.model_copy(update={"value": None}) for t in trials[:1]]
    assert importance(SPACE, [*failed, *trials[1:]]) is None


def test_of_equal_values_the_first_is_the_best() -> None:
    trials = [done(k, {}, v) for k, v in enumerate([0.2, 0.5, None, 0.5, 0.2], 1)]
    higher, lower = best_of(trials, True), best_of(trials, False)
    assert higher is not None
    assert lower is not None
    assert (higher.number, lower.number) == (2, 1)
    assert best_of(trials[2:3], True) is None


def test_pictures_are_the_same_bytes_for_the_same_trials(tmp_path: Path) -> None:
    trials = tuple(searched(12, 0))
    trials = (*trials[:3], trials[3].model_copy(update={"value": None}), *trials[4:])
    found = importance(SPACE, trials)
    assert found is not None
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        draw_history(tmp_path / folder / "history", trials, SPACE, True, "scar dice")
        draw_importance(tmp_path / folder / "importance", found, "scar dice")
    names = ["history.png", "history.svg", "importance.png", "importance.svg"]
    assert sorted(p.name for p in (tmp_path / "one").iterdir()) == names
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    svg = (tmp_path / "one" / "history.svg").read_text()
    assert all(word in svg for word in ("rate", "share", "best so far", "failed", "scar dice"))
