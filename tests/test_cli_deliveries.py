"""What an operator sees of deliveries and targets, and what his word does to them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from console import Console, Today, at_once
from newsroom import Newsroom
from postbox import ALL, toots, webhook
from receiver import Reply, receiving
from sqlalchemy import event as sqlalchemy_event
from terminal import on_terminal

from feedbot.attempt import (
    Answer,
    Busy,
    Delivery,
    Denied,
    Gone,
    Outcome,
    Refused,
    Retry,
    Sent,
    State,
    Unclear,
)
from feedbot.model import EventKind
from feedbot.operator.ledger import hint_for, list_deliveries, shorten_ids
from feedbot.operator.steering import DROPPED, Word, meant, told
from feedbot.report.passes import log_pass
from feedbot.sending.deliver import make_deliverer
from feedbot.settlement import Condition, Health
from feedbot.store import deliveries, targets
from feedbot.store.db import from_us, to_us
from feedbot.store.deliveries import AnnouncementRow, DeliveryRow
from feedbot.store.inquiry import Selection
from feedbot.targets import TARGETS

ROOT = Path(__file__).parent.parent
ANNOUNCING = (ROOT / "docs" / "announcing.md").read_text(encoding="utf-8")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def desk(any_newsroom: Newsroom) -> Today:
    """A newsroom with one webhook, after its first pass, on each kind of database."""
    desk = Today(any_newsroom)
    desk.configure(webhook())
    any_newsroom.build()
    return desk


@pytest.fixture
def small(newsroom: Newsroom) -> Today:
    """The same on SQLite."""
    desk = Today(newsroom)
    desk.configure(webhook())
    newsroom.build()
    return desk


@pytest.fixture
def console(desk: Today) -> Console:
    return Console(desk.newsroom)


def answer(status: int, body: bytes = b"") -> Answer:
    return Answer(status=status, headers={}, body=body, at=NOW, seconds=0.25)


def titles(listed: Any) -> list[str]:
    return [one["article"]["title"].removeprefix("About ") for one in listed["deliveries"]]


def only_id(console: Console, *filters: str) -> str:
    (one,) = console.json("deliveries", "list", *filters)["deliveries"]
    return str(one["id"])


def row(state: State = State.PENDING, **values: Any) -> DeliveryRow:
    whole = {
        "id": "msg_0123456789abcdef0123456789abcdef", "target": "box", "article_key": 1, "event_number": 1,
        "event": EventKind.PUBLISHED, "at_us": to_us(NOW), "due_us": to_us(NOW) + 5, "state": state,
    }  # fmt: skip
    return AnnouncementRow(**{**whole, **values})


# --- list ---


def test_deliveries_are_listed_the_newest_first_with_the_reason_on_demand(
    desk: Today, console: Console
) -> None:
    desk.publish("one.md", "two.md")
    desk.box.outcomes.append(Refused(reason="the receiver does not want it"))
    desk.deliver()
    lines = console.run("deliveries", "list").splitlines()
    assert lines[0].split() == ["ID", "STATE", "EVENT", "TARGET", "WHEN", "TITLE"]
    assert [line.split()[1:4] for line in lines[1:]] == [
        ["sent", "published", "box"],
        ["dead", "published", "box"],
    ]
    assert [line[-len("About one") :] for line in lines[1:]] == ["About two", "About one"]
    assert "    the receiver does not want it" in console.run("deliveries", "list", "-v").splitlines()


def test_nothing_to_list_is_said_with_what_to_do_next(desk: Today, console: Console) -> None:
    assert console.json("deliveries", "list") == {"deliveries": [], "has_more": False}
    said = console.run("deliveries", "list")
    assert said.startswith("Nothing was announced yet. `feedbot preview ARTICLE` shows what each target")
    said = console.run("deliveries", "list", "--state", "dead")
    assert said.startswith("No delivery matches. Without filters, `feedbot deliveries list` shows")
    desk.configure()
    assert "config.yaml has no targets: `feedbot targets --help` shows" in console.run("deliveries", "list")


@pytest.fixture
def busy(desk: Today) -> Today:
    """Two targets and three articles, one of them changed later, an hour apart."""
    desk.configure(webhook(events=ALL), webhook("other", where={"topics": ["Law"]}))
    desk.newsroom.build()
    desk.newsroom.later(hours=-5)
    for name, front in (("one.md", {}), ("two.md", {"topics": ["Law"]}), ("three.md", {})):
        desk.newsroom.later(hours=1)
        desk.publish(name, **front)
        desk.deliver()
    desk.newsroom.later(hours=1)
    desk.publish("one.md", title="About uno")
    return desk


FOUND = {
    "": "uno three three two two uno uno",
    "--target other": "three two uno",
    "--target other --state sent": "two",
    "--state pending --state skipped": "uno three uno",
    "--event updated": "uno",
    "--article content/two.md": "two two",
    "--article two.md --target box": "two",
    "--article tag:news.example.com,2026:two.md": "two two",
    "--article https://publisher.example/two": "two two",
    "--since 150m": "uno three three",
    "--since 150m --until 90m": "three three",
    "--until 2020-01-01": "",
    "--limit 2": "uno three",
}


def test_a_list_shows_what_its_filters_ask_for(busy: Today) -> None:
    console = Console(busy.newsroom)
    listed = {filters: console.json("deliveries", "list", *filters.split()) for filters in FOUND}
    assert {filters: " ".join(titles(one)) for filters, one in listed.items()} == FOUND
    assert [filters for filters, one in listed.items() if one["has_more"]] == ["--limit 2"]


def test_an_article_can_be_named_by_any_path_to_its_file(
    small: Today, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small.write("deep/one.md")
    small.newsroom.build()
    monkeypatch.chdir(path.parent)
    console = Console(small.newsroom)
    for spelling in (str(path), "one.md", "./one.md", "../deep/one.md", "deep/one.md", "content/deep/one.md"):
        assert titles(console.json("deliveries", "list", "--article", spelling)) == ["one"], spelling


@pytest.mark.parametrize(
    ("filters", "code", "words"),
    [
        (("--article", "nowhere.md"), 1, "give its path below the content folder"),
        (("--target", "bax"), 2, "no target is called 'bax'; there are: box"),
        (("--state", "late"), 2, "'pending', 'held'"),
        (("--since", "yesterday"), 2, "a date, a date and time, or a duration such as 2h"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_filter_that_means_nothing_is_refused_with_what_to_give_instead(
    small: Today, filters: tuple[str, ...], code: int, words: str
) -> None:
    assert words in Console(small.newsroom).refused("deliveries", "list", *filters, code=code)


def test_a_range_that_is_empty_is_refused(small: Today) -> None:
    for command in ("list", "retry"):
        said = Console(small.newsroom).refused(
            "deliveries", command, "--since", "2h", "--until", "3h", code=2
        )
        assert "the range is empty: --since has to be before --until" in said


def test_an_id_that_the_filters_leave_out_is_not_called_unknown(small: Today) -> None:
    small.configure(webhook(), webhook("other", where={"topics": ["Law"]}))
    small.newsroom.build()
    small.publish("one.md")
    console = Console(small.newsroom)
    id_ = only_id(console, "--target", "box").removeprefix("msg_")[:8]
    said = console.refused("deliveries", "retry", id_, "--target", "other")
    assert said == f"feedbot: the filters leave out the delivery {id_}: give its id alone\n"


def test_ids_are_shown_as_short_as_they_are_different() -> None:
    ids = ["msg_0123456789aaaa", "msg_0123456789bbbb"]
    assert [shorten_ids(ids)(id_) for id_ in ids] == ["0123456789a", "0123456789b"]
    assert shorten_ids(ids[:1])(ids[0]) == "01234567"


def test_the_list_fits_a_terminal_and_is_whole_in_a_pipe(newsroom: Newsroom) -> None:
    desk = Today(newsroom)
    desk.configure(webhook("a-target-with-a-rather-long-name"))
    newsroom.build()
    title = "東京の記事 " + "and so on " * 12
    desk.publish("one.md", title=title)
    newsroom.close()
    (shown,) = on_terminal(["deliveries", "list", "-v"], folder=newsroom.folder)
    assert max(map(len, shown.lines)) <= 80
    assert shown.lines[2].endswith("…")
    assert title.strip() in at_once("deliveries", "list", folder=newsroom.folder).stdout


def test_a_title_cannot_play_with_the_terminal(small: Today) -> None:
    small.publish("one.md")
    one = small.rows()[0]
    small.newsroom.scalar(
        lambda connection: connection.exec_driver_sql(
            "update articles set body = ?", (json.dumps({"title": "a\x1b[2Jb\nc"}),)
        )
    )
    shown = Console(small.newsroom)
    assert r"a\x1b[2Jb\nc" in shown.run("deliveries", "list")
    assert "\x1b" not in shown.run("deliveries", "show", one.row.id)


def test_a_large_outbox_is_listed_by_two_statements(small: Today) -> None:
    small.publish("one.md")
    (first,) = small.rows()
    with small.newsroom.engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into events (number, article_key, kind, at_us, announced_us)"
            " with recursive n(i) as (select 1000 union all select i + 1 from n where i < 10999)"
            " select i, ?, 'updated', i, i from n",
            (first.row.article_key,),
        )
        numbers = range(1000, 11_000)
        rows = [row(id=f"msg_{n:032x}", article_key=first.row.article_key, event_number=n,
                    event=EventKind.UPDATED) for n in numbers]  # fmt: skip
        deliveries.add(connection, rows)
    said: list[str] = []
    with small.newsroom.engine.begin() as connection:
        sqlalchemy_event.listen(connection, "before_cursor_execute", lambda *heard: said.append(heard[2]))
        listed = list_deliveries(connection, Selection(), 50)
    assert len(listed.shown) == 50
    assert listed.has_more
    assert len(said) == 2  # for the deliveries, and for targets that are disabled
    console = Console(small.newsroom)
    ids = [one["id"] for one in console.json("deliveries", "list", "--limit", "20000")["deliveries"]]
    assert len(ids) == 10_001
    assert console.json("deliveries", "drop", *ids, "--dry-run")["changed"] == 10_001  # as xargs gives them
    assert console.json("deliveries", "drop", "--all")["changed"] == 10_001


# --- show ---


def test_a_delivery_is_shown_with_every_attempt_and_what_the_server_said(
    desk: Today, console: Console
) -> None:
    desk.publish("one.md")
    desk.box.outcomes += [
        Retry(reason="the server failed", answer=answer(500, b"<h1>Oh\nno</h1>")),
        Sent(receipt={"url": "https://social.example/@news/1", "id": "1"}),
    ]
    desk.deliver()
    desk.deliver(seconds=10)
    id_ = only_id(console)
    shown = console.run("deliveries", "show", id_)
    assert re.search(r"^  \S+Z  retry  500  0.25 s  the server failed$", shown, re.MULTILINE)
    assert "    said: <h1>Oh\\nno</h1>\n" in shown
    assert re.search(r"^  \S+Z  sent$", shown, re.MULTILINE)
    assert "url: https://social.example/@news/1, id: 1" in shown
    assert "content/one.md" in shown
    assert shown.splitlines()[-1].startswith("Next       ")
    told = console.json("deliveries", "show", id_)
    assert told["receipt"]["url"] == "https://social.example/@news/1"
    assert [attempt["outcome"] for attempt in told["history"]] == ["retry", "sent"]
    assert told["posted"] == told["settled"]


@pytest.mark.parametrize(
    ("body", "is_told"),
    [
        (b"Slow down,\n please", False),
        (b'{"error": "slow down, please"}', False),
        (b'{"error": "slow down, please", "code": 7}', True),
        (b"Slow down, please, or we close the account", True),
    ],
)
def test_what_a_server_said_is_not_told_twice(small: Today, body: bytes, *, is_told: bool) -> None:
    small.publish("one.md")
    small.box.outcomes.append(
        Retry(reason="answered 429 Too Many Requests: slow down, please", answer=answer(429, body))
    )
    small.deliver()
    console = Console(small.newsroom)
    shown = ("deliveries", "show", only_id(console))
    assert ("said:" in console.run(*shown)) is is_told
    assert "said:" in console.run(*shown, "-v")


def test_attempts_that_do_not_count_are_told_from_those_that_do(desk: Today, console: Console) -> None:
    desk.publish("one.md")
    desk.box.outcomes += [Busy(reason="asleep", answer=answer(503)), Sent(receipt={"id": "1", "digest": "x"})]
    desk.deliver()
    desk.deliver(minutes=5)
    shown = console.run("deliveries", "show", only_id(console))
    assert "\nAttempts   1 that counts\n" in shown
    assert "\nNoted      id: 1\n" in shown
    assert "\nNoted      id: 1, digest: x\n" in console.run("deliveries", "show", only_id(console), "-v")


def test_long_reasons_are_wrapped_between_words_on_a_terminal_and_whole_in_a_pipe(newsroom: Newsroom) -> None:
    desk = Today(newsroom)
    desk.configure(webhook())
    newsroom.build()
    desk.publish("one.md")
    reason = "the gateway said something rather longwinded " * 4 + "with an end"
    desk.box.outcomes.append(Gone(reason=reason, answer=answer(410, b"so many words of it " * 20)))
    desk.deliver()
    id_ = desk.rows()[0].row.id
    newsroom.close()
    commands = (
        ("status",), ("targets", "list"), ("deliveries", "list", "-v"), ("deliveries", "show", id_),
        ("preview", "one.md"), ("check", "--online"),
    )  # fmt: skip
    for command, shown in zip(commands, on_terminal(*commands, folder=newsroom.folder), strict=True):
        assert max(map(len, shown.lines)) <= 80, command
        words = " ".join(shown.text.split())
        assert reason in words, command
        assert words.count("so many words") <= 8, command  # two lines of what was said
        assert reason in at_once(*command, folder=newsroom.folder).stdout, command


def test_a_delivery_is_named_by_the_beginning_of_its_id(desk: Today, console: Console) -> None:
    desk.publish("one.md", "two.md")
    first, second = (one.row.id for one in desk.rows())
    for spelling in (first, first[:12], first.removeprefix("msg_")[:8]):
        assert console.json("deliveries", "show", spelling)["id"] == first
    for start in ("m", "msg", "msg_"):
        refused = console.refused("deliveries", "show", start)
        assert f"2 deliveries have ids that begin with {start}: give more of it" in refused
    assert "2 deliveries have ids" in console.refused("deliveries", "drop", "msg")
    assert "`feedbot deliveries list`" in console.refused("deliveries", "show", "zzz")
    assert "`feedbot deliveries list`" in console.refused("deliveries", "drop", second, "zzz")
    assert {one.row.state for one in desk.rows()} == {State.PENDING}
    # What a database would take for a pattern is none.
    assert "no delivery" in console.refused("deliveries", "show", "%")


@pytest.mark.parametrize("state", State)
def test_every_state_says_what_happens_next_and_what_can_be_done(state: State) -> None:
    hint = hint_for(row(state), Health())
    assert re.search(r"`feedbot \w+ \w+ 01234567`|lease", hint)
    words = re.findall(r"`feedbot deliveries (\w+) 01234567`", hint)
    assert all(told(Word(word), row(state), NOW) for word in words)
    assert words == ["release", "drop"] or state is not State.HELD


@pytest.mark.parametrize("state", State)
def test_of_what_a_removed_target_left_that_which_waits_can_be_forgotten(state: State) -> None:
    hint = hint_for(row(state), None)
    assert "box is no longer in config.yaml" in hint
    assert ("`feedbot deliveries drop 01234567`" in hint) == (told(Word.DROP, row(state), NOW) is not None)


@pytest.mark.parametrize(
    ("health", "words"),
    [
        (None, "no longer in config.yaml"),
        (Health(condition=Condition.DISABLED), "`feedbot targets resume box`"),
        (Health(condition=Condition.PAUSED), "`feedbot targets test box`"),
    ],
)
def test_what_waits_for_a_target_says_so(health: Health | None, words: str) -> None:
    assert words in hint_for(row(State.RETRY), health)


def told_and_withdrawn(desk: Today) -> tuple[str, str]:
    """The ids of an article's announcement and of its withdrawal, both sent."""
    desk.configure(webhook(events=ALL))
    desk.newsroom.build()
    desk.publish("one.md")
    desk.deliver()
    (desk.newsroom.content / "one.md").unlink()
    desk.newsroom.build()
    desk.deliver(seconds=10)
    published, withdrawn = (one.row.id for one in desk.rows())
    return published, withdrawn


