"""Logs a person and a machine can read, and secrets that appear in nothing that feedbot says or keeps."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from console import at_once
from hypothesis import given
from hypothesis import strategies as st
from newsroom import SITE, Newsroom
from terminal import feedbot

from feedbot.observe import printable, redactor, set_up_logging

log = logging.getLogger("feedbot.test")


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Logging is one for the whole process: put back what was there."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(*, as_json: bool, verbosity: int = 0, secrets: tuple[str, ...] = ()) -> io.StringIO:
    stream = io.StringIO()
    set_up_logging(stream, verbosity=verbosity, redact=redactor(secrets), as_json=as_json)
    return stream


def fail(words: str) -> None:
    raise ValueError(words)


# --- lines ---


def test_a_line_for_machines_is_one_json_object_with_time_level_message_and_facts() -> None:
    stream = logged(as_json=True)
    log.info("looked\nat %s", "all", extra={"facts": {"read": 3, "paths": {"a"}, "by": {"x": Path("y")}}})
    log.warning("hm")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "info",
        "message": "looked\nat all",
        "read": 3,
        "paths": ["a"],
        "by": {"x": "y"},
    }
    assert second["level"] == "warning"


def test_a_line_for_people_has_the_time_the_message_and_the_facts() -> None:
    stream = logged(as_json=False)
    log.info("looked", extra={"facts": {"read": 3, "written": 0}})
    log.error("oh no")
    first, second = stream.getvalue().splitlines()
    assert first[8:] == " looked  read=3 written=0"
    assert second[8:] == " error: oh no"


def test_a_line_for_people_has_no_nested_facts() -> None:
    stream = logged(as_json=False)
    facts = {"folders": ["/a", "/b"], "announced": {"held": 2, "by": {"x": None}}, "baseline": True}
    log.info("looked", extra={"facts": facts})
    told = "looked  folders=/a,/b announced.held=2 announced.by.x=none baseline=true\n"
    assert stream.getvalue()[9:] == told


def test_a_file_name_cannot_forge_a_line_or_steer_the_terminal() -> None:
    stream = logged(as_json=False)
    log.info("read %s", "a\n00:00:00 error: all is lost\x1b[2J\u202e.md")
    assert stream.getvalue().splitlines()[0].endswith(r"read a\n00:00:00 error: all is lost\x1b[2J\u202e.md")
    assert printable("Größe 北京 😀.md") == "Größe 北京 😀.md"


def test_no_log_steers_the_terminal_that_it_is_read_on() -> None:
    told = "a\x1b[2J\x9b31m\u202egpj.md\u2028b Größe"
    for as_json in (True, False):
        stream = logged(as_json=as_json)
        try:
            fail(told)
        except ValueError:
            log.exception("failed", extra={"facts": {"place": told}})
        said = stream.getvalue()
        assert "Größe" in said
        assert not set(said) & set("\x1b\x9b\u202e\u2028")
        if as_json:
            assert json.loads(said)["place"] == told


@pytest.mark.parametrize(
    ("verbosity", "told"), [(-2, "W"), (-1, "W"), (0, "IW"), (1, "DIW"), (3, "DIW")], ids=str
)
def test_more_is_told_the_more_is_asked_for(verbosity: int, told: str) -> None:
    stream = logged(as_json=False, verbosity=verbosity)
    log.debug("D")
    log.info("I")
    log.warning("W")
    assert "".join(line[-1] for line in stream.getvalue().splitlines()) == told


def test_an_error_is_told_with_its_trace_on_the_same_json_line() -> None:
    stream = logged(as_json=True)
    try:
        fail("deep down")
    except ValueError:
        log.exception("failed")
    line = json.loads(stream.getvalue())
    assert line["message"] == "failed"
    assert line["trace"].endswith("ValueError: deep down")


def test_a_log_whose_reader_is_gone_harms_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        set_up_logging(stream)
        for _ in range(3):
            log.warning("nobody hears this")
    assert capfd.readouterr() == ("", "")


# --- secrets ---


@given(
    secret=st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=8),
    before=st.text(max_size=5),
    after=st.text(max_size=5),
)
def test_no_spelling_of_a_secret_survives(secret: str, before: str, after: str) -> None:
    if not secret.strip("/"):
        return
    redact = redactor([secret])
    for spelled in (
        secret,
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        quote(secret),
        quote(secret, safe=""),
    ):
        assert spelled not in redact(before + spelled + after).replace("***", "")


@pytest.mark.parametrize("secret", ["x", "tok", "hunter2", "p+4s/d", 'a"b'])
def test_a_short_secret_is_taken_out_where_it_stands_alone_and_from_no_word(secret: str) -> None:
    redact = redactor([secret])
    for text in ("{}", "with {}.", "token={}&", "'{}'", "a\n{}\n", "Bearer {}, {}", "{}_{}"):
        assert redact(text.format(secret, secret)) == text.format("***", "***")
        assert redact(json.dumps(text.format(secret, secret))) == json.dumps(text.format("***", "***"))
    assert redact(f"ta{secret}i, {secret}9, 9{secret}") == f"ta{secret}i, {secret}9, 9{secret}"


def test_the_path_of_a_receiver_that_is_a_plain_word_stays_in_other_texts() -> None:
    redact = redactor(
        ["https://news.example/news", "https://news.example/", "https://a.example/announcements"]
    )
    for text in (
        "/news", "wrote feeds/news/rss.xml", "https://news.example/news/2026/one", "https://news.example/",
        "https://news.example/about", "https://news.example/announcements/one", "/news-archive",
    ):  # fmt: skip
        assert redact(text) == text
    assert redact("cannot reach https://news.example/news: refused") == "cannot reach ***: refused"
    assert redact("no such hook: /announcements") == "no such hook: ***"


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("https://chat.example/hooks/x8rqz5w7ttgybrmk3mfn1o7c4e", "hook x8rqz5w7ttgybrmk3mfn1o7c4e is off"),
        ("https://chat.example/a?api-version=1&sig=s3cr", "wrong s3cr"),
        ("https://chat.example/a?id=Zq3Zq3Zq3Zq3Zq3Zq3", "wrong Zq3Zq3Zq3Zq3Zq3Zq3"),
        ("https://s3cr@chat.example/", "wrong s3cr"),
        ("https://me:s3cr@chat.example/", "wrong s3cr"),
        ("Bearer s3cr", "wrong s3cr"),
        ("whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "wrong c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"),
    ],
)
def test_what_is_the_key_in_a_secret_is_secret_by_itself(secret: str, said: str) -> None:
    told = redactor([secret])(said)
    assert "***" in told
    assert len(told) < 20
    assert not any(word in told for word in said.split() if any(map(str.isdigit, word)))


@pytest.mark.parametrize("secret", ['"', "message", "{", "tim", "e", "\\", "lo"])
def test_no_secret_can_break_a_json_line(secret: str) -> None:
    stream = logged(as_json=True, secrets=(secret,))
    log.info("one %s", secret, extra={"facts": {"what": secret, "all": [secret]}})
    line = json.loads(stream.getvalue())
    assert line["level"] == "info"
    assert line["what"] == "***"
    assert line["all"] == ["***"]


def test_the_parts_of_a_secret_address_are_secret_but_for_its_host() -> None:
    redact = redactor(["https://user:hunter2@chat.example/services/T0/B1?key=x%2Fy", "http://a.example/"])
    assert (
        redact("host='chat.example', port=443: /services/T0/B1?key=x%2Fy")
        == "host='chat.example', port=443: ***"
    )
    assert redact("login user hunter2, key=x/y") == "login user ***, ***"
    assert redact("/a/path") == "/a/path"


@pytest.mark.parametrize("as_json", [True, False])
def test_a_secret_is_in_no_message_argument_fact_or_trace(as_json: bool) -> None:
    secret = 'p"ä\\ss\nword'  # noqa: S105 - planted
    stream = logged(as_json=as_json, secrets=(secret,))
    try:
        fail(f"refused {secret} and {secret!r}")
    except ValueError:
        log.exception("with %s, %r", secret, secret, extra={"facts": {"a": secret, "b": [{secret: secret}]}})
    assert not any(form in stream.getvalue() for form in spellings(secret))


# --- secrets, over every command and many ways to fail ---

PASSWORD = "p%40ss-w0rd-Zq7"  # noqa: S105 - planted, to be found nowhere
SECRETS = {
    "CHAT_URL": "https://chat.example/services/T000Zq1/B000Zq2?key=Zq3Zq3",
    "HOOK_URL": "https://hook-user:Zq4Zq4Zq4@hooks.example/in/Zq5Zq5Zq5",
    "HOOK_SECRET": "whsec_" + base64.b64encode(b"Zq6" * 10).decode(),
    "HOOK_HEADER": 'Bearer "Zq7" \\ Zq8',
    "TOOT_TOKEN": "Zq9-token-Zq9",
}
TARGETS = [
    {"name": "chat", "type": "slack", "url": "${CHAT_URL}"},
    {
        "name": "hook", "type": "webhook", "url": "${HOOK_URL}", "secret": "${HOOK_SECRET}",
        "headers": {"Authorization": "${HOOK_HEADER}"},
    },
    {"name": "toots", "type": "mastodon", "base_url": "https://m.example/", "token": "${TOOT_TOKEN}"},
]  # fmt: skip
COMMANDS = (
    ["check", "-vv"], ["check", "--json"], ["build", "-vv"], ["build", "--json"], ["run", "--once", "-vv"],
    ["status", "-vv"], ["status", "--json"], ["serve", "-vv", "--host", "192.0.2.1"],
)  # fmt: skip


def spellings(secret: str) -> set[str]:
    """The ways in which a secret could show."""
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }


def everything_said_and_kept(newsroom: Newsroom, **environment: str) -> str:
    """What all commands print, and every file they leave but the configuration."""
    said = [run(newsroom, *command, **environment) for command in COMMANDS]
    kept = [
        path.read_bytes().decode("utf-8", "replace")
        for path in newsroom.folder.rglob("*")
        if path.is_file() and path.name != "config.yaml"
    ]
    return "\n".join(said + kept)


def run(newsroom: Newsroom, *arguments: str, **environment: str) -> str:
    stays = arguments[0] in {"run", "serve"} and "--once" not in arguments  # if nothing keeps it from that
    done = (feedbot if stays else at_once)(*arguments, folder=newsroom.folder, **(SECRETS | environment))
    assert "Traceback" not in done.stderr or any(word.startswith("-v") for word in arguments)
    return done.stdout + done.stderr


@pytest.fixture
def guarded(newsroom: Newsroom) -> Newsroom:
    """A newsroom whose configuration holds secrets of every kind, in variables."""
    newsroom.write("one.md")
    newsroom.configure(targets=TARGETS)
    return newsroom


def revealed(said: str, *more: str) -> set[str]:
    """The planted words found in `said`. (Two letters alone come about in a database by themselves.)"""
    found = {word for word in ("hook-user", *more) if word in said}
    return found | set(re.findall(r"Zq\d|-Zq", said))


def test_no_command_shows_or_keeps_a_secret(guarded: Newsroom) -> None:
    said = everything_said_and_kept(guarded)
    assert "About one" in said
    assert revealed(said) == set()


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://writer:{PASSWORD}@127.0.0.1:1/news",
        f"postgresql://writer@127.0.0.1:1/news?password={PASSWORD}",
        f"mysql://writer:{PASSWORD}@127.0.0.1:1/news",
        f"writer:{PASSWORD}@127.0.0.1",
    ],
)
def test_a_database_that_fails_does_not_betray_its_password(guarded: Newsroom, url: str) -> None:
    commands = (["build", "-vv"], ["status", "--json", "-v"], ["run", "-vv"])
    said = "\n".join(run(guarded, *command, DATABASE_URL=url) for command in commands)
    assert revealed(said, PASSWORD, "p@ss-w0rd") == set()
    assert "database" in said


def test_an_error_that_nobody_expected_shows_no_secret_even_with_its_trace(guarded: Newsroom) -> None:
    run(guarded, "build")
    with sqlite3.connect(guarded.folder / ".feedbot/feedbot.db") as database:
        database.execute(
            "create trigger planted before insert on passes"
            " begin select raise(abort, 'refused Zq9-token-Zq9'); end"
        )
    database.close()
    said = run(guarded, "build", "-v") + run(guarded, "run", "--once", "-v") + run(guarded, "build")
    assert "Traceback" in said
    assert said.count("refused ***") >= 3
    assert revealed(said) == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"CHAT_URL": "not-an-address-Zq"},
        {"CHAT_URL": "ftp://chat.example/Zq"},
        {"HOOK_SECRET": "whsec_Zq!"},
        {"HOOK_HEADER": "Zq\nZq"},
        {"TOOT_TOKEN": ""},
        {"TOOT_TOKEN_FILE": "/nowhere"},
    ],
    ids=str,
)
def test_a_secret_that_cannot_be_used_is_told_by_its_name_only(
    guarded: Newsroom, wrong: dict[str, str]
) -> None:
    said = "\n".join(run(guarded, "check", option, **wrong) for option in ("-vv", "--json"))
    assert "targets." in said
    assert revealed(said) == set()


def test_a_secret_in_the_file_itself_is_not_shown_when_its_target_is_wrong(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    for wrong in ({"url": "Zq-no-address"}, {"url": "https://chat.example/Zq", "nmae": "Zq"}):
        newsroom.configure(targets=[{"name": "chat", "type": "slack", **wrong}])
        said = "\n".join(run(newsroom, "check", option) for option in ("-vv", "--json"))
        assert "targets.0" in said
        assert revealed(said) == set()


@pytest.mark.parametrize("trouble", ["output", "content", "state"])
def test_a_folder_that_cannot_be_used_betrays_no_secret(guarded: Newsroom, trouble: str) -> None:
    if trouble == "output":
        guarded.feeds.write_text("in the way")
    elif trouble == "content":
        guarded.configure(targets=TARGETS, content={"path": "missing"})
    else:
        guarded.configure(targets=TARGETS, store={"url": "sqlite:///content/one.md"})
    said = "\n".join(run(guarded, *command, "-vv") for command in (["build"], ["run", "--once"], ["status"]))
    assert "cannot" in said
    assert revealed(said) == set()


def test_the_site_of_these_tests_holds_no_planted_word() -> None:
    assert revealed(json.dumps(SITE)) == set()
