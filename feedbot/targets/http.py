"""One HTTP request and what came of it: a deadline, no redirects, no more of an answer than can be used.

A request is sent at most once. It has a deadline for everything in it, follows no redirect, keeps no cookie,
reads no .netrc, and at most 64 KiB of the answer. Whatever goes wrong is NotSent or NoAnswer, in the words of
`http_trouble`. `http_watch` ends requests in time, `http_line` makes the connections that it can end,
`http_status` reads what an answer means.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from time import monotonic
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import requests
from msgspec.structs import replace

from feedbot import __version__
from feedbot.attempt import Answer
from feedbot.observe import redactor
from feedbot.targets.http_line import WatchedAdapter
from feedbot.targets.http_status import judge, wish
from feedbot.targets.http_trouble import FAILURES, STOPPED, NoAnswer, NotSent, failed, failure, unclear
from feedbot.targets.http_watch import Cut, CutShortError, Watch

__all__ = ["LIMIT", "USER_AGENT", "Client", "NoAnswer", "NotSent", "failed", "json_body", "judge", "wish"]

LIMIT = 64 * 1024  # bytes of an answer that are read
USER_AGENT = f"feedbot/{__version__}"

_NONE: Mapping[str, str] = MappingProxyType({})

# These name whole addresses in their messages, even in warnings.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.ERROR)


def json_body(value: Any) -> bytes:
    """`value` as compact JSON in UTF-8, its keys in the order given. Raises ValueError for NaN."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


class Client:
    """Makes the requests of one target, over connections that are kept. One request at a time.

    `timeout`: seconds that a request may take in all. `headers` go with each request. In an answer that tells
    of an error, stars replace what looks like a secret of the request's address or headers.
    """

    def __init__(self, *, timeout: float, headers: Mapping[str, str] = _NONE) -> None:
        self._timeout = timeout
        self._headers = {"Accept": "*/*", "Accept-Encoding": "identity", **headers}
        self._adapter: WatchedAdapter | None = _lines.borrow()
        self._watch: Watch | None = None
        self._aborted = False

    def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] = _NONE,
        files: Mapping[str, Any] | None = None,
        data: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Send one request with a `body`, or with a form of `data` and `files`, and read its answer.

        Raises NotSent where nothing can have arrived, NoAnswer where nobody knows.
        """
        seconds = self._timeout if timeout is None else timeout
        told = {**self._headers, **headers, "User-Agent": USER_AGENT}
        # Without a session, which would put what .netrc says in the place of our Authorization.
        prepared = requests.PreparedRequest()
        with Watch(seconds) as watch:
            self._watch = watch
            try:
                if self._aborted:
                    raise NotSent(STOPPED)
                sent = {name: text if text.isascii() else text.encode() for name, text in told.items()}
                prepared.prepare(method, url, headers=sent, files=files, data=data if body is None else body)
                return self._answer(prepared, watch, seconds)
            except FAILURES as error:
                trouble = failure(watch, error, seconds)
            finally:
                self._watch = None
        raise trouble  # out here, so that it carries no other exception, whose text holds the address

    def abort(self) -> None:
        """End the request that is under way, from another thread; later ones are not sent at all."""
        self._aborted = True
        watch = self._watch
        if watch is not None:
            watch.end(Cut.STOPPED)

    def close(self) -> None:
        """Close the connections that were kept, if nobody else uses them."""
        if self._adapter is not None:
            self._adapter = None
            _lines.give_back()

    def _answer(self, prepared: requests.PreparedRequest, watch: Watch, seconds: float) -> Answer:
        began = monotonic()
        if self._adapter is None:
            raise NotSent(STOPPED)
        response = self._adapter.send(prepared, stream=True, timeout=seconds, **_way(prepared.url or ""))
        head = Answer(
            status=response.status_code, headers=response.headers, body=b"", at=datetime.now(UTC), seconds=0
        )
        try:
            body = _body(response, watch)
        except FAILURES as error:
            trouble = NoAnswer(unclear(watch, error, seconds, begun=True), head)
        else:
            clean = body if 200 <= head.status < 300 else _without_secrets(body, prepared)
            return replace(head, body=clean, seconds=monotonic() - began)
        finally:
            response.close()  # a connection whose answer was not read to its end is not used again
        raise trouble


class _Lines:
    """The connections that are kept, for all clients together: many targets live on one server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._adapter: WatchedAdapter | None = None
        self._users = 0

    def borrow(self) -> WatchedAdapter:
        with self._lock:
            self._users += 1
            if self._adapter is None:
                self._adapter = WatchedAdapter()
            return self._adapter

    def give_back(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._adapter is not None:
                self._adapter.close()
                self._adapter = None


_lines = _Lines()
_SPEAK_OF_THE_WAY = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)


def _way(url: str) -> Mapping[str, Any]:
    """Proxies and certificates by the environment."""
    parts = urlsplit(url)
    spoken = tuple(os.environ.get(name) or os.environ.get(name.lower()) for name in _SPEAK_OF_THE_WAY)
    return _way_to(f"{parts.scheme}://{parts.netloc}/", spoken)


@lru_cache(4096)  # finding out takes as long as a request
def _way_to(server: str, _: tuple[str | None, ...]) -> Mapping[str, Any]:
    with requests.Session() as session:
        way = session.merge_environment_settings(server, {}, None, None, None)
    return {name: way[name] for name in ("proxies", "verify", "cert")}


def _body(response: requests.Response, watch: Watch) -> bytes:
    """At most LIMIT bytes; an encoding that was forced upon us is undone within that limit."""
    body: bytes = response.raw.read(LIMIT + 1, decode_content=True)
    if watch.cut is not None:
        raise CutShortError  # without Content-Length a line that was cut looks like the end
    return body[:LIMIT]


def _without_secrets(body: bytes, prepared: requests.PreparedRequest) -> bytes:
    """The body of an error without what it may repeat of the request's address and headers."""
    url = prepared.url or ""
    parts = urlsplit(url)
    words = [*parts.path.split("/"), *(part.partition("=")[2] for part in parts.query.split("&"))]
    headers: Mapping[str, str | bytes] = prepared.headers
    for name, value in headers.items():
        if name.lower() not in {"user-agent", "content-type"}:
            text = value if isinstance(value, str) else bytes(value).decode()
            words.extend([text, *text.split()])
    redact = redactor([url, *(word for word in words if len(word) >= 12)])
    return redact(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
