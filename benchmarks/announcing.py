"""The newsroom that announces in deliveries.py: its folder, its state, and the program that runs in it."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import corpus
from processes import running
from programs import CONFIG

SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
PARALLEL = 8  # requests at a time
LIMIT = 300.0  # seconds for any one measurement
STEP = 0.005  # seconds between two looks at what has come


@dataclass(frozen=True)
class Newsroom:
    """A folder with a configuration, and the program that announces what is new in it."""

    folder: Path
    program: Path

    def configure(self, url: str, webhooks: int, settle: str = "0s") -> None:
        """Announce everything to so many webhooks, at `url` with the number of each."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "content").mkdir(parents=True)
        listed = [
            {"name": f"t{number}", "type": "webhook", "url": f"{url}/{number}", "secret": SECRET}
            for number in range(webhooks)
        ]
        announce = {"max_age": "3650d", "burst": 1_000_000, "settle": settle, "parallel": PARALLEL}
        text = f"{CONFIG}announce: {json.dumps(announce)}\ntargets: {json.dumps(listed)}\n"
        (self.folder / "config.yaml").write_text(text, encoding="utf-8")

    def environ(self, state: str) -> Mapping[str, str] | None:  # noqa: ARG002 - one folder has both
        """The environment of feedbot, with the place of its `state`: what is `waiting`, or the `news`."""
        return None

    def build(self) -> None:
        """Make a pass, and send nothing."""
        command, environ = [self.program, "build", "--quiet"], self.environ("waiting")
        subprocess.run(command, cwd=self.folder, check=True, timeout=LIMIT, env=environ)

    @contextmanager
    def running(self) -> Iterator[int]:
        """A worker; gives its process id and ends it."""
        command = [str(self.program), "run", "--quiet"]
        with running(command, self.folder, environ=self.environ("news")) as pid:
            yield pid

    def keep_state(self) -> None:
        """Keep what waits now, so that it can be sent again."""
        shutil.copytree(self.folder / ".feedbot", self.folder / "waiting")

    def restore_state(self) -> None:
        """As if nothing had been sent since `keep_state`."""
        shutil.rmtree(self.folder / ".feedbot")
        shutil.copytree(self.folder / "waiting", self.folder / ".feedbot")

    def states(self) -> dict[str, int]:
        """How many deliveries are in which state."""
        with closing(sqlite3.connect(self.folder / ".feedbot/feedbot.db")) as state:
            return dict(state.execute("select state, count(*) from deliveries group by state"))

    def publish(self, articles: int) -> None:
        """Put in place so many articles of the corpus, leaving out those that are not published."""
        invented, written, number = corpus.Newsroom(corpus.topic_names(200)), 0, 0
        while written < articles:
            name, _, text = invented.article(number)
            number += 1
            if "\npublished: true\n" in text:
                (self.folder / "content" / name).write_text(text, encoding="utf-8")
                written += 1

    def put(self, name: str) -> float:
        """Put a new article in its place at once; returns when."""
        lines = [f'title: "{name}"', "publishedDateTime: 2026-01-01T08:00:00Z", "topics: [AI]"]
        lines.append(f"webUrl: https://news.example.com/{name}")
        fresh = self.folder / f"{name}.new"
        fresh.write_text("\n".join(["---", *lines, "---", ""]), encoding="utf-8")
        began = time.perf_counter()
        fresh.replace(self.folder / "content" / f"{name}.md")
        return began


def until(what: Callable[[], bool], limit: float = LIMIT) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + limit
    while not what():
        if time.monotonic() > deadline:
            raise SystemExit(f"not done after {limit:.0f} s")
        time.sleep(STEP)
