"""Counting: graphemes, URLs and mentions as Mastodon does, with Mastodon.py's count as the second opinion."""

from __future__ import annotations

import grapheme
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from mastodon import Mastodon

from feedbot.targets.length import mastodon_length, raw_length, safe_length

URL = 23

GRAPHEMES = [
    ("", 0),
    ("plain words", 11),
    ("naïve", 5),
    ("nai\u0308ve", 5),  # the accent for itself
    ("👍🏽", 1),
    ("❤️", 1),
    ("👨‍👩‍👧‍👦", 1),
    ("🏳️‍🌈", 1),
    ("🇦🇹🇩🇪", 2),
    ("🇦🇹🇩", 2),
    ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 1),
    ("1️⃣2️⃣", 2),
    ("각각", 2),
    ("\u1100\u1161\u11a8", 1),  # one syllable in three jamo
    ("நிலா", 2),
    ("שָׁלוֹם", 4),
    ("مرحبا\u200f بكم", 10),
    ("Z͑ͫ̓a̴l̨", 3),
    ("a\r\nb", 3),
    ("日本語", 3),
]


@pytest.mark.parametrize(("text", "length"), GRAPHEMES)
def test_a_character_is_what_a_reader_takes_for_one(text: str, length: int) -> None:
    assert mastodon_length(text) == length == Mastodon.get_status_length(text)
    assert raw_length(text) == len(text)


@pytest.mark.parametrize(
    ("text", "apart", "together"), [("क्ष", 2, 1), ("क्षत्रिय", 5, 3), ("हिन्दी", 3, 2), ("স্ত্রী", 3, 1)]
)
def test_letters_of_a_conjunct_count_for_themselves(text: str, apart: int, together: int) -> None:
    """Mastodon counts in Ruby, which took conjuncts apart until 4.0; Mastodon.py does not."""
    assert mastodon_length(text) == apart
    assert Mastodon.get_status_length(text) == together


URLS = [
    ("https://example.com/", URL),
    ("http://example.com", URL),
    ("HTTPS://EXAMPLE.COM/A", URL),
    ("https://news.example.co.uk/2026/11/20/a-long-path/with.html?utm=x&y=z#part", URL),
    ("https://example.com:8080/x", URL),
    ("https://example.com?x=1", URL),
    ("https://example.com/a%20b", URL),
    ("https://example.com/@user@example.com", URL),
    ("https://münchen.de/x", URL),
    ("https://пример.рф/x", URL),
    ("https://xn--e1afmkfd.xn--p1ai/x", URL),
    ("https://a_b.example.com/", URL),
    ("(https://example.com/a)", URL + 2),
    ("https://example.com/a_(b)", URL),
    ("https://example.com/a_(b_(c))", URL),
    ("https://example.com/a).", URL + 2),
    ("see https://example.com/a, and", 4 + URL + 5),
    ("https://example.com/a.", URL + 1),
    ("https://example.com/a?", URL + 1),
    ("https://example.com#part", URL + 5),
    ("https://example.com/a https://example.org/b", 2 * URL + 1),
    ("日本https://example.com/a", 2 + URL),
    ("e\u0301https://example.com/a", 1 + URL),
    # no URLs to Mastodon
    ("example.com/a", 13),
    ("//example.com/a", 15),
    ("ftp://example.com/a", 19),
    ("https://localhost/a", 19),
    ("https://intranet:8080/a", 23),
    ("https://news.example/a", 22),
    ("https://mastodon.internal/a", 27),
    ("https://127.0.0.1:8000/a/b/c/d", 30),
    ("https://a_b.com/", 16),
    ("xhttps://example.com/a", 22),
    ("#https://example.com/a", 22),
    ("https://example.com@x", 21),
    ("https://", 8),
]


@pytest.mark.parametrize(("text", "length"), URLS)
def test_a_url_that_mastodon_knows_counts_as_one_of_23(text: str, length: int) -> None:
    assert mastodon_length(text) == length == Mastodon.get_status_length(text)


def test_what_is_reserved_for_a_url_is_the_servers_to_say() -> None:
    text = "see https://example.com/a/long/path/to/it"
    assert mastodon_length(text, characters_reserved_per_url=30) == 34
    assert safe_length("a https://a.com/", characters_reserved_per_url=40) == 42


def test_a_url_of_more_than_4096_characters_counts_in_full() -> None:
    longest = "https://example.com/".ljust(4096, "a")
    assert mastodon_length(longest) == URL
    assert mastodon_length(longest + "a") == 4097
    assert Mastodon.get_status_length(longest + "a") == URL  # it knows no longest one


