"""Servers that fail and throw our own secrets back at us: none shows in any command, log or table."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from console import at_once
from newsroom import Newsroom
from receiver import Receiver, Reply, Request, receiving

PLANTED = re.compile(r"Zq\d")  # in each secret; shorter words come about in a database by themselves
SIGNING = "whsec_" + base64.b64encode(b"Zq6" * 10).decode()
SECRETS = {
    "CHAT_PATH": "services/T000Zq1/B000Zq2?key=Zq3Zq3Zq3Zq3",
    "HOOK_PATH": "in/Zq5Zq5Zq5Zq5Zq5",
    "HOOK_SECRET": SIGNING,
    "HOOK_HEADER": "Bearer Zq7Zq7Zq7Zq7Zq8",
    "TOOT_TOKEN": "Zq9-token-Zq9-token",
}
COMMANDS = (
    ["run", "--once", "-vv"],
    ["status", "-vv"],
    ["deliveries", "list", "--json"],
    ["targets", "list", "--json"],
    ["targets", "test", "chat", "-v"],
    ["targets", "test", "hook", "--json"],
    ["targets", "test", "toots", "-v"],
    ["check", "--online", "--json"],
    ["preview", "one.md", "--json"],
    ["deliveries", "retry", "--all", "-v"],
)


def echo(status: int, **headers: str) -> Reply | object:
    """Answers with all that came, as careless servers do."""

    def answer(request: Request) -> Reply:
        told = f"error at {request.path}\n{request.headers}\n".encode() + request.body
        return Reply(status, {"Content-Type": "text/plain", **headers}, told)

    return answer


def redirect(request: Request) -> Reply:
    """Leads to where it was asked."""
    return Reply(307, {"Location": f"http://127.0.0.1:1{request.path}"}, request.path.encode())


WAYS = {
    "denies": echo(401),
    "refuses": echo(400),
    "breaks": echo(500),
    "redirects": redirect,
    "loses": Reply(lost=True),
    "babbles": Reply(raw=b"Zq is no HTTP\r\n\r\n"),
}


def run(newsroom: Newsroom, *commands: list[str]) -> str:
    """What these commands say, run one after the other."""
    ended = [at_once(*command, folder=newsroom.folder, **SECRETS) for command in commands]
    assert {done.returncode for done in ended} <= {0, 1}
    return "".join(done.stdout + done.stderr for done in ended)


def configure(newsroom: Newsroom, url: str) -> None:
    header = {"Authorization": "${HOOK_HEADER}"}
    newsroom.configure(
        announce={"settle": "0s"},
        targets=[
            {"name": "chat", "type": "slack", "url": f"{url}/${{CHAT_PATH}}", "timeout": "3s"},
            {"name": "hook", "type": "webhook", "url": f"{url}/${{HOOK_PATH}}", "secret": "${HOOK_SECRET}",
             "headers": header, "timeout": "3s"},
            {"name": "toots", "type": "mastodon", "base_url": f"{url}/", "token": "${TOOT_TOKEN}",
             "image": False, "timeout": "3s"},
        ],
    )  # fmt: skip


def said_and_kept(newsroom: Newsroom) -> str:
    """What all commands say, and what lies in the folder afterwards."""
    said = run(newsroom, *COMMANDS)
    shown = [["deliveries", "show", id_, "-v"] for id_ in set(re.findall(r"msg_\w{32}", said))]
    assert len(shown) == 3
    said += run(newsroom, *shown)
    kept = [path.read_bytes().decode("utf-8", "replace") for path in files_of(newsroom.folder)]
    return "\n".join([said, *kept])


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "config.yaml"]


def announce_to(newsroom: Newsroom, url: str) -> str:
    configure(newsroom, url)
    run(newsroom, ["build"])
    newsroom.write("one.md", publishedDateTime=datetime.now(UTC).isoformat(timespec="seconds"))
    return said_and_kept(newsroom)


@pytest.mark.parametrize("way", WAYS)
def test_whatever_a_server_answers_no_secret_is_said_or_kept(newsroom: Newsroom, way: str) -> None:
    with receiving() as receiver:
        receiver.otherwise = WAYS[way]  # type: ignore[assignment] # a reply, or what makes one
        said = announce_to(newsroom, receiver.url)
        assert_secrets_arrived(receiver)
    assert "About one" in said
    assert not PLANTED.search(said)
    assert SIGNING.removeprefix("whsec_") not in said


def test_a_server_that_is_not_there_is_not_told_of_by_its_secret_address(newsroom: Newsroom) -> None:
    said = announce_to(newsroom, "http://127.0.0.1:1")
    assert "refused" in said
    assert not PLANTED.search(said)


def assert_secrets_arrived(receiver: Receiver) -> None:
    """The secrets were sent, so that they could have come back."""
    seen = "".join(f"{request.path} {request.headers}" for request in receiver.requests)
    for name in ("CHAT_PATH", "HOOK_PATH", "HOOK_HEADER", "TOOT_TOKEN"):
        assert SECRETS[name] in seen
