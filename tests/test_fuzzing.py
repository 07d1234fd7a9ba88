"""Whatever comes from outside, nothing falls over: content files, answers of servers, requests of clients.

An error of ours is always an exception here, for the parts under test turn the errors of others into values.
`fuzz/` looks for longer, guided by what the code does; what it finds becomes an example of these tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import pytest
from chat_samples import RICH
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree
from receiver import Receiver, Reply, receiving
from render_samples import SITE, bodies
from visitor import Visited, visited

from feedbot.attempt import Delivery, Outcome
from feedbot.config.targets import Discord, Hub, Mastodon, Mattermost, Slack, Teams, Webhook
from feedbot.content import Broken, Excluded, Read, Reader
from feedbot.model import Entry, EventKind
from feedbot.redirects import PATH
from feedbot.server import Terms
from feedbot.targets import make_pinger, make_sender

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
READER = Reader(site=SITE)
QUICK = [HealthCheck.too_slow, HealthCheck.data_too_large]

# --- content files ---

KEYS = [
    "title", "name", "date", "publishedDateTime", "updatedDateTime", "webUrl", "originalUrl", "topics",
    "tags",
    "category", "categories", "authors", "author", "images", "image", "provider", "related", "excerpt",
    "published", "removed", "draft", "featuredContent", "secured", "heat", "quality", "id", "language",
    "expiryDate",
    "permalink", "slug", "url", "description", "<<", "? a", "y",
]  # fmt: skip
SCALARS = [
    "2026-05-01", "2026-05-01T08:00:00Z", "9999-12-31T23:59:59+14:00", "0001-01-01", "31.2.2026", "-1",
    "1e999", ".nan",
    "0x1F", "0o17", "1_000", "~", "true", "no", "''", '"\\uD800"', '"\\0"',
    "!!python/object:os.system x", "&a [*a]",
    "*a", "[x", "{a: b}", "[]", "|\n  text", ">-\n  text", "https://x.example/%zz", "//x",
    "javascript:alert(1)",
    "http://[::1", "http://xn--/", "[a, [b, {c: d}]]", "{name: x, domain: y, images: [{url: z}]}",
    "\t", "@x", "`x",
    "'it''s", "<iframe src=/v></iframe>", "&#xD800;&#0;&amp;amp;", "\u202e\u200b", "🏳️‍🌈" * 20,
]  # fmt: skip
BODIES = [
    "# A\n", "<p>", "</p>", "<script>", "<!--", "-->", "]]>", "&#x0;", "[x](y)", "![z](w)",
    "<img src=//a srcset='b 1x'>",
    "<a href='java\tscript:x'>", "<svg><style>", "<math><mi><mglyph>", "<table><td>", "<iframe src=x>",
    "<pre>", "```\n",
    "{% raw %}", "| a |\n|---|\n", "> ", "- ", "\x00", "\ud7ff", "\ufffe", "<template>", "<noscript>",
    "<plaintext>",
    "<select><option>", "<base href=//evil.example>", "<meta http-equiv=refresh content=0>", " ",
    "\n\n", "<", "&", "*_",
]  # fmt: skip
fields = st.tuples(st.sampled_from(KEYS), st.sampled_from(SCALARS) | st.text(max_size=20)).map(
    lambda pair: f"{pair[0]}: {pair[1]}\n"
)
texts = st.lists(st.sampled_from(BODIES) | st.text(max_size=8), max_size=20).map("".join)
fences = st.sampled_from(["---\n", "---\r\n", "+++\n", "--- \n", "\ufeff---\n", "----\n", ""])
written = st.tuples(fences, st.lists(fields, max_size=8).map("".join), fences, texts).map("".join)
more = st.lists(
    st.tuples(st.sampled_from(KEYS[2:]), st.sampled_from(SCALARS)), max_size=3, unique_by=lambda pair: pair[0]
)
sound = st.tuples(more, texts).map(
    lambda parts: (
        "---\ntitle: T\ndate: 2026-05-01\n"
        + "".join(f"{key}: {value}\n" for key, value in parts[0] if key != "date")
        + f"---\n{parts[1]}"
    )
)
contents = (sound | sound | written).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(
    max_size=300
)


@settings(deadline=None, max_examples=600, suppress_health_check=QUICK)
@given(content=contents, ending=st.sampled_from([".md", ".html"]))
@example(content=b"---\ntitle: x\ndate: 2026-05-01\n---\n<p " + b"a" * 9, ending=".html")
def test_any_bytes_are_an_article_or_the_reason_why_not(content: bytes, ending: str) -> None:
    name = f"2026-05-01-a{ending}"
    found = READER.read(content, name=f"content/{name}", relative=name)
    assert isinstance(found, Read | Excluded | Broken)
    assert not isinstance(found, Broken) or found.findings
    for finding in found.findings:
        assert finding.what
        assert finding.line is None or 1 <= finding.line <= content.count(b"\n") + content.count(b"\r") + 1
    if isinstance(found, Read):
        documents = bodies((Entry(id="tag:x", article=found.article),))
        for document in ("rss.xml", "atom.xml"):
            etree.fromstring(documents[document])
        json.loads(documents["feed.json"])


# --- answers of servers ---

WORDS = [
    "id", "url", "uri", "content", "text", "error", "error_description", "message", "code",
    "retry_after", "global",
    "configuration", "statuses", "max_characters", "media_attachments", "image_size_limit", "rules",
    "version",
    "account", "acct", "username", "visibility", "media_ids", "type", "thread", "position", "ok",
    "scopes", "source",
]  # fmt: skip
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just("109")
trees = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=12,
)
codes = st.sampled_from(
    [200, 200, 200, 201, 202, 204, 206, 301, 307, 400, 401, 403, 404, 410, 413, 422, 429, 500, 503]
)
values = st.sampled_from(
    ["", "0", "-1", "1e400", "nan", "120", "Fri, 31 Feb 2026 25:61:61 GMT",
     "Mon, 01 Jun 2026 12:01:00 GMT", "9" * 400,
     "2026-06-01T12:01:00.000Z", "gzip", "br", "identity", "application/json",
     "text/html; charset=nonsense"]
)  # fmt: skip
names = st.sampled_from(
    ["Retry-After", "Date", "X-RateLimit-Reset", "X-RateLimit-Remaining", "X-RateLimit-Reset-After",
     "Location",
     "X-RateLimit-Global", "Content-Type", "Content-Encoding", "Link", "Set-Cookie", "X-Request-Id"]
)  # fmt: skip
told = trees.map(lambda tree: json.dumps(tree).encode()) | st.binary(max_size=60) | st.just(b"[" * 9_000)
proper = st.builds(Reply, codes, st.dictionaries(names, values, max_size=4), told)
lines = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.1 99 X", b"HTTP/1.1 1000 X", b"HTTP/9.9 200", b"HTTP/1.1 -1",
     b"HTTP/1.0 204", b"200 OK",
     b"ICY 200 OK", b"", b"\x16\x03\x01", b"HTTP/1.1 100 Continue", b"HTTP/1.1 101 Switching Protocols"]
)  # fmt: skip
rests = st.lists(
    st.sampled_from(
        [b"Content-Length: 5", b"Content-Length: -5", b"Content-Length: 5\r\nContent-Length: 6",
         b"X: \xff\xfe",
         b"Transfer-Encoding: chunked", b" folded", b"No colon", b": empty", b"", b"5\r\nhello",
         b"ffffffffff\r\nx", b"0\r\n",
         b"zz\r\n", b"{}", b"X: " + b"a" * 70_000, b"\x00"]
    ),
    max_size=6,
).map(b"\r\n".join)  # fmt: skip
broken = st.tuples(lines, rests).map(lambda parts: Reply(raw=b"\r\n".join(parts)))
replies = st.lists(proper | proper | proper | broken | st.just(Reply(lost=True)), min_size=1, max_size=4)

# Where two lengths contradict each other, urllib3 leaves the socket to the collector.
LEFT_OPEN = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

KINDS: dict[str, Any] = {
    "slack": Slack, "discord": Discord, "teams": Teams, "mattermost": Mattermost, "webhook": Webhook,
    "mastodon": Mastodon,
}  # fmt: skip


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def options(kind: str, url: str) -> Any:
    told = {"name": "one", "type": kind, "timeout": "2s"}
    if kind == "mastodon":
        return Mastodon.model_validate(
            {
                **told,
                "base_url": f"{url}/",
                "token": "a" * 20,
                "image": False,
                "on_update": "edit",
                "on_withdraw": "delete",
            }
        )
    more = {"unsigned": True} if kind == "webhook" else {}
    return KINDS[kind].model_validate({**told, "url": f"{url}/hook/a", **more})


def delivery(event: EventKind, doubt: bool, receipt: dict[str, Any]) -> Delivery:
    return Delivery(
        id="msg_1", event=event, at=NOW, entry=Entry(id="tag:x", article=RICH),
        attempt=2 if doubt else 1,
        may_have_arrived=doubt, first_tried=NOW if doubt else None, receipt=receipt,
        posted=NOW if receipt else None,
    )  # fmt: skip


@LEFT_OPEN
@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40, suppress_health_check=[*QUICK, HealthCheck.function_scoped_fixture])
@given(answers=replies, event=st.sampled_from(EventKind), doubt=st.booleans(), known=st.booleans())
def test_whatever_a_server_answers_is_an_outcome(
    receiver: Receiver, kind: str, answers: list[Reply], event: EventKind, doubt: bool, known: bool
) -> None:
    turns = cycle(answers)
    receiver.otherwise = lambda _: next(turns)
    sender = make_sender(options(kind, receiver.url), SITE)
    before = len(receiver.requests)
    receipt = {"id": "109", "url": f"{receiver.url}/@a/109", "hash": "x"} if known else {}
    try:
        outcome = sender.send(delivery(event, doubt, receipt), NOW)
        for check in sender.check():
            assert check.said.isprintable()
    finally:
        sender.close()
    assert isinstance(outcome, Outcome)
    assert type(outcome) is not Outcome
    assert outcome.reason.isprintable()
    assert "/hook/a" not in outcome.reason
    assert outcome.after is None or outcome.after > NOW
    assert outcome.receipt is None or json.loads(json.dumps(outcome.receipt)) == outcome.receipt
    assert len(receiver.requests) - before < 40


@LEFT_OPEN
@settings(deadline=None, max_examples=40, suppress_health_check=[*QUICK, HealthCheck.function_scoped_fixture])
@given(answers=replies)
def test_whatever_a_hub_answers_is_an_outcome(receiver: Receiver, answers: list[Reply]) -> None:
    turns = cycle(answers)
    receiver.otherwise = lambda _: next(turns)
    hub = Hub(url=f"{receiver.url}/hub", delay=NOW - NOW)
    pinger = make_pinger(hub, ["https://feeds.example.com/rss.xml"])
    outcome = pinger.ping(["https://feeds.example.com/rss.xml"])
    pinger.close()
    assert isinstance(outcome, Outcome)
    assert outcome.reason.isprintable()


# --- requests of clients ---

PIECES = [
    "/", "//", "..", ".", "%2e", "%2f", "%5c",
    "\\", "rss.xml", "old", "new", "private", "evil.example", "%0d%0aX-Evil:1",
    "%00", "?", "#", ";", "@", ":", "%25", "%ff", "index.html", "archive/1", "http://evil.example",
    "*", "_redirects", "é",
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
    """Feeds of which one has moved, and secrets around them."""
    top = tmp_path_factory.mktemp("guarded")
    for path in ("feeds/new/rss.xml", "feeds/rss.xml", "feeds/index.html", "feeds/new/index.html"):
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text("public")
    for path in ("rss.xml", "index.html", "private/rss.xml", "feeds/.hidden/rss.xml", "feeds/notes.txt"):
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text("a secret")
    (top / "feeds" / PATH).write_text("# generator: feedbot\n/old/* /new/:splat 301\n")
    with visited(top / "feeds", Terms(feeds_url="https://feeds.example.com/")) as site:
        yield site


paths = st.lists(st.sampled_from(PIECES) | st.text("a%2/.", max_size=3), max_size=7).map(
    lambda parts: "/" + "".join(parts)
)
methods = st.sampled_from(
    ["GET", "HEAD", "OPTIONS", "POST", "get", "TRACE", "GET /rss.xml HTTP/1.1\r\nHost: a\r\n\r\nGET"]
)
heads = st.lists(
    st.sampled_from(
        ["Host: a", "Host: a", "Host: b", "Range: bytes=0-", "Range: bytes=-0,9-1", "If-None-Match: *",
         "If-Match: \"x\"",
         "Accept-Encoding: br;q=9,*;q=x", "Content-Length: 0", "Content-Length: 3\r\n\r\nabc",
         "Expect: 100-continue",
         "If-Modified-Since: never", "Transfer-Encoding: chunked\r\n\r\n0\r\n", "Connection: upgrade",
         "Upgrade: h2c"]
    ),
    max_size=5,
)  # fmt: skip


@settings(
    deadline=None, max_examples=150, suppress_health_check=[*QUICK, HealthCheck.function_scoped_fixture]
)
@given(method=methods, path=paths, fields=heads)
def test_whatever_is_asked_for_nothing_but_a_document_is_given(
    site: Visited, method: str, path: str, fields: list[str]
) -> None:
    head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: a", *fields, "Connection: close", "", ""])
    with site.connect() as connection:
        connection.sendall(head.encode())
        connection.shutdown(1)  # nothing more comes
        try:
            said = b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionError:
            said = b""
    assert b"secret" not in said
    assert b"\nx-evil" not in said.lower()
    assert b" 500 " not in said.split(b"\r\n")[0]
    assert site.ask("/rss.xml").body == b"public"  # and the next one is served


@settings(
    deadline=None, max_examples=100, suppress_health_check=[*QUICK, HealthCheck.function_scoped_fixture]
)
@given(path=paths)
@example(path="//evil.example/old")
@example(path="/old/%0d%0aX-Evil:1/rss.xml")
@example(path="/old//evil.example/")
def test_no_path_leads_to_another_site_or_adds_a_header(site: Visited, path: str) -> None:
    said = site.say(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    for location in re.findall(rb"\r\nlocation: ([^\r]*)", said, re.IGNORECASE):
        assert re.match(rb"\.{1,2}/", location), location
        assert b"//" not in location
    assert b"\nx-evil" not in said.lower()