def test_of_a_withdrawn_article_it_is_not_said_that_it_can_be_sent_again(
    desk: Today, console: Console
) -> None:
    published, withdrawn = told_and_withdrawn(desk)
    assert "no longer in the feeds" in console.json("deliveries", "show", published)["hint"]
    assert "`feedbot deliveries retry" in console.json("deliveries", "show", withdrawn)["hint"]


# --- retry ---


def test_what_is_not_so_any_more_is_not_sent_anew_and_the_reason_is_said_beforehand(
    desk: Today, console: Console
) -> None:
    published, withdrawn = told_and_withdrawn(desk)
    dry = console.run("deliveries", "retry", "--since", "1d", "--dry-run")
    assert "1 delivery would be sent" in dry
    assert (
        published.removeprefix("msg_")[:8] + " is left as it is: its article is no longer in the feeds" in dry
    )
    assert console.run("deliveries", "retry", published, code=1).startswith("Nothing was changed.")
    assert [state for _, state in desk.states()] == [State.SENT, State.SENT]
    assert "1 delivery is to be sent now." in console.run("deliveries", "retry", withdrawn)


@pytest.mark.parametrize("state", State)
def test_what_failed_or_was_not_sent_becomes_pending_with_all_its_attempts(state: State) -> None:
    before = row(state, attempts=10, reason="why", settled_us=1, first_tried_us=2, may_have_arrived=True)
    after = told(Word.RETRY, before, NOW)
    if state in {State.PENDING, State.HELD, State.SENDING}:
        assert after is None
        return
    assert after is not None
    assert (after.state, after.attempts, after.by_hand, after.settled_us) == (State.PENDING, 0, True, None)
    assert from_us(after.due_us) == NOW
    assert after.may_have_arrived
    assert after.generation == (2 if state is State.SENT else 1)
    assert (after.id, after.first_tried_us) == (before.id, 2)


