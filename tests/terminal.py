"""Runs feedbot as a person does at a terminal, and as a program does in a pipe."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60.0  # seconds until a command is given up

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
    ours = {"FEEDBOT_CONFIG", "FEEDBOT_HOST", "PORT", "DATABASE_URL", "COLUMNS"}
    return {**{name: value for name, value in os.environ.items() if name not in ours}, **environment}


class Terminal:
    """A process on a terminal of 80 columns; what it shows is read until it ends, or until some words."""

    def __init__(self, leader: int, process: subprocess.Popen[bytes]) -> None:
        self._leader = leader
        self.process = process
        self.shown = ""

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
        self.shown += data.decode().replace("\r\n", "\n")
        return bool(data)


@contextmanager
def terminal(*arguments: str, folder: Path, **environment: str) -> Iterator[Terminal]:
    """feedbot in `folder`, on a terminal."""
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 80))
    process = subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=surroundings(TERM="xterm", **environment),
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
