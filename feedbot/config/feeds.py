"""The feeds of config.yaml: what is written and where, topics whose feed is special, and feeds by name."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from feedbot import model
from feedbot.config.addresses import Url
from feedbot.config.paths import OutputPath
from feedbot.config.sections import Section, WhereSettings
from feedbot.config.values import ONE_OR_MORE, Count, Duration, Size, Text, one_or_more, wrong
from feedbot.slug import RESERVED, slugify

Extent: TypeAlias = Literal["full", "excerpt"]


def _slug(value: str) -> str:
    if value in RESERVED:
        raise wrong("is a name that feedbot or a disk needs for itself", f"such as {slugify(value)}")
    if value != slugify(value):
        raise wrong(
            "must be lower case letters and digits with single hyphens between", f"such as {slugify(value)}"
        )
    return value


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise wrong("names something twice", "once is enough")
    return values


def _topics(value: object) -> object:
    """A topic without options is one with the usual ones."""
    if not isinstance(value, dict):
        return value
    return {name: {} if given is None else given for name, given in value.items()}


Slug = Annotated[Text, AfterValidator(_slug)]
Formats = Annotated[
    tuple[model.Format, ...],
    Field(min_length=1, json_schema_extra=ONE_OR_MORE),
    BeforeValidator(one_or_more),
]


class TopicSettings(Section):
    """What is special about the feed of one topic."""

    slug: Slug | None = Field(default=None, description="Folder of the feed; not given: made from the name")
    title: Text | None = Field(default=None, description="Title of the feed; not given: the topic's name")
    description: str = Field(default="", description="One sentence about the feed")
    feed: bool = Field(default=True, description="Whether the topic has a feed")


class NamedFeedSettings(Section):
    """A feed that selects articles by more than one topic."""

    name: Text = Field(description="What the feed is called in messages; its slug is made from it")
    title: Text | None = Field(default=None, description="Title of the feed; not given: its name")
    description: str = Field(default="", description="One sentence about the feed")
    slug: Slug | None = Field(default=None, description="Folder of the feed; not given: made from the name")
    where: WhereSettings = Field(default=WhereSettings(), description="Which articles it takes")
    limit: Count | None = Field(default=None, description="Articles shown; not given: as in `feeds.limit`")
    content: Extent | None = Field(
        default=None, description="full or excerpt; not given: as in `feeds.content`"
    )


class FeedsSettings(Section):
    """What is written, and where."""

    place: OutputPath = Field(
        default="feeds",
        alias="path",
        description="Folder that the feeds are written to, or a bucket as s3://BUCKET/PREFIX",
        validate_default=True,
    )
    formats: Annotated[Formats, AfterValidator(_distinct)] = Field(
        default=tuple(model.Format), description="Documents of each feed: rss, atom, json"
    )
    limit: Count = Field(default=50, description="Articles shown in a feed, 1 to 1000")
    content: Extent = Field(
        default="full", description="full: the whole text of articles; excerpt: their summary only"
    )
    max_item_size: Size = Field(
        default="64KB",
        description="An article whose text is larger is shown by its summary",
        validate_default=True,
    )
    topics: Annotated[dict[Text, TopicSettings], BeforeValidator(_topics)] = Field(
        default={},
        description="Topics whose feed is special, by name; all others have a feed without being named",
    )
    named: tuple[NamedFeedSettings, ...] = Field(
        default=(), description="Feeds that select by more than one topic"
    )
    hub: Url = Field(default="", description="WebSub hub that tells subscribers of changes at once")
    hub_delay: Duration = Field(
        default="0s",
        description="How long after a change the hub is told: as long as caches in front of the feeds may"
        " still answer with the old ones",
        validate_default=True,
    )
    archive: bool = Field(
        default=False,
        description="Whether the whole history of each feed is kept in archive documents (RFC 5005)",
    )
    pages: bool = Field(
        default=True,
        description="Whether each feed has a page for people, beside the page that lists all feeds",
    )
    pictures: bool = Field(
        default=True,
        description="Whether pages show pictures of articles; without them a page asks nobody but its server",
    )