def test_only_what_may_have_arrived_is_looked_for_after_a_retry() -> None:
    after = told(Word.RETRY, row(State.DEAD), NOW)
    assert after
    assert not after.may_have_arrived


def test_a_word_that_means_none_says_which_it_could_mean(desk: Today, console: Console) -> None:
    desk.publish("one.md")
    desk.deliver()  # and it was sent
    said = {word: console.run("deliveries", word, "--target", "box") for word in ("retry", "drop", "release")}
    assert "Without --state, --since, --until or an ID, only what failed is meant." in said["retry"]
    assert said["drop"] == "No delivery that waits or is held matches: nothing was changed.\n"
    assert said["release"] == "No held delivery matches: nothing was changed.\n"
    assert "1 delivery is to be sent now." in console.run("deliveries", "retry", "--since", "1d")


def test_a_retry_sends_what_was_given_up_even_if_it_is_old_by_now(desk: Today, console: Console) -> None:
    desk.publish("one.md")
    desk.box.outcomes.append(Refused(reason="not today"))
    desk.deliver()
    desk.configure(webhook(), announce={"max_age": "1m"})
    assert "1 delivery is to be sent now." in console.run("deliveries", "retry", only_id(console))
    desk.deliver(minutes=11)
    assert desk.states() == [("published", State.SENT)]
    assert desk.box.got[1].attempt == 1


