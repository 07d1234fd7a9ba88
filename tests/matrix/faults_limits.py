"""What a system refuses: space on a disk, writing to it, and more open files."""

from __future__ import annotations

import functools
import resource
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from matrix.fault import Fault, Needs, reason
from matrix.hands import Hand, wait_until
from matrix.means import MOUNTS
from matrix.scene import Scene

FULL = "No space left on device|database or disk is full|File too large|disk I/O error"
NO_FILES = "Too many open files.*ulimit -n|unable to open database file"
SHUT = "Read-only file system|Permission denied"


@dataclass
class DiskFull(Fault):
    """No space is left: for documents when they are published, for SQLite's file at the other stages."""

    folder: str = ""  # of the newsroom, whose file system is full
    _filler: Filler | None = None
    _limits: dict[int, tuple[int, int]] = field(default_factory=dict)  # by process, what it had before

    def needs(self, stage: str, workers: int) -> Needs:
        """Small file systems."""
        self.folder = "feeds" if stage == "publish" else "state"
        database = "sqlite" if self.folder == "state" else "postgresql"
        return Needs(database=database, mounts=(self.folder,))

    def strike(self, scene: Scene, hand: Hand) -> None:
        """To the last byte."""
        folder = scene.newsroom.folder / self.folder
        if MOUNTS:
            self._filler = Filler(folder / ".filler")
        else:
            largest = 0 if self.folder == "feeds" else (folder / "feedbot.db-wal").stat().st_size
            for one in scene.hands:
                limit(one.pid, resource.RLIMIT_FSIZE, largest, self._limits)
        hand.let_go()

    def witness(self, scene: Scene, hand: Hand) -> None:
        """The log says so; so does `status`, unless it is the state that cannot be written."""
        wait_until(lambda: any(one.has_said(FULL) for one in scene.hands), scene.logs)
        if self.folder == "feeds":
            wait_until(lambda: "cannot write" in reason(scene), scene.logs)
        else:
            assert any(one.has_said("(database|outbox) cannot be used") for one in scene.hands), scene.logs()
            scene.status()  # which can be read all the same

    def mend(self, scene: Scene, hand: Hand) -> None:
        """Somebody removes something."""
        if self._filler is not None:
            self._filler.remove()
        release(resource.RLIMIT_FSIZE, self._limits)


@dataclass
class ReadOnly(Fault):
    """The file system of the documents is read-only, as after an error of its disk."""

    def needs(self, stage: str, workers: int) -> Needs:
        """A file system for the documents."""
        return Needs(database="sqlite", mounts=("feeds",), is_bound=not MOUNTS)

    def strike(self, scene: Scene, hand: Hand) -> None:
        """A mount over the folder, or its permissions: nothing in it can be written."""
        folder = scene.newsroom.feeds
        if MOUNTS:
            view = scene.newsroom.folder / "view"  # made elsewhere, for nobody may write to it meanwhile
            view.mkdir()
            subprocess.run(["mount", "--bind", folder, view], check=True)
            subprocess.run(["mount", "-o", "remount,bind,ro", view], check=True)
            subprocess.run(["mount", "--bind", view, folder], check=True)
        else:
            for one in folders(folder):
                one.chmod(0o555)
        hand.let_go()

    def witness(self, scene: Scene, hand: Hand) -> None:
        """Passes fail, and `status` says why."""
        wait_until(lambda: any(one.has_said(SHUT) for one in scene.hands), scene.logs)
        wait_until(lambda: "cannot write" in reason(scene), scene.logs)

    def mend(self, scene: Scene, hand: Hand) -> None:
        """It can be written again."""
        folder = scene.newsroom.feeds
        if MOUNTS:
            for mount in (folder, scene.newsroom.folder / "view"):  # busy while somebody reads there
                wait_until(functools.partial(unmounted, mount), scene.logs)
        else:
            for one in folders(folder):
                one.chmod(0o755)


@dataclass
class NoMoreFiles(Fault):
    """The workers can open nothing more: no file, no connection (EMFILE)."""

    _limits: dict[int, tuple[int, int]] = field(default_factory=dict)

    def point(self, stage: str, usual: str) -> str:
        """When files are to be read, not when they have been."""
        return "look" if stage == "sync" else usual

    def strike(self, scene: Scene, hand: Hand) -> None:
        """As few as can be are allowed, while they run."""
        for one in scene.hands:
            limit(one.pid, resource.RLIMIT_NOFILE, 3, self._limits)
        hand.let_go()

    def witness(self, scene: Scene, hand: Hand) -> None:
        """Passes fail, and the log says what to do; `status`, too, if the database is open."""
        wait_until(lambda: any(one.has_said(NO_FILES) for one in scene.hands), scene.logs)
        if scene.store_url.startswith("postgresql"):
            wait_until(lambda: "Too many open files" in reason(scene), scene.logs)

    def mend(self, scene: Scene, hand: Hand) -> None:
        """As many as before."""
        release(resource.RLIMIT_NOFILE, self._limits)


class Filler:
    """A file that takes all the space there is on its file system, and all that becomes free."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._removing = threading.Event()
        self._file = path.open("wb", buffering=0)
        self._fill()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def remove(self) -> None:
        """Give all of it back."""
        self._removing.set()
        self._thread.join()
        self._file.close()
        self._path.unlink()

    def _go_on(self) -> None:
        while not self._removing.wait(0.001):
            self._fill()

    def _fill(self) -> None:
        for size in (65536, 4096, 1):
            with suppress(OSError):
                while self._file.write(b"\0" * size):
                    pass


def unmounted(folder: Path) -> bool:
    """Whether what was mounted last at `folder` could be taken away."""
    return subprocess.run(["umount", folder], check=False, capture_output=True).returncode == 0


def limit(pid: int, kind: int, most: int, before: dict[int, tuple[int, int]]) -> None:
    """Limit what a running process may have, and note what it might before."""
    before[pid] = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (most, before[pid][1]))


def release(kind: int, before: dict[int, tuple[int, int]]) -> None:
    """Let processes have what they might before."""
    for pid, limits in before.items():
        resource.prlimit(pid, kind, limits)


def folders(top: Path) -> list[Path]:
    """A folder and those in it."""
    return [top, *(path for path in top.rglob("*") if path.is_dir())]
