"""What half-trusted authors write stays text wherever it goes: in documents, messages, headers and addresses.

A quiet article and an attacking one go the same way; what comes out has the same elements, and no others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fediverse import fediverse
from lxml import etree
from newsroom import Newsroom
from postbox import Desk
from receiver import Reply, receiving

from feedbot.sending.deliver import make_deliverer

BREAKOUT = "</title>]]>--></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&<!--"
SMUGGLED = "x\r\nX-Smuggled: yes\r\n\r\nHTTP/1.1 200 OK"
MENTION = "@all @channel @here @everyone <!channel> <@U1> @admin@evil.example <at>all</at> [a](https://evil.example/mention)"
ATTACK = f"{BREAKOUT} {SMUGGLED} {MENTION} \u202e {{{{ 7*7 }}}} {{% raise %}} ${{TOKEN}} %(x)s"


def attacking(place: str) -> dict[str, Any]:
    """Front matter that tries to break out of wherever it is put."""
    return {
        "title": f"Attack {place} {ATTACK}",
        "excerpt": ATTACK,
        "topics": ["AI"],
        "category": ATTACK[:90],
        "authors": [{"name": ATTACK[:90], "url": "javascript:alert(3)"}],
        "provider": {"name": ATTACK[:90], "domain": "evil.example\r\nX-Smuggled: yes"},
        "images": [{"url": f"https://pictures.example/{BREAKOUT}", "title": ATTACK, "width": 5, "height": 5}],
        "related": [{"title": ATTACK, "url": "data:text/html,<script>alert(4)</script>"}],
    }


def quiet(place: str) -> dict[str, Any]:
    """The same without any harm."""
    return {
        "title": f"Quiet {place}",
        "excerpt": "What it is about.",
        "topics": ["AI"],
        "category": "News",
        "authors": [{"name": "A. Writer"}],
        "provider": {"name": "The Publisher", "domain": "publisher.example"},
        "images": [{"url": "https://pictures.example/a.png", "title": "A picture", "width": 5, "height": 5}],
    }


class Outline(HTMLParser):
    """Which elements with which attributes a page has; what runs or leads astray is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag, tuple(name for name, _ in attrs)] += 1
        for name, value in attrs:
            is_address = name in {"href", "src", "action", "formaction", "srcset"}
            scheme = (value or "").strip().lower().partition(":")[0]
            if name.startswith("on") or (is_address and scheme in {"javascript", "data", "vbscript"}):
                self.bad.append(f"<{tag} {name}={value}>")


def outline(page: Path) -> Outline:
    parsed = Outline()
    parsed.feed(page.read_text(encoding="utf-8"))
    return parsed


def elements(document: Path) -> set[str]:
    return {str(node.tag) for node in etree.parse(str(document)).iter() if isinstance(node.tag, str)}


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[tuple[Newsroom, Newsroom]]:
    """A newsroom of quiet articles, and one whose author attacks in every field and in the body."""
    both = Newsroom(tmp_path / "quiet"), Newsroom(tmp_path / "attacked")
    for room, front in zip(both, (quiet, attacking), strict=True):
        for number in range(3):
            body = ATTACK if front is attacking else "Words.\n\n![picture](https://pictures.example/b.png)"
            room.write(f"{number}.md", front(str(number)), body)
        room.build()
    yield both
    for room in both:
        room.close()


def test_whatever_an_author_writes_pages_have_no_other_scripts_and_lead_nowhere_bad(
    rooms: tuple[Newsroom, Newsroom],
) -> None:
    calm, attacked = (outline(room.feeds / "ai" / "index.html") for room in rooms)
    assert attacked.bad == []
    for tag in ("script", "style", "iframe", "form", "object", "base", "meta", "link"):
        count = {parsed: _count(parsed, tag) for parsed in (calm, attacked)}
        assert count[calm] == count[attacked], tag
    assert {tag for tag, _ in attacked.elements} <= {tag for tag, _ in calm.elements}


def _count(parsed: Outline, tag: str) -> int:
    return sum(number for (name, _), number in parsed.elements.items() if name == tag)


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml", "feeds.opml"])
def test_whatever_an_author_writes_documents_have_no_other_elements(
    rooms: tuple[Newsroom, Newsroom], name: str
) -> None:
    calm, attacked = rooms
    assert elements(attacked.feeds / name) <= elements(calm.feeds / name)


def test_whatever_an_author_writes_the_html_in_feeds_runs_nothing(rooms: tuple[Newsroom, Newsroom]) -> None:
    for item in rooms[1].items():
        parsed = Outline()
        parsed.feed(item["content_html"])
        assert parsed.bad == []
        assert _count(parsed, "script") == 0
        for address in [item.get("image"), *(author.get("url") for author in item["authors"])]:
            assert address is None or address.startswith("https://")


