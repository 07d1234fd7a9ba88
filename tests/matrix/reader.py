"""Somebody who reads all documents all the while: none is ever torn, empty, gone or older than before."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from xml.etree import ElementTree

from visitor import Visited

from feedbot.places.bucket.objects import Object, Objects
from matrix.story import TITLE

PAUSE = 0.01  # seconds between two looks: the machine has other things to do as well
FEEDS = ("rss.xml", "atom.xml", "feed.json")
ATOM = "{http://www.w3.org/2005/Atom}"


class Shelf(Protocol):
    """Where the reader finds documents."""

    def paths(self) -> list[str]:
        """Those that there are by now."""

    def get(self, path: str) -> bytes | None:
        """One of them; None if it is not there."""


@dataclass(frozen=True)
class FolderShelf:
    """A folder that any web server could serve."""

    folder: Path

    def paths(self) -> list[str]:
        """All files but those whose names begin with a dot, which no server gives away."""
        found = (path for path in self.folder.rglob("*") if not path.name.startswith("."))
        with suppress(FileNotFoundError):  # what is being written
            return [path.relative_to(self.folder).as_posix() for path in found if path.is_file()]
        return []

    def get(self, path: str) -> bytes | None:
        """The bytes, as they are just now."""
        try:
            return (self.folder / path).read_bytes()
        except FileNotFoundError:
            return None


@dataclass(frozen=True)
class BucketShelf:
    """A bucket, as a CDN has it."""

    objects: Objects

    def paths(self) -> list[str]:
        """All objects."""
        return list(self.objects.list_all() or {})

    def get(self, path: str) -> bytes | None:
        """The object, as it is just now."""
        there = self.objects.get(path)
        return there.body if isinstance(there, Object) else None


@dataclass(frozen=True)
class ServedShelf:
    """What `feedbot serve` gives of a bucket over a line of its own."""

    bucket: BucketShelf
    visited: Visited

    def paths(self) -> list[str]:
        """All objects."""
        return self.bucket.paths()

    def get(self, path: str) -> bytes | None:
        """The answer to a reader; None if it is anything else than the document."""
        reply = self.visited.ask(f"/{path}")
        return reply.content if reply.status == 200 else None


@dataclass
class Reader:
    """Reads until `stop`; `complaints` are what was wrong."""

    shelf: Shelf
    withdrawn: Callable[[], set[str]]  # articles that may be gone
    complaints: list[str] = field(default_factory=list)
    looks: int = 0  # documents that were read
    _seen: set[str] = field(default_factory=set)
    _newest: dict[tuple[str, str], int] = field(default_factory=dict)  # by document and article, the version
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, beside everything else."""
        self._thread = threading.Thread(target=self._read_on, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, after a last look at everything."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._look()

    def _read_on(self) -> None:
        try:
            while not self._stopping.wait(PAUSE):
                self._look()
        except Exception as error:  # noqa: BLE001 - who cannot read on has a complaint
            self.complaints.append(repr(error))

    def _look(self) -> None:
        for path in sorted({*self._seen, *self.shelf.paths()}):
            before = self.withdrawn()
            body = self.shelf.get(path)
            self.looks += 1
            if body is None and path in self._seen:
                self.complaints.append(f"{path} is gone")
            if body is None:
                continue
            self._seen.add(path)
            try:
                check(path, body)
                if path.rpartition("/")[2] in FEEDS:
                    self._compare(path, body, before | self.withdrawn())
            except (ValueError, ElementTree.ParseError) as error:
                self.complaints.append(f"{path} is torn: {error!r} {body[:200]!r} ... {body[-100:]!r}")

    def _compare(self, path: str, body: bytes, withdrawn: set[str]) -> None:
        """Nothing that was seen is taken back, but what the newsroom took back."""
        now = {(path, name): version for name, version in versions(titles_in(path, body)).items()}
        for seen, version in self._newest.items():
            if seen[0] == path and seen[1] not in withdrawn and now.get(seen, 0) < version:
                self.complaints.append(f"{seen} had version {version}, and has {now.get(seen)} later")
        self._newest |= now


def check(path: str, body: bytes) -> None:
    """Raises ValueError or ParseError if a document is not whole."""
    if not body:
        raise ValueError("empty")
    match path.rpartition(".")[2]:
        case "xml" | "opml":
            ElementTree.fromstring(body)  # noqa: S314 - our own
        case "json":
            json.loads(body)
        case "html":
            if not body.rstrip().endswith(b"</html>"):
                raise ValueError("no end")


def titles_in(path: str, body: bytes) -> list[str]:
    """The titles of a feed's articles, in whatever format it is."""
    name = path.rpartition("/")[2]
    if name == "feed.json":
        return [item["title"] for item in json.loads(body)["items"]]
    root = ElementTree.fromstring(body)  # noqa: S314 - our own
    found = root.iter("item") if name == "rss.xml" else root.iter(f"{ATOM}entry")
    tag = "title" if name == "rss.xml" else f"{ATOM}title"
    return [item.findtext(tag) or "" for item in found]


def versions(titles: list[str]) -> dict[str, int]:
    """By article, the version that is shown."""
    found = (TITLE.fullmatch(title) for title in titles)
    return {match[1]: int(match[2]) for match in found if match}
