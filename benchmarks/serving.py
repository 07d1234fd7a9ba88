"""Measures how fast feedbot serves a feed, beside nginx over the same files, and prints the table of
docs/benchmarks.md.

    .venv/bin/python benchmarks/serving.py [--seconds 3] [--repeats 9] [--work FOLDER]

A newsroom (corpus.py) is built so that the RSS feed of one topic has about 30 KB. `feedbot serve` and nginx,
once as it comes and once with its memory for files, serve the folder, all on the first core. wrk asks from
the second, over 32 connections that stay open, one server after the other, so that a busy moment of the
machine meets each. Each has to give the bytes of the file, and 304 for its own tag, or there is no table.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path

import corpus
from install import feedbot, say
from measure import Spread, describe_machine
from processes import memory, processor_seconds
from programs import CONFIG

ARTICLES = 1_000
SIZE = 30_000  # bytes of the feed, about
TOPIC = "ai"
CONNECTIONS = 32
SERVER_CORE, CLIENT_CORE = "0", "1"
LIMIT = 60.0  # seconds until a server has to answer, or a build has to be done

NGINX = """\
daemon off;
worker_processes 1;
error_log {work}/error.log;
pid {work}/{port}.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  gzip_static on;
  {remember}
  types {{ application/rss+xml xml; }}
  charset utf-8;
  charset_types application/rss+xml;
  client_body_temp_path {work}/body; proxy_temp_path {work}/proxy; fastcgi_temp_path {work}/fastcgi;
  uwsgi_temp_path {work}/uwsgi; scgi_temp_path {work}/scgi;
  server {{
    listen 127.0.0.1:{port};
    root {root};
    {headers}
  }}
}}
"""
REMEMBER = "open_file_cache max=1000 inactive=60s;"  # so that a new feed is seen up to a minute late


@dataclass(frozen=True)
class Rate:
    """Answers in a second, and microseconds of the server's processor time for each."""

    per_second: float
    cpu: float


@dataclass(frozen=True)
class Server:
    """Something that serves the folder."""

    name: str
    command: Sequence[str | Path]
    folder: Path
    port: int

    path = f"/{TOPIC}/rss.xml"

    @property
    def url(self) -> str:
        """Of the feed."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    @contextmanager
    def running(self) -> Iterator[int]:
        """The server on its core; gives its process id and ends it."""
        command = ["taskset", "-c", SERVER_CORE, *map(str, self.command)]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=self.folder, stdin=quiet, stdout=quiet, stderr=quiet)
        try:
            self._wait(process)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(LIMIT)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise SystemExit(f"{self.name} does not answer")


# --- what is served ---


def newsroom(folder: Path, program: Path) -> Path:
    """Feeds, of which that of one topic has about SIZE bytes, and a gzip file beside each, for nginx."""
    corpus.write(folder / "content", ARTICLES)
    limit = 50
    for _ in range(3):
        config = CONFIG.replace("  limit: 50\n", f"  limit: {limit}\n")
        (folder / "config.yaml").write_text(config, encoding="utf-8")
        subprocess.run([program, "build", "--quiet"], cwd=folder, check=True, timeout=LIMIT)
        size = (folder / "feeds" / TOPIC / "rss.xml").stat().st_size
        limit = max(1, round(limit * SIZE / size))
    for document in (folder / "feeds").rglob("*.xml"):
        document.with_name(f"{document.name}.gz").write_bytes(gzip.compress(document.read_bytes(), 6))
    return folder / "feeds"


def answer(server: Server, headers: Mapping[str, str]) -> tuple[int, HTTPMessage, bytes]:
    """What a server says: status, headers and body, as they are."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
    connection.request("GET", server.path, headers={"Accept-Encoding": "identity", **headers})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers, body


def nginx(name: str, work: Path, root: Path, headers: Mapping[str, str], remember: str = "") -> Server:
    """nginx with the headers that feedbot sends."""
    port = free_port()
    said = [f"add_header {header} '{value}';" for header, value in headers.items()]
    text = NGINX.format(work=work, root=root, port=port, remember=remember, headers="\n    ".join(said))
    config = work / f"{port}.conf"
    config.write_text(text, encoding="utf-8")
    return Server(name, ["nginx", "-p", work, "-c", config], work, port)


def own_headers(server: Server) -> dict[str, str]:
    """Those of an answer that nginx does not send by itself."""
    by_itself = {"content-type", "content-length", "date", "server", "etag", "last-modified", "accept-ranges"}
    _, headers, _ = answer(server, {})
    return {name: value for name, value in headers.items() if name.lower() not in by_itself}


# --- questions, and how fast they are answered ---

QUESTIONS = {"whole": {}, "whole, gzip": {"Accept-Encoding": "gzip"}, "304": {}}


