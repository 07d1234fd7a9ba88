"""The words of feedbot as frozen values. Knows no other module but `errors`.

Articles and their parts are msgspec's, for they are made, written and read back by the ten thousand.

article   one content file, read
feed      one selection of articles, one slug, one document for each format
document  bytes at a path under `feeds/`
finding   a problem in a content file or in the output: path, line, what, hint
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr


class Level(StrEnum):
    """How much a finding matters."""

    ERROR = "error"  # the article cannot be used as it is
    WARNING = "warning"  # it is used, but not as its author meant
    INFO = "info"  # worth knowing, nothing to mend


class Finding(Struct, frozen=True, kw_only=True):
    """A problem that one person can mend in one place."""

    path: str  # as the operator knows it: relative to the folder of config.yaml where it lies below it
    what: str
    hint: str = ""
    line: int | None = None  # counted from 1; None where a line means nothing
    column: int | None = None  # counted from 1
    level: Level = Level.ERROR

    @property
    def place(self) -> str:
        """`path`, `path:line` or `path:line:column`, the form that editors jump to."""
        parts = [self.path, self.line, self.column if self.line is not None else None]
        return ":".join(str(part) for part in parts if part is not None)

    def as_json(self) -> JsonObject:
        """For `--json`."""
        return {
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "level": self.level.value,
            "what": self.what,
            "hint": self.hint,
        }

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.place}: {self.level}: {self.what}{hint}"


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """An article, or what one is made of; as text it is without what holds its default."""


class Image(Value, frozen=True, kw_only=True):
    """A picture of an article; `url` is absolute, sizes are pixels."""

    url: str
    width: int | None = None
    height: int | None = None
    title: str = ""


class Author(Value, frozen=True, kw_only=True):
    """Somebody, or some organisation, that wrote an article; URLs are absolute or empty."""

    name: str
    url: str = ""
    avatar: str = ""


class Provider(Value, frozen=True, kw_only=True):
    """The publication an article comes from."""

    name: str = ""
    domain: str = ""
    image: str = ""  # absolute URL of its logo

    def __bool__(self) -> bool:
        return bool(self.name or self.domain)


NO_PROVIDER: Final = Provider()


class Related(Value, frozen=True, kw_only=True):
    """Another publication's coverage of the same story."""

    title: str
    url: str
    provider: str = ""
    published: datetime | None = None


class Outline(Value, frozen=True, kw_only=True):
    """What decides in which feeds an article is, and from when to when; as in `Article`."""

    published: datetime
    expires: datetime | None = None
    category: str = ""
    type: str = ""  # article, video, ...
    topics: tuple[str, ...] = ()
    provider: Provider = NO_PROVIDER
    heat: int | None = None
    quality: int | None = None


class Article(Outline, frozen=True, kw_only=True):
    """One content file, read: clean text, absolute URLs, aware UTC dates in whole seconds."""

    title: str
    updated: datetime  # at least `published`
    summary: str = ""  # plain text, one line
    content: str = ""  # sanitised HTML, or "" where the file has no body
    link: str = ""
    via: str = ""  # where the story first appeared, if elsewhere than `link`
    amp_link: str = ""
    cdn_amp_link: str = ""
    language: str = ""
    authors: tuple[Author, ...] = ()
    images: tuple[Image, ...] = ()
    related: tuple[Related, ...] = ()
    given_id: str = ""  # the `id` in the front matter, "" for none: a file that comes back is known by it

    def __post_init__(self) -> None:
        for moment in (self.published, self.updated, self.expires):
            if moment is not None and moment.tzinfo is not UTC and moment.utcoffset() != UTC.utcoffset(None):
                raise ValueError(f"not in UTC: {moment!r}")
        if self.provider is not NO_PROVIDER and self.provider == NO_PROVIDER:
            force_setattr(self, "provider", NO_PROVIDER)  # only the default itself is left out of the text


class EventKind(StrEnum):
    """What happened to an article in the eyes of its readers."""

    PUBLISHED = "published"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"


