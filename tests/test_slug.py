"""Slugs: safe on every disk and in every URL, readable, and never one for two."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from feedbot.slug import MAX_BYTES, RESERVED, free_name, slugify
from feedbot.store import feeds
from feedbot.store.feeds import FeedKind


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Computer Vision", "computer-vision"),
        ("C", "c"),
        ("C++", "c-plus-plus"),
        ("C#", "c-sharp"),
        (".NET", "dot-net"),
        ("R&D", "r-and-d"),
        ("Power BI ", "power-bi"),
        ("Zürich", "zürich"),
        ("Ⅳ ＡＩ", "iv-ai"),
        ("日本語", "日本語"),
        ("हिन्दी", "हिन्दी"),
        ("..", "topic-5ec1f7e7"),
        ("/", "topic-8a5edab2"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON", "topic-con"),
        ("lpt9", "topic-lpt9"),
        ("index", "topic-index"),
        ("rss.xml", "rss-xml"),
    ],
)
def test_a_name_becomes_a_slug_that_a_person_can_read(name: str, slug: str) -> None:
    assert slugify(name) == slug


def test_a_name_of_emoji_gets_a_slug_that_stays() -> None:
    assert slugify("🤖🚀") == slugify("🤖🚀") != slugify("🚀🤖")
    assert slugify("🤖🚀").startswith("topic-")


@given(st.text(max_size=300))
def test_any_name_gives_a_slug_that_every_disk_and_url_can_carry(name: str) -> None:
    slug = slugify(name)
    assert slug
    assert slug not in RESERVED
    assert len(slug.encode()) <= MAX_BYTES + len("topic-")
    assert unicodedata.is_normalized("NFC", slug)
    assert all(unicodedata.category(char)[0] in "LMN" or char == "-" for char in slug)
    assert not slug.startswith("-")


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_a_slug_can_be_made_as_a_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "slugs"
    (folder / slugify(name)).mkdir(parents=True, exist_ok=True)
    assert slugify(name) in os.listdir(folder)


@given(st.sets(st.text(max_size=3), max_size=5), st.text(min_size=1, max_size=5))
def test_a_free_slug_is_never_a_taken_one(taken: set[str], wanted: str) -> None:
    assert free_name(wanted, taken.__contains__) not in taken


class Register(set[str]):
    """Slugs that are taken, and how often somebody asked."""

    asked = 0

    def __contains__(self, slug: object) -> bool:
        self.asked += 1
        return super().__contains__(slug)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 999, 1000])
def test_the_next_of_many_that_ask_for_one_slug_is_found_with_few_questions(number: int) -> None:
    taken = Register(["c", *(f"c-{one}" for one in range(2, number + 1))])
    assert free_name("c", taken.__contains__) == f"c-{number + 1}"
    assert taken.asked <= 25


def give(store: Engine, name: str, wanted: str) -> str:
    with store.begin() as connection:
        keys = feeds.register(connection, {(FeedKind.TOPIC, name): (name, wanted)})
        return feeds.give_slug(connection, keys[FeedKind.TOPIC, name], wanted)


def test_a_slug_once_given_is_never_given_to_another_topic(store: Engine) -> None:
    assert give(store, "vision", "vision") == "vision"
    assert give(store, "vision", "sight") == "sight"
    assert give(store, "eyes", "vision") == "vision-2"
    assert give(store, "vision", "vision") == "vision"
    assert give(store, "eyes", "vision") == "vision-2"


def test_the_slug_a_feed_has_is_the_one_given_last(store: Engine) -> None:
    give(store, "vision", "vision")
    give(store, "vision", "sight")
    with store.begin() as connection:
        assert [row.slug for row in feeds.load(connection)] == ["sight"]


def test_two_names_that_ask_for_one_slug_get_two(tmp_path: Path, store: Engine) -> None:
    slugs = [give(store, name, slugify(name)) for name in ("net", "NET!", "n.e.t", "Net")]
    assert len(set(slugs)) == len(slugs)
    for slug in slugs:
        (tmp_path / slug.upper()).mkdir()  # fails for two slugs that differ in case alone
