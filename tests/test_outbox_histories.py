"""The outbox against a model of it, over histories that nobody would think of.

Hypothesis makes up what happens: articles are written, edited, withdrawn and come back; workers claim, send,
are killed, sleep beyond their lease and settle too late; servers answer in every way; people retry, drop,
release and resume; the clock runs and jumps. The program's own functions do it on a real database, with the
clock as their parameter. After each step every row has to be what the model says.

`FEEDBOT_HISTORIES=5000 pytest tests/test_outbox_histories.py` tries so many on SQLite, a tenth on PostgreSQL.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import asdict, replace
from sqlalchemy import Connection, Engine, delete, func, select, text

from feedbot.articletext import dump_article, load_article
from feedbot.attempt import (
    OPEN,
    Busy,
    Denied,
    Gone,
    Outcome,
    Refused,
    Retry,
    Sent,
    Skipped,
    State,
    Unclear,
)
from feedbot.audience import Audience
from feedbot.model import Article, EventKind, Status, Where
from feedbot.operator.standings import resume
from feedbot.operator.steering import CONCERNS, Word, say, told
from feedbot.passes.announce import Policy, announce
from feedbot.relevance import pointless
from feedbot.retry import LONGEST, next_attempt
from feedbot.sending.outcomes import settled_of
from feedbot.settlement import Health, Settlement
from feedbot.store import articles, journal, outbox, settling, targets, upkeep
from feedbot.store.articles import ArticleRow, StoredArticle
from feedbot.store.db import to_us
from feedbot.store.deliveries import AnnouncementRow, announcement_in
from feedbot.store.inquiry import Selection
from feedbot.store.outbox import AnnouncementClaim, Claim
from feedbot.store.schema import deliveries, events, metadata, posts
from feedbot.store.turns import Pace

HISTORIES = int(os.environ.get("FEEDBOT_HISTORIES", "30"))
STEPS = 50  # of one history
BEGIN = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEEP = timedelta(days=30)
LEASE = timedelta(seconds=60)
POLICY = Policy(max_age=timedelta(days=400), burst=3, settle=timedelta(0))
ALL = frozenset(EventKind)
AUDIENCES = tuple(
    Audience(name=name, setup="x", takes=takes, where=Where(), mirrors=mirrors, pace=pace)
    for name, takes, mirrors, pace in (
        ("hook", ALL, True, Pace()),
        ("chat", frozenset({EventKind.PUBLISHED}), False, Pace()),
        ("toots", ALL, False, Pace(max_per_hour=2, min_interval=timedelta(minutes=1))),
    )
)
PACES = MappingProxyType({one.name: one.pace for one in AUDIENCES})
NAMES = tuple(PACES)

PASSES = (timedelta(seconds=5), timedelta(minutes=3), timedelta(minutes=70), timedelta(days=1))
JUMPS = (timedelta(days=200), timedelta(days=-200), timedelta(hours=-2))

# What becomes of the states of deliveries, noted by the database itself.
WATCH = (
    "CREATE TABLE IF NOT EXISTS changes (before TEXT, after TEXT, UNIQUE (before, after))",
    "DELETE FROM changes",
    """CREATE TRIGGER IF NOT EXISTS watch AFTER UPDATE OF state ON deliveries WHEN old.state <> new.state
    BEGIN INSERT OR IGNORE INTO changes VALUES (old.state, new.state); END""",
)


def _documented() -> set[tuple[str, str]]:
    """The changes of state in the table of docs/announcing.md."""
    page = (Path(__file__).parent.parent / "docs" / "announcing.md").read_text(encoding="utf-8")
    rows = page.partition("| from | to | when |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[re.findall(r"`(\w+)`", cell) for cell in row.split("|")[1:3]] for row in rows]
    return {(before, after) for froms, tos in cells for before in froms for after in tos}


DOCUMENTED = _documented()

mostly = st.sampled_from([True, True, True, False])
ALL_NAMES = frozenset(NAMES)
workers = st.sampled_from(["a", "a", "b", "c"])

waits = st.sampled_from([None, None, None, timedelta(minutes=3), timedelta(hours=30)])
kinds = st.sampled_from(
    [Sent, Sent, Sent, Sent, Retry, Unclear, Unclear, Busy, Refused, Denied, Gone, Skipped]
)


# What a server answers: the outcome, its wish, whether it has got it, and how many more are claimed at once.
Answered = tuple[type[Outcome], timedelta | None, bool, int]
answers = st.tuples(kinds, waits, st.booleans(), st.integers(0, 3))


@dataclass
class Told:
    """A delivery as the model has it."""

    row: AnnouncementRow
    owner: str | None = None
    lease_until: int | None = None

    @property
    def is_open(self) -> bool:
        return self.row.state in OPEN


@dataclass
class Worker:
    """A process: what it calls itself, and what it has claimed and not settled, by target."""

    owner: str
    hands: dict[str, list[Claim]] = field(default_factory=dict)


class Histories(RuleBasedStateMachine):
    """One history. Each rule is a transaction of one process, or a person's word, or time."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN
        self.rows: dict[int, Told] = {}
        self.health = {name: Health() for name in NAMES}
        self.posted: set[tuple[str, int]] = set()
        self.live: dict[int, bool] = {}  # articles, by key
        self.edits = 0
        self.seen: dict[tuple[str, int], int] = {}  # the last edit of an article that a target was shown
        self.arrived: set[str] = set()  # ids of deliveries that a receiver has
        self.sent: set[str] = set()  # ids of those that were noted as sent
        self.heard: set[tuple[str, int]] = set()  # which target may have heard of which article
        self.copies: dict[
            tuple[str, int], tuple[int, bool]
        ] = {}  # what receivers keep: as of when, is it there
        self.audiences = {one.name: one for one in AUDIENCES}  # as configured
        self.workers = {name: Worker(name) for name in "abc"}
        self.processes = 0
        with self.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))
            if self.engine.dialect.name == "sqlite":
                for statement in WATCH:
                    connection.execute(text(statement))

    @initialize()
    def meet_the_targets(self) -> None:
        with self.engine.begin() as connection:
            announce(connection, AUDIENCES, POLICY, self.now)

    # --- articles ---

    @rule(number=st.sampled_from([1, 1, 2, 2, 4]), is_told_at_once=mostly)
    def write(self, number: int, is_told_at_once: bool) -> None:
        with self.engine.begin() as connection:
            keys = articles.add(
                connection, [self._article(len(self.live) + place) for place in range(number)]
            )
            journal.add_events(connection, [(key, EventKind.PUBLISHED) for key in keys], self.now)
        self.live |= dict.fromkeys(keys, True)
        if is_told_at_once:
            self.announce()

    @precondition(lambda self: self.live)
    @rule(data=st.data(), is_told_at_once=mostly)
    def edit_withdraw_or_bring_back(self, data: st.DataObject, is_told_at_once: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.live)))
        stays = data.draw(st.booleans())
        if not stays and not self.live[key]:
            return
        kind = EventKind.UPDATED if stays else EventKind.WITHDRAWN
        with self.engine.begin() as connection:
            (stored,) = articles.find_by_key(connection, [key])
            status = Status.LIVE if stays else Status.WITHDRAWN
            self.edits += 1
            body = dump_article(replace(load_article(stored.row.body), title=f"Edit {self.edits}"))
            row = replace(stored.row, status=status, body=body)
            articles.change(connection, [StoredArticle(key=key, row=row)])
            journal.add_events(connection, [(key, kind)], self.now)
        self.live[key] = stays
        if is_told_at_once:
            self.announce()

    @rule()
    def announce(self) -> None:
        before = self.rows
        with self.engine.begin() as connection:
            news = journal.load_news(connection)
            announce(connection, [*self.audiences.values()], POLICY, self.now)
        self.rows = self._stored()
        for key, one in before.items():
            done = one.row.settled_us is not None or one.row.state is State.SENDING
            same = _comparable(self.rows[key]) == _comparable(one)
            assert same or not done or one.row.was_overtaken, "what is done or under way stays"
        new = [one.row for key, one in self.rows.items() if key not in before]
        assert min((key for key in self.rows if key not in before), default=1e9) > max(before, default=0)
        unheard = {(one.row.target, one.row.article_key) for one in before.values() if one.row.was_overtaken}
        for event in news:
            for audience in self.audiences.values():
                subject = (audience.name, event.article_key)
                mine = [row for row in new if (row.target, row.event_number) == (audience.name, event.number)]
                may_revive = event.kind is EventKind.UPDATED and subject in unheard
                wanted = event.kind in audience.takes
                assert len(mine) == wanted or (may_revive and not mine), "one for each event and target"
                if event.kind is EventKind.WITHDRAWN:
                    unheard.add(subject)

    # --- workers ---

    @rule(name=workers, asked=st.sampled_from([ALL_NAMES, ALL_NAMES, {"hook"}, {"toots"}]))
    def claim(self, name: str, asked: frozenset[str]) -> None:
        worker = self.workers[name]
        leases = {
            target: LEASE * (1 + NAMES.index(target))
            for target in asked & self.audiences.keys() - worker.hands.keys()
        }
        with self.engine.begin() as connection:
            claims = outbox.claim_heads(connection, leases, self.now, owner=worker.owner, paces=PACES)
        # Of those that are claimed further on in a row this need not be: somebody may have resumed meanwhile.
        assert all(one.health == self.health[target] for target, given in claims.items() for one in given)
        ready = [target for target in leases if self._may_be_told(target)]
        longest = max((leases[target] for target in ready), default=LEASE)
        expected = {target: keys for target in ready if (keys := self._next(target, 1))}
        self._take(worker, claims, expected, self.now + longest)

    @precondition(lambda self: self.engine.dialect.name == "postgresql")
    @rule(first=workers, second=workers)
    def claim_at_the_same_time(self, first: str, second: str) -> None:
        """The second asks before the first has committed: it waits for nobody, and gets nothing of his."""
        one, other = self.workers[first], self.workers[second]
        free = (name for name in self.audiences if name not in {*one.hands, *other.hands})
        leases = dict.fromkeys(free, LEASE)
        with self.engine.begin() as connection, self.engine.begin() as beside:
            claims = outbox.claim_heads(connection, leases, self.now, owner=one.owner, paces=PACES)
            assert outbox.claim_heads(beside, leases, self.now, owner=other.owner, paces=PACES) == {}
        ready = [target for target in leases if self._may_be_told(target)]
        expected = {target: keys for target in ready if (keys := self._next(target, 1))}
        self._take(one, claims, expected, self.now + LEASE)

    @rule(name=workers, answers=st.lists(answers, min_size=1, max_size=3))
    def send_and_settle(self, name: str, answers: list[Answered]) -> None:
        """Send what is in hand, or claim first if that is nothing."""
        worker = self.workers[name]
        if not worker.hands:
            self.claim(name, ALL_NAMES)
        for target, answered in zip(sorted(worker.hands), answers, strict=False):
            self._send(worker, target, *answered)

    def _send(
        self,
        worker: Worker,
        target: str,
        kind: type[Outcome],
        after: timedelta | None,
        reached: bool,
        goes_on: int,
    ) -> None:
        claims = worker.hands.pop(target)
        sent: list[tuple[Claim, Outcome]] = []
        for claim in claims:
            until = None if after is None else self.now + after
            outcome = self._attempt(worker, claim, kind(reason=kind.__name__, after=until), reached)
            sent.append((claim, outcome))
            if not isinstance(outcome, Sent | Skipped | Refused) or outcome.after:
                break
        left = claims[len(sent) :]
        settled = settled_of(sent, self.now, lambda: 0.0)
        health = settled[-1].settlement.health
        more: list[Claim] = []
        with self.engine.begin() as connection:
            settling.lock(connection, claims)
            settling.release(connection, left, self.now)
            ours = settling.settle(connection, settled, self.now, str)
            may_go_on = not left and len(ours) == len(sent) and PACES[target] == Pace()
            if goes_on and may_go_on:
                more = outbox.claim_next(
                    connection, target, health, self.now,
                    setup=claims[0].setup, owner=worker.owner, lease=LEASE, most=goes_on,
                )  # fmt: skip
        for claim in left:
            self._released(worker, claim)
        mine = {claim.key for claim, _ in sent if self._is_ours(worker, claim)}
        assert ours == mine
        for one in settled:
            if one.claim.key in mine:
                self._settled(one.claim, one.outcome, one.settlement)
        if mine and health != sent[-1][0].health:
            self.health[target] = health
        if goes_on and may_go_on:
            keys = self._next(target, goes_on) if health.is_open(self.now) else []
            found = {target: more} if more else {}
            self._take(worker, found, {target: keys} if keys else {}, self.now + LEASE)

    @rule(name=workers, how=st.sampled_from(["stopped", "killed before it sent", "killed after it sent"]))
    def a_process_ends(self, name: str, how: str) -> None:
        """A new one takes its place. What was claimed and not sent goes back, or is left to the lease."""
        worker = self.workers[name]
        claims = [claim for claims in worker.hands.values() for claim in claims]
        if how == "stopped":
            with self.engine.begin() as connection:
                settling.release(connection, claims, self.now)
            for claim in claims:
                self._released(worker, claim)
        elif how == "killed after it sent":
            for given in worker.hands.values():
                self._attempt(worker, given[0], Sent(), reached=True)
        self.processes += 1
        self.workers[name] = Worker(f"{name}{self.processes}")

    @rule(name=workers)
    def look(self, name: str) -> None:
        worker = self.workers[name]
        with self.engine.begin() as connection:
            upkeep.recover(connection, self.now, owner=worker.owner, under_way=worker.hands)
        for one in self.rows.values():
            is_mine = one.owner == worker.owner and one.row.target in worker.hands
            if one.lease_until is not None and one.lease_until < to_us(self.now) and not is_mine:
                due = next_attempt(one.row.attempts, self.now, jitter=0)
                one.row.state = State.UNCLEAR if due else State.DEAD
                one.row.due_us, one.row.may_have_arrived = to_us(due or self.now), True
                one.row.settled_us = None if due else to_us(self.now)
                one.owner = one.lease_until = None
                self.heard.add((one.row.target, one.row.article_key))  # for all that is known here

    def purge_and_mend(self) -> None:
        with self.engine.begin() as connection:
            upkeep.purge(connection, self.now - KEEP)
            upkeep.mend_clock(connection, self.now)
        limit, now = to_us(self.now - KEEP), to_us(self.now)
        self.rows = {
            key: one
            for key, one in self.rows.items()
            if one.row.settled_us is None or one.row.settled_us >= limit
        }
        absurd = self.now + LONGEST + timedelta(hours=3)
        with self.engine.begin() as connection:
            edited = select(events.c.article_key).where(events.c.at_us > to_us(absurd))
            edited_in_the_future = set(connection.execute(edited).scalars())
        for one in self.rows.values():
            is_from_the_future = (
                one.row.at_us > to_us(absurd)
                or one.row.by_hand
                or one.row.article_key in edited_in_the_future
            )
            if one.row.due_us > to_us(absurd) and (
                one.row.state in {State.RETRY, State.UNCLEAR}
                or (one.row.state is State.PENDING and is_from_the_future)
            ):
                one.row.due_us = now
            if one.lease_until is not None and one.lease_until > to_us(absurd):
                one.lease_until = now
        for name, health in self.health.items():
            if health.until is not None and health.until > absurd:
                self.health[name] = replace(health, until=self.now)

    # --- people ---

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), word=st.sampled_from(Word))
    def speak(self, data: st.DataObject, word: Word) -> None:
        """Retry, drop or release one delivery."""
        one = self.rows[data.draw(st.sampled_from(sorted(self.rows)))]
        before = asdict(one.row)
        is_pointless = self.live[one.row.article_key] is (one.row.event is EventKind.WITHDRAWN)
        after = told(word, one.row, self.now, is_pointless=is_pointless)
        with self.engine.begin() as connection:
            said = say(connection, word, Selection(ids=(one.row.id,)), self.now)
        is_left = one.row.state not in CONCERNS[word] or (is_pointless and word is Word.RETRY)
        assert (after is None) == is_left == (not said.changed)
        assert before["state"] is not State.SENDING or after is None
        if isinstance(after, AnnouncementRow):
            one.row = after

    @rule(name=st.sampled_from([*NAMES, ""]))
    def resume_one_or_tidy_up(self, name: str) -> None:
        if name:
            self.resume(name)
        else:
            self.purge_and_mend()

    def resume(self, name: str) -> None:
        with self.engine.begin() as connection:
            before = resume(connection, name)
        assert before == (None if self.health[name] == Health() else self.health[name])
        if before is not None:
            self.health[name] = Health()
            for one in self.rows.values():
                if one.row.target == name and one.row.state is State.RETRY:
                    one.row.due_us = min(one.row.at_us, one.row.first_tried_us or one.row.at_us)

    @rule(place=st.integers(0, len(AUDIENCES) - 1), takes=st.sets(st.sampled_from(EventKind)), stays=mostly)
    def configure(self, place: int, takes: set[EventKind], stays: bool) -> None:
        """Let a target take other events, or all of its own, or be no more for a while."""
        usual = AUDIENCES[place]
        self.audiences.pop(usual.name, None)
        if stays:
            self.audiences[usual.name] = replace(usual, takes=frozenset(takes) or usual.takes)

    # --- time ---

    @rule(passed=st.sampled_from([*PASSES * 6, *JUMPS]))
    def time_passes(self, passed: timedelta) -> None:
        self.now += passed

    # --- what is always so ---

    @invariant()
    def everything_is_as_the_model_has_it(self) -> None:
        stored = self._stored()
        for key in self.rows.keys() | stored.keys():
            assert _comparable(stored.get(key)) == _comparable(self.rows.get(key))
        with self.engine.begin() as connection:
            assert {name: row.health for name, row in targets.load(connection).items()} == self.health
            is_posted = select(posts.c.target, posts.c.article_key).where(posts.c.posted_us.is_not(None))
            assert {tuple(row) for row in connection.execute(is_posted)} == self.posted
        for one in self.rows.values():
            is_replayed = one.row.generation > 1 and one.row.state in {*OPEN, State.SENDING, State.DEAD}
            was_sent = one.row.state is State.SENT or is_replayed
            assert was_sent == (one.row.id in self.sent), "what was sent is told as sent"
        for name in NAMES:
            owners = {one.owner for one in self.rows.values() if one.owner and one.row.target == name}
            assert len(owners) <= 1, "one process at a time tells a target"

    @precondition(lambda self: self.engine.dialect.name == "sqlite")
    @invariant()
    def every_change_of_state_is_one_that_the_page_tells_of(self) -> None:
        with self.engine.begin() as connection:
            changes = {(row.before, row.after) for row in connection.execute(text("SELECT * FROM changes"))}
        assert changes <= DOCUMENTED

    def teardown(self) -> None:
        """When everything is well again, all that is to be told is told, whatever has been."""
        for worker in self.workers.values():
            worker.hands.clear()  # all are killed
        self.audiences = {one.name: one for one in AUDIENCES}
        self.processes += 1
        self.workers["a"] = Worker(f"a{self.processes}")
        self.announce()
        for name in NAMES:
            self.resume(name)
        with self.engine.begin() as connection:
            say(connection, Word.RELEASE, Selection(), self.now)
        self.rows = self._stored()
        for _ in range(4 * len(self.rows) + 4):
            if all(one.row.settled_us is not None for one in self.rows.values()):
                break
            self.now += timedelta(hours=25)
            self.purge_and_mend()
            self.look("a")
            self.claim("a", ALL_NAMES)
            for target, claims in list(self.workers["a"].hands.items()):
                self._send_well(target, claims)
        for one in self.rows.values():
            assert one.row.settled_us is not None, f"left behind: {one}"
            assert one.row.state is not State.SENT or one.row.id in self.arrived, f"not sent: {one}"
        self.everything_is_as_the_model_has_it()
        with self.engine.begin() as connection:
            latest = dict(self._latest_events(connection))
        for one in self.rows.values():
            row = one.row
            is_last = row.event_number == latest[row.article_key]
            if is_last and row.state is State.SENT:
                _, is_there = self.copies[row.target, row.article_key]
                assert is_there == self.live[row.article_key], "what a receiver keeps is what readers see"

    # --- the model ---

    @staticmethod
    def _latest_events(connection: Connection) -> Iterable[tuple[int, int]]:
        number = func.max(events.c.number)
        found = connection.execute(select(events.c.article_key, number).group_by(events.c.article_key))
        return [(key, latest) for key, latest in found]

    def _may_be_told(self, target: str) -> bool:
        is_busy = any(one.owner and one.row.target == target for one in self.rows.values())
        return self.health[target].is_open(self.now) and not is_busy and self._is_in_pace(target)

    def _is_in_pace(self, target: str) -> bool:
        now, pace = to_us(self.now), PACES[target]
        sent = sorted(
            (
                one.row.settled_us
                for one in self.rows.values()
                if one.row.target == target
                and one.row.state is State.SENT
                and one.row.settled_us is not None
                and one.row.settled_us <= now
            ),
            reverse=True,
        )
        hour, interval = 3600 * 10**6, pace.min_interval // timedelta(microseconds=1)
        is_full = pace.max_per_hour and len(sent) >= pace.max_per_hour
        if is_full and sent[(pace.max_per_hour or 1) - 1] + hour > now:
            return False
        return not (interval and sent and sent[0] + interval > now)

    def _next(self, target: str, most: int) -> list[int]:
        """The oldest that are due and wait for no earlier one of their article."""
        waiting = {
            (one.row.article_key, key)
            for key, one in self.rows.items()
            if one.row.target == target and one.row.settled_us is None
        }
        return [
            key
            for key, one in sorted(self.rows.items())
            if one.row.target == target
            and one.is_open
            and one.row.due_us <= to_us(self.now)
            and not any(article == one.row.article_key and other < key for article, other in waiting)
        ][:most]

    def _take(
        self, worker: Worker, claims: dict[str, list[Claim]], expected: dict[str, list[int]], until: datetime
    ) -> None:
        assert {name: [one.key for one in given] for name, given in claims.items()} == expected
        for name, given in claims.items():
            for claim in given:
                one = self.rows[claim.key]
                one.row = replace(
                    one.row,
                    state=State.SENDING,
                    attempts=one.row.attempts + 1,
                    first_tried_us=one.row.first_tried_us or to_us(self.now),
                )
                one.owner, one.lease_until = worker.owner, to_us(until)
            worker.hands[name] = given

    def _is_ours(self, worker: Worker, claim: Claim) -> bool:
        one = self.rows.get(claim.key)
        return bool(one and one.owner == worker.owner and one.row.attempts == claim.row.attempts)

    def _attempt(self, worker: Worker, claim: Claim, outcome: Outcome, reached: bool) -> Outcome:
        assert isinstance(claim, AnnouncementClaim)
        reason = pointless(claim, load_article(claim.body), self.now, POLICY.max_age)
        if reason:
            return Skipped(reason=reason)
        if isinstance(outcome, Sent) or (isinstance(outcome, Unclear) and reached):
            self._receive(worker, claim)
        if isinstance(outcome, Sent | Unclear):
            self.heard.add((claim.row.target, claim.row.article_key))
        return outcome

    def _receive(self, worker: Worker, claim: Claim) -> None:
        """A receiver gets it, and drops what it knows or what is older, as docs/webhooks.md says."""
        assert isinstance(claim, AnnouncementClaim)
        if self._is_ours(worker, claim):  # or its sender overslept its lease
            self._is_well_told(claim)
        row, subject = claim.row, (claim.row.target, claim.row.article_key)
        if row.id not in self.arrived and row.at_us > self.copies.get(subject, (-1, False))[0]:
            self.copies[subject] = (row.at_us, row.event is not EventKind.WITHDRAWN)
        self.arrived.add(row.id)

    def _is_well_told(self, claim: AnnouncementClaim) -> None:
        row, subject = claim.row, (claim.row.target, claim.row.article_key)
        if row.id in self.arrived:
            assert claim.is_uncertain, "a second time, and nobody was told to look"
        assert (row.event is EventKind.WITHDRAWN) is (claim.status is not Status.LIVE), "what is told is so"
        edit = int(load_article(claim.body).title.partition(" ")[2])
        assert edit >= self.seen.get(subject, 0), "nothing older than what was told before"
        self.seen[subject] = edit
        if row.event is not EventKind.PUBLISHED and not row.by_hand:
            is_known = subject in self.heard
            assert is_known or self._is_old_to(row), "a change of something that was never told"

    def _is_old_to(self, row: AnnouncementRow) -> bool:
        """Whether a target that keeps copies may have the article though nothing on record announced it."""
        mirrors = next(one.mirrors for one in AUDIENCES if one.name == row.target)
        subject = (row.target, row.article_key, EventKind.PUBLISHED)
        on_record = {(one.row.target, one.row.article_key, one.row.event) for one in self.rows.values()}
        return mirrors and subject not in on_record

    def _settled(self, claim: Claim, outcome: Outcome, settlement: Settlement) -> None:
        one = self.rows[claim.key]
        one.owner = one.lease_until = None
        row = one.row
        row.state = settlement.state
        row.may_have_arrived = isinstance(outcome, Unclear) or (
            row.may_have_arrived and settlement.state not in {State.SENT, State.SKIPPED}
        )
        row.attempts -= not settlement.is_charged
        row.settled_us = None if settlement.due else to_us(self.now)
        if settlement.state is State.SENT and not isinstance(outcome, Sent):
            row.settled_us = row.first_tried_us
        if settlement.due:
            row.due_us = to_us(settlement.due)
        if isinstance(outcome, Sent):
            self.sent.add(row.id)
            post = (row.target, row.article_key)
            if row.event is EventKind.WITHDRAWN:
                self.posted.discard(post)
            else:
                self.posted.add(post)

    def _released(self, worker: Worker, claim: Claim) -> None:
        one = self.rows.get(claim.key)
        if one is None or one.owner != worker.owner:
            return
        one.owner = one.lease_until = None
        one.row.attempts -= 1
        was_tried = State.RETRY if one.row.attempts else State.PENDING
        one.row.state = State.UNCLEAR if one.row.may_have_arrived else was_tried
        if one.row.attempts == 0 and not one.row.may_have_arrived:
            one.row.first_tried_us = None

    def _send_well(self, target: str, claims: list[Claim]) -> None:
        worker = self.workers["a"]
        del worker.hands[target]
        sent = [(claim, self._attempt(worker, claim, Sent(), reached=True)) for claim in claims]
        settled = settled_of(sent, self.now, lambda: 0.0)
        with self.engine.begin() as connection:
            settling.settle(connection, settled, self.now, str)
        for one in settled:
            self._settled(one.claim, one.outcome, one.settlement)
            self.health[target] = one.settlement.health

    def _article(self, number: int) -> ArticleRow:
        article = Article(title="Edit 0", published=self.now, updated=self.now)
        return ArticleRow(
            id=f"tag:{number}", path=f"{number}.md", url_digest="", status=Status.LIVE, reason="",
            published_us=to_us(self.now), expires_us=None, visible_hash="", body=dump_article(article),
            seen_us=to_us(self.now), gone_us=None,
        )  # fmt: skip

    def _stored(self) -> dict[int, Told]:
        with self.engine.begin() as connection:
            return {
                row.key: Told(announcement_in(row), row.lease_owner, row.lease_until_us)
                for row in connection.execute(select(deliveries).order_by(deliveries.c.key))
            }


def _comparable(one: Told | None) -> dict[str, Any] | None:
    """All but the words for people."""
    return None if one is None else {**vars(one), "row": replace(one.row, reason="")}


@pytest.fixture
def machine(store: Engine) -> type[Histories]:
    """Histories on each kind of database."""
    return type("HistoriesHere", (Histories,), {"engine": store})


@pytest.mark.timeout(0 if HISTORIES > 1000 else 300)
def test_every_history_is_as_the_model_has_it(machine: type[Histories]) -> None:
    number = HISTORIES if machine.engine.dialect.name == "sqlite" else max(1, HISTORIES // 10)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=number,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
