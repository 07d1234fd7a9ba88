"""One attempt of a delivery: what a target is given, and what may come of it. Frozen values, no behaviour.

delivery  one event of one article, to be told to one target; or one change of a feed, to be told to the hub
ping      such a delivery about a feed: it says that there is something new, not what
attempt   one try of a delivery
answer    what a server said to one request
outcome   what one attempt came to; `settlement` decides what follows from it
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from feedbot.model import Entry, EventKind, JsonObject

SAID = 500  # characters of an answer that are kept for the operator


class State(StrEnum):
    """Where a delivery stands. docs/announcing.md has every way from one state to another."""

    PENDING = "pending"  # to be sent when it is due
    HELD = "held"  # waits for a person: too many came at once
    SENDING = "sending"  # under way, or its process was killed: the lease tells
    SENT = "sent"
    UNCLEAR = "unclear"  # it may have arrived; looked at again when it is due
    RETRY = "retry"  # it did not arrive; tried again when it is due
    DEAD = "dead"  # it will not be tried again unless a person says so
    SKIPPED = "skipped"  # not to be sent, for the reason noted
    SUPERSEDED = "superseded"  # a later event made it pointless


OPEN = (State.PENDING, State.RETRY, State.UNCLEAR)  # can be claimed when due


class FeedEvent(StrEnum):
    """What happened to a feed in the eyes of its readers. Targets cannot ask for it: only the hub is told."""

    CHANGED = "changed"


class Delivery(Struct, frozen=True, kw_only=True):
    """One event as a target gets it to tell. All moments are aware UTC."""

    id: str  # `msg_...`: stable over retries and replays; receivers know a double by it
    event: EventKind
    at: datetime  # of the event
    entry: Entry  # the article as it is now, under its id
    attempt: int = 1  # of this delivery, counted from 1
    may_have_arrived: bool = False  # an earlier attempt had no clear answer: look first
    first_tried: datetime | None = None  # when the first attempt began; None: this is the first
    generation: int = 1  # rises when the article is announced anew on purpose
    receipt: JsonObject = field(default_factory=dict)  # what the target noted of the article's post; {}: none
    posted: datetime | None = None  # when the article was announced to this target; None: not that we know


class Answer(Struct, frozen=True, kw_only=True):
    """What a server said to one request; the body is cut at the client's limit."""

    status: int
    headers: Mapping[str, str]  # read without regard to case
    body: bytes
    at: datetime  # when it came, by our clock
    seconds: float  # from the beginning of the request to the end of the answer

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Outcome(Struct, frozen=True, kw_only=True):
    """What an attempt came to; one of the classes below."""

    reason: str = ""  # for a person: what happened, and what to do if anything; without addresses or tokens
    answer: Answer | None = None  # the one that decided
    after: datetime | None = None  # the server's own wish: not before; None: it has none
    receipt: JsonObject | None = None  # to be kept with the article for this target; None: as it was


class Sent(Outcome, frozen=True):
    """It arrived. `after`: the target wants nothing more before then."""


class Skipped(Outcome, frozen=True):
    """There is nothing to send: for example, the text of a post would not change."""


class Retry(Outcome, frozen=True):
    """It did not arrive; this delivery is tried again later, and has one attempt less."""


class Unclear(Outcome, frozen=True):
    """It may have arrived: nobody answered, or with an error that leaves it open."""


class Busy(Outcome, frozen=True):
    """The target takes nothing now, whatever it is: it pauses, and the delivery loses no attempt."""


class Refused(Outcome, frozen=True):
    """The target will never take this one; the others go on."""


class Denied(Outcome, frozen=True):
    """The target does not know us, or lets us do too little: it pauses until somebody mends that."""


class Gone(Outcome, frozen=True):
    """The target is no more: nothing is sent to it until somebody says so."""


class Preview(Struct, frozen=True, kw_only=True):
    """What a target would be sent, exactly, as a person can read it; never holds a secret."""

    text: str  # the message, or its JSON indented
    length: int | None = None  # as the target counts it; None: the target does not count
    limit: int | None = None
    picture: str = ""  # URL of the picture that goes with it
    picture_text: str = ""  # its description for those who do not see it
    notes: tuple[str, ...] = ()  # what was cut, left out, or decided


class Check(Struct, frozen=True, kw_only=True):
    """One thing about a target that was tried online."""

    what: str  # "credentials", "scopes", "limits", ...
    is_fine: bool
    said: str  # the result, or what is wrong and what to do
