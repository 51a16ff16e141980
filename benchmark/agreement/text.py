"""The table of agreement as Markdown, as CSV, and in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..policies import Policy
from ..text import NONE, csv_table, interval_text, markdown_cell, markdown_table, number
from .measured import READER
from .strata import ALL
from .table import CUTS, SHARES

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["agreement_csv", "agreement_markdown", "agreement_view", "explanation"]

_HEADER = ("cases", "slope (origin)", "slope", "intercept", "r", "CCC", "bias [limits]",
           "ICC(A,1)", "MAE", "nMAE %")  # fmt: skip
_CUT_HEADER = ("sensitivity %", "specificity %", "accuracy %", "PPV %", "NPV %")
_Row = Mapping[Any, Any]


def explanation(table: pd.DataFrame) -> str:
    """What the columns are, in one paragraph to stand below them.

    Args:
        table: What :func:`.table.agreement_table` made.
    """
    policies = sorted(set(table["policy"].astype(str)))
    policy = Policy(policies[0]) if len(policies) == 1 else None
    if policy is None:
        missing = f"Policies {', '.join(policies)}."
    elif policy is Policy.EXCLUDE:
        missing = "Policy exclude: cases without an answer are left out."
    else:
        missing = (
            f"Policy {policy}: an empty or missing answer counts as 0 where the feature is an "
            "amount; in detection, no answer is wrong."
        )
    return (
        "Cases: with a value on both sides/that the feature applies to. Slopes: method on "
        "reference, through the origin and with an intercept. r: Pearson. CCC: Lin's concordance. "
        "Bias: mean of method minus reference, with its 95 % limits of agreement. ICC(A,1): "
        "absolute agreement of single ratings. MAE: mean absolute error; nMAE: the same in percent "
        "of each case's reference, without cases where that is 0. In brackets behind slopes, r, "
        "CCC, ICC and proportions: 95 % intervals; with several cases of a patient, a slope's is "
        "by bootstrap of patients. Seeds are averaged within each case first. " + missing
    )


def agreement_markdown(table: pd.DataFrame, level: int = 3) -> str:
    """Every feature and kind of stratum under a heading, with its explanation at the end.

    Args:
        table: What :func:`.table.agreement_table` made.
        level: Of the headings.
    """
    out = []
    for title, header, rows, left in _tables(table):
        cells = [[markdown_cell(cell) for cell in row] for row in rows]
        out.append(
            f"{'#' * level} {markdown_cell(title)}\n\n{markdown_table(header, cells, left)}\n"
        )
    notes = [f"- {markdown_cell(text)}\n" for text in _notes(table)]
    return "".join(
        [*out, f"{markdown_cell(explanation(table))}\n", *(["\n", *notes] if notes else [])]
    )


def agreement_csv(table: pd.DataFrame) -> str:
    """The tidy table with all its columns; null is empty, numbers in full."""
    rows = table.astype(object).where(table.notna(), None)
    return csv_table([str(c) for c in table.columns], rows.itertuples(index=False))


def agreement_view(table: pd.DataFrame) -> Group:
    """The same tables for a terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    views: list[Any] = []
    for title, header, rows, left in _tables(table):
        view = Table(title=Text(title), title_justify="left")
        for i, name in enumerate(header):
            view.add_column(Text(name), justify="left" if i < left else "right")
        for row in rows:
            view.add_row(*map(Text, row))
        views += [view, Text()]
    return Group(*views, Text(explanation(table)), *(Text(f"- {note}") for note in _notes(table)))


