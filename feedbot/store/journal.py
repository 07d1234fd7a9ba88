"""What feedbot noted on its way: findings, events, passes, and single values by name."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, delete, func, insert, select, update

from feedbot.model import EventKind, Finding, JsonObject, Level
from feedbot.store.db import from_us, to_us
from feedbot.store.schema import articles, events, feeds, files, findings, members, passes, state
from feedbot.store.statements import CHUNK, among, chunks, execute_rows, upsert

PASSES_KEPT = 200


class Event(Struct, frozen=True, kw_only=True):
    """One event, with the article's id and path."""

    kind: EventKind
    at: datetime
    id: str
    path: str


class Failure(Struct, frozen=True, kw_only=True):
    """Why the newest pass failed, and when."""

    at: datetime
    reason: str


def put_findings(connection: Connection, by_source: Mapping[str, Iterable[Finding]]) -> None:
    """Replace all findings of each source (a file, or a document) by these."""
    sources: Collection[str] = by_source
    if len(by_source) > CHUNK:  # nearly all of them have none, as all had at first
        sources = by_source.keys() & set(connection.scalars(select(findings.c.source).distinct()))
    for chunk in chunks(sources):
        connection.execute(delete(findings).where(findings.c.source.in_(chunk)))
    rows = [
        {"source": source, **{name: getattr(finding, name) for name in Finding.__struct_fields__}}
        for source, found in by_source.items()
        for finding in found
    ]
    if rows:
        connection.execute(insert(findings), rows)


def load_findings(connection: Connection) -> list[Finding]:
    """All findings, by path and line."""
    # The databases do not agree on where a missing line belongs.
    line, column = func.coalesce(findings.c.line, 0), func.coalesce(findings.c.column, 0)
    order = (findings.c.path, line, column, findings.c.number)
    return [_finding(row) for row in connection.execute(select(findings).order_by(*order))]


def load_findings_of(connection: Connection, sources: Collection[str]) -> dict[str, list[Finding]]:
    """The findings of each of these sources that has any, in the order in which they were put."""
    found: dict[str, list[Finding]] = {}
    statement = select(findings).order_by(findings.c.number)
    for row in among(connection, statement, findings.c.source, sources):
        found.setdefault(row.source, []).append(_finding(row))
    return found


def _finding(row: Any) -> Finding:
    values = {name: getattr(row, name) for name in Finding.__struct_fields__}
    return Finding(**{**values, "level": Level(row.level)})


def count_findings(connection: Connection) -> dict[str, int]:
    """How many findings there are of each level."""
    statement = select(findings.c.level, func.count()).group_by(findings.c.level)
    return dict(connection.execute(statement).all())


def add_events(connection: Connection, rows: Sequence[tuple[int, EventKind]], at: datetime) -> None:
    """Record events: (article key, kind).

    Those of one article have moments in their order, even if the clock was set back, or is another machine's:
    receivers go by them to know what is newer.
    """
    moment = to_us(at)
    latest = _latest(connection, [key for key, kind in rows if kind is not EventKind.PUBLISHED])
    moments = [(key, kind, max(moment, latest.get(key, 0) + 1)) for key, kind in rows]
    execute_rows(connection, _ADD, ("article_key", "kind", "at_us"), moments)


def _latest(connection: Connection, article_keys: Iterable[int]) -> dict[int, int]:
    """The moment of the last event of each of these articles that has one on record, in microseconds."""
    found = among(connection, _LAST, articles.c.key, article_keys)
    return {key: at_us for key, at_us in found if at_us is not None}


_ADD = insert(events)
# Of each article only its last event is read, of perhaps a thousand.
_LAST = select(
    articles.c.key,
    select(events.c.at_us)
    .where(events.c.article_key == articles.c.key)
    .order_by(events.c.number.desc())
    .limit(1)
    .scalar_subquery(),
)


class News(Struct, frozen=True, kw_only=True):
    """An event whose deliveries are not recorded yet, with its article."""

    number: int
    kind: EventKind
    at: datetime
    article_key: int
    body: str  # the article as text
    modified: datetime | None  # when its file was; None: it is gone, or still being written


