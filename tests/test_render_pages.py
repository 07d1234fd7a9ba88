"""The pages for people and the lists for readers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from checker import check_opml, check_page
from checker.pages import POLICIES
from lxml import etree
from lxml import html as lxml_html
from msgspec.structs import replace
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
    render,
)

from feedbot.model import Author, Entry, Feed, Format, Image, Listing, Provider, Related, Site
from feedbot.render import bears_mark, render_index
from feedbot.render.alphabet import direction
from feedbot.render.pages import PLENTY

NEWEST = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
LISTINGS = (
    Listing(feed=ROOT, articles=1234, newest=NEWEST, weeks=(0, 0, 3, 12)),
    Listing(feed=TOPIC, articles=1, newest=NEWEST, weeks=(0, 1, 0, 0)),
    Listing(feed=UNICODE, articles=0, weeks=(0, 0, 0, 0)),
)


def page(*entries: Entry, feed: Feed = TOPIC, site: Site = SITE, pictures: bool = True) -> etree._Element:
    return parsed(render(entries, feed=feed, site=site, pictures=pictures)[-1].body)


def index(
    *listings: Listing,
    site: Site = SITE,
    formats: tuple[Format, ...] = ALL_FORMATS,
    pages: bool = True,
    pictures: bool = True,
) -> etree._Element:
    documents = render_index(site, listings or LISTINGS, formats=formats, pages=pages, pictures=pictures)
    return parsed(next(each.body for each in documents if each.path == "index.html"))


def parsed(body: bytes) -> etree._Element:
    assert check_page(body) == []
    return lxml_html.document_fromstring(body.decode())


def opml(
    *listings: Listing, name: str = "feeds", formats: tuple[Format, ...] = ALL_FORMATS
) -> list[dict[str, str]]:
    documents = {each.path: each.body for each in render_index(SITE, listings or LISTINGS, formats=formats)}
    body = documents[f"{name}.opml"]
    assert check_opml(body) == []
    return [dict(outline.attrib) for outline in etree.fromstring(body).findall("body/outline")]


def links(root: etree._Element) -> list[tuple[str, str]]:
    return [(link.text_content(), link.get("href")) for link in root.iter("a")]


def text(root: etree._Element) -> str:
    """What an element says; the body of a page, or the element itself."""
    body = root.find("body")
    return " ".join((root if body is None else body).text_content().split())


def facts(root: etree._Element) -> list[str]:
    return [text(each) for each in root.xpath(".//p[@class='facts']")]


def test_no_text_of_an_article_is_taken_for_markup() -> None:
    text = """</main><script>alert(1)</script> &lt;b&gt; &amp;amp; " onclick='alert(1)'"""
    address = f"https://a.example/?{text}"
    story = Related(title=text, url=address, provider=text)
    entry = article(
        title=text,
        link=address,
        via=address,
        summary=text,
        topics=(text,),
        provider=Provider(name=text, domain=text + "."),
        authors=(Author(name=text, url=address),),
        images=(Image(url=address, title=text),),
        related=(story,),
    )
    root = lxml_html.document_fromstring(render((entry,))[-1].body.decode())
    (shown,) = root.xpath("//main/article")
    assert not shown.xpath(".//script | .//b | .//@onclick")
    assert shown.text_content().count(text) == 8  # title, summary, topic, name, domain, author, story, source
    assert shown.xpath(".//a/@href | img/@src") == [address] * 5
    assert shown.xpath("string(img/@alt)") == text


# ---- the page of a feed ----