def test_a_replay_has_the_id_that_receivers_know_and_says_that_it_may_be_a_double(
    desk: Today, console: Console
) -> None:
    desk.publish("one.md")
    desk.deliver()
    console.run("deliveries", "retry", only_id(console))
    desk.deliver(minutes=11)
    first, again = desk.box.got
    assert again.id == first.id
    assert (first.generation, again.generation) == (1, 2)
    assert (first.may_have_arrived, again.may_have_arrived) == (False, True)
    assert again.first_tried is not None


def test_a_range_is_replayed_with_what_was_sent_but_not_with_what_was_left_out(busy: Today) -> None:
    console = Console(busy.newsroom)
    assert console.json("deliveries", "retry", "--since", "200m", "--until", "90m")["changed"] == 3
    busy.deliver(hours=2)
    assert busy.boxes["other"].told() == [("published", "About two")] * 2
    assert busy.boxes["box"].told()[3:] == [
        ("published", "About two"),
        ("published", "About three"),
        ("updated", "About uno"),
    ]


def test_all_means_all_that_failed_and_nothing_that_arrived_or_was_left_out(busy: Today) -> None:
    busy.boxes["box"].outcomes.append(Refused(reason="no"))
    busy.deliver()
    changed = Console(busy.newsroom).json("deliveries", "retry", "--all")
    assert [one["event"] for one in changed["deliveries"]] == ["updated"]


def test_what_failed_is_meant_by_all_and_with_a_range_of_time_what_was_sent_too() -> None:
    failed = {State.DEAD, State.UNCLEAR, State.RETRY}
    assert set(meant(Word.RETRY, Selection())) == failed
    for some in (Selection(since=NOW), Selection(until=NOW)):
        assert set(meant(Word.RETRY, some)) == {*failed, State.SENT}


def test_what_was_left_out_is_sent_when_its_state_is_named(busy: Today) -> None:
    changed = Console(busy.newsroom).json("deliveries", "retry", "--state", "skipped", "--target", "other")
    assert changed["changed"] == 2
    busy.deliver(hours=2)
    assert len(busy.boxes["other"].got) == 3


@pytest.mark.parametrize("word", ["retry", "drop", "release"])
def test_everything_is_touched_only_if_that_is_said(small: Today, word: str) -> None:
    small.publish("one.md")
    console = Console(small.newsroom)
    assert f"--all to {word} all" in console.refused("deliveries", word, code=2)
    assert small.states() == [("published", State.PENDING)]
    assert console.run("deliveries", word, "--all", "--target", "box")


@pytest.mark.parametrize("word", ["retry", "drop", "release"])
def test_a_dry_run_lists_what_it_would_do_and_changes_nothing(
    desk: Today, console: Console, word: str
) -> None:
    desk.configure(webhook(), announce={"burst": 1})
    desk.publish("fails.md")
    desk.box.outcomes.append(Refused(reason="no"))
    desk.deliver()
    desk.write("a.md")
    desk.write("b.md")
    desk.newsroom.build()
    before = [one.row for one in desk.rows()]
    said = console.run("deliveries", word, "--all", "--dry-run")
    titles = ["fails"] if word == "retry" else ["a", "b"]  # as they would be sent: the oldest first
    assert re.findall(r"^\w{8} .*About (\w+)", said, re.MULTILINE) == titles
    assert said.endswith("nothing was changed.\n")
    assert console.json("deliveries", word, "--all", "--dry-run")["is_dry_run"] is True
    assert [one.row for one in desk.rows()] == before