def asked(question: str, server: Server, feed: bytes) -> dict[str, str]:
    """The headers of a question to one server, once it is sure that the answer is right."""
    headers = dict(QUESTIONS[question])
    status, told, body = answer(server, headers)
    content = gzip.decompress(body) if told["Content-Encoding"] else body
    if (status, content) != (200, feed) or ("gzip" in question) != bool(told["Content-Encoding"]):
        raise SystemExit(f"{server.name} answers {status}, {len(body)} bytes, to {question!r}")
    if question == "304":
        headers["If-None-Match"] = told["ETag"]
        if (status := answer(server, headers)[0]) != 304:
            raise SystemExit(f"{server.name} answers {status} to its own tag")
    return headers


def rate(server: Server, pid: int, headers: Mapping[str, str], seconds: int) -> Rate:
    """How fast one server answers one question."""
    command = ["taskset", "-c", CLIENT_CORE, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    used = processor_seconds(pid)
    told = subprocess.run([*command, server.url], check=True, capture_output=True, text=True).stdout
    used = processor_seconds(pid) - used
    done, fast = re.search(r"(\d+) requests in", told), re.search(r"Requests/sec: +([\d.]+)", told)
    if not done or not fast or "Non-2xx" in told or "Socket errors" in told:
        raise SystemExit(f"{server.name}: {told}")
    return Rate(float(fast[1]), used / int(done[1]) * 1e6)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- the report ---


def table(rates: Mapping[tuple[str, str], list[Rate]], names: Sequence[str]) -> list[str]:
    """A row for each question: each server, and feedbot in relation to each other one."""
    ours, *others = names
    heads = [f"{name} per second | CPU" for name in names] + [f"{ours} ÷ {name} | CPU" for name in others]
    lines = [f"| answer | {' | '.join(heads)} |", "|---|" + "--:|" * (2 * len(heads))]
    for question in QUESTIONS:
        speeds = {name: Spread([rate.per_second for rate in rates[question, name]]) for name in names}
        costs = {name: Spread([rate.cpu for rate in rates[question, name]]) for name in names}
        cells = [cell for name in names for cell in (speeds[name].whole, f"{costs[name].median:.1f}")]
        for name in others:
            pairs = zip(rates[question, ours], rates[question, name], strict=True)
            ratio = Spread([one.per_second / other.per_second for one, other in pairs])
            cells += [f"**{ratio.median:.2f}**", f"**{costs[name].median / costs[ours].median:.2f}**"]
        lines.append(f"| {question} | {' | '.join(cells)} |")
    return lines


def measure(
    servers: Sequence[Server], pids: Mapping[str, int], feed: bytes, given: argparse.Namespace
) -> str:
    """Ask all servers in turn, again and again."""
    rates: dict[tuple[str, str], list[Rate]] = {}
    for turn in range(-1, given.repeats):
        for question in QUESTIONS:
            for server in servers:
                one = rate(server, pids[server.name], asked(question, server, feed), given.seconds)
                if turn >= 0:  # the first turn only warms up
                    rates.setdefault((question, server.name), []).append(one)
                say(f"{question}: {server.name} {one.per_second:,.0f} per second, {one.cpu:.1f} µs")
    held = ", ".join(f"{server.name} {memory(pids[server.name]):.0f} MB" for server in servers)
    lines = table(rates, [server.name for server in servers])
    return "\n".join([*lines, "", f"Memory at the end: {held}."])


def report(given: argparse.Namespace) -> str:
    program = feedbot(given.work)
    with tempfile.TemporaryDirectory(dir=given.work) as name:
        work = Path(name)
        work.chmod(0o755)  # nginx reads as somebody else, where it is started by root
        root = newsroom(work, program)
        feed = (root / TOPIC / "rss.xml").read_bytes()
        port = free_port()
        ours = Server("feedbot", [program, "serve", "--quiet", "--port", str(port)], work, port)
        with ExitStack() as running:
            pids = {ours.name: running.enter_context(ours.running())}
            headers = own_headers(ours)
            plain = nginx("nginx", work, root, headers)
            remembering = nginx("nginx with open_file_cache", work, root, headers, REMEMBER)
            for server in (plain, remembering):
                pids[server.name] = running.enter_context(server.running())
            figures = measure([ours, plain, remembering], pids, feed, given)
    conditions = (
        f"{describe_machine()}, nginx {version()}. A feed of {len(feed):,} bytes,\n"
        f"{CONNECTIONS} connections, one core for each server. The median of {given.repeats} turns\n"
        f"of {given.seconds} s, with the least and the most in brackets; CPU in microseconds for each answer."
    )
    return f"{conditions}\n\n{figures}"


def version() -> str:
    told = subprocess.run(["nginx", "-v"], check=True, capture_output=True, text=True).stderr
    return told.rpartition("/")[2].strip()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how fast feedbot serves a feed, beside nginx.")
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=9, help="turns")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "feedbot-benchmarks")
    return parser.parse_args()


def main() -> None:
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("this takes two cores: one for the server, one for who asks")
    given = arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    print(report(given))


if __name__ == "__main__":
    main()
