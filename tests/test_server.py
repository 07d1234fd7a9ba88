"""The HTTP server over real sockets: what readers are told, what nobody may see, and how it stops."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from newsroom import Newsroom

from feedbot.errors import ServeError
from feedbot.model import Document
from feedbot.publish import Folder
from feedbot.server import GRACE, IDLE_MS, Resource, Server, Shelf, is_current

PATIENCE = 10.0  # seconds until a test gives up; less than the server lets a connection idle
WRITTEN = 1_777_000_000  # when the documents of `site` were written, in seconds since 1970

DOCUMENTS = {
    "/ai/rss.xml": "application/rss+xml; charset=utf-8",
    "/ai/atom.xml": "application/atom+xml; charset=utf-8",
    "/ai/feed.json": "application/feed+json",
    "/ai/": "text/html; charset=utf-8",
    "/feeds.opml": "text/x-opml; charset=utf-8",
}


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Site:
    """A served folder, and a reader of it."""

    folder: Path
    port: int

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        response = connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        connection.close()
        return answer

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True


@contextmanager
def served(folder: Path) -> Iterator[Site]:
    """A server over `folder` in a thread of this process."""
    port = free_port()
    server = Server(folder, "127.0.0.1", port)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: is_listening(port), "the server")
        yield Site(folder, port)
    finally:
        server.stop()
        thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The feeds of a small newsroom, served; tests only read them."""
    newsroom = Newsroom(tmp_path_factory.mktemp("served") / "newsroom")
    newsroom.write("one.md", topics=["AI", "Größe & Maß"])
    newsroom.build()
    newsroom.close()
    for path in newsroom.feeds.rglob("*"):
        os.utime(path, (WRITTEN, WRITTEN))
    with served(newsroom.feeds) as site:
        yield site


@pytest.fixture
def shelf_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "feeds"
    folder.mkdir()
    return folder


# --- what readers get ---


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_document_comes_whole_with_its_type_and_its_validators(site: Site, path: str) -> None:
    answer = site.ask(path)
    file = site.folder / (path.lstrip("/") + ("index.html" if path.endswith("/") else ""))
    assert answer.status == HTTPStatus.OK
    assert answer.body == file.read_bytes()
    assert answer.headers["content-type"] == DOCUMENTS[path]
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["etag"].strip('"').isalnum()
    assert answer.headers["last-modified"] == formatdate(WRITTEN, usegmt=True)
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"


# Headers of the request, with {etag} and dates filled in, and the status they get.
CONDITIONS = {
    "nothing": ({}, 200),
    "the same tag": ({"If_None_Match": "{etag}"}, 304),
    "the same tag, weak": ({"If_None_Match": "W/{etag}"}, 304),
    "a list with the tag": ({"If_None_Match": '"a", W/"b,c" ,{etag}'}, 304),
    "a list with the tag, close": ({"If_None_Match": '"a",{etag},"b"'}, 304),
    "a star": ({"If_None_Match": " * "}, 304),
    "another tag": ({"If_None_Match": '"another"'}, 200),
    "a list without the tag": ({"If_None_Match": '"a", W/"b"'}, 200),
    "the tag without quotes": ({"If_None_Match": "{bare}"}, 200),
    "an empty list": ({"If_None_Match": ""}, 200),
    "only an opening quote": ({"If_None_Match": '"'}, 200),
    "the same date": ({"If_Modified_Since": "{same}"}, 304),
    "a later date": ({"If_Modified_Since": "{later}"}, 304),
    "an earlier date": ({"If_Modified_Since": "{earlier}"}, 200),
    "the same date as RFC 850 has it": ({"If_Modified_Since": "{rfc850}"}, 304),
    "the same date as asctime has it": ({"If_Modified_Since": "{asctime}"}, 304),
    "no date": ({"If_Modified_Since": "yesterday"}, 200),
    "an empty date": ({"If_Modified_Since": ""}, 200),
    "a date with an odd zone": ({"If_Modified_Since": "Sat, 01 Jan 2050 00:00:00 +9999"}, 200),
    "another tag, though the date is the same": (
        {"If_None_Match": '"another"', "If_Modified_Since": "{same}"},
        200,
    ),
    "the same tag, though the date is earlier": (
        {"If_None_Match": "{etag}", "If_Modified_Since": "{earlier}"},
        304,
    ),
    "a part": ({"Range": "bytes=0-9"}, 200),
}


