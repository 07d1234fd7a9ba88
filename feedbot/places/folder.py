"""Documents into a folder: only if their bytes differ, whole or not at all, and nothing that is not ours.

How one file gets into its place is `atomic`'s. Waiting for the disk is most of it, so documents are written,
and folders synced, side by side.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property
from math import inf
from pathlib import Path
from typing import Self, TypeVar

from feedbot.atomic import clear_away, put_whole, sync_folder
from feedbot.errors import FeedbotError, PublishError, way_out
from feedbot.model import Document
from feedbot.places import Confirm, DocumentFate, Lent, Published, Stamp
from feedbot.threads import start_threads

Item = TypeVar("Item")
Result = TypeVar("Result")

WRITERS = 8  # threads
CHECK = "Check the disk's space and the folder's owner"


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The output folder.

    `is_ours` recognises feedbot's mark in bytes that the state knows nothing of, as after the state was lost.
    `confirm` is called just before a document is put into its place or removed, and raises if it must not be.
    """

    path: Path
    is_ours: Callable[[bytes], bool]
    confirm: Confirm = lambda: inf

    def prepare(self) -> None:
        """Create the folder, and clear away what a killed process left unfinished in it.

        Raises PublishError.
        """
        with self._explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            clear_away(self.path)

    def publish(self, documents: Sequence[Document], known: Collection[str]) -> list[Published]:
        """Bring `documents` to disk; `known` are the paths that feedbot wrote before.

        Raises PublishError; what was written until then is whole, and the rest is as it was.
        """
        with self._explained(self.path):
            closed = {one for one in _folders(documents) if self._leads_out(self.path / one / "any")}
        results = self._side_by_side(lambda document: self._write(document, known, closed), documents)
        written = [result for result in results if result.fate is DocumentFate.WRITTEN]
        self._side_by_side(lambda folder: sync_folder(self.path / folder), sorted(_folders(written)))
        return results

    def _side_by_side(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        if len(items) < 2:
            return [work(item) for item in items]
        try:
            writers = _writers()
        except FeedbotError:  # there are too few threads: one after the other, then
            futures = [_done(work, item) for item in items]
        else:
            futures = [writers.submit(work, item) for item in items]
        wait(futures)  # for all, also if one fails: nobody is to write once this has returned
        return [future.result() for future in futures]

    def lend(self) -> Self:
        """This folder for another process."""
        return replace(self, confirm=Lent(self.confirm(), os.getpid()))

    def remove(self, paths: Iterable[str]) -> None:
        """Remove documents that feedbot wrote, and folders that are empty then. Raises PublishError."""
        for path in paths:
            target = self.path / path
            if self._leads_out(target) or target.is_symlink():
                continue
            with self._explained(target):
                self.confirm()
                target.unlink(missing_ok=True)
                with suppress(OSError):  # not empty, or gone
                    for folder in self._way_to(target):
                        folder.rmdir()

    def look(self, *, anew: bool = False) -> Self:  # noqa: ARG002 - it always is
        """Nothing yet: files are looked at one by one, when they are asked about."""
        return self

    def is_as_recorded(self, path: str, known: Stamp) -> bool:
        """Whether modification time and size are what they were when it was written."""
        try:
            status = os.lstat(f"{self._start}{path}")
        except OSError:
            return False
        found = (status.st_mtime_ns, status.st_size)
        return stat.S_ISREG(status.st_mode) and found == (known.mtime_ns, known.size)

    def e_tag(self, path: str) -> None:
        """Nothing to note: files are known by their time."""

    @cached_property
    def _start(self) -> str:
        """What the paths on disk begin with: a path object for each document of a large site is slow."""
        return f"{self.path}{os.sep}"

    def names_in(self, path: str) -> list[str]:
        """What lies in the folder at `path`, in order; nothing where there is none."""
        folder = self.path / path
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            return []
        return [] if self._leads_out(folder / "any") else names

    def holds_ours(self, path: str) -> bool:
        """Whether a document with feedbot's mark lies at `path`."""
        target = self.path / path
        if target.is_symlink() or self._leads_out(target):
            return False
        with suppress(OSError):
            body = self._read(target)
            return body is not None and self.is_ours(body)
        return False

    def read(self, path: str) -> bytes | None:
        """The bytes of the document at `path`, or None where there is none. Raises PublishError."""
        with self._explained(self.path / path):
            return self._read(self.path / path)

    def _write(self, document: Document, known: Collection[str], closed: Collection[str]) -> Published:
        """Bring one document to disk; `closed` are folders that are not feedbot's."""
        target = self.path / document.path
        with self._explained(target):
            status = _lstat(target)
            fate = DocumentFate.FOREIGN
            if _folder_of(document.path) not in closed:
                fate = self._compare(target, status, document.body, is_known=document.path in known)
            if fate is DocumentFate.FOREIGN:
                return Published(path=document.path, fate=fate)
            if fate is DocumentFate.WRITTEN or status is None:
                status = put_whole(target, document.body, self.confirm)
        return Published(
            path=document.path,
            fate=fate,
            mtime_ns=status.st_mtime_ns,
            size=status.st_size,
            digest=hashlib.sha256(document.body).hexdigest(),
        )

    def _compare(
        self, target: Path, status: os.stat_result | None, body: bytes, *, is_known: bool
    ) -> DocumentFate:
        """What is to become of a document, by what lies in its place."""
        if status is None:
            return DocumentFate.WRITTEN
        if not stat.S_ISREG(status.st_mode):
            return DocumentFate.FOREIGN
        if is_known and status.st_size != len(body):
            return DocumentFate.WRITTEN  # no need to read it
        old = self._read(target)
        if old == body:
            return DocumentFate.SAME
        return DocumentFate.WRITTEN if old is None or is_known or self.is_ours(old) else DocumentFate.FOREIGN

    def _leads_out(self, target: Path) -> bool:
        """Whether a folder on the way is a symbolic link, or a file: not made by feedbot either way."""
        return any(
            status is not None and not stat.S_ISDIR(status.st_mode)
            for status in map(_lstat, self._way_to(target))
        )

    def _way_to(self, target: Path) -> Iterator[Path]:
        """The folders between the output folder and `target`, the innermost first."""
        folder = target.parent
        while folder != self.path:
            yield folder
            folder = folder.parent

    def _read(self, target: Path) -> bytes | None:
        if target.exists() and not target.is_file():
            return None  # a pipe would be waited for
        try:
            return target.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    @contextmanager
    def _explained(self, target: Path) -> Iterator[None]:
        try:
            yield
        except (FileExistsError, NotADirectoryError) as error:
            raise PublishError(
                f"cannot write {target}: a file is where a folder has to be. Move it away, or give"
                " `feeds.path` a folder of its own"
            ) from error
        except OSError as error:
            raise PublishError(
                f"cannot write {target}: {error.strerror or error}. The feeds that readers see are whole;"
                f" feedbot tries again at the next pass. {way_out(error, CHECK)}"
            ) from error


@cache
def _writers() -> ThreadPoolExecutor:
    """Kept, for to start threads takes longer than to write a document.

    Raises FeedbotError where there are too few, before anything is given to them.
    """
    pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="writer")
    start_threads(pool, WRITERS)
    return pool


def _done(work: Callable[[Item], Result], item: Item) -> Future[Result]:
    """What an executor makes of `work` and `item`, made at once and here."""
    future: Future[Result] = Future()
    try:
        future.set_result(work(item))
    except Exception as error:  # noqa: BLE001 - raised by whoever asks for the result
        future.set_exception(error)
    return future


def _folder_of(path: str) -> str:
    """The folder of a document's path, "" for the output folder itself."""
    return path.rpartition("/")[0]


def _folders(of: Iterable[Document | Published]) -> set[str]:
    return {_folder_of(one.path) for one in of}


def _lstat(path: Path) -> os.stat_result | None:
    """What lies at `path` itself, or None where there is nothing."""
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