def test_sending_again_does_not_resume_a_target_but_says_how(desk: Today, console: Console) -> None:
    desk.publish("one.md")
    desk.box.outcomes.append(Busy(reason="nobody listens"))
    desk.deliver()
    health = desk.health()
    said = console.run("deliveries", "retry", "--all")
    assert re.search(r"box is not resumed by this: paused until \S+Z: nobody listens", said)
    assert "    feedbot targets resume box " in said
    assert desk.health() == health
    assert console.json("deliveries", "retry", only_id(console), code=1)["not_ready"] == []
    assert "resumed" not in console.run("deliveries", "drop", "--all")


def test_what_is_under_way_is_left_to_who_sends_it(desk: Today, console: Console) -> None:
    heard: list[tuple[int, str]] = []

    def say_everything(delivery: Delivery) -> Outcome:
        for word in ("retry", "drop", "release"):
            for which in (delivery.id, "--all"):
                done = console.invoke("deliveries", word, which)
                heard.append((done.exit_code, done.output))
        return Sent()

    desk.publish("one.md")
    desk.box.outcomes.append(say_everything)
    desk.deliver()
    assert [code for code, _ in heard] == [1, 0] * 3
    assert all("or it was when its process was killed" in said for code, said in heard if code)
    assert desk.states() == [("published", State.SENT)]


def test_a_word_that_does_nothing_says_why_and_ends_with_one(desk: Today, console: Console) -> None:
    desk.publish("one.md")
    id_ = only_id(console)
    assert "it is to be sent anyway" in console.run("deliveries", "retry", id_, code=1)
    desk.deliver()
    assert "it is sent, so there is nothing to drop" in console.run("deliveries", "drop", id_, code=1)
    assert console.json("deliveries", "release", id_, code=1)["left"][0]["id"] == id_


# --- drop and release ---


def test_what_is_dropped_is_not_sent_and_says_who_did_it(desk: Today, console: Console) -> None:
    desk.publish("one.md", "two.md", "three.md")
    desk.box.outcomes.append(Unclear(reason="no answer"))
    desk.deliver()
    desk.publish("four.md")
    assert "2 deliveries are dropped." in console.run("deliveries", "drop", "--all")
    desk.deliver(minutes=11)
    assert len(desk.box.got) == 3
    assert [(one.row.state, one.row.reason) for one in desk.rows(states=(State.SKIPPED,))] == [
        (State.SKIPPED, DROPPED)
    ] * 2


@pytest.fixture
def burst(desk: Today) -> Today:
    """Four articles that came at once, where three are too many."""
    desk.configure(webhook(), announce={"burst": 3, "max_age": "2h"})
    for number in range(4):
        desk.write(f"{number}.md")
    return desk


def test_the_commands_that_the_log_names_for_a_burst_are_true(
    burst: Today, caplog: pytest.LogCaptureFixture
) -> None:
    log_pass(burst.newsroom.build(), full=True, first=False)
    console = Console(burst.newsroom)
    look, *words = re.findall(r"`feedbot (.*?)`", caplog.text)
    assert len(words) == 2
    assert console.run(*look.split()).count(" held ") == 4
    for word in words:
        assert "4 deliveries would be" in console.run(*word.split(), "--dry-run")
    assert "4 deliveries are dropped" in console.run(*words[1].split())
    assert {state for _, state in burst.states()} == {State.SKIPPED}


def test_the_log_counts_those_of_a_burst_that_came_before(
    small: Today, caplog: pytest.LogCaptureFixture
) -> None:
    small.configure(webhook(), announce={"burst": 3})
    for number in range(2):
        small.write(f"{number}.md")
    small.newsroom.build()
    small.deliver(seconds=5)
    report = small.newsroom.build([small.write(f"{number}.md") for number in range(2, 4)])
    log_pass(report, full=False, first=False)
    told = "2 announcements are held, for 4 articles came within a minute, more than announce.burst (3). Look"
    assert told in caplog.text


def test_what_is_released_is_sent_in_order_however_old_it_has_become(burst: Today) -> None:
    burst.newsroom.build()
    Console(burst.newsroom).run("deliveries", "release", "--all")
    burst.deliver(hours=5)
    assert burst.box.told() == [("published", f"About {number}") for number in range(4)]


def test_one_of_a_burst_can_be_released_and_the_rest_dropped(burst: Today) -> None:
    burst.newsroom.build()
    console = Console(burst.newsroom)
    id_ = only_id(console, "--article", "2.md")
    assert "1 delivery is to be sent now." in console.run("deliveries", "release", id_[:12])
    console.run("deliveries", "drop", "--state", "held")
    burst.deliver(minutes=11)
    assert burst.box.told() == [("published", "About 2")]


def test_build_tells_of_a_burst_with_the_commands_and_of_what_it_recorded(burst: Today) -> None:
    console = Console(burst.newsroom)
    said = console.run("build", "-q")
    assert said.startswith(
        "4 announcements are held, for 4 articles came at once, more than announce.burst (3):\n"
    )
    commands = re.findall(r"^    feedbot (.*?)  ", said, re.MULTILINE)
    assert [command.split()[1] for command in commands] == ["list", "release", "drop"]
    assert "4 deliveries are to be sent now." in console.run(*commands[1].split())
    burst.write("next.md")
    assert "1 announcement recorded: `feedbot run` sends what is due.\n" in console.run("build")


def test_build_tells_of_a_new_target_and_of_events_that_wait_for_their_feeds(small: Today) -> None:
    console = Console(small.newsroom)
    small.configure(webhook(), webhook("late"))
    assert "The target late is new: it gets what comes from now on.\n" in console.run("build")
    (small.newsroom.feeds / "law").mkdir()
    (small.newsroom.feeds / "law/rss.xml").write_text("not ours")
    small.write("one.md", topics=["Law"])
    assert "1 event not announced yet: their feeds could not be written.\n" in console.run("build", code=1)
    assert "  1 event to be announced when the feeds are written\n" in console.run("status")
    assert console.json("status")["deliveries"]["unannounced"] == 1


