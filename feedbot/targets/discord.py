"""Discord: one embed through a webhook; the message can be edited and deleted. The rest is in `channel`.

https://docs.discord.com/developers/resources/webhook#execute-webhook
https://docs.discord.com/developers/resources/message#embed-object

Lengths are counted in UTF-16 units, as Discord's own client does; its servers may count less, never more.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import regex
from msgspec.structs import replace

from feedbot.attempt import Busy, Check, Denied, Outcome, Preview, Sent, Skipped
from feedbot.model import EventKind
from feedbot.retry import LONGEST
from feedbot.targets.channel import GAP, ChannelSender, as_kind
from feedbot.targets.http import NoAnswer, NotSent, json_body
from feedbot.targets.story import Draft, UnfitError

if TYPE_CHECKING:
    from datetime import datetime

    from feedbot.attempt import Answer, Delivery
    from feedbot.config.targets import Discord
    from feedbot.model import JsonObject, Site

CONTENT = 2_000
TITLE = 256
DESCRIPTION = 4_096
LINK = 2_048  # of a title
EMBED = 6_000  # characters in all of its parts
COLOUR = 0x2F6FDE

UNKNOWN_WEBHOOK = 10015  # codes in the body of an error
FORUM = {220001, 220002}  # a channel that takes threads only

# Markdown: signs anywhere, those that begin a line, the colon of a bare link, the dot of an invitation.
_MARKUP = regex.compile(
    r"[\\*_~`|<>\[\]]|(?<=^[ \t]*)[#+-]|(?<=^[ \t]*\d{1,9})[.)]|:(?=//)|\.(?=gg/)", regex.MULTILINE
)
_EVERYBODY = regex.compile(r"@(?=everyone|here)", regex.IGNORECASE)


class DiscordSender(ChannelSender):
    """Tells a Discord channel, and keeps what it told up to date."""

    service = "Discord"
    text_limit = CONTENT
    longest_picture = 2_048
    describes_pictures = False
    prefixes: ClassVar[Mapping[EventKind, str]] = {}  # an update is the message itself, changed

    def __init__(self, options: Discord, site: Site) -> None:
        super().__init__(options, site)
        # Without `wait` Discord does not say that it did not keep a message, and not what it is called.
        self.url = self._address(wait=True)
        self._edit_window = options.edit_window

    # --- the message ---

    def card(self, draft: Draft) -> JsonObject:
        """One embed: publication, linked title, excerpt, picture, topics and date."""
        story = draft.story
        embed: JsonObject = {"title": draft.fit("title", story.title, TITLE)}
        if self.count(story.link) <= LINK:
            embed |= {"url": story.link} if story.link else {}
            lines = [draft.fit("excerpt", story.excerpt, DESCRIPTION)]
        else:
            lines = self._with_bare_link(draft)
        if description := "\n\n".join(filter(None, lines)):
            embed["description"] = description
        embed |= {"color": COLOUR, "timestamp": story.published.isoformat()}
        if picture := draft.show():
            embed["image"] = {"url": picture.url}
        if story.source:
            embed["author"] = {"name": draft.fit("source", story.source, TITLE, str)}
        if story.topics:
            embed["footer"] = {"text": story.topics}
        return {"embeds": [embed], "allowed_mentions": {"parse": []}}

    def _with_bare_link(self, draft: Draft) -> list[str]:
        """Excerpt and link as text, for a link that no title can have."""
        link = f"<{draft.story.link}>"
        room = DESCRIPTION - self.count(f"\n\n{link}")
        if room < 0:
            raise UnfitError(f"the link is longer than what Discord takes in a message, {DESCRIPTION:,}")
        draft.notes.append("the title is no link: it is too long for one, and stands below")
        return [draft.fit("excerpt", draft.story.excerpt, room), link]

    def message(self, text: str) -> JsonObject:
        """Text in Markdown."""
        return {"content": text, "allowed_mentions": {"parse": []}}

    def escape(self, text: str) -> str:
        """For Markdown: a backslash before every sign; mentions of everybody are parted."""
        return str(_EVERYBODY.sub(f"@{GAP}", _MARKUP.sub(r"\\\g<0>", text)))

    def measure(self, payload: JsonObject) -> tuple[int, int]:
        """All texts of an embed together, as Discord counts them; or the content."""
        if "content" in payload:
            return self.count(payload["content"]), CONTENT
        embed = payload["embeds"][0]
        texts = [embed["title"], embed.get("description", "")]
        texts += [embed.get("author", {}).get("name", ""), embed.get("footer", {}).get("text", "")]
        return sum(map(self.count, texts)), EMBED

    # --- what becomes of it ---

    def tell(self, delivery: Delivery, now: datetime) -> Outcome:
        """Post, edit or delete the message of an article."""
        if delivery.event is EventKind.PUBLISHED:
            return self._create(delivery)
        message = str(delivery.receipt.get("message", ""))
        if not message:
            return Skipped(reason="there is no message that could be changed")
        if delivery.event is EventKind.WITHDRAWN:
            return self._delete(message)
        return self._edit(delivery, message, now)

    def preview(self, delivery: Delivery) -> Preview:
        """The message, or that it goes."""
        if delivery.event is EventKind.WITHDRAWN:
            return Preview(text="", notes=("its message is deleted",))
        return super().preview(delivery)

    def _create(self, delivery: Delivery) -> Outcome:
        outcome = self.post(delivery, "POST", self.url)
        if not isinstance(outcome, Sent):
            return outcome
        message = _told(outcome.answer).get("id")
        return replace(outcome, receipt=self._receipt(delivery, message) if message else {})

    def _edit(self, delivery: Delivery, message: str, now: datetime) -> Outcome:
        if delivery.posted is None or now - delivery.posted > self._edit_window:
            return Skipped(reason="its message is too old to be changed (edit_window)")
        receipt = self._receipt(delivery, message)
        if receipt["digest"] == delivery.receipt.get("digest"):
            return Skipped(reason="nothing in the message would change")
        outcome = self.post(delivery, "PATCH", self._address(f"/messages/{quote(message, safe='')}"))
        if _is_lost(outcome):
            return Skipped(reason="its message is no longer there", answer=outcome.answer, receipt={})
        return replace(outcome, receipt=receipt) if isinstance(outcome, Sent) else outcome

    def _delete(self, message: str) -> Outcome:
        outcome = self.request("DELETE", self._address(f"/messages/{quote(message, safe='')}"))
        if _is_lost(outcome):
            return Sent(reason="its message was gone already", answer=outcome.answer, receipt={})
        return replace(outcome, receipt={}) if isinstance(outcome, Sent) else outcome

    def request(self, method: str, url: str, payload: JsonObject | None = None) -> Outcome:
        """One request; an edit says of everything that a message can have what it has now."""
        if method == "PATCH" and payload is not None:
            payload = {"content": "", "embeds": [], **payload}
        return super().request(method, url, payload)

    def _receipt(self, delivery: Delivery, message: str) -> JsonObject:
        payload = json_body(self.compose(delivery).payload)
        return {"message": message, "digest": hashlib.sha256(payload).hexdigest()}

    def _address(self, more: str = "", *, wait: bool = False) -> str:
        """The webhook's address with `more` behind its path; a `thread_id` in it stays."""
        parts = urlsplit(self.url)
        query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "wait"]
        query += [("wait", "true")] if wait else []
        return urlunsplit(parts._replace(path=parts.path.rstrip("/") + more, query=urlencode(query)))

    # --- what answers mean ---

    def meaning(self, answer: Answer) -> Outcome:
        """What Discord says in the body of an error goes beyond the status."""
        told = _told(answer)
        if told.get("code") in FORUM:
            return as_kind(Denied, answer, "the channel is a forum: add ?thread_id=... to the address")
        outcome = super().meaning(answer)
        if isinstance(outcome, Busy):
            wishes = [wish for wish in (outcome.after, _retry_after(answer, told)) if wish]
            return replace(outcome, after=max(wishes, default=None))
        return outcome

    def check(self) -> list[Check]:
        """Ask what the webhook is; nobody sees that. https://docs.discord.com/developers/resources/webhook"""
        try:
            answer = self.client.request("GET", urlunsplit(urlsplit(self.url)._replace(query="")))
        except (NotSent, NoAnswer) as error:
            return [Check(what="address", is_fine=False, said=str(error))]
        outcome = self.meaning(answer)
        if not isinstance(outcome, Sent):
            return [Check(what="address", is_fine=False, said=outcome.reason)]
        told = _told(answer)
        name, channel = str(told.get("name", ""))[:80], str(told.get("channel_id", ""))[:20]
        return [Check(what="address", is_fine=True, said=f"posts as {name!r} to the channel {channel}")]


def _told(answer: Answer | None) -> dict[str, Any]:
    """The object in the body of an answer; an empty one where there is none."""
    told = answer.json() if answer else None
    return told if isinstance(told, dict) else {}


def _is_lost(outcome: Outcome) -> bool:
    """Whether an edit or a deletion found no message: somebody deleted it, or the thread it was in."""
    answer = outcome.answer
    return answer is not None and answer.status == 404 and _told(answer).get("code") != UNKNOWN_WEBHOOK


def _retry_after(answer: Answer, told: dict[str, Any]) -> datetime | None:
    """The wish in the body, which is finer than the header: seconds with a fraction."""
    seconds = told.get("retry_after")
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds <= 0:
        return None
    return answer.at + timedelta(seconds=min(seconds, LONGEST.total_seconds()))