def filled(headers: dict[str, str], etag: str) -> dict[str, str]:
    moment = time.gmtime(WRITTEN)
    known = {
        "etag": etag,
        "bare": etag.strip('"'),
        "same": formatdate(WRITTEN, usegmt=True),
        "later": formatdate(WRITTEN + 60, usegmt=True),
        "earlier": formatdate(WRITTEN - 1, usegmt=True),
        "rfc850": time.strftime("%A, %d-%b-%y %H:%M:%S GMT", moment),
        "asctime": time.asctime(moment),
    }
    return {name: value.format(**known) for name, value in headers.items()}


@pytest.mark.parametrize("case", CONDITIONS)
@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_conditional_request_is_answered_alike_for_get_and_head(site: Site, path: str, case: str) -> None:
    headers, status = CONDITIONS[case]
    plain = site.ask(path)
    asked = filled(headers, plain.headers["etag"])
    got, headed = site.ask(path, **asked), site.ask(path, "HEAD", **asked)
    assert got.status == headed.status == status
    assert headed.body == b""
    assert got.body == (plain.body if status == HTTPStatus.OK else b"")
    for answer in (got, headed):
        kept = {name: value for name, value in answer.headers.items() if name != "date"}
        whole = {name: value for name, value in plain.headers.items() if name != "date"}
        if status == HTTPStatus.NOT_MODIFIED:
            del whole["content-type"], whole["content-length"]
        assert kept == whole


def test_tags_spread_over_several_headers_are_one_list(site: Site) -> None:
    etag = site.ask("/rss.xml").headers["etag"]
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    connection.putrequest("GET", "/rss.xml")
    connection.putheader("If-None-Match", '"a"')
    connection.putheader("If-None-Match", etag)
    connection.endheaders()
    assert connection.getresponse().status == HTTPStatus.NOT_MODIFIED
    connection.close()


@given(tags=st.none() | st.text(), since=st.none() | st.text() | st.datetimes().map(str))
def test_no_header_whatever_it_holds_makes_an_error(tags: str | None, since: str | None) -> None:
    resource = Resource(b"", '"abc"', WRITTEN, "text/html")
    assert is_current(resource, WRITTEN + 10, tags=tags, since=since) in {True, False}


def test_a_document_that_may_change_again_within_its_second_has_no_date(shelf_folder: Path) -> None:
    document = shelf_folder / "rss.xml"
    document.write_bytes(b"<rss/>")
    soon = time.time() + 3600
    os.utime(document, (soon, soon))
    with served(shelf_folder) as site:
        answer = site.ask("/rss.xml")
        assert "last-modified" not in answer.headers
        assert site.ask("/rss.xml", If_Modified_Since=formatdate(soon, usegmt=True)).status == HTTPStatus.OK
        assert site.ask("/rss.xml", If_None_Match=answer.headers["etag"]).status == HTTPStatus.NOT_MODIFIED


def test_a_query_changes_nothing(site: Site) -> None:
    assert site.ask("/ai/rss.xml?utm_source=x&%00=../..").body == site.ask("/ai/rss.xml").body


