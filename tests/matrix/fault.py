"""What a fault is: what it needs, how it strikes, by what that shows, and how it is mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matrix.hands import Hand
from matrix.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a newsroom has to be like for a fault to strike it."""

    database: str  # sqlite | postgresql
    place: str = "folder"  # of the documents: folder | moto | rclone
    has_lines: bool = False  # each worker has a line of its own to the database
    mounts: tuple[str, ...] = ()  # folders of the newsroom that are file systems of their own
    is_bound: bool = False  # workers obey permissions, even if they are root's
    is_silent: bool = False  # an object store says nothing, and is not waited for as long as usual

    @property
    def is_apart(self) -> bool:
        """Whether it takes a process that may do what others may not."""
        return bool(self.mounts)


class Fault:
    """Strikes a worker that is held at an instant of its work, once."""

    claim = "the state tells of it"

    def needs(self, stage: str, workers: int) -> Needs:
        """What it needs: SQLite for one worker and PostgreSQL for several, unless it wants it otherwise."""
        return Needs(database="sqlite" if workers == 1 else "postgresql")

    def point(self, stage: str, usual: str) -> str:
        """At which instant of a stage the worker is to be held."""
        return usual

    def strike(self, scene: Scene, hand: Hand) -> None:
        """Let it happen; the worker, if it still can, goes on."""
        raise NotImplementedError

    def witness(self, scene: Scene, hand: Hand) -> None:
        """Wait until it shows that it has happened, also to an operator. Raises AssertionError if not."""
        raise NotImplementedError

    def mend(self, scene: Scene, hand: Hand) -> None:
        """Let it be over."""
        raise NotImplementedError


def reason(scene: Scene) -> str:
    """Why the newest pass failed, as `feedbot status` says; "" if it did not."""
    failure: dict[str, Any] | None = scene.status()["failure"]
    return str(failure["reason"]) if failure else ""


def builder(scene: Scene) -> int | None:
    """The process that makes the passes, as `feedbot status` says."""
    found = [one for one in scene.status()["workers"] if one["makes_passes"]]
    return int(found[0]["name"].rpartition(":")[2]) if found else None
