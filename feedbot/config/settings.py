"""The whole of config.yaml as one class."""

from __future__ import annotations

from pydantic import Field

from feedbot.config.feeds import FeedsSettings
from feedbot.config.sections import (
    AnnounceSettings,
    ContentSettings,
    ScheduleSettings,
    Section,
    ServeSettings,
    SiteSettings,
    StoreSettings,
)
from feedbot.config.targets import Target


class Settings(Section):
    """The configuration of feedbot."""

    site: SiteSettings = Field(description="What all feeds have in common")
    content: ContentSettings = Field(
        default_factory=dict,
        description="Where the articles are, and how to read them",
        validate_default=True,
    )
    feeds: FeedsSettings = Field(
        default_factory=dict, description="What is written, and where", validate_default=True
    )
    serve: ServeSettings = Field(
        default_factory=dict, description="What the web server says, and to whom", validate_default=True
    )
    schedule: ScheduleSettings = Field(
        default_factory=dict, description="When the worker looks", validate_default=True
    )
    store: StoreSettings = Field(
        default_factory=dict, description="Where feedbot keeps what it knows", validate_default=True
    )
    announce: AnnounceSettings = Field(
        default_factory=dict, description="Which news is worth telling", validate_default=True
    )
    targets: tuple[Target, ...] = Field(default=(), description="Where new articles are announced")
