"""Files put into their place whole or not at all, whenever the process or the power ends.

The usual recipe: a temporary file beside the target, fsync, rename, fsync of the folder.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

TEMPORARY = ".feedbot-"  # begins the name of every unfinished file


def put_whole(target: Path, body: bytes, confirm: Callable[[], object]) -> os.stat_result:
    """Put `body` at `target` so that a reader sees the old bytes or the new, even after a power cut.

    `confirm` is called just before, and raises if it must not be. Its folder is made if there is none, and is
    still to be synced. Returns the stat of the file that then holds it. Raises OSError.
    """
    temporary = target.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        descriptor = _create_locked(temporary)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _create_locked(temporary)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
            status = os.fstat(file.fileno())
            confirm()
            temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return status


def _create_locked(temporary: Path) -> int:
    """A new file under a lock that ends with whoever writes it, be it killed: unlocked means abandoned."""
    while True:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with suppress(OSError):  # a file system without locks: there nothing counts as abandoned
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # another process took it for abandoned before it was locked


def sync_folder(folder: Path) -> None:
    """Let what was put into a folder be there after a power cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clear_away(folder: Path) -> None:
    """Remove from `folder`, and from all below it, what killed processes left unfinished. Raises OSError."""
    for path, _, names in os.walk(folder):
        for name in names:
            if name.startswith(TEMPORARY):
                _remove_if_abandoned(Path(path, name))


def _remove_if_abandoned(temporary: Path) -> None:
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return  # gone, or not a file of ours
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return  # somebody is writing it
    else:
        temporary.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