def test_a_page_shows_each_article_with_source_authors_date_and_excerpt() -> None:
    root = page(*ENTRIES)
    first = root.find(".//article")
    assert links(first)[0] == (ENTRIES[0].article.title, ENTRIES[0].article.link)
    assert facts(first)[0] == (
        "Example Labs labs.example · by Äda O’Example, Bob & Co · 2026-03-01 09:30 UTC, updated 2026-03-02"
    )
    assert ("Äda O’Example", "https://labs.example/ada") in links(first)
    assert first.find(".//time").get("datetime") == "2026-03-01T09:30:00+00:00"
    assert ENTRIES[0].article.summary in text(first)
    assert [text(topic) for topic in first.xpath(".//ul[@class='topics']/li")] == [
        "C++",
        "C#",
        "Compilers",
        "News",
    ]
    assert len(root.findall(".//article")) == 3


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "2026-01-01 00:00 UTC"),
        ({"provider": Provider(domain="labs.example")}, "labs.example · 2026-01-01 00:00 UTC"),
        ({"provider": Provider(name="Labs")}, "Labs · 2026-01-01 00:00 UTC"),
        ({"provider": Provider(name="x.example", domain="x.example")}, "x.example · 2026-01-01 00:00 UTC"),
        ({"authors": (Author(name=""), Author(name="Bob"))}, "by Bob · 2026-01-01 00:00 UTC"),
        ({"authors": (Author(name="Ada"), Author(name=""))}, "by Ada · 2026-01-01 00:00 UTC"),
        (
            {"updated": datetime(2026, 1, 1, 23, tzinfo=UTC)},
            "2026-01-01 00:00 UTC",
        ),  # the same day
    ],
)
def test_what_is_not_known_of_an_article_leaves_no_gap(fields: dict[str, object], expected: str) -> None:
    assert facts(page(article(**fields)).find(".//article")) == [expected]


def test_other_coverage_and_the_first_appearance_can_be_followed() -> None:
    first = page(*ENTRIES).find(".//article")
    details = first.find(".//details")
    assert text(details.find("summary")) == "Related coverage (2)"
    assert [text(line) for line in details.iter("li")] == [
        "The same story & more · Other <Press> · 2026-03-01",
        "Yet another",
    ]
    assert links(details)[1] == ("Yet another", "https://third.example/story")
    assert links(first)[-1] == ("Where it first appeared", "https://labs.example/posts/1")


def test_an_article_without_a_link_is_a_plain_heading() -> None:
    heading = page(article(link="", title="No link")).find(".//article//h2")
    assert (heading.text, len(heading)) == ("No link", 0)


def test_a_link_that_leads_elsewhere_than_to_the_web_is_none() -> None:
    root = page(
        article(
            link="javascript:alert(1)",
            via="JavaScript:alert(2)",
            related=(Related(title="A story", url="data:text/html,x"),),
            authors=(Author(name="Bob", url="vbscript:x"),),
            images=(Image(url="javascript:x"), Image(url="https://img.example/2")),
        )
    )
    assert links(root.find(".//article")) == []
    assert "A story" in text(root.find(".//details"))
    assert [image.get("src") for image in root.iter("img")] == ["https://img.example/2"]


def test_a_picture_of_which_half_the_size_is_known_is_shown_without() -> None:
    for picture in (
        Image(url="https://img.example/1", width=40),
        Image(url="https://img.example/1", height=30),
    ):
        image = page(article(images=(picture,))).find(".//article/img")
        assert not {"width", "height"} & set(image.attrib)


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
    root = page(article(title="خبر", language="ar", related=(Related(title="x", url="https://x.example/"),)))
    assert root.find(".//article").get("lang") == "ar"
    assert root.find(".//article/div").get("dir") == "auto"
    ours = root.xpath("//article//*[@lang='en']")
    assert [text(each) for each in ours] == ["2026-01-01 00:00 UTC", "Related coverage (1)"]
    assert (root.get("lang"), root.get("dir")) == ("en", None)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("ar", "rtl"), ("ar-EG", "rtl"), ("he", "rtl"), ("fa", "rtl"), ("UR-pk", "rtl"), ("ckb", "rtl"),
        ("yi", "rtl"), ("uz-Arab", "rtl"), ("pa_Arab_PK", "rtl"),
        ("en", None), ("de-AT", None), ("arn", None), ("ks-Deva", None), ("az-Latn-IR", None), ("", None),
    ],
)  # fmt: skip
def test_a_page_runs_as_its_language_is_written(language: str, expected: str | None) -> None:
    for root in (
        page(article(), site=replace(SITE, language=language)),
        index(site=replace(SITE, language=language)),
    ):
        assert root.get("dir") == expected
        assert root.get("lang") == (language or "en")


