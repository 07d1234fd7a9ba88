"""A worker as the test has it in hand: held at an instant, signalled, and heard."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from faults import Proxy
from mortality import LIVES

from matrix import life

PATIENCE = 60.0  # seconds until a test gives up


def wait_until(condition: Callable[[], object], what: Callable[[], str], patience: float = PATIENCE) -> None:
    """Wait for `condition`. Raises AssertionError with `what` after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what()}"
        time.sleep(0.01)


class Hand:
    """One worker. `to_store` is its line to the database, if it has one of its own."""

    def __init__(self, number: int, terms: life.Terms, to_store: Proxy | None = None) -> None:
        self.number = number
        self.to_store = to_store
        self.line, theirs = LIVES.Pipe()
        self._log, their_log = LIVES.Pipe(duplex=False)
        self._words: list[str] = []  # the lines of its log
        self._began = 0  # lines before the fault struck
        self._process = LIVES.Process(target=life.live, args=(terms, theirs, their_log))
        self._process.start()
        theirs.close()
        their_log.close()
        self.pid = int(self._process.pid or 0)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        with os.fdopen(os.dup(self._log.fileno()), encoding="utf-8") as lines:
            self._words.extend(lines)

    # --- held ---

    def hold_at(self, point: str, passing: int) -> None:
        """Let it wait when it comes to `point`, after so many that go on."""
        self._tell("hold", point, passing)

    def let_go(self) -> None:
        """Let it go on, and wait nowhere."""
        self._tell("go")

    def set_clock(self, ahead: float) -> None:
        """Let its clock be so many seconds ahead."""
        self._tell("ahead", ahead)

    def _tell(self, *word: Any) -> None:
        with suppress(OSError):  # it has ended
            self.line.send(word)

    # --- signalled ---

    def signal(self, number: int) -> None:
        """Send a signal, by its id."""
        os.kill(self.pid, number)

    def is_stopped(self) -> bool:
        """Whether the kernel lets none of its threads run."""
        try:
            states = [one.read_text() for one in Path(f"/proc/{self.pid}/task").glob("*/stat")]
        except (FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            return False
        return all(state.rpartition(")")[2].split()[0] == "T" for state in states)

    def is_over(self) -> bool:
        """Whether it has ended."""
        return not self._process.is_alive()

    def end(self, patience: float = PATIENCE) -> int | None:
        """Wait for its end; the exit code, or the signal as a negative number."""
        self._process.join(patience)
        code = self._process.exitcode
        assert code is not None, f"worker {self.number} does not end: {self.tail()}"
        return code

    def bury(self) -> None:
        """End it, however it is, and let go of all that belongs to it."""
        if self._process.is_alive():
            self.signal(signal.SIGKILL)
            self._process.join(PATIENCE)
        self._listener.join(PATIENCE)
        self._process.close()
        self.line.close()
        self._log.close()

    # --- heard ---

    def mark(self) -> None:
        """What it says from now on is said since the fault struck."""
        self._began = len(self._words)

    def said(self) -> list[str]:
        """The messages of its log since the fault struck."""
        return [json.loads(line)["message"] for line in self._words[self._began :]]

    def has_said(self, pattern: str) -> bool:
        """Whether a message like `pattern` is among them."""
        return any(re.search(pattern, message) for message in self.said())

    def tail(self) -> str:
        """The end of its log, for who looks for the reason."""
        return f"worker {self.number}, process {self.pid}:\n{''.join(self._words[-25:])}"


def first_at(hands: Iterable[Hand], patience: float = PATIENCE) -> tuple[Hand, str]:
    """The first of several workers that waits at the instant it was told of, and that instant."""
    by_line = {hand.line: hand for hand in hands}
    deadline = time.monotonic() + patience
    while ready := wait(by_line, max(0.0, deadline - time.monotonic())):
        for line in ready:
            hand = by_line[line]  # type: ignore[index] # one of those that were waited for
            try:
                return hand, str(line.recv())  # type: ignore[union-attr] # a connection
            except EOFError:
                raise AssertionError(f"worker {hand.number} has ended. {hand.tail()}") from None
    raise AssertionError("no worker came there: " + "\n".join(hand.tail() for hand in by_line.values()))