# --- status ---


def test_status_says_what_waits_what_failed_and_who_takes_nothing(desk: Today, console: Console) -> None:
    desk.configure(webhook(), webhook("gone"), announce={"burst": 2})
    desk.newsroom.build()
    desk.publish("one.md", "two.md")
    desk.boxes["box"].outcomes += [Refused(reason="no"), Busy(reason="it is asleep")]
    desk.boxes["gone"].outcomes += [Gone(reason="410")]
    desk.deliver()
    for number in range(3):
        desk.write(f"{number}.md")
    desk.newsroom.build()
    said = console.run("status")
    assert re.search(
        r"^Deliveries   1 pending, 2 retry, 6 held, 1 dead; the oldest for \d+ minutes$", said, re.MULTILINE
    )
    assert "  6 announcements held, for too many articles came at once\n" in said
    assert re.search(
        r"^  box: paused until \S+Z: it is asleep\n    feedbot targets test box ", said, re.MULTILINE
    )
    assert re.search(r"^  gone: disabled: 410\n    feedbot targets resume gone ", said, re.MULTILINE)
    assert "  1 announcement given up\n" in said
    quiet = console.run("status", "-q")
    assert "held" in quiet
    assert "disabled" in quiet
    assert "Deliveries" not in quiet
    section = console.json("status")["deliveries"]
    assert section["counts"]["held"] == 6
    assert [one["state"] for one in section["targets"]] == ["paused", "disabled"]


def test_the_log_spells_moments_as_the_commands_do(small: Today, caplog: pytest.LogCaptureFixture) -> None:
    small.publish("one.md")
    small.box.outcomes.append(Busy(reason="it is asleep"))
    small.deliver()
    (until,) = re.findall(r"box pauses until (\S+Z): it is asleep", caplog.text)
    (due,) = [record.facts["next"] for record in caplog.records if record.getMessage() == "retry"]  # type: ignore[attr-defined] # ours
    (box,) = Console(small.newsroom).json("targets", "list")["targets"]
    assert until == due == box["until"]


def test_status_names_a_target_that_does_not_let_us_in(desk: Today, console: Console) -> None:
    desk.publish("one.md")
    desk.box.outcomes.append(Denied(reason="answered 401; check the token"))
    desk.deliver()
    for more in ((), ("-q",)):
        said = console.run("status", *more)
        assert re.search(r"^  box: paused until \S+Z: answered 401; check the token$", said, re.MULTILINE)
    (box,) = console.json("status")["deliveries"]["targets"]
    assert (box["state"], box["failures"], box["depth"]) == ("paused", 1, 1)
    since, until = (datetime.fromisoformat(box[name]) for name in ("since", "until"))
    assert until - since == timedelta(hours=1)


def test_a_target_that_is_no_longer_configured_is_named_with_what_waits_for_it(
    desk: Today, console: Console
) -> None:
    desk.configure(webhook(), webhook("old one"))
    desk.newsroom.build()
    desk.publish("one.md")
    desk.configure(webhook())
    said = console.run("status")
    assert "  old one is no longer in config.yaml, with 1 announcement to be sent\n" in said
    assert "    feedbot deliveries drop --target 'old one'  forgets them\n" in said
    assert "old one is no longer in config.yaml" not in console.run(
        "deliveries", "drop", "--target", "old one"
    )
    assert "old one" not in console.run("status")


def test_status_without_targets_says_nothing_of_deliveries(newsroom: Newsroom) -> None:
    newsroom.build()
    assert "Deliveries" not in Console(newsroom).run("status")


# --- targets ---


def test_targets_are_listed_with_their_queues(desk: Today, console: Console) -> None:
    desk.publish("one.md")
    desk.deliver()
    desk.publish("two.md")
    desk.box.outcomes.append(Busy(reason="it is asleep"))
    desk.deliver()
    desk.configure(webhook(), webhook("new"))
    lines = console.run("targets", "list").splitlines()
    assert lines[0].split()[:6] == ["NAME", "TYPE", "STATE", "QUEUE", "HELD", "DEAD"]
    # The configuration is as it was for this target, so it is still paused.
    assert lines[1].split()[:4] == ["box", "webhook", "paused", "1"]
    assert re.fullmatch(r"    paused until \S+Z: it is asleep", lines[2])
    assert lines[3].split()[:3] == ["new", "webhook", "new"]
    box, new = console.json("targets", "list")["targets"]
    assert (box["depth"], box["failures"], box["reason"]) == (1, 1, "it is asleep")
    assert box["oldest_waiting"]
    assert box["last_sent"]
    assert (new["state"], new["depth"]) == ("new", 0)


def test_a_target_that_was_changed_or_added_since_the_last_pass_says_so(newsroom: Newsroom) -> None:
    desk = Today(newsroom)
    desk.configure(webhook())
    newsroom.build()
    console = Console(newsroom)
    changed = "changed in config.yaml since the last pass: restart the worker, if one runs"
    added = "is set up when the worker is restarted, or by `feedbot build` where none runs"
    everywhere = (("targets", "list"), ("status",))
    of_one = (("targets", "test", "{}", "--no-message"), ("targets", "resume", "{}"))

    def told(name: str) -> list[str]:
        return [console.run(*(part.format(name) for part in words)) for words in (*everywhere, *of_one)]

    assert not any(changed in said for said in told("box"))
    desk.configure(webhook(timeout="9s"), webhook("late"))
    assert all(changed in said for said in told("box"))
    assert all(added in said for said in told("late"))
    assert [one["remark"] == changed for one in console.json("targets", "list")["targets"]] == [True, False]
    newsroom.build()
    assert not any(changed in said or added in said for said in told("box"))


