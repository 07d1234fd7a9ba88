"""The examples in docs/front-matter.md are the same article, whatever the dialect."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from newsroom import Newsroom

PAGE = (Path(__file__).parent.parent / "docs" / "front-matter.md").read_text(encoding="utf-8")
EXAMPLES = {
    dialect: (path, matter)
    for dialect, path, matter in re.findall(
        r"^```yaml\n# (\w+): content/(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
    )
}
SHOWN = {
    "title": "Robots learn to fold",
    "summary": "Shirts first, socks later.",
    "date_published": "2026-11-20T09:00:00+00:00",
    "url": "https://news.example.com/2026/11/20/robots.html",
    "tags": ["Robotics", "Laundry"],
}


def test_there_is_an_example_of_each_dialect() -> None:
    assert set(EXAMPLES) == {"smartable", "hugo", "jekyll"}


@pytest.mark.parametrize("narrowed", [False, True])
@pytest.mark.parametrize("dialect", sorted(EXAMPLES))
def test_the_same_article_in_each_dialect_is_the_same_in_the_feed(
    newsroom: Newsroom, dialect: str, narrowed: bool
) -> None:
    if narrowed:
        newsroom.configure(content={"fields": dialect})
    path, matter = EXAMPLES[dialect]
    newsroom.write_raw(path, f"---\n{matter}---\nText.\n")
    newsroom.later(days=200)
    newsroom.build()
    (item,) = newsroom.items()
    assert {name: item.get(name) for name in SHOWN} == SHOWN
