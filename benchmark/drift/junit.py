"""A check as JUnit XML, which every CI service shows: one test case per method, gate and quantity.

The dialect is the common core of what Jenkins, GitLab and GitHub's reporters read:
``testsuites > testsuite > testcase > (skipped | error | failure)?, system-out?``.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from .text import CASE_HEAD, aligned
from .verdict import Check, Finding, Outcome
from .wording import MOST_CASES, bounds, case_values, finding_cells, verdict

__all__ = ["junit", "xml_text"]

#: What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: object) -> str:
    r"""``text`` with what XML cannot hold written out, as in ``\x1b``."""
    return _FORBIDDEN.sub(lambda found: f"\\x{ord(found[0]):02x}", str(text))


def junit(checks: Sequence[Check]) -> str:
    """The document; the same checks give the same bytes.

    A finding that is not measured is skipped, unless nothing of the check was: then the check
    itself is an error, so that no service takes an empty comparison for a success.
    """
    suites = [_suite(check) for check in checks]
    root = ET.Element("testsuites", {"name": "bench check"})
    counted = ("tests", "failures", "errors", "skipped")
    for name in counted:
        root.set(name, str(sum(int(suite.get(name, 0)) for suite in suites)))
    root.extend(suites)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(check: Check) -> ET.Element:
    suite = ET.Element("testsuite", {"name": xml_text(f"{check.dataset}.{check.method}")})
    properties = ET.SubElement(suite, "properties")
    facts = {"entry": str(check.entry)}
    for name, fact in check.facts.items():
        facts |= {f"{name} then": bounds(fact.then), f"{name} now": bounds(fact.now)}
    for name, text in facts.items():
        ET.SubElement(properties, "property", {"name": xml_text(name), "value": xml_text(text)})
    place = xml_text(f"bench.{check.dataset}.{check.method}")
    for finding in check.findings:
        suite.append(_case(finding, place))
    if check.outcome is Outcome.NOT_MEASURED:
        whole = ET.SubElement(suite, "testcase", {"classname": place, "name": "measured"})
        ET.SubElement(whole, "error", {"message": xml_text(verdict([check])), "type": "error"})
    tests = suite.findall("testcase")
    suite.set("tests", str(len(tests)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(one.find(tag) is not None for one in tests)))
    return suite


def _case(finding: Finding, place: str) -> ET.Element:
    case = ET.Element(
        "testcase", {"classname": place, "name": xml_text(f"{finding.gate}: {finding.name}")}
    )
    body = xml_text(_body(finding))
    said = xml_text(finding.reason or finding.outcome.value)
    if not finding.gated or not finding.outcome.failed:
        ET.SubElement(case, "system-out").text = body
    elif finding.outcome is Outcome.NOT_MEASURED:
        ET.SubElement(case, "skipped", {"message": said})
    else:
        failure = ET.SubElement(case, "failure", {"message": said, "type": finding.outcome.value})
        failure.text = body
    return case


def _body(finding: Finding) -> str:
    names = ("outcome", "then", "now", "difference", "95 % interval", "margin", "cases")
    lines = [f"{n}: {v}\n" for n, v in zip(names, finding_cells(finding)[2:], strict=True)]
    worst = [case_values(c) for c in finding.worst[: 2 * MOST_CASES]]
    table = aligned(CASE_HEAD, worst, right=(3, 4)) if worst else ""
    return finding.reason + "\n" + "".join(lines) + table
