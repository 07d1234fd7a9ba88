"""Making a message fit: excerpt words go first, then hashtags from the last, then the end of the title.

Never the link, which is not among the words. Pure; how long a text is and how the parts become a message is
told by functions that are given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import regex
from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from feedbot.attempt import Delivery

ELLIPSIS = "…"
LONG_WORD = 30  # graphemes; a longer run without a space may be cut: many scripts write without any

T = TypeVar("T")


class Words(Struct, frozen=True):
    """The parts of a message that may be shortened."""

    title: str
    excerpt: str = ""
    hashtags: tuple[str, ...] = ()


class Fitted(Struct, frozen=True):
    """A message as it was made to fit."""

    text: str
    notes: tuple[str, ...] = ()  # what was cut, for the operator
    fits: bool = True  # False: even the barest text is too long, and is not to be sent


_Step: TypeAlias = Callable[[Words, Callable[[Words], bool]], tuple[Words, str]]


def words_of(delivery: Delivery, hashtags: tuple[str, ...] = ()) -> Words:
    """The words of `delivery`'s article, whole."""
    article = delivery.entry.article
    return Words(article.title, article.summary, hashtags)


def fit(compose: Callable[[Words], str], words: Words, *, limit: int, count: Callable[[str], int]) -> Fitted:
    """The message that `compose` makes of as many of `words` as `limit` allows, counted by `count`.

    What does not appear in the message is not cut. Composes some dozen times, not once for each word.
    """
    notes: list[str] = []

    def fits(candidate: Words) -> bool:
        return count(compose(candidate)) <= limit

    text = compose(words)
    for shortened, without in _STEPS:
        if count(text) <= limit:
            break
        if compose(without(words)) == text:  # the message does not show it
            continue
        words, note = shortened(words, fits)
        text = compose(words)
        notes.append(note)
    return Fitted(text, tuple(notes), count(text) <= limit)


def shorten(text: str, limit: int, count: Callable[[str], int] = len) -> str:
    """`text` in at most `limit` as `count` counts, cut between words where there is a gap, marked with `…`.

    Never splits a grapheme cluster, a link or an address. "" if not even the mark fits.
    """

    def fits(candidate: str) -> bool:
        return count(candidate) <= limit

    if fits(text):
        return text
    shorter = _longest(_Cuts(text, inside_words=True), fits)
    return shorter or (ELLIPSIS if fits(ELLIPSIS) else "")


def _with_less_excerpt(words: Words, fits: Callable[[Words], bool]) -> tuple[Words, str]:
    cuts = _Cuts(words.excerpt, inside_words=False)
    excerpt = _longest(cuts, lambda text: fits(replace(words, excerpt=text)))
    note = "excerpt shortened" if excerpt else "excerpt left out"
    return replace(words, excerpt=excerpt), note


def _with_fewer_hashtags(words: Words, fits: Callable[[Words], bool]) -> tuple[Words, str]:
    total = len(words.hashtags)
    kept = _last(range(total), lambda number: fits(replace(words, hashtags=words.hashtags[:number]))) or 0
    return replace(words, hashtags=words.hashtags[:kept]), f"{total - kept} of {total} hashtags left out"


def _with_less_title(words: Words, fits: Callable[[Words], bool]) -> tuple[Words, str]:
    cuts = _Cuts(words.title, inside_words=True)
    title = _longest(cuts, lambda text: fits(replace(words, title=text)))
    return replace(words, title=title or ELLIPSIS), "title shortened"


# What is cut in this order, each with what the message would be without it.
_STEPS: tuple[tuple[_Step, Callable[[Words], Words]], ...] = (
    (_with_less_excerpt, lambda words: replace(words, excerpt="")),
    (_with_fewer_hashtags, lambda words: replace(words, hashtags=())),
    (_with_less_title, lambda words: replace(words, title="")),
)


def _longest(cuts: _Cuts, fits: Callable[[str], bool]) -> str:
    """The longest shortened form that fits, or that up to the gap before it if it is not much shorter."""
    end = _last(cuts.ends, lambda end: fits(cuts.text_to(end)))
    if end is None:
        return ""
    gap = max((gap for gap in cuts.gaps if end // 2 <= gap <= end), default=end)
    return next(text for text in (cuts.text_to(gap), cuts.text_to(end)) if fits(text))


def _last(candidates: Sequence[T], holds: Callable[[T], bool]) -> T | None:
    """The last of `candidates` that holds, found by halving: what holds for one holds for those before it."""
    low, high, found = 0, len(candidates), None
    while low < high:
        middle = (low + high) // 2
        if holds(candidates[middle]):
            low, found = middle + 1, candidates[middle]
        else:
            high = middle
    return found


class _Cuts:
    """Where a text can be cut: between grapheme clusters, and not within links or addresses."""

    def __init__(self, text: str, *, inside_words: bool) -> None:
        self._clusters: list[str] = regex.findall(r"\X", text)
        self.gaps: list[int] = []  # behind a word
        self.ends: list[int] = []  # wherever it can be cut, in clusters from the beginning
        first = next((n for n, cluster in enumerate(self._clusters) if cluster not in _TRAILING), 0)
        start = 0
        for end in range(1, len(self._clusters) + 1):
            if end == len(self._clusters) or self._clusters[end].isspace():
                self._add_word(start, end, inside_words=inside_words)
                start = end + 1
        for places in (self.gaps, self.ends):  # not before there is something to see, nor behind all of it
            places[:] = [place for place in places[:-1] if place > first]

    def _add_word(self, start: int, end: int, *, inside_words: bool) -> None:
        if start >= end:
            return
        word = "".join(self._clusters[start:end])
        if "://" not in word and "@" not in word and (inside_words or end - start > LONG_WORD):
            self.ends.extend(range(start + 1, end))
        self.ends.append(end)
        self.gaps.append(end)

    def text_to(self, end: int) -> str:
        """The text up to a cut, with the mark, which keeps away from a link: it would be part of it."""
        kept = self._clusters[:end]
        while kept and kept[-1] in _TRAILING:
            kept.pop()
        text = "".join(kept)
        is_link = any("://" in word for word in text.split()[-1:])
        return f"{text} {ELLIPSIS}" if is_link else text + ELLIPSIS


_TRAILING = frozenset([*" ,;:.!?-–—([{/&\u2060\u00a0\t\n", ELLIPSIS, "\r\n"])
