"""Hashtags: readable, recognised by every server, none twice."""

from __future__ import annotations

import unicodedata

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from feedbot.targets.hashtags import hashtags

# The rule by which servers recognise a hashtag: behind a space, ended by whatever is no part of it.
WORD = r"\p{L}\p{M}\p{Nd}\p{Pc}"
RECOGNISED = regex.compile(
    rf"(?<=^|\s)#([{WORD}][{WORD}·\u200c]*[\p{{L}}\p{{M}}·\u200c][{WORD}·\u200c]*[{WORD}]|[{WORD}]*[\p{{L}}\p{{M}}][{WORD}]*)"
)

TOPICS = [
    ("AI", "#AI"),
    ("robotics", "#robotics"),
    ("Computer Vision", "#ComputerVision"),
    ("machine learning", "#MachineLearning"),
    ("Power BI", "#PowerBI"),
    ("low-code", "#LowCode"),
    ("open/source", "#OpenSource"),
    ("snake_case", "#snake_case"),
    ("C#", "#CSharp"),
    ("F# scripting", "#FSharpScripting"),
    ("C++", "#CPlusPlus"),
    ("C++20", "#CPlusPlus20"),
    ("Notepad++ ", "#NotepadPlusPlus"),
    (".NET", "#DotNET"),
    (".NET Core", "#DotNETCore"),
    ("ASP.NET", "#ASPNET"),
    ("Node.js", "#NodeJs"),
    ("U.S. Politics", "#USPolitics"),
    ("R&D", "#RD"),
    ("Research & Development", "#ResearchAndDevelopment"),
    ("Children's books", "#ChildrensBooks"),
    ("Rock ’n’ Roll", "#RockNRoll"),
    ("Python 3.11", "#Python3_11"),
    ("Web 2.0", "#Web2_0"),
    ("#MeToo", "#MeToo"),
    ("##twice", "#twice"),
    ("50% off", "#50Off"),
    # every script, with its accents
    ("Zürich", "#Zürich"),
    ("Zu\u0308rich", "#Zürich"),
    ("électricité verte", "#ÉlectricitéVerte"),
    ("col·lecció", "#col·lecció"),
    ("日本語", "#日本語"),
    ("マシン・ラーニング", "#マシンラーニング"),
    ("हिन्दी", "#हिन्दी"),
    ("ภาษาไทย", "#ภาษาไทย"),
    ("שלום עולם", "#שלוםעולם"),
    ("می\u200cشود", "#می\u200cشود"),
    ("ශ්\u200dරී ලංකා", "#ශ්රීලංකා"),
    ("ǆungla x", "#ǅunglaX"),
    ("ＡＩ news", "#AINews"),
    ("H₂O", "#H2O"),
    ("World War Ⅱ", "#WorldWarII"),
    ("Windows™ 11", "#Windows11"),
    ("❤️ health", "#health"),
    ("1️⃣ first", "#1First"),
    ("so\u00adft hy\u00adphen", "#SoftHyphen"),
]


@pytest.mark.parametrize(("topic", "hashtag"), TOPICS)
def test_a_topic_becomes_a_hashtag_that_reads_well(topic: str, hashtag: str) -> None:
    assert hashtags([topic], {}) == (hashtag,)
    assert RECOGNISED.fullmatch(hashtag)


@pytest.mark.parametrize("topic", ["2026", "...", "", "+", "🎉", "#", "\u0301", "\u200c", "१२"])
def test_a_topic_without_letters_has_no_hashtag(topic: str) -> None:
    assert hashtags([topic], {}) == ()


def test_an_alias_wins_however_the_topic_is_written() -> None:
    aliases = {"R&D": "RnD", "power  bi": "#PowerBi", "Node.js": "Node JS", "Spam": "", "2026": "Year2026"}
    assert hashtags(["r&d", "Power BI", "NODE.JS", "spam", "2026", "AI"], aliases) == (
        "#RnD",
        "#PowerBi",
        "#NodeJS",
        "#Year2026",
        "#AI",
    )


def test_a_hashtag_comes_once_and_as_it_came_first() -> None:
    assert hashtags(["AI", "Power BI", "ai", "power-bi", "A.I."], {}) == ("#AI", "#PowerBI")


def test_a_long_hashtag_ends_between_words() -> None:
    [hashtag] = hashtags(
        ["a very long topic that says everything there is to say about it and then some more " * 2], {}
    )
    assert 80 < len(hashtag) <= 101
    assert hashtag.endswith("SomeMoreAVeryLongTopicThatSaysEverything")
    assert hashtags(["e\u0301x" * 60], {})[0] == "#" + "éx" * 50
    assert hashtags(["क्षि" * 60], {})[0] == "#" + "क्षि" * 25


NAMES = st.text(st.sampled_from("aßÉ1٣ _-.+#&'·\u200c\u200d\u0301²ｱ日षि🎉") | st.characters(), max_size=60)


@settings(deadline=None)
@given(
    st.lists(NAMES | st.text("ab 1", min_size=90, max_size=150), max_size=6),
    st.dictionaries(NAMES, NAMES, max_size=3),
)
def test_any_topics_make_hashtags_that_servers_recognise(topics: list[str], aliases: dict[str, str]) -> None:
    made = hashtags(topics, aliases)
    assert [found[0] for found in RECOGNISED.finditer(" ".join(made))] == list(made)
    assert len({tag.casefold() for tag in made}) == len(made) <= len(topics)
    assert all(2 <= len(tag) <= 101 and unicodedata.is_normalized("NFC", tag) for tag in made)
    assert all(regex.search(r"\p{L}", tag) for tag in made)
    assert hashtags([tag.removeprefix("#") for tag in made], {}) == made
