"""The sections of config.yaml, each option with its kind, its default and one line of explanation.

These are the only place that knows the options: the JSON Schema, the reference page and the hints in error
messages are made from them. What several options must agree on is in `rules`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from feedbot import model
from feedbot.config.addresses import FolderUrl, IdBase, OwnToken, Url
from feedbot.config.bucket import SCHEME, BucketAddress, bucket_address
from feedbot.config.values import (
    ONE_OR_MORE,
    Count,
    Duration,
    Language,
    Names,
    Scan,
    Score,
    Size,
    Text,
    Wanted,
    Zone,
    no_bool,
    one_or_more,
    wrong,
)
from feedbot.slug import slugify

Dialect: TypeAlias = Literal["smartable", "jekyll", "hugo"]
Extent: TypeAlias = Literal["full", "excerpt"]

# What the keys of front matter can be mapped to with `content.fields`.
FIELD_NAMES = (
    "id", "title", "summary", "published", "updated", "expires", "link", "via", "amp_link", "cdn_amp_link",
    "category", "categories", "topics", "type", "language", "provider", "authors", "images", "related",
    "heat", "quality", "featured", "permalink", "slug", "shown", "removed", "draft", "feed",
)  # fmt: skip


class Section(BaseModel):
    """A mapping of options. Unknown ones are refused; one without a value counts as not given."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, data: Any) -> Any:
        return (
            {key: value for key, value in data.items() if value is not None} if type(data) is dict else data
        )


# --- kinds that only these sections need ---


def _folder(info: ValidationInfo) -> Path:
    return (info.context or {}).get("folder") or Path.cwd()


def _placed(value: object, info: ValidationInfo) -> Path:
    """A path in the file is relative to the file's folder."""
    if not isinstance(value, str) or not value:
        raise wrong("must be a path", "such as articles or /srv/articles")
    if "://" in value:
        raise wrong("must be a folder on this machine", "such as articles or /srv/articles")
    if "\0" in value:
        raise wrong("must be a path", "this one has a character that no path can have")
    return Path(os.path.abspath(_folder(info) / value))  # noqa: PTH100 - resolve() follows links, which may move


def _output(value: object, info: ValidationInfo) -> Path | BucketAddress:
    """Where feeds go: a folder, or a bucket."""
    if isinstance(value, str) and value.startswith(SCHEME):
        return bucket_address(value)
    if isinstance(value, str) and ":/" in value:
        raise wrong("must be a folder, or a bucket as s3://BUCKET/PREFIX", _meant(value))
    return _placed(value, info)


def _meant(value: str) -> str:
    """What somebody probably meant who wrote the address of a bucket in another way."""
    scheme, _, rest = value.partition(":")
    if scheme.lower() == "s3":
        return f"write {SCHEME}{rest.strip('/')}"
    if scheme.lower() in {"http", "https"}:
        return "the address of the store goes into AWS_ENDPOINT_URL"
    return "any store that speaks the language of S3 will do"


def _slug(value: str) -> str:
    if value != slugify(value):
        raise wrong(
            "must be lower case letters and digits with single hyphens between", f"such as {slugify(value)}"
        )
    return value


def _field_name(value: str) -> str:
    if value not in FIELD_NAMES:
        raise wrong("is no field")  # the words for unknown options are said instead
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


def _is_address(url: str) -> bool:
    try:
        return urlsplit(url).port != 0  # both steps read the host and may refuse it
    except ValueError:
        return False


def _database(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """The address as SQLAlchemy wants it, with an absolute path for SQLite."""
    url = value.get_secret_value().strip()
    scheme, separator, rest = url.partition("://")
    if scheme in {"postgres", "postgresql", "postgresql+psycopg"} and separator and _is_address(url):
        return SecretStr(f"postgresql+psycopg://{rest}")
    name = rest.removeprefix("/").partition("?")[0]
    if scheme != "sqlite" or not rest.startswith("/"):
        raise wrong("must be a database address", "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")
    if name in {"", ":memory:"} or "\0" in name:
        raise wrong("must name a file", "what was announced has to outlive the process")
    path = os.path.abspath(_folder(info) / name)  # noqa: PTH100 - as above
    return SecretStr(f"sqlite:///{path}{rest.removeprefix('/').removeprefix(name)}")


FolderPath = Annotated[Path, PlainValidator(_placed), WithJsonSchema({"type": "string", "title": "path"})]
OutputPath = Annotated[
    Path | BucketAddress,
    PlainValidator(_output),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "title": "path or bucket", "examples": ["feeds", "s3://news/feeds"]}),
]
Paths = Annotated[tuple[FolderPath, ...], Field(min_length=1), BeforeValidator(one_or_more)]
Slug = Annotated[Text, AfterValidator(_slug)]
Formats = Annotated[
    tuple[model.Format, ...],
    Field(min_length=1, json_schema_extra=ONE_OR_MORE),
    BeforeValidator(one_or_more),
]
FieldName = Annotated[str, AfterValidator(_field_name)]
FieldMap = Annotated[
    dict[FieldName, Names], Field(json_schema_extra={"propertyNames": {"enum": list(FIELD_NAMES)}})
]
Fields = Annotated[
    Annotated[Dialect, Tag("dialect")] | Annotated[FieldMap, Tag("mapping")],
    Discriminator(lambda value: "mapping" if isinstance(value, dict) else "dialect"),
]