def load_news(connection: Connection) -> list[News]:
    """The events that were not announced yet, the oldest first; nobody else announces them meanwhile."""
    waiting = (
        select(events.c.number).where(events.c.announced_us.is_(None)).order_by(events.c.number)
    ).with_for_update()
    numbers = list(connection.execute(waiting).scalars())
    statement = (
        select(events, articles.c.body, files.c.mtime_ns)
        .join(articles, articles.c.key == events.c.article_key)
        .outerjoin(files, files.c.article_key == articles.c.key)
    )
    found = {
        row.number: News(
            number=row.number,
            kind=EventKind(row.kind),
            at=from_us(row.at_us),
            article_key=row.article_key,
            body=row.body,
            modified=from_us(row.mtime_ns // 1000) if (row.mtime_ns or -1) >= 0 else None,
        )
        for row in among(connection, statement, events.c.number, numbers)
    }
    return [found[number] for number in numbers]


def mark_announced(connection: Connection, numbers: Iterable[int], at: datetime) -> None:
    """Note that the deliveries of these events are recorded."""
    for chunk in chunks(numbers):
        statement = update(events).where(events.c.number.in_(chunk))
        connection.execute(statement.values(announced_us=to_us(at)))


def unwritten(connection: Connection, article_keys: Iterable[int]) -> set[int]:
    """Those of these articles that are in a feed whose documents do not show it yet."""
    statement = select(members.c.article_key).join(feeds, feeds.c.key == members.c.feed_key)
    stale = statement.where(feeds.c.rendered < feeds.c.changed)
    return {key for (key,) in among(connection, stale, members.c.article_key, article_keys)}


def load_events(connection: Connection, limit: int) -> list[Event]:
    """The newest `limit` events, newest first."""
    statement = (
        select(events.c.kind, events.c.at_us, articles.c.id, articles.c.path)
        .join(articles)
        .order_by(events.c.number.desc())
        .limit(limit)
    )
    return [
        Event(kind=EventKind(row.kind), at=from_us(row.at_us), id=row.id, path=row.path)
        for row in connection.execute(statement)
    ]


def add_pass(connection: Connection, started: datetime, report: JsonObject) -> None:
    """Record a finished pass, with which none fails any more; forget all but the newest `PASSES_KEPT`."""
    put(connection, "failure", "")
    statement = (
        insert(passes).values(started_us=to_us(started), report=json.dumps(report)).returning(passes.c.number)
    )
    number = connection.execute(statement).scalar_one()
    connection.execute(delete(passes).where(passes.c.number <= number - PASSES_KEPT))


def load_passes(connection: Connection, limit: int) -> list[tuple[datetime, JsonObject]]:
    """The newest `limit` passes, newest first: when each started, and its report."""
    statement = select(passes).order_by(passes.c.number.desc()).limit(limit)
    return [(from_us(row.started_us), json.loads(row.report)) for row in connection.execute(statement)]


def put_failure(connection: Connection, at: datetime, reason: str) -> None:
    """Record that a pass failed."""
    put(connection, "failure", json.dumps({"at": at.isoformat(timespec="seconds"), "reason": reason}))


def load_failure(connection: Connection) -> Failure | None:
    """That of the newest pass; None: it finished, or there was none."""
    found = json.loads(get(connection, "failure") or "null")
    return Failure(at=datetime.fromisoformat(found["at"]), reason=found["reason"]) if found else None


def is_before_last_pass(connection: Connection, now: datetime) -> bool:
    """Whether the last pass began later than `now`, by its clock: that was set back, or is another's."""
    newest = select(passes.c.started_us).order_by(passes.c.number.desc()).limit(1)
    started_us = connection.execute(newest).scalar()
    return started_us is not None and started_us > to_us(now)


def get(connection: Connection, name: str) -> str | None:
    """The value noted under `name`, if any."""
    value = connection.execute(select(state.c.value).where(state.c.name == name)).scalar()
    return str(value) if value is not None else None


def load(connection: Connection) -> dict[str, str]:
    """All that is noted, by name."""
    return dict(connection.execute(select(state.c.name, state.c.value)).all())


def note(connection: Connection, noted: Mapping[str, str], name: str, value: str) -> bool:
    """Note `value` under `name` unless it is what is `noted` there (by `load`); whether it is another."""
    is_new = noted.get(name, "") != value
    if is_new:
        put(connection, name, value)
    return is_new


def put(connection: Connection, name: str, value: str) -> None:
    """Note `value` under `name`."""
    upsert(connection, state, [{"name": name, "value": value}])
