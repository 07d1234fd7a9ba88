"""What went wrong with the database: whether it is away, locked or refused something, and in which words.

Pure. What follows from it is decided by who asked the database.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from feedbot.errors import StoreError, first_line

# What the system can refuse a database, in the names of SQLite and the classes of PostgreSQL.
_REFUSED = (
    *("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN"),
    *("53", "58", "25006"),  # resources, the system, a server that only reads
)

# What to do about a file that is no longer a database.
MEND = (
    "Stop feedbot and put the backup of the database back. Without one, move its file away with its -wal and"
    " -shm and start again: what is there counts as known, and is not announced again"
)

# ... and about one that is another user's. Who only reads has to write, too: SQLite has its locks beside it.
PERMIT = (
    "Check that this user may write the file and its folder, as the user of the worker may, and `store.url`"
    " in config.yaml"
)

# ... and where the system refuses it space, or files.
MAKE_ROOM = "Check the space on its disk, and that feedbot may write there"


def is_away(error: BaseException) -> bool:
    """Whether an error says that there is no connection to PostgreSQL, whatever was asked of it."""
    if not isinstance(error, OperationalError | InterfaceError) or isinstance(error.orig, sqlite3.Error):
        return False  # SQLite is a file: what is wrong with it does not mend itself
    # Where no statement is named, there was no connection yet, or its last word was the commit.
    return error.connection_invalidated or error.statement is None


def is_locked(error: BaseException) -> bool:
    """Whether SQLite gave up waiting for somebody who writes."""
    return "database is locked" in str(getattr(error, "orig", None))


def is_refused(error: BaseException) -> bool:
    """Whether the database gave up because the system refuses it something: space, writing, open files."""
    orig = getattr(error, "orig", None)
    name = getattr(orig, "sqlite_errorname", None) or getattr(orig, "sqlstate", None) or ""
    return str(name).startswith(_REFUSED)


def is_damaged(error: BaseException) -> bool:
    """Whether SQLite found that its file is no database, or a damaged one."""
    name = getattr(getattr(error, "orig", None), "sqlite_errorname", None) or ""
    return str(name).startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT"))


def is_forbidden(error: BaseException) -> bool:
    """Whether it looks as if this user may not open or write SQLite's file, or its folder."""
    name = getattr(getattr(error, "orig", None), "sqlite_errorname", None) or ""
    return isinstance(error, PermissionError) or str(name).startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN"))


def refusal(error: BaseException) -> StoreError:
    """The same in words for a person."""
    return StoreError(
        f"the database cannot be used: {reason_of(error)}. Nothing is lost; what waits is done when it can be"
        f" used again. {MAKE_ROOM}"
    )


def reason_of(error: BaseException) -> str:
    """What the database's driver said, in one line."""
    return first_line(error.orig if isinstance(error, DBAPIError) and error.orig else error)
