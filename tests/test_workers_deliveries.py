"""Several workers send from one outbox: each delivery once, each target in order, one at a time."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from newsroom import Newsroom
from receiver import Receiver, Reply, Request, receiving
from sqlalchemy import select
from test_worker import Process, wait_until

from feedbot.attempt import State
from feedbot.store.schema import deliveries

WORKERS = 3
TARGETS = 8
ARTICLES = 200


@dataclass
class Ledger:
    """What came at each target, and whether two came there at a time."""

    came: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # titles, by path
    senders: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))  # connections, by path
    overlaps: list[str] = field(default_factory=list)
    under_way: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    pause: threading.Event = field(default_factory=threading.Event)

    def take(self, request: Request) -> Reply:
        """Note a request, and take a moment for it."""
        with self.lock:
            self.under_way[request.path] += 1
            if self.under_way[request.path] > 1:
                self.overlaps.append(request.path)
            self.came[request.path].append(request.json()["data"]["title"])
            self.senders[request.path].add(request.connection)
        self.pause.wait(0.03)  # the outbox is full for longer than anybody takes to look at it
        with self.lock:
            self.under_way[request.path] -= 1
        return Reply(204)


@pytest.fixture
def room(tmp_path: Path, store_url: str) -> Iterator[Newsroom]:
    """A newsroom whose clock is that of its workers."""
    room = Newsroom(tmp_path / "newsroom", store_url=store_url, now=datetime.now(UTC))
    yield room
    room.close()


def fill(room: Newsroom, receiver: Receiver) -> None:
    """Record an announcement of each of many articles to each of several targets."""
    targets = [
        {"name": f"hook{number}", "type": "webhook", "url": f"{receiver.url}/{number}", "unsigned": True}
        for number in range(TARGETS)
    ]
    room.configure(announce={"burst": 100_000, "settle": "0s"}, schedule={"scan": "1h"}, targets=targets)
    room.build()
    moment = room.now.isoformat(timespec="seconds")
    for number in range(ARTICLES):
        room.write(f"{number:03}.md", title=f"{number:03}", publishedDateTime=moment)
    room.build()


def counts(room: Newsroom) -> Counter[str]:
    """How many deliveries are in each state."""
    query = select(deliveries.c.state)
    found: Any = room.scalar(lambda connection: connection.execute(query).scalars().all())
    return Counter(found)


def test_workers_share_an_outbox_without_doubles_overlaps_or_disorder(room: Newsroom) -> None:
    ledger = Ledger()
    with receiving() as receiver:
        receiver.otherwise = ledger.take
        fill(room, receiver)
        assert counts(room) == {State.PENDING: TARGETS * ARTICLES}
        workers = [Process(room) for _ in range(WORKERS)]
        try:
            for worker in workers:
                worker.wait_for_line("started")
            receiver.wait_for(TARGETS * ARTICLES)
            wait_until(lambda: counts(room) == {State.SENT: TARGETS * ARTICLES}, lambda: str(counts(room)))
        finally:
            codes = [worker.stop() for worker in workers]
            for worker in workers:
                if worker.popen.stdout:
                    worker.popen.stdout.close()
    assert codes == [0] * WORKERS
    assert ledger.overlaps == []
    titles = [f"{number:03}" for number in range(ARTICLES)]
    assert {path: came for path, came in ledger.came.items() if came != titles} == {}
    assert len(ledger.came) == TARGETS
    senders = [sum('"sent"' in line for line in worker.lines) for worker in workers]
    assert sum(senders) == TARGETS * ARTICLES
    assert sum(sent > 0 for sent in senders) > 1, "one of them did all the work"
