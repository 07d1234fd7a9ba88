"""Feed readers poll a running feedbot through the life of a newsroom: what each is told, and what that takes.

The life is lived once for all tests: every reader is subscribed before, and polls after each stage. What
stays the same for readers is answered with 304; an edit is the same article; what is withdrawn leaves the
documents; and no article arrives twice, whatever happens to its file, to the server or to the state.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from newsroom import Newsroom
from recorder import Exchange, recording
from served import Served, serving_newsroom
from subscribers import Library, Mail, Newsboat, Sfeed, Shown, Subscriber, Visit

ID_BASE = "tag:news.example.com,2026:"
FEED = "robotics"  # which everybody here is subscribed to
MOVED_TO = "robots"  # its address in the end

MAKERS: Mapping[str, Callable[[Path, str], Subscriber]] = {
    "newsboat": Newsboat,
    "sfeed": Sfeed,
    "sfeed-by-id": partial(Sfeed, by_id=True),
    "rss2email": Mail,
    "rss2email-replying": partial(Mail, replying=True),
    "reader": Library,
}
SUBSCRIPTIONS = [
    *(
        (name, document)
        for name in ("newsboat", "sfeed", "sfeed-by-id")
        for document in ("rss.xml", "atom.xml")
    ),
    ("rss2email", "rss.xml"),
    ("rss2email-replying", "atom.xml"),
    *(
        ("reader", document) for document in ("rss.xml", "atom.xml", "feed.json")
    ),  # the others know no JSON Feed
]
QUIET = ["third", "unseen", "restarted", "lost state"]  # stages after which no reader has anything to learn

everybody = pytest.mark.parametrize(
    ("name", "document"), [pytest.param(*pair, id="-".join(pair)) for pair in SUBSCRIPTIONS]
)


def only(*names: str) -> pytest.MarkDecorator:
    """Some readers, each with all formats that it knows."""
    chosen = [pair for pair in SUBSCRIPTIONS if pair[0] in names]
    return pytest.mark.parametrize(
        ("name", "document"), [pytest.param(*pair, id="-".join(pair)) for pair in chosen]
    )


@dataclass(frozen=True, kw_only=True)
class Story:
    """An article of the newsroom, and how readers have to show it."""

    name: str  # of its file
    title: str
    published: datetime
    authors: tuple[str, ...] = ("Ada Writer",)
    front: Mapping[str, Any] = field(default_factory=dict)
    body: str = "A **body** of its own."
    id: str = ""
    link: str = ""

    def write(self, newsroom: Newsroom, **changes: Any) -> Path:
        """Write the file, with these fields changed."""
        front = {
            "title": self.title,
            "publishedDateTime": self.published.isoformat(),
            "topics": ["Robotics"],
            "webUrl": self.link,
            **self.front,
            **changes,
        }
        return newsroom.write(self.name, front, body=self.body)


def story(name: str, title: str, day: int, **more: Any) -> Story:
    moment = datetime(2024, 5, day, 8, 30, tzinfo=UTC)
    return Story(
        **{
            "name": name,
            "title": title,
            "published": moment,
            "id": ID_BASE + name,
            "link": f"https://robots.example/{day}?v=1&page=2",
            "front": {"authors": ["Ada Writer"]},
            **more,
        }
    )


# Newest first.
TITLED = story("titled.md", "A robot that apologises", 9)
RETOLD = story("retold.md", "What the robot said", 8)
HIDDEN = story("hidden.md", "A robot nobody ordered", 7)
REMOVED = story("removed.md", "A robot that went home", 6)
MOVED = story("moved.md", "A robot on the move", 5)
AWKWARD = story(
    "käfer & co.md",
    'R&D: 5 < 6 & "7" > 4 — größer, 🎉 100%',
    4,
    id=ID_BASE + "k%C3%A4fer%20%26%20co.md",
    authors=("Äda O’Example", "Bob & Co"),
    front={"authors": ["Äda O’Example", "Bob & Co"]},
)
FOREIGN = story("foreign.md", "ロボットが謝る", 3, authors=("Wire",), front={"provider": {"name": "Wire"}})
TWIN = story("twin.md", "Another of the same minute", 3, authors=("Example Newsroom",), front={})
STORIES = (TITLED, RETOLD, HIDDEN, REMOVED, MOVED, AWKWARD, FOREIGN, TWIN)
LATE = story("late.md", "A robot that came late", 2)  # written last, though its date is the first

NEW_TITLE = "A robot that apologises twice"
NEW_TEXT = "Something else"
EDITED_AT = datetime(2024, 6, 1, 10, tzinfo=UTC)


@dataclass
class Life:
    """Who came when, and what they saw."""

    visits: dict[tuple[str, str, str], Visit] = field(default_factory=dict)  # by stage, name and document
    traffic: dict[tuple[str, str, str], tuple[Exchange, ...]] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)


class Stage:
    """Subscribers, each on a wire of its own, and what to do with all of them."""

    def __init__(self, served: Served, home: Path, stack: ExitStack) -> None:
        self.life = Life()
        self._served = served
        self._home = home
        self._wires = {pair: stack.enter_context(recording(served.url)) for pair in SUBSCRIPTIONS}
        self._regulars = self._subscribe("regulars")

    def _subscribe(self, folder: str) -> dict[tuple[str, str], Subscriber]:
        return {
            (name, document): MAKERS[name](
                self._home / folder / f"{name}-{document}",
                f"{self._wires[name, document].url}{FEED}/{document}",
            )
            for name, document in SUBSCRIPTIONS
        }

    def poll(self, stage: str) -> None:
        """Let all subscribers poll, and keep what came of it under the name of the stage."""
        self._poll(stage, self._regulars)

    def poll_anew(self, stage: str) -> None:
        """Let others poll who subscribe only now."""
        self._poll(stage, self._subscribe(stage))

    def _poll(self, stage: str, subscribers: Mapping[tuple[str, str], Subscriber]) -> None:
        self.life.stages.append(stage)
        with ThreadPoolExecutor(4) as pool:
            visits = list(pool.map(lambda subscriber: subscriber.visit(), subscribers.values()))
        for pair, visit in zip(subscribers, visits, strict=True):
            self.life.visits[stage, *pair] = visit
            self.life.traffic[stage, *pair] = self._wires[pair].take()


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """The life of a newsroom with its subscribers, from its first articles to a lost state."""
    folder = tmp_path_factory.mktemp("served")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("NO_PROXY", "*")  # for the reader that lives in this process
        patch.setenv("no_proxy", "*")
        served = stack.enter_context(serving_newsroom(folder / "newsroom"))
        for one in STORIES:
            one.write(served.newsroom)
        served.start()
        stage = Stage(served, folder, stack)
        live(served, stage)
        yield stage.life


def live(served: Served, stage: Stage) -> None:
    """All that happens, stage by stage."""
    newsroom = served.newsroom
    for time in ("first", "second", "third"):
        stage.poll(time)
    with served.following(changed=2):
        TITLED.write(newsroom, title=NEW_TITLE, updatedDateTime=EDITED_AT.isoformat())
        replace(RETOLD, body=f"{NEW_TEXT} of its own.").write(newsroom, updatedDateTime=EDITED_AT.isoformat())
    stage.poll("edited")
    with served.following(withdrawn=2):
        HIDDEN.write(newsroom, published=False)
        (newsroom.content / REMOVED.name).unlink()
    stage.poll("withdrawn")
    stage.poll_anew("latecomers")
    with served.following(changed=2):
        HIDDEN.write(newsroom)
        REMOVED.write(newsroom)
    stage.poll("returned")
    with served.following(renamed=1, read=len(STORIES)):
        (newsroom.content / MOVED.name).rename(newsroom.content / "elsewhere.md")
        for path in newsroom.content.iterdir():
            os.utime(path)
    stage.poll("unseen")
    served.stop()
    served.start()
    stage.poll("restarted")
    with served.following(renamed=1):
        (newsroom.content / "elsewhere.md").rename(newsroom.content / MOVED.name)
    served.stop()
    newsroom.close()
    shutil.rmtree(newsroom.folder / ".feedbot")
    served.start()
    stage.poll("lost state")
    with served.following(new=1):
        LATE.write(newsroom)
    stage.poll("late")
    served.configure(feeds={"topics": {"Robotics": {"slug": MOVED_TO}}})
    served.stop()
    served.start()
    stage.poll("moved")
    stage.poll("settled in")
    served.stop()


def ids(visit: Visit) -> list[str]:
    return [shown.id for shown in visit.shown]


def facts(visit: Visit) -> Counter[tuple[object, ...]]:
    """What is shown, article by article."""
    return Counter((shown.id, shown.title, shown.link, shown.published) for shown in visit.shown)


def expected(*stories: Story) -> Counter[tuple[object, ...]]:
    return Counter((one.id, one.title, one.link, one.published) for one in stories)


def found(visit: Visit, one: Story) -> list[Shown]:
    """All that a reader shows of an article."""
    return [shown for shown in visit.shown if shown.id == one.id]


@everybody
def test_the_first_poll_gets_every_article_with_its_title_link_date_and_author(
    life: Life, name: str, document: str
) -> None:
    visit = life.visits["first", name, document]
    assert facts(visit) == expected(*STORIES)
    assert Counter(visit.told) == Counter(one.id for one in STORIES)
    for one in STORIES:
        # Of several authors some readers show the first, some the last, and some all.
        assert found(visit, one)[0].author in {*one.authors, ", ".join(one.authors)}
        assert found(visit, one)[0].text


@everybody
def test_every_poll_is_one_request_for_the_address_that_was_given(
    life: Life, name: str, document: str
) -> None:
    for stage in life.stages[: life.stages.index("moved")]:
        asked = [(one.method, one.path) for one in life.traffic[stage, name, document]]
        assert asked == [("GET", f"/{FEED}/{document}")]


@everybody
@pytest.mark.parametrize("stage", QUIET)
def test_where_nothing_is_new_to_readers_a_poll_is_answered_304_without_a_body(
    life: Life, name: str, document: str, stage: str
) -> None:
    """After an idle time, a rename and a touch of all files, a restart of the server, and a lost state."""
    (exchange,) = life.traffic[stage, name, document]
    assert exchange.is_conditional
    assert (exchange.status, exchange.length) == (304, 0)
    visit, before = life.visits[stage, name, document], life.visits["returned", name, document]
    assert (visit.told, visit.changed or ()) == ((), ())
    if stage != "third":
        assert facts(visit) == facts(before)


@everybody
def test_the_second_poll_brings_nothing_and_is_answered_304_if_the_reader_asks_for_that(
    life: Life, name: str, document: str
) -> None:
    """newsboat forgets the validators of its very first answer (its issue 2734); its third poll has them."""
    (exchange,) = life.traffic["second", name, document]
    assert exchange.is_conditional == (name != "newsboat")
    assert exchange.status == (304 if exchange.is_conditional else 200)
    visit = life.visits["second", name, document]
    assert (visit.told, visit.changed or ()) == ((), ())
    assert facts(visit) == expected(*STORIES)


@everybody
def test_an_edited_article_is_fetched_and_is_not_new(life: Life, name: str, document: str) -> None:
    assert [one.status for one in life.traffic["edited", name, document]] == [200]
    visit = life.visits["edited", name, document]
    assert visit.told == ()
    assert set(ids(visit)) == {one.id for one in STORIES}


@only("newsboat", "sfeed-by-id", "reader")
def test_an_edited_article_is_shown_once_as_it_is_now(life: Life, name: str, document: str) -> None:
    visit = life.visits["edited", name, document]
    retitled = replace(TITLED, title=NEW_TITLE)
    assert facts(visit) == expected(*(retitled if one is TITLED else one for one in STORIES))
    assert NEW_TEXT in found(visit, RETOLD)[0].text


@only("reader")
def test_the_reader_library_counts_an_edit_as_modified_and_learns_when_it_was(
    life: Life, name: str, document: str
) -> None:
    """RSS has no place for the date of an edit."""
    visit = life.visits["edited", name, document]
    assert set(visit.changed or ()) == {TITLED.id, RETOLD.id}
    for one in STORIES:
        moment = EDITED_AT if one in (TITLED, RETOLD) else one.published
        assert found(visit, one)[0].updated == (None if document == "rss.xml" else moment)


@only("sfeed")
def test_sfeed_as_it_comes_keeps_the_line_that_it_has_and_adds_one_for_a_new_title(
    life: Life, name: str, document: str
) -> None:
    """It joins lines of one id, one title and one link: a new title is another line with the same id."""
    visit = life.visits["edited", name, document]
    assert facts(visit) == expected(*STORIES, replace(TITLED, title=NEW_TITLE))
    assert NEW_TEXT not in found(visit, RETOLD)[0].text


def test_what_lets_sfeed_go_by_ids_is_documented_as_it_is_tried_here() -> None:
    page = Path(__file__).parent.parent / "docs" / "troubleshooting.md"
    assert indent(Sfeed.MERGE.strip(), "  ") in page.read_text(encoding="utf-8")


@only("rss2email")
def test_rss2email_mails_nothing_about_an_edit(life: Life, name: str, document: str) -> None:
    visit = life.visits["edited", name, document]
    assert visit.changed == ()
    assert facts(visit) == expected(*STORIES)


@only("rss2email-replying")
def test_rss2email_with_replies_mails_one_reply_about_an_edited_text(
    life: Life, name: str, document: str
) -> None:
    """It compares what it mails below the subject, so a new title alone is nothing to it."""
    visit = life.visits["edited", name, document]
    assert visit.changed == (RETOLD.id,)
    assert NEW_TEXT in found(visit, RETOLD)[-1].text
    assert facts(visit) == expected(*STORIES, RETOLD)


@everybody
def test_a_withdrawn_article_goes_from_the_document(life: Life, name: str, document: str) -> None:
    """Who subscribes now never sees it. Who had it keeps it: all of these readers keep what they once had."""
    left = {one.id for one in STORIES} - {HIDDEN.id, REMOVED.id}
    latecomer = life.visits["latecomers", name, document]
    assert sorted(ids(latecomer)) == sorted(latecomer.told) == sorted(left)
    visit = life.visits["withdrawn", name, document]
    assert [one.status for one in life.traffic["withdrawn", name, document]] == [200]
    assert (visit.told, visit.changed or ()) == ((), ())
    assert facts(visit) == facts(life.visits["edited", name, document])


@everybody
def test_an_article_that_comes_back_is_not_new(life: Life, name: str, document: str) -> None:
    visit = life.visits["returned", name, document]
    assert (visit.told, visit.changed or ()) == ((), ())
    assert facts(visit) == facts(life.visits["edited", name, document])


@everybody
def test_an_article_that_comes_late_is_the_only_new_one(life: Life, name: str, document: str) -> None:
    assert [one.status for one in life.traffic["late", name, document]] == [200]
    assert life.visits["late", name, document].told == (LATE.id,)


@everybody
def test_no_article_arrives_twice_in_a_whole_life(life: Life, name: str, document: str) -> None:
    regular = [stage for stage in life.stages if stage != "latecomers"]
    told = Counter(id_ for stage in regular for id_ in life.visits[stage, name, document].told)
    assert told == Counter(one.id for one in (*STORIES, LATE))


@everybody
def test_a_subscriber_follows_a_feed_that_moved_and_sees_nothing_twice(
    life: Life, name: str, document: str
) -> None:
    """rss2email takes the new address down; the others ask at the old one first, each time."""
    visit = life.visits["moved", name, document]
    assert (visit.told, visit.changed or ()) == ((), ())
    assert facts(visit) == facts(life.visits["late", name, document])
    old, new = f"/{FEED}/{document}", f"/{MOVED_TO}/{document}"
    asked = [(one.path, one.status) for one in life.traffic["moved", name, document]]
    assert asked == [(old, 301), (new, 200)]
    asked = [(one.path, one.status) for one in life.traffic["settled in", name, document]]
    assert asked == ([] if name.startswith("rss2email") else [(old, 301)]) + [(new, 304)]
