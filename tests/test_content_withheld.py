"""Which files are drafts, or not for all, in the words of the programs that they come from."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from newsroom import SITE, Newsroom
from postbox import Desk, webhook

from feedbot.content import Excluded, Read, Reader, Reading, Reason
from feedbot.content.fields import DIALECTS
from feedbot.model import Level, Site

NEEDED = {"title": "Sound", "date": "2026-05-01T08:00:00Z", "publishedDateTime": "2026-05-01T08:00:00Z"}
HELD_BACK: list[tuple[dict[str, Any], Reason]] = [
    ({"draft": True}, Reason.DRAFT),
    ({"draft": "True"}, Reason.DRAFT),
    ({"Draft": "yes"}, Reason.DRAFT),
    ({"draft": False, "isDraft": True}, Reason.DRAFT),
    ({"publish": False}, Reason.UNPUBLISHED),
    ({"public": "no"}, Reason.UNPUBLISHED),
    ({"status": "draft"}, Reason.DRAFT),
    ({"Status": " Draft "}, Reason.DRAFT),
    ({"status": "pending"}, Reason.DRAFT),
    ({"status": 0}, Reason.DRAFT),
    ({"status": "hidden"}, Reason.HIDDEN),
    ({"status": "skip"}, Reason.HIDDEN),
    ({"status": "private"}, Reason.HIDDEN),
    ({"status": "trash"}, Reason.HIDDEN),
    ({"visibility": "members"}, Reason.HIDDEN),
    ({"visibility": "private"}, Reason.HIDDEN),
    ({"visibility": "internal"}, Reason.HIDDEN),
    ({"status": "published", "visibility": "paid"}, Reason.HIDDEN),
    ({"private": True}, Reason.HIDDEN),
    ({"unlisted": True}, Reason.HIDDEN),
    ({"hidden": 1}, Reason.HIDDEN),
    ({"headless": True}, Reason.HIDDEN),
    ({"eleventyExcludeFromCollections": True}, Reason.HIDDEN),
    ({"password": "open sesame"}, Reason.HIDDEN),
    ({"password": 1234}, Reason.HIDDEN),
    ({"build": {"list": "never"}}, Reason.HIDDEN),
    ({"_build": {"render": "never", "list": "always"}}, Reason.HIDDEN),
    ({"_build": {"list": False}}, Reason.HIDDEN),
    ({"build": {"list": "local"}}, Reason.HIDDEN),
    ({"build": {"render": False}}, Reason.HIDDEN),
]
IN_OTHER_DIALECTS = [
    ({"published": "0"}, Reason.UNPUBLISHED),
    ({"published": True, "publish": False}, Reason.UNPUBLISHED),
    ({"permalink": False}, Reason.HIDDEN),
]
SHOWN: list[dict[str, Any]] = [
    {"draft": False, "isDraft": "False", "published": "yes", "publish": True, "public": 1},
    {"draft": None, "status": "", "visibility": None, "private": [], "build": {}, "password": ""},
    {"status": "Published"},
    {"status": "publish", "visibility": "public"},
    {"status": "future"},
    {"status": "scheduled"},
    {"status": True},
    {"status": 1},
    {"private": False, "hidden": "no", "unlisted": 0, "headless": False},
    {"password": False},
    {"build": {"list": "always", "render": "link"}},
    {"build": 117, "permalink": "/robots/"},
    {"feed": {"excerpt_only": True}},
    {"noindex": True, "robots": "noindex", "sitemap": False, "search": False},
]
UNCLEAR: list[dict[str, Any]] = [
    {"status": "wip"},
    {"status": ["draft"]},
    {"status": {"is": "draft"}},
    {"visibility": "some"},
    {"draft": [True]},
    {"draft": {"until": "2027-01-01"}},
    {"draft": "perhaps"},
    {"published": "perhaps"},
    {"published": [False]},
    {"private": "for now"},
    {"eleventyExcludeFromCollections": ["posts"]},
]


# Words of `status` and `visibility` in exports of other programs, by what comes of them; None: it is shown.
WORDS: dict[Reason | None, str] = {
    None: "published publish public live online active enabled listed visible everyone future scheduled",
    Reason.DRAFT: "draft drafts auto-draft pending unpublished",
    Reason.HIDDEN: (
        "hidden private unlisted internal members paid tiers password protected sent skip disabled inactive"
        " archived trash deleted removed expired"
    ),
}


def reading(fields: dict[str, Any], at: str = "news/a.md", *, dialect: Any = None) -> Reading:
    text = yaml.safe_dump({**NEEDED, **fields}, sort_keys=False)
    reader = Reader(site=Site(**SITE), fields=dialect)
    return reader.read(f"---\n{text}---\nText.\n".encode(), name=f"content/{at}", relative=at)


@pytest.mark.parametrize("dialect", [None, *DIALECTS])
@pytest.mark.parametrize(("fields", "reason"), HELD_BACK)
def test_what_programs_write_for_what_is_not_published_keeps_it_back(
    fields: dict[str, Any], reason: Reason, dialect: str | None
) -> None:
    found = reading(fields, dialect=dialect)
    assert isinstance(found, Excluded)
    assert found.reason is reason
    assert {finding.level for finding in found.findings} <= {Level.INFO}


@pytest.mark.parametrize("field", ["status", "visibility"])
@pytest.mark.parametrize("reason", WORDS)
def test_each_word_of_other_programs_is_known(reason: Reason | None, field: str) -> None:
    for word in WORDS[reason].split():
        found = reading({field: word})
        assert (found.reason if isinstance(found, Excluded) else None) is reason, word
        assert {finding.level for finding in found.findings} <= {Level.INFO}, word


@pytest.mark.parametrize(("fields", "reason"), IN_OTHER_DIALECTS)
def test_what_one_program_writes_is_understood_where_all_are(fields: dict[str, Any], reason: Reason) -> None:
    found = reading(fields)
    assert isinstance(found, Excluded)
    assert found.reason is reason


def test_the_key_that_keeps_an_article_back_is_named_to_whoever_asks() -> None:
    for fields in (
        {"visibility": "paid"},
        {"password": "x"},
        {"build": {"list": "never"}},
        {"private": True},
    ):
        (finding,) = reading(fields).findings
        assert (finding.what, finding.line) == (f"`{next(iter(fields))}` keeps this article back", 5)
        assert finding.level is Level.INFO


def test_each_spelling_of_yes_and_no_is_known() -> None:
    for word in ("true", "yes", "on", "y", "1", " YES "):
        assert reading({"draft": word}) == Excluded(reason=Reason.DRAFT), word
    for word in ("false", "no", "off", "n", "0", " NO "):
        found = reading({"draft": word})
        assert isinstance(found, Read), word
        assert found.findings == (), word


@pytest.mark.parametrize("fields", SHOWN)
def test_what_says_that_an_article_is_for_all_holds_nothing_back(fields: dict[str, Any]) -> None:
    found = reading(fields)
    assert isinstance(found, Read)
    assert found.findings == ()


@pytest.mark.parametrize("fields", UNCLEAR)
def test_what_cannot_be_made_out_keeps_an_article_back(fields: dict[str, Any]) -> None:
    found = reading(fields)
    assert isinstance(found, Excluded)
    (finding,) = found.findings
    assert finding.level is Level.WARNING
    assert finding.line == 5
    assert f"`{next(iter(fields))}`" in finding.what
    assert finding.what.endswith("so the article is kept back")
    assert "date" not in finding.hint


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("_drafts/a.md", Reason.DRAFT),
        ("news/_drafts/deep/a.md", Reason.DRAFT),
        ("news/a.draft.md", Reason.DRAFT),
        ("news/_a.md", Reason.LEFT_OUT),
        ("_index.md", Reason.LEFT_OUT),
        ("_news/a.md", None),
        ("news/a_.md", None),
        ("news/draft.md", None),
    ],
)
def test_names_of_files_and_folders_count_too(path: str, reason: Reason | None) -> None:
    found = reading({}, path)
    assert (found.reason if isinstance(found, Excluded) else None) is reason
    assert [finding.level for finding in found.findings] == [Level.INFO] * (reason is Reason.LEFT_OUT)


def test_a_name_that_means_something_else_here_can_be_left_alone(newsroom: Newsroom) -> None:
    newsroom.write("a.md", status="evergreen")
    newsroom.build()
    assert newsroom.items() == []
    newsroom.configure(content={"fields": {"status": []}})
    newsroom.build()
    assert newsroom.titles() == ["About a"]


def test_an_article_that_becomes_a_draft_is_withdrawn(newsroom: Newsroom) -> None:
    desk = Desk(newsroom)
    desk.configure(webhook(events=["published", "withdrawn"]))
    newsroom.build()
    desk.write("a.md")
    newsroom.build()
    desk.deliver()
    desk.write("a.md", status="draft")
    newsroom.build()
    desk.deliver()
    assert desk.box.told() == [("published", "About a"), ("withdrawn", "About a")]
    assert newsroom.items() == []


def test_a_date_where_yes_or_no_belongs_keeps_back_until_it_is_read_as_the_date() -> None:
    site = Site(**SITE)
    data = b"---\ntitle: Sound\npublished: 2026-05-01\n---\nText.\n"
    found = Reader(site=site).read(data, name="a.md", relative="a.md")
    assert isinstance(found, Excluded)
    (finding,) = found.findings
    fields = yaml.safe_load(finding.hint.split("`")[1])["content"]["fields"]
    read = Reader(site=site, fields=fields).read(data, name="a.md", relative="a.md")
    assert isinstance(read, Read)
    assert (read.article.published.date().isoformat(), read.findings) == ("2026-05-01", ())
