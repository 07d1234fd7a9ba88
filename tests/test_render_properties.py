"""Whatever clean text an article holds, it costs nobody a feed: everything renders, and is read back."""

from __future__ import annotations

import html
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from checker import check_agreement, check_atom, check_json, check_page, check_rss
from checker.rules import ENTITY, MARKUP
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html
from render_samples import ALL_FORMATS, SITE, bodies

from feedbot.model import Article, Author, Entry, Feed, Image, Listing, Provider, Related
from feedbot.render import bears_mark, feed_url, render_index
from feedbot.render.escaping import escape, escape_value

# What reading promises: no controls, no surrogates, no noncharacters, spaces folded, entities decoded.
characters = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
snippets = st.sampled_from(
    ["&", "<", ">", "]]>", "a < b", "R&D", '"', "'", "{{ x }}", "{% end %}", "--", "\u2028"]
)
words = st.one_of(snippets, st.text(characters, max_size=12))


def is_clean(text: str) -> bool:
    return bool(text) and not (ENTITY.search(text) or MARKUP.search(text))


texts = st.lists(words, min_size=1, max_size=6).map(lambda parts: " ".join(" ".join(parts).split()))
clean = texts.filter(is_clean)
maybe = st.one_of(st.just(""), clean)
urls = clean.map(lambda text: "https://site.example/" + quote(text, safe="/?&=#:"))
maybe_url = st.one_of(st.just(""), urls)
moments = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 (hypothesis wants naive bounds beside `timezones`)
    max_value=datetime(2999, 12, 31),  # noqa: DTZ001 (as above)
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(microsecond=0))
sizes = st.one_of(st.none(), st.integers(1, 10_000))

articles = st.builds(
    lambda published, later, **fields: Article(published=published, updated=published + later, **fields),
    published=moments,
    later=st.timedeltas(timedelta(0), timedelta(days=999)).map(lambda span: timedelta(seconds=span.days)),
    title=clean,
    summary=maybe,
    content=st.one_of(st.just(""), clean.map(lambda text: f"<p>{html.escape(text)}</p>")),
    link=maybe_url,
    via=maybe_url,
    category=maybe,
    language=st.one_of(st.just("de"), maybe),
    topics=st.lists(clean, max_size=4).map(tuple),
    provider=st.builds(
        Provider, name=maybe, domain=st.one_of(st.just("labs.example"), maybe), image=maybe_url
    ),
    authors=st.lists(st.builds(Author, name=maybe, url=maybe_url, avatar=maybe_url), max_size=3).map(tuple),
    images=st.lists(st.builds(Image, url=urls, width=sizes, height=sizes, title=maybe), max_size=3).map(
        tuple
    ),
    related=st.lists(
        st.builds(Related, title=clean, url=urls, provider=maybe, published=st.one_of(st.none(), moments)),
        max_size=3,
    ).map(tuple),
)


def as_entries(found: list[Article]) -> tuple[Entry, ...]:
    """Entries in the order of a feed."""
    newest_first = sorted(found, key=lambda article: -article.published.timestamp())
    return tuple(Entry(id=f"{SITE.id_base}{n}.md", article=article) for n, article in enumerate(newest_first))


entries = st.lists(articles, max_size=3).map(as_entries)
feeds = st.builds(
    Feed,
    slug=st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8),
    title=clean,
    description=maybe,
    updated=moments,
)


@settings(deadline=None, max_examples=150)
@given(texts)
def test_a_text_is_escaped_as_the_library_does_it(text: str) -> None:
    assert escape(text) == html.escape(text, quote=False)
    assert escape_value(text, single="&#x27;") == html.escape(text)


