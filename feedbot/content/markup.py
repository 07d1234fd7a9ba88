"""An article's body to HTML: Markdown or HTML in, sanitised HTML out. The only module that knows Markdown.

Pure, and bounded in time whatever the body holds. Must not know fields or findings: what an author should
hear of is said in `Markup.remarks`.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple
from urllib.parse import quote, unquote

import pyromark
from msgspec import Struct

from feedbot.content.kramdown import CODE, without_attributes, without_marks
from feedbot.content.sanitise import is_tangled, is_tractable, sanitise
from feedbot.content.text import visible

MAX_HTML = 2 * 1024 * 1024  # characters of source
MAX_MARKDOWN = 512 * 1024  # ... of which HTML can be made that is 27 times as long
BEGINNING = 20_000  # characters of HTML that a summary is looked for in
MAX_AMPERSANDS = 100_000  # which the sanitiser is slow to read in great numbers


class Remark(NamedTuple):
    """What an author should hear of a body."""

    what: str
    hint: str
    line: int = 0  # of the body, counted from 0


class Markup(Struct, frozen=True, kw_only=True):
    """Sanitised HTML, and what its author should know."""

    html: str = ""
    remarks: tuple[Remark, ...] = ()


def render(source: str, *, markdown: bool, base: str, jekyll: str | None = None) -> Markup:
    """The body in `source` as HTML; URLs in it are seen from `base`, an absolute URL.

    For a file of Jekyll, `jekyll` is the URL of its site: what only Jekyll knows how to read is not shown. A
    complete HTML document is reduced to its body, in a Markdown file too. A body too large or too deep to be
    read in bounded time gives no HTML and a remark.
    """
    if not source or source.isspace():
        return Markup()
    source = visible(source) if jekyll is None else without_marks(visible(source), jekyll)
    is_markdown = markdown and _DOCUMENT.match(source) is None
    if refusal := _refusal(source, markdown=is_markdown):
        return Markup(remarks=(refusal,))
    raw = _rendered(source) if is_markdown else source
    raw = without_attributes(raw) if is_markdown and jekyll is not None else raw
    if is_markdown and not is_tractable(raw):
        return Markup(remarks=(_TANGLED,))
    clean = sanitise(raw, base)
    if is_tangled(clean):  # which end tags that were none had concealed
        return Markup(remarks=(_TANGLED,))
    return Markup(html=clean, remarks=tuple(_remarks(source, raw)))


def render_embed(raw: str, base: str, *, poster: str, title: str) -> str:
    """A player's HTML as a plain link, "" for none; `poster` and `title` stand in for its own."""
    clean = sanitise(raw, base, poster=poster, title=title) if is_tractable(raw) else ""
    return "" if is_tangled(clean) else clean


def beginning(content: str) -> str:
    """The first characters of sanitised HTML, enough for a summary, not ending within a tag."""
    start = content[:BEGINNING]
    return start[: start.rfind("<")] if start.rfind("<") > start.rfind(">") else start


def without_templates(text: str) -> str:
    """Plain text without the tags that other programs would execute: a summary should not begin with one."""
    if "{{" not in text and "{%" not in text:
        return text
    return " ".join(_EXECUTED.sub("", _ADDRESSED.sub(r"\1", text)).split())


# A link or a picture whose address is such a tag, and the tag itself.
_ADDRESSED = re.compile(r"(?:!\[[^][]{0,300}\]|\[([^][]{0,300})\])\(\{[{%][^()]{0,300}\)")
_EXECUTED = re.compile(r"\{%[^{}]{0,300}%\}|\{\{(?:<[^{}]{0,300}>|%[^{}]{0,300}%)\}\}")


# --- limits ---

_LARGE = "the body is larger than {}, so feeds show the excerpt only"
_SHORTER = "split or shorten it"
_TANGLED = Remark(
    "the body's HTML is too tangled to read, so feeds show the excerpt only",
    "close what is opened, and nest less",
)
_CROWDED = Remark(
    "the body holds too many special characters, so feeds show the excerpt only",
    "put data into a file of its own",
)


def _refusal(source: str, *, markdown: bool) -> Remark | None:
    """Why `source` will not be read, if it will not."""
    limit, name = (MAX_MARKDOWN, "512 KiB of Markdown") if markdown else (MAX_HTML, "2 MiB")
    if len(source) > limit:
        return Remark(_LARGE.format(name), _SHORTER)
    if source.count("&") > MAX_AMPERSANDS:
        return _CROWDED
    return None if markdown or is_tractable(source) else _TANGLED


