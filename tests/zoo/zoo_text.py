"""Words of strangers: titles, messages, sites, parameters and ids made to be acted on."""

from __future__ import annotations

__all__ = ["IDS", "WORDS"]

#: Free text, as a record, a table of cases or a message may hold it.
WORDS = {
    "html": "</script><img src=x onerror=alert(1)><b a='\"&amp;",
    "template": "{{7*7}}{% raise %}${7*7}#{7*7}<%= 7*7 %>",
    "markdown": "x | y\n\n# Heading\n[click](javascript:alert(1)) ![i](http://evil/x.png) `code`",
    "latex": r"\input{/etc/passwd} \write18{touch owned} $x_1$ & % # ~ ^ {} \\",
    "formula": "=cmd|' /C calc'!A0",
    "formula_plus": "+1+cmd()",
    "formula_minus": "-2+3+cmd()",
    "formula_at": "@SUM(1+1)*cmd()",
    "formula_tab": "\t=cmd()",
    "ansi": "\x1b[2J\x1b[31mred\x1b]0;owned\x07\x1b[0m",
    "line_ends": "one\nerror: fake line\rover\u2028two\u2029three\x85four\x0bfive",
    "nulls": "nul\x00l\x08\x7f",
    "direction": "abc\u202edcba\u2066\u200b",
    "workflow": "::error file=x::owned%0A::set-output name=a::b",
    "xml": "]]><!ENTITY x SYSTEM 'file:///etc/passwd'>\x01",
    "emoji": "\U0001f469\u200d\U0001f52c heart \u2764\ufe0f",
    "long": "x" * 100_000,
}

#: Ids that files may have, and that something would act on.
IDS = ("=cmd()", "+1", "-rf", "@SUM(A1)", "a,b;c", "a&b#c%d~e^f_g{h}", "$(id)`id`", "[x](y)",
       "__init__", "{{7-7}}", "\U0001f49a", "'quoted'", "nan", "1e5", "true")  # fmt: skip
