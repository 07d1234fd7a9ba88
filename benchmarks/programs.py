"""The programs that make feeds of a newsroom: their commands, and where their documents lie."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

PEERS = Path(__file__).parent / "peers"
DOCUMENTS = ("rss.xml", "atom.xml", "feed.json")

CONFIG = """\
site:
  title: Example Newsroom
  url: https://news.example.com/
  feeds_url: https://feeds.example.com/
  id_base: "tag:news.example.com,2026:"
content:
  path: content
feeds:
  path: feeds
  limit: 50
"""


@dataclass(frozen=True)
class Program(ABC):
    """A program in a newsroom: it turns `folder`/content into feeds."""

    command: tuple[str, ...]  # that starts it
    folder: Path

    name: ClassVar[str]
    fields: ClassVar[str] = "newsroom"  # the names that it wants articles to have their fields under
    documents: ClassVar[Sequence[str]] = DOCUMENTS  # that it can write of each feed
    largest: ClassVar[int | None] = None  # articles, beyond which nobody wants to wait for it
    repeats: ClassVar[int | None] = None  # as many builds are enough where each takes minutes

    @property
    def output(self) -> Path:
        """The folder with the documents of the site."""
        return self.folder / self.name.lower()

    @property
    def topics(self) -> Path:
        """The folder with a folder for each topic."""
        return self.output / "topics"

    @property
    @abstractmethod
    def build_command(self) -> list[str]:
        """Builds everything once."""

    @property
    def made(self) -> Sequence[Path]:
        """The folders that hold what a build makes, or keeps for the next one."""
        return (self.output,)

    def clear(self) -> None:
        """Forget every earlier build. What it made is only put aside until all builds are over.

        A file system can be slow to create files for half a minute after it has deleted others (ext4 without
        a journal is), and the program that is measured next would pay for that; as it would for what the one
        before has left to the system to be written.
        """
        for path in self.made:
            if path.exists():
                self._aside.mkdir(exist_ok=True)
                path.rename(self._aside / f"{len(os.listdir(self._aside))}-{path.name}")
        os.sync()

    def sweep(self) -> None:
        """Delete what was put aside."""
        shutil.rmtree(self._aside, ignore_errors=True)

    @property
    def _aside(self) -> Path:
        return self.folder / "aside"

    def documents_of(self, topic: str) -> list[Path]:
        """Those that show an article of one topic: the site's and the topic's."""
        return [folder / name for folder in (self.output, self.topics / topic) for name in self.documents]


class Watching(Program):
    """A program that can follow edits."""

    @property
    @abstractmethod
    def watch_command(self) -> list[str]:
        """Builds, and then follows edits until it is stopped."""


class Feedbot(Watching):
    """feedbot with a configuration that leaves everything at its default."""

    name = "feedbot"

    def configure(self, more: str = "", name: str = "config.yaml") -> Path:
        """Write a configuration, with some lines more at its end; returns where."""
        path = self.folder / name
        path.write_text(CONFIG + more, encoding="utf-8")
        return path

    @property
    def output(self) -> Path:
        return self.folder / "feeds"

    @property
    def topics(self) -> Path:
        return self.output

    @property
    def build_command(self) -> list[str]:
        return [*self.command, "build", "--quiet"]

    @property
    def watch_command(self) -> list[str]:
        return [*self.command, "run", "--quiet"]

    @property
    def made(self) -> Sequence[Path]:
        return (self.output, self.folder / ".feedbot")

    def clear(self) -> None:
        super().clear()
        self.configure()


class FeedsAlone(Feedbot):
    """feedbot as the others are: it writes feeds, and no page for each."""

    name = "feedbot, feeds alone"

    def configure(self, more: str = "", name: str = "config.yaml") -> Path:
        return super().configure(f"  pages: false\n{more}", name)


class Hugo(Watching):
    """Hugo with the small site in peers/hugo."""

    name = "Hugo"

    @property
    def build_command(self) -> list[str]:
        places = {
            "--source": PEERS / "hugo",
            "--contentDir": self.folder / "content",
            "--destination": self.output,
            "--cacheDir": self.folder / "hugo-cache",
        }
        return [*self.command, "--quiet", "--noBuildLock", *_options(places)]

    @property
    def watch_command(self) -> list[str]:
        return [*self.build_command, "--watch"]

    @property
    def made(self) -> Sequence[Path]:
        return (self.output, self.folder / "hugo-cache")


class Eleventy(Program):
    """Eleventy with plugin-rss and the templates in peers/eleventy."""

    name = "Eleventy"
    largest = 50_000
    repeats = 3

    @property
    def build_command(self) -> list[str]:
        # It takes paths that begin where it is started, and no others.
        home = Path(self.command[-1]).parents[3]  # where node_modules lies
        config = os.path.relpath(home / "eleventy.config.js", self.folder)
        return [*self.command, "--quiet", f"--config={config}", "--input=content", "--output=eleventy"]


class Jekyll(Program):
    """Jekyll with the generator and the templates in peers/jekyll."""

    name = "Jekyll"
    largest = 50_000
    repeats = 3

    @property
    def source(self) -> Path:
        """The site as Jekyll wants it: its files, and the articles as a collection."""
        return self.folder / "jekyll-site"

    @property
    def build_command(self) -> list[str]:
        places = {"--source": self.source, "--destination": self.output}
        return [*self.command, "build", "--quiet", "--disable-disk-cache", *_options(places)]

    @property
    def made(self) -> Sequence[Path]:
        return (self.output, self.source)

    def clear(self) -> None:
        super().clear()
        shutil.copytree(PEERS / "jekyll", self.source)
        (self.source / "_articles").symlink_to(self.folder / "content")


class Pelican(Program):
    """Pelican with yaml-metadata and the settings in peers/pelican."""

    name = "Pelican"
    fields = "pelican"
    documents = ("rss.xml", "atom.xml")
    largest = 50_000
    repeats = 1

    @property
    def build_command(self) -> list[str]:
        places = {"--settings": PEERS / "pelican/pelicanconf.py", "--output": self.output}
        return [*self.command, str(self.folder / "content"), "--quiet", *_options(places)]


PROGRAMS: tuple[type[Program], ...] = (FeedsAlone, Feedbot, Hugo, Eleventy, Jekyll, Pelican)


def _options(places: dict[str, Path]) -> list[str]:
    return [str(part) for option in places.items() for part in option]