def test_each_language_and_script_that_runs_to_the_left_is_known() -> None:
    for language in ("ar", "arc", "ckb", "dv", "fa", "he", "iw", "ks", "ps", "sd", "syr", "ug", "ur", "yi"):
        assert direction(language) == "rtl", language
    for script in ("Adlm", "Arab", "Aran", "Hebr", "Nkoo", "Rohg", "Syrc", "Thaa"):
        assert direction(f"ff-{script}") == "rtl", script


def test_our_own_words_are_marked_as_english_in_a_page_of_another_language() -> None:
    german = replace(SITE, language="de", author=None)
    for root in (index(site=german), page(site=german)):
        ours = [text(each) for each in root.xpath("//body//*[@lang='en']")]
        assert {"Feeds by feedbot"} < set(ours)
        assert not [each for each in ours if SITE.title in each]
    facts_of = "//article//p[@class='facts']/@lang"
    for site, own, marked in (("de", "", True), ("de", "EN-gb", False), ("", "", False), ("EN", "", False)):
        root = page(article(language=own), site=replace(SITE, language=site))
        assert root.xpath(facts_of) == ["en"] * marked, (site, own)


def test_markup_in_text_is_shown_and_not_obeyed() -> None:
    evil = """<script>x()</script> "' --> </title> {{ 7*7 }} </script>"""
    root = page(
        article(
            title=evil, provider=Provider(name="<b>"), images=(Image(url="https://i.example/", title=evil),)
        )
    )
    assert root.findtext(".//article//h2/a") == evil
    assert root.find(".//article/img").get("alt") == evil
    assert text(root).count("<b>") == 1
    feed = replace(TOPIC, title=evil, description=evil)
    assert page(feed=feed).findtext(".//h1/bdi") == evil
    listed = index(LISTINGS[0], Listing(feed=feed, articles=1))
    assert listed.findtext(".//h3/a") == evil
    assert len(list(listed.iter("script"))) == 1


def test_the_site_is_named_once_beside_the_name_of_a_feed() -> None:
    feed = replace(TOPIC, title=f"{TOPIC.title} – {SITE.title}", description="")  # as readers get it
    root = page(feed=feed)
    assert root.findtext(".//h1/bdi") == TOPIC.title
    assert root.findtext("head/title") == f"{TOPIC.title} – {SITE.title}"
    description = root.xpath("string(//meta[@name='description']/@content)")
    assert description == f"{TOPIC.title}: articles from {SITE.title}"
    root = index(Listing(feed=replace(ROOT, title=SITE.title), articles=1), Listing(feed=feed, articles=1))
    assert [root.xpath(f"string(//{tag})") for tag in ("h1", "h2", "h3")] == [
        SITE.title,
        "All articles",
        TOPIC.title,
    ]


def test_a_page_leads_to_its_documents_and_to_the_index_wherever_it_lies() -> None:
    root = page(*ENTRIES, feed=UNICODE)
    assert links(root)[1:5] == [
        ("Example Newsroom", "../index.html"),
        ("RSS", "rss.xml"),
        ("Atom", "atom.xml"),
        ("JSON Feed", "feed.json"),
    ]
    assert [each.text for each in root.xpath("//span[@class='address']")] == [
        f"https://feeds.example.com/k%C3%BCnstliche-intelligenz/{name}"
        for name in ("rss.xml", "atom.xml", "feed.json")
    ]
    canonical = root.xpath("string(//link[@rel='canonical']/@href)")
    assert canonical == "https://feeds.example.com/k%C3%BCnstliche-intelligenz/index.html"


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
    assert [image.tag for image in index(site=BARE_SITE).iter("img")] == []


# ---- pictures ----


def test_without_pictures_a_page_has_none_and_forbids_them() -> None:
    for root in (page(*ENTRIES, pictures=False), index(pictures=False)):
        assert list(root.iter("img")) == []
        assert not [link for link in root.iter("link") if link.get("rel") == "icon"]
        assert root.xpath("string(//meta[@http-equiv]/@content)") == POLICIES[1]


