"""The comparison: what a newsroom writes that begins with the same files and configuration as another.

Owns what of the other it may know, for that is meant to be remembered.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from newsroom import SITE, Newsroom
from small_store import SmallStore
from sqlalchemy import Connection, Engine, Table, delete, insert, select

from feedbot.store import journal
from feedbot.store.schema import articles, feeds, files, leases, metadata, slugs

if TYPE_CHECKING:
    from chronicle import Chronicle

State = list[tuple[Table, list[dict[str, Any]]]]  # the rows of each table
Findings = dict[str, list[str]]


def forget_everything(engine: Engine) -> None:
    """Empty a database."""
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table is not leases:  # its rows come with the tables
                connection.execute(delete(table))


def copy_of(engine: Engine) -> State:
    """All that a database holds."""
    with engine.begin() as connection:
        tables = [table for table in metadata.sorted_tables if table is not leases]
        return [
            (table, [dict(row) for row in connection.execute(select(table)).mappings()]) for table in tables
        ]


def put_back(engine: Engine, state: State) -> None:
    """Let a database hold what it held once."""
    forget_everything(engine)
    with engine.begin() as connection:
        for table, rows in state:
            if rows:
                connection.execute(insert(table), rows)


def first_build(room: Newsroom, chronicle: Chronicle) -> tuple[dict[str, bytes], Findings]:
    """What `room` writes into a folder when it begins with the same files and configuration, and finds.

    All that it may know is what is to be remembered: the ids of articles, by their front matter, and what
    `_memory` says of feeds.
    """
    forget_everything(room.engine)
    for folder in ("feeds", "content", "more"):
        shutil.rmtree(room.folder / folder, ignore_errors=True)
    setting = chronicle.setting
    here = {**setting.feeds, "path": "feeds"}
    other = type(chronicle)(room, SmallStore(), replace(setting, feeds=here))
    room.now = chronicle.room.now
    ids = chronicle.room.scalar(_ids)
    for name, story in chronicle.seen.items():
        other.write(name, story, id=ids.get(name))
    of_feeds, of_slugs = chronicle.room.scalar(_memory)
    with room.engine.begin() as connection:
        for row in of_feeds:
            if setting.options_of((row["kind"], row["name"])) is not None:
                row["title"] = "as the configuration spells it"
            connection.execute(insert(feeds).values(**row, active=True, changed=1, rendered=0))
        for row in of_slugs:
            connection.execute(insert(slugs).values(**row))
    room.build()
    return other.tree(), findings_of(other)


def findings_of(chronicle: Chronicle) -> Findings:
    """What is said of the files that are as the last pass read them."""
    told: Findings = {}
    for finding in chronicle.room.scalar(journal.load_findings):
        name = finding.path
        if name in chronicle.seen or name in chronicle.stories:
            told.setdefault(name, []).append(finding.what)
    return told


def _ids(connection: Connection) -> dict[str, str]:
    """The id of the article in each file that is one, without what all begin with."""
    joined = select(files.c.path, articles.c.id).join(articles, articles.c.key == files.c.article_key)
    found = dict(connection.execute(joined).all())
    assert len(set(found.values())) == len(found)
    return {path: id_.removeprefix(SITE["id_base"]) for path, id_ in found.items()}


def _memory(connection: Connection) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Of feeds, the names as first seen and the last date of one that is empty; all slugs there ever were."""
    kept = [feeds.c[name] for name in ("key", "kind", "name", "title", "updated_us", "first_slug")]
    of_feeds = connection.execute(select(*kept)).mappings()
    return [dict(row) for row in of_feeds], [
        dict(row) for row in connection.execute(select(slugs)).mappings()
    ]


def without_archives(tree: dict[str, bytes]) -> dict[str, bytes]:
    """The documents without archives, and without the links to them."""
    links = re.compile(rb'\s*<[^<>]*rel="prev-archive"[^<>]*/>|"next_url": "[^"]*", ')
    return {path: links.sub(b"", body) for path, body in tree.items() if "archive/" not in path}


def assert_same(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    """Fail at the first difference between two outputs."""
    assert sorted(found) == sorted(expected)
    for path, body in expected.items():
        assert found[path].decode() == body.decode(), path
