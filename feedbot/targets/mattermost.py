"""Mattermost: a message attachment through an incoming webhook. The rest is in `channel`.

https://developers.mattermost.com/integrate/webhooks/incoming/
https://developers.mattermost.com/integrate/reference/message-attachments/

Of an attachment only `text` is Markdown; a title with a link, the footer and the author are plain. What Slack
writes for links and mentions is understood, too, and turned into Markdown before that is read: so a `<` of an
article must not stand in text at all. Lengths are characters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import regex

from feedbot.attempt import Denied, Gone
from feedbot.targets.channel import GAP, ChannelSender, as_kind

if TYPE_CHECKING:
    from feedbot.attempt import Answer, Outcome
    from feedbot.model import JsonObject
    from feedbot.targets.story import Draft

POST = 16_383  # characters; Mattermost splits a longer text
LONG_LINK = 4_096  # that is not said twice
COLOUR = "#2f6fde"

# How errors are called, and what they say on servers that give no name.
_HOOK_GONE = ("web.incoming_webhook.invalid.app_error", "invalid webhook", "couldn't find the channel")
_SWITCHED_OFF = 501

_QUOTES = str.maketrans({"<": "‹", ">": "›"})
_MARKUP = regex.compile(  # a backslash before a word is one already
    r"\\(?=[`*{}\[\]()#+\-.!_>|~\\]|$)|[*_~`|\[\]]"
    r"|(?<=^[ \t]*)[#+-]|(?<=^[ \t]*\d{1,9})[.)]|(?<=\w)\.(?=\w)",
    regex.MULTILINE,
)
_ACTIVE = regex.compile(  # behind these a gap: mentions, hashtags, channels, emoji, addresses
    r"@(?=channel|all|here)|(?<![a-z0-9])@(?=\w)|#(?=\p{L})|~(?=\w)|(?<![a-z0-9_]):(?=[\w+-]+:)|:(?=/)"
    r"|(?<=mailto|tel|xmpp):",
    regex.IGNORECASE,
)
_ACTIVE_IN_TITLE = regex.compile(r"@(?=channel|all|here)|<(?=[!@])", regex.IGNORECASE)


class MattermostSender(ChannelSender):
    """Tells a Mattermost channel."""

    service = "Mattermost"
    text_limit = POST
    longest_picture = 4_096
    describes_pictures = False

    def card(self, draft: Draft) -> JsonObject:
        """One attachment; without a link its title stands in the text, for it would be Markdown by itself."""
        story = draft.story
        title, excerpt = plain(story.title), self.escape(story.excerpt)
        told = f"{title} {story.link}".rstrip() if len(story.link) <= LONG_LINK else title
        attachment: JsonObject = {"fallback": told, "color": COLOUR}
        if story.link:
            attachment |= {"title": title, "title_link": story.link}
        else:
            excerpt = "\n\n".join(filter(None, (f"**{self.escape(story.title)}**", excerpt)))
        if excerpt:
            attachment["text"] = excerpt
        if picture := draft.show():
            attachment["image_url"] = picture.url
        small = (story.source, story.topics, story.published.date().isoformat())
        attachment["footer"] = " · ".join(map(plain, filter(None, small)))
        return {"attachments": [attachment]}

    def message(self, text: str) -> JsonObject:
        """Text in Markdown."""
        return {"text": text}

    def escape(self, text: str) -> str:
        """For Markdown: backslashes, and gaps where a backslash does not help."""
        escaped = _MARKUP.sub(r"\\\g<0>", text.translate(_QUOTES))
        return str(_ACTIVE.sub(rf"\g<0>{GAP}", escaped))

    def count(self, text: str) -> int:
        """Characters."""
        return len(text)

    def measure(self, payload: JsonObject) -> tuple[int, int]:
        """All that is shown together."""
        if "text" in payload:
            return len(payload["text"]), POST
        return sum(map(len, payload["attachments"][0].values())), POST

    def meaning(self, answer: Answer) -> Outcome:
        """A webhook that was deleted is an error like any other to Mattermost, but for its name."""
        said = answer.text.lower()
        if answer.status in {400, 404, 500} and any(words in said for words in _HOOK_GONE):
            return as_kind(Gone, answer, "the webhook or its channel was deleted")
        if answer.status == _SWITCHED_OFF:
            return as_kind(Denied, answer, "incoming webhooks are switched off on the server")
        return super().meaning(answer)


def plain(text: str) -> str:
    """For a title or a footer, in which Markdown means nothing: mentions are parted."""
    return str(_ACTIVE_IN_TITLE.sub(rf"\g<0>{GAP}", text))