@pytest.mark.parametrize("domain", ["amazon", "spa"])
def test_a_domain_that_older_servers_do_not_know_counts_in_full(domain: str) -> None:
    text = f"https://www.example.{domain}/a/b/c"
    assert mastodon_length(text) == len(text) == Mastodon.get_status_length(text)


def test_a_path_in_any_script_is_part_of_its_url() -> None:
    """As on a Mastodon server; Mastodon.py ends the URL there."""
    assert mastodon_length("https://example.com/日本語/記事") == URL
    assert Mastodon.get_status_length("https://example.com/日本語/記事") > URL


MENTIONS = [
    ("@user", 5),
    ("@user@example.com", 5),
    ("hello @user@example.com!", 12),
    ("(@user@example.com)", 7),
    (".@user@example.com", 6),
    ("@a_b@social.example.org.", 5),
    ("mail user@example.com", 21),
    ("/@user@example.com", 18),
    ("@user@example.com @other@example.com", 12),
]


@pytest.mark.parametrize(("text", "length"), MENTIONS)
def test_a_mention_counts_without_its_host(text: str, length: int) -> None:
    assert mastodon_length(text) == length == Mastodon.get_status_length(text)


@pytest.mark.parametrize(
    "text", ["@user@b", "@user@example.com@", "@user@münchen.de", "@user@https://example.com/a/b"]
)
def test_what_may_be_a_mention_counts_in_full(text: str) -> None:
    assert mastodon_length(text) == len(text) >= Mastodon.get_status_length(text)


def test_the_content_warning_counts_as_it_stands() -> None:
    warning = "see https://example.com/a/long/path/to/it"
    assert mastodon_length("text", warning) == 4 + len(warning)
    assert raw_length("text", warning) == 4 + len(warning)
    assert mastodon_length("text", "👨‍👩‍👧‍👦") == 5


def test_the_safe_count_is_the_larger_one() -> None:
    assert safe_length("https://a.com/") == URL
    assert safe_length("https://example.com/a/path/that/is/long") == 39
    assert safe_length("👨‍👩‍👧‍👦", "🇦🇹") == 7 + 2


# --- against Mastodon.py, with what it counts alike ---

LETTERS = st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="@")
HARD = st.sampled_from("👨👩👧❤🏴🇦🇩🏽\u200d\ufe0f\u0301\u0600e\u20e3가각\u1100\u1161\u11a8கிषत\u094d\r\n #1a")
CONJUNCT = regex.compile(r"\p{InCB=Linker}[\p{InCB=Extend}\p{InCB=Linker}]*\p{InCB=Consonant}")


@settings(deadline=None)
@given(st.text(HARD | LETTERS))
def test_any_text_has_as_many_graphemes_as_another_library_finds(text: str) -> None:
    conjuncts = len(CONJUNCT.findall(text, overlapped=True))
    assert mastodon_length(text) == grapheme.length(text) + conjuncts


HOSTS = [
    "example.com",
    "a.b.example.co.uk",
    "EXAMPLE.ORG",
    "localhost",
    "10.0.0.1",
    "news.example",
    "münchen.de",
]
PATHS = ["", "/", "/a/b.html", "/a_(b)", "/(a", "/a?b=c&d=e", "?x=1", "#part", ":80/x", "/~a", "/@u@a.com"]
LINKS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["https://", "http://", "//", ""]),
    st.sampled_from(HOSTS),
    st.sampled_from(PATHS),
)
PIECES = LINKS | st.sampled_from(
    [
        "@user",
        "@user@example.com",
        "(@a_b@a.example.org)",
        "me@example.com",
        "#Tag",
        "word",
        "Straße",
        "👨‍👩‍👧",
        "日本",
    ]
)


@settings(deadline=None, max_examples=200)
@given(st.lists(PIECES, max_size=8), st.sampled_from([" ", "\n", ", ", " – ", ". "]))
def test_any_running_text_counts_as_mastodon_py_counts_it(pieces: list[str], gap: str) -> None:
    text = gap.join(pieces)
    assert mastodon_length(text) == Mastodon.get_status_length(text)
    assert safe_length(text) == max(mastodon_length(text), len(text))


@pytest.mark.parametrize(
    "text",
    [
        "https://a/" * 6000,
        "https://a.com/." * 4000,
        "https://a.com/" + "(a(a)" * 12_000,
        "https://" + "a." * 30_000,
        "https://com." + "com." * 10_000 + "a-." + "com." * 10_000,
        "https://a.com?" + "." * 60_000,
        "@a@b." * 12_000,
    ],
    ids=lambda text: text[:20],
)
def test_no_text_takes_long_to_count(text: str) -> None:
    assert 0 < mastodon_length(text) <= 3 * len(text)
