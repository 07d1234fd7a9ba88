"""The place of the output and the store's record of it: what was written, what is not ours, what is to go.

The place writes and removes. This notes it, so that the next pass makes up for one that is cut short.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from feedbot.bucket.documents import Bucket
from feedbot.bucket.objects import Objects
from feedbot.model import Finding
from feedbot.place import NOWHERE, Outcome, Place, Published
from feedbot.publish import Folder
from feedbot.render import bears_mark
from feedbot.store import feeds, journal
from feedbot.store.feeds import DocumentRow

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose a document is: a feed's, or one of its archives'; neither: it names all feeds."""

    feed_key: int | None = None
    archive_key: int | None = None

    @property
    def source(self) -> str:
        """What the findings about its documents go by."""
        if self.archive_key is not None:
            return f"output:archive:{self.archive_key}"
        return "output:index" if self.feed_key is None else f"output:{self.feed_key}"


@dataclass(frozen=True, kw_only=True)
class Output:
    """The output as the store knows it."""

    place: Place
    shown: Callable[[str], str]  # the path of a document, as the operator knows it

    def record(
        self,
        connection: Connection,
        owner: Owner,
        results: Sequence[Published],
        report: RefreshReport,
        *,
        doubtful: Collection[str] = (),
    ) -> bool:
        """Note documents and findings; returns whether all documents are where they belong.

        What another process noted meanwhile, of those that are `doubtful`, is left as it is.
        """
        foreign = [result.path for result in results if result.outcome is Outcome.FOREIGN]
        overtaken = [result.path for result in results if result.outcome is Outcome.OVERTAKEN]
        ours = [
            DocumentRow(
                path=result.path,
                feed_key=owner.feed_key,
                archive_key=owner.archive_key,
                mtime_ns=result.mtime_ns,
                size=result.size,
                digest=result.digest,
                e_tag=result.e_tag,
            )
            for result in results
            if result.outcome is not Outcome.FOREIGN and result.path not in doubtful
        ]
        feeds.put_documents(connection, ours)
        journal.put_findings(connection, {owner.source: [self._foreign(path) for path in foreign]})
        report.written += sum(result.outcome is Outcome.WRITTEN for result in results)
        report.foreign += foreign
        report.overtaken += overtaken
        return not (foreign or overtaken or any(result.path in doubtful for result in results))

    def discard(self, connection: Connection, documents: Iterable[DocumentRow]) -> list[str]:
        """Note that these are to be removed in the end; returns their paths.

        If this process ends before they are, the next full pass finds them changed.
        """
        rows = [replace(document, mtime_ns=NOWHERE) for document in documents]
        feeds.put_documents(connection, rows)
        return [row.path for row in rows]

    def _foreign(self, path: str) -> Finding:
        return Finding(
            path=self.shown(path),
            what="this was not written by feedbot, so it was left alone and the document is missing",
            hint="move it away, or give `feeds.path` a folder of its own",
        )


def doubtful_paths(before: Mapping[str, DocumentRow], now: Mapping[str, DocumentRow]) -> set[str]:
    """The documents that another process has noted something of, between two looks at the record. Pure."""
    return {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}


def output_of(config: Config, confirm: Callable[[], None] = lambda: None) -> Output:
    """The output of a configuration. Raises ConfigError if it lies in a bucket and the extra is missing.

    `confirm` is called just before anything is put into a bucket or removed there, and raises if that must
    not be.
    """
    place = config.feeds.place
    if isinstance(place, Path):
        return Output(
            place=Folder(path=place, is_ours=bears_mark), shown=lambda path: config.shown(place / path)
        )
    objects = Objects(place, config.access)
    return Output(place=Bucket(objects, bears_mark, config.serve.max_age, confirm), shown=objects.shown)
