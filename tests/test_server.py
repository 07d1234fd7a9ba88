"""The HTTP server over real sockets: what people meet, what nobody may see, and how it begins and ends.

What HTTP says of documents is in test_server_conformance.py.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin

import pytest
from newsroom import Newsroom
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from visitor import PATIENCE, Visited, free_port, is_listening, visited, wait_until

from feedbot.errors import ServeError
from feedbot.server import IDLE, Disk, Server, Terms

WRITTEN = 1_777_000_000  # when the documents of `site` were written, in seconds since 1970

DOCUMENTS = ("/ai/rss.xml", "/ai/atom.xml", "/ai/feed.json", "/ai/", "/", "/feeds.opml", "/page.css")
FAR = "/" + "x/" * 500


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
    """The feeds of a small newsroom, served; tests only read them."""
    newsroom = Newsroom(tmp_path_factory.mktemp("served") / "newsroom")
    newsroom.write("one.md", topics=["AI", "Größe & Maß"])
    newsroom.build()
    newsroom.close()
    for path in newsroom.feeds.rglob("*"):
        os.utime(path, (WRITTEN, WRITTEN))
    with visited(newsroom.feeds) as site:
        yield site


# --- what people and readers meet ---


@pytest.mark.parametrize("path", DOCUMENTS)
def test_what_feedbot_writes_is_served_as_it_is(site: Visited, path: str) -> None:
    reply = site.ask(path)
    file = site.folder / (path.lstrip("/") + ("index.html" if path.endswith("/") else ""))
    assert reply.status == HTTPStatus.OK
    assert reply.body == file.read_bytes()
    assert reply.headers["last-modified"] == formatdate(WRITTEN, usegmt=True)


def test_a_page_loads_nothing_that_its_policy_forbids(site: Visited) -> None:
    page = site.ask("/ai/").body.decode()
    for name, kind in (("page.css", "text/css"), ("page.js", "text/javascript")):
        (address,) = re.findall(rf'"([^"]*{name})"', page)
        assert site.ask(urljoin("/ai/", address)).headers["content-type"].startswith(kind)
    assert "<style" not in page
    assert " style=" not in page
    assert not re.search(r"<script(?![^>]*src=)", page)


def test_a_document_that_may_change_again_within_its_second_has_no_date(tmp_path: Path) -> None:
    document = tmp_path / "rss.xml"
    document.write_bytes(b"<rss/>")
    soon = time.time() + 3600
    os.utime(document, (soon, soon))
    with visited(tmp_path) as site:
        reply = site.ask("/rss.xml")
        assert "last-modified" not in reply.headers
        assert site.ask("/rss.xml", If_Modified_Since=formatdate(soon, usegmt=True)).status == HTTPStatus.OK
        assert site.ask("/rss.xml", If_None_Match=reply.headers["etag"]).status == HTTPStatus.NOT_MODIFIED


def test_a_folder_without_its_slash_leads_to_the_one_with_it(site: Visited) -> None:
    for path in ("/ai", "/ai?from=mail"):
        reply = site.ask(path)
        assert (reply.status, reply.headers["location"]) == (HTTPStatus.MOVED_PERMANENTLY, "./ai/")
    folder = next(path for path in site.folder.iterdir() if "ma" in path.name and path.is_dir())
    reply = site.ask("/" + "".join(f"%{byte:02X}" for byte in folder.name.encode()))
    assert reply.status == HTTPStatus.MOVED_PERMANENTLY
    moved = site.ask(reply.headers["location"].removeprefix("."))
    assert moved.body == (folder / "index.html").read_bytes()


@pytest.mark.parametrize("path", ["/nothing", "/no/such/feed.json", "/ai/nothing/", "/a/b/c/d/", FAR])
def test_an_unknown_path_gets_a_page_that_leads_on(site: Visited, path: str) -> None:
    reply, headed = site.ask(path), site.ask(path, "HEAD")
    assert reply.status == headed.status == HTTPStatus.NOT_FOUND
    assert headed.body == b""
    assert headed.headers["content-length"] == reply.headers["content-length"]
    page = reply.body.decode()
    (link,) = re.findall(r'<a href="([^"]+)"', page)
    (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    assert urljoin(path, link) == "/"
    assert site.ask(urljoin(path, style)).status == HTTPStatus.OK
    below = urljoin(f"/proxied/below{path}", link)  # for a proxy that serves the feeds there
    assert below == ("/" if path == FAR else "/proxied/below/")
    assert "script" not in page
    assert reply.headers["content-security-policy"] == site.ask("/").headers["content-security-policy"]


@pytest.mark.parametrize(
    ("icon", "status"),
    [
        ("https://news.example.com/icon.png", HTTPStatus.FOUND),
        ("", HTTPStatus.NO_CONTENT),
        ("https://feeds.example.com/favicon.ico", HTTPStatus.NO_CONTENT),  # this very address
    ],
)
def test_browsers_are_given_the_icon_of_the_site_or_told_that_there_is_none(
    icon: str, status: HTTPStatus, tmp_path: Path
) -> None:
    with visited(tmp_path, Terms(feeds_url="https://feeds.example.com/", icon=icon)) as site:
        for method in ("GET", "HEAD"):
            reply = site.ask("/favicon.ico", method)
            assert (reply.status, reply.body) == (status, b"")
            assert reply.headers.get("location", "") == (icon if status is HTTPStatus.FOUND else "")
            assert reply.headers["cache-control"] == "public, max-age=300"


def test_what_is_there_and_cannot_be_read_is_not_said_to_be_gone() -> None:
    class Locked(type(Path())):  # type: ignore[misc] # the class of paths depends on the system
        """A folder on a disk that has failed."""

        def stat(self, **_: object) -> os.stat_result:
            raise PermissionError(13, "Permission denied")

    with visited(Locked("feeds")) as site:
        for method in ("GET", "HEAD"):
            reply = site.ask("/rss.xml", method)
            assert reply.status == HTTPStatus.SERVICE_UNAVAILABLE
            assert int(reply.headers["retry-after"]) > 0


def test_other_routes_come_before_the_documents_and_hide_none(tmp_path: Path) -> None:
    async def health(request: Request) -> Response:
        assert request.client
        return JSONResponse({"from": request.client.host, "query": request.url.query, "as": request.method})

    async def broken(_request: Request) -> Response:
        raise RuntimeError("a bug")

    for slug in ("health", "broken"):
        (tmp_path / slug).mkdir()
        (tmp_path / slug / "index.html").write_text("a feed of that name")
    routes = [Route("/health", health), Route("/broken", broken)]
    with visited(tmp_path, routes=routes) as site:
        assert site.ask("/health?a=b").body == b'{"from":"127.0.0.1","query":"a=b","as":"GET"}'
        headed = site.ask("/health?a=b", "HEAD")
        assert (headed.status, headed.body) == (HTTPStatus.OK, b"")
        assert int(headed.headers["content-length"]) > 0
        assert site.ask("/health", "POST").status == HTTPStatus.METHOD_NOT_ALLOWED
        assert site.ask("/broken").status == HTTPStatus.SERVICE_UNAVAILABLE
        for slug in ("health", "broken"):
            assert site.ask(f"/{slug}/").body == b"a feed of that name"


def test_an_ordinary_granian_gives_the_same_answers(site: Visited) -> None:
    """As another version of granian does, for which feedbot knows no short way."""
    port = free_port()
    code = (
        "import asyncio, sys; from pathlib import Path; from granian.constants import Interfaces;"
        "from granian.server.embed import Server; from feedbot.server import App, Disk, Terms;"
        "app = App(Disk(Path(sys.argv[1])), Terms());"
        "server = Server(app, port=int(sys.argv[2]), interface=Interfaces.RSGI, log_enabled=False);"
        "asyncio.run(server.serve())"
    )
    process = subprocess.Popen([sys.executable, "-c", code, site.folder, str(port)])
    try:
        wait_until(lambda: is_listening(port), "granian")
        ordinary = Visited(site.folder, port)
        for path in (*DOCUMENTS, "/nothing", "/ai"):
            for method in ("GET", "HEAD", "OPTIONS", "POST"):
                asked = {"Accept_Encoding": "br", "If_Match": "*"}
                one, other = ordinary.ask(path, method, **asked), site.ask(path, method, **asked)
                del one.headers["date"], other.headers["date"]
                assert one == other
    finally:
        process.kill()
        process.wait(PATIENCE)


# --- what nobody may see ---


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
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
        folder / "_redirects", folder / "feeds.html", folder / "ai/page.css", folder / "style.css",
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
    with visited(folder) as site:
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
        "/_redirects", "/feeds.html", "/ai/page.css", "/style.css", "/ai/archive/1/rss.xml", "/page.js/",
        "/notes.txt", "/rss.xml~", "/ai/rss.xml.bak", "/bare/", "/bare", "/bare/notes.md", "/ai/", "/ai",
        "/out/rss.xml", "/out/", "/out", "/ai/atom.xml", "/loop/rss.xml", "/loop/",
        "/ai/feed.json", "/feed.json", "/feed.json/", "/%ed%a0%80/rss.xml", "/%ff/rss.xml", "/" + "a" * 5000,
        "/" + "a/" * 3000 + "rss.xml", "*",
    ],
)  # fmt: skip
def test_nothing_but_documents_of_the_folder_is_served(guarded: Visited, path: str) -> None:
    for method in ("GET", "HEAD"):
        reply = guarded.ask(path, method)
        assert reply.status in {HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST}
        assert b"secret" not in reply.body
        assert "location" not in reply.headers


def test_what_is_guarded_is_served_where_it_may_be(guarded: Visited) -> None:
    assert guarded.ask("/").body == b"the index"
    for path in ("/ai/rss.xml", "/%61i/rss%2Exml", "/old/rss.xml"):  # a link that stays inside is fine
        assert guarded.ask(path).body == b"a feed"


# --- the beginning and the end ---


def test_a_stop_before_the_start_is_not_lost(tmp_path: Path) -> None:
    port = free_port()
    server = Server(Disk(tmp_path), "127.0.0.1", port)
    server.stop()
    server.run()
    assert not is_listening(port)


def test_a_stop_at_any_moment_of_the_start_ends_the_run(tmp_path: Path) -> None:
    for step in range(20):
        server = Server(Disk(tmp_path), "127.0.0.1", free_port())
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        time.sleep(step / 1000)  # not waiting for anything: the moment of the stop is what varies
        server.stop()
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        server.stop()  # and after the end


def test_an_answer_that_is_on_its_way_is_given_to_the_end(tmp_path: Path) -> None:
    (tmp_path / "rss.xml").write_bytes(b"x" * 20_000_000)
    port = free_port()
    server = Server(Disk(tmp_path), "127.0.0.1", port)
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


def test_a_request_that_never_ends_does_not_keep_the_server_from_stopping(tmp_path: Path) -> None:
    port = free_port()
    server = Server(Disk(tmp_path), "127.0.0.1", port, idle=10 * PATIENCE)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: is_listening(port), "the server")
    with Visited(tmp_path, port).connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: exam")
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_an_address_that_cannot_be_had_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=rf"127\.0\.0\.1:{port} .*another program.*--port"):
            Server(Disk(tmp_path), "127.0.0.1", port)
    with pytest.raises(ServeError, match=r"192\.0\.2\.1:8000 .*--host"):
        Server(Disk(tmp_path), "192.0.2.1", 8000)
    with pytest.raises(ServeError, match=r"no host:8000 .*--host"):
        Server(Disk(tmp_path), "no host", 8000)


def test_a_server_on_every_address_is_found_on_this_machine(tmp_path: Path) -> None:
    port = free_port()
    assert Server(Disk(tmp_path), "0.0.0.0", port).url == f"http://127.0.0.1:{port}/"  # noqa: S104 - the case


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
    output, _ = process.communicate(timeout=0.9 * IDLE)  # it does not wait until the connection is closed
    connection.close()
    assert process.returncode == 0
    assert "panic" not in output