def test_a_folder_without_its_slash_leads_to_the_one_with_it(site: Site) -> None:
    for path in ("/ai", "/ai?from=mail"):
        answer = site.ask(path)
        assert (answer.status, answer.headers["location"]) == (HTTPStatus.MOVED_PERMANENTLY, "./ai/")
    folder = next(path for path in site.folder.iterdir() if "ma" in path.name and path.is_dir())
    answer = site.ask("/" + "".join(f"%{byte:02X}" for byte in folder.name.encode()))
    assert answer.status == HTTPStatus.MOVED_PERMANENTLY
    moved = site.ask(answer.headers["location"].removeprefix("."))
    assert moved.body == (folder / "index.html").read_bytes()


def test_an_unknown_path_gets_a_page_that_leads_on(site: Site) -> None:
    answer = site.ask("/no/such/feed.json")
    assert answer.status == HTTPStatus.NOT_FOUND
    assert b'<a href="/">' in answer.body
    headed = site.ask("/no/such/feed.json", "HEAD")
    assert (headed.status, headed.body) == (HTTPStatus.NOT_FOUND, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_method_that_is_not_served_is_told_which_are(site: Site, method: str) -> None:
    answer = site.ask("/ai/rss.xml", method)
    assert answer.status == HTTPStatus.METHOD_NOT_ALLOWED
    assert {name.strip() for name in answer.headers["allow"].split(",")} == {"GET", "HEAD"}


def test_what_is_there_and_cannot_be_read_is_not_said_to_be_gone() -> None:
    class Locked(type(Path())):  # type: ignore[misc] # the class of paths depends on the system
        """A folder on a disk that has failed."""

        def stat(self, **_: object) -> os.stat_result:
            raise PermissionError(13, "Permission denied")

    with served(Locked("feeds")) as site:
        answer = site.ask("/rss.xml")
        assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert int(answer.headers["retry-after"]) > 0


# --- what nobody may see ---


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A folder with a secret outside of it, and many ways that seem to lead there."""
    top = tmp_path_factory.mktemp("guarded")
    folder = top / "feeds"
    (folder / "ai").mkdir(parents=True)
    (folder / "bare").mkdir()
    (folder / ".hidden").mkdir()
    (folder / "feed.json").mkdir()
    (top / "private").mkdir()
    for path in (
        top / "rss.xml", top / "index.html", top / "private/rss.xml", top / "private/index.html",
        folder / ".rss.xml", folder / ".hidden/rss.xml", folder / ".feedbot-0123456789abcdef",
        folder / "notes.txt", folder / "rss.xml~", folder / "ai/rss.xml.bak", folder / "bare/notes.md",
    ):  # fmt: skip
        path.write_text("a secret")
    (folder / "index.html").write_text("the index")
    (folder / "ai/rss.xml").write_text("a feed")
    (folder / "out").symlink_to(top / "private")
    (folder / "ai/atom.xml").symlink_to("../../rss.xml")
    (folder / "loop").symlink_to("loop")
    (folder / "old").symlink_to("ai")
    os.mkfifo(folder / "ai/feed.json")
    with served(folder) as site:
        yield site


@pytest.mark.parametrize(
    "path",
    [
        "/../rss.xml", "/ai/../../rss.xml", "/./rss.xml", "/%2e%2e/rss.xml", "/%2E./rss.xml", "/.%2e/rss.xml",
        "/..%2frss.xml", "/%2e%2e%2frss.xml", "/ai/..%2F..%2Frss.xml", "/..%5crss.xml", "/..\\rss.xml",
        "/ai\\..\\..\\rss.xml", "/%5c..%5crss.xml", "/%252e%252e/rss.xml", "/..%c0%afrss.xml", "/..;/rss.xml",
        "//rss.xml", "///rss.xml", "/ai//rss.xml", "//example.com/", "/%2f%2fexample.com/",
        "/ai/rss.xml%00", "/%00", "/rss.xml%00.html", "/ai/rss.xml/", "/ai/rss.xml/index.html",
        "/.rss.xml", "/.hidden/rss.xml", "/%2ehidden/rss.xml", "/.feedbot-0123456789abcdef",
        "/notes.txt", "/rss.xml~", "/ai/rss.xml.bak", "/bare/", "/bare", "/bare/notes.md", "/ai/", "/ai",
        "/out/rss.xml", "/out/", "/out", "/ai/atom.xml", "/loop/rss.xml", "/loop/",
        "/ai/feed.json", "/feed.json", "/feed.json/", "/%ed%a0%80/rss.xml", "/%ff/rss.xml", "/" + "a" * 5000,
        "/" + "a/" * 3000 + "rss.xml", "*",
    ],
)  # fmt: skip
def test_nothing_but_documents_of_the_folder_is_served(guarded: Site, path: str) -> None:
    for method in ("GET", "HEAD"):
        answer = guarded.ask(path, method)
        assert answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST}
        assert b"secret" not in answer.body
        assert "location" not in answer.headers


def test_what_is_guarded_is_served_where_it_may_be(guarded: Site) -> None:
    assert guarded.ask("/").body == b"the index"
    for path in ("/ai/rss.xml", "/%61i/rss%2Exml", "/old/rss.xml"):  # a link that stays inside is fine
        assert guarded.ask(path).body == b"a feed"


# --- while files change, and under load ---


def test_each_answer_is_whole_and_matches_its_tag_while_files_are_replaced(shelf_folder: Path) -> None:
    output = Folder(path=shelf_folder, is_ours=lambda _: True)
    done = threading.Event()
    tags: dict[str, bytes] = {}
    wrong: list[str] = []

    def publish(number: int) -> None:
        body = f"{number:06d}".encode() * (1 + number % 7) * 3000
        output.publish([Document(path="ai/rss.xml", body=body)], known=["ai/rss.xml"])

    def read(site: Site) -> None:
        etag = ""
        while not done.is_set():
            answer = site.ask("/ai/rss.xml", **({"If_None_Match": etag} if etag else {}))
            if answer.status == HTTPStatus.NOT_MODIFIED:
                continue
            etag = answer.headers["etag"]
            whole = answer.body == answer.body[:6] * (1 + int(answer.body[:6]) % 7) * 3000
            if not whole or tags.setdefault(etag, answer.body) != answer.body:
                wrong.append(etag)

    publish(0)
    with served(shelf_folder) as site:
        readers = [threading.Thread(target=read, args=(site,)) for _ in range(4)]
        for reader in readers:
            reader.start()
        for number in range(1, 200):
            publish(number)
        last = site.ask("/ai/rss.xml").body
        done.set()
        for reader in readers:
            reader.join(PATIENCE)
    assert wrong == []
    assert len(tags) > 1
    assert last[:6] == b"000199"


def test_many_requests_at_once_are_all_answered(site: Site) -> None:
    statuses: list[int] = []

    def read() -> None:
        statuses.extend(site.ask(path).status for _ in range(5) for path in DOCUMENTS)

    threads = [threading.Thread(target=read) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert statuses == [HTTPStatus.OK] * 16 * 5 * len(DOCUMENTS)


def test_readers_that_keep_their_connections_open_keep_nobody_out(site: Site) -> None:
    connections = [http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE) for _ in range(300)]
    for connection in connections:
        connection.request("GET", "/rss.xml")
        assert connection.getresponse().read()
    assert site.ask("/rss.xml").status == HTTPStatus.OK
    for connection in connections:
        connection.close()


def test_what_is_held_in_memory_is_bounded(shelf_folder: Path) -> None:
    for number in range(20):
        (shelf_folder / str(number)).mkdir()
        (shelf_folder / str(number) / "rss.xml").write_bytes(b"x" * 1000)
    (shelf_folder / "rss.xml").write_bytes(b"x" * 6000)
    shelf = Shelf(shelf_folder, room=5000)
    paths = [f"{number}/rss.xml" for number in range(20)]

    def held() -> bool:  # only what was written a moment ago, and not just now, is held
        return all(shelf.find(path) for path in paths) and shelf.size == 5000

    wait_until(held, "the shelf to be full")
    large = shelf.find("rss.xml")
    assert large
    assert len(large.body) == 6000
    assert shelf.size <= 5000


def test_a_document_that_goes_or_changes_is_no_longer_held(shelf_folder: Path) -> None:
    document = shelf_folder / "rss.xml"
    document.write_bytes(b"old")
    shelf = Shelf(shelf_folder)
    wait_until(lambda: shelf.find("rss.xml") and shelf.size == 3, "the document to be held")
    status = document.stat()
    document.write_bytes(b"new")
    os.utime(document, ns=(status.st_atime_ns, status.st_mtime_ns))  # same size, same time, same file
    found = shelf.find("rss.xml")
    assert found
    assert found.body == b"new"
    wait_until(lambda: shelf.find("rss.xml") and shelf.size == 3, "the document to be held again")
    document.unlink()
    assert shelf.find("rss.xml") is None
    assert shelf.size == 0


# --- the beginning and the end ---


def test_a_stop_before_the_start_is_not_lost(shelf_folder: Path) -> None:
    port = free_port()
    server = Server(shelf_folder, "127.0.0.1", port)
    server.stop()
    server.run()
    assert not is_listening(port)


def test_a_stop_at_any_moment_of_the_start_ends_the_run(shelf_folder: Path) -> None:
    for step in range(20):
        server = Server(shelf_folder, "127.0.0.1", free_port())
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        time.sleep(step / 1000)  # not waiting for anything: the moment of the stop is what varies
        server.stop()
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        server.stop()  # and after the end


def test_an_answer_that_is_on_its_way_is_given_to_the_end(shelf_folder: Path) -> None:
    (shelf_folder / "rss.xml").write_bytes(b"x" * 20_000_000)
    port = free_port()
    server = Server(shelf_folder, "127.0.0.1", port)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: is_listening(port), "the server")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/rss.xml")
    response = connection.getresponse()
    beginning = response.read(1000)
    server.stop()
    assert len(beginning + response.read()) == 20_000_000
    connection.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_request_that_never_ends_does_not_keep_the_server_from_stopping(shelf_folder: Path) -> None:
    port = free_port()
    server = Server(shelf_folder, "127.0.0.1", port)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: is_listening(port), "the server")
    with Site(shelf_folder, port).connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: exam")
        server.stop()
        assert GRACE < PATIENCE < IDLE_MS / 1000
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_an_address_that_cannot_be_had_is_told_with_what_to_do(shelf_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=rf"127\.0\.0\.1:{port} .*another program.*--port"):
            Server(shelf_folder, "127.0.0.1", port)
    with pytest.raises(ServeError, match=r"192\.0\.2\.1:8000 .*--host"):
        Server(shelf_folder, "192.0.2.1", 8000)
    with pytest.raises(ServeError, match=r"no host:8000 .*--host"):
        Server(shelf_folder, "no host", 8000)


def test_a_server_on_every_address_is_found_on_this_machine(shelf_folder: Path) -> None:
    port = free_port()
    assert Server(shelf_folder, "0.0.0.0", port).url == f"http://127.0.0.1:{port}/"  # noqa: S104 - the case


@pytest.mark.parametrize("arguments", [["serve"], ["run", "--serve"]], ids=" ".join)
def test_the_process_ends_cleanly_however_its_connections_stand(
    newsroom: Newsroom, arguments: list[str]
) -> None:
    newsroom.write("one.md")
    newsroom.build()
    newsroom.close()
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "feedbot", *arguments, "--port", str(port)],
        cwd=newsroom.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until(lambda: is_listening(port), "the server")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/rss.xml")
    assert connection.getresponse().read()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=PATIENCE)
    connection.close()
    assert process.returncode == 0
    assert "panic" not in output
