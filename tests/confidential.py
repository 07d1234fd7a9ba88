"""Articles with something `secured` in them, however YAML lets it be written, and with mistakes around it.

For tests that look for the secret, or a part of it, in whatever feedbot says, keeps or sends.
"""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import strategies as st

SECRET = "Zq7Vx9Wk3"  # noqa: S105 - what no output may ever hold
_TRACES = (SECRET, SECRET[:5], SECRET[-5:], base64.b64encode(SECRET.encode()).decode()[:11])

KEYS = ("secured",) * 8 + (
    "secured", "'secured'", '"secured"', r'"sec\u0075red"', "? secured\n", "Secured", "SECURED", "secured ",
    " secured", "  secured", "\tsecured", "!!str secured", "&k secured",
)  # fmt: skip
VALUES = (
    "{}", '"{}"', "'{}'", '"Zq7V\\x789Wk3"', '"Zq7\\u0056x9Wk3"', '"Zq7Vx\\\n  9Wk3"', '"Zq7Vx\n  9Wk3"',
    "|\n  {}\n  more {}", "|-\n    {}", "|+\n  {}\n", "|2\n  {}", ">\n  {}\n  {}", ">2-\n  {}",
    "| # why\n  {}", "\n  - {}\n  - {{a: {}}}", "\n- {}\n- a: {}", "\n  inner: {}\n  {}: x", "[{}, {}]",
    "[\n  {},\n  {{a: {}}}\n]", "{{a: {}}}", "!!str {}", "!!binary {}", "!x {}", "&a {}",
    "&a {{title: {}, excerpt: {}}}", "\n\n  {}", "# why\n  {}", "{}\u0085{}", "{}\u2028{}",
    "|\n  {}\u0085title: {}", "word " * 900 + "{}", "",
)  # fmt: skip
# With a mistake in the value itself.
SPOILED = (
    "*{}", "{}: more", '"{}', "'{}", "[{}", "{{a: {}", "\n{}", ">\n  text\n{}", "{}\n{}: 1\n{}: 2",
    "{}\x07", '"{}\\q"', '"{}\\ud83d"', "| {}", "@{}", "`{}", "%{}", "? {}", "[[" * 12 + "{}", "\n\t{}",
    '"{}" {}', "!<{}", "!{} x", "&{}", "- {}", "[{}, {{{}", "<<: {}",
)  # fmt: skip
LINES = (
    "name: A name", "excerpt: What it says", "topics: [AI, ML]", "topics:\n  - AI\n  - ML", "topics:\n- AI",
    "webUrl: https://p.example/x", "type: 'It''s'", "provider:\n  name: N", "authors:\n  - name: Ada",
    "images:\n  - url: https://p.example/p.jpg\n    title: t", "excerpt: |\n  a block\n  of text",
    "related:\n  - title: R\n    webUrl: https://r.example/", "excerpt: >\n  folded", "# a remark",
    "heat: 5",
)  # fmt: skip
# Mistakes, and what would let a secret pass, on the lines above and below.
MISTAKES = (
    'title: "A title', "title: 'A title", "topics: [AI", "provider: {name: x", "excerpt: |", "excerpt: >",
    "provider:", "  provider: x", "topics:\n - AI", "title: *a", "<<: *a", "excerpt: *a", "topics: *k",
    "\texcerpt: x", "title", "type: @x", "- x", "related: [{title: x, webUrl: https://r.example/,",
    "excerpt: 'it''s", 'excerpt: "x\\q"', "---",
)  # fmt: skip
PARENTS = (
    "provider:\n  name: N\n  ", "related:\n  - title: R\n    webUrl: https://r.example/\n    ",
    "images:\n  - url: https://p.example/p.jpg\n    ", "authors:\n  - name: A\n    ", "topics:\n  - ",
    "excerpt:\n  ", "title:\n  ", "featuredContent:\n  ", "published:\n  ", "publishedDateTime:\n  ",
    "id:\n  ", "heat:\n  ",
)  # fmt: skip


def traces(*told: Any) -> set[str]:
    """The parts of the secret in what was told, whatever their case."""
    text = "\n".join(one if isinstance(one, str) else repr(one) for one in told).lower()
    return {trace for trace in _TRACES if trace.lower() in text}


def secured(value: str, key: str = "secured", colon: str = ": ") -> str:
    """The lines of a key, and of a value from one of the tables above."""
    filled = value.replace("{}", SECRET).replace("{{", "{").replace("}}", "}")
    return f"{key}{colon}{filled}"


def below(parent: str, lines: str) -> str:
    """`lines` as a part of one of `PARENTS`."""
    return parent + lines.replace("\n", "\n    ")


@st.composite
def _secured(draw: st.DrawFn) -> str:
    values = draw(st.sampled_from((VALUES, VALUES, SPOILED)))
    colon = draw(st.sampled_from((": ", ": ", ": ", ":\t", ":", " : ")))
    lines = secured(draw(st.sampled_from(values)), draw(st.sampled_from(KEYS)), colon)
    if draw(st.integers(0, 3)) == 0:
        return below(draw(st.sampled_from(PARENTS)), lines)
    return lines


def _key_of(line: str) -> str:
    return line.partition(":")[0]


def _mistakes(count: int) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(MISTAKES), min_size=count, max_size=count)


@st.composite
def articles(draw: st.DrawFn) -> bytes:
    """The bytes of a content file."""
    lines = ["title: A title", "publishedDateTime: 2026-05-01T08:00:00Z"]
    lines += draw(st.lists(st.sampled_from(LINES), max_size=3, unique_by=_key_of))
    lines += draw(st.lists(_secured(), min_size=1, max_size=draw(st.sampled_from((1, 1, 2)))))
    lines += draw(st.sampled_from((0, 0, 0, 1, 2)).flatmap(_mistakes))
    closing = draw(st.sampled_from(("\n---\n",) * 5 + ("\n...\n", "\n", "\n--- # end\n---\n")))
    text = "---\n" + "\n".join(draw(st.permutations(lines))) + closing + "Text.\n"
    text = draw(st.sampled_from(("", "", "\ufeff", "\n\n"))) + text
    data = text.replace("\n", draw(st.sampled_from(("\n", "\n", "\r\n", "\r", "\u0085")))).encode()
    return draw(
        st.sampled_from((data, data, data.replace(b"7Vx", b"7\xffVx"), data.replace(b"title", b"\xfftitle")))
    )
