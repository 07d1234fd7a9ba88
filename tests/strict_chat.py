"""Chat services that refuse what the real ones refuse, and show what their readers would see.

Written from the services' own documentation, apart from feedbot's code: limits, fields and markup are said
here once more. A service is a function from a request to a reply; it keeps the messages that it took.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from receiver import Reply, Request

GAP = "\u200b"


class Complaint(Exception):  # noqa: N818 (it says what is wrong with a message)
    """A message that is not taken."""


@dataclass(frozen=True)
class Shown:
    """A message as a reader gets it: plain text, where it leads, the picture."""

    texts: tuple[str, ...] = ()
    links: tuple[str, ...] = ()  # where a click leads
    pictures: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()


@dataclass
class Service:
    """What all of them want: JSON by a client that says its name."""

    path: str = "/hooks/planted-secret-0123456789"
    messages: list[dict[str, Any]] = field(default_factory=list, repr=False)
    complaints: list[str] = field(default_factory=list)
    is_marked: bool = False  # whether messages may hold markup of the operator's own
    accepted: ClassVar[Reply] = Reply(200, body=b"ok")

    def __call__(self, request: Request) -> Reply:
        """Take a message, or say why not."""
        try:
            payload = self.read(request)
            self.check(payload)
            self.look_at(payload)
        except Complaint as complaint:
            self.complaints.append(str(complaint))
            return self.refusal(str(complaint))
        self.messages.append(payload)
        return self.accepted

    def read(self, request: Request) -> dict[str, Any]:
        """The JSON of a message."""
        need(request.method == "POST", f"method {request.method}")
        need(request.path == self.path, "another path")
        return body_of(request)

    def check(self, payload: dict[str, Any]) -> None:
        """Raise a Complaint about a message."""
        raise NotImplementedError

    def shown(self, payload: dict[str, Any]) -> Shown:
        """What readers see."""
        raise NotImplementedError

    def look_at(self, payload: dict[str, Any]) -> None:
        """Complain of markup that nobody wanted."""
        if not self.is_marked:
            self.shown(payload)

    def refusal(self, complaint: str) -> Reply:
        """How the service says no."""
        return Reply(400, body=complaint.encode())

    def forget(self) -> None:
        """Begin anew."""
        self.messages.clear()
        self.complaints.clear()

    @property
    def last(self) -> Shown:
        """The newest message as its readers see it."""
        return self.shown(self.messages[-1])


def need(condition: object, complaint: str) -> None:
    if not condition:
        raise Complaint(complaint)


def body_of(request: Request) -> dict[str, Any]:
    need(request.headers.get("User-Agent"), "no User-Agent")
    need(request.headers.get("Content-Type", "").split(";")[0] == "application/json", "not sent as JSON")
    payload = json.loads(request.body)
    need(isinstance(payload, dict), "no object")
    need(not has_null(payload), "null")
    return dict(payload)


def has_null(value: Any) -> bool:
    """Whether there is a null anywhere in it."""
    if isinstance(value, dict | list):
        return any(map(has_null, value.values() if isinstance(value, dict) else value))
    return value is None


def only(thing: dict[str, Any], required: str, optional: str = "") -> None:
    """Complain of fields that are missing or not known."""
    missing, unknown = (
        set(required.split()) - thing.keys(),
        thing.keys() - set(f"{required} {optional}".split()),
    )
    need(not missing, f"missing {sorted(missing)}")
    need(not unknown, f"unknown {sorted(unknown)}")


def text_of(thing: dict[str, Any], name: str, most: int, least: int = 1) -> str:
    """A text field that has to be within limits; counted in UTF-16, the strictest way."""
    text = thing[name]
    need(isinstance(text, str), f"{name} is no text")
    length = len(text.encode("utf-16-le")) // 2
    need(least <= length <= most, f"{name} has {length} characters, not {least} to {most}")
    need(not least or text.strip(), f"{name} is blank")
    return str(text)


def address_of(thing: dict[str, Any], name: str, most: int) -> str:
    """A field that has to be a web address."""
    url = text_of(thing, name, most)
    need(re.fullmatch(r"https?://[!-;=?-\[\]_a-z~]+", url), f"{name} is not well formed")
    return url


# --- Slack ---


class Slack(Service):
    """https://docs.slack.dev/reference/block-kit/blocks"""

    def check(self, payload: dict[str, Any]) -> None:
        only(payload, "text", "blocks unfurl_links unfurl_media")
        text_of(payload, "text", 40_000 if "blocks" in payload else 4_000)
        need(len(payload.get("blocks", [])) <= 50, "invalid_blocks: more than 50")
        for block in payload.get("blocks", []):
            self.check_block(block)

    def check_block(self, block: dict[str, Any]) -> None:
        kind = block["type"]
        if kind == "section":
            only(block, "type text")
            self.check_text(block["text"])
        elif kind == "image":
            only(block, "type image_url alt_text")
            address_of(block, "image_url", 3_000)
            text_of(block, "alt_text", 2_000)
        elif kind == "context":
            only(block, "type elements")
            need(1 <= len(block["elements"]) <= 10, "invalid_blocks: elements")
            for element in block["elements"]:
                self.check_text(element)
        else:
            raise Complaint(f"invalid_blocks: {kind}")

    def check_text(self, thing: dict[str, Any]) -> None:
        only(thing, "type text", {"mrkdwn": "verbatim", "plain_text": "emoji"}[thing["type"]])
        text_of(thing, "text", 3_000)

    def shown(self, payload: dict[str, Any]) -> Shown:
        texts, links, pictures, descriptions = [], [], [], []
        objects = [block["text"] for block in payload.get("blocks", []) if "text" in block]
        objects += [part for block in payload.get("blocks", []) for part in block.get("elements", [])]
        for thing in objects or [{"type": "mrkdwn", "text": payload["text"]}]:
            text, found = (
                mrkdwn(thing["text"]) if thing["type"] == "mrkdwn" else (entities(thing["text"]), [])
            )
            texts.append(text)
            links.extend(found)
            if thing["type"] == "mrkdwn" and not thing.get("verbatim"):
                links.extend(map(entities, re.findall(r"(?<![<|])https?://[^\s<>|]+", thing["text"])))
        for block in payload.get("blocks", []):
            if block["type"] == "image":
                pictures.append(block["image_url"])
                descriptions.append(block["alt_text"])
        mrkdwn(payload["text"])
        return Shown(tuple(texts), tuple(links), tuple(pictures), tuple(descriptions))


