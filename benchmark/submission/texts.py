"""``METHOD.md`` and ``PULL_REQUEST.md``: for people, from what is typed and measured elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..leaderboard import leaderboard
from ..results import Run
from ..text import NONE, markdown_cell, markdown_table, number
from .card import Card, is_address, open_fields
from .layout import CARD, CARD_TEXT, ENTRY, MANIFEST
from .manifest import Manifest

__all__ = ["card_markdown", "pull_request"]

#: Roles whose cases are tested on.
_ROLES = ("test", "external")
#: Of a list of ids, in a text for people.
_SHOWN = 12


def card_markdown(card: Card) -> str:
    """The method card, as a page.

    What the authors wrote stands as text: it cannot become markup, and nothing in it is a link but
    a plain web address.
    """
    method = card.method
    lines = [
        f"# {markdown_cell(method.name)}",
        "",
        f"Written from `{CARD}` by `bench submit`: change that, not this.",
        "",
    ]
    if method.summary:
        lines += [markdown_cell(method.summary), ""]
    lines += [*_paragraphs(method.description), *_facts(card), *_parameters(card)]
    lines += [*_training(card), *_costs(card), *_open(card)]
    return "\n".join(lines).rstrip() + "\n"


def _paragraphs(text: str) -> list[str]:
    found = []
    for part in text.split("\n\n"):
        # A line of `---` or `1.` would be markup at its beginning alone.
        shown = markdown_cell(part).lstrip("#-+=~ ")
        if shown:
            found += [shown, ""]
    return found


def _facts(card: Card) -> list[str]:
    method = card.method
    rows = [
        ("Authors", markdown_cell(", ".join(method.authors))),
        ("Contact", markdown_cell(method.contact)),
        ("Code", _address(method.code)),
        ("Licence", markdown_cell(method.licence)),
        ("Paper", _address(method.paper)),
    ]
    return [*_table(("", ""), [(k, v or NONE) for k, v in rows]), ""]


def _address(text: str) -> str:
    return f"<{text}>" if is_address(text) else markdown_cell(text)


def _parameters(card: Card) -> list[str]:
    if not card.parameters:
        return []
    rows = [
        (markdown_cell(k), markdown_cell(json.dumps(v))) for k, v in sorted(card.parameters.items())
    ]
    return ["## Parameters", "", *_table(("parameter", "value"), rows), ""]


def _training(card: Card) -> list[str]:
    training = card.training
    lines = ["## What it learnt from", ""]
    rows = [
        (markdown_cell(d.dataset), markdown_cell(d.used_for), str(len(d.cases)) or NONE,
         str(len(d.patients)), markdown_cell(_listed(d.cases or d.patients)))
        for d in training.data
    ]  # fmt: skip
    if rows:
        lines += _table(("data set", "used for", "cases", "patients", "ids"), rows)
    else:
        lines.append("No training data are declared.")
    lines.append("")
    if training.pretrained:
        told = [
            (markdown_cell(w.weights), _address(w.source) or NONE,
             markdown_cell(", ".join(w.trained_on)) or "**not said**")
            for w in training.pretrained
        ]  # fmt: skip
        lines += [*_table(("pretrained weights", "from", "trained on"), told), ""]
    said = "say" if training.everything_is_listed else "do **not** say"
    return [*lines, f"The authors {said} that this is all.", ""]


def _listed(ids: Sequence[str]) -> str:
    more = f", ... ({len(ids) - _SHOWN} more)" if len(ids) > _SHOWN else ""
    return ", ".join(ids[:_SHOWN]) + more


def _costs(card: Card) -> list[str]:
    cost, hardware = card.cost, card.hardware
    rows = [
        ("Device", markdown_cell(hardware.device) or NONE),
        ("Machine", markdown_cell(hardware.machine) or NONE),
        ("Threads", str(hardware.threads or NONE)),
        ("Training, seconds a run", number(cost.training_seconds, 1)),
        ("Prediction, seconds a case", number(cost.seconds_per_case)),
        ("Peak memory, MB", number(cost.peak_memory_mb, 0)),
        ("Trainable parameters", f"{cost.parameters:,}" if cost.parameters else NONE),
    ]
    return ["## Hardware and cost", "", *_table(("", ""), rows), ""]


def _open(card: Card) -> list[str]:
    missing = open_fields(card)
    if not missing:
        return []
    rows = [f"- `{place}`: {markdown_cell(told)}" for place, told in missing.items()]
    return ["## Not said yet", "", *rows, ""]


def pull_request(runs: Sequence[Run], manifest: Manifest, card: Card, entry_hash: str) -> str:
    """The text of a pull request, ready to be pasted: scores, hashes, and how to verify them."""
    data, name = manifest.dataset, markdown_cell(manifest.method)
    board = leaderboard(list(runs), roles=_ROLES)
    heads = ["quantity", "mean", "95 % interval", "cases"]
    rows = []
    for column, unit, cell in zip(board.columns, board.units, board.rows[0].cells, strict=True):
        low, high = (number(v) if v is not None else NONE for v in (cell.low, cell.high))
        rows.append((markdown_cell(f"{column}" + (f" ({unit})" if unit else "")),
                     number(cell.mean), f"{low} to {high}", f"{cell.n_total}"))  # fmt: skip
    seeds = sorted({run.seed for run in manifest.runs})
    folds = {run.fold for run in manifest.runs} - {None}
    predicted = sum(run.predictions for run in manifest.runs)
    missing = open_fields(card)
    root = " --data-root DATA" if "data_root" in runs[0].record.dataset.parameters else ""
    lines = [
        f"# {name} on {markdown_cell(data.title or data.name)}",
        "",
        markdown_cell(card.method.summary),
        "",
        f"Seeds {', '.join(map(str, seeds))}"
        + (f", {len(folds)} folds" if folds else "")
        + f"; {board.n_cases} cases of {board.n_patients} patients; values that are undefined count"
        " as the worst.",
        "",
        *_table(heads, rows),
        "",
        "## How to verify",
        "",
        f"With the data set `{markdown_cell(data.name)}` on your machine:",
        "",
        "```sh",
        f"bench verify FOLDER{root}",
        f"bench verify FOLDER{root} --accept --leaderboards leaderboards  # takes what it measured",
        "```",
        "",
        f"It re-scores {predicted:,} predictions and compares every number with the submitted one."
        if predicted
        else "There are no predictions in it, so nobody can re-score it.",
        "",
        *_table(
            ("what", "SHA-256"),
            [
                (f"`{ENTRY}`", f"`{entry_hash}`"),
                *((f"data, seed {r.seed}" + ("" if r.fold is None else f", fold {r.fold}"),
                   f"`{markdown_cell(print_)}`")
                  for r, print_ in zip(manifest.runs, data.fingerprint, strict=True)),
            ],
        ),
        "",
        f"Every file's hash is in `{MANIFEST}`; the method is described in `{CARD_TEXT}`.",
        "",
    ]  # fmt: skip
    if missing:
        lines += ["## Still open", "", f"To be said in `{CARD}`:", ""]
        lines += [f"- [ ] `{place}`: {markdown_cell(told)}" for place, told in missing.items()]
    return "\n".join(lines).rstrip() + "\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return markdown_table(header, rows, left=len(header)).splitlines()
