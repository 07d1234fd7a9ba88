"""The sections of config.yaml, each option with its kind, its default and one line of explanation.

With `feeds` and `targets`, which have modules of their own, this is the only place that knows the options:
the JSON Schema, the reference page and the hints in error messages are made from it. What several options
must agree on is in `rules`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    model_validator,
)

from feedbot import model
from feedbot.config.addresses import FolderUrl, IdBase, OwnToken, Url
from feedbot.config.paths import DatabaseUrl, Paths, file_at
from feedbot.config.values import (
    Duration,
    Language,
    Names,
    Permalink,
    Scan,
    Score,
    Text,
    Wanted,
    Zone,
    no_bool,
    wrong,
)

Dialect: TypeAlias = Literal["smartable", "jekyll", "hugo"]

# What the keys of front matter can be mapped to with `content.fields`.
FIELD_NAMES = (
    "id", "title", "summary", "published", "updated", "expires", "link", "via", "amp_link", "cdn_amp_link",
    "category", "categories", "topics", "type", "language", "provider", "authors", "images", "related",
    "heat", "quality", "featured", "permalink", "slug", "shown", "removed", "draft",
    "status", "visibility", "hidden", "password", "build", "feed",
)  # fmt: skip

STATE = ".feedbot/feedbot.db"  # where it lies unless `store.url` says otherwise


class Section(BaseModel):
    """A mapping of options. Unknown ones are refused; one without a value counts as not given."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, data: Any) -> Any:
        return (
            {key: value for key, value in data.items() if value is not None} if type(data) is dict else data
        )


# --- the names of fields ---


def _field_name(value: str) -> str:
    if value not in FIELD_NAMES:
        raise wrong("is no field")  # the words for unknown options are said instead
    return value


def _without_secured(keys: tuple[str, ...]) -> tuple[str, ...]:
    if any(key.lower() == "secured" for key in keys):
        raise wrong("cannot be read from `secured`, which never leaves its file", "name another key")
    return keys


FieldName = Annotated[str, AfterValidator(_field_name)]
FieldKeys = Annotated[Names, AfterValidator(_without_secured)]
FieldMap = Annotated[
    dict[FieldName, FieldKeys], Field(json_schema_extra={"propertyNames": {"enum": list(FIELD_NAMES)}})
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
        description="What every item's id begins with. Choose it before the first pass: ids stay as they are",
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
    permalink: Permalink = Field(
        default="",
        description="Where the site shows articles that do not say it: a pattern, or Jekyll's word for one."
        " Not given: where Jekyll, Hugo or a plain site has them by default",
        examples=["/:year/:month/:title/", "pretty"],
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
        return model.Where.of(**dict(self))


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

    url: DatabaseUrl = Field(
        default=SecretStr(f"sqlite:///{STATE}"),
        description="Database, SQLite or PostgreSQL; DATABASE_URL in the environment wins",
        examples=[f"sqlite:///{STATE}", "postgresql://feedbot@db.example.com/feedbot"],
        validate_default=True,
        json_schema_extra={"title": "database URL", "default": f"sqlite:///{STATE}"},
    )

    @property
    def file(self) -> Path | None:
        """The database's file, if it is one."""
        path = file_at(self.url.get_secret_value())
        return Path(path) if path else None


class AnnounceSettings(Section):
    """Which news is worth telling."""

    max_age: Duration = Field(
        default="14d", description="Older articles are never announced", validate_default=True
    )
    burst: Annotated[int, Field(ge=1), BeforeValidator(no_bool)] = Field(
        default=20,
        description="More new articles than this in one pass, or for a worker within a minute, are held until"
        " somebody releases them; in a pass, those too old to be announced count, too",
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
