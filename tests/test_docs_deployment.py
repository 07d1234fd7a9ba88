"""The samples do what docs/deployment.md says of them, and feeds move as docs/moving.md says.

nginx is the machine's own and runs with the samples as they are, but for addresses and folders. Beside it
stands feedbot's server over the same folder.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import yaml
from loopback import answering
from newsroom import SITE, Newsroom
from subscribers import Library, Mail, Newsboat, Subscriber, installed
from test_docs_links import blocks, parse
from visitor import Reply, Visited, free_port, is_listening, visited, wait_until

from feedbot.errors import ConfigError
from feedbot.server import Terms
from feedbot.server.operator import Desk
from feedbot.worker import FAREWELL

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "docs" / "samples"
DEPLOYMENT, MOVING = ROOT / "docs" / "deployment.md", ROOT / "docs" / "moving.md"

FEEDS_URL = "http://127.0.0.1/"  # on this machine, so that serve.local may open the operator's pages
TOKEN = "a-long-token-of-the-operator"  # noqa: S105 - of a server on loopback
DOCUMENTS = (
    "/", "/rss.xml", "/atom.xml", "/feed.json", "/feeds.opml", "/rss.opml", "/page.css", "/page.js",
    "/minds/", "/minds/index.html", "/minds/rss.xml", "/minds/feed.json", "/archive/1/atom.xml",
)  # fmt: skip
SAID = (
    "content-type", "cache-control", "access-control-allow-origin", "content-security-policy",
    "referrer-policy", "x-content-type-options",
)  # fmt: skip
HIDDEN = ("/.feedbot-1a2b", "/minds/.hidden/rss.xml", "/_redirects", "/archive/", "/nowhere/rss.xml")
OLD = {
    "/ai": "/minds/index.html",
    "/ai/": "/minds/index.html",
    "/ai/rss.xml": "/minds/rss.xml",
    "/ai/feed.json?from=afar": "/minds/feed.json",
    "/k%C3%BCnstliche-intelligenz/atom.xml": "/ki/atom.xml",
}

NGINX = """
{user}
worker_processes 1;
error_log {folder}/error.log;
pid {folder}/pid;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {sample}
}}
"""


@contextmanager
def nginx(sample: str, folder: Path, changes: Mapping[str, str]) -> Iterator[Visited]:
    """nginx with a sample in which each of `changes` was made, once or more often."""
    port = free_port()
    for old, new in {"listen 80;": f"listen 127.0.0.1:{port};", **changes}.items():
        assert old in sample, old
        sample = sample.replace(old, new)
    folder.mkdir()
    user = "user root;" if os.geteuid() == 0 else ""  # the folders of tests are for their owner alone
    (folder / "nginx.conf").write_text(
        NGINX.format(user=user, folder=folder, sample=sample), encoding="utf-8"
    )
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or installed("nginx")
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with subprocess.Popen([*command, "-g", "daemon off;"], stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: process.poll() is not None or is_listening(port), "nginx")
            assert process.poll() is None, process.communicate()
            yield Visited(folder, port)
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newsroom]:
    """A newsroom, two of whose feeds have moved."""
    site, room = {**SITE, "feeds_url": FEEDS_URL}, Newsroom(tmp_path_factory.mktemp("room") / "newsroom")
    room.write("one.md", body="word " * 500)
    room.write("two.md", topics=["Künstliche Intelligenz"])
    serve = {"local": True, "token": TOKEN}
    room.configure(site=site, serve=serve)
    room.build()
    moved = {"AI": {"slug": "minds"}, "Künstliche Intelligenz": {"slug": "ki"}}
    room.configure(site=site, serve=serve, feeds={"topics": moved})
    room.build()
    for name in ("archive/1/atom.xml", "minds/.hidden/rss.xml", ".feedbot-1a2b"):
        path = room.feeds / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(room.feeds / "atom.xml", path)
    for path in (path for path in room.feeds.rglob("*") if path.is_file()):
        os.utime(path, (1_790_000_000, 1_790_000_000))  # a document of this second has no Last-Modified yet
    yield room
    room.close()


@pytest.fixture(scope="module")
def feedbot(newsroom: Newsroom) -> Iterator[Visited]:
    """feedbot's own server."""
    with (
        closing(Desk(newsroom.config)) as desk,
        visited(newsroom.feeds, Terms(feeds_url=FEEDS_URL), desk.routes()) as server,
    ):
        yield server


