"""An article's body to HTML that any reader may show: Markdown or HTML in, sanitised HTML out.

Pure. The only module that knows Markdown and the sanitiser. Scripts, styles, forms and comments go; players
and other embeds become plain links; every URL is absolute. Must not know fields or findings: what an author
should hear of is said in `Markup.remarks`.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple
from urllib.parse import quote

import nh3
from markdown_it import MarkdownIt

from feedbot.content.links import absolute, host_of
from feedbot.content.text import visible

MAX_HTML = 2 * 1024 * 1024  # characters of source
MAX_MARKDOWN = 512 * 1024  # ... which takes about a second; text made to be slow takes three
MAX_BRACKETS = 20_000  # in Markdown, slow to read in great numbers
MAX_AMPERSANDS = 100_000  # in HTML, likewise
MAX_DEPTH = 256  # of open elements: the sanitiser's work grows with the square of it
MAX_COPIES = 200_000  # of formatting elements that were left open


class Remark(NamedTuple):
    """What an author should hear of a body."""

    what: str
    hint: str
    line: int = 0  # of the body, counted from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """Sanitised HTML, and what its author should know."""

    html: str = ""
    remarks: tuple[Remark, ...] = field(default=())


def render(source: str, *, markdown: bool, base: str) -> Markup:
    """The body in `source` as HTML; URLs in it are seen from `base`, an absolute URL.

    A complete HTML document is reduced to its body, in a Markdown file too. A body too large or too deep to
    be read in bounded time gives no HTML and a remark.
    """
    if not source or source.isspace():
        return Markup()
    source = visible(source)
    is_markdown = markdown and _DOCUMENT.match(source) is None
    if refusal := _refusal(source, markdown=is_markdown):
        return Markup(remarks=(refusal,))
    raw = _markdown().render(source) if is_markdown else source
    if is_markdown and not _is_tractable(raw):
        return Markup(remarks=(_TANGLED,))
    return Markup(html=_sanitised(raw, base), remarks=tuple(_remarks(source, raw)))


def render_embed(raw: str, base: str, *, poster: str, title: str) -> str:
    """A player's HTML as a plain link, "" for none; `poster` and `title` stand in for its own."""
    return _sanitised(raw, base, poster=poster, title=title) if _is_tractable(raw) else ""


def beginning(content: str, length: int = 20_000) -> str:
    """The first characters of sanitised HTML, not ending within a tag."""
    return content if len(content) <= length else content[:length].rpartition("<")[0]


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
    if source.count("&") > MAX_AMPERSANDS or (markdown and source.count("[") > MAX_BRACKETS):
        return _CROWDED
    return None if markdown or _is_tractable(source) else _TANGLED


_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
# These never hold each other, whether they are closed or not.
_FLAT_NAMES = "area base br col dd dt embed hr img input li link meta option p param source tbody td tfoot th"
_FLAT = frozenset([*_FLAT_NAMES.split(), "thead", "tr", "track", "wbr"])
# https://html.spec.whatwg.org/#reconstruct-the-active-formatting-elements: left open, these are written again
# in every block that follows.
_FORMATTING = frozenset(
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"]
)


def _is_tractable(source: str) -> bool:
    """Whether the sanitiser can read `source` in time that grows with its size.

    Estimated from above: open elements are counted for each name apart, and an end tag without its start
    counts for nothing.
    """
    if source.count("<") <= MAX_DEPTH:
        return True
    opened: Counter[str] = Counter()
    depth = formatting = copies = 0
    for end, written in _TAG.findall(source):
        name = written.lower()
        is_formatting = name in _FORMATTING
        if not is_formatting:
            copies += formatting
        if name not in _FLAT and (opened[name] or not end):
            step = -1 if end else 1
            opened[name] += step
            depth += step
            formatting += step * is_formatting
        if depth > MAX_DEPTH or copies > MAX_COPIES:
            return False
    return True


# --- Markdown ---

