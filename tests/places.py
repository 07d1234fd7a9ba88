"""Where documents lie, a folder or a bucket: as others see it than feedbot, and how it fails."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from threading import Lock
from typing import Protocol
from zlib import crc32

from small_store import Ill, SmallStore

from feedbot.config import BucketAddress, Config
from feedbot.passes.output import Output, output_of
from feedbot.places import Confirm
from feedbot.places.bucket.documents import Bucket
from feedbot.places.bucket.objects import Objects
from feedbot.render import bears_mark

PLACES = ("feeds", "elsewhere", "s3://news/feeds", "s3://news/other", "s3://news")  # as `feeds.path` has them


def start_of(path: str) -> str | None:
    """What the names of objects begin with where `path` is a bucket; None for a folder."""
    return path.removeprefix("s3://") + "/" if path.startswith("s3://") else None


class Place(Protocol):
    """Files by their path, or objects."""

    def tree(self) -> dict[str, bytes]:
        """All of them, in order."""

    def stamps(self) -> dict[str, object]:
        """What tells of each of them that it was written."""

    def put(self, path: str, body: bytes) -> None:
        """Let this be at `path`."""

    def remove(self, path: str) -> None:
        """Let nothing be there."""

    def clear(self) -> None:
        """Let nothing be anywhere."""


@dataclass(frozen=True)
class OnDisk:
    """A folder."""

    folder: Path

    def tree(self) -> dict[str, bytes]:
        """As in `Place`."""
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in found}

    def stamps(self) -> dict[str, object]:
        """As in `Place`."""
        found = {path: (self.folder / path).stat() for path in self.tree()}
        return {path: (status.st_mtime_ns, status.st_ino) for path, status in found.items()}

    def put(self, path: str, body: bytes) -> None:
        """As in `Place`."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_bytes(body)

    def remove(self, path: str) -> None:
        """As in `Place`."""
        (self.folder / path).unlink()

    def clear(self) -> None:
        """As in `Place`."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class InStore:
    """What lies below `start`, a bucket and a prefix with a closing slash, and not below one of `others`."""

    store: SmallStore
    start: str
    others: tuple[str, ...] = ()

    def tree(self) -> dict[str, bytes]:
        """As in `Place`."""
        return {name.removeprefix(self.start): body for name, body in self._found()}

    def _found(self) -> list[tuple[str, bytes]]:
        inner = tuple(other for other in self.others if other.startswith(self.start) and other != self.start)
        names = [name for name in self.store.names(self.start) if not name.startswith(inner or "/")]
        return [(name, self.store.objects[name].body) for name in names]

    def stamps(self) -> dict[str, object]:
        """As in `Place`."""
        return {path: self.store.objects[self.start + path].number for path in self.tree()}

    def caching(self) -> dict[str, str]:
        """What caches are told of each of them."""
        found = {path: self.store.objects[self.start + path].headers for path in self.tree()}
        return {path: headers.get("Cache-Control", "") for path, headers in found.items()}

    def put(self, path: str, body: bytes) -> None:
        """As in `Place`."""
        self.store.put(self.start + path, body)

    def remove(self, path: str) -> None:
        """As in `Place`."""
        self.store.delete(self.start + path)

    def clear(self) -> None:
        """As in `Place`."""
        for path in self.tree():
            self.remove(path)


class Fuse:
    """Lets so many documents be written or removed, and then none for good."""

    def __init__(self, number: int, error: Exception) -> None:
        self._left, self._error, self._lock = number, error, Lock()

    def output_of(self, config: Config, confirm: Confirm) -> Output:
        """As `output.output_of`."""

        def confirmed() -> float:
            with self._lock:
                self._left -= 1
                if self._left < 0:
                    raise self._error
            return confirm()

        return output_of(config, confirmed)


def full_disk() -> OSError:
    """What a full disk says."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@dataclass
class Illness:
    """A store of which one request in `rate` fails, always the same for the same `seed`."""

    ill: Ill
    seed: int
    rate: int
    spares: frozenset[str] = frozenset()  # "listings", "objects": what can always be read
    struck: set[tuple[str, str]] = field(
        default_factory=set
    )  # methods and objects, "" for listings and removals

    def __call__(self, method: str, name: str) -> Ill | None:
        """As `SmallStore.illness`."""
        is_spared = method == "GET" and ("objects" if name else "listings") in self.spares
        if is_spared or crc32(f"{self.seed} {method} {name}".encode()) % self.rate:
            return None
        self.struck.add((method, name))
        return self.ill


def hasty_output_of(config: Config, confirm: Confirm = lambda: inf) -> Output:
    """As `output.output_of`, but what a store refuses once is not asked again."""
    place = config.feeds.place
    if not isinstance(place, BucketAddress):
        return output_of(config, confirm)
    objects = Objects(place, config.access, tries=0)
    return Output(place=Bucket(objects, bears_mark, config.serve.max_age, confirm), shown=objects.shown)
