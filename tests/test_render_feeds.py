"""What readers find in the three documents of a feed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from checker import check_agreement, check_atom, check_json, check_rss
from lxml import etree
from msgspec import structs
from msgspec.structs import replace
from render_samples import (
    ALL_FORMATS,
    BARE_SITE,
    EMPTY,
    ENTRIES,
    PLAIN,
    RICH,
    ROOT,
    SITE,
    TOPIC,
    UNICODE,
    VIDEO,
    article,
    bodies,
    render,
)

from feedbot.model import Author, Entry, Feed, Format, Image, Provider, Related, Site
from feedbot.render import feed_url, page_url, too_large

NAMES = {
    "a": "http://www.w3.org/2005/Atom",
    "c": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
}


def rss(documents: dict[str, bytes], path: str) -> list[str]:
    """What the elements or attributes at `path` of the RSS document say."""
    return said(documents["rss.xml"], path)


def atom(documents: dict[str, bytes], path: str) -> list[str]:
    return said(documents["atom.xml"], path)


def said(body: bytes, path: str) -> list[str]:
    found = etree.fromstring(body).xpath(path, namespaces=NAMES)
    return [each if isinstance(each, str) else each.text for each in found]


def item(documents: dict[str, bytes]) -> dict[str, Any]:
    """The first item of the JSON document."""
    first: dict[str, Any] = json.loads(documents["feed.json"])["items"][0]
    return first


# ---- which documents, and where ----


def test_a_feed_has_a_document_for_each_format_and_a_page() -> None:
    documents = render(ENTRIES, feed=TOPIC)
    assert [each.path for each in documents] == [
        "c-2/rss.xml",
        "c-2/atom.xml",
        "c-2/feed.json",
        "c-2/index.html",
    ]


def test_the_feed_of_all_articles_lies_at_the_root_and_leaves_the_page_to_the_index() -> None:
    documents = render(ENTRIES, feed=ROOT, formats=(Format.ATOM,))
    assert [each.path for each in documents] == ["atom.xml"]


def test_addresses_are_percent_encoded() -> None:
    assert feed_url(SITE, UNICODE, Format.JSON) == (
        "https://feeds.example.com/k%C3%BCnstliche-intelligenz/feed.json"
    )
    assert page_url(SITE, UNICODE) == "https://feeds.example.com/k%C3%BCnstliche-intelligenz/index.html"
    assert feed_url(SITE, ROOT, Format.RSS) == "https://feeds.example.com/rss.xml"


def test_each_document_says_where_it_is_published() -> None:
    documents = bodies(ENTRIES, feed=UNICODE)
    folder = "https://feeds.example.com/k%C3%BCnstliche-intelligenz/"
    assert rss(documents, "//a:link[@rel='self']/@href") == [folder + "rss.xml"]
    assert atom(documents, "/a:feed/a:link[@rel='self']/@href") == [folder + "atom.xml"]
    assert json.loads(documents["feed.json"])["feed_url"] == folder + "feed.json"


def test_the_id_of_a_feed_follows_its_slug_and_not_its_title_or_address() -> None:
    moved = replace(SITE, feeds_url="https://elsewhere.example/f/")
    for site in (SITE, moved):
        for title in ("One", "Two"):
            documents = bodies(ENTRIES, site=site, feed=replace(UNICODE, title=title))
            assert atom(documents, "/a:feed/a:id") == [
                "tag:news.example.com,2026:feeds/k%C3%BCnstliche-intelligenz"
            ]
    assert atom(bodies((), feed=ROOT), "/a:feed/a:id") == ["tag:news.example.com,2026:feeds"]


def test_a_feed_leads_people_to_its_page_or_to_its_home() -> None:
    assert rss(bodies(ENTRIES, feed=TOPIC), "/rss/channel/link") == [
        "https://feeds.example.com/c-2/index.html"
    ]
    home = replace(TOPIC, home="https://news.example.com/c")
    assert rss(bodies(ENTRIES, feed=home), "/rss/channel/link") == ["https://news.example.com/c"]
    assert atom(bodies(ENTRIES, feed=home), "/a:feed/a:link[@rel='alternate']/@href") == [
        "https://news.example.com/c"
    ]


def test_a_hub_is_announced_in_every_format_and_only_if_there_is_one() -> None:
    documents = bodies(ENTRIES)
    assert rss(documents, "/rss/channel/a:link[@rel='hub']/@href") == [SITE.hub]
    assert atom(documents, "/a:feed/a:link[@rel='hub']/@href") == [SITE.hub]
    assert json.loads(documents["feed.json"])["hubs"] == [{"type": "WebSub", "url": SITE.hub}]
    assert not any(b"hub" in body for body in bodies((), site=BARE_SITE).values())


@pytest.mark.parametrize("site", [SITE, BARE_SITE], ids=["whole site", "bare site"])
@pytest.mark.parametrize("feed", [ROOT, TOPIC, UNICODE, EMPTY], ids=lambda feed: feed.slug or "root")
@pytest.mark.parametrize("entries", [(), (PLAIN,), ENTRIES], ids=len)
@pytest.mark.parametrize("full", [True, False], ids=["full", "excerpt"])
def test_whatever_is_shown_the_documents_keep_the_rules(
    site: Site, feed: Feed, entries: tuple[Entry, ...], full: bool
) -> None:
    documents = bodies(entries, site=site, feed=feed, full=full)
    urls = [feed_url(site, feed, format_) for format_ in ALL_FORMATS]
    three = [documents[name] for name in ("rss.xml", "atom.xml", "feed.json")]
    assert check_rss(three[0], urls[0], hub=site.hub) == []
    assert check_atom(three[1], urls[1], hub=site.hub) == []
    assert check_json(three[2], urls[2], hub=site.hub) == []
    assert check_agreement(*three) == []


# ---- dates ----


def test_a_feed_changed_when_the_latest_of_its_articles_did() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 5, 5, 5, 5, tzinfo=UTC)
    entries = (article(published=early + timedelta(1), updated=early + timedelta(1)), article(updated=late))
    documents = bodies(entries, feed=replace(TOPIC, updated=late + timedelta(9)))
    assert atom(documents, "/a:feed/a:updated") == ["2026-05-05T05:05:05+00:00"]
    assert rss(documents, "//lastBuildDate") == ["Tue, 05 May 2026 05:05:05 +0000"]


def test_an_empty_feed_keeps_the_date_it_is_given() -> None:
    documents = bodies((), feed=EMPTY)
    assert atom(documents, "/a:feed/a:updated") == ["2026-01-02T03:04:05+00:00"]
    assert rss(documents, "//lastBuildDate") == ["Fri, 02 Jan 2026 03:04:05 +0000"]
    assert json.loads(documents["feed.json"])["items"] == []


# ---- text ----


def test_a_whole_article_has_its_content_beside_the_excerpt() -> None:
    documents = bodies((article(summary="a < b", content="<p>a &lt; b</p>"),))
    assert rss(documents, "//item/description") == ["a &lt; b"]  # it is HTML
    assert rss(documents, "//item/c:encoded") == ["<p>a &lt; b</p>"]
    assert atom(documents, "//a:summary") == ["a < b"]
    assert atom(documents, "//a:content[@type='html']") == ["<p>a &lt; b</p>"]
    assert (item(documents)["summary"], item(documents)["content_html"]) == ("a < b", "<p>a &lt; b</p>")


def test_an_excerpt_feed_has_no_content() -> None:
    documents = bodies((article(),), full=False)
    assert rss(documents, "//item/description") == ["An excerpt"]
    assert rss(documents, "//c:encoded") == atom(documents, "//a:content") == []
    assert item(documents)["content_text"] == "An excerpt"
    assert "content_html" not in item(documents)


def test_an_article_beyond_the_cap_is_shown_by_its_excerpt_and_the_others_are_whole() -> None:
    long = article(content="<p>" + "x" * 100 + "</p>")
    documents = bodies((long, article()), cap=100)
    assert rss(documents, "//c:encoded") == ["<p>A body</p>"]
    assert item(documents)["content_text"] == "An excerpt"


@pytest.mark.parametrize(("letter", "bytes_each"), [("x", 1), ("ü", 2), ("語", 3), ("🤖", 4)])
def test_the_cap_counts_bytes(letter: str, bytes_each: int) -> None:
    entry = article(content=letter * 50)
    assert not too_large(entry.article, 50 * bytes_each)
    assert too_large(entry.article, 50 * bytes_each - 1)


def test_the_cap_counts_related_coverage_too() -> None:
    entry = article(related=(Related(title="Other", url="https://other.example/"),))
    assert too_large(entry.article, len("<p>A body</p>") + 10)


def test_an_article_without_an_excerpt_describes_itself_by_its_content() -> None:
    documents = bodies((article(summary=""),))
    assert rss(documents, "//item/description") == ["<p>A body</p>"]
    assert atom(documents, "//a:summary") == []
    assert "summary" not in item(documents)


def test_an_article_that_is_only_a_title_is_a_valid_item() -> None:
    documents = bodies((article(title="R&D < all", summary="", content="", link=""),))
    assert rss(documents, "//item/description") == ["R&amp;D &lt; all"]
    assert rss(documents, "//item/link") == []
    assert atom(documents, "//a:content[@type='text']") == ["R&D < all"]
    assert item(documents)["content_text"] == "R&D < all"


def test_the_end_of_a_cdata_section_in_the_content_ends_nothing() -> None:
    html = '<p title="]]>">]]&gt; &amp; ]]></p>'
    assert rss(bodies((article(content=html),)), "//item/c:encoded") == [html]
    assert rss(bodies((article(content=html, summary=""),)), "//item/description") == [html]


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\ufffe", "\uffff", "\ud800"])
def test_what_xml_cannot_hold_is_never_written(character: str) -> None:
    for format_ in (Format.RSS, Format.ATOM):
        with pytest.raises(ValueError, match=r"control characters|surrogates not allowed"):
            render((article(title=f"a{character}b"),), formats=(format_,))


def test_what_means_something_to_xml_is_only_text_wherever_it_stands() -> None:
    odd = 'R&D <b>"x"</b>'
    ada = Author(name=odd, url="https://ada.example/?a=1&b=2")
    entry = replace(article(title=odd, topics=(odd,), authors=(ada,), link=ada.url, via=ada.url), id=odd)
    documents = bodies((entry,))
    for path in ("title", "guid", "category", "dc:creator"):
        assert rss(documents, f"//item/{path}") == [odd], path
    for path in ("a:title", "a:id", "a:category/@term", "a:author/a:name"):
        assert atom(documents, f"//a:entry/{path}") == [odd], path
    assert rss(documents, "//item/link") == atom(documents, "//a:entry/a:author/a:uri") == [ada.url]
    assert atom(documents, "//a:entry/a:link/@href") == [ada.url] * 2


def test_a_picture_leads_the_content_that_has_none() -> None:
    pictures = (Image(url="https://img.example/?a=1&b=2", width=3, title='"A"'),)
    with_picture = item(bodies((article(images=pictures),)))["content_html"]
    assert with_picture == (
        '<p><img src="https://img.example/?a=1&amp;b=2" alt="&quot;A&quot;" width="3"></p>\n<p>A body</p>'
    )
    high = item(bodies((article(images=(Image(url="https://img.example/b", height=4),)),)))["content_html"]
    assert high == '<p><img src="https://img.example/b" alt="" height="4"></p>\n<p>A body</p>'
    own = '<p><img src="https://img.example/own.png" alt=""></p>'
    assert item(bodies((article(images=pictures, content=own),)))["content_html"] == own


def test_related_coverage_ends_the_content() -> None:
    story = Related(title="Same & more", url="https://o.example/?a=1&b=2", provider="P & Q")
    html = item(bodies((article(related=(story,)),)))["content_html"]
    assert html == (
        "<p>A body</p>\n<h2>Related coverage</h2>\n<ul>\n"
        '<li><a href="https://o.example/?a=1&amp;b=2">Same &amp; more</a> (P &amp; Q)</li>\n</ul>'
    )


def test_related_coverage_without_a_body_stands_below_the_excerpt() -> None:
    story = Related(title="Same", url="https://o.example/")
    html = item(bodies((article(content="", summary="a < b", related=(story,)),)))["content_html"]
    assert html.startswith("<p>a &lt; b</p>\n<h2>Related coverage</h2>")


def test_related_coverage_is_data_in_the_json_feed_even_when_only_the_excerpt_is_shown() -> None:
    related = item(bodies((RICH,), full=False))["_feedbot"]["related"]
    assert related == [
        {
            "title": "The same story & more",
            "url": "https://other.example/?a=1&b=2",
            "provider": "Other <Press>",
            "date": "2026-03-01T12:00:00+00:00",
        },
        {"title": "Yet another", "url": "https://third.example/story"},
    ]


def test_popularity_never_reaches_a_document() -> None:
    hot = replace(
        RICH, article=structs.replace(RICH.article, heat=99, quality=1, amp_link="https://amp.example/2")
    )
    assert bodies((hot, VIDEO)) == bodies((RICH, VIDEO))


# ---- links, tags, people, pictures ----


def test_the_first_place_of_a_story_is_named_beside_its_link() -> None:
    documents = bodies((RICH,))
    entry = "/a:feed/a:entry/a:link"
    assert atom(documents, f"{entry}[@rel='alternate']/@href") == [RICH.article.link]
    assert atom(documents, f"{entry}[@rel='via']/@href") == [RICH.article.via]
    assert atom(documents, f"{entry}[not(@rel)]") == []
    assert item(documents)["external_url"] == RICH.article.via
    assert rss(documents, "//item/link") == [RICH.article.link]


def test_an_id_is_the_same_in_the_three_formats_and_no_permanent_link() -> None:
    documents = bodies((RICH,))
    assert rss(documents, "//guid[@isPermaLink='false']") == [RICH.id]
    assert atom(documents, "//a:entry/a:id") == [RICH.id]
    assert item(documents)["id"] == RICH.id


def test_topics_and_category_are_tags_each_once() -> None:
    documents = bodies((article(topics=("AI", "News", "C++"), category="news"),))
    assert rss(documents, "//item/category") == ["AI", "News", "C++"]
    assert atom(documents, "//a:category/@term") == ["AI", "News", "C++"]
    assert item(documents)["tags"] == ["AI", "News", "C++"]
    assert rss(bodies((article(category="news"),)), "//item/category") == ["news"]


@pytest.mark.parametrize(
    ("fields", "authors"),
    [
        (
            {"authors": (Author(name="Ada", url="https://a.example/"), Author(name="Bob"))},
            [{"name": "Ada", "url": "https://a.example/"}, {"name": "Bob"}],
        ),
        (
            {"provider": Provider(name="Labs", domain="labs.example", image="https://labs.example/i.png")},
            [{"name": "Labs", "url": "https://labs.example/", "avatar": "https://labs.example/i.png"}],
        ),
        (
            {"provider": Provider(domain="labs.example")},
            [{"name": "labs.example", "url": "https://labs.example/"}],
        ),
        ({"provider": Provider(name="Labs", domain="not a host")}, [{"name": "Labs"}]),
        (
            {"authors": (Author(name=""),)},
            [{"name": "The editors", "url": "https://news.example.com/about"}],
        ),
        ({}, [{"name": "The editors", "url": "https://news.example.com/about"}]),
    ],
)
def test_authors_are_people_else_the_publication_else_the_site(
    fields: dict[str, Any], authors: list[dict[str, str]]
) -> None:
    documents = bodies((article(**fields),))
    names = [author["name"] for author in authors]
    assert item(documents)["authors"] == authors
    assert atom(documents, "//a:entry/a:author/a:name") == names
    assert rss(documents, "//item/dc:creator") == names


def test_a_site_without_an_author_signs_with_its_title() -> None:
    documents = bodies((article(),), site=BARE_SITE)
    assert atom(documents, "/a:feed/a:author/a:name") == ["Bare"]
    assert item(documents)["authors"] == [{"name": "Bare"}]


def test_pictures_are_given_as_content_and_thumbnail_each_once() -> None:
    one, two = Image(url="https://img.example/1", width=10), Image(url="https://img.example/2")
    documents = bodies((article(images=(one, two, one)),))
    for name in ("rss.xml", "atom.xml"):
        media = {"m": "http://search.yahoo.com/mrss/"}
        root = etree.fromstring(documents[name])
        assert root.xpath("//m:content/@url", namespaces=media) == [one.url, two.url]
        assert root.xpath("//m:thumbnail/@url", namespaces=media) == [one.url]
        assert root.xpath("//m:content/@width", namespaces=media) == ["10"]
    assert item(documents)["image"] == one.url


def test_the_language_of_an_article_is_given_where_it_is_not_the_site_s() -> None:
    lang = "//a:entry/@xml:lang"
    assert atom(bodies((article(language="de"),)), lang) == ["de"]
    assert item(bodies((article(language="de"),)))["language"] == "de"
    for language in ("", "EN", "not a language", "english, mostly"):
        assert atom(bodies((article(language=language),)), lang) == []
    assert atom(bodies((article(language="pt-br"),), site=replace(SITE, language="pt-BR")), lang) == []


def test_a_feed_without_a_description_gets_a_sentence() -> None:
    feed = Feed(slug="x", title="Maps")
    assert rss(bodies((), feed=feed), "/rss/channel/description") == ["Maps: articles from Example Newsroom"]
    assert rss(bodies((), site=BARE_SITE, feed=ROOT), "/rss/channel/description") == [
        "All articles from Bare"
    ]
    assert rss(bodies((), feed=TOPIC), "/rss/channel/description") == [TOPIC.description]


def test_a_feed_is_shown_with_the_logo_of_the_site_or_else_its_icon() -> None:
    shown = "/rss/channel/image/url"
    assert rss(bodies(()), shown) == [SITE.logo]
    assert rss(bodies((), site=replace(SITE, icon="")), shown) == [SITE.logo]
    assert rss(bodies((), site=replace(SITE, logo="")), shown) == [SITE.icon]
    assert rss(bodies((), site=BARE_SITE), shown) == []


def test_every_document_names_its_generator_without_a_version() -> None:
    documents = bodies(ENTRIES)
    assert rss(documents, "//generator") == ["feedbot"]
    assert atom(documents, "//a:generator") == ["feedbot"]
    assert atom(documents, "//a:generator/@*") == []