def test_the_name_of_a_topic_leads_out_of_no_folder_and_adds_no_line_to_redirects(
    newsroom: Newsroom,
) -> None:
    names = [
        "../../evil",
        "/etc/passwd",
        "a\nb/* https://evil.example/ 301",
        "..",
        ".hidden",
        "rss.xml",
        "CON",
    ]
    newsroom.write("one.md", topics=names)
    newsroom.build()
    newsroom.configure(feeds={"topics": {"../../evil": {"slug": "moved"}}})
    newsroom.build()
    outside = {path.name for path in newsroom.folder.iterdir()}
    assert outside == {"config.yaml", "content", "feeds", ".feedbot"}
    folders = [path.name for path in newsroom.feeds.iterdir() if path.is_dir()]
    assert [name for name in folders if name.startswith(".") or "/" in name] == []
    assert "evil.example" not in (newsroom.feeds / "_redirects").read_text()
    assert all(path.is_file() or path.is_dir() for path in newsroom.feeds.rglob("*"))


def sent_of(newsroom: Newsroom, kind: dict[str, Any], front: dict[str, Any], **more: Any) -> None:
    """Announce one article to one target, really."""
    desk = Desk(newsroom)
    desk.configure(kind, announce={"settle": "0s"})
    newsroom.build()
    newsroom.write("new.md", {**front, "publishedDateTime": "2026-06-01T08:00:00Z"}, **more)
    newsroom.later(minutes=1)
    newsroom.build()
    later = newsroom.now.replace(hour=23)
    deliverer = make_deliverer(newsroom.config, newsroom.engine, redact=str, clock=lambda: later)
    assert deliverer.run_due() == {"sent": 1}


@pytest.mark.parametrize("format_", ["standard", "cloudevents"])
def test_no_article_adds_a_header_or_a_request_to_a_webhook(format_: str, tmp_path: Path) -> None:
    got: list[Counter[str]] = []
    for name, front in (("quiet", quiet("one")), ("attacked", attacking("one"))):
        room = Newsroom(tmp_path / name)
        with receiving() as receiver:
            receiver.otherwise = Reply(204)
            hook = {"name": "hook", "type": "webhook", "url": f"{receiver.url}/hook", "unsigned": True}
            sent_of(room, {**hook, "format": format_}, front, webUrl=f"https://a.example/{SMUGGLED}")
            (request,) = receiver.requests
        got.append(Counter(header.lower() for header in request.headers))
        room.close()
    assert got[0] == got[1]


# What each service would obey in its texts. Teams takes nothing for markup in runs, but would in blocks.
OBEYED = {
    "slack": ("<!channel>", "<@U1>", "<script"),
    "mattermost": ("@all ", "@channel ", "@here ", "](https://evil.example/mention)"),
    "discord": ("](https://evil.example/mention)",),
    "teams": ("{{ 7*7",),
}


@pytest.mark.parametrize("kind", OBEYED)
def test_no_article_mentions_anybody_or_leads_a_chat_elsewhere(kind: str, newsroom: Newsroom) -> None:
    with receiving() as receiver:
        receiver.otherwise = Reply(200, {"Content-Type": "application/json"}, b'{"id": "1"}')
        target = {"name": "chat", "type": kind, "url": f"{receiver.url}/hook/a"}
        sent_of(newsroom, target, attacking("chat"))
        (request,) = receiver.requests
    message = request.json()
    said = list(values_of(message, "text"))
    assert said or kind == "discord"
    assert [(live, text) for live in OBEYED[kind] for text in said if live in text] == []
    assert kind != "discord" or message["allowed_mentions"] == {"parse": []}
    assert "TextBlock" not in values_of(message, "type")


def values_of(node: Any, name: str) -> Iterator[str]:
    """Every text under that key, however deep."""
    if isinstance(node, list):
        for part in node:
            yield from values_of(part, name)
    elif isinstance(node, dict):
        yield from (value for key, value in node.items() if key == name and isinstance(value, str))
        yield from values_of(list(node.values()), name)


def test_no_article_mentions_anybody_in_a_toot(newsroom: Newsroom) -> None:
    with fediverse("mastodon") as server:
        account = {"base_url": f"{server.url}/", "token": server.token, "image": False}
        front = {**attacking("x://a,@admin@evil.example"), "webUrl": "https://n.example/,@admin@evil.example"}
        sent_of(newsroom, {"name": "toots", "type": "mastodon", **account}, front)
        (post,) = server.posts
    assert "https://n.example/,%40admin@evil.example" in post.text
    assert "@everyone" not in post.text
    assert "@admin@evil.example" not in post.text
