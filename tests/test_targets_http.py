"""One request over a real socket: it ends in time, is sent once, and says what happened without a secret."""

from __future__ import annotations

import gzip
import logging
import shutil
import socket
import ssl
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from receiver import Act, Receiver, Reply, Request, receiving

from feedbot.attempt import Answer, Busy, Denied, Gone, Outcome, Refused, Retry, Sent, Unclear
from feedbot.targets.http import LIMIT, Client, NoAnswer, NotSent, failed, json_body, judge, wish

SHORT = 0.9  # seconds: a deadline that a test waits for, and within which a busy machine makes a connection
LONG = 60.0  # ... and one that it does not
JSON = {"Content-Type": "application/json"}
TOKEN = "S3CR3T-0123456789abcdef"  # noqa: S105 (planted, to be found nowhere)
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NO_HOST = f"http://{'a' * 64}.example/"  # no label of a name is that long, so nobody is asked
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *map(str.lower, VARIABLES), "NETRC"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def post(url: str, client: Client | None = None, *, timeout: float = LONG, body: bytes = b"{}") -> Answer:
    if client is not None:
        return client.request("POST", url, body=body, headers=JSON)
    client = Client(timeout=timeout)
    try:
        return client.request("POST", url, body=body, headers=JSON)
    finally:
        client.close()


