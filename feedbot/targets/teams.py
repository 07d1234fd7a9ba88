"""Microsoft Teams: an Adaptive Card through a workflow that a webhook starts. The rest is in `channel`.

https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
https://adaptivecards.microsoft.com/?topic=RichTextBlock

What articles say stands in text runs, in which nothing is markup: clients do not agree on how Markdown is
escaped. Lengths are bytes of the whole message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import regex

from feedbot.attempt import Denied
from feedbot.targets.channel import GAP, ChannelSender, as_kind
from feedbot.targets.http import json_body

if TYPE_CHECKING:
    from feedbot.attempt import Answer, Outcome
    from feedbot.model import Image, JsonObject
    from feedbot.targets.story import Draft

MESSAGE = 28_000  # bytes; Microsoft says 28 KB
WISHED = 20_000  # bytes of what a template makes: some measured less than what Microsoft says
CARD = "application/vnd.microsoft.card.adaptive"
SWITCHED_OFF = "WorkflowTriggerIsNotEnabled"

_FUNCTION = regex.compile(r"(?<=\{)(?=\{)")  # {{DATE(...)}} is worked out even in text runs
_MARKUP = regex.compile(
    r"[\\*_~`|<>\[\]]|(?<=^[ \t]*)[#+-]|(?<=^[ \t]*\d{1,9})[.)]|&(?=#?\w+;)", regex.MULTILINE
)
_LINK = regex.compile(r"(?<=:)(?=//)|(?<=\bwww)(?=\.)", regex.IGNORECASE)
_EMPHASIS = regex.compile(r"[*~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")  # even in a bare address
_LINE = regex.compile(r"(?<!\n)\n(?!\n|[ \t]*(?:[-*+]|\d+\.)[ \t])")  # not before an item of a list


class TeamsSender(ChannelSender):
    """Tells a Teams channel."""

    service = "Teams"
    text_limit = WISHED
    longest_picture = 4_096
    describes_pictures = True

    def card(self, draft: Draft) -> JsonObject:
        """Title, excerpt and picture lead to the article, and so does a button below the small print."""
        story = draft.story
        items = [_run(story.title, size="Medium", weight="Bolder")]
        items += [_run(story.excerpt)] if story.excerpt else []
        items += [_image(picture)] if (picture := draft.show()) else []
        small = " · ".join(filter(None, (story.source, story.topics, story.published.date().isoformat())))
        body: list[JsonObject] = [
            {"type": "Container", "items": items},
            _run(small, size="Small", isSubtle=True),
        ]
        if not story.link:
            return _message(body)
        opened = {"type": "Action.OpenUrl", "title": "Open", "url": story.link}
        body[0]["selectAction"] = opened
        return _message(body, actions=[opened])

    def message(self, text: str) -> JsonObject:
        """Text in Markdown, in which a line break alone would be a space."""
        return _message([{"type": "TextBlock", "text": _LINE.sub("\n\n", text), "wrap": True}])

    def escape(self, text: str) -> str:
        """For Markdown."""
        return str(_LINK.sub(GAP, _without_functions(_MARKUP.sub(r"\\\g<0>", text))))

    def address(self, url: str) -> str:
        """With what would be emphasis percent-encoded; it leads to the same place."""
        return str(_EMPHASIS.sub(lambda sign: f"%{ord(sign[0]):02X}", super().address(url)))

    def count(self, text: str) -> int:
        """Bytes of the whole message."""
        return self.measure(self.message(text))[0]

    def measure(self, payload: JsonObject) -> tuple[int, int]:
        """Bytes as they are sent."""
        return len(json_body(payload)), MESSAGE

    def meaning(self, answer: Answer) -> Outcome:
        """A flow that is switched off answers as if the message were wrong."""
        if answer.status >= 400 and SWITCHED_OFF in answer.text:
            return as_kind(Denied, answer, "the workflow is switched off: switch it on in Power Automate")
        return super().meaning(answer)


def _message(body: list[JsonObject], **more: object) -> JsonObject:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        **more,
    }
    return {"type": "message", "attachments": [{"contentType": CARD, "content": card}]}


def _run(text: str, **style: object) -> JsonObject:
    """A paragraph of plain text."""
    run = {"type": "TextRun", "text": _without_functions(text), **style}
    return {"type": "RichTextBlock", "inlines": [run]}


def _image(picture: Image) -> JsonObject:
    return {"type": "Image", "url": picture.url, "altText": picture.title, "size": "Stretch"}


def _without_functions(text: str) -> str:
    return str(_FUNCTION.sub(GAP, text))
