"""Addresses that a reader may follow, and where the site shows a file."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedbot.content.addresses import Page, page_url, permalink_url
from feedbot.content.links import absolute, same_host
from feedbot.permalink import PLACEHOLDERS

BASE = "https://news.example.com/sub/page/"
SITE = "https://news.example.com/sub/"


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("https://a.example/x?v=1&b=2#f", "https://a.example/x?v=1&b=2#f"),
        ("  https://a.example/x\n", "https://a.example/x"),
        ("HTTPS://A.Example/X", "https://a.example/X"),
        ("//cdn.example/x.png", "https://cdn.example/x.png"),
        ("www.example.com/x", "https://www.example.com/x"),
        ("/x.png", "https://news.example.com/x.png"),
        ("x.png", "https://news.example.com/sub/page/x.png"),
        ("../x.png", "https://news.example.com/sub/x.png"),
        ("?page=2", "https://news.example.com/sub/page/?page=2"),
        ("https://a.example/a b?q=\"<x>\"", "https://a.example/a%20b?q=%22%3Cx%3E%22"),
        ("https://a.example/%zz%20", "https://a.example/%25zz%20"),
        ("https://müller.example/ü", "https://xn--mller-kva.example/%C3%BC"),
        ("https://[2001:db8::1]:8080/", "https://[2001:db8::1]:8080/"),
        ("/\\evil.example", "https://news.example.com/%5Cevil.example"),
    ],
)  # fmt: skip
def test_an_address_is_made_absolute_and_ascii(written: str, seen: str) -> None:
    assert absolute(written, BASE) == seen


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "java\nscript:alert(1)",
        "data:image/png;base64,AA",
        "mailto:a@b.example",
        "ftp://a.example/x",
        "https://",
        "https:///x",
        "https:\\\\a.example",
        "https://good.example\\@evil.example/",
        "https://user:word@a.example/",
        "https://a.example:99999/",
        "https://a.example:x/",
        "https://[a.example/",
        "https://a..example/",
        "https://-a.example/",
        "https://a.example/\x00",
        "https://a.example/\ud800",
        "https://a.example/" + "x" * 5000,
        "localhost:8000/x",
        "C:\\x.png",
    ],
)
def test_an_address_that_leads_nowhere_good_is_refused(written: str) -> None:
    assert absolute(written, BASE) is None


@given(
    st.text(st.characters(), max_size=40)
    | st.text("htps:/?#[]@\\%. aü&=;", max_size=30).map("https://".__add__)
)
def test_whatever_is_accepted_is_an_absolute_http_address_in_ascii(written: str) -> None:
    seen = absolute(written, BASE)
    if seen is not None:
        parts = urlsplit(seen)
        assert parts.scheme in {"http", "https"}
        assert parts.hostname
        assert seen.isascii()
        assert not set(seen) & set(' "<>\\^`{|}')
        assert absolute(seen, BASE) == seen


@pytest.mark.parametrize(
    ("relative", "more", "url"),
    [
        ("news/a story.md", {}, "news/a%20story/"),
        ("index.md", {}, ""),
        ("news/_index.md", {}, "news/"),
        ("news/bundle/index.html", {}, "news/bundle/"),
        ("news/long-name.md", {"slug": "short"}, "news/short/"),
        ("news/bundle/index.md", {"slug": "short"}, "news/short/"),
        ("index.md", {"slug": "short"}, "short/"),
        ("News/A Story, Told.md", {"is_hugo": True}, "news/a-story-told/"),
        ("news/C# & Größe/index.md", {"is_hugo": True}, "news/c%23--gr%C3%B6%C3%9Fe/"),
        ("news/x.md", {"is_hugo": True, "slug": "Robots Again"}, "news/robots-again/"),
        ("_posts/2020-11-04-hello.md", {}, "2020/11/04/hello.html"),
        ("tech/_posts/2020-11-04-hello.md", {"categories": ("Robots",)}, "tech/robots/2020/11/04/hello.html"),
        ("_posts/2020-11-04-hello.md", {"slug": "hi"}, "2020/11/04/hi.html"),
        ("_posts/2020-11-04-Hello again.md", {}, "2020/11/04/Hello-again.html"),
        ("_posts/2020-11-04-c#--and-90%.md", {}, "2020/11/04/c-and-90.html"),
        ("_posts/2020-11-04-ad's_(2)-v.1.md", {}, "2020/11/04/ad's_(2)-v.1.html"),
        (
            "_posts/2020-11-04-हिन्दी.md",
            {},
            "2020/11/04/%E0%A4%B9%E0%A4%BF%E0%A4%A8%E0%A5%8D%E0%A4%A6%E0%A5%80.html",
        ),
    ],
)
def test_a_file_has_the_address_that_its_site_gives_it(
    relative: str, more: dict[str, object], url: str
) -> None:
    page = Page(
        relative=relative,
        published=datetime(2020, 11, 4, tzinfo=UTC),
        is_post="_posts/" in relative,
        **more,  # type: ignore[arg-type] - the table's values fit their fields
    )
    assert page_url(SITE, page) == SITE + url


@pytest.mark.parametrize(
    ("permalink", "url"),
    [
        ("/about/", SITE + "about/"),
        ("about.html", SITE + "about.html"),
        ("/:categories/:year/:i_month/:title/", SITE + "tech/2020/3/hello/"),
        ("https://other.example/x", "https://other.example/x"),
        ("/:nobody_knows/", None),
        ("/{{ page.fileSlug }}/", None),
        ("/{% if draft %}x{% endif %}/", None),
        ("javascript:alert(1)", None),
    ],
)
def test_a_permalink_lies_below_the_site_with_its_placeholders_filled(
    permalink: str, url: str | None
) -> None:
    page = Page(
        relative="_posts/2020-03-04-hello.md",
        categories=("Tech",),
        published=datetime(2020, 3, 4, tzinfo=UTC),
        is_post=True,
    )
    assert permalink_url(SITE, permalink, page) == url


@pytest.mark.parametrize(
    ("pattern", "more", "url"),
    [
        ("/:year/:month/:title/", {}, "2020/03/A-story/"),
        ("/blog/:slug", {"slug": "short"}, "blog/short"),
        ("/:categories/:i_day-:short_month-:short_year/:name:output_ext", {"categories": ("Tech",)},
         "news/tech/4-Mar-20/2020-03-04-a-story.html"),
        ("/:slug/", {"slug": "My Slug (1)!"}, "my-slug-1/"),
        ("/:section/:yearday/:filename/", {"slug": "short"}, "news/64/A-story/"),
        ("/:section/:monthname/:slug/", {"is_hugo": True, "title": "Robots & Shirts"},
         "news/march/robots-shirts/"),
        ("/Blog/:title/", {"is_hugo": True, "title": "-- A+B ~ C@d (g) h's/ok, x=1 C#"},
         "blog/--a-b-~-c@d-g-hs-ok-x1-c/"),
        ("/:title/", {"is_hugo": True, "title": "Robots", "slug": "short"}, "robots/"),
        ("/:slugorcontentbasename/", {"is_hugo": True, "title": "Robots"}, "2020-03-04-a-story/"),
    ],
)  # fmt: skip
def test_a_pattern_gives_the_addresses_of_articles_that_have_none(
    pattern: str, more: dict[str, object], url: str
) -> None:
    usual = {"relative": "news/2020-03-04-A story.md", "published": datetime(2020, 3, 4, tzinfo=UTC)}
    page = Page(**usual | more)  # type: ignore[arg-type] - the table's values fit their fields
    assert page_url(SITE, page, pattern) == SITE + url


@pytest.mark.parametrize("name", sorted(PLACEHOLDERS))
def test_every_placeholder_stands_for_something(name: str) -> None:
    page = Page(
        relative="news/a.md", title="A", published=datetime(2020, 3, 4, tzinfo=UTC), categories=("B",)
    )
    assert ":" not in page_url("https://news.example.com/", page, f"/x:{name}/").removeprefix("https:")


def test_of_a_bundle_its_folder_is_the_name() -> None:
    page = Page(relative="posts/robots/index.md", published=datetime(2020, 3, 4, tzinfo=UTC))
    assert page_url(SITE, page, "/:year/:title/") == f"{SITE}2020/robots/"


def test_without_a_site_there_is_no_address() -> None:
    assert page_url("", Page(relative="a.md")) == ""
    assert permalink_url("", "/a/", Page(relative="a.md")) is None


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://news.example.com/a", True),
        ("http://news.example.com", True),
        ("https://news.example.com?a", True),
        ("https://news.example.com.evil.example/a", False),
        ("https://news.example.com:8080/a", False),
        ("https://example.com/a", False),
    ],
)
def test_an_address_on_the_site_is_told_from_one_elsewhere(url: str, same: bool) -> None:
    assert same_host(url, SITE) is same
    assert not same_host(url, "")
