"""File events, as a hint only: they make a scan sooner, and what they miss the next scan finds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Event

from watchfiles import watch
from watchfiles._rust_notify import WatchfilesRustInternalError

log = logging.getLogger(__name__)

STEP_MS = 10  # quiet time that ends a burst of events
BURST_MS = 100  # a burst is reported after this time even if it goes on
CHECK_MS = 1000  # how often the folders themselves are looked at

# What to do where there are no file events.
LET_READ = "Let feedbot read all folders below `content.path`, and restart it"
RAISE_LIMITS = "On Linux, raise fs.inotify.max_user_watches and fs.inotify.max_user_instances"

Notice = Callable[[set[str]], None]


def watch_folders(folders: Sequence[Path], notice: Notice, stop: Event) -> None:
    """Call `notice` with the absolute paths that events name, until `stop` is set.

    A folder that is replaced, or was away, is named when it is there, and watched anew. Where the system has
    no watches left, or a folder cannot be read, warns once and returns: scanning goes on without events.
    """
    is_unwatched = False  # since there was something to watch, or to be missed
    while not stop.is_set():
        armed = _inodes(folders)
        present = [folder for folder in folders if armed[folder] is not None]
        if not present:
            is_unwatched = True
            stop.wait(CHECK_MS / 1000)
            continue
        if is_unwatched:
            notice({str(folder) for folder in folders})
        is_unwatched = True  # whatever ends the watch
        try:
            _watch_until_replaced(present, armed, notice, stop)
        except FileNotFoundError:
            continue  # removed just now: look again
        except (OSError, WatchfilesRustInternalError) as error:
            log.warning(
                "file events are not available (%s): changes are found by the periodic scan alone. %s",
                error,
                LET_READ if isinstance(error, PermissionError) else RAISE_LIMITS,
            )
            return


def _watch_until_replaced(
    present: Iterable[Path], armed: dict[Path, int | None], notice: Notice, stop: Event
) -> None:
    events = watch(
        *present,
        watch_filter=None,
        stop_event=stop,
        debounce=BURST_MS,
        step=STEP_MS,
        rust_timeout=CHECK_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
        # Not ignore_permission_denied: it hides the error at the watch limit, too.
    )
    for changes in events:
        if changes:
            notice({path for _, path in changes})
        elif _inodes(armed) != armed:
            return


def _inodes(folders: Iterable[Path]) -> dict[Path, int | None]:
    found: dict[Path, int | None] = {}
    for folder in folders:
        try:
            found[folder] = folder.stat().st_ino
        except OSError:
            found[folder] = None
    return found
