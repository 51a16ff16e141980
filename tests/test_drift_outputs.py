"""What a check looks like: text, Markdown, JUnit, JSON and GitHub, whatever the names hold."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.drift.as_json import as_json
from benchmark.drift.github import (
    commands_stopped,
    on_github,
    workflow_commands,
    write_summary,
)
from benchmark.drift.junit import junit, xml_text
from benchmark.drift.markdown import MOST_BYTES, cell, markdown
from benchmark.drift.text import aligned, text
from benchmark.drift.verdict import CaseChange, Check, Finding, Outcome, Then
from benchmark.drift.wording import (
    bounds,
    difference,
    exit_code,
    outcome,
    shown_cases,
    shown_findings,
    value,
    verdict,
)
from benchmark.table import Quantity

DICE = Quantity("scar", "dice")
WORST = CaseChange("S010", "scar", "dice", None, 0.56, None, "ok", "pred_empty", "status")
LOST = Finding(
    "method", DICE, Outcome.REGRESSION, then=0.52, now=0.44, difference=-0.08, low=-0.12,
    high=-0.04, margin=0.01, tolerance=0.005, n_cases=25, reason="Worse by 0.08.", worst=(WORST,),
)  # fmt: skip
SAME = Finding("engine", None, Outcome.SAME, n_cases=36, subject="all values")
FACTS = {
    "data": Then("c" * 64, "c" * 64),
    "code": Then("a" * 64, "b" * 64),
    "threads": Then(2, 2),
}
CHECK = Check("jdl", "lge", Path("leaderboards/lge/jdl.json"), (SAME, LOST), FACTS)
NASTY = "a\x00\x1b[31m|`<b>@octocat #12 https://x.y\n::error::z ]]> & \ud800 \u2028 %0A,:"


def only(result: Outcome, **more: object) -> Check:
    return replace(CHECK, findings=(replace(SAME, outcome=result, **more),))


# --- verdicts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ((), 3),
        (("same",), 0),
        (("equal", "better"), 0),
        (("same", "regression"), 1),
        (("same", "changed"), 1),
        (("same", "not_measured"), 3),
        (("regression", "not_measured"), 1),
        (("not_measured",), 3),
    ],
)
def test_the_exit_code_is_0_only_where_everything_was_measured_and_passed(outcomes, code):
    assert exit_code([only(Outcome(name)) for name in outcomes]) == code


def test_the_verdict_names_what_failed():
    assert verdict([CHECK]) == "REGRESSION: jdl on lge: 1 of 2 compared: scar dice"
    assert verdict([only(Outcome.SAME)]) == (
        "the same to the last bit: jdl on lge, 1 compared on 36 cases"
    )
    both = [CHECK, replace(only(Outcome.SAME), method="mtl")]
    assert verdict(both) == "REGRESSION: 1 of 2 checks: jdl on lge (regression)"
    assert verdict([]) == "NOTHING MEASURED: there was nothing to compare with"
    many = [replace(only(Outcome.EQUAL), method=f"m{i}") for i in range(6)]
    assert verdict(many) == (
        "no regression: 6 checks (m0 on lge, m1 on lge, m2 on lge, m3 on lge and 2 more)"
    )


@pytest.mark.parametrize(
    ("number", "shown", "signed"),
    [
        (None, "–", "–"),  # noqa: RUF001
        (float("nan"), "–", "–"),  # noqa: RUF001
        (float("inf"), "–", "–"),  # noqa: RUF001
        (0.0, "0.0000", "0"),
        (0.66274, "0.6627", "+0.6627"),
        (-3e-9, "-3e-09", "-3e-09"),
        (-0.0721, "-0.0721", "-0.0721"),
    ],
)
def test_numbers_are_short_but_never_rounded_to_nothing(number, shown, signed):
    assert (value(number), difference(number)) == (shown, signed)


def test_facts_are_short():
    assert bounds("ab" * 32) == "abababababab"
    assert bounds(None) == "unknown"
    assert bounds({"dice": "1", "a": 2}) == "a 2, dice 1"
    assert bounds([0, 1, 2]) == "0, 1, 2"
    assert len(bounds("x" * 500)) == 60


# --- text ---------------------------------------------------------------------------------------


def test_the_text_begins_with_the_verdict_and_names_cases_and_both_fingerprints():
    lines = text([CHECK]).splitlines()
    assert lines[0] == "REGRESSION: jdl on lge: 1 of 2 compared: scar dice"
    assert lines[2] == "jdl on lge, against leaderboards/lge/jdl.json"
    rows = [re.split(r"  +", line) for line in lines]
    assert ["method", "scar dice", "regression", "0.5200", "0.4400", "-0.0800",
            "[-0.1200, -0.0400]", "0.0100", "25"] in rows  # fmt: skip
    assert ["scar dice", "S010", "ok -> pred_empty", "0.5600", "–"] in rows  # noqa: RUF001
    assert ["data", "c" * 12, "c" * 12] in rows
    assert ["code", "a" * 12, "b" * 12] in rows
    assert not any(row[0] == "threads" for row in rows)


def test_what_failed_stands_first_and_what_counts_is_never_left_out():
    equal = [Finding("method", Quantity("lv", f"m{i}"), Outcome.EQUAL) for i in range(40)]
    inform = [replace(one, gated=False) for one in equal]
    check = replace(CHECK, findings=(*equal, *inform, LOST))
    shown, rest = shown_findings(check)
    assert shown[0] is LOST
    assert len(shown) == 41
    assert rest == "Not shown: 40 equal."
    assert len(shown_findings(check, None)[0]) == 81


def test_a_case_of_two_findings_is_named_once_with_the_value_it_counts_as():
    counted = replace(WORST, now=0.0)
    status = Finding("method", None, Outcome.REGRESSION, subject="defined values", worst=(WORST,))
    check = replace(CHECK, findings=(status, replace(LOST, worst=(counted,))))
    assert shown_cases(check) == [counted]


def test_columns_are_aligned_by_width_and_not_by_letters():
    made = aligned(("a", "b"), [["心臓", "1"], ["x", "22"]], right=(1,))
    assert made == "a      b\n心臓   1\nx     22\n"


# --- harmless -----------------------------------------------------------------------------------


def nasty() -> Check:
    finding = replace(LOST, reason=NASTY, worst=(replace(WORST, case=NASTY),))
    facts = {**FACTS, "machine": Then(NASTY, "x")}
    return replace(CHECK, method=NASTY, findings=(finding,), facts=facts)


def test_names_cannot_move_a_terminal_or_begin_a_line():
    made = text([nasty()])
    assert "\x1b" not in made
    assert "\x00" not in made
    assert "\u2028" not in made
    assert not any(line.startswith("::") for line in made.splitlines())


def test_names_cannot_become_markup_links_or_mentions():
    made = markdown([nasty()]).replace("<!-- -->", "\0")
    assert "@octocat" not in made
    assert "#12" not in made
    assert "https://x" not in made
    assert "<b>" not in made
    tables = [line for line in made.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {10, 6, 4}


@given(st.text(max_size=60))
def test_a_cell_holds_any_text_on_one_line(words):
    made = cell(words)
    assert "\n" not in made
    assert not re.search(r"(?<!\\)\|", made)


@given(st.text(max_size=60))
def test_xml_is_valid_whatever_names_hold(words):
    case = replace(WORST, case=words, status_now=words)
    finding = replace(LOST, reason=words, worst=(case,))
    check = replace(CHECK, method=words, dataset=words, findings=(finding,))
    root = ET.fromstring(junit([check]).encode())
    assert root.find("testsuite/testcase/failure").text


def test_what_xml_cannot_hold_is_written_out():
    assert xml_text("a\x00b\x1b\ud800\ufffe\tc\n") == "a\\x00b\\x1b\\xd800\\xfffe\tc\n"
    assert ET.fromstring(junit([nasty()]).encode()) is not None


# --- JUnit --------------------------------------------------------------------------------------

#: The schema of the dialect: element -> (required attributes, optional attributes, children).
SCHEMA = {
    "testsuites": ({"name", "tests", "failures", "errors"}, {"skipped", "time"}, ["testsuite"]),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped"},
        {"time", "timestamp", "hostname", "id", "package"},
        ["properties", "testcase", "system-out", "system-err"],
    ),
    "properties": (set(), set(), ["property"]),
    "property": ({"name", "value"}, set(), []),
    "testcase": (
        {"name", "classname"},
        {"time", "file", "line", "status"},
        ["skipped", "error", "failure", "system-out", "system-err"],
    ),
    "failure": ({"type", "message"}, set(), []),
    "error": ({"type", "message"}, set(), []),
    "skipped": (set(), {"message", "type"}, []),
    "system-out": (set(), set(), []),
}


def fits(element: ET.Element) -> None:
    needed, allowed, children = SCHEMA[element.tag]
    assert needed <= set(element.attrib) <= needed | allowed
    order = [children.index(child.tag) for child in element]
    assert order == sorted(order)
    for child in element:
        fits(child)


def test_junit_has_one_test_case_for_each_finding_and_fits_the_schema():
    missed = Finding("method", Quantity("mvo", "dice"), Outcome.NOT_MEASURED, reason="No MVO.")
    slower = replace(LOST, quantity=None, subject="train time", gated=False)
    check = replace(CHECK, findings=(SAME, LOST, missed, slower))
    root = ET.fromstring(junit([check, only(Outcome.SAME)]).encode())
    fits(root)
    assert [root.get(k) for k in ("tests", "failures", "errors", "skipped")] == ["5", "1", "0", "1"]
    suite = root[0]
    found = {one.get("name"): [child.tag for child in one] for one in suite.iter("testcase")}
    assert found == {
        "engine: all values": ["system-out"],
        "method: scar dice": ["failure"],
        "method: mvo dice": ["skipped"],
        "method: train time": ["system-out"],
    }
    failure = suite.find(".//failure")
    assert failure.get("message") == "Worse by 0.08."
    assert "S010" in failure.text
    assert {one.get("classname") for one in suite.iter("testcase")} == {"bench.lge.jdl"}


def test_a_check_that_measured_nothing_is_an_error_and_no_row_of_skips():
    root = ET.fromstring(junit([only(Outcome.NOT_MEASURED)]).encode())
    fits(root)
    assert root.get("errors") == "1"
    assert root.find(".//error").get("message").startswith("NOTHING MEASURED")


def test_the_same_checks_give_the_same_bytes():
    for make in (junit, markdown, text, lambda c: json.dumps(as_json(c))):
        assert make([CHECK, nasty()]) == make([CHECK, nasty()])


# --- Markdown and JSON --------------------------------------------------------------------------


def test_markdown_fits_the_body_of_a_pull_request():
    many = [replace(nasty(), method=f"m{i}") for i in range(300)]
    made = markdown(many)
    assert len(made.encode()) < MOST_BYTES + 100
    assert re.search(r"\d+ more checks did not fit here\.", made)


def test_json_is_json_with_every_finding():
    odd = replace(LOST, then=float("nan"), low=float("inf"))
    made = as_json([replace(CHECK, findings=(SAME, odd))])
    content = json.loads(json.dumps(made, allow_nan=False))
    assert content["outcome"] == "regression"
    assert content["exit_code"] == 1
    first, second = content["checks"][0]["findings"]
    assert first["name"] == "all values"
    assert second["quantity"] == {"region": "scar", "metric": "dice", "dim": None,
                                  "level": "volume"}  # fmt: skip
    assert second["then"] is None
    assert second["worst"][0]["case"] == "S010"


# --- GitHub -------------------------------------------------------------------------------------


def test_an_annotation_has_its_title_and_text_escaped():
    finding = replace(LOST, reason="100 % worse:\nsee, there\r", worst=())
    (line,) = workflow_commands([replace(CHECK, findings=(finding,))])
    assert line == (
        "::error file=leaderboards/lge/jdl.json,title=jdl on lge%3A scar dice::100 %25 worse: "
        "see, there%0Athen 0.5200, now 0.4400 (-0.0800), 25 cases"
    )


@given(st.text(max_size=80), st.text(max_size=80))
def test_an_annotation_is_one_line_with_one_end_of_its_properties(name, reason):
    finding = replace(LOST, reason=reason, worst=(replace(WORST, case=reason),))
    check = replace(CHECK, method=name, findings=(finding,))
    (line,) = workflow_commands([check])
    assert not re.search(r"[\r\n]", line)
    head = line.removeprefix("::error ").partition("::")[0]
    assert head.count(",") == 1
    assert head.startswith("file=leaderboards/lge/jdl.json,title=")


def test_no_more_annotations_than_github_shows():
    findings = tuple(replace(LOST, quantity=Quantity("lv", f"m{i}")) for i in range(30))
    lines = workflow_commands([replace(CHECK, findings=findings)])
    assert len(lines) == 10
    assert lines[-1].endswith("::21 more findings failed; the step's summary lists them.")


def test_nothing_measured_is_an_error_and_better_a_notice():
    assert workflow_commands([])[0].startswith("::error title=bench check::NOTHING MEASURED")
    (line,) = workflow_commands([only(Outcome.NOT_MEASURED)])
    assert line.startswith("::error ")
    (line,) = workflow_commands([only(Outcome.BETTER)])
    assert line.startswith("::notice ")
    assert workflow_commands([only(Outcome.SAME)]) == []


def test_an_absolute_path_is_no_file_of_the_repository():
    (line,) = workflow_commands([replace(CHECK, findings=(LOST,), entry=Path("/tmp/jdl.json"))])
    assert line.startswith("::error title=")


def test_commands_are_stopped_by_a_token_that_nobody_knows():
    tokens = set()
    for _ in range(2):
        stream = io.StringIO()
        with pytest.raises(ValueError, match="boom"), commands_stopped(stream):
            raise ValueError("boom")
        first, last = stream.getvalue().splitlines()
        token = first.removeprefix("::stop-commands::")
        assert last == f"::{token}::"
        assert len(token) == 32
        tokens.add(token)
    assert len(tokens) == 2


def test_the_summary_is_added_to_and_its_loss_is_told(tmp_path):
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    assert write_summary("**x** \ud800", {"GITHUB_STEP_SUMMARY": str(path)}) == ""
    assert path.read_bytes() == b"before\n**x** ?\n"
    assert write_summary("é" * 900_000, {"GITHUB_STEP_SUMMARY": str(path)}) == ""
    assert len(path.read_bytes()) < 1_000_100
    assert path.read_text().endswith("The rest did not fit.\n\n")
    assert "cannot be written" in write_summary("x", {"GITHUB_STEP_SUMMARY": str(tmp_path)})
    assert write_summary("x", {}) == ""


def test_only_a_workflow_is_on_github():
    assert on_github({"GITHUB_ACTIONS": "true"})
    assert not on_github({"GITHUB_ACTIONS": "false"})
    assert not on_github({})


def test_all_outcomes_have_a_verdict_and_a_sign():
    for result in Outcome:
        check = only(result)
        assert outcome([check]) is result
        assert verdict([check])
        assert markdown([check]).startswith("### :")
