"""Two workers over one database and one bucket, and a builder that is stopped in the middle of a put."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import Fault, Proxy
from newsroom import Newsroom
from object_stores import PREFIX, Bucket
from test_bucket import fill, titles
from test_worker import Process, wait_until


@pytest.fixture
def workers(
    tmp_path: Path, bucket: Bucket, wire: Proxy, postgres_url: str
) -> Iterator[tuple[Newsroom, list[Process]]]:
    """A newsroom with two workers, of which the first makes the passes."""
    settings = {"feeds": {"path": bucket.path, "limit": 5}, "schedule": {"scan": "1s"}}
    room = Newsroom(tmp_path / "room", postgres_url, settings, environ=bucket.environ(wire.url))
    fill(room)
    running = [Process(room)]
    running[0].wait_for_line("looked at everything")
    running.append(Process(room))
    yield room, running
    for process in running:
        if process.popen.poll() is None:
            process.popen.kill()
        process.stop()
        assert process.popen.stdout
        process.popen.stdout.close()
    room.close()


def test_a_builder_that_was_stopped_in_the_middle_of_a_put_replaces_nothing_of_its_successor(
    workers: tuple[Newsroom, list[Process]], newsroom: Newsroom, bucket: Bucket, wire: Proxy
) -> None:
    room, (builder, successor) = workers
    successor.wait_for_line("started")
    held = wire.fail(Fault.HOLD, lambda it: it.startswith("PUT") and it.endswith("/feeds/feed.json"), times=1)
    dated = {"publishedDateTime": "2026-05-12T08:00:00Z", "topics": ["Law"]}
    room.write("a11.md", dated, title="Older")
    assert held.reached.wait(60)
    builder.popen.send_signal(signal.SIGSTOP)
    room.write("a11.md", dated, title="Newer")
    wait_until(lambda: "Newer" in titles(bucket), "the successor")
    newest = bucket.get(f"{PREFIX}/feed.json")
    held.released.set()  # what the old builder said before it was stopped arrives now
    builder.popen.send_signal(signal.SIGCONT)
    assert [builder.stop(), successor.stop()] == [0, 0]
    assert bucket.get(f"{PREFIX}/feed.json") == newest
    shutil.rmtree(newsroom.content)
    shutil.copytree(room.content, newsroom.content)
    newsroom.configure(feeds={"limit": 5})
    newsroom.build()
    assert bucket.documents() == {path: body for path, (body, _, _) in newsroom.snapshot().items()}
