"""The two programs as the benchmark drives them: their commands, their output, and whether they agree."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

HERE = Path(__file__).parent

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


class Program(Protocol):
    """Something that turns `folder/content` into feeds."""

    name: str
    folder: Path

    @property
    def build_command(self) -> list[str]:
        """Builds everything once."""

    @property
    def watch_command(self) -> list[str]:
        """Builds, and then follows edits until it is stopped."""

    def clear(self) -> None:
        """Forget every earlier build."""

    def topics(self) -> Path:
        """The folder with one folder for each topic."""

    def documents(self, topic_slug: str) -> list[Path]:
        """The six documents that show an article of one topic: the site's and the topic's."""


@dataclass
class Feedbot:
    """feedbot with a configuration that leaves everything at its default."""

    folder: Path
    program: Path
    name: str = "feedbot"

    def __post_init__(self) -> None:
        (self.folder / "config.yaml").write_text(CONFIG, encoding="utf-8")

    @property
    def build_command(self) -> list[str]:
        return [str(self.program), "build", "--quiet"]

    @property
    def watch_command(self) -> list[str]:
        return [str(self.program), "run", "--quiet"]

    def clear(self) -> None:
        shutil.rmtree(self.folder / "feeds", ignore_errors=True)
        shutil.rmtree(self.folder / ".feedbot", ignore_errors=True)

    def topics(self) -> Path:
        return self.folder / "feeds"

    def documents(self, topic_slug: str) -> list[Path]:
        return six_documents(self.folder / "feeds", self.topics() / topic_slug)


@dataclass
class Hugo:
    """Hugo with the small site in peers/hugo."""

    folder: Path
    program: Path
    name: str = "Hugo"

    @property
    def build_command(self) -> list[str]:
        command = [self.program, "--quiet", "--noBuildLock", "--source", HERE / "peers/hugo"]
        command += ["--contentDir", self.folder / "content", "--destination", self.folder / "hugo"]
        return [str(part) for part in [*command, "--cacheDir", self.folder / "hugo-cache"]]

    @property
    def watch_command(self) -> list[str]:
        return [*self.build_command, "--watch"]

    def clear(self) -> None:
        shutil.rmtree(self.folder / "hugo", ignore_errors=True)
        shutil.rmtree(self.folder / "hugo-cache", ignore_errors=True)

    def topics(self) -> Path:
        return self.folder / "hugo/topics"

    def documents(self, topic_slug: str) -> list[Path]:
        return six_documents(self.folder / "hugo", self.topics() / topic_slug)


def six_documents(*folders: Path) -> list[Path]:
    return [folder / name for folder in folders for name in ("rss.xml", "atom.xml", "feed.json")]


def titles(document: Path) -> list[str]:
    return [item["title"] for item in json.loads(document.read_bytes())["items"]]


def disagreements(one: Program, other: Program) -> list[str]:
    """In what the two outputs differ: the number of topics, or the titles in the feeds that are looked at."""
    found = []
    counts = [sum(1 for _ in program.topics().glob("*/feed.json")) for program in (one, other)]
    if counts[0] != counts[1]:
        found.append(f"{counts[0]} and {counts[1]} topics")
    for slug in ("ai", "robotics", "coastal-sensors"):
        for mine, others in zip(one.documents(slug), other.documents(slug), strict=True):
            if not mine.is_file() or not others.is_file():
                found.append(f"{mine.name} of {slug} is missing")
            elif mine.name == "feed.json" and titles(mine) != titles(others):
                found.append(f"titles in {mine} and {others}")
    return found
