"""Where documents are read from: a folder, or a bucket. Knows nothing of requests.

Whether what was read before is still current is asked for each request, and so has to be quick. Of a file,
its stat tells. A bucket is across a network: what was read from it counts as current for a moment.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from feedbot.places.bucket.objects import UNCHANGED, Objects, Trouble

if TYPE_CHECKING:
    from feedbot.config import Config

CLOCK_TICK = 20_000_000  # nanoseconds within which two changes of a file may bear the same time
ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}

FRESH = 2.0  # seconds that what a bucket answered counts as current
KEPT = 900.0  # seconds that documents are served while a store cannot be asked about them
ANSWER = timedelta(seconds=3)  # that a store may take for an answer to a reader who waits
NAMES = 10_000  # paths where nothing was, remembered for a moment

log = logging.getLogger(__name__)

Stat = tuple[int, ...]


class Stamp(Protocol):
    """By which it can be told whether what was read is still what is there."""

    def is_current(self) -> bool:
        """Whether it is; never raises, and never waits."""


class Found(NamedTuple):
    """What was read, and its modification time in seconds since 1970."""

    body: bytes
    stamp: Stamp
    modified: int


class Same(NamedTuple):
    """What was read before is what is there; the stamp is a new one."""

    stamp: Stamp


class Source(Protocol):
    """Where documents are read from."""

    def read(self, path: str, before: Stamp | None = None) -> Found | Same | None:
        """What is at `path`; None where nothing is. `before` is the stamp of what was read there before.

        May wait, and may be called from several threads at once. Raises OSError when it is there and cannot
        be read.
        """


class FileStamp(NamedTuple):
    """A file as it was when it was read."""

    file: str
    stat: Stat | None  # None: it had changed a moment before, and may change again unnoticed

    def is_current(self) -> bool:
        """Whether the file's stat is the same."""
        try:
            return self.stat is not None and stat_of(self.file) == self.stat
        except OSError:
            return False


class Disk:
    """Documents as files below a folder; nothing outside of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, path: str, before: Stamp | None = None) -> Found | None:  # noqa: ARG002 - files are quick to read
        """What is in the file at `path`; None also for what is no file, or leads out by a symbolic link."""
        target = self._folder / path
        try:
            target.stat()
            resolved = target.resolve(strict=True)
            if not resolved.is_relative_to(self._folder.resolve()):
                return None
            found = read_whole(resolved)
        except UnicodeEncodeError:  # not a name that a file can have
            return None
        except OSError as error:
            if error.errno in ABSENT:
                return None
            raise
        if found is None:
            return None
        body, status, modified = found
        return Found(body, FileStamp(str(target), status), modified)


class ObjectStamp(NamedTuple):
    """An object as the store told of it last."""

    e_tag: str
    seen: float  # when the store said so, by the clock
    until: float  # when that stops to count as current
    clock: Callable[[], float]

    def is_current(self) -> bool:
        """Whether the store was asked a moment ago."""
        return self.clock() < self.until


class BucketSource:
    """Documents as objects. While the store cannot be asked, those that were read before are still given."""

    def __init__(self, objects: Objects, clock: Callable[[], float] = time.monotonic) -> None:
        self._objects = objects
        self._clock = clock
        self._lock = threading.Lock()  # over `_absent`
        self._absent: dict[str, float] = {}  # where nothing was, until when that counts as current
        self._failed: float | None = None  # when the store failed last; None: it has answered since
        self._trying = threading.Lock()  # held by the one who asks a store that has failed

    def read(self, path: str, before: Stamp | None = None) -> Found | Same | None:
        """What is at `path`: fetched only if it is not what was there before."""
        known = before if isinstance(before, ObjectStamp) else None
        if self._absent.get(path, 0.0) > self._clock():
            return None
        if self._failed is None:
            return self._ask(path, known)
        if self._clock() - self._failed < FRESH or not self._trying.acquire(blocking=False):
            return self._last_known(path, known)  # one reader waits for a store that fails, and not all
        try:
            return self._ask(path, known)
        finally:
            self._trying.release()

    def _ask(self, path: str, known: ObjectStamp | None) -> Found | Same | None:
        now = self._clock()
        try:
            there = self._objects.get(path, known=known.e_tag if known else "")
        except Trouble as trouble:
            self._fail(trouble)
            return self._last_known(path, known)
        self._failed = None
        if there is None:
            self._note_absent(path, now)
            return None
        if there is UNCHANGED:
            return Same(self._stamp(known.e_tag if known else "", now))
        # Stores tell whole seconds: once this one is over, no other content bears its date.
        return Found(there.body, self._stamp(there.e_tag, now), int(there.modified.timestamp()) + 1)

    def _stamp(self, e_tag: str, now: float) -> ObjectStamp:
        return ObjectStamp(e_tag, seen=now, until=now + FRESH, clock=self._clock)

    def _last_known(self, path: str, known: ObjectStamp | None) -> Same:
        now = self._clock()
        if known is None or now - known.seen > KEPT:
            raise OSError(errno.EIO, f"the store cannot be asked for {path}")
        return Same(known._replace(until=now + FRESH))

    def _fail(self, trouble: Trouble) -> None:
        if self._failed is None:
            log.error(
                "documents in memory are served for %d minutes more, others not: %s", KEPT / 60, trouble
            )
        self._failed = self._clock()

    def _note_absent(self, path: str, now: float) -> None:
        with self._lock:
            if len(self._absent) >= NAMES:
                self._absent.clear()
            self._absent[path] = now + FRESH


def source_of(config: Config) -> Source:
    """Where the documents of a configuration are read. Raises ConfigError if an extra is missing for that."""
    place = config.feeds.place
    if isinstance(place, Path):
        return Disk(place)
    return BucketSource(Objects(place, config.access, patience=ANSWER, tries=1))


def read_whole(file: Path) -> tuple[bytes, Stat | None, int] | None:
    """The bytes of a file, its stat, and its modification time in seconds; None if it is no regular file.

    The stat is None if the file changed so shortly before that another change might leave it as it is.
    """
    began = time.time_ns()
    # Without waiting, should it be a pipe; and the stat of what is open, for the path may be replaced.
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
        status = os.fstat(opened.fileno())
        if not stat.S_ISREG(status.st_mode):
            return None
        body = opened.read()
    is_at_rest = began - status.st_ctime_ns > CLOCK_TICK
    return body, _stat(status) if is_at_rest else None, -(-status.st_mtime_ns // 10**9)


def stat_of(file: str) -> Stat:
    """What tells one state of a file from another. Raises OSError."""
    return _stat(os.stat(file))  # noqa: PTH116 - done for each request, and Path takes twice as long


def _stat(status: os.stat_result) -> Stat:
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev)