def test_the_index_shows_the_logo_or_else_the_icon() -> None:
    (logo,) = index().iter("img")
    assert (logo.get("src"), logo.get("alt")) == (SITE.logo, "")  # the name stands beside it
    (icon,) = index(site=replace(SITE, logo="")).iter("img")
    assert icon.get("src") == SITE.icon


# ---- the index ----


def test_the_index_lists_all_feeds_with_counts_and_documents() -> None:
    root = index()
    assert facts(root) == ["1234 articles, newest 2026-03-01", "1 article, newest 2026-03-01", "0 articles"]
    assert "Languages that begin with <C>" in text(root)
    assert "2 feeds to choose from" in text(root)
    assert ("C++ & C#", "c-2/index.html") in links(root)
    assert ("Atom", "k%C3%BCnstliche-intelligenz/atom.xml") in links(root)
    assert ("Example Newsroom", SITE.url) in links(root)
    assert root.xpath("//span[@class='address']")[1].text == "https://feeds.example.com/c-2/rss.xml"


def test_a_name_in_the_index_leads_to_the_feed_where_it_has_no_page() -> None:
    formats = (Format.JSON, Format.ATOM)
    assert ("C++ & C#", "c-2/feed.json") in links(index(formats=formats, pages=False))
    many = [LISTINGS[0], *([LISTINGS[1]] * (PLENTY + 1))]
    root = index(*many, formats=formats, pages=False)
    assert ("C++ & C#", "c-2/feed.json") in links(root)
    assert "where its feed lies, below https://feeds.example.com/." in text(root)


def test_the_index_of_a_site_without_topics_is_that_of_its_one_feed() -> None:
    root = index(LISTINGS[0])
    assert "to choose from" not in text(root)
    assert root.find(".//input") is None


def test_the_index_offers_only_the_formats_there_are() -> None:
    root = index(formats=(Format.JSON,))
    assert [name for name, _ in links(root)].count("JSON Feed") == len(LISTINGS)
    assert ("OPML with JSON Feed", "json.opml") in links(root)
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


def drawings(root: etree._Element) -> list[tuple[str, str]]:
    return [(svg.findtext("title") or "", svg.find("path").get("d")) for svg in root.iter("svg")]


def test_the_activity_of_a_feed_is_drawn_and_told() -> None:
    assert drawings(index()) == [
        ("Activity: 15 in 4 weeks, at most 12 in one", "M8 24V18M12 24V0"),
        ("Activity: 1 in 4 weeks, at most 1 in one", "M4 24V18"),  # one article is not a peak
        ("Activity: none in 4 weeks", ""),
    ]
    assert "over 4 weeks, the last of them that of 2026-03-01" in text(index())


def test_a_week_with_a_single_article_can_be_seen_beside_the_busiest() -> None:
    ((_, path),) = drawings(index(Listing(feed=ROOT, articles=1, newest=NEWEST, weeks=(1, 5000))))
    assert path == "M0 24V22M4 24V0"


def test_a_feed_of_which_no_weeks_are_known_has_no_drawing() -> None:
    root = index(Listing(feed=ROOT, articles=1, newest=NEWEST), Listing(feed=TOPIC, articles=1))
    assert drawings(root) == []
    assert "weeks" not in text(root)


# ---- an index of very many feeds ----


def crowd(names: list[str]) -> etree._Element:
    """The index of a site with these topics and as many others as it takes to be very many."""
    fillers = [f"zz {n:04}" for n in range(PLENTY + 1 - len(names))]
    feeds = [Feed(slug=f"topic-{n}", title=name) for n, name in enumerate([*names, *fillers])]
    return index(LISTINGS[0], *(Listing(feed=feed, articles=7, weeks=(1, 2)) for feed in feeds))


