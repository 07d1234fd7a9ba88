"""Articles, deliveries and senders for the tests of chat channels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec import structs
from render_samples import SITE

from feedbot.attempt import Delivery
from feedbot.config.targets import Discord, Mattermost, Slack, Teams
from feedbot.model import Article, Author, Entry, EventKind, Image, Provider
from feedbot.targets import make_sender
from feedbot.targets.channel import ChannelSender

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
SECRET = "planted-secret-0123456789"  # noqa: S105 (in the path, as Slack, Discord and Mattermost have it)
SIGNATURE = "planted-signature-9876543210"  # in the query, as in those of Teams

KINDS = {"slack": Slack, "discord": Discord, "teams": Teams, "mattermost": Mattermost}

RICH = Article(
    title="Portland bans facial recognition & what follows",
    published=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    updated=datetime(2026, 3, 2, 17, 5, 59, tzinfo=UTC),
    summary="The ballot measure passed on Tuesday. R&D labs in the city have until June to comply.",
    link="https://news.example.com/2026/portland?ref=feed&lang=en",
    language="en",
    category="Policy",
    type="article",
    topics=("AI", "Computer Vision", "C++"),
    provider=Provider(name="Example Labs", domain="labs.example", image="https://labs.example/logo.png"),
    authors=(Author(name="Äda O’Example"),),
    images=(Image(url="https://img.example/a.png?w=1200&h=630", title='The "vote" <count>'),),
)
BARE = Article(
    title="A note with nothing but a title",
    published=datetime(1969, 12, 31, tzinfo=UTC),
    updated=datetime(2000, 1, 1, tzinfo=UTC),
)
EVIL = (
    "# <!channel> @everyone @Channel @all_ _@here_ <@U123> <#C1|x> **[win](https://evil.example/a_(b))**"
    " <https://evil.example|click>"
    " ![p](https://evil.example/p.png) *b* _i_ ~s~ ~~t~~ `c` ||spoiler|| &lt;b&gt;"
    " {{DATE(2026-01-01T00:00:00Z)}} :tada: #tag ~town-square \\*x\\* C:\\dir"
    " www.evil.example/x mailto:a@b.example"
)
HOSTILE = Article(
    title=f"{EVIL} مرحبا \u200fשלום\u200f 👩‍👩‍👧‍👦🏳️‍🌈",
    published=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    updated=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    summary=f"> {EVIL} " + "Zeile & <Wort> *fett* 👩‍👩‍👧‍👦 مرحبا " * 400,
    link="https://news.example.com/a_(b)*c*?q=%5B1%5D&x=1&amp;y=[2]#~z",
    topics=("@here", "<!everyone>", *(f"Topic {number} *x*" for number in range(90))),
    provider=Provider(name="<@U1> [Evil](https://evil.example) @channel"),
    authors=(Author(name="**Author** @all"),),
    images=(
        Image(url="javascript:alert(1)", title="no"),
        Image(url="https://img.example/(a)*b*.png?x=1&y=2", title="<!channel> *alt* " * 50),
    ),
)
TEMPLATE = (
    "*{{ title }}* {{ authors|join(', ') }} ({{ provider }}) [{{ category }}]\n"
    "{{ excerpt }}\n\n{{ url }} {{ hashtags }} {{ topics|first }} {{ image_text }}"
)


def delivery(article: Article = RICH, event: EventKind = EventKind.PUBLISHED, **more: Any) -> Delivery:
    """A delivery of an event of `article`."""
    entry = Entry(id="tag:news.example.com,2026:content/portland.md", article=article)
    return Delivery(id="msg_1", event=event, at=NOW, entry=entry, **more)


def changed(article: Article = RICH, **fields: Any) -> Article:
    """`article` with other fields."""
    return structs.replace(article, **fields)


def sender_of(kind: str, url: str, **options: Any) -> ChannelSender:
    """A sender for one of the services, made as the program makes it."""
    settings = {"type": kind, "name": "newsdesk", "url": url, **options}
    sender = make_sender(KINDS[kind].model_validate(settings), SITE)
    assert isinstance(sender, ChannelSender)
    return sender
