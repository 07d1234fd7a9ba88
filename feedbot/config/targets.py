"""The targets of config.yaml: where announcements go, one class for each `type`.

Only what can be set; how a target speaks is not known here. Addresses and tokens are secrets throughout.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, TypeAlias, get_args

from msgspec import Struct
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from feedbot.config.addresses import Secret, SecretUrl, ServerUrl, SigningSecret, Token
from feedbot.config.sections import Section, WhereSettings
from feedbot.config.values import (
    ONE_OR_MORE,
    Duration,
    HashtagAlias,
    Language,
    TargetName,
    Template,
    Text,
    no_bool,
    one_or_more,
    wrong,
)

EventName: TypeAlias = Literal["published", "updated", "withdrawn"]
Events = Annotated[
    tuple[EventName, ...], Field(min_length=1, json_schema_extra=ONE_OR_MORE), BeforeValidator(one_or_more)
]

RESERVED_HEADERS = re.compile(r"(?i)host|user-agent|connection|transfer-encoding|content-.*|webhook-.*|ce-.*")


def _told_once(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    """A value that may be of several kinds; one that is of none is told once, and not once for each kind."""
    try:
        return handler(value)
    except ValidationError:
        raise wrong("must be true, false or required") from None


def _one_or_more_secrets(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _header_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
        raise wrong("is a name that no header can have", "letters, digits and hyphens")
    if RESERVED_HEADERS.fullmatch(name):
        raise wrong(
            "is a header that feedbot sets itself",
            "remove it; so are User-Agent, Content-*, Webhook-* and ce-*",
        )
    return name


def _header_value(value: SecretStr) -> SecretStr:
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value.get_secret_value()):
        raise wrong("has a value with a line break or control character", "headers are single lines")
    return value


HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[Secret, AfterValidator(_header_value)]


def _patience(value: timedelta) -> timedelta:
    if not timedelta(milliseconds=100) <= value <= timedelta(minutes=2):
        raise wrong("must be from 100ms to 2m", "15s to 30s suit most servers")
    return value


class BaseTarget(Section):
    """What all targets can be told."""

    name: TargetName = Field(
        description="What the target is called in commands and logs; the queue knows it by this name"
    )
    where: WhereSettings = Field(
        default=WhereSettings(), description="Which articles it gets; not given: all"
    )
    max_per_hour: Annotated[int, Field(ge=1), BeforeValidator(no_bool)] | None = Field(
        default=None, description="At most this many announcements in an hour; the rest waits"
    )
    min_interval: Duration = Field(
        default="0s", description="At least this long between two announcements", validate_default=True
    )
    timeout: Annotated[Duration, AfterValidator(_patience)] = Field(
        default="20s",
        description="How long one request may take in all, from the first byte sent to the last one read",
        validate_default=True,
    )


class Webhook(BaseTarget):
    """Any program that takes signed HTTP messages (Standard Webhooks)."""

    type: Literal["webhook"] = Field(description="Signed JSON messages")
    url: SecretUrl = Field(description="Address that messages are posted to")
    secret: Annotated[tuple[SigningSecret, ...], BeforeValidator(_one_or_more_secrets)] = Field(
        default=(),
        description="Key that signs the messages; a list while keys are changed, the current one first",
        json_schema_extra={"type": ["string", "array"], "title": "secret or list", "writeOnly": True},
    )
    unsigned: bool = Field(default=False, description="Send without a signature, on purpose")
    events: Events = Field(default=("published",), description="What is told: published, updated, withdrawn")
    format: Literal["standard", "cloudevents"] = Field(
        default="standard", description="Shape of the messages"
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        default={}, description="More headers, such as an access token", json_schema_extra={"writeOnly": True}
    )

    @model_validator(mode="after")
    def _signed_or_not(self) -> Webhook:
        if self.unsigned and self.secret:
            raise wrong("has both a secret and unsigned: true", "remove one of the two")
        if not self.unsigned and not self.secret:
            raise wrong("has no secret", "give it one, or say unsigned: true if the receiver cannot verify")
        return self

    @property
    def takes(self) -> frozenset[EventName]:
        """The events that are recorded for it."""
        return frozenset(self.events)


class _Channel(BaseTarget):
    """A chat channel with an incoming webhook."""

    url: SecretUrl = Field(description="Address of the channel's incoming webhook")
    template: Template | None = Field(
        default=None, description="Text of the message (Jinja); not given: a card with picture"
    )
    image: bool = Field(default=True, description="Whether the article's picture is shown")


class _PostingChannel(_Channel):
    """A channel in which what was posted cannot be changed."""

    events: Events = Field(
        default=("published",),
        description="What is told: published, updated, withdrawn; each is a message of its own",
    )

    @property
    def takes(self) -> frozenset[EventName]:
        """The events that are recorded for it."""
        return frozenset(self.events)


class Slack(_PostingChannel):
    """A Slack channel."""

    type: Literal["slack"] = Field(description="A Slack channel")


class Teams(_PostingChannel):
    """A Microsoft Teams channel, through a workflow."""

    type: Literal["teams"] = Field(description="A Microsoft Teams channel, through a workflow")


class Mattermost(_PostingChannel):
    """A Mattermost channel."""

    type: Literal["mattermost"] = Field(description="A Mattermost channel")


class _Editing(BaseTarget):
    """A place in which what was posted can be changed and deleted."""

    on_update: Literal["edit", "ignore"] = Field(
        default="ignore", description="What a change of an article does to its post"
    )
    on_withdraw: Literal["delete", "ignore"] = Field(
        default="ignore", description="What becomes of the post when its article is withdrawn"
    )
    edit_window: Duration = Field(
        default="7d",
        description="Older posts are left as they are when their article changes",
        validate_default=True,
    )

    @property
    def takes(self) -> frozenset[EventName]:
        """The events that are recorded for it."""
        events: list[EventName] = ["published"]
        if self.on_update == "edit":
            events.append("updated")
        if self.on_withdraw == "delete":
            events.append("withdrawn")
        return frozenset(events)


class Discord(_Channel, _Editing):
    """A Discord channel."""

    type: Literal["discord"] = Field(description="A Discord channel")


class Hashtags(Section):
    """How topics become hashtags."""

    aliases: dict[Text, HashtagAlias] = Field(
        default={}, description="The hashtag of a topic, such as C#: CSharp; empty: the topic has none"
    )


class Mastodon(_Editing):
    """An account on Mastodon or a server that speaks its language."""

    type: Literal["mastodon"] = Field(description="An account on Mastodon or a similar server")
    base_url: ServerUrl = Field(description="Address of the server")
    token: Token = Field(
        description="Access token with the scopes write:statuses write:media read:statuses read:accounts"
    )
    visibility: Literal["public", "unlisted", "private", "direct"] = Field(
        default="unlisted", description="Who sees the posts"
    )
    template: Template = Field(
        default="{{ title }}\n\n{{ url }}\n\n{{ hashtags }}", description="Text of the post (Jinja)"
    )
    image: Annotated[bool | Literal["required"], WrapValidator(_told_once)] = Field(
        default=True,
        description="Whether the article's picture is attached, with its text for the blind; required: a post"
        " whose picture cannot be had is not made, instead of going without",
        json_schema_extra={"title": "true, false or required"},
    )
    content_warning: str = Field(default="", description="Text that hides the post until it is clicked")
    language: Language = Field(default="", description="Language of the posts; not given: the article's")
    hashtags: Hashtags = Field(default=Hashtags(), description="How topics become hashtags")


HUB = "hub"  # the name of the hub among the targets, which no other can have


class Hub(Struct, frozen=True, kw_only=True):
    """The WebSub hub of `feeds.hub` as a target: it is told of feeds that change, and of nothing else."""

    url: str
    delay: timedelta  # from the change of a feed until the hub is told
    name: str = HUB
    type: str = "websub"
    timeout: timedelta = timedelta(seconds=20)  # for one request


Target: TypeAlias = Annotated[
    Webhook | Slack | Discord | Teams | Mattermost | Mastodon, Field(discriminator="type")
]
TYPES: tuple[str, ...] = tuple(
    get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(get_args(Target)[0])
)
