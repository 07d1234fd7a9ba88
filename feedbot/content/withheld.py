"""Whether a file is for nobody's eyes yet: what its front matter, its name and its folder say.

Owns the words in which articles are held back, those of feedbot and those of the programs that articles come
from. What it cannot make out keeps the article back too: a draft that is published cannot be called back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final, TypeAlias

from feedbot.content import values
from feedbot.content.fields import Matter
from feedbot.model import Level
from feedbot.yamltree import Path


class Reason(StrEnum):
    """Why a sound file is in no feed."""

    UNPUBLISHED = "unpublished"  # published: false
    REMOVED = "removed"  # removed: true
    DRAFT = "draft"  # draft: true, or below a folder _drafts
    HIDDEN = "hidden"  # to be read by some, or by nobody
    LEFT_OUT = "left out"  # by its name
    EXCLUDED = "excluded"  # feed: false
    UNDATED = "undated"  # no date; never "now"
    EMPTY = "empty"  # nothing in the file, or nothing in its front matter
    NO_FRONT_MATTER = "no front matter"  # a page of another kind


# `future` and `scheduled` only say that the date lies ahead, or lay ahead once: the date is read anyway.
_SHOWN: Final = {
    "published", "publish", "public", "live", "online", "active", "enabled", "listed", "visible", "everyone",
    "future", "scheduled",
}  # fmt: skip
_DRAFTS: Final = {"draft", "drafts", "auto-draft", "pending", "unpublished"}
_HIDDEN: Final = {
    "hidden", "private", "unlisted", "internal", "members", "paid", "tiers", "password", "protected", "sent",
    "skip", "disabled", "inactive", "archived", "trash", "deleted", "removed", "expired",
}  # fmt: skip

_Rule: TypeAlias = Callable[[Matter, str], Reason | None]


def withheld(matter: Matter, folders: Sequence[str], filename: str) -> Reason | None:
    """Why a file below `folders` is held back; None for one that is not."""
    given = matter.keys
    for field, rule in _RULES:
        if field in given and (reason := rule(matter, field)) is not None:
            return reason
    if "_drafts" in folders or ".draft." in filename:
        return Reason.DRAFT
    if filename.startswith("_"):
        matter.note(
            "the file's name begins with _, so this is in no feed",
            "rename it if it is an article",
            level=Level.INFO,
        )
        return Reason.LEFT_OUT
    return None


# --- what a field says ---


def _if(said: bool, reason: Reason) -> _Rule:
    def by_flag(matter: Matter, field: str) -> Reason | None:
        return reason if values.says(matter, field, said) else None

    return by_flag


def _feed(matter: Matter, field: str) -> Reason | None:
    """`feed: false`; a mapping says how the site's own feed is made."""
    found = matter.get(field)
    if found is None or isinstance(found[1], list | dict):
        return None
    return Reason.EXCLUDED if values.says(matter, field, False) else None


def _flag(matter: Matter, field: str) -> Reason | None:
    path = values.says(matter, field, True)
    return _hidden(matter, path) if path else None


def _word(matter: Matter, field: str) -> Reason | None:
    """`status: draft`, `visibility: members`, or a number or yes-or-no value that means the like."""
    for path, value in matter.each(field):
        word = _lower(value)
        says = values.YES_OR_NO.get(word)
        if says or word in _SHOWN:
            continue
        if says is not None or word in _DRAFTS or word in _HIDDEN:
            return _hidden(matter, path, Reason.HIDDEN if word in _HIDDEN else Reason.DRAFT)
        matter.warn(
            path,
            f"`{path[0]}` says nothing that feedbot knows, so the article is kept back",
            f"write {_WORDS[field]}, or let config.yaml say `content: {{fields: {{{field}: []}}}}`",
        )
        return Reason.DRAFT
    return None


_WORDS: Final = {"status": "published or draft", "visibility": "public or private"}


def _when(hides: Callable[[Any], bool]) -> _Rule:
    def by_value(matter: Matter, field: str) -> Reason | None:
        return next((_hidden(matter, path) for path, value in matter.each(field) if hides(value)), None)

    return by_value


def _is_in_no_list(value: Any) -> bool:
    """Hugo's `build` of a page that is in no list, or that there is none of."""
    return isinstance(value, dict) and (
        _lower(value.get("list")) in {"never", "local", "false"}
        or _lower(value.get("render")) in {"never", "false"}
    )


def _lower(value: Any) -> str:
    return str(value).strip().lower()


def _hidden(matter: Matter, path: Path, reason: Reason = Reason.HIDDEN) -> Reason:
    """`reason`, and the key for whoever asks, unless that was said: it is the word of another program."""
    if not matter.findings:
        matter.warn(path, f"`{path[0]}` keeps this article back", level=Level.INFO)
    return reason


_RULES: Final[tuple[tuple[str, _Rule], ...]] = (
    ("shown", _if(False, Reason.UNPUBLISHED)),
    ("removed", _if(True, Reason.REMOVED)),
    ("draft", _if(True, Reason.DRAFT)),
    ("status", _word),
    ("visibility", _word),
    ("hidden", _flag),
    ("password", _when(lambda value: value is not False)),
    ("build", _when(_is_in_no_list)),
    ("permalink", _when(lambda value: value is False)),  # Eleventy has no page then
    ("feed", _feed),
)
