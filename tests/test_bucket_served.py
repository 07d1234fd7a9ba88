"""A server whose documents lie in a bucket: fresh within moments, and calm when the store fails."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.request
from collections.abc import Iterator
from datetime import timedelta

import pytest
from faults import Fault, Proxy, answer
from newsroom import FEEDS_URL, Newsroom
from object_stores import PREFIX, Bucket
from test_worker import Process, wait_until
from visitor import Reply, ask, free_port, visited

from feedbot.model import Document
from feedbot.places.bucket.documents import Bucket as Place
from feedbot.server import Terms
from feedbot.server.shelf import Shelf
from feedbot.server.sources import FRESH, KEPT, BucketSource

TEXTS = (b"<rss>one</rss>", b"<rss>two</rss>")


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shelf(bucket: Bucket, wire: Proxy, clock: Clock) -> Shelf:
    objects = bucket.objects(wire.url, tries=0)
    return Shelf(BucketSource(objects, clock), Terms())


def body(shelf: Shelf, path: str = "rss.xml") -> bytes | None:
    """What a reader would be sent."""
    found = shelf.held(path) or shelf.find(path)
    return None if found is None else found.bodies()["identity"]


def for_rss(request: str) -> bool:
    """Whether the feed is asked for, and not something else by whoever had this port before."""
    return request.endswith("/rss.xml")


def test_a_change_shows_within_moments_and_what_is_held_is_not_fetched_again(
    shelf: Shelf, bucket: Bucket, wire: Proxy, clock: Clock
) -> None:
    bucket.put(f"{PREFIX}/rss.xml", TEXTS[0])
    assert [body(shelf) for _ in range(5)] == [TEXTS[0]] * 5
    assert len(wire.requests) == 1
    clock.now += FRESH + 0.1
    assert shelf.held("rss.xml") is None
    assert body(shelf) == TEXTS[0]
    assert len(wire.requests) == 2  # answered with 304
    assert shelf.held("rss.xml")
    bucket.put(f"{PREFIX}/rss.xml", TEXTS[1])
    clock.now += FRESH + 0.1
    assert body(shelf) == TEXTS[1]
    bucket.delete(f"{PREFIX}/rss.xml")
    clock.now += FRESH + 0.1
    assert body(shelf) is None
    assert shelf.size == 0
    assert FRESH <= 5


def test_what_is_not_there_is_asked_for_once_in_a_while(
    shelf: Shelf, bucket: Bucket, wire: Proxy, clock: Clock
) -> None:
    assert [body(shelf) for _ in range(5)] == [None] * 5
    assert len(wire.requests) == 1
    bucket.put(f"{PREFIX}/rss.xml", TEXTS[0])
    clock.now += FRESH + 0.1
    assert body(shelf) == TEXTS[0]
    assert body(shelf, "%2e%2e/rss.xml") is body(shelf, "../rss.xml") is body(shelf, "notes.txt") is None


def test_while_the_store_fails_readers_get_what_is_held_and_the_others_are_to_come_again(
    shelf: Shelf, bucket: Bucket, wire: Proxy, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.put(f"{PREFIX}/rss.xml", TEXTS[0])
    bucket.put(f"{PREFIX}/atom.xml", TEXTS[0])
    began = clock.now
    assert body(shelf) == TEXTS[0]
    wire.fail(Fault.ANSWER, answer=answer("503 Slow Down"))
    wire.requests.clear()
    while clock.now < began + KEPT - FRESH:
        clock.now += KEPT / 20
        if clock.now < began + KEPT:
            assert body(shelf) == TEXTS[0]
            with pytest.raises(OSError, match=r"atom\.xml"):
                shelf.find("atom.xml")
    assert len(wire.requests) <= 21  # nobody waited a second time for a store that had just failed
    assert [record.levelname for record in caplog.records] == ["ERROR"]  # told once
    clock.now = began + KEPT + 1
    with pytest.raises(OSError, match=r"rss\.xml"):
        body(shelf)
    wire.heal()
    clock.now += FRESH + 0.1
    assert body(shelf) == body(shelf, "atom.xml") == TEXTS[0]


def test_many_readers_of_one_document_cost_one_request(shelf: Shelf, bucket: Bucket, wire: Proxy) -> None:
    bucket.put(f"{PREFIX}/rss.xml", TEXTS[0])
    held = wire.fail(Fault.HOLD, for_rss, times=1)
    seen: list[bytes | None] = []
    threads = [threading.Thread(target=lambda: seen.append(body(shelf))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert held.reached.wait(60)
    held.released.set()
    for thread in threads:
        thread.join()
    assert seen == [TEXTS[0]] * 8
    assert len(wire.requests) == 1


def test_one_reader_waits_for_a_store_that_does_not_answer_and_not_all(
    shelf: Shelf, bucket: Bucket, wire: Proxy, clock: Clock
) -> None:
    others = [f"topics/{number}/rss.xml" for number in range(50)]
    for name in ("rss.xml", *others):
        bucket.put(f"{PREFIX}/{name}", TEXTS[0])
        assert body(shelf, name) == TEXTS[0]
    wire.fail(Fault.CUT, for_rss, times=1)
    clock.now += FRESH + 0.1
    assert body(shelf) == TEXTS[0]
    clock.now += FRESH + 0.1
    wire.requests.clear()
    held = wire.fail(Fault.HOLD)
    waiting = threading.Thread(target=lambda: body(shelf))
    waiting.start()
    assert held.reached.wait(60)
    assert {body(shelf, name) for name in others} == {TEXTS[0]}
    assert not held.is_over
    assert [path.rpartition("/")[2] for path in wire.told("GET")] == ["rss.xml"]
    wire.heal()
    waiting.join()


def test_a_store_that_fails_is_told_to_readers_as_such(bucket: Bucket, wire: Proxy) -> None:
    wire.fail(Fault.CUT)
    source = BucketSource(bucket.objects(wire.url, tries=0))
    with visited(None, Terms(), source=source) as site:  # type: ignore[arg-type] # there is no folder
        for method in ("GET", "HEAD"):
            reply = site.ask("/rss.xml", method)
            assert reply.status == 503
            assert int(reply.headers["retry-after"]) > 0


def test_readers_see_whole_documents_while_they_are_put(bucket: Bucket) -> None:
    place = Place(bucket.objects(), lambda _: True, timedelta(minutes=5))
    bodies = [b"a" * 100_000, b"b" * 150_000]
    [last] = place.publish([Document(path="rss.xml", body=bodies[0])], {})
    done = threading.Event()
    seen: list[Reply] = []
    with visited(None, Terms(), source=BucketSource(bucket.objects())) as site:  # type: ignore[arg-type] # as above

        def read() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
            while not done.is_set():
                seen.append(ask(connection, "/rss.xml"))
            connection.close()

        reader = threading.Thread(target=read)
        reader.start()
        for number in range(1, 12):
            [last] = place.publish([Document(path="rss.xml", body=bodies[number % 2])], {"rss.xml": last})
        wait_until(lambda: seen and seen[-1].body == bodies[1], "the last version")
        done.set()
        reader.join()
    assert {reply.status for reply in seen} == {200}
    assert {reply.body for reply in seen} <= set(bodies)


# --- a platform without a disk: what its processes share is a database and a bucket ---


@pytest.fixture
def platform(
    newsroom: Newsroom, bucket: Bucket, postgres_url: str
) -> Iterator[tuple[Newsroom, Newsroom, int]]:
    """A worker and a web process, each in a folder of its own; that of the web process has a config alone."""
    port = free_port()
    environ = {
        **bucket.environ(),
        "DATABASE_URL": postgres_url.replace("postgresql+psycopg://", "postgres://"),
        "PORT": str(port),
    }
    settings = {"feeds": {"path": bucket.path}}
    web = Newsroom(newsroom.folder.parent / "web", settings=settings, environ=environ)
    web.content.rmdir()
    newsroom.environ = environ
    newsroom.configure(**settings)
    yield newsroom, web, port
    web.close()


def test_a_database_and_a_bucket_are_all_that_worker_and_web_share(
    platform: tuple[Newsroom, Newsroom, int], bucket: Bucket
) -> None:
    newsroom, web, port = platform
    newsroom.write("one.md")
    running = [Process(web, command="serve")]
    try:
        running[0].wait_for_line("There are no feeds")
        with_feeds = f"http://127.0.0.1:{port}/feed.json"

        def shown() -> list[str]:
            try:
                with urllib.request.urlopen(with_feeds, timeout=5) as reply:
                    return [item["title"] for item in json.loads(reply.read())["items"]]
            except OSError:
                return []

        running.append(Process(newsroom))
        wait_until(lambda: shown() == ["About one"], "the first feed")
        running[-1].popen.kill()  # as platforms do
        newsroom.write("two.md", publishedDateTime="2026-05-02T08:00:00Z")
        running.append(Process(newsroom))
        wait_until(lambda: shown() == ["About two", "About one"], "the second article")
        assert [running[-1].stop(), running[0].stop()] == [0, 0]
    finally:
        for process in running:
            if process.popen.poll() is None:
                process.popen.kill()
            process.stop()
            assert process.popen.stdout
            process.popen.stdout.close()
    assert not newsroom.feeds.exists()
    assert not (newsroom.folder / ".feedbot").exists()
    assert sorted(path.name for path in web.folder.iterdir()) == ["config.yaml"]
    assert FEEDS_URL.encode() in bucket.get(f"{PREFIX}/rss.xml")