# --- Markdown ---

_DOCUMENT = re.compile(r"\s*(?:<!--.*?-->\s*)?<(?:!doctype|html|head|body)\b", re.IGNORECASE | re.DOTALL)
# Liquid, Hugo's shortcodes, Jekyll's variables, Pelican's addresses and MDX. Markdown encodes them in links.
_TEMPLATE = re.compile(
    r"\{%-?\s*[a-z]|\{\{[<%]|\{\{-?\s*(?:[\"']|(?:site|page|post|include)\.\w)|\{(?:static|filename|attach)\}"
    r"|(?<![^\n>])import\s[^\n<]{1,300}?\sfrom\s[\"'][^\n<\"']+[\"']"
)
_ENCODED = re.compile("%(?:7[BD]|2[05])")
_DRAWN = ("svg", "math", "SVG", "MATH")  # nearly all bodies have none of them, which is told in no time
_DRAWING = re.compile(r"<(svg|math)(?=[\s/>])(?![^>]{0,500}\baria-hidden\b)", re.IGNORECASE)
# What is never closed goes on to the end: else each such tag would be a search through all the rest.
_UNSEEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|template|noscript)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL
)


def _rendered(source: str) -> str:
    """The HTML of Markdown: CommonMark with tables, footnotes and strike-through. HTML in it passes.

    A lone `~` strikes nothing through, though GitHub has it so: newsrooms write 10~20 and mean a range.
    """
    raw = pyromark.html(_LONE_TILDE.sub(_STAND_IN, f"{source}\n"), options=_EXTENSIONS)
    raw = raw.replace(_STAND_IN, "~").replace(_STAND_IN_URL, "~") if "~" in source else raw
    raw = _FOOTNOTE.sub(r"<sup>[\1]</sup>", raw) if "footnote-" in raw else raw
    return _ANCHOR.sub("", raw) if "{#" in source else raw


_EXTENSIONS = (
    pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_STRIKETHROUGH | pyromark.Options.ENABLE_FOOTNOTES
)
# The number of a footnote, at both its places. The page that an address with # would lead to knows others.
_FOOTNOTE = re.compile(
    r'<sup class="footnote-(?:reference|definition-label)">(?:<a href="#[^"]*">)?(\d+)(?:</a>)?</sup>'
)
# The name of a heading, as Hugo, Docusaurus and kramdown have it.
_ANCHOR = re.compile(r" ?\{#[\w:.-]+\}(?=</h[1-6]>)")
_LONE_TILDE = re.compile("(?<!~)~(?!~)")
_STAND_IN = "\ufdd0"  # no character: `visible` text has none
_STAND_IN_URL = quote(_STAND_IN)


def _remarks(source: str, raw: str) -> list[Remark]:
    return [remark for remark in (_templates(source, raw), _drawings(source, raw)) if remark]


def _templates(source: str, raw: str) -> Remark | None:
    """Template tags outside code: other programs execute them, feedbot shows them as they are."""
    if ("{" not in source and "import" not in source) or _TEMPLATE.search(source) is None:
        return None
    text = _ENCODED.sub(lambda found: unquote(found[0]), html.unescape(CODE.sub("", raw)))
    found = _TEMPLATE.search(text)
    if found is None:
        return None
    what = "template tags in the body are not executed and will be shown as they are"
    start = text[found.start() : found.start() + 60]
    return Remark(what, "write the HTML or Markdown that they stand for", _line_of(start, source))


def _drawings(source: str, raw: str) -> Remark | None:
    """Drawings and formulas, which the sanitiser takes out; but for icons, which nobody misses."""
    is_drawn = "<" in source and any(name in source for name in _DRAWN)
    if not is_drawn or _DRAWING.search(raw) is None:
        return None
    seen = _UNSEEN.sub("", raw)
    found = _DRAWING.search(seen)
    if found is None:
        return None
    what = f"<{found[1].lower()}> in the body is left out, for many readers cannot show it"
    return Remark(what, "show a picture of it instead", _line_of(seen[found.start() :], source))


def _line_of(text: str, source: str) -> int:
    """The line of `source` at which `text` begins: told by as much of its beginning as stands there."""
    places = (source.find(text[:length]) for length in (40, 12, 4))
    return source.count("\n", 0, next((place for place in places if place >= 0), 0))
