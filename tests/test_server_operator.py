"""What the server tells of feedbot itself: health, metrics and the operator's page, and who may see them.

The server is `feedbot serve`, a process of its own; what it tells of is written by others.
"""

from __future__ import annotations

import base64
import http.client
import json
import math
import re
import socket
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from console import Console, Today
from newsroom import SITE, Newsroom
from postbox import webhook
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, update
from starlette.requests import Request
from test_worker import Process, wait_until
from visitor import free_port

from feedbot.attempt import Busy, Gone, Refused, Retry
from feedbot.config.values import Cron
from feedbot.errors import StoreError
from feedbot.operator.standings import configured
from feedbot.report.chart import DAYS, HOURS, draw
from feedbot.report.health import Pulse, Verdict, diagnose, load_pulse
from feedbot.report.overview import load_overview
from feedbot.report.page import render_overview
from feedbot.server import Server, source_of
from feedbot.server.guard import Admission, Guard
from feedbot.server.operator import Desk
from feedbot.store import figures
from feedbot.store.db import open_store
from feedbot.store.figures import Slot
from feedbot.store.schema import articles, feeds
from feedbot.store.window import Window

PATIENCE = 60.0  # seconds until a test gives up
TOKEN = "not-a-token-but-long-enough"  # noqa: S105 - for tests
HOOK_SECRET = "whsec_bm90LWEtc2VjcmV0LW5vdC1hLXNlY3JldA=="  # noqa: S105 - the same
TITLE = '<script>alert(1)</script> & "Größe" <b>'
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GUARDED = ("/metrics", "/status")
TOLD = (*GUARDED, "/healthz")


