"""The programs in docs/webhooks.md run as they stand there, and tell genuine messages from forged ones.

Not the one in Go, whose compiler is many times larger than all that the tests need.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedbot.retry import ATTEMPTS, WAITS
from feedbot.targets.webhook import signed_headers, signing_key
from feedbot.targets.webhook_message import LIMIT

PAGE = (Path(__file__).parent.parent / "docs" / "webhooks.md").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r"^```(python|js|sh)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))

# What makes a whole program of each: it reads a message as JSON and prints true or false.
PYTHON = """
import json, sys
told = json.load(sys.stdin)
print(json.dumps(is_genuine(told["secret"], told["headers"], told["body"].encode())))
"""
JAVASCRIPT = """
const told = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(isGenuine(told.secret, told.headers, Buffer.from(told.body))));
"""


def secret(byte: bytes) -> str:
    return "whsec_" + base64.b64encode(byte * 32).decode()


OURS, BEFORE, FOREIGN = secret(b"a"), secret(b"\xff"), secret(b"c")


@dataclass(frozen=True)
class Message:
    secret: str
    headers: dict[str, str]
    body: str

    def as_json(self) -> str:
        return json.dumps({"secret": self.secret, "headers": self.headers, "body": self.body})


def message(sent: datetime) -> Message:
    body = '{"type":"article.published","data":{"title":"Ä “title” & 100% 🤖"}}'
    keys = [signing_key(OURS), signing_key(BEFORE)]
    return Message(OURS, signed_headers("msg_1", sent, body.encode(), keys), body)


def answer(command: list[str], one: Message, folder: Path) -> bool:
    ran = subprocess.run(command, input=one.as_json(), capture_output=True, text=True, check=True, cwd=folder)
    return bool(json.loads(ran.stdout))


@pytest.fixture
def python(tmp_path: Path) -> list[str]:
    (tmp_path / "verify.py").write_text(PROGRAMS["python"] + PYTHON, encoding="utf-8")
    return [sys.executable, "verify.py"]


@pytest.fixture
def javascript(tmp_path: Path) -> list[str]:
    if shutil.which("node") is None:
        pytest.skip("node absent")
    (tmp_path / "verify.js").write_text(PROGRAMS["js"] + JAVASCRIPT, encoding="utf-8")
    return ["node", "verify.js"]


def check(command: list[str], folder: Path) -> None:
    """A program accepts what it should, and nothing else."""
    good = message(datetime.now(UTC))
    assert answer(command, good, folder)
    assert answer(command, replace(good, secret=BEFORE), folder)
    assert not answer(command, replace(good, secret=FOREIGN), folder)
    assert not answer(command, replace(good, body=good.body + " "), folder)
    assert not answer(command, message(datetime.now(UTC) - timedelta(minutes=6)), folder)
    assert not answer(command, message(datetime.now(UTC) + timedelta(minutes=6)), folder)
    for name in good.headers:
        without = {key: value for key, value in good.headers.items() if key != name}
        assert not answer(command, replace(good, headers=without), folder)
        strange = {**good.headers, name: "é\U0001f916 x"}
        assert not answer(command, replace(good, headers=strange), folder)


def test_the_python_program_verifies(python: list[str], tmp_path: Path) -> None:
    check(python, tmp_path)


def test_the_javascript_program_verifies(javascript: list[str], tmp_path: Path) -> None:
    check(javascript, tmp_path)


@pytest.mark.parametrize(("key", "verdict"), [(OURS, "genuine"), (BEFORE, "genuine"), (FOREIGN, "forged")])
def test_the_shell_program_verifies(tmp_path: Path, key: str, verdict: str) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl absent")
    one = message(datetime.now(UTC))
    (tmp_path / "body.json").write_text(one.body, encoding="utf-8")
    given = {
        "secret": key,
        "id": one.headers["webhook-id"],
        "timestamp": one.headers["webhook-timestamp"],
        "signatures": one.headers["webhook-signature"],
    }
    ran = subprocess.run(
        ["sh", "-c", PROGRAMS["sh"]],
        env={**os.environ, **given},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout.strip(), ran.returncode) == (verdict, 0 if verdict == "genuine" else 1), ran.stderr


def test_the_page_knows_the_schedule() -> None:
    said = re.search(r"at once, then (.*?) after the one before", PAGE, re.DOTALL)
    assert said
    units = {"s": "seconds", "min": "minutes", "h": "hours"}
    waits = [
        timedelta(**{units[unit]: int(number)}) for number, unit in re.findall(r"(\d+) (s|min|h)\b", said[1])
    ]
    assert tuple(waits) == WAITS
    assert ATTEMPTS == 10
    assert f"less than {LIMIT:,} bytes" in PAGE