def test_a_list_of_targets_names_the_command_that_empties_the_queue_of_a_removed_one(small: Today) -> None:
    small.configure(webhook(), webhook("old one"))
    small.newsroom.build()
    small.publish("one.md")
    small.configure(webhook())
    command = "`feedbot deliveries drop --target 'old one'` forgets what waits for it"
    assert f"    is no longer in config.yaml: {command}\n" in Console(small.newsroom).run("targets", "list")


def test_what_is_held_for_a_removed_target_is_not_forgotten_and_goes_nowhere(small: Today) -> None:
    small.configure(webhook(), webhook("old one"), announce={"burst": 1})
    small.newsroom.build()
    small.write("one.md")
    small.publish("two.md")
    small.configure(webhook())
    console = Console(small.newsroom)
    assert [one["held"] for one in console.json("targets", "list")["targets"]] == [2, 2]
    said = console.run("deliveries", "release", "--target", "old one")
    assert "old one is no longer in config.yaml" in said


def test_what_is_under_way_to_a_target_is_counted_among_what_waits_for_it(small: Today) -> None:
    small.publish("one.md", "two.md")
    console, depths = Console(small.newsroom), []

    def look(_delivery: Delivery) -> Outcome:
        depths.append(console.json("targets", "list")["targets"][0]["depth"])
        return Sent()

    small.box.outcomes += [look, look]
    small.deliver()
    assert depths == [2, 1]


def test_one_announcement_that_keeps_its_time_is_told_in_the_singular(small: Today) -> None:
    small.publish("one.md")
    small.box.outcomes.append(Unclear(reason="no answer"))
    small.deliver()
    said = Console(small.newsroom).run("targets", "resume", "box")
    assert "1 announcement for it keeps its time of the next attempt:\n" in said


def test_a_target_that_is_resumed_gets_what_waits(desk: Today, console: Console) -> None:
    desk.publish("one.md")
    desk.box.outcomes.append(Gone(reason="410"))
    desk.deliver()
    desk.deliver(hours=3)
    assert len(desk.box.got) == 1
    assert console.run("targets", "resume", "box") == "box was disabled, and is sent to again.\n"
    assert desk.health() == Health()
    desk.deliver()
    assert len(desk.box.got) == 2
    assert console.run("targets", "resume", "box") == "box is ready: there is nothing to resume.\n"
    assert console.json("targets", "resume", "box") == {"target": "box", "resumed": False}


@pytest.mark.parametrize("arguments", [("targets", "resume"), ("targets", "test")], ids=" ".join)
def test_a_target_that_is_not_there_is_a_mistake_that_names_those_that_are(
    small: Today, arguments: tuple[str, ...]
) -> None:
    complaint = Console(small.newsroom).refused(*arguments, "bix", code=2)
    assert complaint == "feedbot: config.yaml has no target 'bix'; there are: box\n"


def test_a_test_message_that_arrives_resumes_a_target(small: Today) -> None:
    console = Console(small.newsroom)
    with receiving() as receiver:
        small.configure(webhook(url=receiver.url))
        small.newsroom.build()
        put_health(small, Health(condition=Condition.DISABLED, reason="410"))
        said = console.run("targets", "test", "box")
    assert json.loads(receiver.requests[0].body)["type"] == "feedbot.test"
    assert re.search(r"^fine   test message: ", said, re.MULTILINE)
    assert "box was disabled, and is sent to again.\n" in said
    assert small.health() == Health()


def test_a_test_that_fails_leaves_the_target_as_it_was_and_ends_with_one(small: Today) -> None:
    console = Console(small.newsroom)
    paused = Health(condition=Condition.PAUSED, reason="401", until=small.newsroom.now)
    with receiving() as receiver:
        receiver.replies.append(Reply(401))
        small.configure(webhook(url=receiver.url))
        small.newsroom.build()
        put_health(small, paused)
        said = console.json("targets", "test", "box", code=1)
    assert (said["is_fine"], said["message"]["status"], said["resumed"]) == (False, 401, False)
    assert small.health() == paused


def test_a_target_can_be_checked_without_a_message_and_before_the_first_pass(newsroom: Newsroom) -> None:
    with receiving() as receiver:
        newsroom.configure(targets=[webhook(url=receiver.url)])
        said = Console(newsroom).run("targets", "test", "box", "--no-message")
        assert receiver.requests == []
        assert "test message" not in said
        assert "fine   address: " in said
        assert "fine   test message" in Console(newsroom).run("targets", "test", "box")
    assert not (newsroom.folder / ".feedbot").exists()


def test_what_a_check_found_wrong_is_not_said_twice(newsroom: Newsroom) -> None:
    with receiving() as receiver:
        receiver.replies += [Reply(401)] * 4
        newsroom.configure(targets=[toots("toots", base_url=receiver.url)])
        said = Console(newsroom).run("targets", "test", "toots", code=1)
    assert said.count("does not accept the token") == 1


def put_health(desk: Today, health: Health) -> None:
    desk.newsroom.scalar(lambda connection: targets.put_health(connection, "box", health))


def test_what_waits_for_a_disabled_target_is_not_listed_as_due(small: Today) -> None:
    small.publish("one.md")
    console = Console(small.newsroom)
    assert " box     due " in console.run("deliveries", "list")
    put_health(small, Health(condition=Condition.DISABLED, reason="410"))
    for command in (["list"], ["drop", "--all", "--dry-run"]):
        said = console.run("deliveries", *command)
        assert re.search(r" box +target disabled +About one$", said, re.MULTILINE)


# --- check --online ---


