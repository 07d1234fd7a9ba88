"""Documents that change while they are served: each answer whole, true to its tag, and not out of date."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from visitor import PATIENCE, Reply, ask, visited, wait_until

from feedbot.model import Document
from feedbot.places.folder import Folder
from feedbot.server.shelf import Shelf
from feedbot.server.sources import CLOCK_TICK, Disk

VERSIONS = 60
REQUESTS = 1000
READERS = 5
PATHS = ("ai/rss.xml", "feeds.opml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "feeds"
    folder.mkdir()
    return folder


# --- a writer and its readers ---


def content(path: str, number: int) -> bytes:
    """A version of a document: of another length than its neighbours, and no part of it like the rest."""
    chance = random.Random(f"{path} {number}")  # noqa: S311 - no secret
    words = " ".join(f"{number}:{chance.randrange(10**6)}" for _ in range(200 + 150 * (number % 7)))
    return f"<{path} {number}>{words}</{path}>".encode()


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


class Reader:
    """Somebody who asks for both documents in every way there is, and looks at each answer."""

    def __init__(self, port: int, seed: int, contents: dict[str, dict[str, bytes]]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._contents = contents  # of each path, by digest
        self._tags = dict.fromkeys(contents, "")
        self.seen: set[tuple[int, str]] = set()  # statuses and codings
        self.wrong: list[str] = []

    def ask(self) -> None:
        """Ask once, in some way."""
        path = self._chance.choice(list(self._contents))
        coding = self._chance.choice(["", "gzip", "br"])
        method = self._chance.choice(["GET", "GET", "GET", "HEAD"])
        asked = {"Accept_Encoding": coding} if coding else {}
        if self._tags[path] and self._chance.random() < 0.4:
            asked["If_None_Match"] = self._tags[path]
        elif self._chance.random() < 0.2:
            asked["Range"] = "bytes=100-299"
        reply = ask(self._connection, f"/{path}", method, **asked)
        self.seen.add((reply.status, reply.headers.get("content-encoding", "")))
        if why := self._flaw(path, method, asked, reply):
            self.wrong.append(f"{method} {path} {asked}: {why} in {reply.status} {reply.headers}")
        self._tags[path] = reply.headers["etag"]

    def leave(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _flaw(self, path: str, method: str, asked: dict[str, str], reply: Reply) -> str:
        tag, coding = reply.headers["etag"].strip('"'), reply.headers.get("content-encoding", "")
        version, _, of_tag = tag.partition("-")
        if version not in self._contents[path]:
            return "a tag of no version"
        if reply.status == 304:
            return (
                ""
                if reply.headers["etag"] == asked["If_None_Match"] and not reply.body
                else "not what it has"
            )
        if of_tag != coding:
            return "a tag of another coding"
        if method == "HEAD":
            return "a body" if reply.body else ""
        if int(reply.headers["content-length"]) != len(reply.body):
            return "another length"
        whole = self._contents[path][version]
        if reply.status == 206:
            return "" if reply.body == whole[100:300] else "another part"
        return "" if reply.content == whole else "another content"


def test_a_thousand_answers_are_each_whole_and_match_their_tag_while_a_writer_replaces_files(
    folder: Path,
) -> None:
    output = Folder(path=folder, is_ours=lambda _: True)
    contents = {path: [content(path, number) for number in range(VERSIONS)] for path in PATHS}
    known = {path: {digest(body): body for body in bodies} for path, bodies in contents.items()}

    def publish(number: int) -> None:
        documents = [Document(path=path, body=bodies[number]) for path, bodies in contents.items()]
        output.publish(documents, PATHS)

    publish(0)
    published = threading.Event()
    with visited(folder) as site:
        readers = [Reader(site.port, seed, known) for seed in range(READERS)]

        def read(reader: Reader) -> None:
            asked = 0
            while asked < REQUESTS // READERS or not published.is_set():
                reader.ask()
                asked += 1
            reader.leave()

        threads = [threading.Thread(target=read, args=(reader,)) for reader in readers]
        for thread in threads:
            thread.start()
        try:
            for number in range(1, VERSIONS):
                publish(number)
                for path, bodies in contents.items():  # what is written is served from then on
                    assert site.ask(f"/{path}").body == bodies[number]
        finally:
            published.set()
            for thread in threads:
                thread.join(PATIENCE)
    assert [wrong for reader in readers for wrong in reader.wrong] == []
    seen = set().union(*(reader.seen for reader in readers))
    assert seen >= {(200, ""), (200, "gzip"), (200, "br"), (304, ""), (206, "")}


def test_many_requests_at_once_for_a_document_that_is_new_are_all_answered(folder: Path) -> None:
    (folder / "rss.xml").write_bytes(content("rss.xml", 6))
    with visited(folder) as site:
        replies: list[Reply] = []
        threads = [
            threading.Thread(target=lambda: replies.append(site.ask("/rss.xml", Accept_Encoding="br")))
            for _ in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert [reply.content for reply in replies] == [content("rss.xml", 6)] * 40
    assert len({reply.headers["etag"] for reply in replies}) == 1


# --- what is held ---


def test_what_is_held_in_memory_is_bounded_with_all_codings(folder: Path) -> None:
    body = b"much the same " * 100
    for number in range(20):
        (folder / str(number)).mkdir()
        (folder / str(number) / "rss.xml").write_bytes(body)
    (folder / "rss.xml").write_bytes(body * 6)
    shelf = Shelf(Disk(folder), room=5000)
    paths = [f"{number}/rss.xml" for number in range(20)]
    first = shelf.find(paths[0])
    assert first
    assert first.size == sum(map(len, first.bodies().values())) > len(body)
    room = 5000 // first.size
    for path in paths:
        assert shelf.find(path)
        assert shelf.size <= 5000
    assert shelf.size == room * first.size
    large = shelf.find("rss.xml")
    assert large
    assert large.bodies()["identity"] == body * 6
    assert shelf.size <= 5000


def test_what_was_asked_for_last_is_held_longest(folder: Path) -> None:
    for name in ("a", "b", "c"):
        (folder / name).mkdir()
        (folder / name / "rss.xml").write_bytes(os.urandom(1000))
    shelf = Shelf(Disk(folder), room=2500)
    wait_until(lambda: shelf.find("a/rss.xml") and shelf.held("a/rss.xml"), "a to be held")
    wait_until(lambda: shelf.find("b/rss.xml") and shelf.held("b/rss.xml"), "b to be held")
    assert shelf.held("a/rss.xml")
    assert shelf.find("c/rss.xml")
    assert shelf.held("a/rss.xml")
    assert shelf.held("b/rss.xml") is None


def test_a_document_that_goes_or_changes_is_no_longer_held(folder: Path) -> None:
    document = folder / "rss.xml"
    document.write_bytes(b"old")
    shelf = Shelf(Disk(folder))
    wait_until(lambda: shelf.find("rss.xml") and shelf.held("rss.xml"), "the document to be held")
    status = document.stat()
    document.write_bytes(b"new")
    os.utime(document, ns=(status.st_atime_ns, status.st_mtime_ns))  # same size, same time, same file
    assert shelf.held("rss.xml") is None
    found = shelf.find("rss.xml")
    assert found
    assert found.bodies() == {"identity": b"new"}
    wait_until(lambda: shelf.find("rss.xml") and shelf.held("rss.xml"), "the document to be held again")
    document.unlink()
    assert shelf.held("rss.xml") is None
    assert shelf.find("rss.xml") is None
    assert shelf.size == 0


def test_a_document_that_may_change_again_unnoticed_is_not_held(folder: Path) -> None:
    document, shelf = folder / "rss.xml", Shelf(Disk(folder))

    def written_and_found() -> bool:
        """Whether both took less time than the system's clock may take for a tick."""
        began = time.monotonic_ns()
        document.write_bytes(b"new")
        assert shelf.find("rss.xml")
        held = shelf.held("rss.xml")
        is_quick = time.monotonic_ns() - began < CLOCK_TICK / 2
        assert held is None or not is_quick
        return is_quick

    wait_until(written_and_found, "a quick moment")
    wait_until(lambda: shelf.find("rss.xml") and shelf.held("rss.xml"), "the document to be held")


