"""feedbot is killed with SIGKILL at each step of a delivery, and at random: nothing is lost or doubled."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from mortality import Stage, dawdle, live_and_die, lose_replies, stage
from receiver import Reply, Request

pytestmark = pytest.mark.timeout(600)  # seconds for dozens of lives

KILLS = 24  # for each database
AT_ONCE = 3  # articles for each life


@pytest.fixture
def scene(tmp_path: Path, store_url: str) -> Iterator[Stage]:
    """A newsroom after its first pass, on each kind of database."""
    with stage(tmp_path / "room", seed=7, store_url=store_url) as scene:
        yield scene


# After the begin of a transaction nothing is there that was not before: a kill at its commit says the same.
@pytest.mark.parametrize("point", ["commit", "committed", "send", "sent"])
def test_a_kill_at_every_step_of_the_database_and_of_sending_loses_and_doubles_nothing(
    scene: Stage, point: str
) -> None:
    for number in itertools.count(1):
        scene.write()
        if not scene.run(die_at=f"{point}:{number}"):
            break  # there is no such step any more
    assert scene.deaths >= 4  # one article for four targets
    scene.finish()
    scene.verify()


def test_a_kill_after_a_request_was_written_and_before_it_is_answered(scene: Stage) -> None:
    def kill(_: Request) -> Reply:
        scene.kill()
        return Reply(204, lost=True)

    scene.write()
    scene.hook.replies.append(kill)
    assert scene.run()
    scene.finish()
    scene.verify()
    assert len(scene.hook.requests) == 2


def test_a_kill_right_after_the_answer(scene: Stage) -> None:
    """The answer is on its way when the process dies: whether it was noted, nobody can say."""

    def kill(_: Request) -> Reply:
        scene.kill()
        return Reply(204)

    scene.write()
    scene.hook.replies.append(kill)
    assert scene.run()
    scene.finish()
    scene.verify()


def test_random_kills_lose_and_double_nothing(tmp_path: Path, store_url: str) -> None:
    with stage(tmp_path / "room", seed=11, store_url=store_url) as scene:
        scene.hook.otherwise = dawdle(scene.chance)
        for _ in range(KILLS):
            lose_replies(scene.instances["loses"], scene.chance, AT_ONCE)
            live_and_die(scene, AT_ONCE, longest=0.5)
        scene.finish()
        assert scene.deaths == KILLS
        assert len(scene.written) == KILLS * AT_ONCE
        scene.verify()


def test_a_withdrawal_after_a_kill_takes_back_a_post_that_nobody_was_told_of(scene: Stage) -> None:
    settings = dict(scene.newsroom.settings)
    for target in settings["targets"]:
        if target["type"] == "mastodon":
            target["on_withdraw"] = "delete"
    scene.newsroom.configure(**settings)
    scene.write()
    while scene.run(die_at="sent:1"):
        if all(server.posts for server in scene.instances.values()):
            break
    for path in scene.newsroom.content.glob("story-*.md"):
        path.unlink()
    scene.finish()
    assert {name: len(server.posts) for name, server in scene.instances.items()} == dict.fromkeys(
        scene.instances, 0
    )
