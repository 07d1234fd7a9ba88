"""A small object store on loopback, in this process: what feedbot asks of S3, with its conditions.

Quicker than a real one (object_stores.py), and it fails as it is told to: for histories of many passes. Keeps
objects in memory, checks no signature, and calls equal contents by equal tags, as S3 does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from html import escape, unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

Answer = tuple[int, bytes, Mapping[str, str]]  # status, body, headers

KEPT = ("Content-Type", "Cache-Control")  # headers that are given back


class Ill(Enum):
    """How a request fails: status, the code for the reason, and whether what was asked was done."""

    REFUSED = (503, "SlowDown", False)
    CONFLICT = (409, "ConditionalRequestConflict", False)
    BROKEN = (500, "InternalError", True)
    UNMET = (412, "PreconditionFailed", True)  # as a client hears that asks once more
    LOST = (0, "", True)  # the connection closes without an answer


class Stored(NamedTuple):
    """An object: its bytes, the headers that it was put with, and which of all puts that was."""

    body: bytes
    headers: Mapping[str, str]
    number: int

    @property
    def tag(self) -> str:
        """Its entity tag, in quotes."""
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


def well(_method: str, _name: str) -> None:
    """No request fails."""


@dataclass
class SmallStore:
    """Objects by their bucket and key, `news/feeds/rss.xml`; every bucket is there."""

    url: str = ""
    objects: dict[str, Stored] = field(default_factory=dict)
    # How a request fails, if it does, by its method and object ("" for listings and removals).
    illness: Callable[[str, str], Ill | None] = well
    puts: int = 0
    lock: Lock = field(default_factory=Lock)

    def environ(self) -> dict[str, str]:
        """The variables that lead here."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }

    def put(
        self,
        name: str,
        body: bytes,
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        wanted: str | None = None,
        is_new: bool = False,
    ) -> Stored | None:
        """Put an object if what is there has the tag `wanted`, or with `is_new` if nothing is; else None."""
        with self.lock:
            there = self.objects.get(name)
            if (is_new and there) or (wanted and (there is None or there.tag != wanted)):
                return None
            self.puts += 1
            self.objects[name] = Stored(body, headers, self.puts)
            return self.objects[name]

    def names(self, start: str) -> list[str]:
        """The objects whose names begin so, in order."""
        with self.lock:
            return sorted(name for name in self.objects if name.startswith(start))

    def delete(self, name: str) -> None:
        """Remove an object, if it is there."""
        with self.lock:
            self.objects.pop(name, None)


@contextmanager
def small_store() -> Iterator[SmallStore]:
    """A store that answers within the block."""
    store = SmallStore()

    class Requests(_Requests):
        pass

    Requests.store = store
    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        server.daemon_threads = True
        store.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield store
        finally:
            server.shutdown()
            thread.join()


class _Requests(BaseHTTPRequestHandler):
    """One connection."""

    store: SmallStore
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body at once

    def do_PUT(self) -> None:
        body = self._body()
        headers = {key: self.headers[key] for key in KEPT if key in self.headers}
        wanted, is_new = self.headers.get("If-Match"), self.headers.get("If-None-Match") == "*"

        def put() -> Answer:
            stored = self.store.put(self._name, body, headers, wanted=wanted, is_new=is_new)
            if stored:
                return 200, b"", {"ETag": stored.tag}
            is_there = self._name in self.store.objects
            return _refusal(412, "PreconditionFailed") if is_there else _refusal(404, "NoSuchKey")

        self._act(self._name, put)

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        if "list-type" in asked:
            self._act(
                "", lambda: (200, self._listing(*asked.get("prefix", [""]), asked.get("delimiter")), {})
            )
            return
        there = self.store.objects.get(self._name)
        if there is None:
            self._act(self._name, lambda: _refusal(404, "NoSuchKey"))
        else:
            self._act(self._name, lambda: (200, there.body, {**there.headers, "ETag": there.tag}))

    def do_POST(self) -> None:
        keys = re.findall(r"<Key>(.*?)</Key>", self._body().decode())

        def delete() -> Answer:
            for key in keys:
                self.store.delete(self._name + unescape(key))
            gone = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
            return 200, f"<DeleteResult>{gone}</DeleteResult>".encode(), {}

        self._act("", delete)

    @property
    def _name(self) -> str:
        path = unquote(urlsplit(self.path).path).removeprefix("/")
        return path if "/" in path else f"{path}/"

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _listing(self, prefix: str, delimiter: list[str] | None) -> bytes:
        """Of what begins with `prefix`, or with a delimiter of what lies just below it."""
        bucket = self._name
        keys = [name.removeprefix(bucket) for name in self.store.names(bucket + prefix)]
        folders: list[str] = []
        if delimiter:
            deep = [key for key in keys if "/" in key[len(prefix) :]]
            folders = sorted({prefix + key[len(prefix) :].partition("/")[0] + "/" for key in deep})
            keys = [key for key in keys if "/" not in key[len(prefix) :]]
        some = "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in folders)
        return f"<ListBucketResult>{''.join(map(self._entry, keys))}{some}</ListBucketResult>".encode()

    def _entry(self, key: str) -> str:
        there = self.store.objects[self._name + key]
        return (
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>{escape(there.tag)}</ETag><Size>{len(there.body)}</Size></Contents>"
        )

    def _act(self, name: str, work: Callable[[], Answer]) -> None:
        """Do what was asked and answer, or fail."""
        ill = self.store.illness(self.command, name)
        status, code, is_done = ill.value if ill else (0, "", True)
        answer = work() if is_done else None
        if ill is Ill.LOST:
            self.close_connection = True
            return
        status, body, headers = answer if answer and not ill else _refusal(status, code)
        self.send_response(status)
        modified = {"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        for key, value in {"Content-Length": str(len(body)), **modified, **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
        """Say nothing."""


def _refusal(status: int, code: str) -> Answer:
    text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>x</Message></Error>'
    return status, text.encode(), {}
