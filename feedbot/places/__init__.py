"""The place that documents go to: what a folder and a bucket have in common.

Whoever publishes hands over what the state knows of each document, read before anything was rendered, and
notes what comes back. A place that others can write to at the same time goes by that: it replaces what the
state knew of, and nothing newer.

What helps with a pass can be lent a place: it may write there for as long as it is certain, without asking,
that the pass is still ours to make.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol, Self, TypeAlias

from msgspec import Struct

from feedbot.clock import uptime
from feedbot.model import Document

NOWHERE = -1  # as a modification time: not what any document has, so it is looked at, and written, again


# Asked just before a document is put into its place or removed: the `uptime` until which that may be done
# without asking again. Raises if it must not be.
Confirm: TypeAlias = Callable[[], float]


class Overdue(Exception):  # noqa: N818 - no error: who lent the place is to go on
    """A place was lent, and is not any more."""


class Lent(Struct, frozen=True):
    """A `Confirm` for the children of a process, which cannot ask: it holds as long as it would without."""

    until: float  # `uptime`
    lender: int  # pid

    def __call__(self) -> float:
        """The end of the time for which the place was lent. Raises Overdue."""
        if uptime() > self.until or os.getppid() != self.lender:
            raise Overdue
        return self.until


class DocumentFate(StrEnum):
    """What became of a document."""

    WRITTEN = "written"
    SAME = "same"  # the bytes were there already
    FOREIGN = "foreign"  # something that feedbot did not write is in its place, and was left alone
    OVERTAKEN = "overtaken"  # another feedbot wrote it meanwhile; that was left alone, and is to be noted

    @property
    def is_in_place(self) -> bool:
        """Whether the document is where it belongs."""
        return self in {DocumentFate.WRITTEN, DocumentFate.SAME}


class Published(Struct, frozen=True, kw_only=True):
    """A document's fate, and what is in its place now (nothing is told of what is foreign)."""

    path: str
    fate: DocumentFate
    mtime_ns: int = 0
    size: int = 0
    digest: str = ""  # SHA-256 of the bytes
    e_tag: str | None = None  # what a bucket calls this content; "": nothing is there; None: not in a bucket


class Stamp(Protocol):
    """By what the state knows a document again that feedbot wrote."""

    @property
    def mtime_ns(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def e_tag(self) -> str | None: ...


class DocumentRow(Struct, frozen=True, kw_only=True):
    """A document on record that feedbot wrote, with the stat it had then, or the bucket's name for it."""

    path: str
    feed_key: int | None
    archive_key: int | None = None
    mtime_ns: int
    size: int
    digest: str | None  # SHA-256 of its bytes; None: not known
    e_tag: str | None = None  # "": it is gone from the bucket; None: it is not in one


class PlaceLook(Protocol):
    """What a look at the place found."""

    def is_as_recorded(self, path: str, known: Stamp) -> bool:
        """Whether the document at `path` is what the state knows; True also where that is not known."""

    def e_tag(self, path: str) -> str | None:
        """What a bucket calls what lies at `path`; "": nothing is there; None: there is nothing to note."""


class Place(Protocol):
    """A place for documents. Every method may raise PublishError."""

    def prepare(self) -> None:
        """Make it ready for a process that is about to write."""

    def look(self, *, anew: bool) -> PlaceLook:
        """See what is there, for finding what somebody else removed or changed.

        `anew` says that others have written there: what was seen some time ago will not do.
        """

    def publish(self, documents: Sequence[Document], known: Mapping[str, DocumentRow]) -> list[Published]:
        """Write those that differ, each whole or not at all; `known` are the documents on record, by path."""

    def lend(self) -> Self | None:
        """This place for a process that helps, until Overdue; None: it cannot be lent."""

    def remove(self, paths: Iterable[str]) -> None:
        """Remove documents that feedbot wrote."""

    def names_in(self, path: str) -> list[str]:
        """What lies in the folder at `path` ("": the top), in order; nothing where there is none."""

    def holds_ours(self, path: str) -> bool:
        """Whether a document with feedbot's mark lies at `path`."""

    def read(self, path: str) -> bytes | None:
        """The bytes of the document at `path`, or None where there is none."""
