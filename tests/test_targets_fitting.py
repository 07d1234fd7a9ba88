"""Shortening: what goes first, what never goes, and nothing is broken where it is cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import regex
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from feedbot.targets.fitting import ELLIPSIS, Fitted, Words, fit, shorten
from feedbot.targets.length import mastodon_length, safe_length
from feedbot.template import NAMES, compile_template, fill

LINK = "https://news.example.com/2026/11/20/a-story.html"
FAMILY = "👨‍👩‍👧‍👦"

TITLE = "Portland bans facial recognition"
EXCERPT = "The ballot measure passed on Tuesday with a wide margin."
TAGS = ("#AI", "#ComputerVision", "#Law")
WORDS = Words(TITLE, EXCERPT, TAGS)


def filled(source: str) -> Callable[[Words], str]:
    """What a template makes of words, with LINK for the link."""
    template = compile_template(source)
    return lambda words: fill(
        template,
        {
            **dict.fromkeys(NAMES, ""),
            "title": words.title,
            "excerpt": words.excerpt,
            "hashtags": " ".join(words.hashtags),
            "url": LINK,
        },
    )


POST = filled("{{ title }}\n\n{{ excerpt }}\n\n{{ url }}\n\n{{ hashtags }}")
SHORT = filled("{{ title }} {{ url }}")


def fitted(limit: int, compose: Callable[[Words], str] = POST, words: Words = WORDS) -> Fitted:
    return fit(compose, words, limit=limit, count=mastodon_length)


# --- what goes, and in which order ---


def test_what_fits_stays_as_it_is() -> None:
    text = POST(WORDS)
    assert fitted(mastodon_length(text)) == Fitted(text)


@pytest.mark.parametrize(
    ("spare", "title", "excerpt", "hashtags", "notes"),
    [
        (-1, TITLE, "The ballot measure passed on Tuesday with a wide…", TAGS, ["excerpt shortened"]),
        (-48, TITLE, "The…", TAGS, ["excerpt shortened"]),
        (-54, TITLE, "", TAGS, ["excerpt left out"]),
        (-59, TITLE, "", TAGS[:2], ["excerpt left out", "1 of 3 hashtags left out"]),
        (-65, TITLE, "", TAGS[:1], ["excerpt left out", "2 of 3 hashtags left out"]),
        (-83, TITLE, "", (), ["excerpt left out", "3 of 3 hashtags left out"]),
        (
            -85,
            "Portland bans facial…",
            "",
            (),
            ["excerpt left out", "3 of 3 hashtags left out", "title shortened"],
        ),
        (-114, "P…", "", (), ["excerpt left out", "3 of 3 hashtags left out", "title shortened"]),
    ],
)
def test_excerpt_words_go_first_then_hashtags_then_the_end_of_the_title(
    spare: int, title: str, excerpt: str, hashtags: tuple[str, ...], notes: list[str]
) -> None:
    limit = mastodon_length(POST(WORDS)) + spare
    assert fitted(limit) == Fitted(POST(Words(title, excerpt, hashtags)), tuple(notes))


def test_a_link_that_does_not_fit_is_not_cut_but_said() -> None:
    result = fitted(20)
    assert not result.fits
    assert LINK in result.text


def test_what_the_template_does_not_show_is_not_cut() -> None:
    result = fitted(35, SHORT)
    assert result == Fitted(f"Portland… {LINK}", ("title shortened",))
    assert not fitted(22, filled("{{ url }} {{ image_text }}")).notes


def test_a_message_is_not_composed_for_each_word() -> None:
    composed = 0

    def compose(words: Words) -> str:
        nonlocal composed
        composed += 1
        return POST(words)

    long = Words("title " * 400, "excerpt " * 4000, tuple(f"#Tag{number}" for number in range(200)))
    assert fitted(60, compose, long).fits
    assert composed < 80


def test_an_excerpt_of_which_no_word_fits_is_left_out() -> None:
    compose = filled("{{ url }} {{ excerpt }}")
    assert fitted(23 + 8, compose, Words("", "– – extraordinary")).text == LINK
    assert fitted(23 + 8, compose, Words("", "An extraordinary")).text == f"{LINK} An…"


def test_an_excerpt_in_a_script_without_spaces_is_cut_between_characters() -> None:
    compose = filled("{{ url }} {{ excerpt }}")
    assert fitted(23 + 8, compose, Words("", "日本語の長い文章です。" * 5)).text == f"{LINK} 日本語の長い…"


def test_a_template_that_answers_to_a_missing_excerpt_is_counted_with_its_answer() -> None:
    compose = filled("{{ url }} {{ excerpt or 'There is a lot more to read about this on our pages.' }}")
    assert fitted(24 + 40, compose).text == f"{LINK} The ballot measure passed on Tuesday…"
    assert not fitted(24 + 3, compose).fits


# --- where it is cut ---

SHORTENED = [
    ("short", 5, "short"),
    ("a few words", 10, "a few…"),
    ("a few words", 5, "a fe…"),
    ("one, two; three", 9, "one, two…"),
    ("one, two; three", 6, "one…"),
    ("word", 3, "wo…"),
    ("word", 1, "…"),
    ("word", 0, ""),
    ("", 0, ""),
    ("Donaudampfschifffahrt in Wien", 12, "Donaudampfs…"),
    ("A Donaudampfschifffahrt", 12, "A Donaudamp…"),  # the gap is too far in front
    ("日本語の長い文章です", 6, "日本語の長…"),
    ("see https://example.com/a now", 28, "see https://example.com/a …"),
    ("see https://example.com/a/b/c", 20, "see…"),
    ("write to me@example.com now", 15, "write to…"),
    ("to me@news.example.com", 15, "to…"),
    ("שלום לכל העולם", 10, "שלום לכל…"),
]


@pytest.mark.parametrize(("text", "limit", "short"), SHORTENED)
def test_a_text_ends_between_words_where_it_can(text: str, limit: int, short: str) -> None:
    assert shorten(text, limit) == short


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        (FAMILY * 3, 3, FAMILY * 3),
        (FAMILY * 3, 2, FAMILY + ELLIPSIS),
        ("🇦🇹🇩🇪🇨🇭", 2, "🇦🇹…"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
        ("각각각", 2, "각…"),
        ("क्षक्षक्ष", 5, "क्षक्ष…"),  # two letters each to a server
        ("👍🏽👍🏽👍🏽", 2, "👍🏽…"),
    ],
)
def test_a_letter_or_emoji_is_never_split(text: str, limit: int, short: str) -> None:
    assert shorten(text, limit, mastodon_length) == short


def test_code_points_can_be_what_counts() -> None:
    assert shorten(FAMILY * 3, 15, len) == FAMILY * 2 + ELLIPSIS
    assert shorten(FAMILY, 6, len) == ELLIPSIS


# --- for any words ---

PIECES = st.sampled_from(
    ["a", "word", "Straße", FAMILY, "🇦🇹", "e\u0301", "क्षि", "각", "日本語", ",", "…", "\u0600"]
)
GAPS = st.sampled_from([" ", "", "  ", "\n", LINK, "@me@example.com"])
TEXTS = st.lists(PIECES | GAPS, max_size=30).map("".join) | st.text(max_size=40)
COUNTS = st.sampled_from([len, mastodon_length, safe_length])
ANY_WORDS = st.builds(Words, TEXTS, TEXTS, st.lists(st.sampled_from(TAGS), unique=True).map(tuple))
COMPOSED = st.sampled_from(
    [POST, SHORT, filled("{{ url }}{% if excerpt %}\n> {{ excerpt }}{% endif %} {{ hashtags }}")]
)


@settings(deadline=None)
@given(TEXTS, st.integers(0, 60), COUNTS)
def test_whatever_is_shortened_keeps_within_its_limit_and_whole(
    text: str, limit: int, count: Callable[[str], int]
) -> None:
    short = shorten(text, limit, count)
    assert count(short) <= limit
    if short not in {text, ""}:
        assert short.endswith(ELLIPSIS)
        kept = short.removesuffix(ELLIPSIS)
        kept = kept if text.startswith(kept) else kept.removesuffix(" ")
        ends = {0, *(found.end() for found in regex.finditer(r"\X", text))}
        assert text.startswith(kept)
        assert len(kept) in ends
        assert "https" not in kept[-40:].rpartition(LINK)[2]


@settings(deadline=None)
@given(COMPOSED, ANY_WORDS, st.integers(0, 160), COUNTS)
def test_whatever_the_words_the_link_is_whole_and_the_limit_kept(
    compose: Callable[[Words], str], words: Words, limit: int, count: Callable[[str], int]
) -> None:
    result = fit(compose, words, limit=limit, count=count)
    assert LINK in result.text
    assert result.fits == (count(result.text) <= limit)
    assert result.fits or count(compose(Words(ELLIPSIS))) > limit or count(compose(Words(""))) > limit
    assert result == fit(compose, words, limit=limit, count=count)
    assert bool(result.notes) == (result.text != compose(words)) or not result.fits


@settings(deadline=None)
@given(COMPOSED, ANY_WORDS, st.integers(0, 160), st.integers(0, 20))
def test_more_room_never_shows_less(
    compose: Callable[[Words], str], words: Words, limit: int, more: int
) -> None:
    tight = fit(compose, words, limit=limit, count=len)
    wide = fit(compose, words, limit=limit + more, count=len)
    assume(tight.fits)
    assert wide.fits
    assert len(tight.text) <= len(wide.text)
    assert len(wide.notes) <= len(tight.notes)
