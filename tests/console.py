"""The commands of an operator without a process of their own: quick, and on the clock of today."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from click.testing import CliRunner, Result
from newsroom import Newsroom
from postbox import Desk
from terminal import READ

from feedbot.cli import main


@dataclass
class Console:
    """Runs feedbot over a newsroom."""

    newsroom: Newsroom

    def run(self, *arguments: str, code: int = 0) -> str:
        """What a command says on stdout; it has to end with `code`."""
        done = self.invoke(*arguments)
        assert done.exit_code == code, done.output
        return done.stdout

    def refused(self, *arguments: str, code: int = 1) -> str:
        """What a command complains of on stderr; it has to end with `code`."""
        done = self.invoke(*arguments)
        assert done.exit_code == code, done.output
        return done.stderr

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command says as JSON."""
        return json.loads(self.run(*arguments, "--json", code=code))

    def invoke(self, *arguments: str) -> Result:
        return invoke(*arguments, "--config", str(self.newsroom.folder / "config.yaml"))


def invoke(*arguments: str, **environment: str) -> Result:
    """Run a command, in the folder where the tests are."""
    with _same_logging():
        runner = CliRunner(env={**dict.fromkeys(READ), **environment})
        return runner.invoke(main, arguments, prog_name="feedbot", catch_exceptions=False)


def at_once(*arguments: str, folder: Path, **environment: str) -> CompletedProcess[str]:
    """Run a command in `folder` as `terminal.feedbot` does, for a tenth of what a process takes."""
    with chdir(folder):
        done = invoke(*arguments, **environment)
    return CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


@contextmanager
def _same_logging() -> Iterator[None]:
    """Commands log to streams that are gone afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


class Today(Desk):
    """A newsroom with targets whose clock is near that of the machine, as the commands have no other."""

    def __init__(self, newsroom: Newsroom) -> None:
        newsroom.now = datetime.now(UTC) - timedelta(minutes=10)
        super().__init__(newsroom)

    def write(self, name: str, **front: Any) -> Any:
        """Write an article that was published an hour ago."""
        published = (self.newsroom.now - timedelta(hours=1)).isoformat(timespec="seconds")
        return self.newsroom.write(name, {"publishedDateTime": published, **front})

    def publish(self, *names: str, **front: Any) -> None:
        """Write articles and make a pass over each."""
        for name in names:
            self.write(name, **front)
            self.newsroom.later(seconds=1)
            self.newsroom.build()
