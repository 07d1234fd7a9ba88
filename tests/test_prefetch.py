"""A first build begins to read before there is a state; whatever there is then, the result is the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from newsroom import Newsroom

from feedbot.content.look import PLENTY
from feedbot.passes.build import Builder
from feedbot.passes.prefetch import prefetch


def command(room: Newsroom, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What became of a command in a process of its own, once all that it started has ended, too."""
    whole = [sys.executable, "-m", "feedbot", *arguments, "--config", str(room.folder / "config.yaml")]
    return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=60)


def fill(room: Newsroom, number: int) -> None:
    for count in range(number):
        room.write(f"{count:04}.md", topics=[f"Topic {count % 40}"])


@pytest.mark.parametrize("number", [3, PLENTY + 20])
def test_a_first_build_gives_what_any_pass_would(tmp_path: Path, number: int) -> None:
    ours, theirs = Newsroom(tmp_path / "ours"), Newsroom(tmp_path / "theirs")
    fill(ours, number)
    fill(theirs, number)
    done = command(ours, "build")
    assert done.returncode == 0, done.stderr
    theirs.build()
    assert {path: seen[0] for path, seen in ours.snapshot().items()} == {
        path: seen[0] for path, seen in theirs.snapshot().items()
    }
    again = command(ours, "build", "--json")
    assert '"read": 0' in again.stdout
    theirs.close()


def test_where_there_is_a_state_it_says_what_is_to_be_read(any_newsroom: Newsroom) -> None:
    any_newsroom.write("one.md")
    any_newsroom.build()
    with prefetch(any_newsroom.config) as begun:
        assert begun is None


def test_a_state_that_came_meanwhile_says_it_too(newsroom: Newsroom) -> None:
    gone, changed = newsroom.write("gone.md"), newsroom.write("changed.md")
    newsroom.write("same.md")
    with prefetch(newsroom.config) as begun:
        assert begun is not None
        newsroom.build()  # another process was quicker
        gone.unlink()
        changed.write_text(changed.read_text().replace("About changed", "Corrected"), encoding="utf-8")
        newsroom.write("new.md")
        builder = Builder(newsroom.config, newsroom.engine, clock=lambda: newsroom.now, begun=begun)
        report = builder.run()
    assert (report.sync.new, report.sync.changed, report.sync.withdrawn) == (1, 1, 1)
    assert sorted(newsroom.titles()) == ["About new", "About same", "Corrected"]


def test_a_folder_that_cannot_be_looked_at_is_told_as_in_any_pass(newsroom: Newsroom) -> None:
    newsroom.content.rmdir()
    done = command(newsroom, "build")
    assert done.returncode == 1
    assert str(newsroom.content) in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_goes_on_reading_where_the_state_cannot_be_made(newsroom: Newsroom) -> None:
    fill(newsroom, PLENTY + 20)
    (newsroom.folder / ".feedbot").write_text("a file where the folder of the state should be")
    done = command(newsroom, "build")
    assert done.returncode == 1
    assert ".feedbot" in done.stderr
    assert not newsroom.feeds.exists()