def mrkdwn(text: str) -> tuple[str, list[str]]:
    """What Slack shows of its markup, and the links in it; complains of what only people may write."""
    links: list[str] = []
    whole = text[1:-1] if text.startswith("*") and text.endswith("*") else text  # our own bold

    def shown(match: re.Match[str]) -> str:
        target, _, label = match[1].partition("|")
        if target.startswith("!date^"):
            return label
        need(re.match("https?://", target), f"mentions or links {target[:20]}")
        links.append(entities(target))
        return label or target

    plain = re.sub(r"<([^<>]*)>", shown, whole)
    outside = re.sub(r"<[^<>]*>", "", whole)
    need("<" not in outside and ">" not in outside, "a bracket that is no markup")
    labels = re.sub(r"<(?:[^<>|]*\|)?([^<>]*)>", r"\1", whole) if links else whole
    for sign in "*_~`":
        need(
            not re.search(rf"(?<!\S){re.escape(sign)}\S(?:.*\S)?{re.escape(sign)}(?!\S)", labels),
            "formatting",
        )
    return entities(plain), links


def entities(text: str) -> str:
    """`text` with Slack's three entities read; complains of an `&` that begins none of them."""
    need(not re.search(r"&(?!amp;|lt;|gt;)|[<>]", text), "a reserved character that is not escaped")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace(GAP, "")


# --- Discord ---


