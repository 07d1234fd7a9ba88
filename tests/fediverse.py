"""A server on loopback that speaks Mastodon's language in several dialects, and fails as it is told to.

with fediverse("gotosocial") as server:
    server.fail("create", lost())      # the next post is made, but nobody is told
    ...
    assert len(server.posts) == 1

Every request is kept, and everything that a strict server would not have taken is a violation. As a process
of its own, `python tests/fediverse.py --port 8080 --flavour hollo`, it is told what to do through
`/_control/`.
"""

from __future__ import annotations

import argparse
import email.parser
import email.policy
import json
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fediverse_flavours import FLAVOURS, Flavour, has_null
from fediverse_state import Fediverse, Result, path_of, refusal

PATIENCE = 60.0  # seconds that a request hangs at most
PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0} Bad Gateway</h1></body></html>"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one request instead of what should."""

    acts: bool = False  # whether it is carried out all the same
    status: int | None = None  # of the answer; None: the true one
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None  # None: an error in JSON, or the true answer
    kind: str = "application/json"
    ends: str = "answer"  # answer | close | hang
    late: int = 0  # a post that it makes is seen only after so many looks
    late_for: float = 0  # ... or seconds


def lost(ends: str = "close", *, late: int = 0, late_for: float = 0) -> Fault:
    """Carried out, but the connection ends or hangs without an answer."""
    return Fault(acts=True, ends=ends, late=late, late_for=late_for)


def masked(status: int, body: str | None = None, *, late: int = 0, late_for: float = 0) -> Fault:
    """Carried out, but answered as an error: in JSON, or with this body."""
    return Fault(acts=True, status=status, body=body, kind="text/html", late=late, late_for=late_for)


def garbled(body: str) -> Fault:
    """Carried out and answered 200, with a body that nobody can read."""
    return Fault(acts=True, status=200, body=body)


def refused(status: int, headers: Mapping[str, str] | None = None, body: str | None = None) -> Fault:
    """Not carried out; answered so."""
    return Fault(status=status, headers=headers or {}, body=body)


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    kind: str  # create, edit, delete, show, source, upload, media, instance, verify, statuses, app
    method: str
    path: str
    headers: Message
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Server(Fediverse):
    """The state, the script of what goes wrong, and what came."""

    def __init__(self, flavour: str | Flavour, clock: Callable[[], datetime] | None) -> None:
        super().__init__(flavour, clock=clock)
        self.requests: list[Seen] = []
        self.release = threading.Event()  # what hangs goes on
        self.hanging = threading.Semaphore(0)  # raised when a request hangs
        self._faults: dict[str, deque[Fault | None]] = {}
        self._always: dict[str, Fault] = {}

    def fail(self, kind: str, *faults: Fault | None) -> None:
        """What happens to the next requests of this kind, one after the other; None: nothing wrong."""
        self._faults.setdefault(kind, deque()).extend(faults)

    def fail_always(self, kind: str, fault: Fault | None) -> None:
        """What happens to all requests of this kind for which nothing else is planned; None: no more."""
        if fault is None:
            self._always.pop(kind, None)
        else:
            self._always[kind] = fault

    def sent(self, kind: str) -> list[Seen]:
        """The requests of one kind."""
        return [seen for seen in self.requests if seen.kind == kind]

    def take(self, seen: Seen) -> tuple[Fault, Result]:
        """What becomes of a request, and how it is answered."""
        with self.lock:
            self.requests.append(seen)
            self.violations.extend(f"{seen.kind}: {what}" for what in violations(seen))
            planned = self._faults.get(seen.kind)
            fault = (planned.popleft() if planned else self._always.get(seen.kind)) or Fault(acts=True)
            if not fault.acts:
                return fault, refusal(fault.status or 500, "An error occurred")
            return fault, self._carry_out(seen, fault)

    def _carry_out(self, seen: Seen, fault: Fault) -> Result:
        if wrong := self._impolite(seen):
            return wrong
        path, query = path_of(seen.path)
        token = (seen.headers["Authorization"] or "").removeprefix("Bearer ")
        if seen.kind == "statuses":
            return self._timeline(path, query, token)
        if wrong := self.allows(token, NEEDS[seen.kind]) if NEEDS[seen.kind] is not None else None:
            return wrong
        return self._answered(seen, path, fault)

    def _answered(self, seen: Seen, path: str, fault: Fault) -> Result:
        last = path.rpartition("/")[2]
        acts: dict[str, Callable[[], Result]] = {
            "instance": lambda: self.instance("v2"),
            "instance_v1": lambda: self.instance("v1"),
            "verify": lambda: Result(200, {**self.account(), "source": {"privacy": "public"}}),
            "app": lambda: Result(200, {"name": "feedbot", "scopes": sorted(self.scopes)}),
            "create": lambda: self._write(seen, "", fault),
            "edit": lambda: self._write(seen, last, fault),
            "delete": lambda: self.delete(last),
            "show": lambda: self.show(last),
            "source": lambda: self.source(path.split("/")[-2]),
            "upload": lambda: self._upload(seen),
            "media": lambda: self.media_state(last),
        }
        return acts.get(seen.kind, lambda: refusal(404, "Not Found"))()

    def _impolite(self, seen: Seen) -> Result | None:
        if self.flavour.needs_user_agent and not seen.headers["User-Agent"]:
            return refusal(418, "I'm a teapot: no User-Agent sent")
        if self.flavour.needs_body and seen.method == "POST" and not seen.body:
            return refusal(406, "Not Acceptable")
        return None

    def _timeline(self, path: str, query: Mapping[str, str], token: str) -> Result:
        wrong = self.allows(token, "read:statuses")
        if wrong and (token or not self.flavour.reads_without_token):
            return wrong
        if path.split("/")[-2] != self.account_id:
            return refusal(404, "Record not found")
        return self.timeline(query, is_owner=bool(token))

    def _write(self, seen: Seen, id_: str, fault: Fault) -> Result:
        if "json" not in (seen.headers["Content-Type"] or ""):
            return refusal(422, "Validation failed: a form is not understood")
        try:
            body = seen.json()
        except ValueError:
            return Result(self.flavour.bad_json)
        if self.flavour.refuses_null and has_null(body):
            return Result(500)
        if seen.kind == "edit":
            return self.edit(id_, body)
        key = seen.headers["Idempotency-Key"] or ""
        return self.create(body, key, late=fault.late, late_for=fault.late_for)

    def _upload(self, seen: Seen) -> Result:
        parts = multipart(seen)
        if "file" not in parts:
            return refusal(422, "Validation failed: File can't be blank")
        file = parts["file"]
        text = parts["description"].get_payload(decode=True).decode() if "description" in parts else ""
        return self.upload(file.get_payload(decode=True), file.get_content_type(), text)


