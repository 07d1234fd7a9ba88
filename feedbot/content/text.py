"""Clean plain text: what a title, a topic or an excerpt looks like once nothing in it can hurt a reader.

Pure functions from str to str. Must not know fields, findings or URLs. The same input gives the same output
under every Python version, so tags are recognised by patterns of our own and not by a changing parser.
"""

from __future__ import annotations

import html
import re
import unicodedata

ELLIPSIS = "…"


def clean(text: str) -> str:
    """One line of plain text: entities decoded, HTML tags dropped, nothing invisible, spaces folded.

    `<names>` that HTML does not know are text and stay. Bidi embeddings, overrides and isolates are dropped:
    an entry is shown in a paragraph of its own, and an unclosed one would turn round what follows it.
    """
    if "&" in text or "<" in text:
        text = _without_markup(text)
    if text.isascii():
        if text.isprintable() and "  " not in text:  # as nearly all text is
            return text.strip(" ")
        text = _DROPPED_ASCII.sub("", text)
    else:
        text = unicodedata.normalize("NFC", _without_heaps(visible(text)))
        if text.isprintable() and "  " not in text:
            return text.strip(" ")
    return " ".join(text.split())


def visible(text: str) -> str:
    """`text` without control characters (line feeds and tabs stay) and without what only confuses.

    Lone surrogates, noncharacters, zero-width spaces, byte order marks and bidi controls go. Joiners stay
    where they join, tags where they make a flag. Escaped surrogate pairs become the character they meant.
    """
    if _SUSPECT.search(text) is None:
        return text
    if _SURROGATE.search(text) is not None:
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    text = _DROPPED.sub("", _FLAG_TAGS.sub(lambda flag: flag[1] or "", text))
    text = _BLANK.sub(" ", text)
    return _IDLE_JOINER.sub("", text)


