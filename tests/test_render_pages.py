"""The pages for people and the list for readers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from checker import check_opml, check_page
from lxml import etree
from lxml import html as lxml_html
from render_samples import (
    ALL_FORMATS,
    BARE_SITE,
    EMPTY,
    ENTRIES,
    ROOT,
    SITE,
    TOPIC,
    UNICODE,
    article,
    bodies,
)

from feedbot.model import Entry, Feed, Format, Image, Listing, Provider, Site
from feedbot.render import render_index

NEWEST = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
LISTINGS = (
    Listing(feed=ROOT, articles=1234, newest=NEWEST),
    Listing(feed=TOPIC, articles=1, newest=NEWEST),
    Listing(feed=UNICODE, articles=0),
)


def page(*entries: Entry, feed: Feed = TOPIC, site: Site = SITE) -> etree._Element:
    body = bodies(entries, feed=feed, site=site)["index.html"]
    assert check_page(body) == []
    return lxml_html.document_fromstring(body.decode())


def index(*listings: Listing, site: Site = SITE, formats: tuple[Format, ...] = ALL_FORMATS) -> etree._Element:
    body = render_index(site, listings or LISTINGS, formats=formats)[0].body
    assert check_page(body) == []
    return lxml_html.document_fromstring(body.decode())


def opml(*listings: Listing, formats: tuple[Format, ...] = ALL_FORMATS) -> list[dict[str, str]]:
    body = render_index(SITE, listings or LISTINGS, formats=formats)[1].body
    assert check_opml(body) == []
    return [dict(outline.attrib) for outline in etree.fromstring(body).findall("body/outline")]


def links(root: etree._Element) -> list[tuple[str, str]]:
    return [(link.text_content(), link.get("href")) for link in root.iter("a")]


def text(root: etree._Element) -> str:
    return " ".join(root.find("body").text_content().split())


# ---- the page of a feed ----


def test_a_page_shows_each_article_with_title_date_source_and_excerpt() -> None:
    root = page(*ENTRIES)
    first = root.find(".//article")
    assert links(first) == [(ENTRIES[0].article.title, ENTRIES[0].article.link)]
    assert first.find(".//time").get("datetime") == "2026-03-01T09:30:00+00:00"
    shown = " ".join(first.text_content().split())
    assert "2026-03-01 09:30 UTC · Example Labs" in shown
    assert ENTRIES[0].article.summary in shown
    assert len(root.findall(".//article")) == 3


def test_an_article_without_a_link_is_a_plain_heading() -> None:
    heading = page(article(link="", title="No link")).find(".//article//h2")
    assert (heading.text, len(heading)) == ("No link", 0)


def test_a_picture_is_described_and_loads_only_when_it_is_seen() -> None:
    image = page(
        article(images=(Image(url="https://img.example/1", width=40, height=30, title="A map"),))
    ).find(".//article/img")
    assert dict(image.attrib) == {
        "src": "https://img.example/1",
        "alt": "A map",
        "loading": "lazy",
        "decoding": "async",
        "width": "40",
        "height": "30",
    }


def test_text_in_any_direction_and_language_is_marked_as_such() -> None:
    root = page(article(title="خبر", language="ar"))
    assert root.find(".//article").get("lang") == "ar"
    assert root.find(".//article//h2").get("dir") == "auto"
    assert root.get("lang") == "en"


def test_markup_in_text_is_shown_and_not_obeyed() -> None:
    root = page(article(title="<script>x()</script> {{ 7*7 }}", provider=Provider(name="<b>")))
    assert "<script>x()</script> {{ 7*7 }}" in text(root)
    assert "· <b>" in text(root)


def test_a_page_leads_to_its_documents_and_to_the_index_wherever_it_lies() -> None:
    found = links(page(*ENTRIES, feed=UNICODE))
    assert found[:4] == [
        ("Example Newsroom", "../index.html"),
        ("RSS", "rss.xml"),
        ("Atom", "atom.xml"),
        ("JSON Feed", "feed.json"),
    ]


def test_readers_find_the_documents_of_a_page_by_titles_of_their_own() -> None:
    found = [
        (link.get("type"), link.get("href"), link.get("title"))
        for link in page(feed=TOPIC).iter("link")
        if link.get("rel") == "alternate"
    ]
    assert found == [
        ("application/rss+xml", "rss.xml", "C++ & C# – Example Newsroom (RSS)"),
        ("application/atom+xml", "atom.xml", "C++ & C# – Example Newsroom (Atom)"),
        ("application/feed+json", "feed.json", "C++ & C# – Example Newsroom (JSON Feed)"),
    ]


def test_the_page_of_an_empty_feed_says_so() -> None:
    assert "No articles at the moment." in text(page(feed=EMPTY))


def test_a_bare_site_has_pages_too() -> None:
    root = page(article(), site=BARE_SITE)
    assert root.get("lang") == "en"
    assert not [link for link in root.iter("link") if link.get("rel") == "icon"]


# ---- the index ----


def test_the_index_lists_all_feeds_with_counts_and_documents() -> None:
    root = index()
    shown = text(root)
    assert "1234 articles, newest 2026-03-01 09:30 UTC" in shown
    assert "C++ & C# Languages that begin with <C> 1 article, newest" in shown
    assert "Künstliche Intelligenz 🤖 0 articles RSS" in shown
    assert ("C++ & C#", "c-2/index.html") in links(root)
    assert ("Atom", "k%C3%BCnstliche-intelligenz/atom.xml") in links(root)
    assert ("Example Newsroom", SITE.url) in links(root)


def test_the_index_offers_only_the_formats_there_are() -> None:
    root = index(formats=(Format.JSON,))
    assert [name for name, _ in links(root)].count("JSON Feed") == len(LISTINGS)
    assert "RSS" not in text(root)


def test_links_of_one_name_are_told_apart_by_those_who_hear_them() -> None:
    labels = [link.get("aria-label") for link in index().iter("a") if link.get("aria-label")]
    assert len(labels) == len(set(labels)) == len(LISTINGS) * len(ALL_FORMATS)


def test_readers_find_the_feed_of_all_articles_on_the_index() -> None:
    found = [link.get("title") for link in index().iter("link") if link.get("rel") == "alternate"]
    assert found == [f"All articles – Example Newsroom ({name})" for name in ("RSS", "Atom", "JSON Feed")]
    same = replace(ROOT, title=SITE.title)
    titles = [link.get("title") for link in index(Listing(feed=same, articles=1)).iter("link")]
    assert "Example Newsroom (RSS)" in titles


# ---- OPML ----


def test_readers_can_import_all_feeds_at_once() -> None:
    first, second, third = opml()
    assert first == {
        "type": "rss",
        "text": "All articles",
        "title": "All articles",
        "description": "What happens in the world of examples",
        "xmlUrl": "https://feeds.example.com/rss.xml",
        "htmlUrl": "https://news.example.com/",
    }
    assert second["xmlUrl"] == "https://feeds.example.com/c-2/rss.xml"
    assert third["htmlUrl"] == "https://feeds.example.com/k%C3%BCnstliche-intelligenz/index.html"


def test_the_list_names_rss_or_else_the_first_format() -> None:
    assert opml(formats=(Format.JSON, Format.RSS))[0]["xmlUrl"].endswith("/rss.xml")
    assert opml(formats=(Format.JSON, Format.ATOM))[0]["xmlUrl"].endswith("/feed.json")
