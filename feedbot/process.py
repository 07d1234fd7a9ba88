"""Which process this is, in words that the store can hold, whether one of those still runs, and its memory.

A process is known by the kernel's boot, the namespace that its id belongs to, its id and when it began: two
containers may both have a process 1 on a host of the same name. Of one on another machine nothing is known.
"""

from __future__ import annotations

import ctypes
import gc
import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path

from msgspec import Struct

NAME = 30  # characters of a host's name that are kept: PostgreSQL keeps 63 of a session's, all in all
OVER = "ZX"  # states of a process that has ended and was not fetched yet, as in proc(5)


class Process(Struct, frozen=True, kw_only=True):
    """A process as others see it."""

    name: str  # host:pid, for a person
    mark: str  # by which it can be told from all others


def this_process() -> Process:
    """The one that asks."""
    pid = os.getpid()
    return Process(name=f"{socket.gethostname()[:NAME]}:{pid}", mark=f"{_place()} {pid} {_birth(pid)}")


def keep_memory_together() -> None:
    """Let all threads take memory from one place, where the C library is one that can (glibc).

    With a place for each, it holds in all of them what but one thread at a time has use for. Has to be asked
    for before there are threads.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


_M_ARENA_MAX = -8  # malloc.h


def collect_garbage_early() -> None:
    """Look for garbage often, and no more in what is loaded by now: for a process that is to stay.

    Commands that end soon look for it seldom.
    """
    gc.freeze()
    gc.set_threshold(10_000)


def give_back_memory() -> None:
    """Give back to the system what the C library holds and nobody uses, where it is one that can (glibc)."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def is_over(mark: str) -> bool:
    """Whether the process with this mark has certainly ended; False where that cannot be told from here."""
    pid, birth = _here(mark)
    return pid > 0 and _birth(pid) != birth


def runs_here(mark: str) -> bool:
    """Whether the process with this mark certainly runs; False where that cannot be told from here."""
    pid, birth = _here(mark)
    return pid > 0 and _birth(pid) == birth


def _here(mark: str) -> tuple[int, str]:
    """The id of a process of this place and when it began; (0, ""): it belongs to another."""
    place, _, rest = mark.partition(" ")
    pid, _, birth = rest.partition(" ")
    return (int(pid), birth) if place == _place() and pid.isdecimal() else (0, "")


@cache
def _place() -> str:
    """Where process ids mean what they mean here."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not Linux: no namespaces either
        return socket.gethostname().replace(" ", "-")


def _birth(pid: int) -> str:
    """When a process began, in ticks of the kernel since the boot; "": there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except ProcessLookupError:
        return ""
    except OSError:
        return "" if Path("/proc/self/stat").exists() or not _answers(pid) else "?"
    # After the name, which may hold anything but ends with the last bracket: state, ..., starttime.
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in OVER else fields[18]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
