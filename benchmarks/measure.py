"""What a command costs from its start to its end, and several measurements of one thing as a figure."""

from __future__ import annotations

import os
import platform
import re
import resource
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from processes import memory

LOOK = 0.02  # seconds between two looks at a command's memory


@dataclass(frozen=True)
class Cost:
    """Seconds on the wall and seconds of all processors."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Spread:
    """Some measurements of the same thing."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def whole(self) -> str:
        """Without what is behind the point."""
        return f"{self.median:,.0f} ({min(self.values):,.0f}-{max(self.values):,.0f})"

    def __str__(self) -> str:
        if len(self.values) == 1:
            return short(self.median)
        return f"{short(self.median)} ({short(min(self.values))}-{short(max(self.values))})"


def short(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


class TooSlowError(Exception):
    """A command was stopped because it took longer than it was given."""


def cost_of(command: Sequence[str], folder: Path, limit: float) -> Cost:
    """Run a command to its end, children included. Raises TooSlowError after `limit` seconds."""
    began, used = time.perf_counter(), seconds_of_children()
    _run(command, folder, limit, lambda process, left: process.wait(left))
    return Cost(time.perf_counter() - began, seconds_of_children() - used)


def memory_of(command: Sequence[str], folder: Path, limit: float) -> float:
    """The most megabytes that a command and its children hold at any one moment.

    They are asked often, which slows them down: no run for a clock. Raises TooSlowError after `limit`
    seconds.
    """
    most = 0.0

    def look(process: subprocess.Popen[bytes], left: float) -> None:
        nonlocal most
        deadline = time.monotonic() + left
        while process.poll() is None:
            most = max(most, memory(process.pid))
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(command, left)
            time.sleep(LOOK)

    _run(command, folder, limit, look)
    return most


def _run(
    command: Sequence[str],
    folder: Path,
    limit: float,
    attend: Callable[[subprocess.Popen[bytes], float], object],
) -> None:
    """Start a command and attend to it until it has ended; what it complains of is told if it fails."""
    quiet = subprocess.DEVNULL
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command, cwd=folder, stdin=quiet, stdout=quiet, stderr=complaints, start_new_session=True
        )
        try:
            attend(process, limit)
        except subprocess.TimeoutExpired as error:
            raise TooSlowError from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode:
            complaints.seek(0)
            told = complaints.read()[-2000:].decode(errors="replace")
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {told}")


def seconds_of_children() -> float:
    """Processor time of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def describe_machine() -> str:
    """Processor, memory, system and Python, in a line."""
    release = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    total = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    parts = [f"{len(os.sched_getaffinity(0))} cores" + (f" ({model[1]})" if model else "")]
    parts += [f"{int(total[1]) / 2**20:.0f} GB"] if total else []
    return ", ".join([*parts, release, f"{platform.python_implementation()} {platform.python_version()}"])