def _tables(
    table: pd.DataFrame,
) -> Iterator[tuple[str, list[str], list[list[str]], int]]:
    """Title, header, rows and how many columns are text."""
    several = table["dataset"].nunique() > 1
    for key, rows in table.groupby(["dataset", "feature", "by"], sort=False):
        dataset, feature, by = map(str, key)
        shown = rows[(rows["n_total"] > 0).to_numpy()].to_dict("records")
        if not shown:
            continue  # nothing but notes, which are below
        unit = str(shown[0]["unit"])
        title = f"{dataset}: " * several + feature + (f" ({unit})" if unit else "")
        title += f" by {_words(by)}" * (by != ALL)
        names = ["method"] + [_words(by)] * (by != ALL)
        digits = 2 if unit else 3
        lines = [[*_named(row, by), *_line(row, digits)] for row in shown]
        yield title, [*names, *_HEADER], lines, len(names)
        for cut in CUTS.get(feature, ()):
            lines = [[*_named(row, by), *_shares(row, cut.name)] for row in shown]
            yield (
                f"{title}, {_words(cut.name)}: {cut} {unit}",
                [*names, *_CUT_HEADER],
                lines,
                len(names),
            )


def _named(row: _Row, by: str) -> list[str]:
    label = str(row["label"])
    name = f"{label} (reader)" if row["kind"] == READER else label
    return [name] if by == ALL else [name, str(row["stratum"])]


def _line(row: _Row, digits: int) -> list[str]:
    return [
        f"{row['n_defined']}/{row['n_total']}",
        _slope(row, "slope_origin"),
        _slope(row, "slope"),
        _number(row, "intercept", digits),
        _with_interval(row, "r", 3),
        _with_interval(row, "ccc", 3),
        _joined(_number(row, "bias", digits), _interval(row, "lower", "upper", digits)),
        _with_interval(row, "icc", 3),
        _number(row, "mae", digits),
        _number(row, "nmae", 1),
    ]


def _shares(row: _Row, cut: str) -> list[str]:
    cells = []
    for share in SHARES:
        name = f"{cut}_{share}"
        value, low, high = (_known(row[c]) for c in (name, f"{name}_low", f"{name}_high"))
        if value is None or low is None or high is None:
            cells.append(f"{NONE} {row[f'{name}_k']}/{row[f'{name}_n']}")
            continue
        spread = interval_text(100 * low, 100 * high, 1)
        cells.append(f"{number(100 * value, 1)} {spread} {row[f'{name}_k']}/{row[f'{name}_n']}")
    return cells


def _slope(row: _Row, name: str) -> str:
    cluster = _interval(row, f"{name}_cluster_low", f"{name}_cluster_high", 3)
    plain = _interval(row, f"{name}_low", f"{name}_high", 3)
    return _joined(_number(row, name, 3), cluster or plain)


def _with_interval(row: _Row, name: str, digits: int) -> str:
    return _joined(
        _number(row, name, digits), _interval(row, f"{name}_low", f"{name}_high", digits)
    )


def _number(row: _Row, name: str, digits: int) -> str:
    return number(_known(row[name]), digits)


def _interval(row: _Row, low: str, high: str, digits: int) -> str:
    return interval_text(_known(row[low]), _known(row[high]), digits)


def _known(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _joined(*parts: str) -> str:
    return " ".join(filter(None, parts))


def _words(name: str) -> str:
    return {"lv_tertile": "tertile of LV volume", "level": "third"}.get(
        name, name.replace("_", " ")
    )


def _notes(table: pd.DataFrame) -> list[str]:
    """What the rows say of themselves: each sentence once, with whom it is about."""
    about: dict[tuple[str, str, str], list[str]] = {}
    for row in table.to_dict("records"):
        # The tables show no ratio, so that why there is none says nothing here.
        note = "; ".join(p for p in str(row["note"]).split("; ") if not p.startswith("ratio: "))
        if note:
            where = "" if row["by"] == ALL else f", {_words(str(row['by']))} {row['stratum']}"
            key = (str(row["feature"]), where, note)
            about.setdefault(key, []).append(str(row["label"]))
    return [
        f"{feature}{where}, {_listed(labels)}: {note}."
        for (feature, where, note), labels in about.items()
    ]


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(labels))