def test_very_many_feeds_are_a_list_of_names_under_their_letters() -> None:
    names = [
        "zebra",
        "Éclair",
        "apple",
        "Echo",
        "AI",
        "3D printing",
        ".NET",
        "ßharp",
        "Ωmega",
        "ألف",
        "東京",
        "京都",
        "!!!",
    ]
    root = crowd(names)
    groups = {
        text(section.find("h3")): [text(item) for item in section.iter("li")]
        for section in root.xpath("//section[@class='letter']")
    }
    fillers = groups.pop("Z")
    assert groups == {
        "#": ["!!! 7", "3D printing 7"],
        "A": ["AI 7", "apple 7"],
        "E": ["Echo 7", "Éclair 7"],
        "N": [".NET 7"],
        "S": ["ßharp 7"],
        "Ω": ["Ωmega 7"],
        "ا": ["ألف 7"],
        "漢": ["京都 7", "東京 7"],
    }
    assert fillers[0] == "zebra 7"
    jumps = [
        (name, root.xpath(f"string(//h3[@id='{href[1:]}'])")) for name, href in links(root) if href[:1] == "#"
    ]
    assert Counter(jumps[1:]) == Counter((name, name) for name in [*groups, "Z"])
    assert ("AI", "topic-4/index.html") in links(root)
    assert len(drawings(root)) == 1  # of all articles


def test_the_index_grows_by_few_bytes_with_each_of_very_many_feeds() -> None:
    sizes = []
    for number in (2000, 3000):
        feeds = [Feed(slug=f"topic-{n}", title=f"Topic {n}") for n in range(number)]
        listings = [LISTINGS[0], *(Listing(feed=feed, articles=7, weeks=(1, 2)) for feed in feeds)]
        documents = render_index(SITE, listings, formats=ALL_FORMATS)
        sizes.append(next(len(each.body) for each in documents if each.path == "index.html"))
    assert (sizes[1] - sizes[0]) / 1000 < 100


# ---- what pages load ----


def test_the_style_and_the_script_are_small_and_bear_the_mark() -> None:
    documents = {each.path: each.body for each in render_index(SITE, LISTINGS, formats=ALL_FORMATS)}
    for name in ("page.css", "page.js"):
        assert 1000 < len(documents[name]) < 10_000
        assert bears_mark(documents[name])
        assert b"http" not in documents[name].lower().replace(
            b"plain http", b""
        )  # it asks nobody for anything


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


def test_each_format_has_a_list_of_its_own() -> None:
    for name, filename in [("rss", "rss.xml"), ("atom", "atom.xml"), ("json", "feed.json")]:
        assert {outline["xmlUrl"].rpartition("/")[2] for outline in opml(name=name)} == {filename}
        assert [outline["text"] for outline in opml(name=name)] == [outline["text"] for outline in opml()]
    documents = {each.path for each in render_index(SITE, LISTINGS, formats=(Format.ATOM,))}
    assert {path for path in documents if path.endswith(".opml")} == {"feeds.opml", "atom.opml"}


def test_a_list_says_what_it_is_and_whose() -> None:
    def head(site: Site) -> dict[str, str]:
        body = next(
            each.body
            for each in render_index(site, LISTINGS, formats=ALL_FORMATS)
            if each.path == "feeds.opml"
        )
        return {element.tag: element.text for element in etree.fromstring(body).find("head")}

    assert head(SITE) == {
        "title": "Example Newsroom",
        "ownerName": "The editors",
        "ownerId": "https://news.example.com/about",
        "docs": "http://opml.org/spec2.opml",
    }
    assert head(BARE_SITE) == {"title": "Bare", "docs": "http://opml.org/spec2.opml"}


def test_an_article_that_comes_changes_no_list() -> None:
    later = [replace(listing, articles=99, newest=datetime(2027, 1, 1, tzinfo=UTC)) for listing in LISTINGS]
    assert opml(*later) == opml()


@pytest.mark.skipif(shutil.which("newsboat") is None, reason="newsboat absent")
def test_newsboat_imports_a_list(tmp_path: Path) -> None:
    documents = {each.path: each.body for each in render_index(SITE, LISTINGS, formats=ALL_FORMATS)}
    (tmp_path / "atom.opml").write_bytes(documents["atom.opml"])
    (tmp_path / "urls").touch()
    subprocess.run(
        ["newsboat", "-u", "urls", "-c", "cache.db", "-C", "/dev/null", "-i", "atom.opml"],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=30,
    )
    imported = (tmp_path / "urls").read_text(encoding="utf-8").split()
    assert imported == [outline["xmlUrl"] for outline in opml(name="atom")]
