"""``bench doctor``: whether what is installed here measures right."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError, near_misses
from ._shared import columns, echo_json, line
from .leaking import leakage_command

if TYPE_CHECKING:
    from ..doctor import EngineReport, Finding, PeerReport

__all__ = ["doctor_app"]

WRONG = 1

doctor_app = typer.Typer(help="Find out whether what is installed here measures right.",
                         no_args_is_help=True)  # fmt: skip
doctor_app.command("leakage")(leakage_command)


@doctor_app.command("metrics")
def doctor_metrics(
    peers: Annotated[
        list[str] | None,
        typer.Option("--peer", help="Ask only these packages; repeatable; 'none' asks none."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Compare our metrics, and other packages', with pairs whose answers are known.

    Exit code 1 if one of OUR values is not the answer; other packages may differ, and it is said
    how and why.
    """
    from ..doctor import PEERS, examine_engine, examine_peer

    known = {p.name.lower(): p for p in PEERS}
    for name in peers or ():
        if name.lower() not in (*known, "none"):
            names = [*(p.name for p in PEERS), "none"]
            raise UsageError(f"There is no peer {name!r} to ask.", near_misses(name, names))
    wanted = [p.lower() for p in peers] if peers else list(known)
    engine = examine_engine()
    reports = [examine_peer(p) for name, p in known.items() if name in wanted]
    if as_json:
        echo_json(_plain({"engine": _engine_facts(engine), "peers": [*map(_peer_facts, reports)]}))
    else:
        _print(engine, reports)
    if not engine.right:
        raise typer.Exit(WRONG)


def _engine_facts(engine: EngineReport) -> dict[str, Any]:
    return {**asdict(engine), "right": engine.right}


def _peer_facts(report: PeerReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "status": report.status,
        "version": report.version,
        "message": report.message,
        "metrics": [_finding_facts(f, report) for f in report.findings],
    }


def _finding_facts(finding: Finding, report: PeerReport) -> dict[str, Any]:
    return {
        "function": finding.question.name,
        "taken_for": finding.question.metric,
        "pairs": len(finding.answers),
        "agree": finding.agreeing,
        "raise": finding.raising,
        "means": finding.means,
        "why": list(finding.why),
        "worst": None if finding.worst is None else asdict(finding.worst),
        "answers": [asdict(a) for a in finding.answers],
    }


def _plain(content: Any) -> Any:
    """NaN and infinities as text: JSON has none."""
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return str(content)
    return content


def _print(engine: EngineReport, reports: list[PeerReport]) -> None:
    met = engine.answers - len(engine.wrong)
    line(f"scarbench: {met} of {engine.answers} answers met on {engine.cases} pairs of masks\n")
    if engine.wrong:
        rows = [(w.case, w.metric, w.dim or "-", _number(w.ours), _number(w.right))
                for w in engine.wrong]  # fmt: skip
        columns("OURS IS WRONG", ("pair", "metric", "dim", "ours", "right"), rows)
    for report in reports:
        if report.status != "asked":
            what = "not installed" if report.status == "absent" else f"broken: {report.message}"
            line(f"{report.name}: {what}\n")
            continue
        columns(
            f"{report.name} {report.version}".strip(),
            ("function", "taken for", "agrees", "raises", "greatest difference", "why"),
            [_row(finding) for finding in report.findings],
        )
        line(f"note: {report.message}\n" if report.message else "")


def _row(finding: Finding) -> tuple[str, ...]:
    worst = finding.worst
    difference = "-"
    if worst is not None:
        difference = f"{_number(worst.theirs)} for {_number(worst.right)} ({worst.case})"
    return (
        finding.question.name,
        finding.question.metric,
        f"{finding.agreeing}/{len(finding.answers)}",
        str(finding.raising),
        difference,
        ". ".join(finding.why) or "same definition",
    )


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.6g}"