def sample(name: str) -> str:
    return (SAMPLES / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def files(
    newsroom: Newsroom, feedbot: Visited, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visited]:
    """nginx that hands out the files itself."""
    changes = {"/srv/news/feeds": str(newsroom.feeds), "127.0.0.1:8000": f"127.0.0.1:{feedbot.port}"}
    with nginx(sample("nginx.conf"), tmp_path_factory.mktemp("files") / "nginx", changes) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(feedbot: Visited, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
    """nginx that asks feedbot."""
    folder = tmp_path_factory.mktemp("proxy") / "nginx"
    with nginx(sample("nginx-proxy.conf"), folder, proxied(feedbot, folder)) as server:
        yield server


def proxied(feedbot: Visited, folder: Path) -> dict[str, str]:
    return {
        "/var/cache/nginx-feedbot": str(folder / "cache"),
        "127.0.0.1:8000": f"127.0.0.1:{feedbot.port}",
    }


@pytest.fixture(scope="module", params=["files", "proxy"])
def either(request: pytest.FixtureRequest) -> Visited:
    """nginx with each of the samples."""
    server: Visited = request.getfixturevalue(request.param)
    return server


def followed(server: Visited, path: str) -> Reply:
    """What a reader gets in the end that asks for `path`, and is sent on for ever."""
    for _ in range(3):
        reply = server.ask(path)
        if reply.status != 301:
            return reply
        path = urlsplit(urljoin(f"http://127.0.0.1{path}", reply.headers["location"])).path
    raise AssertionError(f"a circle at {path}")


# --- nginx ---


def test_nginx_says_of_each_document_what_feedbot_says(either: Visited, feedbot: Visited) -> None:
    for path in DOCUMENTS:
        ours, theirs = feedbot.ask(path), either.ask(path)
        assert (theirs.status, theirs.body) == (200, ours.body), path
        assert {name: theirs.headers.get(name) for name in SAID} == {
            name: ours.headers.get(name) for name in SAID
        }, path


def test_a_reader_that_has_a_document_gets_304_from_nginx(either: Visited) -> None:
    for path in DOCUMENTS:
        first = either.ask(path)
        assert either.ask(path, If_None_Match=first.headers["etag"]).status == 304, path
        assert either.ask(path, If_Modified_Since=first.headers["last-modified"]).status == 304, path
        assert either.ask(path, If_None_Match='"another"').status == 200, path


def test_nginx_compresses_for_those_who_can_read_it(either: Visited) -> None:
    for path in DOCUMENTS:
        plain, packed = either.ask(path), either.ask(path, Accept_Encoding="gzip")
        assert packed.headers.get("content-encoding") == "gzip", path
        assert "content-encoding" not in plain.headers, path
        assert packed.content == plain.body, path
        assert "Accept-Encoding" in packed.headers["vary"], path
        assert either.ask(path, Accept_Encoding="gzip", If_None_Match=packed.headers["etag"]).status == 304


def test_nginx_gives_nothing_away_that_is_not_a_document(either: Visited) -> None:
    for path in HIDDEN:
        reply = either.ask(path)
        assert reply.status == 404, path
        assert b"All feeds" in reply.body, path  # the page that feedbot has for such cases
        assert "no-cache" in reply.headers["cache-control"], path


def test_the_operators_pages_end_at_nginx(either: Visited, feedbot: Visited) -> None:
    for path in ("/status", "/metrics"):
        assert feedbot.ask(path).status == 200, path
        assert either.ask(path).status == 404, path
    assert (
        json.loads(either.ask("/healthz").body)["status"]
        == json.loads(feedbot.ask("/healthz").body)["status"]
    )


def test_who_comes_through_nginx_is_not_on_this_machine(feedbot: Visited, tmp_path: Path) -> None:
    folder = tmp_path / "nginx"
    let_through = {
        "{ return 404; }": "{ proxy_pass http://feedbot; proxy_set_header X-Forwarded-For $remote_addr; }"
    }
    text = f"upstream feedbot {{ server 127.0.0.1:8000; }}\n{sample('nginx-proxy.conf')}"
    with nginx(text, folder, {**proxied(feedbot, folder), **let_through}) as server:
        assert [server.ask(path).status for path in ("/status", "/metrics")] == [401, 401]


def test_an_old_address_leads_to_the_new_one_through_nginx(either: Visited, feedbot: Visited) -> None:
    for old, new in OLD.items():
        assert either.ask(old).status == 301, old
        assert followed(either, old).body == feedbot.ask(new).body, old
    assert followed(either, "/minds").body == feedbot.ask("/minds/").body


def test_nginx_answers_while_feedbot_is_away(newsroom: Newsroom, tmp_path: Path) -> None:
    folder = tmp_path / "nginx"
    with ExitStack() as stack:
        with visited(newsroom.feeds) as feedbot:
            changes = proxied(feedbot, folder)
            server = stack.enter_context(nginx(sample("nginx-proxy.conf"), folder, changes))
            before = server.ask("/rss.xml")
        after = server.ask("/rss.xml")
    assert (after.status, after.body) == (200, before.body)
    assert after.headers["etag"] == before.headers["etag"]


def test_nginx_alone_can_know_the_old_addresses(newsroom: Newsroom, feedbot: Visited, tmp_path: Path) -> None:
    into_http, into_server = blocks(DEPLOYMENT, "nginx")[:2]
    script = next(block for block in blocks(DEPLOYMENT, "sh") if "feedbot-moved.map" in block)
    places = {"/srv/news/feeds": str(newsroom.feeds), "/etc/nginx": str(tmp_path)}
    for place, here in places.items():
        script, into_http = script.replace(place, here), into_http.replace(place, here)
    subprocess.run(["sh", "-ec", script.replace("systemctl reload nginx", "")], check=True)
    text = re.sub(r" *error_page .*\n", "", sample("nginx.conf"))
    text = re.sub(r" *location @elsewhere [^}]*}\n", "", text)
    text = into_http + text.replace("    index index.html;\n", f"    index index.html;\n{into_server}")
    with nginx(text, tmp_path / "nginx", {"/srv/news/feeds": str(newsroom.feeds)}) as server:
        for old, new in OLD.items():
            assert server.ask(old).status == 301, old
            assert followed(server, old).body == feedbot.ask(new).body, old
        assert [server.ask(path).status for path in HIDDEN[:3]] == [404, 404, 404]


def test_feeds_can_lie_below_a_path_of_another_site(feedbot: Visited, tmp_path: Path) -> None:
    location = next(block for block in blocks(DEPLOYMENT, "nginx") if "location /feeds/" in block)
    text = f"server {{ listen 80; {location} }}"
    with nginx(text, tmp_path / "nginx", {"127.0.0.1:8000": f"127.0.0.1:{feedbot.port}"}) as server:
        assert server.ask("/feeds/rss.xml").body == feedbot.ask("/rss.xml").body
        assert followed(server, "/feeds/ai/rss.xml").body == feedbot.ask("/minds/rss.xml").body
        assert followed(server, "/feeds/minds").body == feedbot.ask("/minds/").body


# --- services and containers ---


def test_the_service_starts_feedbot_and_lets_it_end() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[method-assign,assignment] # as the documentation of configparser has it
    unit.read_string(sample("feedbot.service"))
    service = unit["Service"]
    program, *arguments = service["ExecStart"].split()
    assert Path(program).name == "feedbot"
    parse(arguments)
    assert float(service["TimeoutStopSec"]) > FAREWELL
    assert int(service["RestartPreventExitStatus"]) == ConfigError.exit_code


def test_the_service_may_write_what_feedbot_writes(newsroom: Newsroom) -> None:
    config, home = newsroom.config, newsroom.folder
    state = Path(urlsplit(config.store.url.get_secret_value()).path.removeprefix("/")).parent
    writable = re.search(r"^ReadWritePaths=(.*)$", sample("feedbot.service"), re.MULTILINE)
    assert writable
    assert set(writable[1].split()) == {
        f"/srv/news/{newsroom.feeds.relative_to(home)}",
        f"/srv/news/{state.relative_to(home)}",
    }


def health_check() -> list[str]:
    command = re.search(r"^HEALTHCHECK.*?CMD (\[.*?\])$", sample("Containerfile"), re.MULTILINE | re.DOTALL)
    assert command
    words: list[str] = json.loads(command[1].replace("\\\n", ""))
    return words


def test_the_container_is_unwell_when_feedbot_is(
    newsroom: Newsroom, feedbot: Visited, tmp_path: Path
) -> None:
    program, *arguments = health_check()
    assert program == "python3"
    new = Newsroom(tmp_path / "new")  # no pass was made there
    with (
        closing(Desk(new.config)) as desk,
        visited(newsroom.feeds, Terms(), desk.routes()) as unwell,
    ):
        codes = [
            subprocess.run(
                [sys.executable, *arguments],
                env={**os.environ, "PORT": str(server.port)},
                stderr=subprocess.DEVNULL,
                check=False,
            ).returncode
            for server in (feedbot, unwell)
        ]
    # The newsroom's clock stands still, so it may count as unwell, too; what it says decides.
    assert codes == [0 if feedbot.ask("/healthz").status == 200 else 1, 1]


def test_the_container_file_copies_what_is_there_and_starts_feedbot() -> None:
    text = sample("Containerfile")
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        assert [source for source in sources.split() if not (ROOT / source).exists()] == []
    start = re.findall(r"^(?:ENTRYPOINT|CMD) (\[.*\])$", text, re.MULTILINE)
    program, *arguments = [word for part in start for word in json.loads(part)]
    assert program == "feedbot"
    parse(arguments)


def test_the_compose_file_builds_the_container_file() -> None:
    build = yaml.safe_load(sample("compose.yaml"))["services"]["feedbot"]["build"]
    assert (SAMPLES / build["context"] / build["dockerfile"]).resolve() == (SAMPLES / "Containerfile")


def test_the_page_shows_the_procfile_as_it_is() -> None:
    assert (ROOT / "Procfile").read_text(encoding="utf-8") in blocks(DEPLOYMENT, "text")


# --- moving ---


class _OldSite(BaseHTTPRequestHandler):
    """A feed of another program, until it has moved."""

    def __init__(self, state: dict[str, Any], *arguments: Any) -> None:
        self._state = state
        super().__init__(*arguments)

    def do_GET(self) -> None:
        moved, body = self._state.get("moved"), self._state["feed"].encode()
        self.send_response(301 if moved else 200)
        self.send_header("Location", moved) if moved else self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", "0" if moved else str(len(body)))
        self.end_headers()
        if not moved:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Nothing: tests are quiet."""


@contextmanager
def old_site(state: dict[str, Any]) -> Iterator[str]:
    with answering(partial(_OldSite, state)) as url:
        yield f"{url}feed/"


WORDPRESS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0"><channel><title>Harbour</title><link>https://news.example.com/</link><description/>
<item><title>One</title><link>https://news.example.com/one/</link>
<pubDate>Fri, 01 May 2026 08:00:00 +0000</pubDate><guid isPermaLink="false">https://news.example.com/?p=101</guid><description>First.</description></item>
<item><title>Two</title><link>https://news.example.com/two/</link>
<pubDate>Sat, 02 May 2026 08:00:00 +0000</pubDate><guid isPermaLink="false">https://news.example.com/?p=102</guid><description>Second.</description></item>
</channel></rss>
"""


def rows(page: Path, heading: str) -> list[list[str]]:
    """The rows of the table under whose first column `heading` stands, without backticks."""
    text = page.read_text(encoding="utf-8")
    table = text.partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in table]


def test_ids_of_other_programs_can_be_kept(newsroom: Newsroom, tmp_path: Path) -> None:
    for number, (_, wanted, base, own) in enumerate(rows(MOVING, "from")):
        room = Newsroom(tmp_path / str(number))
        room.configure(site={**SITE, "id_base": base})
        room.write("one.md", id=own)
        room.build()
        assert [item["id"] for item in room.items()] == [wanted]
        room.close()


def test_nobody_notices_that_a_feed_comes_from_another_program_now(tmp_path: Path) -> None:
    room, state = Newsroom(tmp_path / "newsroom"), {"feed": WORDPRESS}
    room.write("one.md", id=101, title="One")
    room.write("two.md", id=102, title="Two, said better")
    with visited(room.feeds) as server, old_site(state) as url:
        base = f"http://127.0.0.1:{server.port}/"
        room.configure(site={**SITE, "feeds_url": base, "id_base": "https://news.example.com/?p="})
        room.build()
        makers = {"newsboat": Newsboat, "mail": Mail, "library": Library}
        readers: list[Subscriber] = [make(tmp_path / name, url) for name, make in makers.items()]
        assert [len(reader.visit().told) for reader in readers] == [2, 2, 2]
        state["moved"] = f"{base}rss.xml"
        assert [reader.visit().told for reader in readers] == [(), (), ()]
        room.write("three.md", title="Three", publishedDateTime="2026-05-20T08:00:00Z")
        room.build()
        assert [len(reader.visit().told) for reader in readers] == [1, 1, 1]
    room.close()


def test_an_id_of_its_own_path_lets_a_file_move_even_when_the_state_is_lost(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    given = next(block for block in blocks(MOVING, "yaml") if block.startswith("id: "))
    path = yaml.safe_load(given)["id"]
    room = Newsroom(tmp_path / "newsroom")
    room.write(path, webUrl=None)
    room.build()
    before = room.items()
    room.close()
    shutil.rmtree(room.folder / ".feedbot")
    (room.content / path).unlink()
    room.write("archive/robots.md", id=path, title=before[0]["title"], webUrl=None)
    room.build()
    assert [item["id"] for item in room.items()] == [item["id"] for item in before]
    room.close()
