"""From topics to hashtags, as Mastodon and its kin recognise them. Pure; where they stand is the template's.

A hashtag's name is made of letters, marks and digits of any script, with `_`, a middle dot or a joiner
between them, and has at least one letter. Everything else in a topic separates words, and words are told
apart by their capitals, which screen readers need: Power BI is #PowerBI, low-code is #LowCode.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

import regex

from feedbot.model import fold_name

LONGEST = 100  # characters, without the sign; GoToSocial cuts longer ones

_WORD = r"\p{L}\p{M}\p{Nd}\p{Pc}"
NAME = regex.compile(rf"(?=.*\p{{L}})[{_WORD}](?:[{_WORD}·\u200c]*[{_WORD}])?")

# ₂, Ⅳ, ＡＩ and ﬁ: the plain characters are meant.
_VARIANTS = regex.compile(r"[\p{No}\p{Nl}\uff01-\uffef\ufb00-\ufb06]+")
_UNSEEN = regex.compile(r"[\p{Cf}\p{Variation_Selector}\p{Me}'’‘--\u200c]", regex.V1)
_WORDS = regex.compile(r"(?:[\p{L}\p{Nd}\p{Pc}]\p{M}*+(?:[·\u200c](?=\p{L}))?+)+")


def hashtags(topics: Iterable[str], aliases: Mapping[str, str]) -> tuple[str, ...]:
    """The hashtags of `topics` in their order, each with `#`, none twice; case makes no difference.

    A topic in `aliases` has the hashtag given there, or none if that is "". A topic of which no letter is
    left has none.
    """
    given = {fold_name(topic): alias for topic, alias in aliases.items()}
    unique: dict[str, str] = {}
    for topic in topics:
        if name := _name(given.get(fold_name(topic), topic)):
            unique.setdefault(name.casefold(), f"#{name}")
    return tuple(unique.values())


def _name(text: str) -> str:
    """The name that `text` makes; "" for none. What is a name already stays as it is."""
    bare = unicodedata.normalize("NFC", text.strip().lstrip("#"))
    if NAME.fullmatch(bare) and len(bare) <= LONGEST:
        return bare
    words: list[str] = _WORDS.findall(_spelled(bare))
    return _joined(words)


def _spelled(text: str) -> str:
    """`text` with its signs as words where they mean something: C#, C++, .NET, Research & Development."""
    text = _VARIANTS.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = _UNSEEN.sub("", text)
    text = regex.sub(r"(?<=[\p{L}\p{Nd}])#", "Sharp ", text)
    text = regex.sub(r"(?<=[\p{L}\p{Nd}]\+*)\+", "Plus", text)
    text = regex.sub(r"(?<!\S)\.(?=\p{L})", "Dot ", text)
    return str(regex.sub(r"(?<=\s)&(?=\s)", "And", text))


def _joined(words: list[str]) -> str:
    """As many of `words` as a hashtag holds, in one; the cut lies between words where it can."""
    name = ""
    for word in words:
        gap = "_" if name[-1:].isdecimal() and word[0].isdecimal() else ""  # 3.11 is not 311
        longer = name + gap + (_capital(word) if len(words) > 1 else word)
        if len(longer) > LONGEST:
            name = name or _shortened(longer)
            break
        name = longer
    name = unicodedata.normalize("NFC", name)
    return name if NAME.fullmatch(name) else ""


def _capital(word: str) -> str:
    """`word` with a capital first; the others stay as they are, for names such as BI."""
    return word[0].title() + word[1:]


def _shortened(word: str) -> str:
    """The clusters of `word` that fit, whole."""
    kept = ""
    for cluster in regex.findall(r"\X", word):
        if len(kept) + len(cluster) > LONGEST:
            break
        kept += str(cluster)
    return kept.rstrip("·\u200c")