_DOCUMENT = re.compile(r"\s*(?:<!--.*?-->\s*)?<(?:!doctype|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_TEMPLATE = re.compile(r"\{%-?\s*[a-z]|\{\{[<%]")
_CODE = re.compile(r"<(pre|code)\b.*?</\1>", re.DOTALL)


@cache
def _markdown() -> MarkdownIt:
    """CommonMark with tables and strike-through; HTML passes, because it is sanitised afterwards."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def _remarks(source: str, raw: str) -> list[Remark]:
    """Template tags outside code: other programs execute them, feedbot shows them as they are."""
    found = _TEMPLATE.search(source)
    if found is None or _TEMPLATE.search(html.unescape(_CODE.sub("", raw))) is None:
        return []
    what = "template tags in the body are not executed and will be shown as they are"
    line = source.count("\n", 0, found.start())
    return [Remark(what, "write the HTML or Markdown that they stand for", line)]


# --- sanitising ---

_TEXT_TAGS = (
    "a abbr article aside b bdi bdo blockquote br caption center cite code col colgroup dd del details dfn "
    "div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p pre q "
    "rp rt ruby s samp section small span strike strong sub summary sup table tbody td tfoot th thead time "
    "tr tt u ul var wbr"
)
_EMBEDS = ("iframe", "embed", "object", "video", "audio")
_TAGS = {*_TEXT_TAGS.split(), *_EMBEDS, "source"}
_SIZE = {"width", "height"}
_ATTRIBUTES = {
    "*": {"dir", "lang", "title"},
    "a": {"href"},
    "audio": {"src"},
    "blockquote": {"cite"},
    "col": {"span"},
    "colgroup": {"span"},
    "del": {"cite", "datetime"},
    "embed": {"src"},
    "iframe": {"src"},
    "img": {"src", "alt"} | _SIZE,
    "ins": {"cite", "datetime"},
    "object": {"data"},
    "ol": {"start", "reversed"},
    "q": {"cite"},
    "source": {"src"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan", "scope"},
    "time": {"datetime"},
    "video": {"src", "poster"},
}
_DROPPED_WHOLE = {
    "script",
    "style",
    "title",
    "noscript",
    "template",
    "textarea",
    "select",
    "button",
    "datalist",
}
_DROPPED_WHOLE |= {"svg", "math", "canvas", "applet", "noembed", "noframes", "xmp"}
_SCHEMES = {"http", "https", "mailto"}


def _sanitised(raw: str, base: str, *, poster: str = "", title: str = "") -> str:
    """`raw` HTML with nothing in it that runs, styles or embeds; "" where nothing is left to be seen."""
    clean = nh3.clean(
        raw,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        clean_content_tags=_DROPPED_WHOLE,
        url_schemes=_SCHEMES,
        url_relative=("rewrite_with_base", base),
        link_rel=None,
    )
    clean = visible(clean)  # numeric references can name any character
    if _EMBED_TAG.search(clean):
        clean = _EMBED.sub(lambda found: _plain_link(found, poster, title), clean)
        clean = _EMBED_TAG.sub("", clean)
    clean = _ODD_URL.sub(lambda found: f' {found[1]}="{_in_ascii(found[2], base)}"', clean)
    clean = _IMG_WITHOUT_SRC.sub("", clean).strip()
    return clean if _TO_BE_SEEN.search(clean.replace("&nbsp;", " ")) else ""


# The sanitiser writes every tag the same way, so patterns are enough from here on.
_NAMES = "|".join(_EMBEDS)
_EMBED = re.compile(rf"<({_NAMES})\b([^>]*)>(?:((?:(?!<\1\b).)*?)</\1>)?", re.DOTALL)
_EMBED_TAG = re.compile(rf"</?(?:{_NAMES}|source)\b[^>]*>")
_IMG_WITHOUT_SRC = re.compile(r'<img(?![^>]* src="http)[^>]*>')
_ODD_URL = re.compile(r' (href|src)="([^"]*[^!-~][^"]*)"')
_TO_BE_SEEN = re.compile(r"<img|(?:^|>)[^<]*?[^\s<]")
_ADDRESS = re.compile(r' (?:src|data)="([^"]+)"')
_POSTER = re.compile(r' poster="([^"]+)"')
_TITLE = re.compile(r' title="([^"]+)"')
_LONGEST_FALLBACK = (
    300  # characters of "your browser cannot play this"; more is text that was never closed off
)


def _plain_link(found: re.Match[str], poster: str, title: str) -> str:
    """A link to what an embed plays, with its picture if there is one."""
    inside = found[3] or ""
    kept = inside if len(inside) > _LONGEST_FALLBACK else ""
    address = _ADDRESS.search(found[2]) or _ADDRESS.search(inside)
    if address is None:
        return kept
    url = watch_url(html.unescape(address[1]))
    own_title, own_poster = _TITLE.search(found[2]), _POSTER.search(found[2])
    name = own_title[1] if own_title else html.escape(title or host_of(url))
    picture = own_poster[1] if own_poster else html.escape(poster)
    shown = f'<img src="{picture}" alt="{name}">' if picture else name
    return f'<p><a href="{html.escape(url)}">{shown}</a></p>{kept}'


def _in_ascii(url: str, base: str) -> str:
    """A URL from an attribute with spaces and letters outside ASCII encoded."""
    plain = html.unescape(url)
    return html.escape(absolute(plain, base) or quote(plain, safe="!#$%&'()*+,/:;=?@[]~"))


_PLAYERS = (
    (re.compile(r"https?://(?:www\.)?youtube(?:-nocookie)?\.com/embed/([\w-]{6,20})(?:[?&#].*)?"), "https://www.youtube.com/watch?v={}"),
    (re.compile(r"https?://player\.vimeo\.com/video/(\d+)(?:[?&#].*)?"), "https://vimeo.com/{}"),
)  # fmt: skip


def watch_url(url: str) -> str:
    """The page for people where a player's URL is known to have one."""
    for pattern, page in _PLAYERS:
        if found := pattern.fullmatch(url):
            return page.format(found[1])
    return url