# --- a served newsroom ---


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Site:
    """Somebody who asks a server on loopback."""

    port: int

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        response = connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        connection.close()
        return answer

    def is_up(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            return False
        return True


def at_home(port: int) -> dict[str, Any]:
    """A site whose feeds are read on this machine."""
    return {**SITE, "feeds_url": f"http://127.0.0.1:{port}/"}


@contextmanager
def process(newsroom: Newsroom, port: int) -> Iterator[Site]:
    """`feedbot serve` over a newsroom."""
    running, site = Process(newsroom, "--port", str(port), command="serve"), Site(port)
    try:
        wait_until(site.is_up, lambda: f"the server: {running.lines}")
        yield site
    finally:
        assert running.stop() == 0, running.lines
        assert running.popen.stdout
        running.popen.stdout.close()


@contextmanager
def thread(newsroom: Newsroom, port: int, **options: float) -> Iterator[Site]:
    """The same server in a thread of this process; `options` are those of its desk."""
    config, desk = newsroom.config, Desk(newsroom.config, **options)
    server = Server(source_of(config), "127.0.0.1", port, routes=desk.routes())
    running, site = Thread(target=server.run, daemon=True), Site(port)
    running.start()
    try:
        wait_until(site.is_up, "the server")
        yield site
    finally:
        server.stop()
        running.join(PATIENCE)
        desk.close()
    assert not running.is_alive()


@dataclass
class Office:
    """A newsroom in trouble, served, with those who write to it."""

    desk: Today
    site: Site

    @property
    def newsroom(self) -> Newsroom:
        return self.desk.newsroom

    @property
    def console(self) -> Console:
        return Console(self.newsroom)


def with_markup(connection: Connection) -> None:
    """Let titles be what reading content never lets through."""
    for table in (articles, feeds):
        column = "body" if table is articles else "title"
        words = json.dumps({"title": TITLE}) if table is articles else TITLE
        name = table.c.path.like("%first.md") if table is articles else table.c.name == "robotics"
        connection.execute(update(table).where(name).values({column: words}))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Targets that are well, paused, disabled and gone; what is sent, held and given up; broken content."""
    newsroom, port = Newsroom(tmp_path_factory.mktemp("office") / "newsroom"), free_port()
    desk = Today(newsroom)
    settings = {"site": at_home(port), "serve": {"local": True}, "announce": {"burst": 2}}
    settings["schedule"] = {"scan": "1h"}  # so that no pass is overdue before the last test
    hook = {"unsigned": None, "secret": HOOK_SECRET}
    well = {key: value for key, value in webhook("well", **hook).items() if value is not None}
    desk.configure(well, webhook("busy"), webhook("gone"), webhook('odd "name" \\'), **settings)
    newsroom.build()
    desk.boxes["busy"].outcomes.append(Busy(reason=f"it said {HOOK_SECRET} <i>and</i> was busy"))
    desk.boxes["gone"].outcomes.append(Gone(reason="it answered 410"))
    desk.boxes["well"].outcomes.append(Refused(reason="it is too large"))
    desk.publish("first.md", topics=["AI", "Robotics"])
    desk.deliver()
    desk.publish("second.md")
    desk.deliver()
    for number in range(3):
        desk.write(f"burst-{number}.md")
    newsroom.write_raw("<i>broken.md", "---\ntitle: [unclosed\n---\n")
    newsroom.build()
    newsroom.scalar(with_markup)
    newsroom.now = datetime.now(UTC)
    newsroom.build()
    with process(newsroom, port) as site:
        yield Office(desk, site)
    newsroom.close()


# --- health ---


def test_health_tells_the_last_good_pass_its_age_and_the_queue(office: Office) -> None:
    office.newsroom.now = datetime.now(UTC)  # whenever the office was opened
    office.newsroom.build()
    answer, status = office.site.ask("/healthz"), office.console.json("status")
    assert (answer.status, answer.json["status"]) == (200, "ok")
    assert 0 <= answer.json["age"] < 60
    assert answer.json["last_pass"] >= status["passes"][0]["started"]
    assert answer.json["queue"] == sum(target["depth"] for target in status["deliveries"]["targets"]) > 0
    assert answer.json["oldest_waiting"] == status["deliveries"]["oldest_waiting"]
    assert answer.json["oldest_waiting_age"] > 0


def test_health_names_nothing_of_the_site(office: Office) -> None:
    text = office.site.ask("/healthz", Host="elsewhere.example", X_Forwarded_For="203.0.113.9").text
    assert json.loads(text)["status"] == "ok"
    for name in ("well", "busy", "Example", "About", "content", str(office.newsroom.folder)):
        assert name not in text


def test_what_another_process_writes_is_told_at_once(office: Office) -> None:
    before = office.site.ask("/healthz").json
    passes = samples(office.site.ask("/metrics").text)["feedbot_passes_total", ()]
    office.newsroom.now = datetime.now(UTC)
    office.newsroom.build()
    office.console.run("build")
    assert office.site.ask("/healthz").json["last_pass"] >= before["last_pass"]
    assert samples(office.site.ask("/metrics").text)["feedbot_passes_total", ()] >= passes + 2


def pulse(minutes_ago: float | None, *, failed: bool = False) -> Pulse:
    last = None if minutes_ago is None else NOW - timedelta(minutes=minutes_ago)
    return Pulse(last_pass=last, failed=NOW if failed else None)


# Minutes since the last good pass, schedule.scan, and what follows.
VERDICTS = [
    (0, timedelta(minutes=1), Verdict.OK, True),
    (5, timedelta(minutes=1), Verdict.OK, True),
    (5.1, timedelta(minutes=1), Verdict.STALE, False),
    (29, timedelta(minutes=10), Verdict.OK, True),
    (31, timedelta(minutes=10), Verdict.STALE, False),
    (-3, timedelta(minutes=1), Verdict.OK, True),  # another machine's clock is ahead
    (None, timedelta(minutes=1), Verdict.UNKNOWN, False),
    (9, Cron("*/10 * * * *"), Verdict.OK, True),
    (16, Cron("*/10 * * * *"), Verdict.OK, True),
    (21, Cron("*/10 * * * *"), Verdict.STALE, False),  # 11:40 and 11:50 went by, and five minutes more
    (60 * 24 * 9, Cron("0 6 * * mon"), Verdict.STALE, False),
    (60 * 24 * 9, Cron("0 6 1 * *"), Verdict.OK, True),
    (60 * 24 * 999, Cron("0 0 30 2 *"), Verdict.OK, True),  # it never comes
]


@pytest.mark.parametrize(("minutes", "scan", "verdict", "is_recent"), VERDICTS)
def test_a_pass_is_too_old_when_several_more_should_have_come(
    minutes: float | None, scan: timedelta | Cron, verdict: Verdict, is_recent: bool
) -> None:
    found = diagnose(pulse(minutes), scan, UTC, NOW)
    assert (found.verdict, found.is_recent) == (verdict, is_recent)


def test_a_failing_pass_is_told_and_well_enough_while_the_last_good_one_is_recent() -> None:
    recent, old = (diagnose(pulse(age, failed=True), timedelta(minutes=1), UTC, NOW) for age in (1, 9))
    assert (recent.verdict, recent.is_recent) == (Verdict.FAILING, True)
    assert (old.verdict, old.is_recent) == (Verdict.FAILING, False)


def test_a_cron_expression_is_in_its_own_time_zone() -> None:
    last = datetime(2026, 6, 1, 4, 0, 30, tzinfo=UTC)
    found = diagnose(Pulse(last_pass=last), Cron("0 6 * * *"), ZoneInfo("Europe/Vienna"), NOW)
    assert found.stale_after == datetime(2026, 6, 3, 4, 5, tzinfo=UTC)  # six in the morning in Vienna


# --- who may see it ---


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost:99", "[::1]:8000", "127.9.9.9:80"])
def test_local_pages_open_to_this_machine_by_any_of_its_names(office: Office, path: str, host: str) -> None:
    assert office.site.ask(path, Host=host).status == 200


FOREIGN = {
    "another name, as DNS rebinding has it": {"Host": "attacker.example"},
    "a name that begins alike": {"Host": "localhost.attacker.example"},
    "an address of the network": {"Host": "192.0.2.7:8000"},
    "no name": {"Host": ""},
    "a proxy's header": {"X_Forwarded_For": "127.0.0.1"},
    "the standard one": {"Forwarded": "for=127.0.0.1"},
    "nginx's": {"X_Real_IP": "127.0.0.1"},
    "a gateway's": {"Via": "1.1 gateway"},
    "a network's": {"CF_Connecting_IP": "127.0.0.1"},
    "any of the family": {"X_Forwarded_Whatever": ""},
    "one with a value that is not ASCII": {"X_Forwarded_For": "\xff, 127.0.0.1"},
    "what only ends like this machine": {"Host": "attacker.example@localhost"},
    "a port that cannot be": {"Host": "localhost:99999"},
}


@pytest.mark.parametrize("case", FOREIGN)
def test_local_pages_are_closed_to_whoever_comes_from_elsewhere(office: Office, case: str) -> None:
    for path in GUARDED:
        answer = office.site.ask(path, **FOREIGN[case])
        assert answer.status in {400, 404}, path
        assert b"feedbot_" not in answer.body
    assert office.site.ask("/healthz", **{**FOREIGN[case], "Host": "feeds.example"}).status == 200


def test_local_pages_are_closed_to_old_proxies(office: Office) -> None:
    with socket.create_connection(("127.0.0.1", office.site.port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /status HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 404 " in connection.makefile("rb").readline()


def call_from(client: str, *headers: tuple[str, str]) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return Request({"type": "http", "client": (client, 50_000), "http_version": "1.1", "headers": raw})


def local_call(**headers: str) -> Request:
    return call_from("127.0.0.1", *{"host": "127.0.0.1:8000", **headers}.items())


def test_a_peer_that_is_not_this_machine_is_not_local_whatever_it_says() -> None:
    guard = Guard(token="", is_local_open=True)
    assert guard.judge(local_call()) is Admission.OPEN
    clients = {"::1": True, "::ffff:127.0.0.1": True, "10.0.0.1": False, "::ffff:10.0.0.1": False, "": False}
    for client, is_near in clients.items():
        call = call_from(client, ("host", "localhost"))
        assert guard.judge(call) is (Admission.OPEN if is_near else Admission.CLOSED), client


def test_once_feeds_are_read_elsewhere_a_proxy_that_tells_nothing_does_not_open_the_pages(
    newsroom: Newsroom,
) -> None:
    for feeds_url, entry in {
        "http://127.0.0.1:8000/": Admission.OPEN,
        "http://localhost/": Admission.OPEN,
        "https://feeds.example.com/": Admission.CLOSED,
        "https://localhost.example.com/": Admission.CLOSED,
    }.items():
        newsroom.configure(site={**SITE, "feeds_url": feeds_url}, serve={"local": True})
        assert Guard.of(newsroom.config).judge(local_call()) is entry, feeds_url


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


CREDENTIALS = {
    "the token as a password": (basic("", TOKEN), True),
    "with any user name": (basic("näme", TOKEN), True),
    "as a bearer": (f"Bearer {TOKEN}", True),
    "whatever the case of the scheme": (f"bEARER  {TOKEN}", True),
    "none": ("", False),
    "as the user name": (basic(TOKEN, ""), False),
    "too short": (f"Bearer {TOKEN[:-1]}", False),
    "too long": (f"Bearer {TOKEN}x", False),
    "another case": (f"Bearer {TOKEN.upper()}", False),
    "by itself": (TOKEN, False),
    "with another scheme": (f"Digest {TOKEN}", False),
    "not base64": (f"Basic {TOKEN}", False),
    "not text": ("Basic " + base64.b64encode(b"\xff:\xff").decode(), False),
    "an empty password": (basic("admin", ""), False),
    "an empty bearer": ("Bearer ", False),
}


@pytest.mark.parametrize("case", CREDENTIALS)
def test_a_token_opens_the_pages_to_those_who_know_it(case: str) -> None:
    value, is_right = CREDENTIALS[case]
    call = local_call(authorization=value, **{"x-forwarded-for": "203.0.113.9"})
    assert Guard(token=TOKEN, is_local_open=False).judge(call) is (
        Admission.OPEN if is_right else Admission.ASKED
    )
    assert Guard(token="", is_local_open=False).judge(call) is Admission.CLOSED


def test_two_answers_to_the_question_for_a_token_are_none() -> None:
    headers = (("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {TOKEN}x"))
    call = call_from("127.0.0.1", *headers)
    assert Guard(token=TOKEN, is_local_open=True).judge(call) is Admission.ASKED


def test_pages_ask_for_the_token_and_are_closed_without_one(newsroom: Newsroom) -> None:
    port = free_port()
    newsroom.configure(serve={"token": TOKEN})
    newsroom.write("one.md")
    newsroom.build()
    with thread(newsroom, port) as site:
        for path in GUARDED:
            asked = site.ask(path)
            assert asked.status == 401
            assert asked.headers["www-authenticate"].startswith("Basic realm=")
            assert asked.headers["cache-control"] == "no-store"
            assert site.ask(path, Authorization=basic("me", "wrong")).status == 401
            opened = site.ask(path, Authorization=basic("me", TOKEN))
            assert opened.status == 200
            assert TOKEN not in asked.text + opened.text
    newsroom.configure()
    with thread(newsroom, port) as site:
        for path in GUARDED:
            closed = site.ask(path, Authorization=basic("me", TOKEN))
            assert (closed.status, closed.headers["cache-control"]) == (404, "no-store")
            assert "serve.token" in closed.text
            assert "serve.local" in closed.text


# --- the ways of HTTP ---


@pytest.mark.parametrize("path", TOLD)
def test_what_is_told_is_never_kept_and_head_is_answered_alike(office: Office, path: str) -> None:
    got, headed = office.site.ask(path), office.site.ask(path, "HEAD")
    assert got.headers["cache-control"] == headed.headers["cache-control"] == "no-store"
    assert (headed.status, headed.body) == (200, b"")
    assert headed.headers["content-type"] == got.headers["content-type"]
    assert headed.headers.keys() == got.headers.keys()
    assert "access-control-allow-origin" not in got.headers
    posted = office.site.ask(path, "POST")
    assert posted.status == 405
    assert {"GET", "HEAD"} <= set(posted.headers["allow"].replace(" ", "").split(","))


def test_the_page_may_load_nothing_but_its_own_style_sheet(office: Office) -> None:
    answer = office.site.ask("/status")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    (sheet,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', answer.text)
    style = office.site.ask(f"/{sheet}")
    assert (style.status, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert not re.search(rb"url\(|@import", style.body)


def test_the_page_is_loaded_again_by_itself_only_if_somebody_asks_for_that(office: Office) -> None:
    assert "refresh" not in office.site.ask("/status").headers
    again = office.site.ask("/status?reload")
    assert again.headers["refresh"] == "60"
    assert 'href="status">Stop reloading' in again.text


# --- metrics ---

Place = tuple[str, tuple[tuple[str, str], ...]]


def samples(text: str) -> dict[Place, float]:
    """The samples of a text in Prometheus' format by name and labels, as its own library reads them."""
    found: dict[Place, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            place = (sample.name, tuple(sorted(sample.labels.items())))
            assert place not in found, f"twice: {place}"
            found[place] = sample.value
    return found


METRIC = re.compile(r"feedbot_[a-z][a-z_]*[a-z]")
LABELS = r'\{(?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+\}'
SAMPLE = re.compile(rf"({METRIC.pattern})({LABELS})? (-?[0-9.]+(?:e[+-][0-9]+)?)")


def test_metrics_keep_to_the_text_format_and_to_the_rules_for_names(office: Office) -> None:
    answer = office.site.ask("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.endswith("\n")
    kinds: dict[str, str] = {}
    helped: list[str] = []
    for line in answer.text.splitlines():
        if line.startswith("# HELP "):
            helped.append(line.split(" ", 3)[2])
            assert line.endswith(".")
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == helped[-1]
            kinds[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match[1] == helped[-1], "samples of a metric stand together below its name"
            assert not math.isnan(float(match[3]))
    assert len(helped) == len(set(helped)) == len(kinds)
    for name, kind in kinds.items():
        assert METRIC.fullmatch(name)
        assert (kind == "counter") == name.endswith("_total"), name
        assert kind in {"counter", "gauge"}
    assert samples(answer.text)


def test_metrics_and_the_page_say_what_the_command_says(office: Office) -> None:
    found, status = samples(office.site.ask("/metrics").text), office.console.json("status")
    assert found["feedbot_healthy", ()] == 1
    assert found["feedbot_last_pass_success", ()] == 1
    for word in ("live", "waiting", "withdrawn"):
        assert found["feedbot_articles", (("status", word),)] == status["articles"][word]
    for level, number in status["findings"]["counts"].items():
        assert found["feedbot_findings", (("level", level),)] == number
    assert found["feedbot_feeds", ()] == status["feeds"]["active"]
    assert found["feedbot_documents", ()] == status["feeds"]["documents"]
    assert found["feedbot_files", (("fate", "broken"),)] == status["files"]["broken"] == 1
    by_state: Counter[str] = Counter()
    for (name, labels), value in found.items():
        if name == "feedbot_deliveries":
            by_state[dict(labels)["state"]] += int(value)
    assert by_state == status["deliveries"]["counts"]
    for target in status["deliveries"]["targets"]:
        place = (("condition", target["state"]), ("target", target["name"]))
        assert found["feedbot_target_condition", place] == 1
        failures = found["feedbot_target_failures", (("target", target["name"]),)]
        assert failures == target["failures"]
    page = Page.of(office.site.ask("/status").text)
    assert f"Articles live {status['articles']['live']}" in page.text


def test_each_target_is_in_one_condition_and_its_attempts_are_counted(office: Office) -> None:
    found = samples(office.site.ask("/metrics").text)
    conditions: Counter[str] = Counter()
    for (name, labels), value in found.items():
        if name == "feedbot_target_condition":
            conditions[dict(labels)["target"]] += int(value)
    assert conditions == {"well": 1, "busy": 1, "gone": 1, 'odd "name" \\': 1}
    attempts = {
        labels: value for (name, labels), value in found.items() if name == "feedbot_attempts_last_hour"
    }
    assert attempts[("outcome", "refused"), ("target", "well")] == 1
    assert attempts[("outcome", "sent"), ("target", "well")] == 1
    assert attempts[("outcome", "gone"), ("target", "gone")] == 1
    assert attempts[("outcome", "sent"), ("target", "gone")] == 0
    assert found["feedbot_oldest_waiting_seconds", (("target", "busy"),)] > 60
    assert found["feedbot_oldest_waiting_seconds", (("target", "well"),)] == 0


def test_metrics_hold_no_words_of_others_and_no_secrets(office: Office) -> None:
    text = office.site.ask("/metrics").text
    for words in (HOOK_SECRET, "receiver.example", "answered 410", "too large", "script", "AI"):
        assert words not in text


# --- the page ---

VOID = {"meta", "link", "img", "br", "hr", "rect", "line"}


@dataclass
class Page(HTMLParser):
    """A page read strictly: every element is closed in order, every id is the only one of its kind."""

    ids: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, text: str) -> Page:
        page = cls()
        page.feed(text)
        page.close()
        assert page.open == []
        return page

    def __post_init__(self) -> None:
        super().__init__()

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"twice in {tag}: {names}"
        self.tags.append((tag, dict(attrs)))
        self.words.append(" ")
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.words.append(" ")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("path", ["/status", "/status?days&reload"])
def test_the_page_is_whole_and_made_for_everybody(office: Office, path: str) -> None:
    text = office.site.ask(path).text
    page = Page.of(text)
    assert text.startswith("<!doctype html>")
    assert len(page.ids) == len(set(page.ids))
    attributes = [(tag, name, value or "") for tag, given in page.tags for name, value in given.items()]
    for tag, name, value in attributes:
        assert name != "style", tag
        assert not name.startswith("on"), (tag, name)
        if name in {"aria-labelledby", "aria-describedby"}:
            assert set(value.split()) <= set(page.ids)
        if name in {"href", "src"}:
            assert not urlsplit(value).scheme or value.startswith("data:image/svg+xml,"), value
            assert not value.startswith("#") or value[1:] in page.ids
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("main")) == len(page.all("h1")) == len(page.all("title")[:1]) == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table")) > 0
    assert all("scope" in given for given in page.all("th"))
    assert all(given.get("aria-label") for given in page.all("svg"))
    assert not page.all("script")


def test_what_articles_and_servers_say_is_shown_as_it_is_and_runs_nothing(office: Office) -> None:
    text = office.site.ask("/status").text
    page = Page.of(text)
    assert page.text.count(TITLE) == 4 + 1  # for each target, and as a feed
    assert "it said *** <i>and</i> was busy" in page.text
    assert "content/<i>broken.md:2:8 error" in page.text
    assert not page.all("i")
    assert HOOK_SECRET not in text


@pytest.mark.parametrize(
    "words",
    [
        "The feeds are kept fresh",
        "5 things need you gone is disabled. it answered 410 feedbot targets resume gone",
        "busy is paused",
        "feedbot targets test busy",
        "12 announcements are held. Too many articles came at once.",
        "feedbot deliveries release --all sends them",
        "feedbot deliveries drop --state held forgets them",
        "1 announcement was given up. feedbot deliveries list --state dead -v",
        "1 error in the content. It is listed below .",
        "the oldest for ",
        "given up it is too large",
        "In the last 48 hours",
    ],
)
def test_the_page_says_what_needs_somebody_and_which_command_helps(office: Office, words: str) -> None:
    assert words in Page.of(office.site.ask("/status").text).text


def test_feeds_on_the_page_lead_to_their_pages(office: Office) -> None:
    page = Page.of(office.site.ask("/status").text)
    links = [str(given["href"]) for given in page.all("a") if str(given["href"]).startswith("./")]
    assert len(links) == len(set(links)) + 1  # the site's name and the feed of all articles lead to one page
    for link in links:
        assert office.site.ask(link.removeprefix(".")).status == 200


def test_the_page_is_calm_when_all_is_well(any_newsroom: Newsroom) -> None:
    newsroom, port = any_newsroom, free_port()
    newsroom.configure(site=at_home(port), serve={"local": True})
    newsroom.now = datetime.now(UTC)
    newsroom.write("one.md")
    newsroom.write("far.md", publishedDateTime="2935-06-01T09:00:00Z")
    newsroom.build()
    with thread(newsroom, port) as site:
        page = Page.of(site.ask("/status").text)
        assert "Next due 2935-06-01 an article appears" in page.text
        assert "The feeds are kept fresh" in page.text
        assert "Nothing needs you." in page.text
        assert "All well" in page.text
        newsroom.now -= timedelta(days=1)
        newsroom.scalar(lambda connection: connection.exec_driver_sql(
            "update passes set started_us = started_us - 86400000000"))  # fmt: skip
        assert site.ask("/healthz").status == 503
        assert "No pass for 1 day. A pass is overdue" in Page.of(site.ask("/status").text).text


def test_the_page_tells_what_is_configured_and_not_in_force_and_what_puts_it_in_force(
    newsroom: Newsroom,
) -> None:
    def told() -> str:
        config = newsroom.config

        def look(connection: Connection) -> bytes:
            diagnosis = diagnose(load_pulse(connection), config.schedule.scan, UTC, newsroom.now)
            return render_overview(load_overview(connection, configured(config), diagnosis, HOURS), "x", str)

        return Page.of(newsroom.scalar(look).decode()).text

    desk = Today(newsroom)
    desk.configure(webhook(), webhook("old one"))
    assert "There was no pass yet. feedbot run makes the first" in told()
    newsroom.build()
    desk.publish("one.md")
    assert "Nothing needs you." in told()
    desk.configure(webhook(timeout="9s"), webhook("late"))
    text = told()
    assert "3 things need you" in text
    assert "box changed in config.yaml since the last pass: restart the worker, if one runs." in text
    assert "late is set up when the worker is restarted, or by `feedbot build` where none runs" in text
    gone = (
        "old one is no longer in config.yaml. feedbot deliveries drop --target 'old one' forgets what waits"
    )
    assert gone in text
    newsroom.later(hours=1)
    assert "A pass is overdue: see that the worker runs. feedbot run keeps the feeds fresh" in told()


def test_a_pass_that_fails_is_told_with_its_reason(newsroom: Newsroom) -> None:
    port = free_port()
    newsroom.configure(site=at_home(port), serve={"local": True})
    newsroom.now = datetime.now(UTC)
    newsroom.write("one.md")
    newsroom.build()
    newsroom.content.rename(newsroom.folder / "away")
    with pytest.raises(Exception, match="content"):
        newsroom.build()
    with thread(newsroom, port) as site:
        assert (site.ask("/healthz").status, site.ask("/healthz").json["status"]) == (200, "failing")
        assert samples(site.ask("/metrics").text)["feedbot_last_pass_success", ()] == 0
        text = Page.of(site.ask("/status").text).text
        assert "Passes fail" in text
        assert "The newest pass failed. " in text
        assert "feedbot build makes one now" in text


# --- the chart ---


def slot(hours_ago: int, outcome: str, number: int = 1) -> Slot:
    return Slot(begin=NOW - timedelta(hours=hours_ago), outcome=outcome, number=number)


def test_bars_rise_for_what_was_sent_and_hang_for_what_failed() -> None:
    now = NOW + timedelta(minutes=59)
    chart = draw(
        [slot(0, "sent", 6), slot(1, "retry", 1), slot(1, "denied", 2), slot(2, "skipped", 9),
         slot(47, "sent", 3), slot(48, "sent", 50)], HOURS, now)  # fmt: skip
    assert len(chart.bars) == 48
    assert (chart.sent, chart.failed) == (9, 3)
    assert [(bar.begin.hour, bar.sent, bar.failed) for bar in chart.busy] == [
        (12, 6, 0),
        (11, 0, 3),
        (13, 3, 0),
    ]
    newest, failed, oldest = chart.busy
    assert newest.up == pytest.approx(2 * oldest.up, abs=0.1)
    assert oldest.up == failed.down
    assert chart.line == newest.up
    assert oldest.x == 0
    assert {len(draw([], span, now).labelled) * span.every == span.number for span in (HOURS, DAYS)} == {True}
    assert draw([], DAYS, now).busy == ()


def test_attempts_are_counted_in_whole_hours_back_to_the_moment_asked_for(any_newsroom: Newsroom) -> None:
    desk = Today(any_newsroom)
    any_newsroom.now = NOW + timedelta(minutes=30)
    desk.configure(webhook())
    any_newsroom.build()
    for number, outcome in enumerate([None, Retry(reason="no"), None]):
        desk.box.outcomes.extend([outcome] if outcome else [])
        desk.publish(f"{number}.md")
        desk.deliver()
        any_newsroom.later(minutes=50)

    def count(since: datetime) -> list[tuple[str, str, int]]:
        found = any_newsroom.scalar(lambda connection: figures.count_slots(connection, since, HOURS.width))
        return [(f"{one.begin:%H:%M}", one.outcome, one.number) for one in found]

    whole = [("12:00", "sent", 1), ("13:00", "retry", 1), ("14:00", "sent", 2)]
    assert count(NOW) == whole
    assert count(NOW + timedelta(hours=1)) == whole[1:]
    assert count(NOW + timedelta(hours=9)) == []
    outcomes = any_newsroom.scalar(lambda connection: figures.count_outcomes(connection, NOW))
    assert outcomes == {("box", "sent"): 3, ("box", "retry"): 1}


# --- when the state cannot be read ---


def test_a_server_that_is_there_before_the_state_tells_of_it_when_it_comes(newsroom: Newsroom) -> None:
    port = free_port()
    newsroom.configure(site=at_home(port), serve={"local": True})
    with process(newsroom, port) as site:
        health, page = site.ask("/healthz"), site.ask("/status")
        assert (health.status, health.json["status"], health.json["last_pass"]) == (503, "unknown", None)
        assert page.status == site.ask("/metrics").status == 503
        assert "run `feedbot build` once" in Page.of(page.text).text
        assert page.headers["cache-control"] == "no-store"
        newsroom.write("one.md")
        Console(newsroom).run("build")
        assert [site.ask(path).status for path in (*TOLD, "/rss.xml")] == [200, 200, 200, 200]


def test_a_state_that_cannot_be_read_costs_no_reader_anything(newsroom: Newsroom) -> None:
    port = free_port()
    newsroom.configure(site=at_home(port), serve={"local": True})
    newsroom.now = datetime.now(UTC)
    newsroom.write("one.md")
    newsroom.build()
    newsroom.close()
    database = newsroom.config.store.file
    assert database
    whole = database.read_bytes()
    with thread(newsroom, port) as site:
        assert site.ask("/status").status == 200
        damages = {
            "newer feedbot": lambda: execute(database, "update alembic_version set version_num = '9999'"),
            "older feedbot": lambda: execute(database, "update alembic_version set version_num = '0001'"),
            "not a database": lambda: database.write_bytes(b"rubbish" * 1000),
            "no state yet": database.unlink,
        }
        for reason, damage in damages.items():
            damage()
            answers = {path: site.ask(path) for path in TOLD}
            assert {answer.status for answer in answers.values()} == {503}, reason
            assert reason in Page.of(answers["/status"].text).text
            assert site.ask("/rss.xml").status == 200
            put_back(database, whole)
            assert site.ask("/status").status == 200


def execute(database: Path, statement: str) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute(statement)
    connection.close()


def put_back(database: Path, whole: bytes) -> None:
    for end in ("-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    database.write_bytes(whole)


def test_a_database_that_is_away_holds_up_nobody(newsroom: Newsroom) -> None:
    port, password = free_port(), "pass-word-9"
    newsroom.configure(site=at_home(port), serve={"local": True})
    newsroom.write("one.md")
    newsroom.build()
    away = f"postgresql://feedbot:{password}@127.0.0.1:{free_port()}/feedbot"
    newsroom.configure(**newsroom.settings, store={"url": away})
    with thread(newsroom, port) as site:
        answers = [site.ask(path) for path in TOLD]
        assert {answer.status for answer in answers} == {503}
        assert password not in "".join(answer.text for answer in answers)
        assert site.ask("/rss.xml").status == 200


def test_a_database_that_does_not_answer_holds_up_nobody(newsroom: Newsroom) -> None:
    port = free_port()
    newsroom.configure(site=at_home(port), serve={"local": True})
    newsroom.write("one.md")
    newsroom.build()
    newsroom.close()
    holder = sqlite3.connect(str(newsroom.config.store.file), isolation_level=None)
    holder.execute("pragma locking_mode=exclusive")
    holder.execute("begin immediate")
    with thread(newsroom, port, patience=0.2) as site:
        assert "takes too long" in site.ask("/status").text
        assert [site.ask(path).status for path in (*TOLD, "/rss.xml")] == [503, 503, 503, 200]
        holder.close()
        wait_until(lambda: site.ask("/status").status == 200, "the database")


def opened(url: str) -> Window:
    """A window on a state that is there."""
    open_store(url).dispose()
    return Window(url)


def test_a_window_opens_again_after_the_server_of_the_database_closed_it(postgres_url: str) -> None:
    """As when PostgreSQL is restarted between two looks."""
    with pytest.raises(StoreError, match="no state yet"):
        Window(postgres_url).look(lambda connection: connection.exec_driver_sql("select 1"))
    window, other = opened(postgres_url), Window(postgres_url)
    mine = window.look(lambda connection: connection.exec_driver_sql("select pg_backend_pid()").scalar_one())
    other.look(lambda connection: connection.exec_driver_sql(f"select pg_terminate_backend({mine})"))
    assert window.look(figures.count_passes) == 0
    with pytest.raises(StoreError, match="cannot be read"):
        window.look(lambda connection: connection.exec_driver_sql("delete from passes"))
    window.shut()
    other.shut()


# --- what browsers ask for unasked ---


@pytest.mark.parametrize("pictures", [True, False])
def test_browsers_are_led_to_the_icon_of_the_site_unless_pages_are_without_pictures(
    newsroom: Newsroom, *, pictures: bool
) -> None:
    icon = "https://news.example.com/icon.png"
    newsroom.configure(site={**SITE, "icon": icon}, feeds={"pictures": pictures})
    with process(newsroom, free_port()) as site:
        answer = site.ask("/favicon.ico")
    assert (answer.status, answer.headers.get("location")) == ((302, icon) if pictures else (204, None))