class Status(StrEnum):
    """Where an article stands with its readers."""

    LIVE = "live"  # in its feeds
    WAITING = "waiting"  # its date lies ahead
    WITHDRAWN = "withdrawn"  # it was read once and is not to be seen now


class Where(Struct, frozen=True, kw_only=True):
    """Which articles a feed or a target takes: every part that is given must match.

    Names are compared without regard to case and surrounding space. An article without heat or quality
    has less than any `min_heat` or `min_quality`.
    """

    topics: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()  # a provider's name or its domain
    min_heat: int | None = None
    min_quality: int | None = None

    @classmethod
    def of(cls, *, min_heat: int | None = None, min_quality: int | None = None, **names: list[str]) -> Where:
        """Build from lists of display names, as they stand in the configuration."""
        folded = {key: frozenset(map(fold_name, values)) for key, values in names.items()}
        return cls(min_heat=min_heat, min_quality=min_quality, **folded)

    def matches(self, article: Outline) -> bool:
        """Whether `article` is taken."""
        return self.mismatch(article) is None

    def mismatch(self, article: Outline) -> str | None:
        """The first part that does not match `article`, as it is called in the configuration, or None."""
        provider = {fold_name(article.provider.name), fold_name(article.provider.domain)}
        if self.topics and self.topics.isdisjoint(map(fold_name, article.topics)):
            return "topics"
        if self.categories and fold_name(article.category) not in self.categories:
            return "categories"
        if self.types and fold_name(article.type) not in self.types:
            return "types"
        if self.providers and self.providers.isdisjoint(provider):
            return "providers"
        if self.min_heat is not None and (article.heat is None or article.heat < self.min_heat):
            return "min_heat"
        if self.min_quality is not None and (article.quality is None or article.quality < self.min_quality):
            return "min_quality"
        return None


@lru_cache(maxsize=4096)  # the names of topics and publications come again and again
def fold_name(name: str) -> str:
    """The form in which two spellings of a name are the same: case and spaces do not count."""
    return " ".join(name.casefold().split())


class Site(Struct, frozen=True, kw_only=True):
    """What all feeds of a site share; URLs of folders end in a slash."""

    title: str
    url: str
    feeds_url: str
    id_base: str
    description: str = ""
    language: str = ""
    author: Author | None = None
    icon: str = ""
    logo: str = ""
    hub: str = ""


class Format(StrEnum):
    """The three documents of a feed; the value is the word in `feeds.formats`."""

    RSS = "rss"
    ATOM = "atom"
    JSON = "json"


FILENAMES = {Format.RSS: "rss.xml", Format.ATOM: "atom.xml", Format.JSON: "feed.json"}
MEDIA_TYPES = {
    Format.RSS: "application/rss+xml",
    Format.ATOM: "application/atom+xml",
    Format.JSON: "application/feed+json",
}


class Feed(Struct, frozen=True, kw_only=True):
    """One selection of articles as it is published: `slug` is its folder under `feeds/`, "" the root."""

    slug: str
    title: str
    description: str = ""
    first_slug: str = ""  # the slug it had first, if that was another one: its own id is made of it
    home: str = ""  # the page for people; "" means the feed's own page beside its documents
    updated: datetime = datetime(1970, 1, 1, tzinfo=UTC)  # for a feed that shows no article at the moment


class Entry(Struct, frozen=True, kw_only=True):
    """An article under the identity it was given when it was first seen."""

    id: str  # an absolute URI, `id_base` and the path at first sight
    article: Article


class Document(Struct, frozen=True, kw_only=True):
    """Bytes to be at `path`, relative to the output folder, with `/` between its parts."""

    path: str
    body: bytes


class Listing(Struct, frozen=True, kw_only=True):
    """A feed as the index page and OPML show it."""

    feed: Feed
    articles: int
    newest: datetime | None = None
    weeks: tuple[int, ...] = ()  # articles of each of the last weeks, the oldest first; () for none


JsonObject = dict[str, Any]
Progress = Callable[[int, int], None]  # what is done, of how much
# By which a content file is known to be as it was: modification time in nanoseconds, size in bytes, inode.
Stamp = tuple[int, int, int]
