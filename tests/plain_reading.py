"""Articles read in the plainest way, line by line, without YAML and without feedbot: a second opinion.

Good for front matter as regular as that of the sample newsroom and of the corpus, and for nothing else.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

_FIELD = re.compile(r"^(\w+): (.*)$", re.MULTILINE)
_TOPICS = re.compile(r"^topics:\n((?:  - .*\n)+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Story:
    """What a file says."""

    name: str  # of the file
    title: str
    excerpt: str
    link: str
    published: datetime
    is_shown: bool
    topics: tuple[str, ...]
    category: str
    secured: str  # "" for none

    @property
    def tags(self) -> tuple[str, ...]:
        """What readers call categories."""
        return (*self.topics, self.category)

    def id(self, base: str) -> str:
        """The id that feeds show it under."""
        return base + quote(self.name)


def read_stories(folder: Path) -> list[Story]:
    """All files in `folder`, newest first, then by name."""
    stories = [read_story(path) for path in folder.iterdir() if path.is_file()]
    return sorted(
        sorted(stories, key=lambda story: story.name), key=lambda story: story.published, reverse=True
    )


def read_story(path: Path) -> Story:
    """One file."""
    front = path.read_bytes().decode("utf-8").replace("\r\n", "\n").split("\n---\n")[0] + "\n"
    field = {key: _scalar(value) for key, value in _FIELD.findall(front)}
    topics = _TOPICS.search(front)
    assert topics is not None, path
    return Story(
        name=path.name,
        title=_folded(field["title"]),
        excerpt=_folded(field["excerpt"]),
        link=field.get("webUrl") or field["originalUrl"],
        published=datetime.fromisoformat(field["publishedDateTime"]),
        is_shown={"true": True, "false": False}[field["published"]],
        topics=tuple(_scalar(line.removeprefix("  - ")) for line in topics[1].splitlines()),
        category=field["category"],
        secured=field.get("secured", ""),
    )


def with_topic(stories: Iterable[Story], topic: str) -> list[Story]:
    """Those of `stories` that carry `topic`."""
    return [story for story in stories if topic in story.topics]


def _scalar(written: str) -> str:
    """A value on one line; the double-quoted strings of both folders are JSON too."""
    return str(json.loads(written)) if written.startswith('"') else written.strip()


def _folded(text: str) -> str:
    """One line of plain text."""
    return " ".join(html.unescape(html.unescape(text)).split())