@contextmanager
def listening(backlog: int = 16) -> Iterator[tuple[socket.socket, str]]:
    """A bare socket that accepts nothing by itself, and its URL."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as server:
        yield server, f"127.0.0.1:{server.getsockname()[1]}"


# --- what is sent ---


def test_a_request_arrives_as_it_was_given(receiver: Receiver) -> None:
    client = Client(timeout=LONG, headers={"X-Kind": "always", "User-Agent": "another/1"})
    answer = client.request("PUT", f"{receiver.url}/a?b=%20c", body=b'{"a":"\xc3\xa4"}', headers=JSON)
    [request] = receiver.requests
    assert (request.method, request.path, request.body) == ("PUT", "/a?b=%20c", b'{"a":"\xc3\xa4"}')
    assert request.headers["X-Kind"] == "always"
    assert request.headers["User-Agent"].startswith("feedbot/")
    assert request.headers["Accept-Encoding"] == "identity"
    assert receiver.violations == []
    assert answer.status == 200
    client.close()


def test_a_form_with_files_arrives(receiver: Receiver) -> None:
    client = Client(timeout=LONG)
    client.request(
        "POST", receiver.url, data={"description": "ä"}, files={"file": ("a.png", b"\x89PNG", "image/png")}
    )
    [request] = receiver.requests
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert b"\x89PNG" in request.body
    assert "ä".encode() in request.body
    client.close()


def test_a_header_beyond_ascii_arrives_in_utf8(receiver: Receiver) -> None:
    client = Client(timeout=LONG, headers={"X-Token": "schlüssel"})
    post(receiver.url, client)
    assert receiver.requests[0].headers["X-Token"].encode("latin-1").decode() == "schlüssel"
    client.close()


def test_the_answer_is_given_whole(receiver: Receiver) -> None:
    receiver.replies.append(Reply(201, {"X-One": "1"}, b'{"id":"7"}'))
    answer = post(receiver.url)
    assert (answer.status, answer.headers["x-ONE"], answer.json()) == (201, "1", {"id": "7"})
    assert 0 < answer.seconds < LONG
    assert abs(datetime.now(UTC) - answer.at) < timedelta(minutes=1)


def test_connections_are_kept(receiver: Receiver) -> None:
    client = Client(timeout=LONG)
    receiver.replies.extend([Reply(204), Reply(404, body=b"no"), Reply(200, body=b"x" * 50_000)])
    for _ in range(5):
        post(receiver.url, client)
    assert receiver.connections == 1
    client.close()


def test_a_connection_that_the_server_has_closed_meanwhile_is_not_used_again(receiver: Receiver) -> None:
    client = Client(timeout=LONG)
    receiver.replies.append(Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    post(receiver.url, client)
    receiver.wait_for_closed(1)
    assert post(receiver.url, client).status == 200
    assert receiver.connections == 2
    client.close()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_an_address_of_ipv6_is_reached() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port, heads = server.getsockname()[1], list[bytes]()

        def answer() -> None:
            line, _ = server.accept()
            with line:
                heads.append(line.recv(4096))
                line.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert post(f"http://[::1]:{port}/hook", body=b"").status == 204
        thread.join()
        assert f"Host: [::1]:{port}".encode() in heads[0]


def test_cookies_are_not_kept(receiver: Receiver) -> None:
    client = Client(timeout=LONG)
    receiver.replies.append(Reply(headers={"Set-Cookie": "session=1; Path=/"}))
    post(receiver.url, client)
    post(receiver.url, client)
    assert "Cookie" not in receiver.requests[1].headers
    client.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    with receiving() as other:
        receiver.replies.append(Reply(status, {"Location": f"{other.url}/elsewhere"}))
        outcome = judge(post(receiver.url))
        assert type(outcome) is Retry
        assert "set the new address" in outcome.reason
        assert other.url not in outcome.reason
        assert other.requests == []
    assert len(receiver.requests) == 1


def test_of_a_redirect_no_more_is_read_than_of_other_answers(receiver: Receiver) -> None:
    endless = threading.Event()
    receiver.replies.append(
        Reply(302, {"Location": "/", "Content-Length": "999999999"}, b"x" * 200_000, hold=endless)
    )
    endless.set()
    assert len(post(receiver.url).body) == LIMIT


# --- who asks: .netrc, user and password, proxies ---


def test_netrc_changes_nothing(receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    client = Client(timeout=LONG)
    client.request("GET", receiver.url, headers={"Authorization": "Bearer ours"})
    client.request("GET", receiver.url)
    assert [request.headers["Authorization"] for request in receiver.requests] == ["Bearer ours", None]
    client.close()


def test_user_and_password_of_the_address_are_sent_as_such(receiver: Receiver) -> None:
    post(receiver.url.replace("//", "//user:pass%20word@") + "/hook")
    assert receiver.requests[0].headers["Authorization"] == "Basic dXNlcjpwYXNzIHdvcmQ="
    assert receiver.requests[0].path == "/hook"


def test_http_goes_through_the_proxy_of_the_environment(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", receiver.url.replace("//", "//user:word@"))
    assert post("http://nobody.example/a?b=c").status == 200
    [request] = receiver.requests
    assert request.path == "http://nobody.example/a?b=c"
    assert request.headers["Proxy-Authorization"] == "Basic dXNlcjp3b3Jk"


def test_no_proxy_is_heeded(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert post(receiver.url).status == 200


def test_a_dripping_answer_through_a_proxy_ends_in_time(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", receiver.url)
    receiver.replies.append(Reply(drip_head=0.1))
    with pytest.raises(NoAnswer, match="answer within"):
        post("http://nobody.example/", timeout=SHORT)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(407), "the proxy refuses the connection: 407"),
        (Reply(drip_head=0.1), f"no connection within {SHORT} s"),
        (Reply(lost=True), "the connection broke while it was made"),
    ],
)
def test_a_proxy_that_makes_no_connection_means_not_sent(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, reply: Reply, reason: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", receiver.url)
    receiver.replies.append(reply)
    with pytest.raises(NotSent) as caught:
        post("https://nobody.example/", timeout=SHORT)
    assert str(caught.value) == reason
    assert [request.path for request in receiver.requests] == ["nobody.example:443"]


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1/", "socks5://127.0.0.1:1/"])
def test_a_proxy_that_cannot_be_used_is_named_as_such(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(NotSent, match="proxy"):
        post("http://nobody.example/")


# --- it ends in time ---


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"x" * 1000, drip=0.02),
        Reply(body=b"x" * 1000, drip=0.02, close=True),
        Reply(headers={"Transfer-Encoding": "chunked"}, body=b"1\r\nx\r\n" * 1000, drip=0.02),
        Reply(raw=b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000, drip=0.01),
        Reply(drip_head=0.1, headers={"X-Long": "x" * 1000}),
        Reply(raw=b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, drip=0.001),
        Reply(hold=threading.Event()),
    ],
    ids=["body", "body to the end", "chunks", "endless", "headers", "continue", "silence"],
)
def test_an_answer_that_takes_too_long_is_no_answer(receiver: Receiver, reply: Reply) -> None:
    receiver.replies.append(reply)
    began = time.monotonic()
    with pytest.raises(NoAnswer, match=f"within {SHORT} s"):
        post(receiver.url, timeout=SHORT)
    assert time.monotonic() - began < 10
    assert len(receiver.requests) == 1


def test_a_server_that_does_not_read_ends_the_request_in_time() -> None:
    with listening() as (_, place), pytest.raises(NoAnswer, match=f"no answer within {SHORT} s"):
        post(f"http://{place}/", timeout=SHORT, body=b"x" * 30_000_000)


def test_a_server_that_does_not_greet_back_means_not_sent() -> None:
    with listening() as (_, place), pytest.raises(NotSent, match=f"no connection within {SHORT} s"):
        post(f"https://{place}/", timeout=SHORT)


@contextmanager
def full() -> Iterator[str]:
    """A place where connections hang, for those that wait there already are never taken."""
    with listening(backlog=0) as (_, place):
        waiting = [socket.socket() for _ in range(4)]
        for line in waiting:
            line.setblocking(False)
            line.connect_ex(("127.0.0.1", int(place.partition(":")[2])))
        try:
            yield place
        finally:
            for line in waiting:
                line.close()


def test_a_connection_that_does_not_come_about_means_not_sent() -> None:
    with full() as place, pytest.raises(NotSent, match=f"no connection within {SHORT} s"):
        post(f"http://{place}/", timeout=SHORT)


def test_the_status_that_came_before_the_line_broke_is_known(receiver: Receiver) -> None:
    receiver.replies.append(Reply(202, {"X-One": "1"}, b"x" * 1000, drip=0.02))
    with pytest.raises(NoAnswer) as caught:
        post(receiver.url, timeout=SHORT)
    assert caught.value.answer is not None
    assert (caught.value.answer.status, caught.value.answer.headers["X-One"]) == (202, "1")


def test_one_slow_server_does_not_hold_up_the_others(receiver: Receiver) -> None:
    never = threading.Event()
    receiver.otherwise = lambda request: Reply(hold=never) if request.path == "/slow" else Reply()
    slow = [threading.Thread(target=partial(suppressed, f"{receiver.url}/slow")) for _ in range(8)]
    for thread in slow:
        thread.start()
    receiver.wait_for(8)
    assert post(f"{receiver.url}/quick").status == 200
    for thread in slow:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in slow)


def suppressed(url: str) -> None:
    with suppress(NoAnswer):
        post(url, timeout=SHORT)


def test_the_next_request_after_a_deadline_is_not_disturbed(receiver: Receiver) -> None:
    client = Client(timeout=SHORT)
    receiver.replies.append(Reply(body=b"x" * 1000, drip=0.02))
    with pytest.raises(NoAnswer):
        post(receiver.url, client)
    assert [post(receiver.url, client).status for _ in range(3)] == [200, 200, 200]
    client.close()


# --- sent at most once, and what is known of it ---


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(lost=True), "no answer: the server closed the connection"),
        (Reply(raw=b"SSH-2.0-OpenSSH_9.9\r\n"), "no answer: what came is not HTTP"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), "no whole answer: it broke off or"),
        (
            Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "no whole answer: it broke",
        ),
        (
            Reply(headers={"Content-Encoding": "gzip"}, body=b"\x1f\x8b" + b"x" * 50),
            "no whole answer: it broke",
        ),
        (Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500), "no answer: what came is not HTTP"),
    ],
)
def test_a_broken_answer_leaves_open_what_happened_and_is_not_asked_for_again(
    receiver: Receiver, reply: Reply, reason: str
) -> None:
    receiver.replies.append(reply)
    with pytest.raises(NoAnswer) as caught:
        post(receiver.url)
    assert str(caught.value).startswith(reason)
    assert type(failed(caught.value)) is Unclear
    assert len(receiver.requests) == 1


def test_a_reset_in_the_middle_leaves_open_what_happened() -> None:
    def reset(server: socket.socket) -> None:
        line, _ = server.accept()
        line.recv(10)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        line.close()

    with listening() as (server, place):
        thread = threading.Thread(target=reset, args=(server,))
        thread.start()
        with pytest.raises(NoAnswer, match="no answer: the"):
            post(f"http://{place}/")
        thread.join()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/", "connection refused: nothing listens there"),
        (NO_HOST, "no such host: check the address"),
        ("http://[::1/", "the address or a header cannot be used: check them in the configuration"),
        (
            "gopher://127.0.0.1/",
            "the address or a header cannot be used: check them in the configuration",
        ),
    ],
)
def test_without_a_connection_nothing_was_sent(url: str, reason: str) -> None:
    with pytest.raises(NotSent) as caught:
        post(url)
    assert str(caught.value) == reason
    assert type(failed(caught.value)) is Busy


def test_a_server_without_tls_gets_nothing(receiver: Receiver) -> None:
    with pytest.raises(NotSent, match="does not speak TLS"):
        post(receiver.url.replace("http:", "https:"))
    assert receiver.requests == []


# --- how much is read ---


def test_a_large_answer_is_cut_and_its_connection_not_used_again(receiver: Receiver) -> None:
    client = Client(timeout=LONG)
    receiver.replies.append(Reply(body=b"x" * 5_000_000))
    answer = post(receiver.url, client)
    assert answer.body == b"x" * LIMIT
    assert post(receiver.url, client).status == 200
    assert receiver.connections == 2
    client.close()


def test_a_small_answer_that_unpacks_to_a_large_one_is_cut(receiver: Receiver) -> None:
    packed = gzip.compress(b"\0" * 50_000_000)
    receiver.replies.append(Reply(headers={"Content-Encoding": "gzip"}, body=packed))
    assert post(receiver.url).body == b"\0" * LIMIT


def test_an_answer_that_is_packed_unasked_is_unpacked(receiver: Receiver) -> None:
    receiver.replies.append(Reply(headers={"Content-Encoding": "gzip"}, body=gzip.compress(b'{"id":"1"}')))
    assert post(receiver.url).json() == {"id": "1"}


# --- TLS ---


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, ssl.SSLContext]]:
    """Self-signed certificates, each with the context of a server that shows it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl absent")
    folder = tmp_path_factory.mktemp("certificates")
    return {
        name: make_certificate(folder / name, alternative)
        for name, alternative in {"here": "IP:127.0.0.1", "elsewhere": "DNS:elsewhere.example"}.items()
    }