# What each kind of request needs: a scope, "" any token, None nothing.
NEEDS = {
    "instance": None,
    "instance_v1": None,
    "app": "",
    "verify": "read:accounts",
    "statuses": "read:statuses",
    "show": "read:statuses",
    "source": "read:statuses",
    "create": "write:statuses",
    "edit": "write:statuses",
    "delete": "write:statuses",
    "upload": "write:media",
    "media": "write:media",
    "unknown": None,
}


def kind_of(method: str, path: str) -> str:
    """What a request is for."""
    parts = path_of(path)[0].strip("/").split("/")
    match method, parts[0], *parts[1:]:
        case "GET", "api", "v2", "instance":
            return "instance"
        case "GET", "api", "v1", "instance":
            return "instance_v1"
        case "GET", "api", "v1", "apps", "verify_credentials":
            return "app"
        case "GET", "api", "v1", "accounts", "verify_credentials":
            return "verify"
        case "GET", "api", "v1", "accounts", _, "statuses":
            return "statuses"
        case "POST", "api", "v1", "statuses":
            return "create"
        case "GET", "api", "v1", "statuses", _, "source":
            return "source"
        case "GET" | "PUT" | "DELETE", "api", "v1", "statuses", _:
            return {"GET": "show", "PUT": "edit", "DELETE": "delete"}[method]
        case "POST", "api", "v2", "media":
            return "upload"
        case "GET", "api", "v1", "media", _:
            return "media"
    return "unknown"


def violations(seen: Seen) -> Iterator[str]:
    """What a strict server would not take."""
    if seen.kind == "unknown":
        yield f"no such thing as {seen.method} {path_of(seen.path)[0]}"
    if not seen.headers["User-Agent"]:
        yield "no User-Agent"
    if "Cookie" in seen.headers:
        yield "a cookie"
    if seen.kind in {"create", "edit"}:
        yield from violations_of_post(seen)
    elif seen.kind == "upload":
        if not (seen.headers["Content-Type"] or "").startswith("multipart/form-data"):
            yield "an upload that is no multipart"
    elif seen.body:
        yield "a body where there should be none"


def violations_of_post(seen: Seen) -> Iterator[str]:
    """What is wrong with a post that is made or changed."""
    if not (seen.headers["Content-Type"] or "").startswith("application/json"):
        yield "a body that is not JSON"
        return
    body = seen.json()
    if has_null(body):
        yield "a null"
    if "scheduled_at" in body:
        yield "a post for later"
    if seen.kind == "create":
        yield from (f"no {name}" for name in ("visibility",) if name not in body)
        yield from () if seen.headers["Idempotency-Key"] else ["no Idempotency-Key"]
    else:
        wanted = ("media_ids", "spoiler_text", "sensitive")
        yield from (f"no {name}" for name in wanted if name not in body)
    for id_ in body.get("media_ids", []):
        if not isinstance(id_, str):
            yield "an id that is no text"


