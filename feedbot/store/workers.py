"""The processes that work on one state, and which of them makes the passes: by a lease in the store.

The lease is its holder's until another takes it, which anybody may once it has run out. Each new holder has a
higher term, so that whoever was stopped and goes on finds out before it writes. Its holder also says what is
sent, and how: who has another setup, as while an old worker runs beside a new one, sends nothing meanwhile.
All moments are by the database's clock: those of machines differ, and jump.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Connection,
    bindparam,
    case,
    delete,
    literal_column,
    null,
    select,
    text,
    update,
)

from feedbot.errors import StoreError
from feedbot.process import is_over, runs_here, this_process
from feedbot.store.db import from_us, from_us_or_none
from feedbot.store.engines import session_of
from feedbot.store.schema import HEAD, PASSES, leases, workers
from feedbot.store.statements import count_rows, database_now_us, insert_new, upsert

LENGTHS = {"sqlite": 10.0, "postgresql": 3.0}  # seconds; one machine sees by itself that a process has ended
KEPT_US = 3600 * 1_000_000  # for so long a worker that gives no sign of life is told of

NOW = database_now_us()


class Role(StrEnum):
    """What a process is there for."""

    WORKER = "worker"  # makes passes and sends, until it is stopped
    COMMAND = "command"  # makes a pass and ends


class Holder(Struct, frozen=True, kw_only=True):
    """Who has the lease, and how it stands."""

    owner: str | None
    term: int
    name: str  # host:pid; "" where that is not known
    role: Role
    since: datetime
    pass_since: datetime | None  # a pass is under way since then
    is_void: bool  # anybody may take it
    setup: str | None  # a digest of its configuration and version; None: not known
    schema: str  # of the state, which may have been upgraded meanwhile

    def lets_send(self, setup: str | None) -> bool:
        """Whether a worker of this setup may send: as long as nobody of another makes the passes."""
        return self.is_void or self.setup is None or setup is None or self.setup == setup


class WorkerRow(Struct, frozen=True, kw_only=True):
    """A process that works on this state, or did lately."""

    owner: str
    name: str  # host:pid
    role: Role
    since: datetime
    seen: datetime  # gave a sign of life then
    is_alive: bool
    builder_since: datetime | None  # has the lease since then
    pass_since: datetime | None  # a pass of it is under way since then
    sends: bool  # is a worker, and set up as who makes the passes

    @property
    def is_builder(self) -> bool:
        """Whether this one makes the passes."""
        return self.builder_since is not None


def length_of(dialect: str) -> float:
    """Seconds that the lease lasts if it is not renewed."""
    return LENGTHS[dialect]


_STANDING = (
    select(
        leases,
        workers.c.name.label("worker"),
        workers.c.role,
        workers.c.mark,
        workers.c.setup,
        literal_column("(select version_num from alembic_version)").label("schema"),
        NOW.label("now_us"),
    )
    .outerjoin(workers, workers.c.owner == leases.c.owner)
    .where(leases.c.name == PASSES)
)
# Made once: putting a statement together takes longer than running it.
_LONGER = (
    update(leases)
    .where(
        leases.c.name == PASSES,
        leases.c.owner == bindparam("_owner"),
        leases.c.term == bindparam("_term"),
    )
    .values(until_us=NOW + bindparam("_length_us", type_=BigInteger))
)
_RENEW = {None: _LONGER, True: _LONGER.values(pass_us=NOW), False: _LONGER.values(pass_us=None)}
_LOCK = select(leases.c.term).where(leases.c.name == PASSES).with_for_update(skip_locked=True)


def holder(connection: Connection) -> Holder | None:
    """Who has the lease now; None where nobody ever had it."""
    row = connection.execute(_STANDING).one_or_none()
    return _holder(row, _length_us(connection)) if row else None


def _holder(row: Any, length_us: int) -> Holder:
    # Further in the future than anybody can have meant: the clock was wrong then, or is now.
    has_run_out = not row.now_us <= row.until_us <= row.now_us + 2 * length_us
    return Holder(
        owner=row.owner,
        term=row.term,
        name=row.worker or "",
        role=Role(row.role or Role.WORKER),
        since=from_us(row.since_us or 0),
        pass_since=from_us_or_none(row.pass_us),
        is_void=row.owner is None or has_run_out or bool(row.mark and is_over(row.mark)),
        setup=row.setup,
        schema=row.schema,
    )


def take(connection: Connection, owner: str, role: Role, setup: str | None, *, for_pass: bool) -> int | None:
    """Take the lease if that may be now; returns the term, or None.

    A command may also take it from a worker that has no pass under way, and gives it back soon.
    Raises StoreError when the state belongs to another feedbot by now.
    """
    found = holder(connection)
    if found is None:  # somebody has emptied the table
        insert_new(connection, leases, [{"name": PASSES, "term": 0, "until_us": 0}])
        found = holder(connection)
    if found is None or not _may_take(found, owner, role):
        return None
    if found.schema != HEAD:
        raise StoreError(
            f"the state belongs to another version of feedbot now (schema {found.schema}):"
            " start that one instead"
        )
    # Whoever holds the row is its holder, and writes. It was read before it was locked: once more.
    is_locked = connection.execute(_LOCK).one_or_none() is not None
    found = holder(connection) if is_locked else None
    if found is None or not _may_take(found, owner, role):
        return None
    sign_of_life(connection, owner, role, setup)
    is_new = found.owner != owner
    term = found.term + is_new
    values: Mapping[str, Any] = {
        "owner": owner,
        "term": term,
        "until_us": NOW + _length_us(connection),
        "pass_us": NOW if for_pass else null(),
        **({"since_us": NOW} if is_new else {}),
    }
    connection.execute(update(leases).where(leases.c.name == PASSES).values(**values))
    return term


def _may_take(found: Holder, owner: str, role: Role) -> bool:
    is_idle = found.pass_since is None and found.role is Role.WORKER
    return found.owner == owner or found.is_void or (role is Role.COMMAND and is_idle)


def may_send(connection: Connection, setup: str | None) -> bool:
    """Whether a worker of this setup may send now; None: one whose setup is not known."""
    found = holder(connection)
    return found is None or (found.schema == HEAD and found.lets_send(setup))


def renew(connection: Connection, owner: str, term: int, *, in_pass: bool | None = None) -> bool:
    """Let the lease last longer if it is still ours, which nobody can change before the transaction ends.

    `in_pass` says that a pass begins or has ended.
    """
    values = {"_owner": owner, "_term": term, "_length_us": _length_us(connection)}
    return connection.execute(_RENEW[in_pass], values).rowcount == 1


def release(connection: Connection, owner: str) -> None:
    """Part with the lease, if it is ours, and with the note that this process is there."""
    connection.execute(
        update(leases).where(leases.c.owner == owner).values(owner=None, until_us=0, pass_us=None)
    )
    connection.execute(delete(workers).where(workers.c.owner == owner))


def _length_us(connection: Connection) -> int:
    return int(length_of(connection.dialect.name) * 1e6)


# --- who is there ---

_SEEN = update(workers).where(workers.c.owner == bindparam("_owner")).values(seen_us=NOW, is_gone=False)


def sign_of_life(connection: Connection, owner: str, role: Role, setup: str | None = None) -> None:
    """Note that this process is there."""
    if connection.execute(_SEEN, {"_owner": owner}).rowcount:
        return
    process = this_process()
    now_us = connection.execute(select(NOW)).scalar_one()
    row = {"owner": owner, "name": process.name, "role": role, "mark": process.mark, "setup": setup}
    times = {"since_us": now_us, "seen_us": now_us}
    upsert(connection, workers, [{**row, "session": session_of(process), **times, "is_gone": False}])


def find_gone(connection: Connection) -> set[str]:
    """The database sessions of those that give no sign of life any more and were not yet seen to.

    They are seen to now: what is open there may lock rows that others need. What is long gone is forgotten.
    """
    length_us = _length_us(connection)
    is_silent = workers.c.seen_us < NOW - length_us
    if connection.execute(select(workers.c.owner).where(is_silent).limit(1)).first() is None:
        return set()
    # A row that somebody holds is that of one who gives a sign of life right now, or is being seen to.
    free = select(workers.c.owner).with_for_update(skip_locked=True).correlate(None)
    forgotten = free.where(workers.c.seen_us < NOW - KEPT_US)
    connection.execute(delete(workers).where(workers.c.owner.in_(forgotten)))
    silent = free.where(is_silent, ~workers.c.is_gone)
    gone = update(workers).where(workers.c.owner.in_(silent)).values(is_gone=True)
    return set(connection.execute(gone.returning(workers.c.session)).scalars())


def end_session(connection: Connection, session: str) -> None:
    """End the connections of a process that is gone: what it had begun is undone. PostgreSQL only.

    A process that was stopped, or whose network is cut, would hold its locks until somebody notices.
    """
    ending = text(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = :session and pid <> pg_backend_pid()"
    )
    connection.execute(ending, {"session": session})


def count_senders(connection: Connection) -> int:
    """How many workers are there, which share what is to be sent."""
    seen_us = NOW - 2 * _length_us(connection)
    return count_rows(connection, workers, workers.c.role == Role.WORKER, workers.c.seen_us > seen_us)


def load(connection: Connection) -> list[WorkerRow]:
    """Those who work on this state or did within the last hour, the one who makes the passes first."""
    found = holder(connection)
    if found and found.is_void:
        found = None
    is_first = case((workers.c.owner == (found.owner if found else None), 0), else_=1)
    statement = select(workers, NOW.label("now_us")).order_by(is_first, workers.c.since_us, workers.c.owner)
    length_us = _length_us(connection)
    return [
        WorkerRow(
            owner=row.owner,
            name=row.name,
            role=Role(row.role),
            since=from_us(row.since_us),
            seen=from_us(row.seen_us),
            # A long transaction on SQLite lets nobody write, not even a sign of life.
            is_alive=runs_here(row.mark)
            or (row.seen_us > row.now_us - 2 * length_us and not is_over(row.mark)),
            builder_since=found.since if found and row.owner == found.owner else None,
            pass_since=found.pass_since if found and row.owner == found.owner else None,
            sends=row.role == Role.WORKER and (found is None or found.lets_send(row.setup)),
        )
        for row in connection.execute(statement)
    ]
