"""A running `feedbot run`, and what it says of its passes."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from programs import Feedbot

STEP = 0.002  # seconds between two looks at the log
LIMIT = 600.0  # seconds until the worker has to be ready, or to have made a pass
EVERYTHING, CHANGES = "looked at everything", "looked at what changed"


@dataclass(frozen=True)
class Worker:
    """A process, and its log: a JSON object a line (docs/operating.md)."""

    process: subprocess.Popen[bytes]
    log: Path
    began: float  # time.perf_counter when it was started

    @property
    def pid(self) -> int:
        return self.process.pid

    def passes(self, *messages: str) -> list[dict[str, Any]]:
        """What it says of its passes so far, all or some; keys that are missing are zero."""
        lines = self.log.read_bytes().split(b"\n")[:-1]  # the last one is not whole yet
        told = [json.loads(line) for line in lines if line.startswith(b"{")]
        return [one for one in told if one["message"] in (messages or (EVERYTHING, CHANGES))]

    def wait_for_looks(self, count: int) -> float:
        """Seconds from its start to so many looks at everything; after the first it is ready."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline and self.process.poll() is None:
            if len(self.passes(EVERYTHING)) >= count:
                return time.perf_counter() - self.began
            time.sleep(STEP)
        raise SystemExit(
            f"the worker did not look at everything {count} times: {self.log.read_text()[-2000:]}"
        )


@contextmanager
def running(feedbot: Feedbot, *options: str) -> Iterator[Worker]:
    """Start a worker, and end it."""
    log = feedbot.folder / "worker.log"
    with log.open("wb") as lines:
        began = time.perf_counter()
        command = [*feedbot.command, "run", *options]
        process = subprocess.Popen(
            command, cwd=feedbot.folder, stdin=subprocess.DEVNULL, stdout=lines, stderr=lines
        )
    try:
        yield Worker(process, log, began)
        if process.poll() is not None:
            raise SystemExit(f"the worker ended by itself: {log.read_text()[-2000:]}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
