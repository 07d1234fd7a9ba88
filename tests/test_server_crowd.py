"""Clients that are slow, silent or many: they keep nobody else from being served."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from visitor import PATIENCE, Visited, ask, visited, wait_until

CROWD = 50
IMPATIENCE = 1.0  # seconds; in life the server waits longer
ESTABLISHED = "01"  # as /proc/net/tcp has it
LARGE = 2_000_000  # bytes: more than the system keeps for a client that takes nothing


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
    """A server that soon loses patience, with a small document and one that fills every buffer on the way."""
    folder = tmp_path_factory.mktemp("crowd")
    (folder / "rss.xml").write_bytes(b"A feed. " * 4000)
    (folder / "atom.xml").write_bytes(os.urandom(LARGE))
    with visited(folder, idle=IMPATIENCE, patience=IMPATIENCE) as site:
        yield site


@contextlib.contextmanager
def crowd(site: Visited, said: bytes) -> Iterator[list[socket.socket]]:
    """So many clients that say this much and then nothing, and take as little as they can."""
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(CROWD):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(PATIENCE)
            client.connect(("127.0.0.1", site.port))
            client.sendall(said)
            clients.append(client)
        yield clients


def taken(client: socket.socket) -> int:
    """Bytes that a client still gets, until the server closes the connection or gives it up."""
    count = 0
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(1 << 20):
            count += len(part)
    return count


def open_in(folder: Path) -> list[Path]:
    """The files in `folder` that this process has open, which is the server's as well."""
    found = [Path("/proc/self/fd", name).resolve() for name in os.listdir("/proc/self/fd")]
    return [path for path in found if path.is_relative_to(folder.resolve())]


def connections(port: int) -> int:
    """How many a server on `port` still holds; those of other servers in this process do not count."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == ESTABLISHED for row in rows)


def test_clients_that_never_end_their_request_are_left_and_hold_up_nobody(site: Visited) -> None:
    halves = (b"", b"GET /rss.x", b"GET /rss.xml HTTP/1.1\r\nHost: example.com\r\nAccept: */")
    with contextlib.ExitStack() as stack:
        clients = [client for half in halves for client in stack.enter_context(crowd(site, half))]
        assert site.ask("/rss.xml").status == 200
        assert max(map(taken, clients)) < 1000  # a word of farewell at most
    assert site.ask("/rss.xml").status == 200


def test_clients_that_never_send_the_body_they_promise_get_their_answer(site: Visited) -> None:
    said = b"GET /rss.xml HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
    with crowd(site, said) as clients:
        assert site.ask("/rss.xml").status == 200
        for client in clients:
            assert client.recv(12) == b"HTTP/1.1 200"


def test_clients_that_take_nothing_are_left_and_hold_up_nobody(site: Visited) -> None:
    with visited(site.folder, patience=IMPATIENCE) as patient_otherwise:
        assert patient_otherwise.ask("/atom.xml").status == 200
        with crowd(patient_otherwise, b"GET /atom.xml HTTP/1.1\r\nHost: a\r\n\r\n") as clients:
            assert patient_otherwise.ask("/rss.xml").status == 200
            wait_until(lambda: not connections(patient_otherwise.port), "the server to leave them")
            assert max(map(taken, clients)) < LARGE
        assert patient_otherwise.ask("/rss.xml").status == 200


def test_a_client_that_takes_its_answer_slowly_gets_all_of_it(site: Visited) -> None:
    with crowd(site, b"GET /rss.xml HTTP/1.0\r\n\r\n") as clients:
        client, taken = clients[0], b""
        while part := client.recv(512):
            taken += part
            time.sleep(IMPATIENCE / 50)  # that is what makes it slow
    assert taken.endswith((site.folder / "rss.xml").read_bytes())


def test_clients_that_leave_in_the_middle_are_not_missed(site: Visited) -> None:
    with crowd(site, b"GET /atom.xml HTTP/1.1\r\nHost: a\r\n\r\n") as clients:
        for client in clients:
            client.close()
        assert site.ask("/rss.xml").status == 200


def test_readers_that_keep_their_connections_open_keep_nobody_out(site: Visited) -> None:
    connections = [http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE) for _ in range(300)]
    for connection in connections:
        assert ask(connection, "/rss.xml").status == 200
    assert site.ask("/rss.xml").status == 200
    for connection in connections:
        connection.close()


def test_many_requests_at_once_are_all_answered(site: Visited) -> None:
    statuses: list[int] = []

    def read() -> None:
        statuses.extend(site.ask(path).status for _ in range(5) for path in ("/rss.xml", "/nothing", "/"))

    threads = [threading.Thread(target=read) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(statuses) == [200] * 16 * 5 + [404] * 16 * 5 * 2


def test_no_file_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "rss.xml").write_bytes(b"A feed.")
    with visited(tmp_path) as site:
        for number in range(50):
            (tmp_path / "rss.xml").write_bytes(b"A feed. " * number)
            site.ask("/rss.xml")
            site.ask("/nothing")
        wait_until(lambda: not open_in(tmp_path), "the files to be closed")
        wait_until(lambda: not connections(site.port), "the connections to be closed")
