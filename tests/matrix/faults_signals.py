"""Signals: a worker that is killed, told to end, or stopped for longer than its lease lasts."""

from __future__ import annotations

import signal

from matrix.fault import Fault, builder
from matrix.hands import Hand, wait_until
from matrix.scene import CLAIM, Scene


class Killed(Fault):
    """SIGKILL; its supervisor starts another."""

    def strike(self, scene: Scene, hand: Hand) -> None:
        """At the instant where it is held."""
        hand.signal(signal.SIGKILL)
        assert scene.part_with(hand) == -signal.SIGKILL

    def witness(self, scene: Scene, hand: Hand) -> None:
        """The state names it with its last sign of life."""
        gone = [one for one in scene.status()["workers"] if not one["is_alive"]]
        assert [one["name"].rpartition(":")[2] for one in gone] == [str(hand.pid)]
        assert "gives no sign of life since" in scene.command("status")[1]

    def mend(self, scene: Scene, hand: Hand) -> None:
        """What its supervisor does."""
        scene.start()
        scene.pass_time(CLAIM)


class Terminated(Fault):
    """SIGTERM, as at each deployment; another is started."""

    def strike(self, scene: Scene, hand: Hand) -> None:
        """It finishes what it has begun."""
        hand.signal(signal.SIGTERM)
        hand.let_go()
        assert scene.part_with(hand) == 0, hand.tail()

    def witness(self, scene: Scene, hand: Hand) -> None:
        """It said that it ended, and the state knows it no more."""
        assert hand.said()[-1] == "stopped"
        assert hand.has_said("stopping: what is under way is finished first")
        assert str(hand.pid) not in [one["name"].rpartition(":")[2] for one in scene.status()["workers"]]

    def mend(self, scene: Scene, hand: Hand) -> None:
        """The new version, say."""
        scene.start()


class Stopped(Fault):
    """SIGSTOP, and SIGCONT when its lease is over: as a machine that is suspended, or far too busy."""

    def strike(self, scene: Scene, hand: Hand) -> None:
        """None of its threads runs."""
        hand.signal(signal.SIGSTOP)
        wait_until(hand.is_stopped, hand.tail)

    def witness(self, scene: Scene, hand: Hand) -> None:
        """Its lease runs out; if there is another worker, that makes the passes."""
        wait_until(lambda: is_past_lease(scene, hand), lambda: str(scene.status()["workers"]))
        if len(scene.hands) > 1:
            wait_until(lambda: builder(scene) not in {None, hand.pid}, scene.logs)
        else:
            assert builder(scene) is None
        scene.pass_time(CLAIM)  # those that it has of deliveries are over, too
        if len(scene.hands) > 1:
            wait_until(scene.shows_everything, scene.logs)

    def mend(self, scene: Scene, hand: Hand) -> None:
        """It goes on in the middle of what it was doing."""
        hand.signal(signal.SIGCONT)
        hand.let_go()
        hand.set_clock(scene.time.ahead)


def is_past_lease(scene: Scene, hand: Hand) -> bool:
    """Whether it is stopped, and does not count any more as the one that makes the passes."""
    return builder(scene) != hand.pid and hand.is_stopped()