@dataclass
class Discord(Service):
    """https://docs.discord.com/developers/resources/webhook, with messages that can be edited and deleted."""

    posts: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    is_known: bool = True
    channel: str = "1100000000000000001"

    def __call__(self, request: Request) -> Reply:
        try:
            return self.answer(request)
        except Complaint as complaint:
            self.complaints.append(str(complaint))
            return error(400, 50035, f"Invalid Form Body: {complaint}")

    def answer(self, request: Request) -> Reply:
        need(request.headers.get("User-Agent"), "no User-Agent")
        path, query = urlsplit(request.path).path, parse_qs(urlsplit(request.path).query)
        message = path.removeprefix(f"{self.path}/messages/")
        if not self.is_known or not path.startswith(self.path):
            return error(404, 10015, "Unknown Webhook")
        if request.method == "GET" and path == self.path:
            told = {"id": "42", "name": "feedbot", "channel_id": self.channel, "token": self.path}
            return Reply(200, JSON, json.dumps(told).encode())
        if request.method == "POST" and path == self.path:
            return self.create(body_of(request), query)
        post = self.posts.get(message)
        if post is None or post["thread"] != query.get("thread_id", [None])[0]:
            return error(404, 10008, "Unknown Message")
        if request.method == "DELETE":
            need(not request.body, "a body")
            del self.posts[message]
            return Reply(204)
        need(request.method == "PATCH", f"method {request.method}")
        need(set(query) <= {"thread_id", "with_components"}, f"query {sorted(query)}")
        payload = body_of(request)
        self.check(payload)
        post |= payload
        return Reply(200, JSON, json.dumps({"id": message}).encode())

    def create(self, payload: dict[str, Any], query: dict[str, list[str]]) -> Reply:
        self.check(payload)
        self.messages.append(payload)
        message = str(10**18 + len(self.messages))
        self.posts[message] = {**payload, "thread": query.get("thread_id", [None])[0]}
        if query.get("wait") != ["true"]:
            return Reply(204)
        return Reply(200, JSON, json.dumps({"id": message, "channel_id": self.channel}).encode())

    def check(self, payload: dict[str, Any]) -> None:
        only(payload, "allowed_mentions", "content embeds")
        need(payload["allowed_mentions"] == {"parse": []}, "everybody may be mentioned")
        text_of(payload, "content", 2_000, 0) if "content" in payload else None
        need(payload.get("content", "").strip() or payload.get("embeds"), "50006: empty message")
        need(len(payload.get("embeds", [])) <= 10, "more than 10 embeds")
        total = sum(self.check_embed(embed) for embed in payload.get("embeds", []))
        need(total <= 6_000, f"{total} characters in embeds")
        self.look_at(payload)

    def check_embed(self, embed: dict[str, Any]) -> int:
        """The characters of an embed that count together."""
        only(embed, "title", "url description color timestamp image author footer")
        texts = [text_of(embed, "title", 256)]
        texts += [text_of(embed, "description", 4_096)] if "description" in embed else []
        if "url" in embed:
            address_of(embed, "url", 2_048)
        if "image" in embed:
            only(embed["image"], "url")
            address_of(embed["image"], "url", 2_048)
        if "author" in embed:
            only(embed["author"], "name")
            texts.append(text_of(embed["author"], "name", 256))
        if "footer" in embed:
            only(embed["footer"], "text")
            texts.append(text_of(embed["footer"], "text", 2_048))
        need(0 <= embed.get("color", 0) <= 0xFFFFFF, "color")
        need("timestamp" not in embed or datetime.fromisoformat(embed["timestamp"]).tzinfo, "timestamp")
        return sum(len(text.encode("utf-16-le")) // 2 for text in texts)

    def shown(self, payload: dict[str, Any]) -> Shown:
        texts, links, pictures = [], [], []
        for embed in payload.get("embeds", []):
            for marked in (embed["title"], embed.get("description", "")):
                text, found = discord_markdown(marked)
                texts.append(text)
                links.extend(found)
            links.extend([embed["url"]] if "url" in embed else [])
            pictures.extend([embed["image"]["url"]] if "image" in embed else [])
            texts.extend(
                embed[part][name] for part, name in (("author", "name"), ("footer", "text")) if part in embed
            )
        if payload.get("content"):
            text, found = discord_markdown(payload["content"])
            texts.append(text)
            links.extend(found)
        return Shown(tuple(texts), tuple(links), tuple(pictures))


JSON = {"Content-Type": "application/json"}


def error(status: int, code: int, message: str) -> Reply:
    """An error of Discord's."""
    return Reply(status, JSON, json.dumps({"message": message, "code": code}).encode())


def discord_markdown(text: str) -> tuple[str, list[str]]:
    """What Discord shows, and the bare links; complains of markup that is not escaped."""
    shown, links, at = "", [], 0
    while at < len(text):
        rest = text[at:]
        if found := re.match(r"\\([^0-9A-Za-z\s])", rest):
            shown += found[1]
        elif found := re.match(r"<(https?://[^\s<>]+)>", rest) or re.match(r"(https?://[^\s<>]+)", rest):
            links.append(found[1])
            shown += found[1]
        else:
            found = re.match(r"[\s\S]", rest)
            assert found
            need(found[0] not in "*_~`|<>[]", f"markup: {rest[:20]}")
            begins = not text[:at].rpartition("\n")[2].strip()
            need(not (begins and re.match(r"[#+-]|\d{1,9}[.)]", rest)), f"a block: {rest[:20]}")
            need(not re.match(r"@(everyone|here)", rest, re.IGNORECASE), "mentions everybody")
            shown += found[0]
        at += found.end()
    return shown.replace(GAP, ""), links


# --- Teams ---


class Teams(Service):
    """https://learn.microsoft.com/adaptive-cards/schema-explorer/, posted by a workflow."""

    accepted: ClassVar[Reply] = Reply(202)

    def read(self, request: Request) -> dict[str, Any]:
        need(len(request.body) <= 28 * 1024, "RequestEntityTooLarge")
        need(urlsplit(request.path).path == urlsplit(self.path).path, "another path")
        return body_of(request)

    def refusal(self, complaint: str) -> Reply:
        told = {"error": {"code": complaint, "message": "The request is not valid."}}
        return Reply(413 if "TooLarge" in complaint else 400, JSON, json.dumps(told).encode())

    def check(self, payload: dict[str, Any]) -> None:
        only(payload, "type attachments")
        need(payload["type"] == "message" and len(payload["attachments"]) == 1, "no message with one card")
        attachment = payload["attachments"][0]
        only(attachment, "contentType content", "contentUrl")
        need(attachment["contentType"] == "application/vnd.microsoft.card.adaptive", "contentType")
        card = attachment["content"]
        only(card, "type version body", "$schema actions")
        need(card["type"] == "AdaptiveCard" and card["version"] == "1.4", "an unknown card")
        need(card["body"], "an empty card")
        for element in [*card["body"], *card.get("actions", [])]:
            self.check_element(element)

    def check_element(self, element: dict[str, Any]) -> None:
        kind = element["type"]
        if kind == "Container":
            only(element, "type items", "selectAction")
            for part in [
                *element["items"],
                *([element["selectAction"]] if "selectAction" in element else []),
            ]:
                self.check_element(part)
        elif kind == "RichTextBlock":
            only(element, "type inlines")
            for run in element["inlines"]:
                only(run, "type text", "size weight isSubtle")
                need(run["type"] == "TextRun", "an unknown inline")
                text_of(run, "text", 28_000)
        elif kind == "TextBlock":
            only(element, "type text wrap")
            text_of(element, "text", 28_000)
        elif kind == "Image":
            only(element, "type url altText", "size")
            address_of(element, "url", 8_000)
            text_of(element, "altText", 8_000)
        elif kind == "Action.OpenUrl":
            only(element, "type title url")
            address_of(element, "url", 28_000)
        else:
            raise Complaint(f"an unknown element {kind}")

    def shown(self, payload: dict[str, Any]) -> Shown:
        card = payload["attachments"][0]["content"]
        elements = list(card["body"])
        elements += [part for element in elements for part in element.get("items", [])]
        runs = [run["text"] for element in elements for run in element.get("inlines", [])]
        links = [element["selectAction"]["url"] for element in elements if "selectAction" in element]
        links += [action["url"] for action in card.get("actions", [])]
        for element in elements:
            if element["type"] == "TextBlock":
                text, found = teams_markdown(element["text"])
                runs.append(text)
                links += found
        need(not any(re.search(r"\{\{(?:DATE|TIME)", run) for run in runs), "a function in text")
        pictures = [element for element in elements if element["type"] == "Image"]
        return Shown(
            tuple(run.replace(GAP, "") for run in runs),
            tuple(links),
            tuple(picture["url"] for picture in pictures),
            tuple(picture["altText"] for picture in pictures),
        )


def teams_markdown(text: str) -> tuple[str, list[str]]:
    """What CommonMark makes of a text, by a parser that is not ours, and the links in it."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 (only where a template is tested)

    shown, links = "", []
    for block in MarkdownIt("commonmark").parse(text):
        need(block.type in {"paragraph_open", "paragraph_close", "inline"}, f"markup: {block.type}")
        for token in block.children or []:
            need(token.type in {"text", "text_special", "softbreak", "link_open", "link_close"}, token.type)
            shown += "\n" if token.type == "softbreak" else token.content
            links += [str(token.attrs["href"])] if token.type == "link_open" else []
    links += re.findall(r"https?://[^\s<>()]+", shown)
    return shown, links


# --- Mattermost ---


class Mattermost(Service):
    """https://developers.mattermost.com/integrate/reference/message-attachments/"""

    def refusal(self, complaint: str) -> Reply:
        told = {"id": "web.incoming_webhook.parse.app_error", "message": complaint, "status_code": 400}
        return Reply(400, JSON, json.dumps(told).encode())

    def check(self, payload: dict[str, Any]) -> None:
        only(payload, "", "text attachments")
        need("text" in payload or payload.get("attachments"), "No text specified")
        need(len(payload.get("text", "")) <= 16_383, "the post would be split")
        for attachment in payload.get("attachments", []):
            only(attachment, "fallback color", "title title_link text image_url footer")
            need(re.fullmatch("#[0-9a-f]{6}", attachment["color"]), "invalid style")
            need("title_link" not in attachment or attachment["title"], "title link without title")
            for name in {"title_link", "image_url"} & attachment.keys():
                address_of(attachment, name, 16_383)
            need(sum(map(len, attachment.values())) <= 16_383, "too long")

    def shown(self, payload: dict[str, Any]) -> Shown:
        texts, links, pictures = [], [], []
        for attachment in payload.get("attachments", []):
            if "title" in attachment:
                need("title_link" in attachment, "a title that would be Markdown")
                links.append(attachment["title_link"])
            for name in {"title", "footer", "fallback"} & attachment.keys():
                no_mention(attachment[name])
                texts.append(attachment[name].replace(GAP, ""))
            pictures += [attachment["image_url"]] if "image_url" in attachment else []
        marked = [thing["text"] for thing in (payload, *payload.get("attachments", [])) if "text" in thing]
        for text in marked:
            shown, found = mattermost_markdown(text)
            texts.append(shown)
            links.extend(found)
        return Shown(tuple(texts), tuple(links), tuple(pictures))


_MATTERMOST_ESCAPE = re.compile(r"\\([`*{}\[\]()#+\-.!_>|~]|\\(?!\w))")


def mattermost_markdown(text: str) -> tuple[str, list[str]]:
    """What Mattermost's Markdown shows, after what Slack writes was turned into it."""
    need(not re.search(r"<([^<|]+)\|([^>]+)>|<!(?:channel|here|all)>|<@\w+>", text), "Slack's markup")
    bold = re.match(r"\*\*((?:\\.|[^*\\])*)\*\*(?=\n|$)", text)  # our own
    if bold:
        text = bold[1] + text[bold.end() :]
    shown, links, at = "", [], 0
    while at < len(text):
        rest, before = text[at:], text[:at]
        if found := _MATTERMOST_ESCAPE.match(rest):
            shown += found[1]
        elif found := re.match(r"(?:https?|ftp)://[^\s<>]+|(?:mailto|tel):\w\S*", rest):
            links.append(found[0])
            shown += found[0]
        else:
            found = re.match(r"[\s\S]", rest)
            assert found
            need(found[0] not in "*_~`|[]<", f"markup: {rest[:20]}")
            begins = not before.rpartition("\n")[2].strip()
            need(not (begins and re.match(r"[#+-]|\d{1,9}[.)]", rest)), f"a block: {rest[:20]}")
            shown += found[0]
        at += found.end()
    # Mentions, hashtags, channels and emoji are looked for in what is left when the backslashes are gone.
    no_mention(shown)
    need(not re.search(r"(?:^|[^a-z0-9])@[a-z0-9_]", shown, re.IGNORECASE), "mentions somebody")
    need(not any(tag[1].isalpha() for tag in re.finditer(r"(?:^|\W)#(\w)", shown)), "a hashtag")
    need(not re.search(r"(?:^|[^a-z0-9_]):[\w+-]+:", shown, re.IGNORECASE), "an emoji")
    return shown.replace(GAP, "").replace("‹", "<").replace("›", ">"), links


def no_mention(text: str) -> None:
    need(not re.search(r"@(?:channel|all|here)|<![a-z]|<@\w", text, re.IGNORECASE), "mentions everybody")


SERVICES: dict[str, type[Service]] = {
    "slack": Slack,
    "discord": Discord,
    "teams": Teams,
    "mattermost": Mattermost,
}
