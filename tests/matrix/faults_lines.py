"""Lines and what is at their end: the network is cut, PostgreSQL is stopped, the object store fails."""

from __future__ import annotations

from dataclasses import dataclass, replace

import databases
from faults import Fault as Trouble
from faults import Proxy, answer

from matrix.fault import Fault, Needs, builder, reason
from matrix.hands import Hand, wait_until
from matrix.scene import CLAIM, Scene

AWAY = "the database cannot be used; trying again"
BACK = "the database can be used again"


@dataclass
class NetworkCut(Fault):
    """The worker's network is cut: to the database, the targets, and the object store if there is one.

    With one worker connections are closed; with two everything is silent; with four the last words are heard,
    and what is answered is lost. What lies between the targets and the others is cut as well.
    """

    workers: int = 1

    def needs(self, stage: str, workers: int) -> Needs:
        """Something to cut; documents that are published over a network."""
        self.workers = workers
        place = "moto" if stage == "publish" else "folder"
        return Needs(database="postgresql", place=place, has_lines=True, is_silent=workers == 2)

    def strike(self, scene: Scene, hand: Hand) -> None:
        """All lines at once."""
        for line in self._lines(scene, hand):
            cut(line, self.workers)
        hand.let_go()

    def witness(self, scene: Scene, hand: Hand) -> None:
        """The worker says that the database is away; others go on, and what they send does not arrive."""
        wait_until(lambda: hand.has_said(AWAY), hand.tail)
        others = [one for one in scene.hands if one is not hand]
        if others:
            wait_until(lambda: builder(scene) in {one.pid for one in others}, scene.logs)
            scene.pass_time(CLAIM)  # what the worker has claimed is free then
            sign = (lambda: "s3://" in reason(scene)) if scene.wires else (lambda: scene.waiting() > 0)
            wait_until(sign, lambda: f"{scene.status()}\n{scene.logs()}")

    def mend(self, scene: Scene, hand: Hand) -> None:
        """All lines are whole; those from before are not."""
        for line in self._lines(scene, hand):
            line.heal()

    def _lines(self, scene: Scene, hand: Hand) -> list[Proxy]:
        lines = [hand.to_store, scene.to_hook, scene.to_mastodon, *scene.wires]
        return [line for line in lines if line is not None]


def cut(line: Proxy, workers: int) -> None:
    """In one of several ways, for networks die in many."""
    match workers:
        case 1:
            line.cut()
        case 2:
            line.fail(Trouble.SWALLOW)
        case _:
            line.fail(Trouble.LOSE, times=1)
            line.fail(Trouble.CUT)


@dataclass
class DatabaseStopped(Fault):
    """PostgreSQL is stopped and started: by its operator (one worker), or as a crash does."""

    workers: int = 1

    def needs(self, stage: str, workers: int) -> Needs:
        """A server."""
        self.workers = workers
        return Needs(database="postgresql")

    def strike(self, scene: Scene, hand: Hand) -> None:
        """In the midst of whatever is under way."""
        databases.turn_off(scene.server, "fast" if self.workers == 1 else "immediate")
        hand.let_go()

    def witness(self, scene: Scene, hand: Hand) -> None:
        """Each worker says so, once, and so do commands."""
        for one in scene.hands:
            wait_until(lambda one=one: one.has_said(AWAY), one.tail)  # type: ignore[misc] # bound for the loop
        code, _, trouble = scene.command("status")
        assert (code, "cannot use the database" in trouble) == (1, True), trouble

    def mend(self, scene: Scene, hand: Hand) -> None:
        """Its operator starts it."""
        databases.turn_on(scene.server)
        for one in scene.hands:
            wait_until(lambda one=one: one.has_said(BACK), one.tail)  # type: ignore[misc] # bound for the loop


@dataclass
class StoreFails(Fault):
    """The object store answers each request with 500."""

    told = "answered 500"

    def needs(self, stage: str, workers: int) -> Needs:
        """A bucket: of a store that knows conditions, if there are several workers."""
        one = Needs(database="sqlite", place="rclone")
        return one if workers == 1 else Needs(database="postgresql", place="moto")

    def strike(self, scene: Scene, hand: Hand) -> None:
        """From the next request on, and for `feedbot serve` as well."""
        for wire in scene.wires:
            self.break_(wire)
        hand.let_go()

    def break_(self, wire: Proxy) -> None:
        """Let the store be like that."""
        body = "<Error><Code>InternalError</Code><Message>We encountered an error.</Message></Error>"
        wire.fail(Trouble.ANSWER, answer=answer("500 Internal Server Error", body))

    def witness(self, scene: Scene, hand: Hand) -> None:
        """Passes fail, and `status` says what the store said, or that it said nothing."""
        wait_until(lambda: self.told in reason(scene), lambda: f"{scene.status()}\n{scene.logs()}")

    def mend(self, scene: Scene, hand: Hand) -> None:
        """It is well again."""
        for wire in scene.wires:
            wire.heal()


@dataclass
class StoreIsSilent(StoreFails):
    """The object store takes requests and answers none."""

    told = "did not answer in time"

    def needs(self, stage: str, workers: int) -> Needs:
        """As above, for as long as that takes."""
        return replace(super().needs(stage, workers), is_silent=True)

    def break_(self, wire: Proxy) -> None:
        """Let the store be like that."""
        wire.fail(Trouble.SWALLOW)