# --- the sections ---


class AuthorSettings(Section):
    """Who answers for the site."""

    name: Text = Field(description="Name of the person or organisation")
    url: Url = Field(default="", description="Their page")


class SiteSettings(Section):
    """What all feeds have in common."""

    title: Text = Field(description="Name of the site, as readers see it")
    url: FolderUrl = Field(description="Where people read the site")
    feeds_url: FolderUrl = Field(
        description="Where the output folder is reachable: feeds name themselves by it"
    )
    id_base: IdBase = Field(
        description="What every item's id begins with. Choose it once: changing it makes all items new",
        examples=["tag:news.example.com,2026:"],
    )
    description: str = Field(default="", description="One sentence about the site")
    language: Language = Field(default="", description="Language of the articles", examples=["en", "de-AT"])
    author: AuthorSettings | None = Field(default=None, description="Who answers for the site")
    icon: Url = Field(default="", description="Address of a square picture")
    logo: Url = Field(default="", description="Address of a picture twice as wide as high")


class ContentSettings(Section):
    """Where the articles are, and how to read them."""

    paths: Paths = Field(
        default=("content",),
        alias="path",
        description="Folder of the articles, or a list of folders",
        validate_default=True,
        json_schema_extra={"type": ["string", "array"], "title": "path or list"},
    )
    include: Names = Field(
        default=(),
        description="Patterns of the files to read, as in .gitignore; empty: all Markdown and HTML files",
    )
    exclude: Names = Field(default=(), description="Patterns of files to leave out, as in .gitignore")
    fields: Fields | None = Field(
        default=None,
        description="Names of front matter fields: a dialect (smartable, jekyll, hugo), or the names to look"
        " for, for each of feedbot's fields. Not given: all three dialects are understood",
        json_schema_extra={"title": "dialect or mapping"},
    )
    timezone: Zone = Field(
        default="UTC",
        description="Time zone of dates that name none, and of a cron expression",
        validate_default=True,
    )


class WhereSettings(Section):
    """Which articles are taken: those that match every part that is given."""

    topics: Wanted = Field(default=(), description="At least one of these topics")
    categories: Wanted = Field(default=(), description="One of these categories")
    types: Wanted = Field(default=(), description="One of these types, such as article or video")
    providers: Wanted = Field(default=(), description="One of these publications, by name or domain")
    min_heat: Score | None = Field(default=None, description="At least this heat")
    min_quality: Score | None = Field(default=None, description="At least this quality")

    def model(self) -> model.Where:
        """The filter itself."""
        return model.Where.of(
            topics=list(self.topics),
            categories=list(self.categories),
            types=list(self.types),
            providers=list(self.providers),
            min_heat=self.min_heat,
            min_quality=self.min_quality,
        )


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
    pictures: bool = Field(
        default=True,
        description="Whether pages show pictures of articles; without them a page asks nobody but its server",
    )


class ServeSettings(Section):
    """What the web server says, and to whom."""

    max_age: Duration = Field(
        default="5m",
        description="How long readers may keep a document without asking again",
        validate_default=True,
    )
    token: OwnToken | None = Field(
        default=None, description="Opens /status and /metrics to those who know it; not given: nobody does"
    )
    local: bool = Field(
        default=False,
        description="Whether /status and /metrics need no token on this machine itself; holds only while"
        " `site.feeds_url` is an address of this machine, too",
    )


class ScheduleSettings(Section):
    """When the worker looks."""

    scan: Scan = Field(
        default="60s",
        description="How often the content is looked through, or a cron expression; file events only make it"
        " sooner",
        validate_default=True,
    )


class StoreSettings(Section):
    """Where feedbot keeps what it knows."""

    url: Annotated[SecretStr, AfterValidator(_database)] = Field(
        default=SecretStr("sqlite:///.feedbot/feedbot.db"),
        description="Database, SQLite or PostgreSQL; DATABASE_URL in the environment wins",
        examples=["sqlite:///.feedbot/feedbot.db", "postgresql://feedbot@db.example.com/feedbot"],
        validate_default=True,
        json_schema_extra={"title": "database URL", "default": "sqlite:///.feedbot/feedbot.db"},
    )

    @property
    def file(self) -> Path | None:
        """The database's file, if it is one."""
        scheme, _, rest = self.url.get_secret_value().partition(":///")
        return Path(rest.partition("?")[0]) if scheme == "sqlite" else None


class AnnounceSettings(Section):
    """Which news is worth telling."""

    max_age: Duration = Field(
        default="14d", description="Older articles are never announced", validate_default=True
    )
    burst: Annotated[int, Field(ge=1), BeforeValidator(no_bool)] = Field(
        default=20,
        description="More new articles than this in one pass are held until somebody releases them",
    )
    settle: Duration = Field(
        default="2s",
        description="An article is announced when its file has been still this long",
        validate_default=True,
    )
    parallel: Annotated[int, Field(ge=1, le=64), BeforeValidator(no_bool)] = Field(
        default=8, description="Targets that are served side by side; each gets one announcement at a time"
    )
    keep: Duration = Field(
        default="90d",
        description="How long what was sent, and each attempt, can be looked up",
        validate_default=True,
    )