def test_a_document_that_is_only_touched_keeps_its_tag_and_gets_a_new_date(folder: Path) -> None:
    document = folder / "rss.xml"
    document.write_bytes(content("rss.xml", 3))
    os.utime(document, (1_777_000_000, 1_777_000_000))
    with visited(folder) as site:
        before = site.ask("/rss.xml", Accept_Encoding="gzip")
        os.utime(document, (1_777_000_100, 1_777_000_100))
        after = site.ask("/rss.xml", Accept_Encoding="gzip")
    assert after.headers["etag"] == before.headers["etag"]
    assert after.body == before.body
    assert (before.headers["last-modified"], after.headers["last-modified"]) == (
        "Fri, 24 Apr 2026 03:06:40 GMT",
        "Fri, 24 Apr 2026 03:08:20 GMT",
    )


@pytest.fixture
def large(folder: Path) -> Iterator[Path]:
    """More than is worth compressing."""
    file = folder / "rss.xml"
    file.write_bytes(b"x" * (16 * 1024 * 1024 + 1))
    yield file
    file.unlink()


def test_a_document_that_is_very_large_is_served_as_it_is(folder: Path, large: Path) -> None:
    with visited(folder) as site:
        reply = site.ask("/rss.xml", Accept_Encoding="gzip, br")
        assert "content-encoding" not in reply.headers
        assert reply.body == large.read_bytes()
        assert site.ask("/rss.xml", Accept_Encoding="gzip, identity;q=0").status == 406