def cut(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, cut between words where there is a gap, marked with `…`."""
    if len(text) <= limit:
        return text
    gap = text.rfind(" ", limit // 2, limit)
    end = gap if gap > 0 else _boundary(text, limit - 1)
    return text[:end].rstrip(" ,;:.!?-–—([{/&" + ELLIPSIS) + ELLIPSIS


def html_to_text(markup: str) -> str:
    """The text of sanitised HTML on one line; blocks are set apart by a space."""
    text = _ANY_TAG.sub(_gap, markup)
    return " ".join(visible(html.unescape(text)).split())


# --- markup in what should be plain ---

_NAMES = (  # not those that headlines write about and nobody writes in them, such as template and slot
    "a abbr acronym address applet area article aside audio b base basefont bdi bdo big blink "
    "blockquote body br button canvas caption center cite code col colgroup datalist dd del "
    "details dfn dialog dir div dl dt em embed fieldset figcaption figure font footer form frame "
    "frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins kbd label legend li "
    "link main map mark marquee math menu meta meter nav noscript ol optgroup option output p "
    "picture pre progress q rp rt ruby s samp script search section select small source span "
    "strike strong style sub summary sup svg table tbody td textarea tfoot th thead time title "
    "tr track tt u ul var video wbr"
)
_ELEMENTS = frozenset(_NAMES.split())
_INLINE_NAMES = (
    "abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark q s samp small"
)
_INLINE = frozenset(
    [*_INLINE_NAMES.split(), "a", "span", "strike", "strong", "sub", "sup", "time", "tt", "u"]
)
_INLINE |= {"var", "wbr"}
_ROUNDS = 8  # each removes a layer of tags hidden in tags or in entities

# Any number of `&amp;` before a name is one entity written too often; `& quot;` is what some editors leave.
_ENTITY = re.compile(
    r"&(?:amp;|#0{0,6}38;|#[xX]0{0,6}26;)*"
    r"(?:(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});| (quot|apos|amp|lt|gt|nbsp|#39);)"
)
_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9]{0,15})(?:[\s/][^<>]*)?>")
_HIDDEN = re.compile(r"<(script|style)\b[^<>]*>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--[^<>]*-->|<!doctype[^<>]*>", re.IGNORECASE)
_ANY_TAG = re.compile(r"""</?([a-z][a-z0-9]*)(?:[^<>"]|"[^"]*")*>""")  # as sanitised HTML is written


def _without_markup(text: str) -> str:
    for _ in range(_ROUNDS):
        before = text
        if "&" in text:
            text = _ENTITY.sub(_character, text)
        if "<" in text:
            text = _TAG.sub(_known_gap, _COMMENT.sub(" ", _without_hidden(text)))
        if text == before:
            return text
    return text.replace("<", "")  # nobody means this well


def _character(match: re.Match[str]) -> str:
    """The character that an entity names; a name that HTML does not know stays as it was written."""
    entity = f"&{match[1] or match[2]};"
    decoded = html.unescape(entity)
    return match[0] if decoded == entity else decoded


def _without_hidden(text: str) -> str:
    """Drop script and style with all they hold, when they are closed."""
    kept, end = [], 0
    lowered = text.lower() if (found := _HIDDEN.search(text)) else ""
    while found is not None:
        close = lowered.find(f"</{found[1].lower()}", found.end())
        if close < 0:
            break
        kept.append(text[end : found.start()])
        end = lowered.find(">", close) + 1 or len(text)
        found = _HIDDEN.search(text, end)
    return " ".join([*kept, text[end:]])


def _known_gap(match: re.Match[str]) -> str:
    return _gap(match) if match[1].lower() in _ELEMENTS else match[0]


def _gap(match: re.Match[str]) -> str:
    return "" if match[1] and match[1].lower() in _INLINE else " "


# --- characters ---

_NONCHARACTERS = "".join(f"\\U{plane:04X}FFFE\\U{plane:04X}FFFF" for plane in range(0x11))
_CONTROLS = r"\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
_UNSEEN = r"\u180e\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufdd0-\ufdef"
_BLANKS = r"\x0b-\x0d\x1c-\x1f\x85\u2800\u3164\uffa0"  # old separators; letters by name with nothing to see
_JOINERS = r"\u200c\u200d"
_TAGS = r"\U000e0000-\U000e007f"

_DROPPED_ASCII = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")
_SUSPECT = re.compile(  # and beyond the emoji more than that: one range is quicker than many characters
    f"[{_CONTROLS}{_UNSEEN}{_BLANKS}{_JOINERS}\\ud800-\\udfff\\ufffe\\uffff\\U0001fffe-\\U0010ffff]"
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_DROPPED = re.compile(f"[{_CONTROLS}{_UNSEEN}{_NONCHARACTERS}]")
_BLANK = re.compile(f"[{_BLANKS}]")
_FLAG_TAGS = re.compile(f"(\\U0001f3f4[\\U000e0020-\\U000e007e]{{2,8}}\\U000e007f)|[{_TAGS}]")
_IDLE_JOINER = re.compile(  # at an edge, beside a space, doubled, or between two ASCII characters
    f"(?:(?<=[\\s{_JOINERS}])|^)[{_JOINERS}]+|[{_JOINERS}]+(?=\\s|$)|(?<=[\\x21-\\x7e])[{_JOINERS}]+(?=[\\x21-\\x7e])"
)


# Putting the marks of one character in order takes time that grows with the square of their number. No script
# has so many: https://www.unicode.org/reports/tr15/#Stream_Safe_Text_Format
_MARKS = 30
_LONG = 64  # characters of a run that may hold more
_SIGN = re.compile(r"[^\w\s\x00-\x7f]")  # a mark is no letter
_HEAP = re.compile(rf"{_SIGN.pattern}{{{_LONG},}}")


def _without_heaps(text: str) -> str:
    """`text` with no more marks on a character than any script needs."""
    if _SIGN.search(text[_LONG - 1 :: _LONG]) is None:  # so long a run has one of its characters there
        return text
    return _HEAP.sub(_thinned, text)


def _thinned(match: re.Match[str]) -> str:
    kept: list[str] = []
    marks = 0
    for char in match[0]:
        marks = marks + 1 if unicodedata.category(char)[0] == "M" else 0
        if marks <= _MARKS:
            kept.append(char)
    return "".join(kept)


def _boundary(text: str, index: int) -> int:
    """The last place up to `index` at which `text` can be parted without breaking a character."""
    for place in range(index, max(index - 64, 0), -1):
        if not (_continues(text[place]) or text[place - 1] == "\u200d" or _splits_flag(text, place)):
            return place
    return index


def _continues(char: str) -> bool:
    """Whether `char` belongs to the one before it: marks, joiners, skin tones, tags."""
    return (
        unicodedata.category(char)[0] == "M"
        or char in "\u200c\u200d"
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0020" <= char <= "\U000e007f"
    )


def _splits_flag(text: str, place: int) -> bool:
    """Whether `place` lies between the two letters of a flag."""
    start = place
    while start > 0 and "\U0001f1e6" <= text[start - 1] <= "\U0001f1ff":
        start -= 1
    return (place - start) % 2 == 1 and "\U0001f1e6" <= text[place] <= "\U0001f1ff"
