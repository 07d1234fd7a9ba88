"""The checker catches what it is there for: each way to break a good document is found and named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from checker import (
    check_agreement,
    check_atom,
    check_folder,
    check_json,
    check_opml,
    check_page,
    check_rss,
)

PACKAGE = Path(__file__).parent.parent / "feedbot"
GOLDEN = Path(__file__).parent / "data" / "render" / "full"
FEEDS_URL = "https://feeds.example.com/"
HUB = "https://hub.example.com/"

MAIN = '<main id="main">'

# A document, what is replaced in it (all of it), by what, and what the checker says then.
BROKEN = [
    # XML
    ("rss.xml", "</channel>", "", "not well-formed"),
    ("rss.xml", "<?xml version='1.0' encoding='UTF-8'?>", "", "XML declaration"),
    ("rss.xml", "<?xml", "\ufeff<?xml", "XML declaration"),
    ("rss.xml", "A note", "A \x07 note", "not well-formed"),
    ("rss.xml", "A note", "A \x9f note", "control character"),
    ("atom.xml", "A note", "A &#13; note", "control character"),
    ("rss.xml", "<generator>feedbot</generator>", "<generator></generator>", "empty element generator"),
    ("rss.xml", 'xmlns:media="http://search.yahoo.com/mrss/"', 'xmlns:media="x:y"', "unknown namespace"),
    ("rss.xml", "rss", "feed", "the root is feed"),
    # RSS
    ("rss.xml", "<title>All articles</title>", "", "channel has no title"),
    ("rss.xml", "<description>What happens in the world of examples</description>", "", "no description"),
    ("rss.xml", "<docs>", "<docs>x</docs><docs>", "more than one docs"),
    ("rss.xml", "<docs>", "<UpdatePeriod>hourly</UpdatePeriod><docs>", "UpdatePeriod has no place here"),
    ("rss.xml", 'rel="self"', 'rel="alternate"', "self link is []"),
    ("rss.xml", "com/rss.xml", "com/RSS.xml", "self link is"),
    ("rss.xml", 'rel="hub"', 'rel="next"', "hub link"),
    ("rss.xml", "<title>All articles</title>\n      <link>", "<title>Logo</title><link>", "channel image"),
    ("rss.xml", "<title>A note with nothing but a title</title>", "", "no title"),
    ("rss.xml", "<description>A note with nothing but a title</description>", "", "no description"),
    ("rss.xml", 'isPermaLink="false"', "", "isPermaLink"),
    ("rss.xml", "content/video.md", "content/compilers.md", "guid stands twice"),
    ("rss.xml", "tag:news.example.com,2026:content/video.md", "video", "guid is not an absolute URI"),
    ("rss.xml", "Sun, 01 Mar 2026", "Mon, 01 Mar 2026", "wrong day of the week"),
    ("rss.xml", "Sun, 01 Mar 2026 09:30:00 +0000", "2026-03-01T09:30:00Z", "not a date of RFC 822"),
    ("rss.xml", "Sun, 01 Mar 2026 09:30:00 +0000", "Sun, 01 Mar 2026 09:30:00 GMT", "not a date of RFC 822"),
    ("rss.xml", "Fri, 31 Dec 1999", "Sat, 31 Dec 2050", "not newest first"),
    ("rss.xml", "<guid", "<author>Somebody</author><guid", "author without an e-mail address"),
    ("rss.xml", "<guid", '<enclosure url="https://a.example/b.mp3"/><guid', "enclosure without"),
    ("rss.xml", "<guid", "<media:group><media:content/></media:group><guid", "media:group of one"),
    ("rss.xml", '<media:content medium="image"', "<media:content", "medium"),
    ("rss.xml", 'width="1200" height="630"/>', 'width="big" height="0"/>', "size of a picture"),
    ("rss.xml", "media:thumbnail", "media:content", "do not come together"),
    ("rss.xml", "https://video.example/watch", "/watch", "not an absolute http(s) URL"),
    ("rss.xml", "https://video.example/watch", "https://video.example/a b", "not an absolute http(s) URL"),
    ("rss.xml", "<title>A note", "<title>A &lt;b&gt;note&lt;/b&gt;", "title holds markup"),
    ("rss.xml", "<title>A note", "<title>A &amp;amp; note", "escaped twice"),
    # HTML in content
    ("rss.xml", "<p>Read", "<script>x()</script><p>Read", "<script> in the content"),
    ("rss.xml", "<p>Read", "<style>p {}</style><p>Read", "<style> in the content"),
    ("rss.xml", "<p>Read", '<iframe src="https://a.example/"></iframe><p>Read', "<iframe> in the content"),
    ("rss.xml", "<p>Read", '<p onclick="x()">Read', "attribute onclick"),
    ("rss.xml", "<p>Read", '<p style="color: red">Read', "attribute style"),
    ("rss.xml", '<a href="https://docs.example/', '<a href="javascript:x()', "foreign URL"),
    ("rss.xml", '<a href="https://docs.example/', '<a href="/papers/', "relative or foreign URL"),
    ("rss.xml", '<img src="https:', '<img src="', "relative or foreign URL"),
    ("rss.xml", '<img src="', '<img srcset="https://a.example/b 1x, c.png 2x" src="', "foreign URL"),
    # Atom
    ("atom.xml", "<id>tag:news.example.com,2026:feeds</id>", "", "not exactly one id"),
    ("atom.xml", "<title>All articles</title>", "<title/>", "title is empty"),
    ("atom.xml", "<updated>2026-02-28T23:59:59+00:00</updated>", "", "not exactly one updated"),
    ("atom.xml", "2026-02-28T23:59:59+00:00", "2026-02-28T23:59:59", "not a date of RFC 3339"),
    ("atom.xml", "2026-02-28T23:59:59+00:00", "2026-02-30T23:59:59Z", "not a date of RFC 3339"),
    ("atom.xml", "2000-01-01", "1990-01-01", "updated before it was published"),
    ("atom.xml", "2026-03-02T17:05:59", "2026-03-02T17:06:00", None),  # the feed's own moves along
    ("atom.xml", "<updated>2026-03-02T17:05:59+00:00</updated>", "", "not exactly one updated"),
    ("atom.xml", "<title>All articles</title>\n  <updated>2026-03-02", "<updated>2026-03-03", "latest"),
    ("atom.xml", "author>", "contributor>", "no author"),
    ("atom.xml", "<name>Bob &amp; Co</name>", "<name>  </name>", "empty element"),
    ("atom.xml", "<name>Bob &amp; Co</name>", "<uri>https://bob.example/</uri>", "author without a name"),
    ("atom.xml", 'rel="via"', 'rel="origin"', "unknown relation origin"),
    ("atom.xml", 'rel="via"', 'rel="alternate"', "two alternate links"),
    ("atom.xml", 'rel="alternate" type="text/html"', 'rel="related"', "feed has no alternate link"),
    ("atom.xml", '<content type="text">A note with nothing but a title</content>', "", "neither content"),
    ("atom.xml", 'type="html"', 'type="CDATA"', "content of type CDATA"),
    ("atom.xml", "content/video.md", "content/compilers.md", "id stands twice"),
    ("atom.xml", "&lt;p&gt;Read", "&lt;form&gt;Read", "<form> in the content"),
    ("atom.xml", '<summary type="text">', '<summary type="text">&lt;p&gt;', "summary holds markup"),
    ("atom.xml", "https://news.example.com/icon.png", "/icon.png", "icon: not an absolute"),
    # JSON Feed
    ("feed.json", '"items": [', '"items": ', "not JSON"),
    ("feed.json", '"title": "All articles"', '"title": "A", "title": "B"', "key title stands twice"),
    ("feed.json", "version/1.1", "version/1", "version is not"),
    ("feed.json", '"title": "All articles", ', "", "feed has no title"),
    ("feed.json", "com/feed.json", "com/other.json", "feed_url is"),
    ("feed.json", HUB, "https://other.example/", "hubs are not"),
    ("feed.json", '"items": [', '"authors": [{"name": "A"}], "items": [', "authors beside those"),
    ("feed.json", '"items": [', '"itemz": 1, "items": [', "unknown key itemz"),
    ("feed.json", '"items": [', '"_ours": "text", "items": [', "unknown key _ours"),
    ("feed.json", '"items": [', '"icon2": null, "items": [', "icon2 is empty"),
    ("feed.json", '"id": "tag:news.example.com,2026:content/video.md"', '"id": 7', "id is not a text"),
    ("feed.json", "content/video.md", "content/compilers.md", "id stands twice"),
    ("feed.json", '"content_text"', '"_text"', "not exactly one of content_html"),
    ("feed.json", '"content_html": "', '"content_text": "x", "content_html": "', "not exactly one of"),
    ("feed.json", '"summary": "Templates', '"summary": "<p>Templates', "summary holds markup"),
    ("feed.json", '"title": "A note', '"title": "A &amp; note', "escaped twice"),
    ("feed.json", "2026-02-28T23:59:59+00:00", "28.2.2026", "not a date of RFC 3339"),
    ("feed.json", '"1999-12-31', '"2040-12-31', "not newest first"),
    ("feed.json", '"tags": ["C++"]', '"tags": [1]', "a tag is not a text"),
    ("feed.json", '"tags": ["C++"]', '"tags": []', "tags is empty"),
    ("feed.json", '{"name": "Bob & Co"}', '{"email": "x"}', "an author without name"),
    ("feed.json", '"url": "https://video.example', '"url": "//video.example', "not an absolute http(s) URL"),
    ("feed.json", "A note", "A \\u0007 note", "control character"),
    ("feed.json", "]}\n", "]}", "does not end with a newline"),
    # OPML
    ("feeds.opml", 'version="2.0"', 'version="1.0"', "version or title"),
    ("feeds.opml", "<title>Example Newsroom</title>", "<title>&#32;</title>", "empty element title"),
    ("feeds.opml", 'type="rss"', 'type="atom"', "type, text or title"),
    ("feeds.opml", 'xmlUrl="https://feeds.example.com/', 'xmlUrl="', "not an absolute http(s) URL"),
    ("feeds.opml", 'title="Empty"', 'title="All articles"', "title stands twice"),
    ("feeds.opml", "empty/rss.xml", "rss.xml", "xmlUrl stands twice"),
    # Pages
    ("index.html", "<!doctype html>", "", "no doctype"),
    ("index.html", '<html lang="en">', "<html>", "no language"),
    ("index.html", "<h2", "<h1>Again</h1><h2", "not exactly one h1"),
    ("index.html", MAIN, f'{MAIN}<img src="https://img.example/1">', "without alt"),
    ("index.html", MAIN, f"{MAIN}<script>x()</script>", "a script on the page"),
    ("index.html", MAIN, f"{MAIN}<iframe></iframe>", "<iframe> on the page"),
    ("index.html", MAIN, f'{MAIN}<p style="color: red"></p>', "has style"),
    ("index.html", MAIN, f'{MAIN}<p onclick="x()"></p>', "has onclick"),
    ("index.html", MAIN, f"{MAIN}<div>", "closes what is not open"),
    ("index.html", MAIN, f"{MAIN}<p><ul></ul></p>", "<ul> in <p>"),
    ("index.html", MAIN, f"{MAIN}<li></li>", "<li> in <main>"),
    ("index.html", MAIN, f'{MAIN}<a href="rss.xml"><a href="atom.xml"></a></a>', "within a control"),
    ("index.html", MAIN, f'{MAIN}<a href="rss.xml" href="atom.xml"></a>', "an attribute twice"),
    ("index.html", MAIN, f'{MAIN}<a href=""></a>', "empty href"),
    ("index.html", MAIN, f'{MAIN}<a href="#nowhere"></a>', "nothing has the id nowhere"),
    ("index.html", MAIN, f'{MAIN}<p id="main"></p>', "id main stands twice"),
    ("index.html", MAIN, f"{MAIN}<br/>", "closes itself"),
    ("index.html", MAIN, f"{MAIN}<h3>Too deep</h3>", "<h3> after <h1>"),
    ("index.html", "page.js", "https://a.example/b.js", "loads https://a.example/b.js"),
    ("index.html", "page.css", "other.css", "loads other.css"),
    ("index.html", "script-src 'self'", "script-src *", "the policy is"),
    ("index.html", "img-src 'self' http: https: data:", "img-src 'self'", "that the policy forbids"),
    ("index.html", "footer>", "div>", "header, main and footer"),
    ("index.html", "(Atom)", "(RSS)", "autodiscovery title stands twice"),
    ("index.html", 'href="https://news.example.com/"', 'href="javascript:x()"', "not an absolute"),
]  # fmt: skip

CHECKS: dict[str, Callable[[bytes], list[str]]] = {
    "rss.xml": lambda body: check_rss(body, f"{FEEDS_URL}rss.xml", hub=HUB),
    "atom.xml": lambda body: check_atom(body, f"{FEEDS_URL}atom.xml", hub=HUB),
    "feed.json": lambda body: check_json(body, f"{FEEDS_URL}feed.json", hub=HUB),
    "feeds.opml": check_opml,
    "index.html": check_page,
}


def broken(name: str, old: str, new: str) -> bytes:
    """A golden document with `old` replaced, which must be in it."""
    text = (GOLDEN / name).read_text(encoding="utf-8")
    assert old in text
    return text.replace(old, new).encode()


@pytest.mark.parametrize(("name", "old", "new", "problem"), BROKEN)
def test_a_broken_document_is_caught(name: str, old: str, new: str, problem: str | None) -> None:
    assert CHECKS[name]((GOLDEN / name).read_bytes()) == []
    found = CHECKS[name](broken(name, old, new))
    assert found == [] if problem is None else any(problem in each for each in found), found


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("rss.xml", "<title>All articles</title>", "<title>Some articles</title>", "titles of the feed"),
        ("rss.xml", "Mon, 02 Mar 2026 17:05:59", "Mon, 02 Mar 2026 17:05:58", "lastBuildDate"),
        ("rss.xml", "content/video.md", "content/film.md", "ids or their order"),
        ("atom.xml", "<title>A note with", "<title>A noted with", "differ in title"),
        ("atom.xml", "https://video.example/watch", "https://video.example/see", "differ in link"),
        (
            "atom.xml",
            "<published>2026-02-28T23:59:59",
            "<published>2026-02-28T23:59:58",
            "differ in published",
        ),
        ("feed.json", '"date_modified": "2026-03-02', '"date_modified": "2026-03-03', "differ in updated"),
        ("feed.json", '"C#", ', "", "differ in tags"),
        ("rss.xml", "<dc:creator>Bob &amp; Co</dc:creator>", "", "differ in authors"),
        ("rss.xml", "R&amp;amp;D", "R&amp;D", None),  # HTML reads a bare ampersand as one
        ("rss.xml", "x &amp;lt; y", "x &amp;amp;lt; y", "differ in summary"),
        ("feed.json", "<p>Read", "<p>Reads", "differ in html"),
        ("atom.xml", "</feed>", "", "not well-formed"),
    ],
)
def test_documents_that_disagree_are_caught(name: str, old: str, new: str, problem: str | None) -> None:
    bodies = {each: (GOLDEN / each).read_bytes() for each in ("rss.xml", "atom.xml", "feed.json")}
    found = check_agreement(*(bodies | {name: broken(name, old, new)}).values())
    assert found == [] if problem is None else any(problem in each for each in found), found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the golden folder, to be broken."""
    folder = Path(shutil.copytree(GOLDEN, tmp_path / "feeds"))
    for name in ("page.css", "page.js"):  # copied as they are, so not among the golden files
        shutil.copy(PACKAGE / "render/templates" / name, folder / name)
    return folder


