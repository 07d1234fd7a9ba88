"""A newsroom behind a real `feedbot run --serve` on loopback, at one address through all its starts."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from newsroom import SITE, Newsroom
from test_worker import PATIENCE, Process, wait_until
from visitor import free_port


class Served:
    """The newsroom and its process, if it runs."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        """Write the configuration; `settings` are sections of it, as for Newsroom.configure."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"  # of the root of the feeds; ends in a slash
        self.newsroom = Newsroom(folder)
        self.configure(**settings)
        self._process: Process | None = None

    def configure(self, **settings: Any) -> None:
        """Write the configuration anew; it is in force from the next start."""
        site = {**SITE, "feeds_url": self.url}
        self.newsroom.configure(**{"site": site, "schedule": {"scan": "1h"}, **settings})

    def start(self) -> None:
        """Start feedbot and wait until it has made a pass and answers requests."""
        self._process = Process(self.newsroom, "--serve", "--port", str(self.port))
        self._process.wait_for_line("looked at everything")
        wait_until(self._answers, lambda: f"the server: {self.lines}")

    def stop(self) -> None:
        """End feedbot as a service manager does; it has to end well."""
        assert self._process is not None
        process, self._process = self._process, None
        code = process.stop(signal.SIGTERM)
        if process.popen.stdout:
            process.popen.stdout.close()
        assert code == 0, process.lines
        assert not [line for line in process.lines if '"level": "error"' in line], process.lines

    def get(self, path: str) -> bytes:
        """The body that the server answers with."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=PATIENCE) as answer:
            body: bytes = answer.read()
        return body

    @contextmanager
    def following(self, **facts: int) -> Iterator[None]:
        """After what is done inside, wait until passes have told of so many in all, such as `changed=2`."""
        before = len(self.lines)
        yield

        def told() -> bool:
            totals = _totals(self.lines[before:])
            return all(totals[name] >= number for name, number in facts.items())

        wait_until(told, lambda: f"{facts} in {self.lines[before:]}")

    @property
    def lines(self) -> list[str]:
        assert self._process is not None
        return self._process.lines

    def _answers(self) -> bool:
        try:
            return b"<rss" in self.get("rss.xml")
        except OSError:
            return False

    def close(self) -> None:
        """End whatever still runs."""
        if self._process is not None:
            self._process.popen.kill()
            self._process.stop()
            if self._process.popen.stdout:
                self._process.popen.stdout.close()
        self.newsroom.close()


def _totals(lines: list[str]) -> Counter[str]:
    """The numbers that passes tell in their lines of the log, summed up."""
    totals: Counter[str] = Counter()
    for line in lines:
        facts = json.loads(line) if line.startswith("{") else {}
        if facts.get("message", "").startswith("looked at"):
            totals.update({name: value for name, value in facts.items() if isinstance(value, int)})
    return totals


@contextmanager
def serving_newsroom(folder: Path, **settings: Any) -> Iterator[Served]:
    """A newsroom whose process, once started, ends with the test."""
    served = Served(folder, **settings)
    try:
        yield served
    finally:
        served.close()
