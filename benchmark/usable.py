"""Which cases a method can be used on: what it skips is not learnt from, and said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .contained import Contained
from .errors import BenchError, PluginError
from .plugins import Method
from .store import RunFolder

if TYPE_CHECKING:
    from .plan import Plan

__all__ = ["Usable", "untrainable", "usable_cases"]


@dataclass(frozen=True)
class Usable:
    """The cases a method learns from.

    Attributes:
        reason: Why there is no use in training; empty if there is.
        train, validation: Ids of the cases it does not skip.
        left_out: How many of these roles it skips, by reason.
        notes: The same in sentences.
    """

    reason: str
    train: Sequence[str] = ()
    validation: Sequence[str] = ()
    left_out: Mapping[str, int] | None = None
    notes: Sequence[str] = ()


def untrainable(folder: RunFolder) -> str:
    """Why nothing was trained in ``folder`` for want of usable cases; empty if something was."""
    return str(folder.marker("train").get("not_applicable", ""))


def usable_cases(plan: Plan) -> Usable:
    """What there is to learn from, and whether it is of any use.

    It is of none where the method skips every case that would be predicted, or every training case.

    Raises:
        PluginError: The method's ``skip`` raised on a case to learn from.
    """
    tested = _tested_reason(plan)
    if tested:
        return Usable(tested, notes=[f"not applicable, nothing is trained: {tested}"])
    used: dict[str, list[str]] = {}
    left_out: Counter[str] = Counter()
    notes = []
    for role in ("train", "validation"):
        ids = plan.split.ids(role)
        reasons = {i: _training_reason(plan, i) for i in ids}
        used[role] = [i for i in ids if not reasons[i]]
        skipped = Counter(why for why in reasons.values() if why)
        left_out += skipped
        if skipped:
            why = "; ".join(skipped)
            notes.append(f"{skipped.total()} of {len(ids)} {role} cases are left out: {why}")
    reason = "" if used["train"] else f"no training case can be used: {'; '.join(left_out)}"
    if reason:
        notes = [f"not applicable, nothing is trained: {reason}"]
    return Usable(reason, used["train"], used["validation"], dict(left_out), notes)


def _tested_reason(plan: Plan) -> str:
    """Why the method skips all cases that would be predicted; empty if it takes one."""
    reasons: dict[str, None] = {}
    for case_id in plan.evaluated:
        if plan.prints[case_id].error:
            continue  # an error is its own row
        try:
            why = _reason(plan, plan.method, case_id)
        except (Exception, SystemExit):
            return ""  # predicting tells of it, case by case
        if not why:
            return ""
        reasons[why] = None
    return "; ".join(reasons)


def _training_reason(plan: Plan, case_id: str) -> str:
    contained = Contained(plan.folder.path)
    try:
        return _reason(plan, plan.trainer, case_id)
    except BenchError:
        raise
    except (Exception, SystemExit) as error:
        name = plan.method_from.info.name
        raise PluginError(
            f"skip of {name!r} failed on {case_id!r}: {contained.explained('skip', error)}.",
            f"The traceback is in {contained.path}.",
        ) from error


def _reason(plan: Plan, method: Method, case_id: str) -> str:
    with Contained(plan.folder.path).printing("skip"):
        return str(method.skip(plan.dataset.load(case_id).study) or "")
