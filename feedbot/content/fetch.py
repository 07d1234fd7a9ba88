"""The bytes of one content file, and the stamp that tells whether it was changed."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from feedbot.model import Stamp

MAX_BYTES = 16 * 1024 * 1024  # of one file; the newsletters seen in practice have 60 KB


def stamp_of(status: os.stat_result) -> Stamp:
    """What tells whether a file was changed."""
    return (status.st_mtime_ns, status.st_size, status.st_ino)


class Unreadable(NamedTuple):
    """The file is there and cannot be read."""

    why: str
    hint: str


class Fetched(NamedTuple):
    """A file's bytes. `still` says that nobody wrote to it while it was read."""

    data: bytes
    stamp: Stamp
    still: bool


def fetch(path: str, seen: Stamp) -> Fetched | Unreadable | None:
    """Read the file at `path`; None when it is gone, or another one took its name since it was `seen`.

    The other one may lie anywhere, by a link that nobody has followed yet: the next look does.
    """
    try:
        # A pipe that took the file's name must not hold the pass: without O_NONBLOCK opening it waits.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Unreadable(f"cannot be read: {error.strerror}", "let feedbot's user read it")
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            return Unreadable("this is not a regular file", "remove it")
        if before.st_ino != seen[2]:
            return None
        if before.st_size > MAX_BYTES:
            return Unreadable(
                f"has {before.st_size:,} bytes, more than the {MAX_BYTES:,} that an article may have",
                "shorten it, or exclude it in `content.exclude`",
            )
        data = os.read(descriptor, before.st_size + 1)  # one more than there should be: it may have grown
        after = os.fstat(descriptor)
    except OSError as error:
        return Unreadable(f"cannot be read: {error.strerror}", "check the disk")
    finally:
        os.close(descriptor)
    still = stamp_of(before) == stamp_of(after) and len(data) == after.st_size
    return Fetched(data, stamp_of(after), still)
