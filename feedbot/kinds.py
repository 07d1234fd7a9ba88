"""Which paths are documents, of what kind, and what is told of each kind. Pure.

Only what feedbot writes has a kind: nothing hidden, no other file that happens to lie in the output folder.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import Enum
from typing import NamedTuple

from feedbot.model import FILENAMES, MEDIA_TYPES


class Kind(Enum):
    """What a document is to those who ask for it; headers follow from that."""

    FEED = "feed"
    ARCHIVE = "archive"  # an older part of a feed, which new articles never change (RFC 5005)
    OUTLINE = "outline"  # OPML
    PAGE = "page"
    STATIC = "static"  # what pages load

    @property
    def is_open(self) -> bool:
        """Whether scripts of other sites may read it: it is made for programs."""
        return self in {Kind.FEED, Kind.ARCHIVE, Kind.OUTLINE}


class Label(NamedTuple):
    """What is known of a document by its path alone."""

    kind: Kind
    media_type: str


UTF8 = "; charset=utf-8"
TEXT = "text/plain" + UTF8
# What documents are called, beside those of feeds; and the folder that archives lie in.
INDEX = "index.html"
STYLE, SCRIPT = "page.css", "page.js"
ARCHIVES = "archive"
# JSON has no charset, it is UTF-8 (RFC 8259, sections 8.1 and 11).
FEEDS = {
    FILENAMES[format_]: type_ + (UTF8 if type_.endswith("xml") else "")
    for format_, type_ in MEDIA_TYPES.items()
}
AT_THE_TOP = {STYLE: "text/css" + UTF8, SCRIPT: "text/javascript" + UTF8}
ARCHIVE_AGE = timedelta(hours=1)  # they change only when an article is corrected or withdrawn
_NUMBER = re.compile(r"[0-9]+")


def label_of(path: str) -> Label | None:
    """What lies at `path`, relative to the output folder, should it exist; None for what is never served."""
    parts = path.split("/")
    if any(part == "" or part.startswith(".") or "\\" in part or "\0" in part for part in parts):
        return None
    name = parts[-1]
    if name in FEEDS:
        return Label(Kind.ARCHIVE if _is_archive(parts) else Kind.FEED, FEEDS[name])
    if name == INDEX:
        return Label(Kind.PAGE, "text/html" + UTF8)
    if name.endswith(".opml"):
        return Label(Kind.OUTLINE, "text/x-opml" + UTF8)
    if path in AT_THE_TOP:
        return Label(Kind.STATIC, AT_THE_TOP[path])
    return None


def _is_archive(parts: list[str]) -> bool:
    return len(parts) > 2 and parts[-3] == ARCHIVES and _NUMBER.fullmatch(parts[-2]) is not None


def age_of(kind: Kind, max_age: timedelta) -> int:
    """Seconds that a document may be kept; `max_age` is how long one may that is not of an archive."""
    return int((max(max_age, ARCHIVE_AGE) if kind is Kind.ARCHIVE else max_age).total_seconds())


def document_path(path: str) -> str:
    """The document that a URL's path means, without its first slash: that of a folder is its page."""
    return path + INDEX if path == "" or path[-1] == "/" else path
