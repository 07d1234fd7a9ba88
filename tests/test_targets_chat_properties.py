"""Whatever an article holds, each chat takes its message, shows text as text, and has the link whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote, unquote

import pytest
from chat_samples import KINDS, NOW, SECRET, delivery, sender_of
from hypothesis import given, settings
from hypothesis import strategies as st
from receiver import receiving
from strict_chat import GAP, SERVICES, Service

from feedbot.attempt import Refused, Sent
from feedbot.model import Article, EventKind, Image, Provider
from feedbot.targets.channel import ChannelSender

characters = st.characters(exclude_characters=GAP + "‹›")
MENTIONS = ["<!channel>", "@everyone", "@here", "@all", "<@U1>", "#tag", "~x", ":tada:"]
MARKUP = ["<a|b>", "**b**", "_i_", "`c`", "[t](https://e.example)", "|", "\\", "\\*", "# ", "- ", "1. ", "\n"]
ADDRESSES = ["https://e.example", "www.e.example", "mailto:a@e.example", "a.b"]
CODES = ["&lt;", "&", "<", ">", "{{DATE(x)}}", "👩‍👩‍👧‍👦", "مرحبا", "\u202e", "C++", "snake_case"]
snippets = st.sampled_from([*MENTIONS, *MARKUP, *ADDRESSES, *CODES])
texts = st.lists(st.one_of(snippets, st.text(characters, max_size=8)), max_size=8).map("".join)
spaced = st.lists(texts, max_size=4).map(" ".join)
long = st.builds(lambda text, times: text * times, spaced, st.sampled_from([1, 1, 1, 1, 20, 60]))
sizes = st.integers(0, 150)
paths = st.builds(
    lambda text, times: quote(text, safe="/?&=#:()[]*_~'!,;@") * times, st.text(max_size=6), sizes
)
links = st.one_of(st.just(""), paths.map("https://news.example.com/{}".format))
articles = st.builds(
    Article,
    title=long,
    summary=long,
    published=st.just(datetime(2026, 3, 1, tzinfo=UTC)),
    updated=st.just(datetime(2026, 3, 1, tzinfo=UTC)),
    link=links,
    topics=st.lists(texts, max_size=5).map(tuple),
    provider=st.builds(Provider, name=texts, domain=st.sampled_from(["", "labs.example"])),
    images=st.lists(st.builds(Image, url=st.one_of(links, texts), title=long), max_size=2).map(tuple),
)


@pytest.fixture(scope="module", params=KINDS)
def chat(request: pytest.FixtureRequest) -> Iterator[tuple[Service, ChannelSender, ChannelSender]]:
    """A strict service, a sender of cards, and one with a template."""
    service = SERVICES[request.param](path=f"/hooks/{SECRET}")
    with receiving() as receiver:
        receiver.otherwise = service
        card = sender_of(request.param, receiver.url + service.path)
        template = sender_of(
            request.param, receiver.url + service.path, template="{{ title }}\n{{ excerpt }}\n\n{{ url }}"
        )
        yield service, card, template
        card.close()
        template.close()


@settings(deadline=None, max_examples=80)
@given(article=articles, event=st.sampled_from(EventKind))
def test_whatever_the_article_its_card_is_taken_and_the_link_is_whole(
    chat: tuple[Service, ChannelSender, ChannelSender], article: Article, event: EventKind
) -> None:
    service, card, _ = chat
    service.forget()
    if card.service == "Discord":
        event = EventKind.PUBLISHED
    outcome = card.send(delivery(article, event), NOW)
    assert service.complaints == []
    if isinstance(outcome, Refused):
        assert len(article.link) > 3_900
        return
    assert isinstance(outcome, Sent)
    assert "without its picture" not in outcome.reason
    shown = service.last
    assert set(shown.links) == ({article.link} if article.link else set())
    title = readable(article.title)
    if 0 < len(title) <= 40:  # readers see the very characters
        assert any(title in readable(text) for text in shown.texts)


@settings(deadline=None, max_examples=50)
@given(article=articles)
def test_whatever_the_article_a_template_shows_it_as_text(
    chat: tuple[Service, ChannelSender, ChannelSender], article: Article
) -> None:
    service, _, template = chat
    service.forget()
    outcome = template.send(delivery(article), NOW)
    assert service.complaints == []
    if isinstance(outcome, Refused):
        assert len(article.link) > 1_500 or not readable(f"{article.title}{article.summary}{article.link}")
    elif article.link:
        assert unquote(article.link) in set(map(unquote, service.last.links))


def readable(text: str) -> str:
    """`text` without what is invisible or no character, and in single spaces."""
    whole = text.encode("utf-8", "replace").decode().replace(GAP, "")
    return " ".join(whole.split())
