"""What `feedbot preview` foretells: the very text, and what is in the way of an article, stage by stage."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from console import Console, Today
from newsroom import Newsroom
from postbox import ALL, Desk, toots, webhook
from receiver import receiving

from feedbot.attempt import Busy, Denied, Gone, Refused, State, Unclear
from feedbot.errors import ConfigError, FeedbotError
from feedbot.model import EventKind
from feedbot.preview import Previewed, Prospect, preview_article
from feedbot.preview.forecast import NO_ID
from feedbot.sending.deliver import make_deliverer
from feedbot.store.schema import metadata
from feedbot.targets.http import json_body


@pytest.fixture
def desk(any_newsroom: Newsroom) -> Desk:
    """A newsroom with one webhook, after its first pass, on each kind of database."""
    desk = Desk(any_newsroom)
    desk.configure(webhook())
    any_newsroom.write("old.md", publishedDateTime="2026-05-30T08:00:00Z")
    any_newsroom.build()
    return desk


def foretell(desk: Desk, spelling: str = "one.md", **options: Any) -> Previewed:
    """What a preview says, with postboxes in place of senders."""
    return preview_article(
        desk.newsroom.config,
        spelling,
        desk.newsroom.now,
        make=lambda target, _: desk.boxes[target.name],
        **options,
    )


def prospect(desk: Desk, spelling: str = "one.md", target: str = "box") -> Prospect:
    (found,) = [one for one in foretell(desk, spelling).prospects if one.target == target]
    return found


def told(desk: Desk, spelling: str = "one.md", target: str = "box") -> tuple[str, list[str]]:
    """Whether the article goes out, and the stages at which something is in the way."""
    found = prospect(desk, spelling, target)
    return found.verdict, [obstacle.stage.value for obstacle in found.obstacles]


# --- each stage ---


def test_an_article_that_was_never_looked_at_goes_out(desk: Desk) -> None:
    desk.write("one.md")
    found = prospect(desk)
    assert (found.verdict, found.obstacles, found.event) == ("now", [], EventKind.PUBLISHED)
    assert found.preview
    assert found.preview.text == "About one"


@pytest.mark.parametrize(
    ("front", "reason"),
    [
        ({"draft": True}, "kept out of the feeds: draft"),
        ({"published": False}, "kept out of the feeds: unpublished"),
        ({"publishedDateTime": None}, "kept out of the feeds: undated"),
        ({"expiresDateTime": "2026-05-31T00:00:00Z"}, "expired"),
        ({"publishedDateTime": "whenever"}, "cannot be read: "),
        ({"title": None}, "cannot be read: no title"),
    ],
    ids=str,
)
def test_a_file_that_is_no_article_for_readers_says_why(
    desk: Desk, front: dict[str, Any], reason: str
) -> None:
    desk.write("one.md", **front)
    (obstacle,) = prospect(desk).obstacles
    assert obstacle.stage == "file"
    assert obstacle.reason.startswith(reason)
    assert prospect(desk).verdict == "no"


def test_a_file_that_is_left_out_gone_or_somebody_elses_says_so(desk: Desk) -> None:
    desk.configure(webhook(), content={"exclude": ["drafts/"]})
    desk.write("drafts/one.md")
    (obstacle,) = prospect(desk, "drafts/one.md").obstacles
    assert "content.exclude" in obstacle.reason
    elsewhere = desk.newsroom.folder / "elsewhere"
    desk.newsroom.content.joinpath("link").symlink_to(elsewhere)
    elsewhere.mkdir()
    (elsewhere / "one.md").write_text("---\ntitle: Not ours\n---\n")
    (obstacle,) = prospect(desk, "link/one.md").obstacles
    assert "a symbolic link to a folder is not followed" in obstacle.reason
    (desk.newsroom.content / "old.md").unlink()
    (gone, *_) = prospect(desk, "old.md").obstacles
    assert (gone.stage, gone.reason) == ("file", "the file is gone")
    desk.write("two.md", id="same")
    desk.newsroom.build()
    desk.write("three.md", id="same")
    (double,) = prospect(desk, "three.md").obstacles
    assert (double.stage, "already belongs to content/two.md" in double.reason) == ("file", True)


def test_a_broken_file_leaves_the_last_good_version_to_be_sent(desk: Desk) -> None:
    path = desk.write("one.md")
    desk.newsroom.build()
    path.write_text("---\ntitle: [x\n---\n")
    previewed = foretell(desk)
    assert [finding.line for finding in previewed.rehearsal.findings] == [2]
    (found,) = previewed.prospects
    assert found.preview
    assert (found.verdict, found.preview.text) == ("later", "About one")  # still settling


def test_an_article_of_the_future_says_when_and_what_it_will_be(desk: Desk) -> None:
    desk.configure(webhook(), webhook("law", where={"topics": ["Law"]}))
    desk.newsroom.build()
    desk.write("one.md", publishedDateTime="2026-09-01T08:00:00Z")
    assert told(desk) == ("later", ["date"])
    (date,) = prospect(desk).obstacles
    assert date.until == datetime(2026, 9, 1, 8, tzinfo=UTC)
    assert told(desk, target="law") == ("no", ["date", "where"])


def test_what_was_announced_says_when_and_by_which_delivery(desk: Desk) -> None:
    desk.write("one.md")
    desk.newsroom.build()
    desk.deliver()
    (obstacle,) = prospect(desk).obstacles
    assert obstacle.stage == "announced"
    assert "2026-06-01T12:00:03Z" in obstacle.reason
    assert desk.rows()[0].row.id[4:12] in obstacle.reason


def test_what_was_announced_is_known_when_its_delivery_is_forgotten(desk: Desk) -> None:
    desk.configure(webhook(), announce={"keep": "1d"})
    desk.write("one.md")
    desk.newsroom.build()
    desk.deliver()
    desk.deliver(days=3)
    assert desk.rows() == []
    assert told(desk) == ("no", ["announced"])


def test_what_was_there_before_the_target_is_baseline(desk: Desk) -> None:
    assert told(desk, "old.md") == ("no", ["baseline"])
    desk.write("one.md")
    desk.newsroom.build()
    desk.configure(webhook(), webhook("late"))
    desk.newsroom.build()
    assert told(desk, target="late") == ("no", ["baseline"])


def test_a_target_that_the_next_pass_sets_up_does_not_get_what_comes_with_it(desk: Desk) -> None:
    desk.configure(webhook(), webhook("late"))
    desk.write("one.md")
    (obstacle,) = prospect(desk, target="late").obstacles
    assert (obstacle.stage, "the target is new" in obstacle.reason) == ("baseline", True)
    desk.newsroom.build()
    desk.deliver()
    assert desk.boxes["late"].got == []


def test_a_target_that_was_set_up_late_gets_what_came_after_it(desk: Desk) -> None:
    for name in ("a.md", "b.md", "c.md"):
        desk.write(name)
    desk.newsroom.build()
    desk.configure(webhook(), webhook("late"))
    desk.newsroom.build()
    desk.write("one.md")
    assert told(desk, target="late") == ("now", [])
    assert told(desk, "a.md", target="late") == ("no", ["baseline"])


def test_an_event_that_the_target_does_not_take_is_named(desk: Desk) -> None:
    desk.configure(webhook(events=["withdrawn"]))
    desk.write("one.md")
    (obstacle,) = prospect(desk).obstacles
    assert (obstacle.stage, obstacle.reason) == ("event", "it does not take the event published")
    desk.configure(webhook(events=["withdrawn"], where={"min_heat": 50}))
    desk.write("two.md", publishedDateTime="2026-05-01T08:00:00Z")
    assert told(desk, "two.md") == ("no", ["event", "where", "age"])


def test_a_filter_and_an_age_are_named_before_and_after_the_pass(desk: Desk) -> None:
    desk.configure(webhook(where={"min_heat": 50}), webhook("all"))
    desk.newsroom.build()
    desk.write("one.md", publishedDateTime="2026-05-01T08:00:00Z")
    for expected in ("before", "after"):
        where, too = prospect(desk).obstacles
        assert (where.stage, where.reason) == ("where", "its where.min_heat does not match"), expected
        (age,) = prospect(desk, target="all").obstacles
        for found in (too, age):
            assert (found.stage, found.reason) == (
                "age", "published 31 days ago, more than announce.max_age"
            ), expected  # fmt: skip
        desk.newsroom.build()


def test_what_waits_too_long_to_be_sent_is_too_old_by_then(desk: Desk) -> None:
    desk.configure(webhook(), announce={"max_age": "2d"})
    desk.write("one.md")
    desk.newsroom.build()
    desk.newsroom.later(days=3)
    assert told(desk) == ("no", ["age"])
    desk.deliver()
    assert desk.states() == [("published", State.SKIPPED)]


def test_what_is_held_says_how_to_release_it(desk: Desk) -> None:
    desk.configure(webhook(), announce={"burst": 1})
    desk.write("one.md")
    desk.write("two.md")
    desk.newsroom.build()
    desk.newsroom.later(minutes=1)
    (obstacle,) = prospect(desk).obstacles
    assert (obstacle.stage, obstacle.reason) == ("held", "more than 1 came at once")
    assert obstacle.hint.startswith("`feedbot deliveries release ")


@pytest.mark.parametrize(
    ("outcome", "verdict", "stages"),
    [
        (Refused(reason="why"), "no", ["dead"]),
        (Unclear(reason="why"), "later", ["retry"]),
        (Busy(reason="why"), "later", ["retry", "target"]),
        (Denied(reason="why"), "later", ["retry", "target"]),
        (Gone(reason="why"), "no", ["target"]),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str | list) else "",
)
def test_what_went_wrong_is_told_with_the_reason_and_the_time(
    desk: Desk, outcome: Any, verdict: str, stages: list[str]
) -> None:
    desk.write("one.md")
    desk.newsroom.build()
    desk.box.outcomes.append(outcome)
    desk.deliver()
    found = prospect(desk)
    assert (found.verdict, [one.stage.value for one in found.obstacles]) == (verdict, stages)
    assert all("why" in one.reason for one in found.obstacles)
    assert all(one.until is None or one.until > desk.newsroom.now for one in found.obstacles)
    assert all((one.until is None) == (verdict == "no") for one in found.obstacles)


def test_the_pace_of_a_target_says_when_the_next_one_goes(desk: Desk) -> None:
    desk.configure(webhook(max_per_hour=1))
    desk.newsroom.build()
    desk.write("one.md")
    desk.newsroom.build()
    desk.deliver()
    desk.write("two.md")
    (obstacle,) = prospect(desk, "two.md").obstacles
    assert (obstacle.stage, obstacle.until) == ("pace", desk.newsroom.now + timedelta(hours=1))


def test_feeds_that_cannot_be_written_hold_an_article_up(desk: Desk) -> None:
    (desk.newsroom.feeds / "law").mkdir()
    (desk.newsroom.feeds / "law/rss.xml").write_text("not ours")
    desk.write("one.md", topics=["Law"])
    desk.newsroom.build()
    assert told(desk) == ("no", ["feeds"])


def test_everything_that_is_in_the_way_is_told_in_the_order_of_the_way(desk: Desk) -> None:
    desk.configure(webhook(where={"min_heat": 50}, max_per_hour=1))
    desk.newsroom.build()
    desk.write("hot.md", heat=60)
    desk.newsroom.build()
    desk.deliver()
    desk.write("hotter.md", heat=70)
    desk.newsroom.build()
    desk.box.outcomes.append(Denied(reason="the key is wrong"))
    desk.deliver(hours=1)
    desk.write("one.md", publishedDateTime="2026-06-01T13:30:00Z")
    assert told(desk) == ("no", ["date", "where", "target"])


# --- later events ---


def test_a_change_goes_out_where_it_is_taken_and_the_article_was_told(desk: Desk) -> None:
    desk.configure(webhook(events=ALL), webhook("first"), toots("toots", on_update="edit"))
    desk.newsroom.build()
    desk.write("one.md")
    desk.newsroom.build()
    desk.deliver()
    desk.write("one.md", title="Better")
    assert told(desk) == ("now", [])
    assert prospect(desk).event is EventKind.UPDATED
    assert told(desk, target="toots") == ("now", [])
    assert told(desk, target="first") == ("no", ["announced", "event"])


def test_a_change_of_an_article_that_was_never_told_is_no_news(desk: Desk) -> None:
    desk.configure(webhook(), toots("toots", on_update="edit"))
    desk.newsroom.build()
    desk.newsroom.write("old.md", title="Better", publishedDateTime="2026-05-30T08:00:00Z")
    found = prospect(desk, "old.md", "toots")
    assert [one.stage for one in found.obstacles] == ["baseline", "decided"]
    assert "never announced here" in found.obstacles[1].reason


def test_a_withdrawal_goes_out_where_it_is_taken(desk: Desk) -> None:
    desk.configure(webhook(events=ALL), webhook("first"))
    desk.newsroom.build()
    desk.write("one.md")
    desk.newsroom.build()
    desk.deliver()
    desk.write("one.md", published=False)
    assert told(desk) == ("now", [])
    assert prospect(desk).event is EventKind.WITHDRAWN
    assert told(desk, target="first")[1] == ["file", "announced", "event"]


# --- it foretells what happens ---

ARTICLES: dict[str, Callable[[Desk], object]] = {
    "plain": lambda desk: desk.write("one.md"),
    "hot": lambda desk: desk.write("one.md", heat=80),
    "law": lambda desk: desk.write("one.md", topics=["Law"]),
    "ancient": lambda desk: desk.write("one.md", publishedDateTime="2025-01-01T00:00:00Z"),
    "draft": lambda desk: desk.write("one.md", draft=True),
    "broken": lambda desk: desk.newsroom.write_raw("one.md", "---\ntitle: [x\n---\n"),
    "future": lambda desk: desk.write("one.md", publishedDateTime="2026-06-02T00:00:00Z"),
    "expired": lambda desk: desk.write("one.md", expiresDateTime="2026-05-31T00:00:00Z"),
}


@pytest.mark.parametrize("article", ARTICLES)
def test_what_is_foretold_to_go_out_does_and_nothing_else(newsroom: Newsroom, article: str) -> None:
    desk = Desk(newsroom)
    desk.configure(
        webhook("all", events=ALL),
        webhook("law", where={"topics": ["Law"]}),
        webhook("hot", where={"min_heat": 50}),
        webhook("changes", events=["updated"]),
    )
    newsroom.build()
    ARTICLES[article](desk)
    foretold = {one.target for one in foretell(desk).prospects if one.verdict == "now"}
    newsroom.build()
    desk.deliver()
    assert foretold == {name for name, box in desk.boxes.items() if box.got}


# --- what it leaves alone, and what it does without ---


def everything_in(desk: Desk) -> Any:
    return desk.newsroom.scalar(
        lambda connection: {
            table.name: connection.execute(table.select()).all() for table in metadata.sorted_tables
        }
    )


def test_a_preview_changes_nothing(desk: Desk) -> None:
    desk.write("one.md")
    desk.newsroom.build()
    desk.write("one.md", title="Better")
    desk.write("two.md")
    before, output = everything_in(desk), desk.newsroom.snapshot()
    for spelling in ("one.md", "two.md", "old.md"):
        foretell(desk, spelling)
    assert everything_in(desk) == before
    assert desk.newsroom.snapshot() == output
    assert desk.box.got == []


def test_without_a_state_it_shows_the_text_and_says_what_is_not_known(newsroom: Newsroom) -> None:
    desk = Desk(newsroom)
    desk.configure(webhook())
    desk.write("one.md")
    previewed = foretell(desk)
    assert previewed.remark.startswith("what was announced is not known: there is no state yet")
    (found,) = previewed.prospects
    assert found.preview
    assert found.preview.text == "About one"
    assert [one.reason for one in found.obstacles] == [
        "the next pass is the first look at the content, which announces nothing"
    ]
    assert not (newsroom.folder / ".feedbot").exists()


def test_an_account_that_cannot_be_reached_is_previewed_by_the_usual_limits(newsroom: Newsroom) -> None:
    newsroom.configure(targets=[toots(base_url="http://127.0.0.1:9/", timeout="1s")])
    newsroom.build()
    newsroom.write("one.md")
    (found,) = preview_article(newsroom.config, "one.md", newsroom.now).prospects
    assert found.preview
    assert "https://publisher.example/one" in found.preview.text
    assert found.preview.limit == 500
    assert any("could not be asked" in note for note in found.preview.notes)


def test_the_text_is_what_is_sent_to_the_letter(newsroom: Newsroom) -> None:
    desk = Today(newsroom)
    with receiving() as receiver:
        desk.configure(webhook(url=receiver.url))
        newsroom.build()
        desk.write("one.md", title="Grüße & <b>more</b>", topics=["AI", "C++"])
        newsroom.build()
        (shown,) = Console(newsroom).json("preview", "one.md")["targets"]
        make_deliverer(newsroom.config, newsroom.engine, redact=str).run_due()
    (sent,) = receiver.requests
    assert json_body(json.loads(shown["text"])) == sent.body


# --- how an article is named ---


@pytest.mark.parametrize("is_known", [True, False])
def test_an_article_is_named_by_path_id_or_link(
    newsroom: Newsroom, is_known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(newsroom)
    desk.configure(webhook())
    newsroom.build()
    path = desk.write("deep/ä one.md", id="my own", webUrl="https://publisher.example/an?a=1&b=2")
    desk.write("deep/other one.md")
    if is_known:
        newsroom.build()
    monkeypatch.chdir(path.parent)
    for spelling in (
        "deep/ä one.md", "content/deep/ä one.md", str(path), "ä one.md", "../deep/ä one.md",
        "tag:news.example.com,2026:my%20own", "https://publisher.example/an?a=1&b=2",
    ):  # fmt: skip
        assert foretell(desk, spelling).rehearsal.name == "content/deep/ä one.md", spelling
    other = foretell(desk, "tag:news.example.com,2026:deep/other%20one.md")
    assert other.rehearsal.name == "content/deep/other one.md"
    assert other.rehearsal.scene.article_id == "tag:news.example.com,2026:deep/other%20one.md"


def test_what_is_not_there_is_said_with_what_to_give(desk: Desk) -> None:
    with pytest.raises(FeedbotError, match="its path below the content folder, its id or its link"):
        foretell(desk, "nowhere.md")
    desk.write("one.md")
    with pytest.raises(ConfigError, match=r"config\.yaml has no target 'bix'; there are: box"):
        foretell(desk, only="bix")


def test_an_article_that_was_renamed_is_the_same(desk: Desk) -> None:
    desk.write("one.md")
    desk.newsroom.build()
    desk.deliver()
    (desk.newsroom.content / "one.md").rename(desk.newsroom.content / "two.md")
    desk.newsroom.build()
    assert told(desk, "two.md") == ("no", ["announced"])
    assert foretell(desk, "two.md").rehearsal.scene.article_id.endswith(":one.md")


# --- the command ---


def test_the_command_shows_verdict_stage_and_text(newsroom: Newsroom) -> None:
    desk = Today(newsroom)
    desk.configure(webhook(), webhook("hot", where={"min_heat": 50}))
    newsroom.build()
    desk.write("one.md")
    said = Console(newsroom).run("preview", "one.md")
    assert said.startswith("content/one.md: About one\ntag:news.example.com,2026:one.md\n")
    assert "\nbox (webhook): published goes out\n" in said
    assert "\nhot (webhook): published does not go out\n  where: its where.min_heat does not match\n" in said
    assert '  |     "title": "About one",\n' in said
    assert NO_ID not in said
    assert "hot" not in Console(newsroom).run("preview", "one.md", "--target", "box")


def test_length_limit_and_picture_are_shown(newsroom: Newsroom) -> None:
    newsroom.configure(targets=[{"name": "chat", "type": "mattermost", "url": "https://chat.example/x"}])
    newsroom.build()
    newsroom.write("one.md", images=[{"url": "https://pics.example/a.png", "title": "A robot"}])
    said = Console(newsroom).run("preview", "one.md")
    assert "  picture: https://pics.example/a.png\n" in said
    assert "described as: nothing" not in said  # Mattermost has no place for that
    (shown,) = Console(newsroom).json("preview", "one.md")["targets"]
    assert shown["length"] < shown["limit"]
    assert f"  length: {shown['length']} of {shown['limit']:,}\n" in said


PRIVATE = "the picture will not be fetched: its address lies in a private network"


@pytest.mark.parametrize(
    ("url", "note"),
    [
        ("https://pics.example/a.png", "the picture is not fetched by a preview"),
        ("http://192.168.1.5/a.png", PRIVATE),
        ("http://[::1]:8000/a.png", PRIVATE),
        ("http://localhost/a.png", PRIVATE),
    ],
)
def test_a_picture_that_would_never_be_fetched_is_named(newsroom: Newsroom, url: str, note: str) -> None:
    with receiving() as receiver:
        newsroom.configure(targets=[toots("toots", base_url=receiver.url)])
        newsroom.build()
        newsroom.write("one.md", images=[{"url": url}])
        said = Console(newsroom).run("preview", "one.md")
    assert f"  note: {note}" in said


def test_an_article_of_the_future_is_told_with_its_date(newsroom: Newsroom) -> None:
    newsroom.configure(targets=[webhook()])
    newsroom.build()
    newsroom.write("one.md", publishedDateTime="2999-01-01T09:00:00Z")
    said = Console(newsroom).run("preview", "one.md")
    assert "\n  date: waits for its date, 2999-01-01T09:00:00Z\n" in said


def test_a_file_that_cannot_be_used_ends_the_command_with_one(newsroom: Newsroom) -> None:
    newsroom.configure(targets=[webhook()])
    newsroom.build()
    newsroom.write_raw("bad.md", "---\ntitle: [x\n---\n")
    console = Console(newsroom)
    said = console.run("preview", "bad.md", code=1)
    assert "content/bad.md:2:8: error: " in said
    assert "box (webhook): does not go out\n  file: cannot be read: " in said
    assert console.refused("preview", "nowhere.md").startswith("feedbot: no article is known by 'nowhere.md'")
    assert "has no target 'bix'" in console.refused("preview", "bad.md", "--target", "bix", code=2)


def test_without_targets_it_says_where_to_read_on(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    assert "config.yaml has no targets" in Console(newsroom).run("preview", "one.md")


def test_without_targets_it_still_says_what_keeps_the_article_back(newsroom: Newsroom) -> None:
    newsroom.write("one.md", publishedDateTime="2999-01-01T09:00:00Z")
    newsroom.write("two.md", draft=True)
    console = Console(newsroom)
    assert "\n  date: waits for its date, 2999-01-01T09:00:00Z\n" in console.run("preview", "one.md")
    assert "\n  file: kept out of the feeds: draft\n" in console.run("preview", "two.md")
