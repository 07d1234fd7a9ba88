"""Runs feedbot as a person does at a terminal, and as a program does in a pipe."""

from __future__ import annotations

import codecs
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 60.0  # seconds until a command is given up
COLOURS = re.compile(r"\x1b\[[\d;]*m")
READ = {  # by feedbot from its environment
    "FEEDBOT_CONFIG", "FEEDBOT_HOST", "PORT", "DATABASE_URL",
    "COLUMNS", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE",
}  # fmt: skip

# Several commands one after the other in one process, each followed by its exit code in a record of its own.
SEVERAL = """
import json, sys
from feedbot.cli import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments, prog_name="feedbot")
    except SystemExit as end:
        sys.stderr.flush()
        print(f"\\x1e{end.code or 0}", flush=True)
"""

Done = subprocess.CompletedProcess[str]


def command(*arguments: str) -> list[str]:
    """The command line of feedbot as it is installed here."""
    return [sys.executable, "-m", "feedbot", *arguments]


def feedbot(*arguments: str, folder: Path, **environment: str) -> Done:
    """Run feedbot in `folder`, its output piped."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=surroundings(**environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def surroundings(**environment: str) -> dict[str, str]:
    """The environment of this process without what feedbot reads from it."""
    return {**{name: value for name, value in os.environ.items() if name not in READ}, **environment}


@dataclass(frozen=True)
class Shown:
    """What one command showed on a terminal, and its exit code."""

    raw: str
    code: int

    @property
    def text(self) -> str:
        """The same without colours."""
        return COLOURS.sub("", self.raw)

    @property
    def lines(self) -> list[str]:
        """Its lines without colours."""
        return self.text.splitlines()


def on_terminal(*commands: Sequence[str], folder: Path, columns: int = 80, **environment: str) -> list[Shown]:
    """What commands show on a terminal, run one after the other by one process, for that is quicker."""
    line = [sys.executable, "-c", SEVERAL, json.dumps(commands)]
    with _running(line, folder, columns, environment) as screen:
        assert screen.end() == 0, screen.shown
    parts = re.findall(r"(.*?)\x1e(\d+)\n", screen.shown, re.DOTALL)
    assert len(parts) == len(commands), screen.shown
    return [Shown(raw, int(code)) for raw, code in parts]


class Terminal:
    """A process on a terminal; what it shows is read until it ends, or until some words."""

    def __init__(self, leader: int, process: subprocess.Popen[bytes]) -> None:
        self._leader = leader
        self.process = process
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()  # a character may come in two parts

    def type(self, text: str) -> None:
        os.write(self._leader, text.encode())

    def press_ctrl_c(self) -> None:
        """What the terminal does when the key is pressed: everybody in the foreground gets the signal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def read_until(self, words: str) -> None:
        while words not in self.shown:
            assert self._read(), f"{words!r} was not shown: {self.shown}"

    def end(self) -> int:
        """What remains is read; returns the exit code."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        assert select.select([self._leader], [], [], PATIENCE)[0], f"silent for too long: {self.shown}"
        try:
            data = os.read(self._leader, 65536)
        except OSError:  # how Linux tells that the last process on the terminal has ended
            return False
        self.shown = (self.shown + self._decoder.decode(data)).replace("\r\n", "\n")
        return bool(data)


@contextmanager
def terminal(*arguments: str, folder: Path, columns: int = 80, **environment: str) -> Iterator[Terminal]:
    """feedbot in `folder`, on a terminal."""
    with _running(command(*arguments), folder, columns, environment) as screen:
        yield screen


@contextmanager
def _running(
    line: Sequence[str], folder: Path, columns: int, environment: dict[str, str]
) -> Iterator[Terminal]:
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, columns))
    process = subprocess.Popen(
        line,
        cwd=folder,
        env=surroundings(**{"TERM": "xterm", **environment}),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    try:
        yield Terminal(leader, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(leader)
