"""What running processes use: a process together with all that it started, read from /proc (Linux)."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def running(
    command: Sequence[str],
    folder: Path,
    *,
    environ: Mapping[str, str] | None = None,
    output: int | None = None,
) -> Iterator[int]:
    """A process that runs until the block ends; gives its id. `output`: where it speaks, if not here."""
    process = subprocess.Popen(
        command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
    )
    try:
        yield process.pid
        if process.poll() is not None:
            raise SystemExit(f"{command} ended by itself: {process.returncode}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def family(pid: int) -> list[int]:
    """A process and those it started, as far as they run now."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return []
    children = [int(child) for task in tasks for child in _read(pid, f"task/{task.name}/children").split()]
    return [pid, *(member for child in children for member in family(child))]


def processor_seconds(pid: int) -> float:
    """What a process and those it started have used so far, in steps of a clock tick, usually 10 ms.

    A process that has ended counts once its parent knows of its end.
    """
    total = 0
    for member in family(pid):
        fields = _read(member, "stat").rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))
    return total / TICKS


def memory(pid: int) -> float:
    """Megabytes that a process and those it started hold now; a page that several share counts once (PSS)."""
    return _megabytes(pid, "smaps_rollup", r"^Pss:\s+(\d+)")


def peak(pid: int) -> float:
    """The most megabytes that each of these processes has held so far, shared pages included, added up."""
    return _megabytes(pid, "status", r"^VmHWM:\s+(\d+)")


def _megabytes(pid: int, name: str, line: str) -> float:
    found = (re.search(line, _read(member, name), re.MULTILINE) for member in family(pid))
    return sum(int(size[1]) for size in found if size) / 1024


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_idle(pid: int, idle_after: float = 1.0) -> bool:
    """Whether a process has used hardly any processor time for so many seconds."""
    before = processor_seconds(pid)
    time.sleep(idle_after)
    return processor_seconds(pid) - before <= 0.02


def wait_until_idle(pid: int, idle_after: float, limit: float = 60.0) -> None:
    """Wait until a process has been idle for so many seconds, but for no longer than `limit`."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline and not is_idle(pid, idle_after):
        pass
