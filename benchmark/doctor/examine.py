"""Ask a peer every question about every pair, and say which definition it answers."""

from __future__ import annotations

import math
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from .conformance import DEFINITIONS, DISTANCES, Case, Definition, conformance
from .peers import Peer, Question

__all__ = ["Answer", "Finding", "PeerReport", "examine_peer"]

#: A peer in double precision is this near where it means the same, in single precision
#: so near, as a share of the value.
EXACT, SINGLE = 1e-9, 2e-6
_BORDER = "voxel_border_3d_conn1"
_EMPTY = {
    "both_empty": "both masks empty",
    "pred_empty": "prediction empty",
    "ref_empty": "reference empty",
}


@dataclass(frozen=True)
class Answer:
    """What a peer said of one pair.

    Attributes:
        case: The pair's name.
        theirs: The number, NaN and infinities included; None where it raised.
        right: The answer in our definition; None where it is undefined.
        raised: The exception, as text; empty if there was none.
        agrees: Whether the two are the same; NaN is the same as undefined.
    """

    case: str
    theirs: float | None
    right: float | None
    raised: str
    agrees: bool

    @property
    def difference(self) -> float | None:
        """Theirs minus right; None unless both are finite."""
        if self.theirs is None or self.right is None or not math.isfinite(self.theirs):
            return None
        return self.theirs - self.right


@dataclass(frozen=True)
class Finding:
    """One function of a peer over all pairs.

    Attributes:
        question: What was asked.
        answers: One per pair.
        means: The definition that it meets in every pair that has one, in words; empty if none.
        why: Reasons for every difference, from that definition and from what empty masks give.
    """

    question: Question
    answers: tuple[Answer, ...]
    means: str
    why: tuple[str, ...]

    @property
    def agreeing(self) -> int:
        """Pairs on which it says what we say."""
        return sum(a.agrees for a in self.answers)

    @property
    def raising(self) -> int:
        """Pairs on which it raises."""
        return sum(bool(a.raised) for a in self.answers)

    @property
    def worst(self) -> Answer | None:
        """The pair with the greatest finite difference, if it disagrees on one."""
        wrong = [a for a in self.answers if not a.agrees and a.difference is not None]
        return max(wrong, key=lambda a: abs(a.difference or 0.0), default=None)


@dataclass(frozen=True)
class PeerReport:
    """What became of a peer: ``absent``, ``broken`` (its import raises) or asked."""

    name: str
    status: Literal["asked", "absent", "broken"]
    version: str = ""
    message: str = ""
    findings: tuple[Finding, ...] = ()


def examine_peer(peer: Peer, load: Callable[[str], object] = import_module) -> PeerReport:
    """Ask a peer about every pair; one that is not installed is absent, never an error.

    Args:
        peer: The package.
        load: Imports a module by its name.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it warns about is in its answers
        try:
            module = load(peer.module)
        except ModuleNotFoundError as error:
            top = peer.module.partition(".")[0]
            if error.name in (None, top):
                return PeerReport(peer.name, "absent")
            return PeerReport(peer.name, "broken", message=f"it needs {error.name}")
        # A package that is installed may fail to load in any way at all; the others still count.
        except Exception as error:
            return PeerReport(peer.name, "broken", message=_said(error))
        asked = [(case, peer.ask(module, case)) for case in conformance()]
        findings = tuple(
            _finding(question, [(case, functions[question.name]) for case, functions in asked])
            for question in peer.questions
        )
    return PeerReport(peer.name, "asked", _version(peer), peer.notes, findings)


def _finding(question: Question, asked: list[tuple[Case, Callable[[], float]]]) -> Finding:
    answers = tuple(_answer(question, case, function) for case, function in asked)
    by_case: dict[str, Answer] = {a.case: a for a in answers}
    regular = [case for case, _ in asked if case.status == "ok"]
    means, why = "", []
    if all(by_case[case.name].agrees for case in regular):
        means = "ours"
    else:
        definition = _identified(question, regular, by_case)
        if definition is not None:
            means = "; ".join(filter(None, _differing(question, definition)))
        why.append(means or question.why or "no known definition")
    if question.why and means == "ours":
        why.append(f"{question.why}: not told apart by these pairs")
    why += _on_empty(answers, [case for case, _ in asked if case.status != "ok"])
    if any(_rounded(a) for a in answers):
        why.append("single precision")
    return Finding(question, answers, means, tuple(why))


def _answer(question: Question, case: Case, function: Callable[[], float]) -> Answer:
    right = _right(question, case)
    try:
        theirs = float(function())
    # What a foreign function raises is its answer.
    except Exception as error:
        return Answer(case.name, None, right, _said(error), False)
    return Answer(case.name, theirs, right, "", _same(theirs, right))


def _right(question: Question, case: Case) -> float | None:
    metric = question.metric
    if metric in ("dice", "iou"):
        value: float | None = case.answers[metric]
        return value
    if metric.startswith("nsd") and case.status in ("pred_empty", "ref_empty"):
        return 0.0
    return case.distance(_definition(metric))


def _definition(metric: str) -> Definition:
    return _BORDER, DISTANCES[metric]


def _same(theirs: float, right: float | None) -> bool:
    if right is None:
        return math.isnan(theirs)
    return abs(theirs - right) <= max(EXACT, SINGLE * abs(right))


def _rounded(answer: Answer) -> bool:
    return answer.agrees and answer.difference is not None and abs(answer.difference) > EXACT


def _identified(
    question: Question, regular: list[Case], answers: Mapping[str, Answer]
) -> Definition | None:
    """The definition that the peer meets on every pair, with the same surface if possible."""
    if question.metric in ("dice", "iou"):
        return None
    for definition in DEFINITIONS:
        known = [(answers[c.name].theirs, c.distance(definition)) for c in regular]
        if all(t is not None and r is not None and _same(t, r) for t, r in known):
            return definition
    return None


def _differing(question: Question, definition: Definition) -> Iterator[str]:
    surface, text = DEFINITIONS[definition]
    yield surface
    if text != DEFINITIONS[_definition(question.metric)][1]:
        yield text


def _on_empty(answers: tuple[Answer, ...], empty: list[Case]) -> Iterator[str]:
    """What it does where a mask is empty and there should be another answer."""
    by_case = {a.case: a for a in answers}
    told: dict[str, list[str]] = {}
    reasons: dict[str, str] = {}
    for case in empty:
        answer = by_case[case.name]
        if answer.agrees:
            continue
        kind, _, reason = answer.raised.partition(": ")
        given = f"raises {kind}" if answer.theirs is None else f"gives {answer.theirs:g}"
        what = f"{given} for {'undefined' if answer.right is None else f'{answer.right:g}'}"
        told.setdefault(what, []).append(case.status)
        reasons.setdefault(what, f" ({textwrap.shorten(reason, 70)})" if reason else "")
    for what, where in told.items():
        both = {"pred_empty", "ref_empty"}
        if both <= set(where):
            place = "a mask empty" if "both_empty" in where else "one mask empty"
        else:
            place = " or ".join(_EMPTY[status] for status in where)
        yield f"{place}: {what}{reasons[what]}"


def _said(error: Exception) -> str:
    last = (str(error).strip().splitlines() or [""])[-1]
    return f"{type(error).__name__}: {last}".rstrip(": ")


def _version(peer: Peer) -> str:
    try:
        return version(peer.name)
    except PackageNotFoundError:
        return ""
