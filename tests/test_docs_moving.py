"""Sites as other programs write them are read as docs/moving.md says, or it is told what is in the way."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from console import Console
from newsroom import Newsroom

MOVING = (Path(__file__).parent.parent / "docs" / "moving.md").read_text(encoding="utf-8")


class Shown(NamedTuple):
    """What readers see of an article."""

    path: str  # of its link
    date: str
    topics: tuple[str, ...]


class Site(NamedTuple):
    """A small site of one program."""

    path: str | list[str]  # content.path
    files: dict[str, str]
    shown: dict[str, Shown]  # by title
    told: tuple[str, ...] = ()  # by `check`
    fields: str | None = None  # content.fields


JEKYLL = Site(
    path=["_posts", "_drafts"],
    files={
        "_posts/2026-11-01-welcome.markdown": '---\nlayout: post\ntitle:  "Welcome!"\n'
        "date:   2026-11-01 15:32:14 -0300\ncategories: jekyll update\n---\nHi.\n",
        "_posts/2026-11-05-second.md": "---\ntitle: Second\ntags: [one, two words]\n---\n"
        "![x]({{ site.baseurl }}/x.png) {% include y.html %}\n",
        "_posts/2026-11-06-Third time.md": "---\ntitle: Third\ncategory: Lab_Notes\n---\nHi\n",
        "_drafts/idea.md": "---\ntitle: Idea\ndate: 2026-11-01\n---\n",
    },
    shown={
        "Welcome!": Shown("/jekyll/update/2026/11/01/welcome.html", "2026-11-01", ("jekyll", "update")),
        "Second": Shown("/2026/11/05/second.html", "2026-11-05", ("one", "two words")),
        "Third": Shown("/lab_notes/2026/11/06/Third-time.html", "2026-11-06", ("Lab_Notes",)),
    },
    told=("_posts/2026-11-05-second.md:5: warning: template tags",),
)
HUGO = Site(
    path="content",
    fields="hugo",
    files={
        "content/posts/first.md": "+++\ntitle = 'First'\ndate = 2026-11-14T07:07:07+01:00\n+++\nHello\n",
        "content/posts/second.md": '---\ntitle: "Second"\ndate: 2026-11-15\ntags: ["go", "web"]\n---\nHi\n',
        "content/posts/bundle/index.md": "---\ntitle: Bundle\ndate: 2026-11-16T00:00:00Z\n---\n",
        "content/posts/renamed/index.md": "---\ntitle: Renamed\ndate: 2026-11-17\nslug: another-name\n---\n",
        "content/Posts/My Fourth.md": "---\ntitle: Fourth\ndate: 2026-11-18\n---\n",
        "content/posts/_index.md": "---\ntitle: Posts\n---\n",
    },
    shown={
        "Second": Shown("/posts/second/", "2026-11-15", ("go", "web")),
        "Bundle": Shown("/posts/bundle/", "2026-11-16", ()),
        "Renamed": Shown("/posts/another-name/", "2026-11-17", ()),
        "Fourth": Shown("/posts/my-fourth/", "2026-11-18", ()),
    },
    told=("content/posts/first.md:1: error: front matter in TOML", "hugo convert toYAML"),
)
ELEVENTY = Site(
    path="src",
    files={
        "src/posts/first.md": "---\ntitle: First\ndate: 2026-11-01\ntags: another tag\n---\nHi\n",
        "src/posts/second.md": "---\ntitle: Second\ndate: 2026-11-02\n"
        'permalink: "/{{ page.fileSlug }}/"\n---\n',
        "src/posts/third.md": "---\ntitle: Third\ndate: git Last Modified\n---\n",
        "src/posts/fourth.md": '---js\n{title: "Fourth"}\n---\n',
        "src/posts/posts.json": '{"tags": ["posts"]}',
    },
    shown={
        "First": Shown("/posts/first/", "2026-11-01", ("another tag",)),
        "Second": Shown("/posts/second/", "2026-11-02", ()),
    },
    told=(
        "src/posts/fourth.md:1: error: front matter in js",
        "src/posts/second.md:4:1: warning: `permalink` cannot be turned into a web address",
        "src/posts/third.md:3:1: error: `date` is not a date",
    ),
)
PELICAN = Site(
    path="content",
    files={
        "content/first.md": "Title: First\nDate: 2026-11-03 10:20\n\nHi\n",
        "content/second.md": "---\nTitle: Second\nDate: 2026-11-04 10:20\nCategory: Python\nTags: a, b\n"
        "Url: second.html\n---\n\n[x]({filename}first.md)\n",
        "content/third.rst": "Third\n#####\n\n:date: 2026-10-03 10:20\n",
    },
    shown={"Second": Shown("/second.html", "2026-11-04", ("a", "b", "Python"))},
    told=(
        "content/first.md:1: error: front matter without a line --- before it",
        "content/second.md:9: warning: template tags",
    ),
)


@pytest.mark.parametrize(
    ("program", "site"),
    [("Jekyll", JEKYLL), ("Hugo", HUGO), ("Eleventy", ELEVENTY), ("Pelican", PELICAN)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_site_of_another_program_is_read_as_it_is(program: str, site: Site, newsroom: Newsroom) -> None:
    for name, text in site.files.items():
        path = newsroom.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    newsroom.configure(content={"path": site.path, "fields": site.fields})
    told = Console(newsroom).run("check", code=1)
    assert [words for words in site.told if words not in told] == []
    newsroom.now = datetime(2026, 12, 1, tzinfo=UTC)
    newsroom.build()
    assert {item["title"]: shown(item) for item in newsroom.items()} == site.shown
    assert f"| {program} |" in MOVING.partition("| written for |")[2].partition("\n\n")[0]


def test_a_site_with_addresses_of_its_own_says_their_pattern(newsroom: Newsroom) -> None:
    for name in ("site/_posts/2026-11-05-Second thought.md", "site/about.md"):
        (newsroom.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (newsroom.folder / name).write_text(
            "---\ntitle: A\ncategory: Lab\ndate: 2026-11-05\n---\nHi\n", encoding="utf-8"
        )
    newsroom.now = datetime(2026, 12, 1, tzinfo=UTC)
    ids, links = [], []
    for permalink in (None, "pretty"):
        newsroom.configure(content={"path": "site", "fields": "jekyll", "permalink": permalink})
        newsroom.build()
        ids.append(sorted(item["id"] for item in newsroom.items()))
        links.append(sorted(shown(item).path for item in newsroom.items()))
    assert links == [
        ["/about/", "/lab/2026/11/05/Second-thought.html"],
        ["/about/", "/lab/2026/11/05/Second-thought/"],
    ]
    assert ids[0] == ids[1]


def shown(item: dict[str, str]) -> Shown:
    path = item["url"].removeprefix("https://news.example.com")
    return Shown(path, item["date_published"][:10], tuple(item.get("tags", ())))
