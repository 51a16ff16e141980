"""Figures as bytes: the same figure gives the same, as PNG, as SVG, or inside a page."""

from __future__ import annotations

import hashlib
import io
import re
import xml.etree.ElementTree as ET
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import replacing
from ..errors import UsageError
from .style import FAMILIES, INK, MUTED, PAPER, WORDS, plain, settings, settle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["save", "svg_text"]

_DPI = 200
_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_LONG = re.compile(r"-?\d+\.\d{3,}")
_FAMILY = re.compile(r"font-family: [^;]*(; ?|$)")
_STILL = re.compile(r"rotate\(-?0 [^)]*\)")
_LINK = re.compile(r"url\(#([^)]*)\)")
_FONTS = ", ".join(f"'{name}'" for name in FAMILIES) + ", sans-serif"
#: Attributes that hold coordinates, in points: a hundredth of one is never seen.
_COORDINATES = {"d", "x", "y", "width", "height", "points", "transform", "viewBox"}


def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure as ``.png`` (200 pixels an inch) or ``.svg``, on white.

    Raises:
        UsageError: The suffix is another.
        DataError: The file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".png", ".svg"):
        raise UsageError(f"A figure cannot be written as {path.name!r}.", "Use .png or .svg.")
    with replacing(path) as temporary:
        if suffix == ".png":
            with settings():
                settle(figure)
                figure.savefig(temporary, format="png", dpi=_DPI, facecolor="white",
                               metadata={"Software": None})  # fmt: skip
        else:
            text = '<?xml version="1.0" encoding="utf-8"?>\n' + _svg(figure, None, inline=False)
            temporary.write_text(text + "\n", encoding="utf-8", newline="\n")
    return path


def svg_text(figure: Figure, prefix: str | None = None) -> str:
    """One ``<svg>`` element to stand inside an HTML page.

    Text and lines take the page's colour (``currentColor``) on no background, so that it is
    legible on a dark page; what must look like paper takes the CSS variable ``--paper``, or the
    browser's own ``Canvas``; notes take ``--faint``. It scales with its container and says its
    title and description to screen readers. No script, no style sheet and no address is in it.

    Args:
        figure: What a function of this package drew.
        prefix: Of the ids inside; by default a hash of the content, so that only identical
            figures share ids. Two elements of one page must not have the same one.
    """
    return _svg(figure, prefix, inline=True)


def _svg(figure: Figure, prefix: str | None, *, inline: bool) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    drawn = io.StringIO()
    with settings():
        settle(figure)
        nobody = {"Date": None, "Creator": None, "Format": None, "Type": None}
        canvas, dpi = figure.canvas, figure.dpi
        try:  # savefig would draw everything once more before
            sheet: Any = FigureCanvasSVG(figure)
            sheet.print_svg(drawn, metadata=nobody)
        finally:
            figure.dpi = dpi
            figure.set_canvas(canvas)
    # Our own output just now, not a stranger's file.
    root = ET.fromstring(drawn.getvalue())
    # Whole, but without what XML cannot hold.
    title, description = (plain(words, 10**6) for words in WORDS.get(figure, ("Figure", "")))
    if prefix is None:
        words = drawn.getvalue() + title + description
        prefix = "f" + hashlib.sha256(words.encode()).hexdigest()[:8]
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{_SVG}metadata":
                parent.remove(child)
    _hoist(root)
    wanted = {e.attrib[_HREF].lstrip("#") for e in root.iter() if _HREF in e.attrib}
    wanted |= {name for e in root.iter() for v in e.attrib.values() for name in _LINK.findall(v)}
    short = {name: f"{prefix}-{i}" for i, name in enumerate(sorted(wanted))}
    width, height = (float(root.attrib[side].rstrip("pt")) for side in ("width", "height"))
    head = {"xmlns": "http://www.w3.org/2000/svg"}
    if not inline:
        head["xmlns:xlink"] = "http://www.w3.org/1999/xlink"
    head |= {"viewBox": f"0 0 {width:.2f} {height:.2f}", "role": "img",
             "aria-labelledby": f"{prefix}-t {prefix}-d"}  # fmt: skip
    # A standalone file has a size of its own, on white; a page gives one.
    style = f"font-family: {_FONTS}; stroke-linejoin: round; stroke-linecap: butt"
    if inline:
        style += f"; width: 100%; max-width: {width * 96 / 72:.0f}px; height: auto"
    else:
        head |= {"width": f"{width:.2f}pt", "height": f"{height:.2f}pt"}
    head["style"] = style
    paper = "" if inline else '<rect width="100%" height="100%" fill="#ffffff"/>'
    body = "".join(_element(child, short, inline=inline) for child in root)
    return (
        f"<svg{_attributes(head)}>"
        f'<title id="{prefix}-t">{escape(title)}</title>'
        f'<desc id="{prefix}-d">{escape(description)}</desc>{paper}{body}</svg>'
    )


def _hoist(root: ET.Element) -> None:
    """A style that many marks of one group share, said once: half of a strip plot's bytes."""
    for group in root.iter(f"{_SVG}g"):
        children = list(group)
        styles = {child.attrib.get("style") for child in children}
        if len(children) < 3 or len(styles) != 1 or None in styles or "style" in group.attrib:
            continue
        if all(child.tag == f"{_SVG}use" for child in children):
            group.attrib["style"] = children[0].attrib["style"]
            for child in children:
                del child.attrib["style"]


def _element(element: ET.Element, ids: dict[str, str], *, inline: bool) -> str:
    tag = element.tag.removeprefix(_SVG)
    if tag == "style" or element.attrib.get("style") == "fill: none":
        # matplotlib's sheet would style the rest of a page: its rules stand on the root instead.
        return ""
    kept: dict[str, str] = {}
    for name, value in element.attrib.items():
        if name == "id":
            if value in ids:
                kept["id"] = ids[value]
        elif name == _HREF:
            kept["href" if inline else "xlink:href"] = "#" + ids[value.lstrip("#")]
        else:
            value = _LINK.sub(lambda match: f"url(#{ids[match[1]]})", value)
            if name in _COORDINATES:
                value = " ".join(_LONG.sub(_rounded, _STILL.sub("", value)).split())
                if name == "transform" and not value:
                    continue
            if name == "style":
                value = _FAMILY.sub("", value)
            if inline:
                value = value.replace(INK, "currentColor").replace(PAPER, "var(--paper, Canvas)")
                value = value.replace(MUTED, f"var(--faint, {MUTED})")
            kept[name.rpartition("}")[2]] = value
    inside = "".join(_element(child, ids, inline=inline) for child in element)
    text = escape(element.text or "", quote=False) if tag == "text" else ""
    if (tag == "g" and not kept) or (tag == "defs" and not inside):
        return inside
    if not text and not inside:
        return f"<{tag}{_attributes(kept)}/>"
    return f"<{tag}{_attributes(kept)}>{text}{inside}</{tag}>"


def _rounded(match: re.Match[str]) -> str:
    text = f"{float(match[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _attributes(attributes: dict[str, str]) -> str:
    return "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
