"""The whole of config.yaml as one class."""

from __future__ import annotations

from typing import Any

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


def _optional(description: str) -> Any:
    """A section that need not be there: its options have their defaults then."""
    return Field(default_factory=dict, description=description, validate_default=True)


class Settings(Section):
    """The configuration of feedbot."""

    site: SiteSettings = Field(description="What all feeds have in common")
    content: ContentSettings = _optional("Where the articles are, and how to read them")
    feeds: FeedsSettings = _optional("What is written, and where")
    serve: ServeSettings = _optional("What the web server says, and to whom")
    schedule: ScheduleSettings = _optional("When the worker looks")
    store: StoreSettings = _optional("Where feedbot keeps what it knows")
    announce: AnnounceSettings = _optional("Which news is worth telling")
    targets: tuple[Target, ...] = Field(default=(), description="Where new articles are announced")
