"""Plain text: what a reader sees of a title, a topic, an excerpt."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from feedbot.content.text import ELLIPSIS, clean, cut, html_to_text, visible

ANY_TEXT = st.text(st.characters(), max_size=80)  # lone surrogates and all
PIECES = [
    "<",
    ">",
    "<b>",
    "</b>",
    "<script>",
    "</script>",
    "&lt;",
    "&gt;",
    "&amp;",
    "amp;",
    "lt;",
    "<!--",
    "x",
    " ",
]
MARKUP = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("AT&amp;T", "AT&T"),
        ("&amp;amp;amp;lt;3", "<3"),
        ("&amp; quot;Hi&amp; quot;", '"Hi"'),
        ("R&D at Q&A", "R&D at Q&A"),
        ("see x?a=1&copy=2&region=eu", "see x?a=1&copy=2&region=eu"),
        ("&nosuchname; &#x1F600;", "&nosuchname; 😀"),
        ("caf\u0065\u0301", "café"),
        ("one<br>two<p>three</p>four", "one two three four"),
        ("H<sub>2</sub>O", "H2O"),
        ("a < b, <3, 1<2>3", "a < b, <3, 1<2>3"),
        ("<others> say Vec<u8>", "<others> say Vec<u8>"),
        ("a<style>p{}</style>b <!-- c -->d", "a b d"),
        ("\u3000wide\u2003spaces\u00a0", "wide spaces"),
    ],
)
def test_text_is_cleaned_of_what_is_not_text(written: str, seen: str) -> None:
    assert clean(written) == seen


def test_of_marks_heaped_on_a_letter_no_more_stay_than_any_script_needs() -> None:
    assert clean("Q" + "\u0316\u0301" * 100_000 + "uelle") == "Q" + "\u0316" * 15 + "\u0301" * 15 + "uelle"
    few = "Q" + "\u0316" * 15 + "\u0301" * 15
    assert clean(few * 3) == few * 3
    for number in range(70):  # wherever it begins
        assert clean("x" * number + "Q" + "\u0316\u0301" * 32) == "x" * number + few


@pytest.mark.parametrize(
    "text",
    [
        "👨‍👩‍👧‍👦 family",
        "می‌خواهم",
        "HTML‌ها",
        "क्‍ष",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f England",
        "שלום and \u200fhello",
        "東京 Łódź",
    ],
)
def test_letters_marks_and_emoji_of_every_script_stay(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    "idle", ["\u200d", "\u200c", "\u200b", "\ufeff", "\u202e", "\u2066", "\U000e0041", "\x00"]
)
def test_a_character_that_nobody_sees_goes(idle: str) -> None:
    assert clean(f"{idle}plain {idle}te{idle}xt{idle}") == "plain text"


def test_escaped_surrogate_pairs_become_what_they_meant_and_halves_go() -> None:
    assert clean("\ud83d\ude00 \ud83d half \udc00") == "😀 half"


@given(ANY_TEXT)
@example("\ufdd0\U0001ffff")
def test_clean_text_is_one_line_that_xml_can_hold(text: str) -> None:
    seen = clean(text)
    assert seen == " ".join(seen.split())
    element = etree.Element("t")
    element.text = seen  # raises for what XML cannot hold
    assert etree.fromstring(etree.tostring(element, encoding="utf-8")).text == (seen or None)


@given(ANY_TEXT | MARKUP)
@example("&amp;" * 40 + "lt;b>")
@example("<" * 30 + "b>" * 30)
def test_no_tag_survives_one_more_decoding(text: str) -> None:
    seen = clean(text)
    assert "<b>" not in seen
    assert "<script>" not in seen


@given(ANY_TEXT)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(ANY_TEXT, st.integers(2, 40))
def test_a_cut_text_keeps_its_limit_and_its_beginning(text: str, limit: int) -> None:
    seen = clean(text)
    short = cut(seen, limit)
    assert len(short) <= limit
    assert short == seen if len(seen) <= limit else short.endswith(ELLIPSIS)
    assert seen.startswith(short.removesuffix(ELLIPSIS))


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("short", 10, "short"),
        ("one two three four", 12, "one two…"),
        ("one two, three four", 12, "one two…"),
        ("東京都の新しい図書館", 6, "東京都の新…"),
        ("e\u0302\u0323" * 9, 9, "e\u0302\u0323e\u0302\u0323…"),
        ("🇩🇪🇫🇷🇪🇸🇮🇹", 6, "🇩🇪🇫🇷…"),
        ("a🇩🇪🇫🇷🇪🇸", 5, "a🇩🇪…"),
        ("👍🏽👍🏽👍🏽👍🏽", 6, "👍🏽👍🏽…"),
        ("👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", 8, "👨‍👩‍👧…"),
    ],
)
def test_a_text_is_cut_between_words_and_never_within_a_character(text: str, limit: int, short: str) -> None:
    assert cut(text, limit) == short


def test_the_text_of_html_keeps_blocks_apart_and_words_together() -> None:
    markup = '<h2>Head</h2><p>A <b>bo</b>ld&nbsp;move<br>on</p><p title="a &gt; b">R&amp;D &lt;x&gt;</p>'
    assert html_to_text(markup) == "Head A bold move on R&D <x>"


UNSEEN = [
    0x200B,
    0x202E,
    0xFEFF,
    0xFDD0,
    0xE0001,
    *(plane + last for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)),
]


@pytest.mark.parametrize("code", UNSEEN, ids=hex)
def test_a_character_that_only_confuses_goes_out_of_text_that_is_sound(code: int) -> None:
    assert visible(f"é{chr(code)}😀𠮷") == clean(f" é{chr(code)}😀𠮷") == "é😀𠮷"


@given(ANY_TEXT)
def test_visible_text_keeps_its_line_breaks(text: str) -> None:
    assert visible(text).count("\n") == text.count("\n")
    assert not any(unicodedata.category(char) == "Cs" for char in visible(text))
