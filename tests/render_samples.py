"""A site, feeds and articles that have everything a document can show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from feedbot.articletext import dump_article
from feedbot.model import (
    Article,
    Author,
    Document,
    Entry,
    Feed,
    Format,
    Image,
    Listing,
    Provider,
    Related,
    Site,
)
from feedbot.render import render_index
from feedbot.render.addresses import NEWEST, Part
from feedbot.render.renderer import Job, Renderer

ALL_FORMATS = tuple(Format)
NO_CAP = 1_000_000

SITE = Site(
    title="Example Newsroom",
    url="https://news.example.com/",
    feeds_url="https://feeds.example.com/",
    id_base="tag:news.example.com,2026:",
    description="What happens in the world of examples",
    language="en",
    author=Author(name="The editors", url="https://news.example.com/about"),
    icon="https://news.example.com/icon.png",
    logo="https://news.example.com/logo.png",
    hub="https://hub.example.com/",
)
BARE_SITE = Site(
    title="Bare",
    url="https://bare.example/",
    feeds_url="https://bare.example/feeds/",
    id_base="tag:bare.example,2026:",
)
ROOT = Feed(slug="", title="All articles", home="https://news.example.com/")
TOPIC = Feed(slug="c-2", title="C++ & C#", description="Languages that begin with <C>")
UNICODE = Feed(slug="künstliche-intelligenz", title="Künstliche Intelligenz 🤖")
EMPTY = Feed(slug="empty", title="Empty", updated=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

RICH = Entry(
    id="tag:news.example.com,2026:content/compilers.md",
    article=Article(
        title="Compilers & the “<” operator: a < b, 5 > 4",
        published=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        updated=datetime(2026, 3, 2, 17, 5, 59, tzinfo=UTC),
        summary="Templates, generics & what R&D says: x < y; see https://docs.example/?v=1&list=2",
        content='<p>Read <a href="https://docs.example/?v=1&amp;list=2">the paper</a>.</p>\n'
        "<pre><code>a[b[0]]&gt;1 ]]&gt; &amp;amp;</code></pre>",
        link="https://news.example.com/2026/compilers?ref=a&lang=c%2B%2B",
        via="https://labs.example/posts/1",
        amp_link="https://amp.example/1",
        category="news",
        type="article",
        language="de-AT",
        topics=("C++", "C#", "Compilers", "News"),
        provider=Provider(name="Example Labs", domain="labs.example", image="https://labs.example/logo.png"),
        authors=(Author(name="Äda O’Example", url="https://labs.example/ada"), Author(name="Bob & Co")),
        images=(
            Image(
                url="https://img.example/a.png?w=1&h=2", width=1200, height=630, title='A "quoted" <title>'
            ),
            Image(url="https://img.example/b"),
        ),
        related=(
            Related(
                title="The same story & more",
                url="https://other.example/?a=1&b=2",
                provider="Other <Press>",
                published=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
            ),
            Related(title="Yet another", url="https://third.example/story"),
        ),
        heat=77,
        quality=55,
    ),
)
VIDEO = Entry(
    id="tag:news.example.com,2026:content/video.md",
    article=Article(
        title="مقطع فيديو: شرح المترجمات 🎬",
        published=datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC),
        updated=datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC),
        summary="شرح قصير",
        link="https://video.example/watch?v=abc&t=1",
        type="video",
        topics=("C++",),
        provider=Provider(domain="video.example"),
        images=(Image(url="https://img.example/poster.jpg", width=1280, height=720),),
    ),
)
PLAIN = Entry(
    id="tag:news.example.com,2026:content/plain%20note.md",
    article=Article(
        title="A note with nothing but a title",
        published=datetime(1999, 12, 31, 0, 0, tzinfo=UTC),
        updated=datetime(2000, 1, 1, 0, 0, tzinfo=UTC),
    ),
)
ENTRIES = (RICH, VIDEO, PLAIN)


def article(**fields: Any) -> Entry:
    """An entry with one paragraph of content, changed by `fields` of its article."""
    plain = Article(
        title="A title",
        published=datetime(2026, 1, 1, tzinfo=UTC),
        updated=datetime(2026, 1, 1, tzinfo=UTC),
        summary="An excerpt",
        content="<p>A body</p>",
        link="https://news.example.com/a",
    )
    return Entry(id="tag:news.example.com,2026:a.md", article=structs.replace(plain, **fields))


def render(
    entries: tuple[Entry, ...],
    *,
    site: Site = SITE,
    feed: Feed = TOPIC,
    part: Part = NEWEST,
    formats: tuple[Format, ...] = ALL_FORMATS,
    full: bool = True,
    cap: int = NO_CAP,
    pictures: bool = True,
) -> list[Document]:
    """The documents of a feed with these entries."""
    renderer = Renderer(site=site, formats=formats, max_item_size=cap, pictures=pictures)
    texts = tuple((entry.id, dump_article(entry.article)) for entry in entries)
    return renderer.render(Job(feed=feed, part=part, full=full, bodies=texts)).documents


def bodies(
    entries: tuple[Entry, ...], *, site: Site = SITE, feed: Feed = TOPIC, full: bool = True, cap: int = NO_CAP
) -> dict[str, bytes]:
    """The documents of a feed by file name."""
    documents = render(entries, site=site, feed=feed, full=full, cap=cap)
    return {document.path.rpartition("/")[2]: document.body for document in documents}


def whole_site(*, full: bool = True) -> list[Document]:
    """Every document of a small site: all articles, a topic, a Unicode slug, an empty feed, the index."""
    shown = {ROOT: ENTRIES, TOPIC: (RICH, VIDEO), UNICODE: (RICH,), EMPTY: ()}
    documents = [
        document for feed, entries in shown.items() for document in render(entries, feed=feed, full=full)
    ]
    listings = [
        Listing(
            feed=feed,
            articles=len(entries),
            newest=entries[0].article.published if entries else None,
            weeks=(0, 1, 0, 2, 12, len(entries)) if entries else (),
        )
        for feed, entries in shown.items()
    ]
    return documents + render_index(SITE, listings, formats=ALL_FORMATS)
