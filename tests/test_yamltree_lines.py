"""The fast way to read simple YAML: it gives what the whole parser gives, or leaves the text to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedbot.content.frontmatter import split
from feedbot.yamltree import PARSER, YamlError, load
from feedbot.yamltree.lines import read_lines
from feedbot.yamltree.tree import MAX_DEPTH

ROOT = Path(__file__).parent.parent
CORPUS = ROOT.parent / "shared/corpus"
SKIP = frozenset({"secured"})

USUAL = """\
category: news
title: "A \\"quoted\\" title: with a colon # and more"
other: 'It is: so'
publishedDateTime: 2026-05-16T04:25:42Z
day: 2026-05-16
webUrl: https://www.example.com/2026/05/a-page/#part
empty:
nothing: ~
heat: 47
octal: 010
big: 12345678901234567890
published: true
secured: c2VjcmV0/+==

provider:
  name: Example & Co
  images:
    - url: "https://news.example.com/a.png"
      width: 50
topics:
  - AI
  - 2026
  - C#
tags:
- one
- two
related:
  - title: One
    provider:
      name: Deep
    topics:
    - x
    images:
      - url: https://a.example/
        sizes:
          - 1
          - 2
    quality: 3
  - title: Two
last: yes
"""


def whole(text: str) -> Any:
    try:
        return load(text, skip=SKIP, parser=PARSER).value
    except YamlError:
        return None


def alike(one: object, other: object) -> bool:
    """Whether two values are the same, with the same types: 1 is not true."""
    return repr(one) == repr(other)


def fast(text: str) -> dict[str, Any] | None:
    return read_lines(text, SKIP)


def test_usual_front_matter_is_read_the_fast_way() -> None:
    found = fast(USUAL)
    assert alike(found, whole(USUAL))
    assert found is not None
    assert "secured" not in found


PIECES = [
    "a", "key", "- ", "-", ": ", ":", "  ", " ", "\n", "\n", '"', "'", "''", "\\", "\\n", "\\u00e9", "#",
    " #", "|", ">", "&x", "*x", "!t", "[", "]", "{", "}", ",", "?", "%", "@", "`", "<<", "~", "null", "yes",
    "1", "0x1", "1_0", "1:30", "2026-05-16", "2026-05-16T04:25:42Z", "2026-13-01T00:00:00Z", ".5", "-5", "=",
    "\t", "é", "日本", "\x85", "\u2028", "\ufeff", "\x00", "---", "...", "secured", "\U0001f600", "- - ",
    "-  a", "a: b: c",
]  # fmt: skip
INDENTS = st.integers(0, 3).map(lambda depth: "  " * depth)
A_VALUE = st.one_of(st.just(""), st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map("".join))
A_LINE = st.builds(
    lambda indent, dash, key, value: f"{indent}{dash}{key}{value}\n",
    INDENTS,
    st.sampled_from(["", "", "- "]),
    st.sampled_from(["", "a: ", "b:", "c: ", "key: ", "secured: ", "yes: ", "a:"]),
    st.one_of(
        A_VALUE, st.sampled_from(["plain", '"quoted"', "'single'", "two words", "https://a.example/#b"])
    ),
)


@settings(max_examples=500)
@given(st.lists(A_LINE, max_size=9).map("".join))
@example("a: one\n  two: three\n")
@example("a: one\n  - two\n")
@example("a:\n- b:\n- c\n")
@example("- a\n")
@example("a: 1\na: 2\n")
@example("a:\n  b: 1\n c: 2\n")
@example("a:\n\n\n  - b\n\n\n  - c\n")
@example("secured:\n  a: b\nb: c\n")
@example("a: b  \nc: d \n")
@example("a: 'it''s'\n")
@example("a:  b\n")
@example("key: " + "1" * 65 + "\n")
def test_what_is_read_the_fast_way_is_what_the_whole_parser_gives(text: str) -> None:
    found = fast(text)
    assert found is None or alike(found, whole(text))


@given(st.data())
def test_a_slip_of_the_pen_is_read_alike_by_both(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(USUAL)))
    removed = data.draw(st.integers(0, 3))
    text = USUAL[:place] + data.draw(st.sampled_from(["", *PIECES])) + USUAL[place + removed :]
    found = fast(text)
    assert found is None or alike(found, whole(text))


def test_nesting_is_bounded_in_both() -> None:
    deepest = "".join(f"{'  ' * depth}a:\n" for depth in range(MAX_DEPTH)) + "  " * MAX_DEPTH + "a: 1\n"
    assert fast(deepest) is None
    assert whole(deepest) is None
    less = deepest.replace("a:\n", "", 1).replace("\n  ", "\n").removeprefix("  ")
    assert fast(less) is not None
    assert alike(fast(less), whole(less))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="corpus absent")
def test_real_articles_are_read_alike_and_nearly_all_the_fast_way() -> None:
    parts = [split(path.read_bytes()) for path in CORPUS.rglob("*.md")]
    matters = [part.matter for part in parts if part]
    found = [fast(matter) for matter in matters]
    assert all(
        tree is None or alike(tree, whole(matter)) for tree, matter in zip(found, matters, strict=True)
    )
    assert sum(tree is not None for tree in found) > 0.9 * len(matters)
