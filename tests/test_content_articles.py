"""What decides that an article changed, and the form in which the store keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from msgspec.structs import replace

from feedbot.articletext import dump_article, load_article, visible_hash
from feedbot.content import Excluded, Read, Reader
from feedbot.model import Article, Author, Image, Provider, Related, Site

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
LATER = datetime(2026, 6, 1, 8, tzinfo=UTC)
PLAIN = Article(title="x", published=NOW, updated=NOW)
FULL = Article(
    title="x",
    published=NOW,
    updated=LATER,
    expires=LATER,
    summary="s",
    content="<p>c</p>",
    link="https://a.example/",
    via="https://b.example/",
    amp_link="https://a.example/amp",
    cdn_amp_link="https://cdn.example/amp",
    category="news",
    type="video",
    language="en",
    topics=("AI", "ML"),
    provider=Provider(name="P", domain="p.example", image="https://p.example/logo.png"),
    authors=(Author(name="Ada", url="https://ada.example/"),),
    images=(
        Image(url="https://a.example/i.png", width=1, height=2, title="t"),
        Image(url="https://a.example/j"),
    ),
    related=(
        Related(title="r", url="https://r.example/", provider="R", published=NOW),
        Related(title="q", url="u"),
    ),
    heat=0,
    quality=7,
    given_id="one",
)
SITE = Site(
    title="x", url="https://news.example.com/", feeds_url="https://feeds.example.com/", id_base="tag:x:"
)
CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "news"


def test_an_article_comes_back_from_the_store_as_it_was() -> None:
    assert load_article(dump_article(FULL)) == FULL
    assert load_article(dump_article(PLAIN)) == PLAIN


def test_equal_articles_are_stored_in_equal_words() -> None:
    assert dump_article(structs.replace(FULL)) == dump_article(FULL)
    assert set(json.loads(dump_article(PLAIN))) == {"title", "published", "updated"}


def test_a_field_of_a_later_version_is_passed_over() -> None:
    raw = {**json.loads(dump_article(FULL)), "mood": "good"}
    raw["authors"][0]["shoe_size"] = 42
    assert load_article(json.dumps(raw)) == FULL


@pytest.mark.parametrize("name", Article.__struct_fields__)
def test_a_change_counts_if_and_only_if_readers_can_see_it(name: str) -> None:
    seen = not {"heat", "quality", "expires", "amp_link", "cdn_amp_link", "given_id"} & {name}
    assert (
        visible_hash(structs.replace(FULL, **{name: getattr(structs.replace(FULL, **other(name)), name)}))
        != visible_hash(FULL)
    ) is seen


def other(name: str) -> dict[str, Any]:
    """Another value for a field of `FULL`."""
    if name in {"published", "updated", "expires"}:
        return {name: datetime(2030, 1, 1, tzinfo=UTC)}
    value = getattr(FULL, name)
    if isinstance(value, str | int):
        return {name: value + type(value)(1)}
    return {name: value[:1] if isinstance(value, tuple) and len(value) > 1 else type(value)()}


def test_what_is_empty_does_not_count_so_a_new_field_changes_no_digest() -> None:
    assert visible_hash(PLAIN) == visible_hash(
        structs.replace(PLAIN, summary="", topics=(), provider=Provider())
    )
    assert visible_hash(PLAIN) == "2:a33157a86797b1b3ff50eaf9726668d7cbdd49da5b75f0deaecae29e73039e45"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)  # reading drops halves of characters


@given(TEXT, TEXT, st.lists(TEXT, max_size=3), st.none() | st.integers(0, 10**9))
def test_any_text_survives_the_store_and_has_a_digest(
    title: str, summary: str, topics: list[str], heat: int | None
) -> None:
    article = structs.replace(FULL, title=title, summary=summary, topics=tuple(topics), heat=heat)
    assert load_article(dump_article(article)) == article
    assert visible_hash(article)


def test_a_reader_is_known_by_all_that_changes_what_it_reads() -> None:
    plain = Reader(site=SITE)
    others = [
        Reader(site=replace(SITE, url="https://other.example/")),
        Reader(site=SITE, timezone="Europe/Berlin"),
        Reader(site=SITE, permalink="/:title/"),
        Reader(site=SITE, fields="hugo"),
        Reader(site=SITE, fields={"title": ["a"]}),
        Reader(site=SITE, fields={"title": ["b"]}),
    ]
    assert len({plain.fingerprint, *(each.fingerprint for each in others)}) == 7
    assert Reader(site=replace(SITE, title="y")).fingerprint == plain.fingerprint
    assert Reader(site=SITE, fields={"title": ("a",)}).fingerprint == others[4].fingerprint


def corpus() -> Iterator[tuple[str, bytes]]:
    yield from ((path.name, path.read_bytes()) for path in sorted(CORPUS.glob("*.md")))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="corpus absent")
def test_a_real_newsroom_is_read_without_a_finding() -> None:
    reader = Reader(site=SITE)
    readings = {name: reader.read(data, name=name, relative=name) for name, data in corpus()}
    assert all(reading.findings == () for reading in readings.values())
    unpublished = {name for name, data in corpus() if b"\npublished: false" in data}
    assert {name for name, reading in readings.items() if isinstance(reading, Excluded)} == unpublished
    assert {
        name for name, reading in readings.items() if isinstance(reading, Read)
    } == readings.keys() - unpublished
    assert all(
        load_article(dump_article(reading.article)) == reading.article
        for reading in readings.values()
        if isinstance(reading, Read)
    )
