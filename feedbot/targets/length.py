"""How long a text is in the eyes of the server that gets it: graphemes as Mastodon counts, or code points.

Pure. Decides nothing about limits and shortens nothing. Where servers of different age differ, the larger
number is given: a text that is a little shorter than it could be is posted, one that is too long is not.
"""

from __future__ import annotations

from functools import cache

import regex
from linkify_it.tlds import TLDS

RESERVED_PER_URL = 23  # what Mastodon counts for a URL of whatever length
LONGEST_URL = 4096  # a longer one is no URL to Mastodon, and counts in full

# Top-level domains that came after the list in use on Mastodon servers; a URL there counts in full.
_YOUNGER = frozenset({"amazon", "spa", "アマゾン", "亚马逊"})

# After Mastodon's own rules. A host is looked at again in `_host`; what follows it ends where a reader would
# end it: not with a comma, and with brackets in pairs.
_LABEL = r"[\p{L}\p{M}\p{N}][\p{L}\p{M}\p{N}_-]*+"
_WORD = r"\p{L}\p{M}\p{Nd}\p{Pc}"
_LINK_OR_MENTION = regex.compile(
    rf"""
    (?<![A-Za-z0-9@＠$\#＃\ufffe\ufeff\uffff])
    https?://(?P<host>{_LABEL}(?:\.{_LABEL})*+)
    |
    (?<![=/{_WORD}])
    @(?P<user>[A-Za-z0-9_]++(?:[.-]++[A-Za-z0-9_]++)*+)
    @(?=[A-Za-z0-9.-]{{2}})[A-Za-z0-9]++(?:[.-]++[A-Za-z0-9]++)*+
    (?![{_WORD}@＠]|://)
    """,
    regex.VERBOSE | regex.IGNORECASE,
)
_ENDING = r"""[^\s()?!*"'「」<>;:=,.$%\[\]~&|@]"""
_GENERAL = r"[^\s<>()?]"
_BRACKETS = rf"\((?:{_GENERAL}++(?:\({_GENERAL}++\){_GENERAL}*+)?+|\({_GENERAL}++\){_GENERAL}*+)\)"
_FOREIGN = r"\u00a0-\ud7ff\uf900-\uffef\U00010000-\U000efffd"
_QUERY = rf"[\w{_FOREIGN}!?*'();:&=+$/%#\[\]\-.,~|@^]"
_BEHIND_HOST = regex.compile(
    rf"""
    (?::[0-9]++)?+
    (?:/(?:(?:{_GENERAL}|{_BRACKETS})*(?:{_ENDING}|{_BRACKETS}))?)?
    (?:\?{_QUERY}*[\w{_FOREIGN}&=\#/\-])?
    """,
    regex.VERBOSE,
)
# A conjunct of an Indic script: letters that Unicode 15.1 and later hold for one (UAX 29, rule GB9c).
_JOINED = regex.compile(r"\p{InCB=Linker}[\p{InCB=Extend}\p{InCB=Linker}]*\p{InCB=Consonant}")


def mastodon_length(
    text: str, warning: str = "", *, characters_reserved_per_url: int = RESERVED_PER_URL
) -> int:
    """The characters that Mastodon counts in a post of `text` behind the content warning `warning`.

    Grapheme clusters; a URL is `characters_reserved_per_url`, `@user@host` is `@user`. The warning is counted
    as it stands. https://docs.joinmastodon.org/user/posting/#text
    """
    return _graphemes(warning) + _graphemes(_countable(text, "x" * characters_reserved_per_url))


def raw_length(text: str, warning: str = "") -> int:
    """Code points, as GoToSocial, Takahe and Pixelfed count."""
    return len(warning) + len(text)


def safe_length(text: str, warning: str = "", *, characters_reserved_per_url: int = RESERVED_PER_URL) -> int:
    """The larger of both counts, for servers of which is not known how they count."""
    counted = mastodon_length(text, warning, characters_reserved_per_url=characters_reserved_per_url)
    return max(counted, raw_length(text, warning))


def _graphemes(text: str) -> int:
    """Grapheme clusters, with each letter of a conjunct for itself.

    Ruby, in which Mastodon counts, took conjuncts apart until its version 4.0.
    """
    if text.isascii() and "\r" not in text:
        return len(text)
    joined = sum(1 for _ in _JOINED.finditer(text, overlapped=True))
    return sum(1 for _ in regex.finditer(r"\X", text)) + joined


def _countable(text: str, url: str) -> str:
    """`text` with `url` in the place of each URL, and without the hosts of mentions."""
    parts, at = [], 0
    while (found := _LINK_OR_MENTION.search(text, at)) is not None:
        parts.append(text[at : found.start()])
        end = None if found["user"] else _end_of_link(found, text)
        at = end or found.end()
        if found["user"]:
            parts.append(f"@{found['user']}")
        elif end is None or at - found.start() > LONGEST_URL:
            parts.append(text[found.start() : at])
        else:
            parts.append(url)
    return "".join([*parts, text[at:]])


def _end_of_link(found: regex.Match[str], text: str) -> int | None:
    """Where the URL ends that `found` begins; None if it is none."""
    host = _host(found["host"])
    end = int(found.start("host")) + len(host)
    if not host or (host == found["host"] and text[end : end + 1] in {"@", "+"}):
        return None
    return int(_BEHIND_HOST.match(text, end).end()) if host == found["host"] else end


def _host(host: str) -> str:
    """The longest beginning of `host` that is a domain under a known top-level domain; "" if none is."""
    labels = host.split(".") if len(host) < LONGEST_URL else []
    while len(labels) > 1:
        top = labels[-1].lower()
        is_known = top in _top_level_domains() or regex.fullmatch(r"xn--[a-z0-9-]+", top)
        if is_known and "_" not in labels[-2] and not any(label[-1] in "_-" for label in labels):
            return ".".join(labels)
        labels.pop()
    return ""


@cache
def _top_level_domains() -> frozenset[str]:
    """Every top-level domain in lower case, those of other scripts as they are written there."""
    return frozenset(_readable(domain.lower()) for domain in TLDS) - _YOUNGER


def _readable(domain: str) -> str:
    return domain[4:].encode().decode("punycode") if domain.startswith("xn--") else domain
