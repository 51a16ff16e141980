"""One experiment as sections of text: for the terminal, as Markdown, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .averages import Cell
from .board_sections import Section, count
from .feature_agreement import (
    agreement_cells,
    agreement_header,
    agreement_notes,
    agreement_sentence,
)
from .metrics.definition import STATUSES
from .shown import Shown
from .text import interval_text, markdown_cell, markdown_table, number

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["as_json", "shown_markdown", "shown_sections", "shown_view"]

_STAGES = ("train", "predict", "score")
#: In the order of what happens to their cases.
_ROLES = "train validation test external"


def shown_sections(shown: Shown) -> Iterator[Section]:
    """What there is to say, section by section."""
    yield Section("What it is", "", ("", ""), tuple(_identity(shown)), left=2)
    asked = tuple(_parameters(shown))
    if asked:
        yield Section("Parameters", "", ("parameter", "value", "given by"), asked, left=3)
    if not shown.scores_only:
        yield Section("What it took", _costs_sentence(shown), _COSTS, tuple(_costs(shown)), left=2)
    yield _means(shown)
    if shown.worst or shown.cells[0].mean is None:  # else nobody asked for any
        yield _worst(shown)
    if shown.agreement:
        said = agreement_sentence(shown.policy)
        head = tuple(title for title in agreement_header() if title != "method")
        lines = [agreement_cells(row) for row in shown.agreement]
        rows = tuple((line[0], *line[2:]) for line in lines)
        notes = agreement_notes(shown.agreement)
        yield Section("Clinical features", said, head, rows, notes=notes)
    if shown.failures:
        rows = tuple((case, str(seed), status, why) for case, seed, status, why in shown.failures)
        yield Section(
            "Skipped, failed and excluded",
            f"{count(len(rows), 'case')} and seed without a usable answer. Skipped and excluded "
            "cases are in no mean; a failure counts as the policy says.",
            ("case", "seed", "status", "why"),
            rows,
            left=4,
        )
    else:
        yield Section("Skipped, failed and excluded", "None.", (), ())


_COSTS = ("seed", "stage", "seconds", "cases", "failed", "memory (MB)", "GPU memory (MB)", "key")


def _identity(shown: Shown) -> Iterator[tuple[str, str]]:
    record = shown.runs[0].record
    yield "from", ", ".join(dict.fromkeys(str(run.source) for run in shown.runs))
    if shown.scores_only:
        yield "method", "not recorded: a folder of scores"
        return
    method, data = record.method, record.dataset
    yield "runs", ", ".join(run.name for run in shown.runs)
    yield "method", f"{shown.label}{_version(method.distribution, method.version)}"
    if method.summary:
        yield "does", method.summary
    yield "profile", method.profile
    yield "inputs", ", ".join(method.needs) or "not recorded"
    yield "segments", ", ".join(map(str, record.produces))
    yield "data set", f"{data.title or data.name} ({data.name})" + ", SYNTHETIC" * data.synthetic
    yield "licence", data.licence or "not stated"
    yield (
        "data fingerprint",
        " ".join(dict.fromkeys(run.record.dataset.fingerprint[:16] for run in shown.runs))
        or "not recorded",
    )
    yield "seeds", ", ".join(dict.fromkeys(str(run.record.seed) for run in shown.runs))
    if record.folds:
        yield "folds", f"{', '.join(str(run.record.fold) for run in shown.runs)} of {record.folds}"
    roles = sorted(record.split, key=lambda role: (role not in _ROLES, _ROLES.find(role), role))
    sizes = ", ".join(f"{len(record.split[role])} {role}" for role in roles)
    yield "split", f"{record.split_source}: {sizes or 'no case'}"
    yield "experiment", record.group
    if record.parameter_count is not None:
        yield "network", f"{record.parameter_count:,} parameters"
    yield from _provenance(record.provenance)


def _provenance(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    git = facts.get("git") or {}
    if isinstance(git, Mapping) and git.get("commit"):
        yield (
            "code",
            f"commit {str(git['commit'])[:12]}" + ", changed since" * bool(git.get("dirty")),
        )
    for name in ("python", "platform", "machine", "device", "threads"):
        if facts.get(name) is not None:
            yield name, str(facts[name])
    versions = facts.get("versions")
    if isinstance(versions, Mapping):
        yield "versions", ", ".join(f"{k} {v}" for k, v in sorted(versions.items()))


def _version(distribution: str, version: str) -> str:
    text = f"{distribution} {version}".strip()
    return f" (from {text})" if text else ""


def _parameters(shown: Shown) -> Iterator[tuple[str, str, str]]:
    method = shown.runs[0].record.method
    for name, value in sorted(method.parameters.items(), key=lambda p: (p[0] not in method.asked,
                                                                        p[0])):  # fmt: skip
        given = "the user" if name in method.asked else f"profile {method.profile} or its default"
        yield name, str(value), given


def _costs_sentence(shown: Shown) -> str:
    totals = shown.runs[0].record.totals
    told = []
    if isinstance(totals.get("train_seconds_per_epoch"), int | float):
        told.append(f"{number(totals['train_seconds_per_epoch'], 2)} s an epoch")
    if isinstance(totals.get("predict_seconds_per_slice"), int | float):
        told.append(f"{number(1000 * totals['predict_seconds_per_slice'], 1)} ms a slice")
    first = f", seed {shown.runs[0].record.seed}: " if len(shown.runs) > 1 else ": "
    return f"On the machine of its run{first}{', '.join(told)}." if told else ""


def _costs(shown: Shown) -> Iterator[tuple[str, ...]]:
    for run in shown.runs:
        for stage in _STAGES:
            facts = run.record.stages.get(stage)
            if not facts:
                continue
            yield (
                str(run.record.seed),
                stage + " (resumed)" * bool(facts.get("resumed")),
                _fact(facts.get("seconds"), 1),
                _fact(facts.get("cases"), 0),
                _fact(facts.get("failed"), 0),
                _fact(facts.get("peak_memory_mb"), 0),
                _fact(facts.get("device_memory_mb"), 0),
                str(facts.get("key") or "")[:12],
            )


def _fact(value: Any, digits: int) -> str:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return number(float(value) if plain else None, digits)


def _means(shown: Shown) -> Section:
    rows = []
    for column, unit, cell, counted in zip(
        shown.columns, shown.units, shown.cells, shown.statuses, strict=True
    ):
        statuses = ", ".join(f"{counted[s]} {s}" for s in STATUSES if counted.get(s))
        name = f"{column}" + (f", {unit}" if unit else "")
        rows.append((name, *_cell(cell, 2 if unit else 3), statuses or "none"))
    return Section(
        "Means",
        f"{count(shown.n_cases, 'case')} of {count(shown.n_patients, 'patient')}, role "
        f"{' + '.join(shown.roles)}. Mean over cases, 95 % bootstrap interval over patients, "
        "cases with a value/cases; seeds are averaged within each case. Statuses count every case "
        f"and seed. Undefined values, policy {shown.policy}: {shown.policy.sentence}.",
        ("quantity", "mean", "95 % interval", "cases", "statuses"),
        tuple(rows),
    )


def _cell(cell: Cell, digits: int) -> tuple[str, str, str]:
    if not cell.n_total:
        return "n/a", "", "0/0"
    counts = f"{cell.n_defined}/{cell.n_total}"
    spread = interval_text(cell.low, cell.high, digits)
    return number(cell.mean, digits), spread or "not estimated", counts


def _worst(shown: Shown) -> Section:
    digits = 2 if shown.units[0] else 3
    return Section(
        "Worst cases",
        f"By {shown.columns[0]} under {shown.policy}; cases without a value are not among them."
        if shown.worst
        else f"No case has a value of {shown.columns[0]}.",
        ("case", "patient", "about", "value", "statuses") if shown.worst else (),
        tuple(
            (one.case, one.patient, one.about, number(one.value, digits), ", ".join(one.statuses))
            for one in shown.worst
        ),
        left=3,
    )


def shown_markdown(shown: Shown) -> str:
    """The whole as GitHub-flavoured Markdown."""
    out = [f"# {markdown_cell(_title(shown))}\n"]
    for section in shown_sections(shown):
        out.append(f"\n## {section.title}\n\n")
        if section.sentence:
            out.append(f"{markdown_cell(section.sentence)}\n\n")
        if section.header:
            # Names are a stranger's; the rest is numbers, whose brackets stay as they are.
            lines = [
                [*map(markdown_cell, line[: section.left]), *line[section.left :]]
                for line in section.rows
            ]
            out.append(markdown_table(section.header, lines, left=section.left))
        out += ["\n" * bool(section.notes), *(f"* {markdown_cell(n)}\n" for n in section.notes)]
    return "".join(out)


def _title(shown: Shown) -> str:
    if shown.scores_only:
        return f"Scores in {shown.runs[0].name}"
    return f"{shown.label} on {shown.runs[0].dataset}"


def shown_view(shown: Shown) -> Group:
    """The whole for a terminal; print it with a ``rich.console.Console``."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[Table | Text] = [Text(_title(shown), style="bold")]
    for section in shown_sections(shown):
        parts.append(Text(""))
        if not section.header:
            parts.append(Text(f"{section.title}: {section.sentence}"))
            continue
        named = any(section.header)
        view = Table(title=section.title, title_justify="left", title_style="bold",
                     show_header=named, box=None, pad_edge=False)  # fmt: skip
        for k, name in enumerate(section.header):
            view.add_column(name, justify="left" if k < section.left else "right", overflow="fold")
        for line in section.rows:
            view.add_row(*map(Text, line))
        parts.append(view)
        if section.sentence:
            parts.append(Text(section.sentence, style="dim"))
        parts += [Text(note, style="dim") for note in section.notes]
    return Group(*parts)


def as_json(shown: Shown) -> dict[str, Any]:
    """The whole as one JSON document: numbers in full, null where there is none."""
    columns = zip(shown.columns, shown.units, shown.cells, shown.statuses, strict=True)
    return {
        "label": shown.label,
        "dataset": shown.runs[0].dataset,
        "runs": [
            {
                "name": run.name,
                "source": str(run.source),
                "record": None if shown.scores_only else run.record.model_dump(mode="json"),
            }
            for run in shown.runs
        ],
        "policy": shown.policy.value,
        "roles": list(shown.roles),
        "n_cases": shown.n_cases,
        "n_patients": shown.n_patients,
        "means": [
            {**asdict(column), "unit": unit, **asdict(cell), "statuses": dict(counted)}
            for column, unit, cell, counted in columns
        ],
        "worst": [asdict(one) for one in shown.worst],
        "agreement": [asdict(one) for one in shown.agreement],
        "failures": [
            {"case": case, "seed": seed, "status": status, "why": why}
            for case, seed, status, why in shown.failures
        ],
    }
