"""What is said in a newsroom to which anything may happen: in its content files, and in its configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from newsroom import NOW, SITE

from feedbot.model import fold_name
from feedbot.store.feeds import FeedKind, FeedName

HOUR = timedelta(hours=1)
LIMIT = 3  # of a feed, where the history has not set another


@dataclass(frozen=True)
class Story:
    """What a content file says; hours count from the beginning of the history."""

    title: str = ""
    topics: tuple[str, ...] = ()
    published: int = -100
    expires: int | None = None
    heat: int | None = None
    is_long: bool = False
    has_url: bool = True  # without one it leads to where the site shows the file
    state: str = "sound"  # or "draft", "unpublished", "undated", "broken"

    def is_live(self, hours: float) -> bool:
        """Whether readers see it so many hours after the beginning."""
        is_over = self.expires is not None and self.expires <= hours
        return self.state == "sound" and self.published <= hours and not is_over

    def front(self) -> dict[str, Any]:
        """Its front matter."""
        return {
            "title": self.title,
            "excerpt": f"In short: {self.title}.",
            "topics": list(self.topics),
            "publishedDateTime": None if self.state == "undated" else _moment(self.published),
            "expiresDateTime": _moment(self.expires),
            "webUrl": f"https://publisher.example/{self.title[6:]}" if self.has_url else None,
            "heat": self.heat,
            "images": [{"url": "https://pictures.example/p.jpg"}] if self.is_long else None,
            "draft": True if self.state == "draft" else None,
            "published": False if self.state == "unpublished" else None,
        }


def _moment(hours: int | None) -> str | None:
    return None if hours is None else (NOW + hours * HOUR).isoformat()


@dataclass(frozen=True)
class Setting:
    """What stands in config.yaml, but for what is the same all the while."""

    site: dict[str, Any] = field(default_factory=dict)
    feeds: dict[str, Any] = field(default_factory=dict)
    topics: dict[str, dict[str, Any]] = field(default_factory=dict)
    named: dict[str, dict[str, Any]] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)
    serve: dict[str, Any] = field(default_factory=dict)

    def sections(self) -> dict[str, Any]:
        """The sections of the file."""
        named = [{"name": name, **options} for name, options in self.named.items()]
        return {
            "site": {**SITE, **self.site},
            "content": self.content,
            "serve": self.serve,
            "feeds": {"limit": LIMIT, **self.feeds, "topics": self.topics, "named": named},
        }

    @property
    def place(self) -> str:
        """Where documents go."""
        return str(self.feeds.get("path", "feeds"))

    @property
    def folders(self) -> set[str]:
        """Where the articles lie."""
        return set(self.content.get("path", ["content"]))

    def folder_of(self, name: str) -> str | None:
        """The content folder in which the file `name` lies; None where that is none."""
        return next((folder for folder in self.folders if name.startswith(f"{folder}/")), None)

    def leaves_out(self, name: str) -> bool:
        """Whether the file `name` is none that is read."""
        folder = self.folder_of(name)
        excluded = self.content.get("exclude", [])
        return folder is None or any(map(name.removeprefix(f"{folder}/").startswith, excluded))

    def options_of(self, feed: FeedName) -> dict[str, Any] | None:
        """What is said of a feed; None: nothing, not even its name."""
        some = self.topics if feed[0] is FeedKind.TOPIC else self.named if feed[0] is FeedKind.NAMED else {}
        return next((options for name, options in some.items() if fold_name(name) == feed[1]), None)

    def has_feed(self, topic: str) -> bool:
        """Whether the topic of this folded name may have a feed."""
        return bool((self.options_of((FeedKind.TOPIC, topic)) or {}).get("feed", True))

    def limit(self, feed: FeedName) -> int:
        """How many articles a feed shows."""
        own = (self.options_of(feed) or {}).get("limit")
        return int(own or self.feeds.get("limit", LIMIT))

    def takes(self, feed: FeedName, story: Story) -> bool:
        """Whether a live story is in a feed."""
        kind, name = feed
        topics = set(map(fold_name, story.topics))
        if kind is FeedKind.TOPIC:
            return name in topics
        where = (self.options_of(feed) or {}).get("where", {})
        wanted = set(map(fold_name, where.get("topics", topics)))
        is_hot = "min_heat" not in where or (story.heat is not None and story.heat >= where["min_heat"])
        return is_hot and (wanted == topics or not wanted.isdisjoint(topics))
