"""Conditional and partial requests (RFC 9110, sections 13 and 14). Pure: header values in, a decision out.

A tag is an ETag with its quotes. `modified` is the date of the document in whole seconds since 1970, None
where it has none that could tell this content from a later one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

Unsatisfiable = Literal["unsatisfiable"]
UNSATISFIABLE: Unsatisfiable = "unsatisfiable"

_TAG = re.compile(r'(W/)?("[^"]*")')
_UNIT = re.compile(r"[ \t]*bytes=(.*)", re.IGNORECASE | re.DOTALL)
_SPAN = re.compile(r"[ \t]*([0-9]*)-([0-9]*)[ \t]*")
_ENDLESS = 10**18


class Span(NamedTuple):
    """A part of a document, from its first byte to its last."""

    first: int
    last: int


def is_refused(
    tags: Sequence[str], modified: int | None, *, match: str | None, unmodified_since: str | None
) -> bool:
    """Whether If-Match, or without it If-Unmodified-Since, rules the document out (13.1.1, 13.1.4): 412.

    `tags` are those of the document in each coding that the client takes.
    """
    if match is not None:
        return match.strip() != "*" and not any(tag in tags for weak, tag in _TAG.findall(match) if not weak)
    if unmodified_since is None or modified is None:
        return False
    moment = seconds(unmodified_since)
    return moment is not None and modified > moment


def is_current(
    tags: Sequence[str], modified: int | None, *, none_match: str | None, modified_since: str | None
) -> str | None:
    """The tag of what the client has already, if that is current (13.1.2, 13.1.3): 304. Tags win over dates.

    It is the first of `tags`, the best of those that the client takes now, or another that it names.
    """
    if none_match is not None:
        return _named(tags, none_match)
    if modified_since is None or modified is None:
        return None
    moment = seconds(modified_since)
    return tags[0] if moment is not None and modified <= moment else None


def _named(tags: Sequence[str], none_match: str) -> str | None:
    if none_match in tags:  # as most clients say it
        return none_match
    if none_match.strip() == "*":
        return tags[0]
    named = {tag for _, tag in _TAG.findall(none_match)}  # weak ones count as well (13.1.2)
    return next((tag for tag in tags if tag in named), None)


def is_same(tag: str, modified: int | None, if_range: str | None) -> bool:
    """Whether the client's part belongs to this document (13.1.5); `if_range` is None if it did not ask."""
    if if_range is None:
        return True
    if '"' in if_range:
        return if_range.strip() == tag  # a weak one never is
    return modified is not None and seconds(if_range) == modified


def wanted_part(range_: str, size: int) -> Span | Unsatisfiable | None:
    """The part that Range asks for (14.2).

    None stands for the whole: for several parts, for another unit, and for what is not in the grammar.
    """
    unit = _UNIT.fullmatch(range_)
    span = _SPAN.fullmatch(unit[1]) if unit else None
    if span is None or span[1] == span[2] == "":
        return None
    if span[1] == "":
        length = _number(span[2])
        return Span(max(0, size - length), size - 1) if length and size else UNSATISFIABLE
    first, last = _number(span[1]), _number(span[2]) if span[2] else _ENDLESS
    if last < first:
        return None
    return Span(first, min(last, size - 1)) if first < size else UNSATISFIABLE


def _number(digits: str) -> int:
    return int(digits) if len(digits) < 18 else _ENDLESS


def seconds(date: str) -> float | None:
    """Seconds since 1970 of an HTTP date, which is in GMT whether it says so or not; None if it is none."""
    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
