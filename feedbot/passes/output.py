"""The place of the output and the store's record of it: what was written, what is not ours, what is to go.

The place writes and removes. This notes it, so that the next pass makes up for one that is cut short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from feedbot.model import Finding
from feedbot.places import NOWHERE, Confirm, DocumentFate, DocumentRow, Place, Published
from feedbot.places.bucket.documents import Bucket
from feedbot.places.bucket.objects import PATIENCE, Objects
from feedbot.places.folder import Folder
from feedbot.render import bears_mark
from feedbot.store import documents, journal

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.config import Config


@dataclass(kw_only=True)
class RefreshReport:
    """What became of documents."""

    written: int = 0  # the bytes changed
    removed: int = 0
    foreign: list[str] = field(default_factory=list)  # paths that something else occupies
    pings: int = 0  # recorded, for the hub to be told of feeds
    overtaken: list[str] = field(default_factory=list)  # paths that another feedbot wrote meanwhile


class Owner(Struct, frozen=True, kw_only=True):
    """Whose a document is: a feed's, or one of its archives'; neither: it names all feeds."""

    feed_key: int | None = None
    archive_key: int | None = None

    @property
    def source(self) -> str:
        """What the findings about its documents go by."""
        if self.archive_key is not None:
            return f"output:archive:{self.archive_key}"
        return "output:index" if self.feed_key is None else f"output:{self.feed_key}"


class Recorded(Struct, frozen=True, kw_only=True):
    """What is to follow from documents that were published."""

    whole: set[Owner]  # whose documents are all where they belong
    unwanted: list[str]  # paths of documents that are to go


class Output(Struct, frozen=True, kw_only=True):
    """The output as the store knows it."""

    place: Place
    shown: Callable[[str], str]  # the path of a document, as the operator knows it

    def record(
        self,
        connection: Connection,
        published: Mapping[Owner, Sequence[Published]],
        known: Mapping[str, DocumentRow],
        report: RefreshReport,
    ) -> Recorded:
        """Note documents, and what is in their way; the rest of what was on record, `known`, is to go."""
        paths = {result.path for results in published.values() for result in results}
        unwanted = self._discard(connection, (row for path, row in known.items() if path not in paths))
        ours: list[DocumentRow] = []
        findings: dict[str, list[Finding]] = {}
        for owner, results in published.items():
            foreign = [result.path for result in results if result.fate is DocumentFate.FOREIGN]
            ours += [_row(owner, result) for result in results if result.fate is not DocumentFate.FOREIGN]
            findings[owner.source] = [self._foreign(path) for path in foreign]
            report.foreign += foreign
            report.overtaken += [one.path for one in results if one.fate is DocumentFate.OVERTAKEN]
            report.written += sum(one.fate is DocumentFate.WRITTEN for one in results)
        documents.put(connection, ours)
        journal.put_findings(connection, findings)
        whole = {
            owner for owner, results in published.items() if all(one.fate.is_in_place for one in results)
        }
        return Recorded(whole=whole, unwanted=unwanted)

    def _discard(self, connection: Connection, unwanted: Iterable[DocumentRow]) -> list[str]:
        """Note that these are to be removed in the end; returns their paths.

        If this process ends before they are, the next full pass finds them changed.
        """
        rows = [replace(document, mtime_ns=NOWHERE) for document in unwanted]
        documents.put(connection, rows)
        return [row.path for row in rows]

    def _foreign(self, path: str) -> Finding:
        return Finding(
            path=self.shown(path),
            what="this was not written by feedbot, so it was left alone and the document is missing",
            hint="move it away, or give `feeds.path` a folder of its own",
        )


def _row(owner: Owner, result: Published) -> DocumentRow:
    return DocumentRow(
        path=result.path,
        feed_key=owner.feed_key,
        archive_key=owner.archive_key,
        mtime_ns=result.mtime_ns,
        size=result.size,
        digest=result.digest,
        e_tag=result.e_tag,
    )


def output_of(config: Config, confirm: Confirm = lambda: inf, *, patience: timedelta = PATIENCE) -> Output:
    """The output of a configuration. Raises ConfigError if it lies in a bucket and the extra is missing.

    `confirm` is called just before a document is put into its place, and raises if that must not be.
    `patience` is how long an object store may take for one answer.
    """
    place = config.feeds.place
    if isinstance(place, Path):
        folder = Folder(path=place, is_ours=bears_mark, confirm=confirm)
        return Output(place=folder, shown=lambda path: config.shown(place / path))
    objects = Objects(place, config.access, patience=patience)
    return Output(place=Bucket(objects, bears_mark, config.serve.max_age, confirm), shown=objects.shown)