def problems(folder: Path, limit: int | None = None) -> list[str]:
    return check_folder(folder, FEEDS_URL, hub=HUB, limit=limit)


def test_a_folder_published_elsewhere_is_caught(folder: Path) -> None:
    assert problems(folder) == []
    assert any("self link" in each for each in check_folder(folder, "https://x.example/", hub=HUB))


def test_a_missing_document_is_caught(folder: Path) -> None:
    (folder / "c-2" / "rss.xml").unlink()
    found = problems(folder)
    assert "index.html: leads to c-2/rss.xml, which does not exist" in found
    assert "c-2/index.html: autodiscovery does not name the documents beside it" in found
    assert "feeds.opml: https://feeds.example.com/c-2/rss.xml does not exist" in found


def test_a_missing_page_and_a_missing_list_are_caught(folder: Path) -> None:
    (folder / "c-2" / "index.html").unlink()
    (folder / "feeds.opml").unlink()
    found = problems(folder)
    assert "c-2: no page for people" in found
    assert any(each.startswith("feeds.opml: not well-formed") for each in found)


def test_an_article_that_differs_between_feeds_is_caught(folder: Path) -> None:
    path = folder / "c-2" / "feed.json"
    path.write_bytes(path.read_bytes().replace(b"Compilers & the", b"Compilers and the"))
    assert any("c-2/feed.json" in each and "differs from other feeds" in each for each in problems(folder))


def test_two_feeds_of_one_title_are_caught(folder: Path) -> None:
    for name in ("rss.xml", "atom.xml", "feed.json"):
        path = folder / "empty" / name
        path.write_bytes(path.read_bytes().replace(b"Empty", b"All articles"))
    assert "atom.xml: title stands twice: All articles" in problems(folder)


def test_more_items_than_allowed_are_caught(folder: Path) -> None:
    assert problems(folder, limit=3) == []
    assert "feed.json: more than 2 items" in problems(folder, limit=2)


def test_a_list_of_mixed_formats_is_caught(folder: Path) -> None:
    text = (folder / "atom.opml").read_text(encoding="utf-8")
    (folder / "atom.opml").write_text(text.replace("c-2/atom.xml", "c-2/rss.xml"), encoding="utf-8")
    assert problems(folder) == ["atom.opml: names feeds of more than one format"]


def test_a_feed_that_the_list_lacks_is_caught(folder: Path) -> None:
    shutil.copytree(folder / "empty", folder / "extra")
    assert "feeds.opml: lists 4 of 5 feeds" in problems(folder)
