"""A check on GitHub: annotations of the workflow's page, and the summary of its step."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from .verdict import Check, Outcome
from .wording import case_values, difference, harmless, sorted_findings, value, verdict

__all__ = ["commands_stopped", "on_github", "workflow_commands", "write_summary"]

#: GitHub shows ten annotations of a kind per step and drops the others in silence.
_MOST = 10
#: And refuses summaries of more than 1 MiB.
_LARGEST = 1_000_000


def on_github(environment: Mapping[str, str]) -> bool:
    """Whether a GitHub workflow runs this."""
    return environment.get("GITHUB_ACTIONS") == "true"


def workflow_commands(checks: Sequence[Check]) -> list[str]:
    """Workflow commands: an error per finding that failed, one line of what improved."""
    failed = [
        (check, finding)
        for check in checks
        for finding in sorted_findings(check.findings)
        if finding.gated and finding.outcome.failed
        and (finding.outcome is not Outcome.NOT_MEASURED or check.outcome is finding.outcome)
    ]  # fmt: skip
    lines = []
    room = _MOST if len(failed) <= _MOST else _MOST - 1
    for check, finding in failed[:room]:
        text = harmless(finding.reason or finding.outcome.replace("_", " "))
        text += (
            f"\nthen {value(finding.then)}, now {value(finding.now)} "
            f"({difference(finding.difference)}), {finding.n_cases} cases"
        )
        for change in finding.worst[:3]:
            _, case, status, then, now = case_values(change)
            text += f"\n{case}: {then} -> {now} ({status})"
        title = f"{check.method} on {check.dataset}: {finding.name}"
        lines.append(_command("error", title, text, check.entry))
    if len(failed) > room:
        more = f"{len(failed) - room} more findings failed; the step's summary lists them."
        lines.append(_command("error", "bench check", more))
    if not failed and (not checks or any(check.outcome.failed for check in checks)):
        lines.append(_command("error", "bench check", verdict(checks)))
    better = [check for check in checks if check.outcome is Outcome.BETTER]
    for check in better[:_MOST]:
        told = f"{verdict([check])}. 'bench accept' makes it the new baseline."
        lines.append(_command("notice", f"{check.method} on {check.dataset}", told, check.entry))
    return lines


def _command(kind: str, title: str, message: str, file: Path | None = None) -> str:
    title = harmless(title)
    where = (
        f"file={_property(harmless(file.as_posix()))}," if file and not file.is_absolute() else ""
    )
    return f"::{kind} {where}title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """What stands for the characters that end or begin a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


@contextmanager
def commands_stopped(stream: TextIO) -> Iterator[None]:
    """While this lasts GitHub takes no line for a command: names and logs are a stranger's."""
    token = secrets.token_hex(16)
    stream.write(f"::stop-commands::{token}\n")
    stream.flush()
    try:
        yield
    finally:
        stream.write(f"::{token}::\n")
        stream.flush()


def write_summary(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Add ``text`` to the step's summary, if there is one.

    Returns:
        Why it could not be written; empty if it was, or if there is none to write to. A verdict
        must not be lost because its summary is.
    """
    path = environment.get("GITHUB_STEP_SUMMARY", "")
    if not path:
        return ""
    content = text.encode("utf-8", errors="replace")
    if len(content) > _LARGEST:
        content = content[:_LARGEST].decode("utf-8", errors="ignore").encode()
        content += b"\n\nThe rest did not fit.\n"
    try:
        with Path(path).open("ab") as file:
            file.write(content + b"\n")
    except OSError as error:
        return f"The step's summary {path} cannot be written: {error.strerror or error}."
    return ""
