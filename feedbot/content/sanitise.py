"""HTML of any origin to HTML that any reader may show. The only module that knows the sanitiser.

Pure. Scripts, styles, forms and comments go; players and other embeds become plain links; every URL is
absolute, by the same rules as those in front matter.
"""

from __future__ import annotations

import html
import re
from collections import Counter

import nh3

from feedbot.content.links import absolute, host_of
from feedbot.content.text import visible

MAX_DEPTH = 256  # of open elements: the sanitiser's work grows with the square of it
MAX_TAGS = 60_000  # counted by <: whatever hides in them, reading so many takes a few seconds at most
MAX_ATTRIBUTES = 20_000  # of one tag: the sanitiser's work grows with the square of it, too
MAX_COPIES = 200_000  # of formatting elements that were left open

# --- what may stay ---

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
_DROPPED_NAMES = "applet button canvas datalist math noembed noframes noscript script select style svg"
_DROPPED_WHOLE = {*_DROPPED_NAMES.split(), "template", "textarea", "title", "xmp"}


def _cleaner(tags: set[str]) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=tags,
        attributes=_ATTRIBUTES,
        clean_content_tags=_DROPPED_WHOLE,
        url_schemes={"http", "https", "mailto"},
        url_relative="pass_through",  # made absolute below
        link_rel=None,
    )


_WITH_EMBEDS, _WITHOUT_EMBEDS = _cleaner(_TAGS), _cleaner({*_TEXT_TAGS.split()})


# --- sanitising ---


def sanitise(raw: str, base: str, *, poster: str = "", title: str = "") -> str:
    """`raw` HTML with nothing in it that runs, styles or embeds; "" where nothing is left to be seen.

    URLs are seen from `base`. `poster` and `title` serve embeds that have none of their own. Only for HTML
    that `is_tractable`.
    """
    clean = _cleaned(raw, _WITH_EMBEDS, base)
    if _EMBED_TAG.search(clean):
        clean = _EMBED.sub(lambda found: _plain_link(found, poster, title), clean)
        # All of it again: what was in an iframe was text until now, and a link in a paragraph is two.
        clean = _cleaned(_EMBED_TAG.sub("", clean), _WITHOUT_EMBEDS, base).replace("<p></p>", "")
    clean = _IMG_WITHOUT_SRC.sub("", clean).strip()
    return clean if _TO_BE_SEEN.search(clean.replace("&nbsp;", " ")) else ""


def _cleaned(raw: str, cleaner: nh3.Cleaner, base: str) -> str:
    clean = visible(cleaner.clean(raw))  # numeric references can name any character
    return _TAG_WITH_URL.sub(lambda tag: _ATTRIBUTE.sub(lambda one: _absolute(one, base), tag[0]), clean)


# The sanitiser writes every tag the same way, so patterns are enough from here on: no < or > is in a tag, and
# no " in a value. Attributes are taken one after the other, for a value can end as an attribute begins.
_NAMES = "|".join(_EMBEDS)
_TAG_WITH_URL = re.compile(r'<[a-z][^<>]* (?:href|src|data|poster|cite)="[^<>]*>')
_URLS = frozenset({"href", "src", "data", "poster", "cite"})
_ATTRIBUTE = re.compile(r' ([a-z]+)="([^"]*)"')
_EMBED = re.compile(rf"<({_NAMES})\b([^>]*)>(?:((?:(?!<\1\b).)*?)</\1>)?", re.DOTALL)
_EMBED_TAG = re.compile(rf"</?(?:{_NAMES}|source)\b[^>]*>")
_IMG_WITHOUT_SRC = re.compile(r'<img(?![^>]* src="http)[^>]*>')
_TO_BE_SEEN = re.compile(r"<img|(?:^|>)[^<]*?[^\s<]")
_START_TAG = re.compile(r"<[a-z][^<>]*>")
_LONGEST_FALLBACK = 300  # characters of "your browser cannot play this"; more is text not closed off


def _absolute(found: re.Match[str], base: str) -> str:
    """An attribute, a URL in it made absolute; nothing for a URL that no reader should follow."""
    name, written = found.groups()
    if name not in _URLS or (name == "href" and written.startswith("mailto:")):
        return found[0]
    url = absolute(html.unescape(written) if "&" in written else written, base)
    return "" if url is None else f' {name}="{url.replace("&", "&amp;")}"'


def _plain_link(found: re.Match[str], poster: str, title: str) -> str:
    """A link to what an embed plays, with its picture if there is one."""
    inside = found[3] or ""
    kept = inside if len(inside) > _LONGEST_FALLBACK else ""
    own = dict(_ATTRIBUTE.findall(found[2]))
    tags = [own, *(dict(_ATTRIBUTE.findall(tag)) for tag in _START_TAG.findall(inside))]
    address = next(filter(None, (tag.get("src") or tag.get("data") for tag in tags)), "")
    if not address:
        return kept
    url = watch_url(html.unescape(address))
    name = own.get("title") or html.escape(title or host_of(url))
    picture = own.get("poster") or html.escape(poster)
    shown = f'<img src="{picture}" alt="{name}">' if picture else name
    return f'<p><a href="{html.escape(url)}">{shown}</a></p>{kept}'


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


# --- limits ---

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
# https://html.spec.whatwg.org/#before-attribute-name-state, or a little more than that.
_WRITTEN = r"""[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+)?)?"""
_WRITTEN_ATTRIBUTE = re.compile(_WRITTEN)
_WHOLE_TAG = re.compile(rf"<[a-zA-Z][^\s/>]*+(?:[\s/]++|{_WRITTEN})*+")
# These never hold each other, whether they are closed or not.
_FLAT_NAMES = "area base br col dd dt embed hr img input li link meta option p param source tbody td tfoot th"
_FLAT = frozenset([*_FLAT_NAMES.split(), "thead", "tr", "track", "wbr"])
# https://html.spec.whatwg.org/#reconstruct-the-active-formatting-elements: left open, these are written again
# in every block that follows.
_FORMATTING = frozenset(
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"]
)


def is_tractable(source: str) -> bool:
    """Whether the sanitiser can read `source` in bounded time."""
    return source.count("<") <= MAX_TAGS and not _has_crowded_tag(source) and not is_tangled(source)


def is_tangled(source: str) -> bool:
    """Whether there are too many elements within elements.

    Open elements are counted for each name apart, and an end tag without its start counts for nothing. So it
    is in what `sanitise` returns. Elsewhere it is an estimate: an end tag may be part of a comment.
    """
    if source.count("<") <= MAX_DEPTH:
        return False
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
            return True
    return False


def _has_crowded_tag(source: str) -> bool:
    """Whether a tag has so many attributes that comparing each with each takes long."""
    shortest = 2 * MAX_ATTRIBUTES  # a letter and a space each
    return len(source) > shortest and any(
        len(tag[0]) > shortest and len(_WRITTEN_ATTRIBUTE.findall(tag[0])) > MAX_ATTRIBUTES
        for tag in _WHOLE_TAG.finditer(source)
    )
