"""The commands as their users meet them: on a terminal, in a pipe, and when something is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from console import Console, at_once, invoke
from hostile import CASES
from newsroom import Newsroom, age
from terminal import PATIENCE, command, feedbot, on_terminal, surroundings, terminal
from visitor import free_port

from feedbot.cli import main
from feedbot.terminal import show_progress

ROOT = Path(__file__).parent.parent
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")

NAMES = (
    "init", "check", "build", "run", "serve", "status", "preview", "deliveries", "targets", "store", "schema",
)  # fmt: skip
CONFIGURED = (
    ["check"], ["build"], ["run"], ["run", "--once"], ["serve"], ["status"], ["preview", "one.md"],
    ["deliveries", "list"], ["deliveries", "show", "x"], ["deliveries", "drop", "--all"], ["targets", "list"],
    ["targets", "test", "x"], ["targets", "resume", "x"],
)  # fmt: skip


@pytest.fixture
def room(newsroom: Newsroom) -> Newsroom:
    """A newsroom with one article, not built yet; its file is at rest."""
    age(newsroom.write("one.md"))
    return newsroom


def built(newsroom: Newsroom) -> Newsroom:
    """After a pass of just now, of which nothing is left but what is on disk."""
    newsroom.now = datetime.now(UTC)
    newsroom.build()
    newsroom.close()
    return newsroom


def one_line(text: str) -> str:
    """The only line of a message."""
    assert text.count("\n") == 1, text
    return text.rstrip("\n")


def test_build_and_status_count_what_is_left_out_alike(room: Newsroom) -> None:
    room.write("two.md", id="same")
    room.write("three.md", id="same")
    for name in ("build", "status"):
        said = at_once(name, folder=room.folder).stdout
        assert "1 duplicate" in said
        assert "1 broken" not in said


# --- help ---


def commands_of(group: click.Group, *words: str) -> Iterator[tuple[str, ...]]:
    for name, one in group.commands.items():
        yield (*words, name)
        if isinstance(one, click.Group):
            yield from commands_of(one, *words, name)


@pytest.mark.parametrize("words", list(commands_of(main)), ids=" ".join)
def test_every_command_has_help_with_an_example_that_fits_a_terminal(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for option in ("--help", "-h"):
        done = invoke(*words, option)
        assert done.exit_code == 0
        assert re.search(rf"Example:\n +feedbot {' '.join(words)}\b", done.stdout)
        assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_list_of_commands_is_whole_and_no_line_of_it_is_cut_off(tmp_path: Path) -> None:
    done = feedbot("--help", folder=tmp_path, COLUMNS="80")
    assert "Example:" in done.stdout
    assert "..." not in done.stdout.partition("Commands:")[2]
    assert re.findall(r"^  (\w+)  ", done.stdout.partition("Commands:")[2], re.MULTILINE) == sorted(NAMES)


def test_a_misspelled_command_is_a_usage_error_that_names_the_right_one(tmp_path: Path) -> None:
    done = at_once("buld", folder=tmp_path)
    assert done.returncode == 2
    assert "Did you mean 'build'?" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--config", "news.yaml", "status"], "--config belongs behind the command: "),
        (["-v", "check"], "feedbot check -v\n"),
        (["--jsn", "status"], "No such option '--jsn'"),
        (["--config", "status.yaml"], "No such option '--config'"),
    ],
)
def test_an_option_before_the_command_is_told_its_place(words: list[str], told: str, tmp_path: Path) -> None:
    done = at_once(*words, folder=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr


# --- the configuration ---


@pytest.mark.parametrize("arguments", CONFIGURED, ids=" ".join)
def test_without_a_configuration_every_command_names_init(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "config.yaml is not there; `feedbot init` writes one" in one_line(done.stderr)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [*CONFIGURED, ["check", "-v"]], ids=" ".join)
def test_every_mistake_of_a_configuration_has_a_line_that_editors_jump_from(
    arguments: list[str], room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.configure(feeds={"limits": 5}, colour="red", targets=[{"name": "x", "type": "slak"}])
    monkeypatch.chdir(room.folder)
    done = invoke(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    *mistakes, last = done.stderr.splitlines()
    assert len(mistakes) == 3
    assert all(
        re.match(r"config\.yaml:\d+: (feeds\.limits|colour|targets\.0\.type): ", line) for line in mistakes
    )
    assert last == "feedbot: 3 mistakes in the configuration, so nothing was done"


def test_check_gives_the_mistakes_of_a_configuration_as_json_too(room: Newsroom) -> None:
    room.configure(feeds={"limits": 5})
    done = at_once("check", "--json", folder=room.folder)
    assert done.returncode == 2
    (finding,) = json.loads(done.stdout)["findings"]
    assert (finding["path"], finding["level"]) == ("config.yaml", "error")
    assert finding["line"] > 0
    assert finding["what"].startswith("feeds.limits: ")


def test_a_configuration_elsewhere_is_named_by_an_option_or_by_the_environment(room: Newsroom) -> None:
    for arguments, environment in (
        (["--config", "newsroom/config.yaml"], {}),
        (["-c", str(room.folder / "config.yaml")], {}),
        ([], {"FEEDBOT_CONFIG": "newsroom/config.yaml"}),
    ):
        done = at_once("check", *arguments, folder=room.folder.parent, **environment)
        assert (done.returncode, done.stderr) == (0, "")
    (room.folder / "folder.yaml").mkdir()
    assert at_once("check", "-c", "folder.yaml", folder=room.folder).returncode == 2


def test_files_have_the_same_names_wherever_the_configuration_is_named_from(
    room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(room)
    monkeypatch.chdir(room.content)
    preview = invoke("preview", "--json", "-c", "../config.yaml", "one.md")
    assert json.loads(preview.stdout)["article"]["path"] == "content/one.md"
    build = invoke("build", "--json", "-c", "../config.yaml")
    assert (json.loads(build.stdout)["read"], json.loads(build.stdout)["renamed"]) == (0, 0)


# --- check ---


def test_a_sound_folder_checks_clean(room: Newsroom) -> None:
    done = at_once("check", folder=room.folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Checked 1 file: 0 errors, 0 warnings.\n", "")
    room.write("two.md")
    assert at_once("check", folder=room.folder).stdout == "Checked 2 files: 0 errors, 0 warnings.\n"
    assert at_once("check", "-q", folder=room.folder).stdout == ""
    assert not (room.folder / ".feedbot").exists()
    assert not room.feeds.exists()


@pytest.fixture(scope="module")
def wreck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, set[tuple[str, int | None]]]]:
    """A folder of broken files, and the places of what is to be found in them."""
    newsroom = Newsroom(tmp_path_factory.mktemp("wreck") / "newsroom")
    wanted = set()
    for number, case in enumerate(
        case for case in CASES if case.level == "file" and len(case.make) < 100_000
    ):
        (newsroom.content / str(number)).mkdir()
        case.put(newsroom.content / str(number))
        wanted |= {(f"content/{number}/{case.filename}", said.line) for said in case.says}
    yield newsroom.folder, wanted
    newsroom.close()


def test_check_lists_every_problem_of_a_folder_of_broken_files(
    wreck: tuple[Path, set[tuple[str, int | None]]],
) -> None:
    folder, wanted = wreck
    done = at_once("check", "--json", folder=folder)
    assert (done.returncode, done.stderr) == (1, "")
    findings = json.loads(done.stdout)["findings"]
    assert {(finding["path"], finding["line"]) for finding in findings} == wanted
    told = at_once("check", "-v", folder=folder)
    assert told.returncode == 1
    for finding in findings:
        place = ":".join(str(finding[key]) for key in ("path", "line", "column") if finding[key] is not None)
        assert f"\n{place}: {finding['level']}: " in "\n" + told.stdout
    assert "Traceback" not in told.stdout + told.stderr


def test_where_no_file_is_an_article_by_its_name_check_says_which_would_be(newsroom: Newsroom) -> None:
    newsroom.write("one.txt")
    said = Console(newsroom).run("check")
    assert "as files .md or .html that content.include and content.exclude let in" in said


def test_what_is_only_worth_knowing_is_told_when_asked(room: Newsroom) -> None:
    room.write("undated.md", publishedDateTime=None)
    done = at_once("check", folder=room.folder)
    assert done.returncode == 0
    assert (
        done.stdout == "Checked 2 files: 0 errors, 0 warnings. (1 more worth knowing: `feedbot check -v`)\n"
    )
    done = at_once("check", "-v", folder=room.folder)
    assert done.returncode == 0
    assert done.stdout.startswith("content/undated.md: info: no date")


def test_a_problem_is_told_with_its_place_and_below_it_what_to_do(room: Newsroom) -> None:
    room.write_raw("bad.md", "---\ntitle: [x\n---\n")
    done = at_once("check", "-q", folder=room.folder)
    assert done.returncode == 1
    place, hint = done.stdout.splitlines()
    assert place.startswith("content/bad.md:2:8: error: ")
    assert hint.startswith("    ")


def test_a_file_name_that_cannot_be_shown_ends_no_command(room: Newsroom) -> None:
    (room.content / os.fsdecode(b"bad\xff\x1b[2J\n.md")).write_text("---\ntitle: [x\n---\n")
    for arguments in (["check"], ["build"], ["status"], ["status", "--json"], ["run", "--once"]):
        done = at_once(*arguments, folder=room.folder)
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout
        if "--json" in arguments:
            json.loads(done.stdout)


# --- build ---


def test_the_first_build_tells_what_it_did_and_what_to_do_next(room: Newsroom) -> None:
    done = at_once("build", folder=room.folder)
    assert (done.returncode, done.stderr) == (0, "")
    looked, wrote, first, then = done.stdout.splitlines()
    assert (
        looked == "Looked at 1 file, read 1: 1 article live, 0 waiting for their date, 0 kept out, 0 broken."
    )
    assert re.fullmatch(r"2 feeds: wrote \d+ documents, removed 0, in \d+\.\d\d s\.", wrote)
    assert first == "This was the first look at the content: none of these articles will be announced."
    assert "`feedbot serve`" in then
    assert "`feedbot run`" in then


def test_a_later_build_tells_what_changed(room: Newsroom) -> None:
    built(room)
    room.write("two.md")
    room.write("one.md", title="Edited")
    done = at_once("build", "-v", folder=room.folder)
    assert "Since the last pass: 1 new, 1 changed.\n" in done.stdout
    assert "  published  tag:news.example.com,2026:two.md\n" in done.stdout
    assert "  updated    tag:news.example.com,2026:one.md\n" in done.stdout
    assert "first look" not in done.stdout


def test_a_quiet_build_speaks_of_problems_only(room: Newsroom) -> None:
    done = at_once("build", "-q", folder=room.folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    room.write_raw("bad.md", "---\ntitle: [x\n---\n")
    done = at_once("build", "-q", folder=room.folder)
    assert (done.returncode, done.stdout) == (0, "1 problem to mend: `feedbot status` lists them.\n")


def test_a_build_beside_a_file_that_is_not_ours_names_it_and_ends_with_one(room: Newsroom) -> None:
    room.feeds.mkdir()
    (room.feeds / "rss.xml").write_text("somebody's own")
    for arguments in (["build"], ["build", "-q"], ["build", "--json"], ["run", "--once"]):
        done = at_once(*arguments, folder=room.folder)
        assert done.returncode == 1
        assert "rss.xml" in done.stdout
    assert (room.feeds / "rss.xml").read_text() == "somebody's own"
    assert "feeds/rss.xml: error: " in at_once("status", folder=room.folder).stdout


def test_a_lost_state_is_told_loudly_even_by_a_quiet_build(room: Newsroom) -> None:
    built(room)
    shutil.rmtree(room.folder / ".feedbot")
    assert "state was gone" in at_once("build", "-q", folder=room.folder).stdout


def test_on_a_terminal_long_reading_shows_a_bar_and_elsewhere_no_control_character(room: Newsroom) -> None:
    for number in range(600):
        room.write_raw(f"{number}.md", f"---\ntitle: T {number}\ndate: 2026-01-01\n---\n")
    for columns in (80, 40):
        (shown,) = on_terminal(["check"], folder=room.folder, columns=columns)
        assert re.search(r"Reading  \[#+-+\] +250/601", shown.text)
        assert "601/601" in shown.text
        drawn = re.split(r"[\r\n]|\x1b\[\?25[lh]", shown.text)
        assert max(map(len, drawn)) <= columns
    (plain,) = on_terminal(["check"], folder=room.folder, TERM="dumb")
    assert plain.raw == "Checked 601 files: 0 errors, 0 warnings.\n"
    done = at_once("build", folder=room.folder)
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr


def test_off_a_terminal_very_long_reading_is_told_in_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(shown=True) as progress:
        for done in range(250, 6001, 250):
            progress(done, 6000)
    assert capsys.readouterr().err == "".join(
        f"read {n} of 6,000 files\n" for n in ("2,500", "5,000", "6,000")
    )
    with show_progress(shown=False) as progress:
        progress(2500, 5000)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", [["build"], ["check"], ["run", "--once"]], ids=" ".join)
def test_ctrl_c_ends_a_command_at_once_and_the_next_one_finishes_the_work(
    arguments: list[str], room: Newsroom
) -> None:
    room.configure(feeds={"limit": 1000})
    for number in range(2000):
        room.write_raw(f"{number}.md", f"---\ntitle: T {number}\ndate: 2026-01-01\n---\n" + "Words. " * 2000)
    with terminal(*arguments, folder=room.folder) as screen:
        if arguments != ["run", "--once"]:
            screen.read_until("Reading")
        else:
            while not (room.folder / ".feedbot/feedbot.db").exists():
                assert screen.process.poll() is None
        screen.press_ctrl_c()
        assert screen.end() == 130
    assert screen.shown.rstrip().endswith("feedbot: stopped")
    assert "Traceback" not in screen.shown
    for number in range(2000):
        (room.content / f"{number}.md").unlink()
    assert "1 article live" in at_once("build", folder=room.folder).stdout


def test_ctrl_c_while_feedbot_is_being_loaded_is_no_fault(room: Newsroom, tmp_path: Path) -> None:
    loaded = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "click.py").write_text(loaded)  # in place of the library, which takes some of the time
    where = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = feedbot("check", folder=room.folder, PYTHONPATH=where)
    assert (done.returncode, done.stderr) == (130, "feedbot: stopped\n")


# --- run and serve ---


def test_the_log_is_json_in_a_pipe_and_text_on_a_terminal(room: Newsroom) -> None:
    done = feedbot("run", "--once", folder=room.folder)
    assert (done.returncode, done.stderr) == (0, "")
    line = json.loads(one_line(done.stdout))
    assert (line["message"], line["level"], line["read"]) == ("looked at everything", "info", 1)
    room.write("two.md")
    with terminal("run", "--once", folder=room.folder) as screen:
        assert screen.end() == 0
    assert re.search(r"^\d\d:\d\d:\d\d looked at everything  read=1 ", screen.shown, re.MULTILINE)
    assert at_once("run", "--once", "-q", folder=room.folder).stdout == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--once", "--serve"], "choose one"),
        (["run", "--port", "8000"], "need --serve"),
        (["run", "--host", "127.0.0.1"], "need --serve"),
        (["serve", "--port", "0"], "not in the range"),
    ],
    ids=str,
)  # fmt: skip
def test_options_that_make_no_sense_together_are_refused(
    arguments: list[str], words: str, room: Newsroom
) -> None:
    done = at_once(*arguments, folder=room.folder)
    assert done.returncode == 2
    assert words in done.stderr


def connect(process: subprocess.Popen[bytes], host: str, port: int) -> None:
    """Wait until the server that runs there answers."""
    while True:
        try:
            socket.create_connection((host, port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            assert process.poll() is None
        else:
            return


def test_serving_before_the_first_build_says_what_makes_feeds(room: Newsroom) -> None:
    port = free_port()
    with terminal("serve", "--port", str(port), folder=room.folder) as screen:
        screen.read_until("`feedbot build` makes them")
        connect(screen.process, "127.0.0.1", port)
        screen.press_ctrl_c()
        assert screen.end() == 0
    assert f"Feeds are at http://127.0.0.1:{port}/" in screen.shown


def test_where_a_platform_sets_the_port_every_address_is_served(room: Newsroom) -> None:
    built(room)
    port = free_port()
    with terminal("serve", folder=room.folder, PORT=str(port)) as screen:
        connect(screen.process, "127.0.0.2", port)
        screen.press_ctrl_c()
        assert screen.end() == 0


# --- status ---


def test_status_before_the_first_pass_says_what_to_do(room: Newsroom) -> None:
    for arguments in (["status"], ["status", "--json"]):
        done = at_once(*arguments, folder=room.folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert "run `feedbot build` once" in one_line(done.stderr)
    assert not (room.folder / ".feedbot").exists()


def test_status_shows_what_is_there_in_lines_that_fit_a_terminal(room: Newsroom) -> None:
    age(room.write("soon.md", publishedDateTime="2999-01-01T00:00:00Z"))
    age(room.write("draft.md", draft=True))
    built(room)
    age(room.write("two.md"))
    age(room.write_raw("bad.md", "---\ntitle: [x\n---\n"))
    built(room)
    built(room)
    (shown,) = on_terminal(["status"], folder=room.folder)
    lines, moment = shown.lines, r"(now|\d+ (s|min) ago)"
    assert lines[:3] == [
        "Articles     2 live, 1 waiting, 0 withdrawn",
        "Next due     2999-01-01",
        "Files        5, of these 1 broken, 1 draft",
    ]
    assert re.fullmatch(r"Feeds        2 in \d+ documents", lines[3])
    assert lines[4] == "Workers      none: `feedbot run` starts one"
    assert re.fullmatch(
        rf"Last pass    {moment}: 5 files, 0 read, 0 documents written, \d+\.\d\d s", lines[5]
    )
    assert re.match(rf"Last change  {moment}: 5 files, 2 read, \d documents written, ", lines[6])
    assert lines[7] == "Events"
    assert re.fullmatch(rf"  {moment} +published  content/two.md", lines[8])
    assert lines[9:] == [
        "Findings     1 error",
        "  content/bad.md:2:8: error: a list or mapping in brackets that is never closed",
        "      close it, or put a value with brackets in quotes",
    ]


def test_looking_at_the_state_loads_nothing_for_rendering_sending_or_serving(room: Newsroom) -> None:
    built(room)
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from feedbot.cli import main\n"
        "main(['status'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=room.folder, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    others = {"alembic", "apscheduler", "feedgen", "granian", "jinja2", "lxml", "markdown_it", "nh3", "PIL"}
    assert loaded & {*others, "psycopg", "regex", "requests", "starlette", "watchfiles"} == set()
    assert "Articles" in done.stdout


def test_a_pass_about_no_file_tells_what_it_was_about(newsroom: Newsroom) -> None:
    console = Console(newsroom)
    newsroom.write("soon.md", publishedDateTime=(newsroom.now + timedelta(hours=1)).isoformat())
    newsroom.write("one.md")
    newsroom.build()

    def last_pass(*paths: Path) -> str:
        newsroom.build(list(paths), patient=True)
        told = re.search(r"\nLast pass +\S+: (.*), \d+ documents? written", console.run("status"))
        return told[1] if told else ""

    path = newsroom.write("two.md")
    assert last_pass(path) == "1 file, 1 read"
    newsroom.later(minutes=1)
    assert last_pass() == "after earlier changes"  # the index follows
    assert last_pass() == "no files"
    newsroom.later(hours=1)
    assert last_pass() == "1 new"
    path.unlink()
    assert last_pass(path) == "1 withdrawn"


def test_many_findings_are_cut_short_and_all_listed_when_asked(room: Newsroom) -> None:
    for number in range(15):
        age(room.write_raw(f"{number:02}.md", "---\ntitle: [x\n---\n"))
    built(room)
    assert "  and 10 more: `feedbot status -v` lists all\n" in at_once("status", folder=room.folder).stdout
    assert at_once("status", "-v", folder=room.folder).stdout.count("never closed") == 15
    assert at_once("status", "-q", folder=room.folder).stdout.count("never closed") == 15


def test_errors_are_among_the_findings_that_are_shown(room: Newsroom) -> None:
    for number in range(8):
        room.write(f"{number}.md", image=[1])
    age(room.write_raw("last.md", "---\ntitle: [x\n---\n"))
    built(room)
    shown = at_once("status", folder=room.folder).stdout
    assert "content/last.md:2:8: error" in shown
    assert shown.count(": warning: ") == 4
    assert "write its address, or {url: /robot.jpg" in shown


# --- documentation ---


def keys_of(value: Any, prefix: str = "") -> set[str]:
    """The keys in a JSON value, dotted below an object; the things in a list have keys of their own."""
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    if not isinstance(value, dict):
        return set()
    parts = {f"{prefix}{key}": part for key, part in value.items()}
    inner = [keys_of(part, f"{name}." if isinstance(part, dict) else "") for name, part in parts.items()]
    return {name for name, part in parts.items() if not isinstance(part, dict)}.union(*inner)


def test_every_key_of_the_log_is_documented(room: Newsroom) -> None:
    built(room)
    room.write("two.md")
    done = at_once("run", "--once", folder=room.folder)
    lines = list(map(json.loads, done.stdout.splitlines()))
    documented = set(re.findall(r"`([a-z_.]+)`", OPERATING + COMMANDS))
    assert {line["message"] for line in lines} >= {"looked at everything", "published"}
    assert set().union(*map(keys_of, lines)) - documented == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_documented(name: str) -> None:
    assert f"feedbot {name}" in README
    assert f"feedbot {name}" in COMMANDS


def test_the_schema_is_json_for_editors(tmp_path: Path) -> None:
    assert "site" in json.loads(at_once("schema", folder=tmp_path).stdout)["properties"]


# --- when something is wrong ---


def in_the_way(room: Newsroom) -> None:
    room.feeds.write_text("in the way")


def no_content(room: Newsroom) -> None:
    shutil.rmtree(room.content)


def content_is_a_file(room: Newsroom) -> None:
    no_content(room)
    room.content.write_text("in the way")


def garbage(room: Newsroom) -> None:
    (room.folder / ".feedbot").mkdir()
    (room.folder / ".feedbot/feedbot.db").write_text("this is no database" * 1000)


def state_is_a_folder(room: Newsroom) -> None:
    (room.folder / ".feedbot/feedbot.db").mkdir(parents=True)


def state_below_a_file(room: Newsroom) -> None:
    (room.folder / ".feedbot").write_text("in the way")


def damaged(room: Newsroom) -> None:
    built(room)
    with (room.folder / ".feedbot/feedbot.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 30_000)


def somebody_elses(room: Newsroom) -> None:
    (room.folder / ".feedbot").mkdir()
    database = sqlite3.connect(room.folder / ".feedbot/feedbot.db")
    database.execute("create table articles (a)")
    database.commit()
    database.close()


@pytest.mark.parametrize("arguments", [["build", "--json"], ["run", "--once"]], ids=" ".join)
@pytest.mark.parametrize(
    "trouble",
    [
        in_the_way, no_content, content_is_a_file, garbage, state_is_a_folder, state_below_a_file, damaged,
        somebody_elses,
    ],
)  # fmt: skip
def test_what_the_machine_refuses_is_one_line_and_ends_with_one(
    trouble: Any, arguments: list[str], room: Newsroom
) -> None:
    trouble(room)
    done = at_once(*arguments, folder=room.folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(r"feedbot: (cannot|the database) ", one_line(done.stderr))


@pytest.mark.parametrize("trouble", [garbage, state_is_a_folder, state_below_a_file, damaged, somebody_elses])
def test_a_state_that_cannot_be_read_is_one_line_of_status(trouble: Any, room: Newsroom) -> None:
    trouble(room)
    done = at_once("status", folder=room.folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert one_line(done.stderr).startswith("feedbot: ")


def test_a_state_that_this_user_may_not_open_is_told_with_whose_rights_it_takes(room: Newsroom) -> None:
    state_is_a_folder(room)
    if os.geteuid():  # root may open every file
        (room.folder / ".feedbot/feedbot.db").rmdir()
        built(room)
        (room.folder / ".feedbot/feedbot.db").chmod(0o444)
    said = Console(room).refused("status")
    assert "this user may write the file and its folder, as the user of the worker may" in said


def test_a_database_that_cannot_be_reached_is_one_line_that_names_both_places_of_its_address(
    room: Newsroom,
) -> None:
    done = at_once("status", folder=room.folder, DATABASE_URL="postgres://me@127.0.0.1:1/news")
    assert done.returncode == 1
    said = one_line(done.stderr)
    assert said.endswith("Connection refused. Check `store.url` in config.yaml, or DATABASE_URL")


def test_an_error_that_nobody_expected_shows_where_it_happened_when_asked(room: Newsroom) -> None:
    built(room)
    with closing(sqlite3.connect(room.folder / ".feedbot" / "feedbot.db")) as connection:
        connection.execute("drop table findings")
    done = at_once("build", "-v", folder=room.folder)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "let store.url name a new one" in one_line(at_once("build", folder=room.folder).stderr)


def test_a_disk_without_space_is_one_line(room: Newsroom) -> None:
    line = " ".join(command("build"))
    done = subprocess.run(
        ["sh", "-c", f"ulimit -f 16; exec {line}"], cwd=room.folder, capture_output=True, text=True,
        env=surroundings(PYTHONDONTWRITEBYTECODE="1"), check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert one_line(done.stderr).startswith("feedbot: cannot ")
    assert "Check the space on its disk" in done.stderr
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(
            command("build"), cwd=room.folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert told.returncode == 1
    assert "No space left" in one_line(told.stderr)


TALKATIVE = (
    ["check"],
    ["check", "--json"],
    ["build"],
    ["run", "--once"],
    ["status", "-v"],
    ["schema"],
    ["-h"],
)


def test_a_reader_that_goes_away_is_no_reason_to_complain(room: Newsroom) -> None:
    for number in range(50):
        age(room.write_raw(f"{number}.md", "---\ntitle: [x\n---\n"))
    built(room)
    reading, writing = os.pipe()
    os.close(reading)
    for arguments in TALKATIVE:
        done = subprocess.run(
            command(*arguments),
            cwd=room.folder,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.stderr == "", arguments
    os.close(writing)


def test_a_process_without_streams_does_its_work(room: Newsroom) -> None:
    for arguments in ("build", "run --once", "status", "check"):
        line = f"exec {' '.join(command(arguments))} <&- >&- 2>&-"
        assert subprocess.run(["sh", "-c", line], cwd=room.folder, check=False).returncode == 0
    assert room.titles() == ["About one"]


def test_a_log_that_cannot_be_written_keeps_no_server_from_starting(room: Newsroom) -> None:
    reading, without_reader = os.pipe()
    os.close(reading)
    on_a_full_disk = os.open("/dev/full", os.O_WRONLY)
    for stderr in (without_reader, on_a_full_disk):
        port = free_port()
        with subprocess.Popen(
            command("serve", "--port", str(port)), cwd=room.folder, stderr=stderr
        ) as process:
            os.close(stderr)
            connect(process, "127.0.0.1", port)
            process.terminate()
        assert process.returncode == 0


def test_a_second_ctrl_c_ends_the_worker_at_once(room: Newsroom) -> None:
    for number in range(1500):
        room.write_raw(f"{number}.md", f"---\ntitle: T {number}\ndate: 2026-01-01\n---\n" + "Words. " * 2000)
    with terminal("run", folder=room.folder) as screen:
        screen.read_until("started")
        screen.press_ctrl_c()
        threading.Event().wait(0.2)  # two at once may arrive as one
        screen.press_ctrl_c()
        assert screen.end() in {128 + signal.SIGINT, 0}
    assert "Traceback" not in screen.shown