def make_certificate(path: Path, alternative: str) -> tuple[Path, ssl.SSLContext]:
    key = path.with_suffix(".key")
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout {key} -out {path}"
    subprocess.run(
        [*command.split(), "-addext", f"subjectAltName={alternative}"], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return path, context


Certificates = dict[str, tuple[Path, ssl.SSLContext]]


def test_an_untrusted_certificate_means_not_sent(certificates: Certificates) -> None:
    with receiving(tls=certificates["here"][1]) as receiver:
        with pytest.raises(NotSent, match="the certificate is not valid: it is self-signed"):
            post(receiver.url)
        assert receiver.requests == []


def test_a_certificate_for_another_host_means_not_sent(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, context = certificates["elsewhere"]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    with receiving(tls=context) as receiver:
        with pytest.raises(NotSent, match="the certificate is not valid: it is for another host"):
            post(receiver.url)
        assert receiver.requests == []


@pytest.fixture
def trusted(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver with TLS and a certificate that is trusted."""
    path, context = certificates["here"]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    with receiving(tls=context) as receiver:
        yield receiver


def test_a_trusted_certificate_serves_and_the_connection_is_kept(trusted: Receiver) -> None:
    client = Client(timeout=LONG)
    assert [post(trusted.url, client).status for _ in range(3)] == [200, 200, 200]
    assert trusted.connections == 1
    client.close()


@pytest.mark.parametrize(
    "reply",
    [Reply(drip_head=0.1), Reply(body=b"x" * 1000, drip=0.02, close=True), Reply(hold=threading.Event())],
)
def test_answers_over_tls_end_in_time(trusted: Receiver, reply: Reply) -> None:
    trusted.replies.append(reply)
    with pytest.raises(NoAnswer, match=f"within {SHORT} s"):
        post(trusted.url, timeout=SHORT)


def test_a_bundle_that_is_missing_is_named(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
    with pytest.raises(NotSent, match="REQUESTS_CA_BUNDLE"):
        post(receiver.url.replace("http:", "https:"))


class Tunnel(threading.Thread):
    """A proxy that makes one tunnel and copies bytes both ways."""

    def __init__(self, server: socket.socket) -> None:
        super().__init__()
        self.server = server
        self.asked = b""

    def run(self) -> None:
        line, _ = self.server.accept()
        with line:
            while not self.asked.endswith(b"\r\n\r\n"):
                self.asked += line.recv(4096)
            host, port = self.asked.split()[1].decode().split(":")
            with socket.create_connection((host, int(port))) as beyond:
                line.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=copy, args=(beyond, line))
                back.start()
                copy(line, beyond)
                back.join()


def copy(source: socket.socket, drain: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            drain.sendall(data)
        drain.shutdown(socket.SHUT_WR)


def test_https_goes_through_a_tunnel_of_the_proxy(trusted: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (server, place):
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:word@{place}")
        tunnel = Tunnel(server)
        tunnel.start()
        client = Client(timeout=LONG)
        client.request("POST", f"{trusted.url}/{TOKEN}", body=b"{}", headers={**JSON, "Authorization": TOKEN})
        trusted.replies.append(Reply(drip_head=0.1))
        with pytest.raises(NoAnswer, match="within"):
            client.request("POST", trusted.url, body=b"{}", headers=JSON, timeout=SHORT)
        client.close()
        tunnel.join()
    assert b"Proxy-Authorization: Basic" in tunnel.asked
    assert TOKEN.encode() not in tunnel.asked
    assert trusted.connections == 1


# --- ended by us ---


def aborted_once(ready: Callable[[], object], client: Client, url: str) -> Exception:
    """What a request ends with when it is aborted after `ready` returned."""
    caught: list[Exception] = []

    def call() -> None:
        try:
            post(url, client)
        except (NotSent, NoAnswer) as error:
            caught.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    ready()
    client.abort()
    thread.join(timeout=30)
    assert not thread.is_alive()
    return caught[0]


def test_abort_ends_a_request_under_way_and_all_later_ones(receiver: Receiver) -> None:
    client = Client(timeout=LONG)
    receiver.replies.append(Reply(hold=threading.Event()))
    error = aborted_once(lambda: receiver.wait_for(1), client, receiver.url)
    assert isinstance(error, NoAnswer)
    assert "feedbot stops" in str(error)
    with pytest.raises(NotSent, match="feedbot stops"):
        post(receiver.url, client)
    assert len(receiver.requests) == 1
    client.close()


def test_abort_ends_a_tls_greeting() -> None:
    client = Client(timeout=LONG)
    with listening() as (server, place):

        def greeted() -> None:
            line, _ = server.accept()
            with line:
                line.recv(5)
                client.abort()

        error = aborted_once(greeted, client, f"https://{place}/")
    assert isinstance(error, NotSent)
    client.close()


def test_abort_ends_the_wait_for_a_connection() -> None:
    client = Client(timeout=LONG)
    with full() as place:
        error = aborted_once(lambda: None, client, f"http://{place}/")
    assert isinstance(error, NotSent)
    client.close()


# --- no secret in what is said ---


def repeating(request: Request) -> Reply:
    return Reply(404, body=f"no {request.path} for {request.headers['Authorization']}".encode())


BROKEN = [
    Reply(lost=True),
    Reply(raw=b"junk\r\n\r\n"),
    Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
    Reply(raw=b"HTTP/1.1 200 OK\r\n\x00bad: header\r\nContent-Length: 2\r\n\r\nok"),
    Reply(headers={"Content-Encoding": "gzip"}, body=b"\x1f\x8b" + b"x" * 50),
    Reply(hold=threading.Event()),
    Reply(400, JSON, json_body({"error": f"unknown token {TOKEN}"})),
    Reply(302, {"Location": f"/{TOKEN}"}),
    repeating,
]


@pytest.mark.parametrize("reply", BROKEN)
def test_no_secret_is_in_what_is_said_of_an_answer(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, reply: Reply | Act
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.replies.append(reply)
    url = receiver.url.replace("//", f"//user:{TOKEN}@")
    said_without_secret(f"{url}/services/{TOKEN}?sig={TOKEN}&x=1")
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("path", ["/services/{}", "/hook?sig={}&x=1", "/hook?x=1&sig={}"])
def test_no_part_of_the_address_is_repeated_that_looks_like_a_secret(receiver: Receiver, path: str) -> None:
    word = "0123456789ab"
    receiver.otherwise = Reply(404, body=f"nobody has {word} here".encode())
    said = post(receiver.url + path.format(word)).text
    assert said == "nobody has *** here"


@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:1", NO_HOST, "http://[::1", "gopher://x", "https://127.0.0.1:1"]
)
def test_no_secret_is_in_what_is_said_without_a_connection(
    caplog: pytest.LogCaptureFixture, place: str
) -> None:
    caplog.set_level(logging.DEBUG)
    said_without_secret(f"{place}/services/{TOKEN}?sig={TOKEN}")
    assert TOKEN not in caplog.text


def test_no_secret_is_in_what_is_said_of_a_header_that_cannot_be_sent(receiver: Receiver) -> None:
    client = Client(timeout=LONG, headers={"X-Token": f"a\nb{TOKEN}"})
    with pytest.raises(NotSent) as caught:
        post(receiver.url, client)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    client.close()


def said_without_secret(url: str) -> None:
    client = Client(timeout=SHORT, headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        outcome = judge(client.request("POST", url, body=b"{}", headers=JSON))
    except (NotSent, NoAnswer) as error:
        said = "".join(traceback.format_exception(error)) + repr((error.__cause__, error.__context__))
        outcome = failed(error)
    else:
        said = outcome.answer.text if outcome.answer else ""
    finally:
        client.close()
    assert TOKEN not in said + outcome.reason
    assert url not in said


# --- what a status means ---


def answer(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
    return Answer(status=status, headers=headers or {}, body=body, at=NOW, seconds=0.1)


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ((200, 201, 202, 204, 208, 299), Sent),
        ((101, 300, 301, 302, 303, 304, 307, 308), Retry),
        ((404, 405, 408, 409, 421, 423, 425), Retry),
        ((401, 403, 407), Denied),
        ((410,), Gone),
        ((429, 503), Busy),
        ((400, 402, 406, 411, 413, 414, 415, 418, 422, 426, 431, 451, 499), Refused),
        ((500, 501, 502, 504, 520, 599, 999), Retry),
    ],
)
def test_a_status_means(statuses: tuple[int, ...], kind: type[Outcome]) -> None:
    for status in statuses:
        outcome = judge(answer(status))
        assert type(outcome) is kind, status
        assert str(status) in outcome.reason
        assert outcome.answer is not None


def test_an_error_of_the_server_is_unclear_where_it_may_have_acted() -> None:
    assert {type(judge(answer(status), server_error=Unclear)) for status in (500, 502, 504)} == {Unclear}
    assert type(judge(answer(503), server_error=Unclear)) is Busy


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"invalid_payload", "invalid_payload"),
        (b'{"error": "Text can\'t be blank"}', "Text can't be blank"),
        (b'{"error": "invalid", "error_description": "Too long"}', "Too long"),
        (b'{"errors": [{"message": "first"}, {"message": "second"}]}', "first"),
        (b'{"code": 50006, "message": "Cannot send an empty message"}', "Cannot send an empty message"),
        (b"two\r\n  lines\x1b[31m", "two lines [31m"),
        (b"x" * 500, "x" * 119 + "…"),
        (b"<!DOCTYPE html><html>...", ""),
        (b"Oops: <b>wrong</b>", ""),
        (b"\xff\xfe\x00", ""),
        (b"", ""),
        (b"[[[[[[[[", "[[[[[[[["),
        (b"12", ""),
    ],
)
def test_a_reason_quotes_short_words_of_the_server(body: bytes, said: str) -> None:
    reason = judge(answer(422, body=body)).reason
    told = reason.partition(": ")[2]
    assert told == said
    assert reason.isprintable()


def test_a_reason_names_the_next_step() -> None:
    assert "check the token" in judge(answer(401)).reason
    assert "set the new address" in judge(answer(308)).reason


# --- not before ---

CLOCK_WRONG = format_datetime(NOW + timedelta(hours=5), usegmt=True)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (503, {"Retry-After": "120"}, 120),
        (429, {"retry-after": "120.6"}, 120.6),
        (503, {"Retry-After": " 30 "}, 30),
        (503, {"Retry-After": "30, 30"}, 30),
        (500, {"Retry-After": "7"}, 7),
        (503, {"Retry-After": format_datetime(NOW + timedelta(minutes=2), usegmt=True)}, 120),
        (503, {"Retry-After": "Fri, 20 Nov 2026 14:01:00 GMT", "Date": CLOCK_WRONG}, 60),
        (503, {"Retry-After": "Friday, 20-Nov-26 09:01:00 GMT"}, 60),
        (503, {"Retry-After": "Fri Nov 20 09:01:00 2026"}, 60),
        (503, {"Retry-After": format_datetime(NOW - timedelta(minutes=2), usegmt=True)}, None),
        (503, {"Retry-After": "0"}, None),
        (503, {"Retry-After": "-5"}, None),
        (503, {"Retry-After": "soon"}, None),
        (503, {"Retry-After": "nan"}, None),
        (503, {"Retry-After": "1e9"}, None),
        (503, {"Retry-After": "٣٠"}, None),
        (503, {"Retry-After": ""}, None),
        (503, {"Retry-After": "99999999999"}, 86_400),
        (503, {"Retry-After": "9" * 400}, None),
        (503, {"Retry-After": "Fri, 20 Nov 9999 09:01:00 GMT"}, 86_400),
        (503, {}, None),
        (200, {"Retry-After": "120"}, None),
        (429, {"X-RateLimit-Reset": "2026-11-20T09:05:00.123456Z"}, 300.123456),
        (429, {"X-RateLimit-Reset": "2026-11-20T14:05:00.000000Z", "Date": CLOCK_WRONG}, 300),
        (429, {"X-RateLimit-Reset": str(int(NOW.timestamp()) + 60)}, 60),
        (429, {"X-RateLimit-Reset": f"{NOW.timestamp() + 60.5:.3f}"}, 60.5),
        (429, {"X-RateLimit-Reset": str(int(NOW.timestamp() + 60) * 1000)}, 60),
        (429, {"X-RateLimit-Reset": str(int(NOW.timestamp()) + 5 * 3600 + 60), "Date": CLOCK_WRONG}, 60),
        (429, {"RateLimit-Reset": "45"}, 45),
        (429, {"X-RateLimit-Reset-After": "1.5", "X-RateLimit-Reset": "9999999999"}, 1.5),
        (429, {"Retry-After": "3", "X-RateLimit-Reset": "2026-11-20T09:05:00Z"}, 3),
        (429, {"X-RateLimit-Reset": str(int(NOW.timestamp()) - 60)}, None),
        (429, {"X-RateLimit-Reset": "tomorrow"}, None),
        (429, {"X-RateLimit-Reset": "9" * 30}, None),
        (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-11-20T09:05:00Z"}, 300),
        (204, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "0.5"}, 0.5),
        (200, {"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "2026-11-20T09:05:00Z"}, None),
        (404, {"X-RateLimit-Reset": "2026-11-20T09:05:00Z"}, None),
    ],
)
def test_a_server_wishes_to_be_left_alone_until(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert wish(answer(status, headers)) == expected


NUMBERS = st.one_of(
    st.integers().map(str), st.floats().map(str), st.decimals().map(str), st.from_regex(r"[0-9. ,]{1,30}")
)
ZONES = st.timedeltas(-DAY / 2, DAY / 2).map(timezone)
MOMENTS = st.datetimes(timezones=ZONES | st.none())
ANYTHING = st.one_of(
    NUMBERS,
    st.text(),
    MOMENTS.map(datetime.isoformat),
    MOMENTS.map(format_datetime),
    st.from_regex(
        r"[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{2,6} [0-9]{2}:[0-9]{2}(:[0-9]{2})? [A-Z+\-0-9]{1,6}"
    ),
)


@given(
    status=st.integers(100, 999),
    headers=st.dictionaries(
        st.sampled_from(
            ["Retry-After", "Date", "X-RateLimit-Reset", "X-RateLimit-Remaining", "RateLimit-Reset"]
        ),
        ANYTHING,
    ),
    body=st.binary() | st.text().map(str.encode) | st.recursive(st.text(), st.lists).map(json_body),
)
def test_no_answer_is_too_strange(status: int, headers: dict[str, str], body: bytes) -> None:
    outcome = judge(answer(status, headers, body))
    assert outcome.reason.isprintable()
    assert len(outcome.reason) < 300
    wished = wish(answer(status, headers, body))
    assert wished is None or NOW < wished <= NOW + DAY


# --- JSON ---


def test_json_is_compact_and_in_the_order_given() -> None:
    assert json_body({"b": 1, "a": ["ä", True]}) == '{"b":1,"a":["ä",true]}'.encode()


def test_half_a_character_does_not_break_json() -> None:
    assert json_body("a\ud800b") == b'"a?b"'


def test_the_requests_of_a_strict_test_have_no_violations() -> None:
    with receiving(strict=True) as receiver:
        post(receiver.url, body=json_body({"a": 1}))


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"a=b"),
        (JSON, b'{"a":null}'),
        ({}, b"{}"),
        (JSON, b"{"),
    ],
)
def test_a_strict_receiver_notes_what_is_wrong(headers: dict[str, str], body: bytes) -> None:
    with receiving() as receiver:
        client = Client(timeout=LONG)
        client.request("POST", receiver.url, body=body, headers=headers)
        client.close()
        assert len(receiver.violations) == 1


def test_a_reply_can_be_made_for_its_request(receiver: Receiver) -> None:
    def echo(request: Request) -> Reply:
        return Reply(body=request.path.encode())

    receiver.replies.append(echo)
    assert post(f"{receiver.url}/a").body == b"/a"
