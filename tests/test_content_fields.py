"""The fate of every field, in each dialect: what a file says and what its article holds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedbot.articletext import dump_article, load_article
from feedbot.content import Broken, Excluded, Read, Reader, Reading, Reason
from feedbot.content.fields import DIALECTS, FIELD_NAMES
from feedbot.model import Article, Author, Image, Level, Provider, Related, Site

SITE = Site(
    title="Example",
    url="https://news.example.com/",
    feeds_url="https://feeds.example.com/",
    id_base="tag:news.example.com,2026:",
)
READER = Reader(site=SITE)
NEEDED = {"title": "Sound", "publishedDateTime": "2026-05-01T08:00:00Z"}


def reading(
    fields: dict[str, Any], body: str = "", *, reader: Reader = READER, at: str = "news/a.md"
) -> Reading:
    text = yaml.safe_dump(fields, allow_unicode=True, sort_keys=False)
    return reader.read(f"---\n{text}---\n{body}".encode(), name=f"content/{at}", relative=at)


def read(fields: dict[str, Any], body: str = "", *, reader: Reader = READER, at: str = "news/a.md") -> Read:
    found = reading(fields, body, reader=reader, at=at)
    assert isinstance(found, Read), found
    return found


def article(body: str = "", at: str = "news/a.md", **fields: Any) -> Article:
    """The article of a sound file with some more fields, which must leave no finding."""
    found = read({**NEEDED, **fields}, body, at=at)
    assert found.findings == ()
    return found.article


# --- the newsroom's fields, row by row ---


def test_title_and_excerpt_are_plain_text_with_entities_decoded() -> None:
    found = article(title="R&amp;amp;D <b>now</b>", excerpt="One\n two &amp; quot;three&amp; quot;")
    assert found.title == "R&D now"
    assert found.summary == 'One two "three"'


def test_a_name_stands_in_for_a_title() -> None:
    assert read({"name": "Ada", "publishedDateTime": "2026-05-01"}).article.title == "Ada"


def test_a_title_of_nothing_but_spaces_counts_as_none() -> None:
    assert article(title=" \n", name="Ada").title == "Ada"


def test_an_excerpt_that_repeats_the_title_is_dropped() -> None:
    assert article(excerpt="sound ").summary == article(excerpt="SOUND").summary == ""


def test_a_long_excerpt_is_cut_at_a_word() -> None:
    found = article(excerpt="word " * 200)
    assert found.summary.endswith("word…")
    assert 480 < len(found.summary) <= 500


def test_a_missing_excerpt_is_taken_from_the_body_without_a_repeated_title() -> None:
    found = article("# Sound\n\nThe body *begins* here.\n\n" + "More of it. " * 100)
    assert found.summary.startswith("The body begins here. More of it.")
    assert found.summary.endswith("…")
    assert len(found.summary) <= 300


def test_an_excerpt_is_taken_from_the_longest_paragraph_too() -> None:
    assert article("Long. " * 9_000).summary.startswith("Long. Long.")


def test_dates_are_in_utc_and_an_update_is_never_before_the_publication() -> None:
    found = article(publishedDateTime="2026-05-01T10:00:00+02:00", updatedDateTime="2026-05-02T08:00:00Z")
    assert found.published == datetime(2026, 5, 1, 8, tzinfo=UTC)
    assert found.updated == datetime(2026, 5, 2, 8, tzinfo=UTC)
    assert article(updatedDateTime="2020-01-01").updated == datetime(2026, 5, 1, 8, tzinfo=UTC)


def test_a_date_without_an_offset_is_in_the_configured_zone() -> None:
    berlin = Reader(site=SITE, timezone="Europe/Berlin")
    found = read({"title": "x", "publishedDateTime": "2026-05-01 10:00"}, reader=berlin)
    assert found.article.published == datetime(2026, 5, 1, 8, tzinfo=UTC)


def test_without_a_date_a_file_is_in_no_feed_and_that_is_worth_knowing_only() -> None:
    found = reading({"title": "About us"})
    assert isinstance(found, Excluded)
    assert found.reason is Reason.UNDATED
    assert [finding.level for finding in found.findings] == [Level.INFO]


@pytest.mark.parametrize(
    ("fields", "link", "via", "url"),
    [
        ({"webUrl": "https://a.example/1"}, "https://a.example/1", "", "https://a.example/1"),
        ({"originalUrl": "https://b.example/1"}, "https://b.example/1", "", "https://b.example/1"),
        (
            {"webUrl": "https://a.example/1", "originalUrl": "https://b.example/1?v=2"},
            "https://a.example/1",
            "https://b.example/1?v=2",
            "https://a.example/1",
        ),
        (
            {"webUrl": "https://a.example/1", "originalUrl": "https://a.example/1"},
            "https://a.example/1",
            "",
            "https://a.example/1",
        ),
        ({}, "https://news.example.com/news/a/", "", ""),
        ({"webUrl": "/here/"}, "https://news.example.com/here/", "", "https://news.example.com/here/"),
    ],
)
def test_the_link_is_the_first_address_that_there_is(
    fields: dict[str, str], link: str, via: str, url: str
) -> None:
    found = read({**NEEDED, **fields})
    assert (found.article.link, found.article.via, found.url) == (link, via, url)


@pytest.mark.parametrize("name", ["a.html", "a.htm", "a.HTML", "a.md"])
def test_only_the_body_of_a_markdown_file_is_markdown(name: str) -> None:
    body = "<p>*One*</p>\n\nAnd *two*."
    shown = "<p>*One*</p>\n<p>And <em>two</em>.</p>" if name.endswith(".md") else body
    assert article(body, at=name).content == shown


def test_the_language_may_be_written_as_an_operating_system_does() -> None:
    assert [article(lang=code).language for code in ("pt_BR", "en", "zh-Hant")] == ["pt-BR", "en", "zh-Hant"]


def test_amp_addresses_are_kept_for_those_who_ask() -> None:
    found = article(ampWebUrl="https://a.example/amp", cdnAmpWebUrl="https://cdn.example/amp")
    assert (found.amp_link, found.cdn_amp_link) == ("https://a.example/amp", "https://cdn.example/amp")


def test_category_topics_and_type_are_names() -> None:
    found = article(category="news", topics=["AI", " C++ ", "ai", "R&amp;D"], type="video")
    assert (found.category, found.topics, found.type) == ("news", ("AI", "C++", "R&D"), "video")
    assert article(topics=["AI", ["C++", "R&D", ["x, y"]], "Go"]).topics == ("AI", "C++", "R&D", "x, y", "Go")


def test_the_publication_has_a_name_a_domain_and_an_absolute_logo() -> None:
    found = article(
        provider={"name": "CNET", "domain": "cnet.com", "images": [{"url": "/logo.png", "width": 50}]}
    )
    assert found.provider == Provider(
        name="CNET", domain="cnet.com", image="https://news.example.com/logo.png"
    )
    assert article(provider="CNET").provider == Provider(name="CNET")


def test_authors_are_names_or_names_with_an_address() -> None:
    assert article(authors="Ada").authors == (Author(name="Ada"),)
    found = article(
        authors=[
            "Ada",
            {"name": "Bo", "url": "https://bo.example/", "avatar": "/bo.png"},
            {"name": "Ada", "url": "/ada"},
        ]
    )
    assert found.authors == (
        Author(name="Ada"),
        Author(name="Bo", url="https://bo.example/", avatar="https://news.example.com/bo.png"),
    )


def test_a_name_that_yaml_takes_for_something_else_is_a_name() -> None:
    found = article(authors=[404, True, False, 1.5, date(2026, 5, 1), {"name": 7}], provider={"name": 24})
    assert [author.name for author in found.authors] == ["404", "true", "false", "1.5", "2026-05-01", "7"]
    assert found.provider.name == "24"


def test_related_coverage_is_from_a_publication_by_its_name_or_else_its_domain() -> None:
    story = {"title": "x", "url": "https://c.example/"}
    for publication in ("C", {"name": "C", "domain": "c.example"}):
        assert article(related=[{**story, "provider": publication}]).related[0].provider == "C"
    assert (
        article(related=[{**story, "provider": {"domain": "c.example"}}]).related[0].provider == "c.example"
    )


def test_a_summary_from_the_body_has_no_tags_of_templates() -> None:
    body = "{% include a %}\n\n![A]({{ site.url }}/b.png) Robots [fold]({% link b.md %}) {a} {{ shirt }}."
    assert read(NEEDED, body).article.summary == "Robots fold {a} {{ shirt }}."
    assert article(body="Ours.", excerpt="{{< x >}}").summary == "{{< x >}}"


@pytest.mark.parametrize("mark", ["<!--more-->", "<!-- more -->", "<!-- truncate -->"])
def test_a_mark_in_the_body_ends_the_summary(mark: str) -> None:
    found = article(f"# Sound\n\nShirts *first*.\n\n{mark}\n\nSocks later.")
    assert found.summary == "Shirts first."
    assert "Socks later." in found.content
    assert article(f"Shirts.\n\n{mark}\n", excerpt="Ours.").summary == "Ours."
    assert article(f"{mark}\n\nSocks later.").summary == "Socks later."


def test_a_form_that_nobody_filled_in_is_no_mistake() -> None:
    blank = {"caption": "", "focal_point": None, "preview_only": False}
    assert article(image=blank, authors=[{"name": ""}], related=[{"title": ""}]) == article()
    (finding,) = read({**NEEDED, "image": {"caption": "A robot", "src": ""}}).findings
    assert "is not a picture with a web address" in finding.what


def test_a_list_under_category_is_one_of_categories() -> None:
    found = article(category=["News", "R&amp;D"], topics=["AI"])
    assert (found.category, found.topics) == ("News", ("AI", "News", "R&D"))
    post = read({"title": "x", "category": ["ios", "Android"]}, at="_posts/2026-05-01-hello.md")
    assert post.article.link == "https://news.example.com/ios/android/2026/05/01/hello.html"
    assert post.findings == ()


def test_the_author_that_an_export_of_wordpress_names_is_the_author() -> None:
    exported = {"display_name": "Ada", "login": "ada", "email": "ada@a.example", "url": "https://a.example"}
    assert article(author=exported).authors == (Author(name="Ada", url="https://a.example"),)


def test_pictures_keep_their_size_and_title_and_become_absolute() -> None:
    picture = {
        "url": "/assets/a.jpg",
        "width": 1200,
        "height": "630px",
        "title": "A &amp; B",
        "isCached": True,
    }
    assert article(images=[picture, "//cdn.example/b"]).images == (
        Image(url="https://news.example.com/assets/a.jpg", width=1200, height=630, title="A & B"),
        Image(url="https://cdn.example/b"),
    )
    assert article(image="/a.png").images == (Image(url="https://news.example.com/a.png"),)


def test_related_coverage_has_title_address_publication_and_date() -> None:
    item = {
        "title": "Same &amp; more",
        "webUrl": "https://b.example/1",
        "publishedDateTime": "2026-05-01T09:00:00Z",
        "provider": {"name": "B", "domain": "b.example"},
    }
    assert article(
        related=[item, {"title": "x", "url": "https://c.example/", "date": "nonsense"}]
    ).related == (
        Related(
            title="Same & more",
            url="https://b.example/1",
            provider="B",
            published=datetime(2026, 5, 1, 9, tzinfo=UTC),
        ),
        Related(title="x", url="https://c.example/"),
    )


@pytest.mark.parametrize(("written", "number"), [(144, 144), (0, 0), (-3, -3), (7.9, 7), ("12", 12)])
def test_heat_and_quality_are_whole_numbers(written: object, number: int) -> None:
    found = article(heat=written, quality=written)
    assert (found.heat, found.quality) == (number, number)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"published": False}, Reason.UNPUBLISHED),
        ({"published": "false"}, Reason.UNPUBLISHED),
        ({"published": 0}, Reason.UNPUBLISHED),
        ({"removed": True}, Reason.REMOVED),
        ({"draft": True}, Reason.DRAFT),
        ({"draft": "Yes"}, Reason.DRAFT),
        ({"feed": False}, Reason.EXCLUDED),
        ({"published": True, "removed": False, "draft": "no", "feed": "on"}, None),
        ({"published": None, "draft": None}, None),
        ({"feed": {"excerpt_only": True}}, None),
    ],
)
def test_flags_keep_an_article_back(fields: dict[str, Any], reason: Reason | None) -> None:
    found = reading({**NEEDED, **fields})
    assert (found.reason if isinstance(found, Excluded) else None) is reason
    assert found.findings == ()


def test_mistakes_in_an_unpublished_file_bother_nobody() -> None:
    found = reading({"published": False, "publishedDateTime": "nonsense", "topics": {"a": 1}})
    assert found == Excluded(reason=Reason.UNPUBLISHED)


def test_a_featured_player_becomes_a_link_with_the_first_picture_above_the_excerpt() -> None:
    found = article(
        excerpt="What is seen.",
        featuredContent='<iframe src="https://www.youtube.com/embed/abcDEF12345"></iframe>',
        images=[{"url": "https://i.example/p.jpg"}],
    )
    assert found.content == (
        '<p><a href="https://www.youtube.com/watch?v=abcDEF12345">'
        '<img src="https://i.example/p.jpg" alt="Sound"></a></p>\n<p>What is seen.</p>'
    )
    with_body = article("The *body*.", featuredContent='<iframe src="https://p.example/1"></iframe>')
    assert with_body.content == '<p><a href="https://p.example/1">Sound</a></p>\n<p>The <em>body</em>.</p>'
    assert with_body.summary == "The body."


def test_what_is_secured_leaves_the_file_in_no_way() -> None:
    found = read({**NEEDED, "secured": {"text": "hush-hush", "more": ["hush-hush"]}})
    assert "hush" not in repr(found)
    assert "hush" not in dump_article(found.article)


def test_code_may_begin_a_body_with_a_line_that_is_refused_below_it_by_its_number() -> None:
    code = "```yaml\nsecured: true\n```\n"
    assert "secured: true" in article(code).content
    found = reading(NEEDED, f"\n\n{code}\nsecured: true\n")
    assert isinstance(found, Broken)
    assert [finding.line for finding in found.findings] == [11]


def test_unknown_fields_are_nobodys_business() -> None:
    assert article(layout="post", sitemap={"x": [1]}, ratings=[1, 2], **{"1": 2}) == article()


def test_the_names_of_fields_may_be_written_in_any_case() -> None:
    assert read({"Title": "x", "PUBLISHEDDATETIME": "2026-05-01", "Tags": ["a"]}).article.topics == ("a",)


def test_the_id_is_cleaned_and_a_number_is_as_good() -> None:
    assert read({**NEEDED, "id": " a\u200bb "}).article.given_id == "ab"
    assert (
        READER.read(
            b"---\ntitle: x\ndate: 2026-05-01\nid: 007\n---\n", name="a", relative="a.md"
        ).article.given_id
        == "007"
    )  # type: ignore[union-attr] - an error if it is not read is what the test wants
    assert read(NEEDED).article.given_id == ""


# --- the other dialects ---


def test_a_hugo_file_is_read_by_hugos_names() -> None:
    found = read(
        {
            "title": "Hugo",
            "date": "2026-04-01",
            "publishDate": "2026-05-01",
            "lastmod": "2026-05-03",
            "expiryDate": "2027-01-01",
            "summary": "In short.",
            "tags": ["Go", "Web sites"],
            "categories": ["Tools"],
            "images": ["cover.jpg"],
            "slug": "short",
            "author": {"name": "Ada"},
        },
        at="posts/hugo/index.md",
        reader=Reader(site=SITE, fields="hugo"),
    ).article
    assert found.published == datetime(2026, 5, 1, tzinfo=UTC)
    assert found.updated == datetime(2026, 5, 3, tzinfo=UTC)
    assert found.expires == datetime(2027, 1, 1, tzinfo=UTC)
    assert (found.summary, found.category, found.topics) == (
        "In short.",
        "Tools",
        ("Go", "Web sites", "Tools"),
    )
    assert found.link == "https://news.example.com/posts/short/"
    assert found.images == (Image(url="https://news.example.com/posts/short/cover.jpg"),)
    assert found.authors == (Author(name="Ada"),)


def test_hugos_url_lies_below_the_site() -> None:
    below = Reader(site=Site(title="x", url="https://example.com/blog/", feeds_url="", id_base=""))
    assert (
        read({**NEEDED, "url": "/about/us/"}, reader=below).article.link
        == "https://example.com/blog/about/us/"
    )


def test_a_jekyll_post_is_dated_by_its_name_and_has_jekylls_address() -> None:
    found = read(
        {"title": "Jekyll", "tags": "one two", "category": "News", "description": "In short."},
        at="tech/_posts/2026-05-01-hello.md",
    )
    assert found.article.published == datetime(2026, 5, 1, tzinfo=UTC)
    assert found.article.topics == ("one", "two")
    assert found.article.category == "News"
    assert found.article.summary == "In short."
    assert found.article.link == "https://news.example.com/tech/news/2026/05/01/hello.html"
    assert found.url == ""


def test_a_pattern_of_addresses_is_for_all_files_but_the_pages_of_jekyll() -> None:
    def link(at: str, dialect: str | None = None) -> str:
        reader = Reader(site=SITE, fields=dialect, permalink="/:year/:title/")
        return read({"title": "x", "date": "2026-05-01"}, reader=reader, at=at).article.link

    assert link("news/a.md") == "https://news.example.com/2026/a/"
    assert link("news/a.md", "hugo") == "https://news.example.com/2026/x/"
    assert link("_posts/2026-05-01-a.md", "jekyll") == "https://news.example.com/2026/a/"
    assert link("news/a.md", "jekyll") == "https://news.example.com/news/a/"


def test_a_folder_of_jekyll_may_be_the_content_folder_itself() -> None:
    def within(folder: str, path: str) -> Reading:
        return READER.read(b"---\ntitle: x\ntags: one two\n---\n", name=f"{folder}/{path}", relative=path)

    found = within("blog/_posts", "deep/2026-05-01-hello.md")
    assert isinstance(found, Read)
    assert found.article.link == "https://news.example.com/2026/05/01/hello.html"
    assert found.article.topics == ("one", "two")
    assert within("_drafts", "2026-05-01-hello.md") == Excluded(reason=Reason.DRAFT)


@pytest.mark.parametrize("name", ["2026-05-01-fold-a-shirt.md", "2026-5-1-Fold-A-SHIRT.markdown"])
def test_a_jekyll_post_without_a_title_is_called_as_its_file(name: str) -> None:
    found = read({"layout": "post"}, at=f"_posts/{name}")
    assert found.article.title == "Fold A Shirt"
    assert found.findings == ()


def test_the_name_of_another_file_is_no_date_but_may_become_one() -> None:
    found = reading({"title": "x"}, at="notes/2026-05-01-x.md")
    assert isinstance(found, Excluded)
    assert ["fields: jekyll" in finding.hint for finding in found.findings] == [True]
    reader = Reader(site=SITE, fields="jekyll")
    assert read({"title": "x"}, at="notes/2026-05-01-x.md", reader=reader).article.published.day == 1
    jekyll = Reader(site=SITE, fields="jekyll")
    assert read({"title": "x"}, at="notes/2026-05-01-x.md", reader=jekyll).article.published.day == 1


def test_an_impossible_date_in_a_posts_name_is_an_error() -> None:
    found = reading({"title": "x"}, at="_posts/2026-13-01-x.md")
    assert isinstance(found, Broken)
    assert "the date in the file's name is a date that does not exist" in found.findings[0].what


def test_a_jekyll_draft_is_a_draft_by_its_folder() -> None:
    assert reading(NEEDED, at="_drafts/x.md") == Excluded(reason=Reason.DRAFT)


def test_a_jekyll_permalink_and_picture_are_read() -> None:
    found = read(
        {
            "title": "x",
            "date": "2026-05-01",
            "permalink": "/:year/:title/",
            "image": {"path": "/p.png", "alt": "P"},
        },
        at="_posts/2026-04-30-old-name.md",
    )
    assert found.article.link == found.url == "https://news.example.com/2026/old-name/"
    assert found.article.images == (Image(url="https://news.example.com/p.png", title="P"),)
    bad = read({**NEEDED, "permalink": "/:nobody_knows/"})
    assert bad.article.link == "https://news.example.com/news/a/"
    assert "`permalink` cannot be turned into a web address" in bad.findings[0].what


def test_tags_in_one_text_are_parted_by_commas_and_by_spaces_for_jekyll_only() -> None:
    assert article(tags="Computer Vision, AI").topics == ("Computer Vision", "AI")
    assert article(tags="Computer Vision").topics == ("Computer Vision",)
    assert article(tags="vision ai", at="_posts/2026-05-01-x.md").topics == ("vision", "ai")


def test_one_dialect_alone_knows_no_other() -> None:
    only = Reader(site=SITE, fields="smartable")
    assert isinstance(reading({"title": "x", "date": "2026-05-01"}, reader=only), Excluded)
    assert read({**NEEDED, "tags": ["a"], "topics": ["b"]}, reader=only).article.topics == ("b",)


def test_the_newsrooms_names_win_where_several_dialects_speak() -> None:
    found = article(excerpt="ours", description="theirs", topics=["ours"], tags=["theirs"], date="2020-01-01")
    assert (found.summary, found.topics, found.published.year) == ("ours", ("ours",), 2026)


def test_keys_of_ones_own_replace_those_of_a_field_and_leave_the_others() -> None:
    own = Reader(site=SITE, fields={"title": ["headline", "title"], "topics": ["keywords"]})
    found = read(
        {"headline": "H", "title": "T", "date": "2026-05-01", "keywords": ["k"], "tags": ["t"]}, reader=own
    )
    assert (found.article.title, found.article.topics) == ("H", ("k",))


def test_every_dialect_says_where_title_and_date_are() -> None:
    assert all(
        {"title", "published", "summary", "topics"} <= keys.keys() <= FIELD_NAMES
        for keys in DIALECTS.values()
    )


# --- what must hold for any file ---

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=20)
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "title", "url", "webUrl", "width"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = sorted(
    {key for dialect in DIALECTS.values() for keys in dialect.values() for key in keys} | {"secured", "other"}
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8), st.booleans(), st.text(max_size=30))
def test_any_front_matter_is_read_left_out_or_refused(fields: dict[str, Any], sound: bool, body: str) -> None:
    found = reading({**fields, **NEEDED} if sound else fields, body)
    if isinstance(found, Broken):
        assert any(finding.level is Level.ERROR for finding in found.findings)
    if isinstance(found, Read):
        assert not any(finding.level is Level.ERROR for finding in found.findings)
        assert found.article.title
        assert load_article(dump_article(found.article)) == found.article


@given(st.binary(max_size=120).map(b"---\ntitle: x\ndate: 2026-05-01\n".__add__) | st.binary(max_size=80))
def test_any_bytes_are_read_left_out_or_refused(data: bytes) -> None:
    assert isinstance(READER.read(data, name="a.md", relative="a.md"), Read | Excluded | Broken)


def documented_keys() -> dict[str, dict[str, tuple[str, ...]]]:
    """The table of the page on front matter: dialect, field, keys."""
    page = (Path(__file__).parent.parent / "docs/front-matter.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if "|" in line
    ]
    table = [row for row in rows if len(row) == 5]
    names = [cell.strip("`") for cell in table[0][1:4]]
    keys: dict[str, dict[str, tuple[str, ...]]] = {name: {} for name in names}
    for row in table[2:]:
        for name, cell in zip(names, row[1:4], strict=True):
            if cell and row[0]:
                keys[name][row[0].strip("`")] = tuple(part.strip(" `") for part in cell.split(","))
    return keys


def test_the_page_on_front_matter_names_every_key_of_every_dialect() -> None:
    assert documented_keys() == {name: dict(keys) for name, keys in DIALECTS.items()}
