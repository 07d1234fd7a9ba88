"""What one attempt has at hand: options, server, time, and the few steps that all events share."""

from __future__ import annotations

from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from feedbot.attempt import Outcome, Refused, Retry, Unclear
from feedbot.model import EventKind, JsonObject
from feedbot.targets.mastodon.media import without
from feedbot.targets.mastodon.post import Post, Wanted, compose
from feedbot.targets.mastodon.readback import Sought
from feedbot.targets.mastodon.receipt import Doubt, Receipt, Upload, receipt_in
from feedbot.targets.templates import plain
from feedbot.template import TemplateError

if TYPE_CHECKING:
    from feedbot.attempt import Delivery
    from feedbot.config.targets import Mastodon
    from feedbot.model import Site
    from feedbot.targets.mastodon.account import Account, Lost
    from feedbot.targets.mastodon.api import Api
    from feedbot.targets.mastodon.instance import Limits
    from feedbot.targets.mastodon.media import PictureDesk

MARGIN = timedelta(hours=1)  # a post may be older than it can be, when a clock was put right meanwhile


class Attached(Struct, frozen=True):
    """The picture that a post has; without both it has none, perhaps for the reason in `note`."""

    upload: Upload | None = None
    picture: Wanted | None = None
    note: str = ""


class Held(Struct, frozen=True):
    """The post has to wait for its picture, or is not made at all."""

    outcome: Outcome
    upload: Upload | None = None  # what is on the server already


class Setup(Struct, frozen=True, kw_only=True):
    """One target: its options, its server, its account."""

    options: Mastodon
    site: Site
    api: Api
    account: Account
    desk: PictureDesk


class Attempt:
    """An attempt to tell of `delivery` that began at `start`, with what the last one has noted."""

    def __init__(self, setup: Setup, delivery: Delivery, start: datetime) -> None:
        self.setup = setup
        self.api = setup.api
        self.delivery = delivery
        self.receipt = receipt_in(delivery.receipt)
        self.start = start
        self._began = monotonic()

    def now(self) -> datetime:
        """The moment."""
        return self.start + timedelta(seconds=monotonic() - self._began)

    def allow(self) -> None:
        """Let the requests from now on take as long in all as one may."""
        self.api.allow(self.setup.options.timeout.total_seconds())

    def doubt(self) -> Doubt:
        """What it leaves open when it may have made a post just now."""
        return Doubt(delivery=self.delivery.id, attempt=self.delivery.attempt, since=self.now())

    def compose(self) -> tuple[Post, Limits] | Outcome:
        """The post, and what the server takes."""
        limits = self.setup.account.limits()
        if isinstance(limits, Outcome):
            return limits
        try:
            return compose(self.delivery, self.setup.site, self.setup.options, limits), limits
        except TemplateError as error:
            return Refused(reason=str(error))

    def find(self, text: str) -> JsonObject | Lost | Outcome | None:
        """The post that an earlier attempt may have made."""
        link = plain(self.delivery.entry.article.link)  # as the post has it
        sought = Sought(link=link, text=text, since=_since(self.delivery, self.receipt, self.start))
        return self.setup.account.find(sought, self.now)

    def attach(self, wanted: Wanted | None, limits: Limits, known: Upload | None) -> Attached | Held:
        """Bring the picture to the server, as far as the options want one at all costs."""
        is_required = self.setup.options.image == "required"
        if wanted is None:
            none = Refused(reason="not posted, for a picture is required and the article has none")
            return Held(none) if is_required else Attached()
        found = self.setup.desk.bring(wanted, limits, known)
        if isinstance(found, Upload):
            return Attached(found, wanted)
        outcome = without(found, is_required=is_required, is_first=self.delivery.attempt == 1)
        if outcome is not None:
            return Held(outcome, found.upload)
        return Attached(note=f"without its picture: {found.reason}")


def _since(delivery: Delivery, receipt: Receipt, now: datetime) -> datetime:
    """No post of ours is older. If the first attempt lies ahead, the clock was wrong then."""
    tried = delivery.first_tried or delivery.at
    if delivery.event is EventKind.PUBLISHED and delivery.generation == 1 and tried <= now:
        return tried - MARGIN
    doubt = receipt.doubt.since if receipt.doubt else None
    known = (tried, delivery.at, delivery.posted, doubt, delivery.entry.article.published)
    return min(moment for moment in known if moment is not None) - MARGIN


def unfit(post: Post) -> Outcome | None:
    """Why nobody can send this post; None: it can be sent."""
    if not post.fits:
        said = f"too long with nothing left to shorten: {post.length} characters of {post.limit}"
        return Refused(reason=said)
    if not post.text.strip():
        return Refused(reason="the template makes an empty text of this article")
    return None


def noted(outcome: Outcome, receipt: Receipt, doubt: Doubt | None = None) -> Outcome:
    """`outcome` with what is to be kept; with the doubt that an attempt could not clear up, if it counts."""
    if doubt is not None and isinstance(outcome, Retry | Unclear):
        receipt = replace(receipt, doubt=doubt)
    return type(outcome)(
        reason=outcome.reason, answer=outcome.answer, after=outcome.after, receipt=receipt.as_json()
    )


def not_found(receipt: Receipt, doubt: Doubt, now: datetime) -> Outcome | None:
    """What becomes of a post that is not to be found; None: it was not made, for there was time enough."""
    if doubt.is_over(now):
        return None
    said = (
        "it is not among the account's posts, but may still come; looked for once more before anything else"
    )
    return noted(Unclear(reason=said, after=doubt.end), receipt, doubt)


def adopted(found: JsonObject) -> Receipt:
    """The receipt of a post that was found; what exactly it says is not known."""
    return Receipt(status=found["id"], url=address(found))


def address(post: JsonObject) -> str:
    """Where people see a post; "" where that is not told."""
    url = post.get("url") or post.get("uri")
    return url if isinstance(url, str) else ""
