"""Clocks: what a command costs, and how long an edit takes to reach the feeds of a watching program."""

from __future__ import annotations

import os
import platform
import re
import resource
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from programs import Program

BUILD_LIMIT = 300.0  # seconds; a build that takes longer is stopped and is an error
EDIT_LIMIT = 30.0
POLL = 0.001
TOPIC = "AI"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Seconds on the wall and seconds of all processors."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Spread:
    """Some measurements of the same thing."""

    values: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        return f"{self.median:.3g} ({min(self.values):.3g}-{max(self.values):.3g})"


def cost_of(command: list[str], folder: Path) -> Cost:
    """Run a command to its end, children included."""
    began, used = time.perf_counter(), seconds_of_children()
    quiet = subprocess.DEVNULL
    subprocess.run(command, cwd=folder, stdin=quiet, stdout=quiet, check=True, timeout=BUILD_LIMIT)
    return Cost(time.perf_counter() - began, seconds_of_children() - used)


def seconds_of_children() -> float:
    """Processor time of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def watching(program: Program) -> Iterator[int]:
    """A program that follows edits; gives its process id and ends it."""
    command = program.watch_command
    process = subprocess.Popen(
        command,
        cwd=program.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process.pid
        if process.poll() is not None:
            raise SystemExit(f"{command} ended by itself: {process.returncode}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def latencies(program: Program, edits: int) -> list[Cost]:
    """For each of so many edits of one title: until all six feeds show it, and the processor time it took."""
    article = newest_article(program.folder / "content")
    original, times = article.read_bytes(), article.stat()
    documents = program.documents(TOPIC.lower())
    try:
        with watching(program) as pid:
            wait_until_watching(article, original, documents, pid)
            return [
                cost_of_edit(article, original, documents, pid, f"Edit {trial}") for trial in range(edits)
            ]
    finally:
        article.write_bytes(original)
        os.utime(article, ns=(times.st_atime_ns, times.st_mtime_ns))


def newest_article(content: Path) -> Path:
    """The newest published article of the topic, so that it is in the site's feeds and in the topic's."""
    for path in sorted(content.iterdir(), reverse=True):
        head = path.read_text(encoding="utf-8").partition("\nrelated:")[0]
        if "\npublished: true\n" in head and f"\n  - {TOPIC}\n" in head:
            return path
    raise SystemExit(f"no published article of the topic {TOPIC}")


def wait_until_watching(article: Path, original: bytes, documents: list[Path], pid: int) -> None:
    """Edit until an edit arrives: programs begin to watch at some moment after their first build."""
    deadline = time.monotonic() + BUILD_LIMIT
    attempt = 0
    while time.monotonic() < deadline:
        attempt += 1
        title = f"Is anybody there? {attempt}"
        article.write_bytes(with_title(original, title))
        if seconds_until_shown(documents, title, limit=3.0) is not None:
            wait_until_idle(pid)
            return
    raise SystemExit("the program does not follow edits")


def cost_of_edit(article: Path, original: bytes, documents: list[Path], pid: int, title: str) -> Cost:
    cpu = processor_seconds(pid)
    article.write_bytes(with_title(original, title))
    wall = seconds_until_shown(documents, title, limit=EDIT_LIMIT)
    if wall is None:
        raise SystemExit(f"{title!r} was not in the feeds after {EDIT_LIMIT:.0f} s")
    wait_until_idle(pid)
    return Cost(wall, processor_seconds(pid) - cpu)


def with_title(text: bytes, title: str) -> bytes:
    return re.sub(rb"^title: .*$", f'title: "{title}"'.encode(), text, count=1, flags=re.MULTILINE)


def seconds_until_shown(documents: list[Path], title: str, limit: float) -> float | None:
    """From now until every document holds the title; None if that takes longer than `limit`."""
    began = time.perf_counter()
    waiting = dict.fromkeys(documents, (0, 0))
    while time.perf_counter() - began < limit:
        for document, seen in list(waiting.items()):
            stamp = stamp_of(document)
            if stamp != seen:
                waiting[document] = stamp
                if title.encode() in document.read_bytes():
                    del waiting[document]
        if not waiting:
            return time.perf_counter() - began
        time.sleep(POLL)
    return None


def stamp_of(document: Path) -> tuple[int, int]:
    """What changes when a file is written or replaced."""
    try:
        stat = document.stat()
    except FileNotFoundError:
        return (0, 0)
    return (stat.st_ino, stat.st_mtime_ns)


def wait_until_idle(pid: int) -> None:
    """Wait until the program has used hardly any processor time for a second, but for no longer than 20."""
    for _ in range(20):
        before = processor_seconds(pid)
        time.sleep(1.0)
        if processor_seconds(pid) - before <= 0.02:
            return


def processor_seconds(pid: int) -> float:
    """What a process has used so far, in steps of a clock tick, usually 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def describe_machine() -> str:
    release = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, {release}, {platform.python_implementation()} {platform.python_version()}"
