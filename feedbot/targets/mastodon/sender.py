"""A Mastodon account as a target: the steps of each event, what would be posted, and how it is tried."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from feedbot.attempt import Check, Delivery, Outcome, Preview, Sent
from feedbot.model import EventKind
from feedbot.targets import Sender
from feedbot.targets.http import Client
from feedbot.targets.mastodon.account import Account, Me
from feedbot.targets.mastodon.api import Api
from feedbot.targets.mastodon.checks import checks
from feedbot.targets.mastodon.instance import Limits
from feedbot.targets.mastodon.media import PROCESSING, Fetch, PictureDesk
from feedbot.targets.mastodon.post import compose
from feedbot.targets.mastodon.publish import publish
from feedbot.targets.mastodon.revise import update, withdraw
from feedbot.targets.mastodon.setup import Attempt, Setup
from feedbot.targets.pictures import fetch_picture
from feedbot.template import TemplateError

if TYPE_CHECKING:
    from feedbot.config.targets import Mastodon
    from feedbot.model import Site

STEPS = {EventKind.PUBLISHED: publish, EventKind.UPDATED: update, EventKind.WITHDRAWN: withdraw}


class MastodonSender(Sender):
    """Tells one account. `fetch` gets pictures; `pause` is between two questions for one, in seconds."""

    knows_doubles = False  # what was posted is there

    def __init__(
        self, options: Mastodon, site: Site, *, fetch: Fetch = fetch_picture, pause: float = 1.0
    ) -> None:
        self.name = options.name
        self._timeout = options.timeout.total_seconds()
        # Finding out and bringing a picture; the request that counts; two looks at why it was refused.
        self._preparing = 2 * self._timeout + PROCESSING
        self.budget = self._preparing + 3 * self._timeout
        self._client = Client(timeout=self._timeout)
        api = Api(self._client, options.base_url, options.token.get_secret_value(), self._timeout)
        self._setup = Setup(
            options=options,
            site=site,
            api=api,
            account=Account(api, is_public=options.visibility in {"public", "unlisted"}),
            desk=PictureDesk(api, fetch=fetch, pause=pause),
        )

    def send(self, delivery: Delivery, now: datetime) -> Outcome:
        """Make one attempt."""
        self._setup.api.allow(self._preparing)
        return STEPS[delivery.event](Attempt(self._setup, delivery, now))

    def preview(self, delivery: Delivery) -> Preview:
        """What would be posted; by the limits of the server, or the usual ones if it cannot be asked."""
        if delivery.event is EventKind.WITHDRAWN:
            return Preview(text="", notes=("the article's post is deleted",))
        self._setup.api.allow(self._timeout)
        limits = self._setup.account.limits()
        if isinstance(limits, Outcome):
            unknown = f"the server could not be asked for its limits: {limits.reason}"
            return self._preview(delivery, Limits(), (unknown,))
        told = (limits.counting,) if limits.told_by else ("the server does not tell its limits",)
        return self._preview(delivery, limits, told)

    def _preview(self, delivery: Delivery, limits: Limits, notes: tuple[str, ...]) -> Preview:
        options = self._setup.options
        try:
            post = compose(delivery, self._setup.site, options, limits)
        except TemplateError as error:
            return Preview(text="", notes=(str(error),))
        if not post.fits:
            notes = (*notes, "too long with nothing left to shorten: it would not be posted")
        if post.warning:
            notes = (*notes, f"behind the content warning: {post.warning}")
        return Preview(
            text=post.text,
            length=post.length,
            limit=post.limit,
            picture=post.picture.url if post.picture else "",
            picture_text=post.picture.text if post.picture else "",
            notes=(*post.notes, *notes, f"visibility: {post.visibility}"),
        )

    def check(self) -> list[Check]:
        """Who we are there, whether we may read what we posted, and what the server takes."""
        self._setup.api.allow(self._preparing)
        return checks(self._setup)

    def test(self, now: datetime) -> Outcome:  # noqa: ARG002 - the protocol's; nothing is posted at any time
        """Sign in. Nothing is posted, for whatever is posted may be seen."""
        self._setup.api.allow(self._preparing)
        me = self._setup.account.me()
        if isinstance(me, Me):
            return Sent(reason=f"signed in as @{me.name}; nothing was posted, for there is no unseen way to")
        return me

    def abort(self) -> None:
        """End what is under way, from another thread; nothing more is sent."""
        self._setup.desk.abort()
        self._client.abort()

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()
