"""Documents into a folder: only if their bytes differ, whole or not at all, and nothing that is not ours.

Crash-safe by the usual recipe: a temporary file beside its target, fsync, rename, fsync of the folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from feedbot.errors import PublishError
from feedbot.model import Document
from feedbot.place import Outcome, Published, Stamp

WRITERS = 8  # threads: waiting for the disk is most of the work
TEMPORARY = ".feedbot-"  # begins the name of every unfinished file


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The output folder.

    `is_ours` recognises feedbot's mark in bytes that the state knows nothing of, as after the state was lost.
    """

    path: Path
    is_ours: Callable[[bytes], bool]

    def prepare(self) -> None:
        """Create the folder, and clear away what a killed process left unfinished in it.

        Raises PublishError.
        """
        with self._explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            for folder, _, names in os.walk(self.path):
                for name in names:
                    if name.startswith(TEMPORARY):
                        _remove_if_abandoned(Path(folder, name))

    def publish(self, documents: Sequence[Document], known: Collection[str]) -> list[Published]:
        """Bring `documents` to disk; `known` are the paths that feedbot wrote before.

        Raises PublishError; what was written until then is whole, and the rest is as it was.
        """
        if len(documents) < 2:
            results = [self._write(document, known) for document in documents]
        else:
            with ThreadPoolExecutor(WRITERS) as pool:
                results = list(pool.map(lambda document: self._write(document, known), documents))
        written = [result.path for result in results if result.outcome is Outcome.WRITTEN]
        for folder in {(self.path / path).parent for path in written}:
            _sync_folder(folder)
        return results

    def remove(self, paths: Iterable[str]) -> None:
        """Remove documents that feedbot wrote, and folders that are empty then. Raises PublishError."""
        for path in paths:
            target = self.path / path
            if self._leads_out(target) or target.is_symlink():
                continue
            with self._explained(target):
                target.unlink(missing_ok=True)
                with suppress(OSError):  # not empty, or gone
                    for folder in self._way_to(target):
                        folder.rmdir()

    def look(self) -> FolderLook:
        """Nothing yet: files are looked at one by one, when they are asked about."""
        return FolderLook(self)

    def stat(self, path: str) -> tuple[int, int] | None:
        """(modification time in nanoseconds, size) of the file at `path`, or None where there is none."""
        try:
            status = (self.path / path).lstat()
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size) if stat.S_ISREG(status.st_mode) else None

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

    def has_output(self) -> bool:
        """Whether a document with feedbot's mark lies at the top of the folder."""
        names = ("rss.xml", "atom.xml", "feed.json", "index.html")
        return any((old := self._read(self.path / name)) is not None and self.is_ours(old) for name in names)

    def _write(self, document: Document, known: Collection[str]) -> Published:
        target = self.path / document.path
        with self._explained(target):
            if self._leads_out(target) or target.is_symlink() or _is_in_the_way(target):
                return Published(path=document.path, outcome=Outcome.FOREIGN)
            old = self._read(target)
            if old is not None and old != document.body and not (document.path in known or self.is_ours(old)):
                return Published(path=document.path, outcome=Outcome.FOREIGN)
            if old == document.body:
                outcome = Outcome.SAME
            else:
                _replace(target, document.body)
                outcome = Outcome.WRITTEN
            status = target.stat()
        return Published(
            path=document.path,
            outcome=outcome,
            mtime_ns=status.st_mtime_ns,
            size=status.st_size,
            digest=hashlib.sha256(document.body).hexdigest(),
        )

    def _leads_out(self, target: Path) -> bool:
        """Whether a folder on the way is a symbolic link, or a file: not made by feedbot either way."""
        return any(
            folder.is_symlink() or (folder.exists() and not folder.is_dir())
            for folder in self._way_to(target)
        )

    def _way_to(self, target: Path) -> Iterator[Path]:
        """The folders between the output folder and `target`, the innermost first."""
        folder = target.parent
        while folder != self.path:
            yield folder
            folder = folder.parent

    def _read(self, target: Path) -> bytes | None:
        if _is_in_the_way(target):
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
                " feedbot tries again at the next pass. Check the disk's space and the folder's owner"
            ) from error


@dataclass(frozen=True)
class FolderLook:
    """The files of a folder as they are when they are asked about."""

    folder: Folder

    def is_as_recorded(self, path: str, known: Stamp) -> bool:
        """Whether modification time and size are what they were when it was written."""
        return self.folder.stat(path) == (known.mtime_ns, known.size)

    def e_tag(self, path: str) -> None:
        """Nothing to note: files are known by their time."""


def _is_in_the_way(target: Path) -> bool:
    """Whether something else than a file is there."""
    return target.exists() and not target.is_file()


def _replace(target: Path, body: bytes) -> None:
    """Put `body` at `target` so that a reader sees the old bytes or the new, even after a power cut."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        with open(_create_locked(temporary), "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _create_locked(temporary: Path) -> int:
    """A new file under a lock that ends with whoever writes it, be it killed: unlocked means abandoned."""
    while True:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with suppress(OSError):  # a file system without locks: there nothing counts as abandoned
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # another process took it for abandoned before it was locked


def _remove_if_abandoned(temporary: Path) -> None:
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return  # gone, or not a file of ours
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return  # somebody is writing it
    else:
        temporary.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
