"""Programs that follow edits, and the time until the documents show one."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from measure import Cost
from newsrooms import TOPIC, newest, restored, with_title
from processes import processor_seconds, running, wait_until_idle
from programs import Watching

BEGIN_LIMIT = 300.0  # seconds until a program follows edits
EDIT_LIMIT = 60.0
POLL = 0.001


def latencies(program: Watching, edits: int, idle_after: float) -> list[Cost]:
    """For each of so many edits of one title: until all documents show it, and the processor time it took.

    A program that has worked on nothing for `idle_after` seconds is done with an edit.
    """
    article = newest(program.folder / "content", 1, TOPIC)
    documents = program.documents_of(TOPIC.lower())
    with (
        restored(article) as texts,
        running(program.watch_command, program.folder, output=subprocess.DEVNULL) as pid,
    ):
        wait_until_following(article[0], texts[0], documents, pid, idle_after)
        return [
            cost_of_edit(article[0], with_title(texts[0], title), documents, pid, title, idle_after)
            for title in (f"Edit {number} of {edits}" for number in range(1, edits + 1))
        ]


def wait_until_following(
    article: Path, original: bytes, documents: Sequence[Path], pid: int, idle_after: float
) -> None:
    """Edit until an edit arrives: programs begin to watch at some moment after their first build."""
    deadline = time.monotonic() + BEGIN_LIMIT
    attempt = 0
    while time.monotonic() < deadline:
        attempt += 1
        title = f"Is anybody there? {attempt}"
        article.write_bytes(with_title(original, title))
        if seconds_until_shown(documents, title, limit=3.0) is not None:
            wait_until_idle(pid, idle_after)
            return
    raise SystemExit("the program does not follow edits")


def cost_of_edit(
    article: Path, text: bytes, documents: Sequence[Path], pid: int, title: str, idle_after: float
) -> Cost:
    """Write an article; until its title is in every document, and what was used until the program is idle."""
    cpu = processor_seconds(pid)
    article.write_bytes(text)
    wall = seconds_until_shown(documents, title, limit=EDIT_LIMIT)
    if wall is None:
        raise SystemExit(f"{title!r} was not in the feeds after {EDIT_LIMIT:.0f} s")
    wait_until_idle(pid, idle_after)
    return Cost(wall, processor_seconds(pid) - cpu)


def seconds_until_shown(documents: Sequence[Path], title: str, limit: float) -> float | None:
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
