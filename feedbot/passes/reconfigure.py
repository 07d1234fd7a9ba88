"""What a new configuration, or a new feedbot, changes in the store, found by comparing fingerprints.

Each kind of change has its own cost: how files are read (all are read again), which feeds there are and what
they select (memberships are made anew), how documents look (all are rendered again), and where they go and
with which headers (all are written again).
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import to_builtins

from feedbot import __version__
from feedbot.articletext import load_outline
from feedbot.batches import batches
from feedbot.config import BucketAddress
from feedbot.model import Finding, Level
from feedbot.passes.changes import ChangeWriter
from feedbot.passes.index import touch_index
from feedbot.passes.leftovers import expect_leftovers
from feedbot.passes.membership import Catalogue
from feedbot.places import NOWHERE
from feedbot.store import archives, articles, documents, feeds, files, journal
from feedbot.store.articles import StoredArticle
from feedbot.store.feeds import Membership

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.config import Config

BATCH = 1000  # articles held in memory at a time

Noted = Mapping[str, str]  # what `journal` has, by name

log = logging.getLogger(__name__)


def reconfigure(
    connection: Connection, noted: Noted, config: Config, catalogue: Catalogue, reading: str, now: datetime
) -> bool:
    """Bring the store in line with `config`; returns whether all files are to be read again.

    `noted` is what the last pass noted, `reading` the fingerprint of all that decides what a file's bytes
    mean.
    """
    reread = journal.note(connection, noted, "reading", fingerprint(reading, config.feeds.max_item_size))
    reread |= _is_inside_out(connection, noted, config)
    if reread:
        files.distrust_all(connection)
    if journal.note(connection, noted, "selection", _selection(config)):
        _select_anew(connection, catalogue, now)
    moved = _is_elsewhere(connection, noted, config)
    if moved:
        documents.forget_all(connection)
    if journal.note(connection, noted, "headers", str(config.serve.max_age) if _is_bucket(config) else ""):
        documents.distrust_all(connection, mtime_ns=NOWHERE)
    if journal.note(connection, noted, "appearance", _appearance(config)) or moved:
        feeds.touch_all(connection)
        archives.touch_all(connection)
        touch_index(connection)
        expect_leftovers(connection)
    _compare_id_base(connection, noted, config)
    return reread


def _compare_id_base(connection: Connection, noted: Noted, config: Config) -> None:
    """Tell of another `id_base`, which does less than who changed it may think."""
    before = noted.get("id_base")
    is_new = journal.note(connection, noted, "id_base", config.site.id_base)
    if is_new and before is not None and articles.are_there(connection):
        log.warning(
            "site.id_base is another than before (%s): articles that are known keep their ids, and only those"
            " of new ones begin with it. Put it back; or, if nobody has subscribed yet, stop feedbot and"
            " remove the state, which gives all of them new ids",
            before,
        )


def has_other_folders(noted: Noted, config: Config) -> bool:
    """Whether the articles lie in other folders than at the last pass."""
    return _folders_before(noted, config) != _folders(config)


def _is_inside_out(connection: Connection, noted: Noted, config: Config) -> bool:
    """Whether a content folder lies in one of the last pass, or around it; notes those of now.

    The addresses of the same files are counted from another folder then.
    """
    before, now = _folders_before(noted, config), _folders(config)
    journal.note(connection, noted, "folders", json.dumps(now))
    pairs = [(f"{one}/", f"{other}/") for one in now for other in before if one != other]
    return any(one.startswith(other) or other.startswith(one) for one, other in pairs)


def _folders(config: Config) -> list[str]:
    """The content folders, called as their files are."""
    return sorted(map(config.shown, config.content.paths))


def _folders_before(noted: Noted, config: Config) -> list[str]:
    """Those of the last pass; feedbot 0.2 noted none, and then they count as the same."""
    return list(json.loads(noted["folders"])) if "folders" in noted else _folders(config)


def _is_elsewhere(connection: Connection, noted: Noted, config: Config) -> bool:
    """Whether the place of documents is another one now than the state knows."""
    is_new = journal.note(connection, noted, "place", _place(config))
    return is_new and ("place" in noted or _is_bucket(config))  # feedbot 0.2 noted no folder


def _place(config: Config) -> str:
    """Where documents lie: a bucket, or a folder as seen from config.yaml, for both may move together."""
    place = config.feeds.place
    return f"{place} at {config.access.endpoint}" if isinstance(place, BucketAddress) else config.shown(place)


def _is_bucket(config: Config) -> bool:
    return isinstance(config.feeds.place, BucketAddress)


def fingerprint(*values: object) -> str:
    """A digest of plain values; equal values give equal digests in every process."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _selection(config: Config) -> str:
    """Of what decides which feeds there are and which articles are in them."""
    return fingerprint(
        {name: [topic.feed, topic.slug] for name, topic in config.feeds.topics.items()},
        [[feed.name, feed.slug, feed.where.model_dump()] for feed in config.feeds.named],
    )


def _appearance(config: Config) -> str:
    """Of what decides the bytes of a document and its place, beside the articles in it."""
    looks = config.feeds.model_dump(mode="json", exclude={"hub_delay"})
    return fingerprint(__version__, to_builtins(config.site_model()), looks)


def _select_anew(connection: Connection, catalogue: Catalogue, now: datetime) -> None:
    """Bring feeds, slugs and memberships in line with a new selection."""
    writer = ChangeWriter(connection=connection, catalogue=catalogue, now=now, muted=frozenset())
    writer.register(catalogue.permanent())
    taken: list[Finding] = []
    rows = feeds.load(connection)
    feeds.set_active(connection, {row.key: catalogue.wants((row.kind, row.name)) for row in rows})
    for row in rows:
        name = (row.kind, row.name)
        pinned = catalogue.pinned_slug(name)
        if pinned and pinned != row.slug:
            given = feeds.give_slug(connection, row.key, pinned)
            writer.touched.add(row.key)
            if given != pinned:
                taken.append(_slug_taken(row.title, pinned, given))
    journal.put_findings(connection, {"slugs": taken})
    for batch in batches(articles.live(connection), BATCH):
        _enter_anew(writer, batch)
    writer.close()


def _slug_taken(title: str, wanted: str, given: str) -> Finding:
    return Finding(
        path="config.yaml",
        what=f"the slug {wanted!r} belongs to another feed, or did once, so {title!r} has {given!r}",
        hint="readers of the other feed would get this one: choose another slug",
        level=Level.WARNING,
    )


def _enter_anew(writer: ChangeWriter, batch: Sequence[StoredArticle]) -> None:
    """Put live articles into the feeds that take them now, and out of the others."""
    before = articles.memberships(writer.connection, [stored.key for stored in batch])
    joining: list[Membership] = []
    leaving: list[Membership] = []
    after = writer.feeds_of([load_outline(stored.row.body) for stored in batch])
    for stored, now in zip(batch, after, strict=True):
        was = before.get(stored.key, set())
        joining += [(key, stored.key, stored.row.published_us) for key in now - was]
        leaving += [(key, stored.key, stored.row.published_us) for key in was - now]
        writer.touched |= was ^ now
    writer.move(leaving=leaving, joining=joining)