@given(entries=entries, feed=feeds, full=st.booleans(), cap=st.integers(0, 400))
def test_documents_of_any_articles_keep_the_rules(
    entries: tuple[Entry, ...], feed: Feed, full: bool, cap: int
) -> None:
    documents = bodies(entries, feed=feed, full=full, cap=cap)
    rss, atom, json_ = (feed_url(SITE, feed, format_) for format_ in ALL_FORMATS)
    assert check_rss(documents["rss.xml"], rss, hub=SITE.hub) == []
    assert check_atom(documents["atom.xml"], atom, hub=SITE.hub) == []
    assert check_json(documents["feed.json"], json_, hub=SITE.hub) == []
    assert check_agreement(documents["rss.xml"], documents["atom.xml"], documents["feed.json"]) == []
    assert check_page(documents["index.html"]) == []
    assert all(bears_mark(body) for body in documents.values())


@settings(deadline=None)
@given(entries=entries)
def test_text_comes_back_as_it_went_in(entries: tuple[Entry, ...]) -> None:
    documents = bodies(entries)
    channel = etree.fromstring(documents["rss.xml"])[0]
    titles = [entry.article.title for entry in entries]
    assert [title.text for title in channel.findall("item/title")] == titles
    assert [item["title"] for item in json.loads(documents["feed.json"])["items"]] == titles
    for line in documents["feed.json"].decode().split("\n")[1:-2]:  # an item each, spaced as json.dumps does
        assert json.dumps(json.loads(line.removesuffix(",")), ensure_ascii=False) == line.removesuffix(",")
    page = lxml_html.document_fromstring(documents["index.html"].decode())
    assert [heading.text_content() for heading in page.iter("h2")] == titles


@settings(deadline=None)
@given(entries=entries)
def test_a_page_shows_every_text_and_address_as_it_is(entries: tuple[Entry, ...]) -> None:
    page = lxml_html.document_fromstring(bodies(entries)["index.html"].decode())
    for entry, shown in zip(entries, page.iter("article"), strict=True):
        article = entry.article
        links = [article.link, *(author.url for author in article.authors if author.name)]
        links += [*(story.url for story in article.related), article.via]
        assert shown.xpath(".//a/@href") == [link for link in links if link]
        assert shown.xpath("img/@src | img/@alt") == [
            text for image in article.images[:1] for text in (image.url, image.title)
        ]
        words = [article.title, article.summary, *article.topics, article.provider.domain]
        words += [author.name for author in article.authors]
        words += [text for story in article.related for text in (story.title, story.provider)]
        text = shown.text_content()
        assert all(word in text for word in words)


@settings(deadline=None)
@given(entries=entries, full=st.booleans())
def test_entries_are_written_as_lxml_writes_them(entries: tuple[Entry, ...], full: bool) -> None:
    parser = etree.XMLParser(remove_blank_text=True, strip_cdata=False)
    documents = bodies(entries, full=full)
    for body in (documents["rss.xml"], documents["atom.xml"]):
        root = etree.fromstring(body, parser)
        assert etree.tostring(root, pretty_print=True, encoding="UTF-8", xml_declaration=True) == body


@settings(deadline=None)
@given(feeds=st.lists(feeds, min_size=1, max_size=4, unique_by=lambda feed: feed.slug))
def test_the_index_lists_any_feeds_in_their_order(feeds: list[Feed]) -> None:
    listings = [Listing(feed=feed, articles=n, newest=feed.updated) for n, feed in enumerate(feeds)]
    documents = {each.path: each.body for each in render_index(SITE, listings, formats=ALL_FORMATS)}
    outlines = etree.fromstring(documents["feeds.opml"]).findall("body/outline")
    assert [outline.get("text") for outline in outlines] == [feed.title for feed in feeds]
    root = lxml_html.document_fromstring(documents["index.html"].decode())
    assert check_page(documents["index.html"]) == []
    assert root.xpath("string(//h2[@id='all'])") == feeds[0].title
    assert [heading.text_content() for heading in root.iter("h3")] == [feed.title for feed in feeds[1:]]


@settings(deadline=None)
@given(
    st.one_of(st.binary(max_size=200), texts.map(str.encode)),
    st.sampled_from([b"", b"{", b"<?xml version='1.0'?>", b"<!doctype html>"]),
)
def test_foreign_bytes_never_bear_the_mark(body: bytes, start: bytes) -> None:
    assert not bears_mark(start + body)
