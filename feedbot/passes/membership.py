"""Which feeds an article is in, and what each feed is called. Pure.

The feed of all articles, one for each of its topics (unless the configuration drops it), and each named feed
whose `where` takes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from feedbot.model import Feed, Outline, Where, fold_name
from feedbot.slug import slugify
from feedbot.store.feeds import FeedKind, FeedName, FeedRow

if TYPE_CHECKING:
    from feedbot.config import Config, NamedFeedSettings, TopicSettings

ALL: FeedName = (FeedKind.ALL, "")


class Choice(Struct, frozen=True, kw_only=True):
    """How one feed is published."""

    feed: Feed
    limit: int
    full: bool


class Catalogue:
    """The feeds that a configuration asks for."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._topics: dict[str, TopicSettings] = {
            fold_name(name): topic for name, topic in config.feeds.topics.items()
        }
        self._topic_names = {fold_name(name): name for name in config.feeds.topics}
        named = config.feeds.named
        self._named: dict[str, NamedFeedSettings] = {fold_name(feed.name): feed for feed in named}
        self._wheres: dict[str, Where] = {name: feed.where.model() for name, feed in self._named.items()}

    @property
    def keeps_archives(self) -> bool:
        """Whether feeds have archives."""
        return self._config.feeds.archive

    def feeds_of(self, article: Outline) -> dict[FeedName, str]:
        """The feeds that a live article is in, each with its name as written."""
        found = {ALL: ""}
        for topic in article.topics:
            name = fold_name(topic)
            if self.wants((FeedKind.TOPIC, name)):
                found[FeedKind.TOPIC, name] = self._topic_names.get(name, topic)
        for name, where in self._wheres.items():
            if where.matches(article):
                found[FeedKind.NAMED, name] = self._named[name].name
        return found

    def permanent(self) -> dict[FeedName, str]:
        """The feeds that exist even without an article, each with its name as written."""
        return {ALL: "", **{(FeedKind.NAMED, name): feed.name for name, feed in self._named.items()}}

    def wants(self, feed: FeedName) -> bool:
        """Whether the configuration lets this feed exist."""
        kind, name = feed
        if kind is FeedKind.TOPIC:
            return name not in self._topics or self._topics[name].feed
        return kind is FeedKind.ALL or name in self._named

    def pinned_slug(self, feed: FeedName) -> str:
        """The slug that the configuration gives the feed, or ""."""
        kind, name = feed
        options = self._topics.get(name) if kind is FeedKind.TOPIC else self._named.get(name)
        return (options.slug or "") if options else ""

    def wanted_slug(self, feed: FeedName, title: str) -> str:
        """The slug to ask for when the feed is first seen; the feed of all articles has none."""
        return self.pinned_slug(feed) or slugify(title)

    def choice(self, row: FeedRow) -> Choice:
        """How the feed in `row` is published."""
        site, feeds = self._config.site, self._config.feeds
        title, description, limit, content = row.title, "", feeds.limit, feeds.content
        if row.kind is FeedKind.TOPIC and row.name in self._topics:
            topic = self._topics[row.name]
            title, description = topic.title or self._topic_names[row.name], topic.description or ""
        elif row.kind is FeedKind.NAMED:
            named = self._named[row.name]
            title, description = named.title or named.name, named.description or ""
            limit, content = named.limit or limit, named.content or content
        if row.kind is FeedKind.ALL:
            feed = Feed(
                slug="",
                title=site.title,
                description=site.description or "",
                home=site.url,
                updated=row.updated,
            )
        else:
            feed = Feed(
                slug=row.slug,
                first_slug=row.first_slug,
                title=f"{title} – {site.title}",
                description=description,
                home="" if feeds.pages else site.url,
                updated=row.updated,
            )
        return Choice(feed=feed, limit=limit, full=content == "full")
