"""Slack: Block Kit through an incoming webhook. Only what Slack wants; the rest is in `channel`.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
https://docs.slack.dev/reference/block-kit/blocks

Lengths are counted in UTF-16 units after escaping: Slack documents characters and leaves open which.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from feedbot.targets.channel import GAP, ChannelSender
from feedbot.targets.story import Draft, UnfitError

if TYPE_CHECKING:
    from feedbot.model import JsonObject

TEXT_OBJECT = 3_000  # in a block
TEXT = 4_000  # of a message without blocks; Slack may split a longer one, and a link in it
ALT_TEXT = 2_000
ROOM = 40  # for a title beside its link

# What mrkdwn knows no escape for: signs at the edge of a word, bare links, emoji, quotations.
_FORMATTING = re.compile(
    r"(?<!\w)[*_~`]|[*_~`](?!\w)|:(?=//|[\w'+-]*[a-z][\w'+-]*:)|^(?=>)", re.MULTILINE | re.IGNORECASE
)


class SlackSender(ChannelSender):
    """Tells a Slack channel."""

    service = "Slack"
    text_limit = TEXT
    longest_picture = 3_000
    describes_pictures = True

    def card(self, draft: Draft) -> JsonObject:
        """Title, excerpt, picture, small print: a block each; `text` is for notifications."""
        story, link = draft.story, entities(draft.story.link)
        room = TEXT_OBJECT - self.count(f"*<{link}|>*")
        if room < ROOM:
            return self._text_alone(draft, link)
        title = draft.fit("title", story.title, room)
        headline = f"<{link}|{title}>" if link else title
        blocks: list[JsonObject] = [{"type": "section", "text": _mrkdwn(f"*{headline}*")}]
        if story.excerpt:
            excerpt = draft.fit("excerpt", story.excerpt, TEXT_OBJECT, entities)
            blocks.append({"type": "section", "text": _plain(excerpt)})
        if picture := draft.show():
            alt = draft.fit("picture's description", picture.title, ALT_TEXT, str)
            blocks.append({"type": "image", "image_url": picture.url, "alt_text": alt})
        blocks.append({"type": "context", "elements": _small_print(draft)})
        # What Slack finds behind the link would show the same once more.
        return {"text": headline, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}

    def _text_alone(self, draft: Draft, link: str) -> JsonObject:
        """For a link that no block can hold."""
        room = TEXT - self.count(f"\n<{link}>")
        if room < ROOM:
            raise UnfitError(f"the link is longer than what Slack takes in a message, {TEXT:,} characters")
        draft.notes.append("no card: the link is too long for one")
        return self.message(f"{draft.fit('title', draft.story.title, room)}\n<{link}>")

    def message(self, text: str) -> JsonObject:
        """Text in mrkdwn."""
        return {"text": text}

    def escape(self, text: str) -> str:
        """For mrkdwn: entities, and gaps around what would format."""
        return entities(_FORMATTING.sub(rf"{GAP}\g<0>{GAP}", text))

    def address(self, url: str) -> str:
        """For bare links and for `<url|text>`."""
        return entities(url)

    def measure(self, payload: JsonObject) -> tuple[int, int]:
        """The longest text among the blocks, or that of a message without."""
        texts = [block["text"]["text"] for block in payload.get("blocks", ()) if "text" in block]
        if texts:
            return max(map(self.count, texts)), TEXT_OBJECT
        return self.count(payload["text"]), TEXT


def entities(text: str) -> str:
    """`text` with the three characters escaped that Slack reserves, in whatever kind of text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _small_print(draft: Draft) -> list[JsonObject]:
    """Source, topics, and the date as each reader's own client writes it."""
    story = draft.story
    parts = [_plain(entities(text)) for text in (story.source, story.topics) if text]
    date, moment = story.published.date().isoformat(), int(story.published.timestamp())
    return [*parts, _mrkdwn(f"<!date^{moment}^{{date_short}}|{date}>") if moment > 0 else _plain(date)]


def _mrkdwn(text: str) -> JsonObject:
    """Markup of ours; `verbatim`: names and addresses in it are not made links."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str) -> JsonObject:
    return {"type": "plain_text", "text": text, "emoji": False}
