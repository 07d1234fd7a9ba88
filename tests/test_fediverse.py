"""The server that the tests of Mastodon post to: strict, of several dialects, a process if need be."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from announcer import LINK, Announcer, Time
from fediverse import fediverse
from fediverse_flavours import FLAVOURS
from mastodon import Mastodon
from test_live_mastodon import CHECKS, Where, drawn

from feedbot.attempt import Sent, Unclear

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    ("flavour", "visibility"),
    [("mastodon", "direct"), ("gotosocial", "direct"), ("hollo", "direct"), ("pixelfed", "unlisted")],
)
def test_what_is_tried_on_real_servers_is_rehearsed(
    flavour: str, visibility: str, check: Callable[[Where], None]
) -> None:
    with fediverse(flavour) as server:
        check(Where(server.url, server.token, visibility))
        assert server.posts == []


def test_it_can_be_read_by_other_programs() -> None:
    for flavour in FLAVOURS:
        with fediverse(flavour) as server:
            status = server.add(f"Have a look: {LINK}")
            reader = Mastodon(access_token=server.token, api_base_url=server.url, version_check_mode="none")
            me = reader.account_verify_credentials()
            (found,) = reader.account_statuses(me.id)
            assert found.id == status.id
            assert LINK.replace("&", "&amp;") in found.content
            assert found.created_at is not None


def test_it_runs_as_a_process_that_is_told_what_to_lose() -> None:
    command = [sys.executable, str(FOLDER / "fediverse.py"), "--flavour", "gotosocial"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            told = {"kind": "create", "faults": [{"acts": True, "ends": "close"}]}
            requests.post(f"{url}/_control/fail", json=told, timeout=60).raise_for_status()
            announcer = Announcer(url, "the-token-of-the-test", Time())
            assert isinstance(announcer.publish(), Sent)
            assert isinstance(announcer.outcomes[0], Unclear)
            announcer.close()
            state = requests.get(f"{url}/_control/state", timeout=60).json()
            assert [LINK in post["text"] for post in state["posts"]] == [True]
            assert state["violations"] == []
            assert {"kind": "create", "path": "/api/v1/statuses"} in state["requests"]
        finally:
            process.kill()


# --- how strict it is ---


def ask(url: str, token: str, method: str, path: str, body: bytes | None, kind: str = "") -> int:
    """The status that a request gets which says no more than it is told to."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.putrequest(method, path)
    for name, value in {"Authorization": f"Bearer {token}", "Content-Type": kind}.items():
        if value:
            connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body or b"")))
    connection.endheaders(body)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(
    ("flavour", "body", "kind", "status", "violation"),
    [
        ("mastodon", b"status=hello", "application/x-www-form-urlencoded", 422, "not JSON"),
        ("mastodon", b'{"status":"hello","language":null}', "application/json", 200, "a null"),
        ("pleroma", b'{"status":"hello","language":null}', "application/json", 500, "a null"),
        ("mastodon", b'{"status":"x","scheduled_at":"2030-01-01"}', "application/json", 200, "for later"),
        ("gotosocial", b'{"status":"hello"}', "application/json", 418, "no User-Agent"),
        ("hollo", b'{"status":"hello","media_ids":[7]}', "application/json", 422, "id that is no text"),
    ],
)
def test_it_notices_what_a_strict_server_would_refuse(
    flavour: str, body: bytes, kind: str, status: int, violation: str
) -> None:
    with fediverse(flavour, strict=False) as server:
        assert ask(server.url, server.token, "POST", "/api/v1/statuses", body, kind) == status
        assert any(violation in found for found in server.violations)


@pytest.mark.parametrize(
    ("flavour", "text", "status"),
    [
        ("mastodon", "https://example.com/" + "x" * 600, 200),
        ("mastodon", "x" * 501, 422),
        ("mastodon", "👨‍👩‍👧‍👦" * 500, 200),
        ("pixelfed", "https://example.com/" + "x" * 600, 422),
        ("gotosocial", "x" * 5001, 400),
        ("hollo", "x" * 20_000, 200),
        ("mastodon", " ", 422),
    ],
)
def test_it_counts_as_its_kind_does(flavour: str, text: str, status: int) -> None:
    with fediverse(flavour, strict=False) as server:
        result = server.create({"status": text, "visibility": "public"}, "")
        assert result.status == status
        assert json.dumps(result.body)


@pytest.mark.parametrize(
    ("flavour", "statuses", "posts"),
    [
        ("mastodon", [200, 200], 1), ("gotosocial", [200, 200], 2), ("hollo", [200, 200], 1),
        ("pixelfed", [200, 400], 1),
    ],
)  # fmt: skip
def test_a_repeated_key_is_met_as_its_kind_does(flavour: str, statuses: list[int], posts: int) -> None:
    time = Time()
    with fediverse(flavour, clock=time) as server:
        body = {"status": "hello", "visibility": "public"}
        assert [server.create(body, "key").status for _ in range(2)] == statuses
        assert len(server.posts) == posts
        time.passes(hours=1, minutes=1)
        assert server.create(body, "key").status == 200
        assert len(server.posts) == posts + 1


@pytest.mark.parametrize(
    ("flavour", "kept", "no_change"), [("mastodon", 0, 200), ("gotosocial", 0, 422), ("hollo", 1, 200)]
)
def test_an_edit_is_met_as_its_kind_does(flavour: str, kept: int, no_change: int) -> None:
    with fediverse(flavour) as server:
        media = [server.upload(drawn("").data, "image/png", "nothing").body["id"]]
        id_ = server.create({"status": "hello", "media_ids": media}, "").body["id"]
        assert server.edit(id_, {"status": "hello", "media_ids": media}).status == no_change
        server.edit(id_, {"status": "hello again"})
        assert len(server.posts[0].media) == kept