def test_check_tries_the_targets_only_when_asked(newsroom: Newsroom) -> None:
    console = Console(newsroom)
    newsroom.configure(targets=[webhook(url="http://receiver.example/hook")])
    assert console.json("check")["targets"] == []
    said = console.run("check", "--online", code=1)
    config = newsroom.folder / "config.yaml"
    line = config.read_text(encoding="utf-8").splitlines().index("targets:") + 2
    assert said.startswith(f"{config}:{line}: error: target box: address: not encrypted")
    assert "\nChecked 0 files: 0 errors, 0 warnings. Looked at 1 target: 1 problem.\n" in said
    tried = console.json("check", "--online", code=1)["targets"]
    assert [(one["what"], one["is_fine"]) for one in tried] == [("address", False), ("signature", True)]
    trial = console.json("targets", "test", "box", "--no-message", code=1)
    assert (trial["is_fine"], trial["checks"], trial["message"]) == (False, tried, None)
    newsroom.configure(targets=[webhook()])
    said = console.run("check", "--online")
    assert "Looked at 1 target: 0 problems.\n" in said
    assert "info: target box: signature" in said
    assert console.run("check", "--online", "-q") == ""


def test_check_says_which_targets_it_cannot_try_and_which_are_sent_nothing(newsroom: Newsroom) -> None:
    desk = Today(newsroom)
    desk.configure(webhook(), webhook("other"))
    newsroom.build()
    put_health(desk, Health(condition=Condition.DISABLED, reason="410"))
    console = Console(newsroom)
    said = console.run("check", "--online", code=1)
    command = "`feedbot targets test NAME` sends one a test message."
    assert said.endswith(f"\n2 targets cannot be tried unseen (box, other): {command}\n")
    assert "\ntarget box: disabled: 410\n    feedbot targets resume box  enables it\n" in said
    assert "Looked at 2 targets: 1 problem.\n" in said
    told = console.json("check", "--online", code=1)
    assert (told["untried"], [one["name"] for one in told["not_ready"]]) == (["box", "other"], ["box"])


@pytest.mark.parametrize("kind", TARGETS)
def test_a_target_that_nothing_can_be_asked_is_asked_nothing_by_a_check(
    newsroom: Newsroom, kind: str
) -> None:
    with receiving() as receiver:
        url = "base_url" if kind == "mastodon" else "url"
        keys: dict[str, dict[str, Any]] = {
            "mastodon": {"token": "not-a-token"}, "webhook": {"unsigned": True}
        }  # fmt: skip
        newsroom.configure(targets=[{"name": "one", "type": kind, url: receiver.url, **keys.get(kind, {})}])
        told = json.loads(Console(newsroom).invoke("check", "--online", "--json").stdout)
    assert bool(receiver.requests) is not bool(told["untried"])


# --- what is never shown ---


def test_no_command_shows_a_secret_even_if_the_server_says_it(newsroom: Newsroom) -> None:
    secret, header = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "Bearer-of-a-secret"
    desk = Today(newsroom)
    with receiving() as receiver:
        url = f"{receiver.url.rstrip('/')}/the-key-of-the-channel"
        desk.configure(webhook(url=url, unsigned=False, secret=secret, headers={"X-Key": header}))
        newsroom.build()
        receiver.replies += [
            Reply(400, body=f"no {header} at {request_path} for {secret}".encode())
            for request_path in ["/the-key-of-the-channel"] * 2
        ]
        desk.publish("one.md")
        make_deliverer(newsroom.config, newsroom.engine, redact=str).run_due()
        console = Console(newsroom)
        id_ = only_id(console)
        outputs = [
            console.invoke(*arguments, *more).output
            for more in ((), ("--json",))
            for arguments in (
                ("deliveries", "list", "-v"),
                ("deliveries", "show", id_),
                ("targets", "list"),
                ("targets", "test", "box"),
                ("status", "-v"),
                ("check", "--online", "-v"),
                ("preview", "one.md"),
            )
        ]
    assert "***" in outputs[1]
    for output in outputs:
        assert secret not in output
        assert header not in output
        assert "the-key-of-the-channel" not in output


# --- help and documentation ---


def test_the_target_that_the_help_shows_is_one(newsroom: Newsroom) -> None:
    told = at_once("targets", "--help", folder=ROOT).stdout
    (example,) = [part for part in told.split("\n\n") if part.lstrip().startswith("targets:")]
    newsroom.configure(**yaml.safe_load(example))
    newsroom.environ = {"NEWSDESK_URL": "https://chat.example/services/hook"}
    assert [(one.name, one.type) for one in newsroom.config.targets] == [("newsdesk", "slack")]


COMMANDS = [
    ("deliveries", "list"), ("deliveries", "show"), ("deliveries", "retry"), ("deliveries", "drop"),
    ("deliveries", "release"), ("targets", "list"), ("targets", "test"), ("targets", "resume"), ("preview",),
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_about_announcing_is_on_its_page(words: tuple[str, ...]) -> None:
    assert f"feedbot {' '.join(words)}" in ANNOUNCING


@pytest.mark.parametrize(
    "arguments",
    [("deliveries", "list"), ("deliveries", "show", "x"), ("deliveries", "retry", "--all"),
     ("targets", "list"), ("targets", "resume", "box")],
    ids=" ".join,
)  # fmt: skip
def test_before_the_first_pass_they_say_what_to_do_and_make_no_state(
    newsroom: Newsroom, arguments: tuple[str, ...]
) -> None:
    newsroom.configure(targets=[webhook()])
    assert "run `feedbot build` once" in Console(newsroom).refused(*arguments)
    assert not (newsroom.folder / ".feedbot").exists()


@pytest.mark.parametrize("state", State)
def test_every_state_is_documented(state: State) -> None:
    assert re.search(rf"^\| `{state}` \|", ANNOUNCING, re.MULTILINE)


def test_the_outcome_of_a_delivery_is_unknown_to_no_listing() -> None:
    kinds = {kind.__name__.lower() for kind in Outcome.__subclasses__()}
    assert kinds | {"interrupted"} == set(
        re.findall(r"^\| `(\w+)` \| ", _section("### Outcomes"), re.MULTILINE)
    )


def _section(heading: str) -> str:
    return ANNOUNCING.partition(heading)[2].partition("\n#")[0]
