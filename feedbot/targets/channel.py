"""What all chat channels have in common: a message as JSON to an incoming webhook, and what the answer means.

A service is a subclass with a payload function, `card`, and where its answers mean something of their own,
`meaning`. Must not know any service.

Such a webhook only writes: nobody can look whether a message is there. After an attempt without a clear
answer the schedule tries again, so that a channel may see a message twice, but does not miss one: a double
is seen by everybody and does little harm, a gap is seen by nobody.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from msgspec import Struct, structs
from msgspec.structs import replace

from feedbot.attempt import Check, Gone, Outcome, Preview, Refused, Retry, Sent, Unclear
from feedbot.model import Entry, EventKind
from feedbot.targets import Sender
from feedbot.targets.fitting import Words, fit, words_of
from feedbot.targets.hashtags import hashtags
from feedbot.targets.http import Client, NoAnswer, NotSent, failed, json_body, judge
from feedbot.targets.story import Draft, UnfitError, story_of, web_address, words_for_template
from feedbot.targets.templates import render
from feedbot.template import Template, TemplateError, compile_template

if TYPE_CHECKING:
    from datetime import datetime

    from feedbot.attempt import Answer, Delivery
    from feedbot.config.targets import Discord, Mattermost, Slack, Teams
    from feedbot.model import Image, JsonObject, Site

    Options = Slack | Discord | Teams | Mattermost

REQUESTS = 2  # that one attempt takes at most: the second goes without the picture
GAP = "\u200b"  # zero-width space: parts what would be a mention, a link or markup if it stood together

_SAFE_IN_TEXT = "%!#$&'*+,/:;=?@~"  # in URLs; brackets would end a link in Markdown


class Message(Struct, frozen=True, kw_only=True):
    """What is posted, and what an operator wants to know of it."""

    payload: JsonObject
    length: int
    limit: int
    text: str = ""  # what a template made
    picture: Image | None = None
    notes: tuple[str, ...] = ()


class ChannelSender(Sender):
    """Tells one chat channel."""

    knows_doubles = False  # what was posted is there
    service: ClassVar[str]  # as people call it
    text_limit: ClassVar[int]  # of a message that a template made, as `count` counts
    longest_picture: ClassVar[int]  # characters of a picture's address
    describes_pictures: ClassVar[bool]  # to those who do not see them
    prefixes: ClassVar[Mapping[EventKind, str]] = {
        EventKind.UPDATED: "Updated: ",
        EventKind.WITHDRAWN: "Withdrawn: ",
    }

    def __init__(self, options: Options, site: Site) -> None:
        seconds = options.timeout.total_seconds()
        self.name = options.name
        self.budget = REQUESTS * seconds + 1
        self.url = options.url.get_secret_value()
        self.client = Client(timeout=seconds)
        self._site = site
        self._image = options.image
        self._template = compile_template(options.template) if options.template else None

    # --- for a service to say ---

    @abstractmethod
    def card(self, draft: Draft) -> JsonObject:
        """The payload of a card; raises UnfitError where the link does not fit into one."""

    @abstractmethod
    def message(self, text: str) -> JsonObject:
        """The payload of a message of text alone, with its markup."""

    @abstractmethod
    def escape(self, text: str) -> str:
        """`text` such that the service shows it as it is: no markup, no mention, no link comes of it."""

    @abstractmethod
    def measure(self, payload: JsonObject) -> tuple[int, int]:
        """How long a payload is as the service counts, and how long it may be."""

    def count(self, text: str) -> int:
        """How long a text with its markup is: UTF-16 units, two for an emoji; nobody counts more."""
        return len(text.encode("utf-16-le", "replace")) // 2

    def address(self, url: str) -> str:
        """`url` as a template can put it into text or into a link."""
        return quote(url, safe=_SAFE_IN_TEXT)

    def meaning(self, answer: Answer) -> Outcome:
        """What an answer means."""
        if answer.status == 404:  # the posting handbook, 4.3: stop using the address
            return as_kind(Gone, answer)
        # A gateway that waited too long: the service behind it may have acted.
        return judge(answer, server_error=Unclear if answer.status in {502, 504} else Retry)

    # --- what a target can do ---

    def send(self, delivery: Delivery, now: datetime) -> Outcome:
        """Make one attempt."""
        try:
            return self.tell(delivery, now)
        except UnfitError as error:
            return Refused(reason=str(error))
        except (NotSent, NoAnswer) as error:
            return failed(error)

    def tell(self, delivery: Delivery, now: datetime) -> Outcome:  # noqa: ARG002 (for those that edit)
        """Do what `delivery` asks for; raises UnfitError, NotSent, NoAnswer."""
        return self.post(delivery, "POST", self.url)

    def preview(self, delivery: Delivery) -> Preview:
        """The message as text, or its JSON."""
        try:
            message = self.compose(delivery)
        except UnfitError as error:
            return Preview(text="", notes=(str(error),))
        picture = message.picture
        return Preview(
            text=message.text or json.dumps(message.payload, ensure_ascii=False, indent=2),
            length=message.length,
            limit=message.limit,
            picture=picture.url if picture else "",
            picture_text=picture.title if picture and self.describes_pictures else "",
            notes=message.notes,
        )

    def check(self) -> list[Check]:
        """Nothing can be tried: incoming webhooks only take messages."""
        said = f"{self.service} can only be tried by posting: `feedbot targets test {self.name}` does"
        return [Check(what="address", is_fine=True, said=said)]

    def test(self, now: datetime) -> Outcome:  # noqa: ARG002 (the protocol's)
        """Post a short message that says it is a test."""
        text = self.escape(f"feedbot: this is a test of the target {self.name}")
        try:
            return self.request("POST", self.url, self.message(text))
        except (NotSent, NoAnswer) as error:
            return failed(error)

    def abort(self) -> None:
        """End the request that is under way."""
        self.client.abort()

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()

    # --- what these are made of ---

    def request(self, method: str, url: str, payload: JsonObject | None = None) -> Outcome:
        """One request, and what its answer means; raises NotSent, NoAnswer."""
        body = None if payload is None else json_body(payload)
        headers = {} if payload is None else {"Content-Type": "application/json"}
        return self.meaning(self.client.request(method, url, body=body, headers=headers))

    def post(self, delivery: Delivery, method: str, url: str) -> Outcome:
        """Send the message of `delivery`; without its picture where it is not taken with it.

        Some services load the picture before they answer, and refuse a message if they cannot.
        """
        message = self.compose(delivery)
        outcome = self.request(method, url, message.payload)
        if message.picture is None or not _is_malformed(outcome):
            return outcome
        outcome = self.request(method, url, self.compose(delivery, picture=False).payload)
        note = f"without its picture, which {self.service} did not take"
        return replace(outcome, reason=note) if isinstance(outcome, Sent) else outcome

    def compose(self, delivery: Delivery, *, picture: bool = True) -> Message:
        """The message of `delivery`: a card, or what the template makes. Raises UnfitError."""
        if self._template is not None:
            return self._filled_in(self._template, delivery)
        message = self._carded(delivery, picture=picture and self._image)
        if message.length > message.limit and message.picture is not None:
            bare = self._carded(delivery, picture=False)
            message = replace(bare, notes=(*bare.notes, "picture left out: there is no room for it"))
        if message.length > message.limit:
            raise UnfitError(f"the link is too long: {self.service} takes no message with it")
        return message

    def _carded(self, delivery: Delivery, *, picture: bool) -> Message:
        story = story_of(delivery, self._site, self.prefixes, picture=picture)
        if story.picture and len(story.picture.url) > self.longest_picture:
            notes = (*story.notes, "picture left out: its address is too long")
            story = replace(story, picture=None, notes=notes)
        draft = Draft(story, self.escape, self.count)
        payload = self.card(draft)
        length, limit = self.measure(payload)
        return Message(
            payload=payload, length=length, limit=limit, picture=draft.picture, notes=tuple(draft.notes)
        )

    def _filled_in(self, template: Template, delivery: Delivery) -> Message:
        """What the operator's template makes: its own text is markup, what it shows of articles is not."""
        escaped = self._escaped(delivery)
        site = replace(self._site, title=self.escape(self._site.title))

        def composed(words: Words) -> str:
            shown = Words(self.escape(words.title), self.escape(words.excerpt), words.hashtags)
            return render(template, escaped, site, shown)

        notes: list[str] = []
        words = words_of(delivery, hashtags(delivery.entry.article.topics, {}))
        words = words_for_template(words, delivery.event, self.prefixes, notes)
        try:
            fitted = fit(composed, words, limit=self.text_limit, count=self.count)
        except TemplateError as error:
            raise UnfitError(str(error)) from None
        if not fitted.text.strip():
            raise UnfitError("the template leaves no text for this article")
        if not fitted.fits:
            most = f"{self.service}'s limit of {self.text_limit:,}"
            raise UnfitError(f"the text is over {most} even with a short title: shorten the template")
        payload = self.message(fitted.text)
        length, limit = self.measure(payload)
        said = tuple(dict.fromkeys([*notes, *fitted.notes]))
        return Message(payload=payload, length=length, limit=limit, text=fitted.text, notes=said)

    def _escaped(self, delivery: Delivery) -> Delivery:
        """`delivery` with every text of its article escaped, so that a template can put it anywhere."""
        escape, article = self.escape, delivery.entry.article
        provider = article.provider
        shown = structs.replace(
            article,
            link=self.address(web_address(article.link)),
            category=escape(article.category),
            type=escape(article.type),
            language=escape(article.language),
            topics=tuple(map(escape, article.topics)),
            provider=structs.replace(provider, name=escape(provider.name), domain=escape(provider.domain)),
            authors=tuple(structs.replace(author, name=escape(author.name)) for author in article.authors),
            images=tuple(
                structs.replace(image, url=self.address(web_address(image.url)), title=escape(image.title))
                for image in article.images
            ),
        )
        return replace(delivery, entry=Entry(id=escape(delivery.entry.id), article=shown))


def as_kind(kind: type[Outcome], answer: Answer, hint: str = "") -> Outcome:
    """`answer` as an outcome of that kind, in the usual words, with what to do."""
    reason = judge(answer).reason
    return kind(reason=f"{reason}; {hint}" if hint else reason, answer=answer)


def _is_malformed(outcome: Outcome) -> bool:
    """Whether the service did not like the message itself; so it did not post it."""
    answer = outcome.answer
    return isinstance(outcome, Refused) and answer is not None and answer.status == 400