def multipart(seen: Seen) -> dict[str, Message]:
    """The parts of a form by their names."""
    head = f"Content-Type: {seen.headers['Content-Type']}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(head + seen.body)
    parts = message.get_payload()
    named = ((part.get_param("name", header="content-disposition"), part) for part in parts)
    return {str(name): part for name, part in named} if isinstance(parts, list) else {}


# --- HTTP ---


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True
    request_queue_size = 128

    def __init__(self, state: Server, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.state = state
        self.open: set[socket.socket] = set()
        state.url = f"http://127.0.0.1:{self.server_port}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are no news; anything else is a mistake of this server's."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        for connection in list(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Http

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # whoever sent it ended halfway
            self.close_connection = True
            return
        state = self.server.state
        if self.path.startswith("/_control/"):
            self._answer(control(state, self.path, body), Fault())
            return
        seen = Seen(kind_of(self.command, self.path), self.command, self.path, self.headers, body)
        fault, result = state.take(seen)
        if fault.ends == "hang":
            state.hanging.release()
            state.release.wait(PATIENCE)
        if fault.ends in {"close", "hang"}:
            self.close_connection = True
            return
        self._answer(result, fault)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - the names are the base class's

    def _answer(self, result: Result, fault: Fault) -> None:
        status = fault.status or result.status
        body = fault.body.encode() if fault.body is not None else json_of(result)
        self.send_response_only(status if status in list(HTTPStatus) else 500)
        headers = {
            "Date": format_datetime(self.server.state.clock().astimezone(UTC), usegmt=True),
            "Content-Type": fault.kind if fault.body is not None else "application/json; charset=utf-8",
            "Content-Length": str(len(body)),
            **({} if fault.headers else rate_headers(self.server.state)),
            **fault.headers,
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Nothing: tests are quiet."""


def json_of(result: Result) -> bytes:
    """The body of an answer."""
    return b"" if result.body is None else json.dumps(result.body, ensure_ascii=False).encode()


def rate_headers(state: Server) -> dict[str, str]:
    """What is left of the rate limit, in the server's way of writing it."""
    reset = state.clock() + timedelta(minutes=5)
    forms = {"iso": reset.isoformat(timespec="microseconds"), "epoch": str(int(reset.timestamp()))}
    if state.flavour.rate_headers not in forms:
        return {}
    return {
        "X-RateLimit-Limit": "300",
        "X-RateLimit-Remaining": str(state.remaining),
        "X-RateLimit-Reset": forms[state.flavour.rate_headers].replace("+00:00", "Z"),
    }


def control(state: Server, path: str, body: bytes) -> Result:
    """What another process can tell the server and ask of it.

    POST fail {"kind": "create", "faults": [{"acts": true, "ends": "close"}]} · POST release · GET state
    """
    match path.rpartition("/")[2]:
        case "fail":
            told = json.loads(body)
            state.fail(told["kind"], *(Fault(**fault) for fault in told["faults"]))
        case "release":
            state.release.set()
        case "state":
            posts = [{**asdict(post), "created": post.created, "edited": post.edited} for post in state.posts]
            seen = [{"kind": one.kind, "path": one.path} for one in state.requests]
            told = {"posts": posts, "requests": seen, "violations": state.violations}
            return Result(200, json.loads(json.dumps(told, default=str)))
        case _:
            return Result(404)
    return Result(200, {})


@contextmanager
def fediverse(
    flavour: str | Flavour = "mastodon",
    *,
    clock: Callable[[], datetime] | None = None,
    strict: bool = True,
) -> Iterator[Server]:
    """A server on a free port. `strict`: fails in the end if a request was not as it should be."""
    state = Server(flavour, clock)
    http = _Http(state)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        state.release.set()
        http.shutdown()
        http.hang_up()
        http.server_close()
        thread.join()
    assert not strict or state.violations == []


def main() -> None:
    """Serve until killed; the first line says where."""
    parser = argparse.ArgumentParser(description="A server that speaks Mastodon's language, for tests.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--flavour", choices=sorted(FLAVOURS), default="mastodon")
    options = parser.parse_args()
    http = _Http(Server(options.flavour, None), options.port)
    sys.stdout.write(f"{http.state.url}\n")
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        http.serve_forever()


if __name__ == "__main__":
    main()
