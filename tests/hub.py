"""A small WebSub hub on loopback, and subscribers of it: the two roles that feedbot itself does not play.

After the Recommendation (https://www.w3.org/TR/websub/): the hub takes subscriptions, verifies the intent of
whoever asked, fetches a topic when its publisher says that it changed, and hands what is new to those who
subscribed, signed. A subscriber finds the hub by the links of a document, and checks all that it is given.

with opening() as hub, subscribing() as subscriber:
    subscriber.subscribe(hub_url, topic)
    ...
    subscriber.wait_for(1)[0].body
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from queue import SimpleQueue
from time import monotonic
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import requests
from loopback import answering

PATIENCE = 60.0  # seconds that anything here waits before it gives up
LEASE = 3600  # seconds that a subscription lasts unless it asks for less
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Content:
    """What came from a topic or from the hub."""

    headers: Mapping[str, str]  # read without regard to case
    body: bytes

    @property
    def links(self) -> dict[str, str]:
        """The URLs in its header Link (RFC 8288), by relation."""
        found = re.findall(r'<([^>]*)>\s*;\s*rel="?([\w-]+)"?', self.headers.get("Link", ""))
        return {rel: url for url, rel in found}


def fetch(url: str) -> Content:
    """GET a URL as a hub or a subscriber does; redirects are followed. Raises OSError."""
    answer = requests.get(url, headers={"Cache-Control": "no-cache"}, timeout=PATIENCE)
    answer.raise_for_status()
    return Content(answer.headers, answer.content)


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """POST and give the status, whatever it is. Raises OSError where there is none."""
    return requests.post(url, data=body, headers=headers, timeout=PATIENCE).status_code


# --- a server that answers in the words of a function ---

Answer = tuple[int, bytes]
Handle = Callable[[str, str, Content], Answer]  # method, path with its query, what came


@contextmanager
def _serving(handle: Handle) -> Iterator[str]:
    """A server on loopback; gives the URL of its root, which ends in a slash."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = handle(self.command, self.path, Content(self.headers, body))
            self.send_response_only(status)
            self.send_header("Content-Length", str(len(said)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = _answer  # noqa: N815 (the names are the base class's)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's)
            """Nothing: tests are quiet."""

    with answering(Handler) as url:
        yield url


# --- the hub ---


@dataclass
class Subscription:
    """Somebody who wants to be told of a topic."""

    topic: str
    callback: str
    secret: str
    until: float  # monotonic
    copy: str = ""  # a digest of what the subscriber has


class Hub:
    """The hub's mind: who subscribed, what it was told, and what it did."""

    def __init__(self) -> None:
        self.url = ""
        self.subscriptions: dict[tuple[str, str], Subscription] = {}
        self.pinged: list[str] = []  # topics, in the order in which their publisher named them
        self.missed: list[str] = []  # topics that could not be fetched, and why
        self.faults: list[str] = []
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def answer(self, method: str, _path: str, came: Content) -> Answer:
        """Sections 5.1 and 6: requests are forms; what follows from them is done afterwards."""
        if method != "POST" or came.headers.get("Content-Type") != FORM:
            return 400, b"a hub takes forms"
        form = parse_qs(came.body.decode())
        match form.get("hub.mode"):
            case ["subscribe" | "unsubscribe" as mode]:
                return self._asked(mode, form)
            case ["publish"]:
                return self._published(form)
        return 400, b"hub.mode is missing"

    def _asked(self, mode: str, form: dict[str, list[str]]) -> Answer:
        topic, callback = form["hub.topic"][0], form["hub.callback"][0]
        secret = form.get("hub.secret", [""])[0]
        if len(secret.encode()) >= 200:
            return 400, b"the secret is too long"
        lease = min(LEASE, int(form.get("hub.lease_seconds", [str(LEASE)])[0]))
        self._work.put(
            lambda: self._verify(mode, Subscription(topic, callback, secret, monotonic() + lease), lease)
        )
        return 202, b""

    def _verify(self, mode: str, wish: Subscription, lease: int) -> None:
        """Section 5.3: whoever is at the callback has to say that this is meant."""
        challenge = secrets.token_hex(16)
        asked = {"hub.mode": mode, "hub.topic": wish.topic, "hub.challenge": challenge}
        query = urlencode(asked | {"hub.lease_seconds": str(lease)})
        try:
            wish.copy = digest(fetch(wish.topic).body)  # what comes after this is new
            said = fetch(f"{wish.callback}{'&' if urlsplit(wish.callback).query else '?'}{query}")
        except OSError:
            return  # not meant, or there is no such topic
        if said.body.decode() != challenge:
            return
        if mode == "subscribe":
            self.subscriptions[wish.topic, wish.callback] = wish
        else:
            self.subscriptions.pop((wish.topic, wish.callback), None)

    def _published(self, form: dict[str, list[str]]) -> Answer:
        """As the hubs do that read one field alone, whichever of the two it is; they must agree."""
        named = {tuple(form[name]) for name in ("hub.url", "hub.topic") if name in form}
        if len(named) != 1 or len(topics := named.pop()) != 1:
            return 400, b"name one topic"
        self.pinged += topics
        self._work.put(lambda: self._look(topics[0]))
        return 202, b"queued"

    def _look(self, topic: str) -> None:
        """Section 7: fetch the topic, and hand it to those who have something else."""
        try:
            content = fetch(topic)
        except OSError as error:
            self.missed.append(f"{topic}: {error}")
            return
        there = [one for one in self.subscriptions.values() if one.until > monotonic()]
        for one in (one for one in there if one.topic == topic):
            if one.copy != digest(content.body) and self._hand_on(one, content):
                one.copy = digest(content.body)

    def _hand_on(self, one: Subscription, content: Content) -> bool:
        headers = {
            "Content-Type": content.headers["Content-Type"],
            "Link": f'<{self.url}>; rel="hub", <{one.topic}>; rel="self"',
        }
        if one.secret:
            headers["X-Hub-Signature"] = signature(one.secret, content.body)
        try:
            return 200 <= post(one.callback, content.body, headers) < 300
        except OSError:
            return False  # a hub of the real world would try again

    def work(self) -> None:
        """Do what is to be done, until there comes None."""
        while task := self._work.get():
            try:
                task()
            except Exception as fault:  # noqa: BLE001 - told at the end
                self.faults.append(repr(fault))

    def rest(self) -> None:
        """Let `work` return when all is done."""
        self._work.put(None)


def digest(body: bytes) -> str:
    """What tells one content from another."""
    return hashlib.sha256(body).hexdigest()


def signature(secret: str, body: bytes) -> str:
    """Section 7.1: the header X-Hub-Signature."""
    return f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"


@contextmanager
def opening() -> Iterator[Hub]:
    """A hub that works until the end."""
    hub = Hub()
    with _serving(hub.answer) as hub.url:
        worker = threading.Thread(target=hub.work)
        worker.start()
        try:
            yield hub
        finally:
            hub.rest()
            worker.join()
    assert hub.faults == []


# --- a subscriber ---


@dataclass
class Subscriber:
    """Somebody with a callback. What the hub brings counts only if its signature is right."""

    url: str = ""
    wanted: set[str] = field(default_factory=set)  # topics that it asked for
    confirmed: list[str] = field(default_factory=list)
    got: list[Content] = field(default_factory=list)
    forged: list[Content] = field(default_factory=list)
    _secret: str = field(default_factory=lambda: secrets.token_hex(20))
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def subscribe(self, hub: str, topic: str) -> None:
        """Ask the hub for a topic, and wait until it has made sure that this is meant."""
        self.wanted.add(topic)
        self._ask("subscribe", hub, topic)
        with self._changed:
            assert self._changed.wait_for(lambda: topic in self.confirmed, PATIENCE)

    def _ask(self, mode: str, hub: str, topic: str) -> None:
        form = {
            "hub.mode": mode,
            "hub.topic": topic,
            "hub.callback": f"{self.url}callback/{quote(topic, safe='')}?by=feedbot",
            "hub.lease_seconds": "600",
            "hub.secret": self._secret,
        }
        assert post(hub, urlencode(form).encode(), {"Content-Type": FORM}) == 202

    def answer(self, method: str, path: str, came: Content) -> Answer:
        """The callback: an intent to confirm (5.3), or a content (7)."""
        if method == "POST":
            return self._take(came)
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        if query["hub.topic"] not in self.wanted:
            return 404, b"not asked for"
        with self._changed:
            self.confirmed.append(query["hub.topic"])
            self._changed.notify_all()
        return 200, query["hub.challenge"].encode()

    def _take(self, came: Content) -> Answer:
        is_ours = came.headers.get("X-Hub-Signature") == signature(self._secret, came.body)
        with self._changed:
            (self.got if is_ours else self.forged).append(came)
            self._changed.notify_all()
        return 204, b""

    def wait_for(self, count: int) -> list[Content]:
        """Wait until so many contents came in all."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.got) >= count, PATIENCE)
            assert came, f"{len(self.got)} contents came, and {len(self.forged)} forged ones"
        return self.got


@contextmanager
def subscribing() -> Iterator[Subscriber]:
    """A subscriber whose callback answers until the end."""
    subscriber = Subscriber()
    with _serving(subscriber.answer) as subscriber.url:
        yield subscriber
    assert subscriber.forged == []
