"""A small newsroom on disk for tests: a configuration, articles, passes, and what its readers see."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine, make_url

from feedbot.config import Config, load
from feedbot.passes.build import Builder, PassReport
from feedbot.store.db import open_store

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FEEDS_URL = "https://feeds.example.com/"

SITE = {
    "title": "Example Newsroom",
    "url": "https://news.example.com/",
    "feeds_url": FEEDS_URL,
    "id_base": "tag:news.example.com,2026:",
}


@dataclass
class Newsroom:
    """A folder with config.yaml, content/, feeds/ and a state; `now` is its clock."""

    folder: Path
    store_url: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    now: datetime = NOW
    environ: dict[str, str] = field(default_factory=dict)  # of its processes, beside that of the tests
    _engine: Engine | None = None

    def __post_init__(self) -> None:
        self.content.mkdir(parents=True, exist_ok=True)
        self.configure(**self.settings)

    @property
    def content(self) -> Path:
        return self.folder / "content"

    @property
    def feeds(self) -> Path:
        return self.folder / "feeds"

    def configure(self, **settings: Any) -> None:
        """Write config.yaml; sections given here replace the usual ones."""
        self.settings = settings
        whole = {"site": SITE, **({"store": {"url": self.store_url}} if self.store_url else {}), **settings}
        (self.folder / "config.yaml").write_text(yaml.safe_dump(whole), encoding="utf-8")

    @property
    def config(self) -> Config:
        return load(self.folder / "config.yaml", self.environ)

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            self._engine = open_new(self.config.store.url.get_secret_value())
        return self._engine

    def close(self) -> None:
        """Forget the open store, as the end of a process does."""
        if self._engine:
            self._engine.dispose()
            self._engine = None

    def write(self, name: str, front: dict[str, Any] | None = None, body: str = "", **more: Any) -> Path:
        """Write an article that is complete but for what is given; None leaves a field out."""
        fields = {
            "title": f"About {Path(name).stem}",
            "excerpt": f"What {Path(name).stem} is about.",
            "publishedDateTime": "2026-05-01T08:00:00Z",
            "webUrl": f"https://publisher.example/{Path(name).stem}",
            "topics": ["AI"],
            **(front or {}),
            **more,
        }
        kept = {key: value for key, value in fields.items() if value is not None}
        return self.write_raw(name, f"---\n{yaml.safe_dump(kept, allow_unicode=True)}---\n{body}")

    def write_raw(self, name: str, text: str | bytes) -> Path:
        """Write a content file as it is, with a time well before the newsroom's clock."""
        path = self.content / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        age(path, 0.05)  # a file of this very moment is read twice
        return path

    def build(self, paths: list[Path] | None = None, **options: Any) -> PassReport:
        """Make a pass, as a process of its own would with the configuration of now."""
        builder = Builder(self.config, self.engine, clock=lambda: self.now)
        return builder.run(None if paths is None else [str(path) for path in paths], **options)

    def later(self, **delta: float) -> None:
        """Let time pass."""
        self.now += timedelta(**delta)

    def items(self, slug: str = "") -> list[dict[str, Any]]:
        """The items of a feed as its JSON document has them."""
        feed: dict[str, Any] = json.loads((self.feeds / slug / "feed.json").read_bytes())
        items: list[dict[str, Any]] = feed["items"]
        return items

    def titles(self, slug: str = "") -> list[str]:
        """The titles of a feed's items, in order."""
        return [item["title"] for item in self.items(slug)]

    def snapshot(self) -> dict[str, tuple[bytes, int, int]]:
        """Bytes, modification time and inode of every file in the output."""
        return {
            path.relative_to(self.feeds).as_posix(): (
                path.read_bytes(),
                path.stat().st_mtime_ns,
                path.stat().st_ino,
            )
            for path in sorted(self.feeds.rglob("*"))
            if path.is_file()
        }

    def scalar(self, query: Callable[[Any], Any]) -> Any:
        """What `query` answers over a connection to the store."""
        with self.engine.begin() as connection:
            return query(connection)


def open_new(url: str) -> Engine:
    """Open the state at `url`. What SQLite has not yet is the copy of a new one, which is quicker made."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite" and not (file := Path(str(address.database))).exists():
        file.parent.mkdir(mode=0o770, parents=True, exist_ok=True)
        file.write_bytes(_new_state())
    return open_store(url)


@cache
def _new_state() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "new.db"
        open_store(f"sqlite:///{file}").dispose()
        return file.read_bytes()


def age(path: Path, seconds: float = 10) -> None:
    """Let `path` have been written `seconds` earlier than it was."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - int(seconds * 1e9)))
