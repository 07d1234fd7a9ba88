"""The real worker as a process: what readers see soon after a file changes, and how it stops."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue

import pytest
from newsroom import Newsroom, age
from visitor import free_port

from feedbot.config import Config
from feedbot.passes.build import Builder
from feedbot.sending.deliver import make_deliverer
from feedbot.server import Server, source_of
from feedbot.store import journal, workers
from feedbot.threads import start_part
from feedbot.worker import Service, Worker
from feedbot.worker.backlog import AFTERMATH, CROWD, EVERYTHING, FLOCK, TICK, Backlog, gaps_of
from feedbot.worker.watch import watch_folders

PATIENCE = 60.0  # seconds until a test gives up


def wait_until(
    condition: Callable[[], object], what: str | Callable[[], str], patience: float = PATIENCE
) -> None:
    """Wait for `condition`; fails with `what` after `patience` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.01)
    pytest.fail(f"waited in vain: {what() if callable(what) else what}")


class Process:
    """`feedbot run` over a newsroom; its log is kept line by line."""

    def __init__(self, newsroom: Newsroom, *arguments: str, command: str = "run") -> None:
        self.newsroom = newsroom
        self.lines: list[str] = []
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "feedbot", command, *arguments],
            cwd=newsroom.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **newsroom.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout
        self.lines.extend(iter(self.popen.stdout.readline, ""))

    def wait_for_line(self, text: str) -> None:
        wait_until(lambda: any(text in line for line in self.lines), lambda: f"{text!r} in {self.lines}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.popen.send_signal(number)
        code = self.popen.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code


@pytest.fixture
def start(newsroom: Newsroom) -> Iterator[Callable[..., Process]]:
    """Starts a process that is ended with the test."""
    running: list[Process] = []

    def begin(*arguments: str, command: str = "run") -> Process:
        running.append(Process(newsroom, *arguments, command=command))
        return running[-1]

    yield begin
    for process in running:
        if process.popen.poll() is None:
            process.popen.kill()
        process.popen.wait()
        process._reader.join(PATIENCE)
        if process.popen.stdout:
            process.popen.stdout.close()


def shows(newsroom: Newsroom, title: str, slug: str = "") -> Callable[[], bool]:
    def look() -> bool:
        path = newsroom.feeds / slug / "feed.json"
        return path.exists() and title in [item["title"] for item in json.loads(path.read_bytes())["items"]]

    return look


def test_a_change_of_the_configuration_is_noticed_and_what_it_takes_is_said(
    start: Callable[..., Process], newsroom: Newsroom
) -> None:
    newsroom.write("one.md")
    process = start()
    process.wait_for_line("looked at everything")
    (newsroom.folder / "config.yaml").touch()  # says what it said
    newsroom.write("zero.md")
    process.wait_for_line("looked at what changed")
    newsroom.configure(feeds={"limit": 7})
    newsroom.write("two.md")  # wakes it
    process.wait_for_line("config.yaml has changed: restart feedbot")
    assert process.stop() == 0
    assert sum("has changed" in line for line in process.lines) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_worker_with_zero(
    start: Callable[..., Process], newsroom: Newsroom, number: int
) -> None:
    newsroom.write("one.md")
    process = start()
    wait_until(shows(newsroom, "About one"), "the first pass")
    assert process.stop(number) == 0
    assert "stopped" in process.lines[-1]


def test_a_file_that_is_dropped_edited_and_removed_is_followed(
    start: Callable[..., Process], newsroom: Newsroom
) -> None:
    newsroom.configure(schedule={"scan": "1h"})
    newsroom.write("one.md")
    process = start()
    process.wait_for_line("looked at everything")
    newsroom.write("deep/er/two.md", title="Dropped", topics=["Law"])
    wait_until(shows(newsroom, "Dropped", "law"), "a new file in a new folder")
    newsroom.write("deep/er/two.md", title="Edited", topics=["Law"])
    wait_until(shows(newsroom, "Edited", "law"), "an edit")
    (newsroom.content / "deep/er/two.md").unlink()
    wait_until(lambda: newsroom.titles("law") == [], "a removal")
    assert process.stop() == 0


def test_what_failed_is_done_with_the_first_pass_that_succeeds(
    start: Callable[..., Process], newsroom: Newsroom
) -> None:
    newsroom.configure(schedule={"scan": "1h"})
    newsroom.feeds.write_text("in the way")
    process = start()

    def has_failed(times: int) -> Callable[[], bool]:
        return lambda: sum("the pass failed" in line for line in process.lines) >= times

    for number in range(1, 6):  # after which the next try is half a minute away, and more
        newsroom.write(f"{number}.md")
        wait_until(has_failed(number), lambda: str(process.lines))
    newsroom.feeds.unlink()
    newsroom.write("last.md")
    wait_until(
        lambda: (newsroom.feeds / "feed.json").exists() and len(newsroom.titles()) == 6,
        lambda: str(process.lines),
    )
    assert process.stop() == 0


def test_the_index_follows_by_itself(start: Callable[..., Process], newsroom: Newsroom) -> None:
    newsroom.configure(schedule={"scan": "1h"})
    newsroom.write("one.md")
    process = start()
    process.wait_for_line("looked at everything")
    page = newsroom.feeds / "index.html"
    newsroom.write("two.md")
    wait_until(lambda: "2 articles" in page.read_text(encoding="utf-8"), "the page, a moment after the feeds")
    assert process.stop() == 0


def test_a_worker_that_stops_leaves_an_index_that_is_up_to_date(
    start: Callable[..., Process], newsroom: Newsroom
) -> None:
    newsroom.configure(schedule={"scan": "1h"})
    newsroom.write("one.md")
    process = start()
    process.wait_for_line("looked at everything")
    newsroom.write("two.md")
    wait_until(shows(newsroom, "About two"), "the feeds")
    assert process.stop() == 0
    assert "2 articles" in (newsroom.feeds / "index.html").read_text(encoding="utf-8")


def test_a_burst_of_files_arrives_whole(start: Callable[..., Process], newsroom: Newsroom) -> None:
    newsroom.configure(schedule={"scan": "1h"}, feeds={"limit": 1000})
    process = start()
    process.wait_for_line("looked at everything")
    for number in range(300):
        newsroom.write(f"{number % 20}/{number}.md")
    whole = {f"About {number}" for number in range(300)}
    wait_until(lambda: set(newsroom.titles()) == whole, "300 files")
    assert process.stop() == 0


def test_a_content_folder_that_is_replaced_is_watched_anew(
    start: Callable[..., Process], newsroom: Newsroom
) -> None:
    newsroom.configure(schedule={"scan": "1h"})
    newsroom.write("one.md")
    process = start()
    process.wait_for_line("looked at everything")
    newsroom.content.rename(newsroom.folder / "away")
    newsroom.content.mkdir()
    newsroom.write("two.md")
    wait_until(lambda: newsroom.titles() == ["About two"], "the new folder")
    newsroom.write("three.md")
    wait_until(shows(newsroom, "About three"), "events of the new folder")
    assert process.stop() == 0


def test_a_content_folder_that_was_away_is_looked_at_when_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "content"
    told: SimpleQueue[set[str]] = SimpleQueue()

    class Wait(threading.Event):
        """The folder is back when it was waited for."""

        def wait(self, timeout: float | None = None) -> bool:
            folder.mkdir()
            return False

    stop = Wait()
    watch = threading.Thread(target=watch_folders, args=([folder], told.put, stop))
    watch.start()
    try:
        assert told.get(timeout=PATIENCE) == {str(folder)}
    finally:
        stop.set()
        watch.join(PATIENCE)


def test_a_future_article_appears_within_two_seconds_of_its_time(
    start: Callable[..., Process], newsroom: Newsroom
) -> None:
    newsroom.configure(schedule={"scan": "1h"})
    newsroom.environ["TZ"] = "CET-1CEST"  # as POSIX has it, and no name of a time zone
    process = start()
    process.wait_for_line("looked at everything")
    began = datetime.now(UTC)
    newsroom.write("now.md")
    wait_until(shows(newsroom, "About now"), "an article")
    usual = datetime.now(UTC) - began  # more on a busy machine
    late = (shown_late(newsroom, f"soon-{number}") for number in range(5))
    # One is enough, unless the machine stood still just then.
    assert any(one < timedelta(seconds=2) + 10 * usual for one in late)
    process.wait_for_line("published")
    assert process.stop() == 0


def shown_late(newsroom: Newsroom, name: str) -> timedelta:
    """Write an article that is due in a moment; how long after that it is shown."""
    due = datetime.now(UTC) + timedelta(seconds=3)
    newsroom.write(f"{name}.md", publishedDateTime=due.strftime("%Y-%m-%dT%H:%M:%SZ"))
    wait_until(shows(newsroom, f"About {name}"), "the due time")
    assert due.replace(microsecond=0) <= datetime.now(UTC)
    return datetime.now(UTC) - due


def test_a_half_written_file_is_read_when_it_is_whole(
    start: Callable[..., Process], newsroom: Newsroom
) -> None:
    newsroom.configure(schedule={"scan": "1h"})
    process = start()
    process.wait_for_line("looked at everything")
    newsroom.write_raw("one.md", "---\ntitle: Slow")
    newsroom.write_raw("one.md", "---\ntitle: Slow\npublishedDateTime: 2026-01-01\n---\n")
    wait_until(shows(newsroom, "Slow"), "the whole file")
    assert process.stop() == 0
    assert not [line for line in process.lines if "broken" in line]


def test_a_pass_that_fails_is_told_and_tried_again(start: Callable[..., Process], newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.feeds.write_text("in the way")
    process = start()
    process.wait_for_line("tried again")
    with newsroom.engine.begin() as connection:
        assert "folder" in str(journal.get(connection, "failure"))
    newsroom.feeds.unlink()
    wait_until(shows(newsroom, "About one"), "the pass after")
    assert process.stop() == 0
    with newsroom.engine.begin() as connection:
        assert journal.get(connection, "failure") == ""


def test_a_file_that_breaks_is_told_with_its_line(start: Callable[..., Process], newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    process = start()
    process.wait_for_line("looked at everything")
    age(newsroom.write_raw("one.md", "---\ntitle: [never closed\n---\n"))
    process.wait_for_line("content/one.md:2")
    assert process.stop() == 0
    assert newsroom.titles() == ["About one"]


def test_killed_at_any_moment_the_next_start_loses_and_doubles_nothing(
    start: Callable[..., Process], newsroom: Newsroom
) -> None:
    for number in range(150):
        newsroom.write(f"{number}.md", topics=["AI", f"Topic {number % 30}"])
    newsroom.configure(feeds={"limit": 1000})
    for pause in (0.3, 0.5, 0.7, 0.9):
        process = start()
        time.sleep(pause)  # not waiting for anything: the moment of the kill is what varies
        process.popen.send_signal(signal.SIGKILL)
        process.popen.wait(PATIENCE)
    process = start()
    process.wait_for_line("looked at everything")
    assert len(newsroom.items()) == 150
    assert process.stop() == 0
    assert sum(len(newsroom.items(f"topic-{number}")) for number in range(30)) == 150
    assert not list(newsroom.feeds.rglob(".feedbot-*"))
    assert not [line for line in process.lines if "published" in line]


def test_a_second_signal_stops_at_once(start: Callable[..., Process], newsroom: Newsroom) -> None:
    for number in range(2000):
        newsroom.write(f"{number}.md", topics=[f"Topic {number}"])
    process = start()
    process.wait_for_line("started")
    process.popen.send_signal(signal.SIGTERM)
    process.popen.send_signal(signal.SIGINT)  # two of one kind may arrive as one
    assert process.popen.wait(PATIENCE) in (128 + signal.SIGTERM, 128 + signal.SIGINT)
    assert not (newsroom.feeds / "index.html").exists()


def test_once_makes_one_pass_and_ends(start: Callable[..., Process], newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    assert start("--once").popen.wait(PATIENCE) == 0
    assert newsroom.titles() == ["About one"]


def test_with_serve_one_process_is_a_whole_installation(
    start: Callable[..., Process], newsroom: Newsroom
) -> None:
    newsroom.write("one.md")
    port = free_port()
    process = start("--serve", "--port", str(port))
    process.wait_for_line("looked at everything")

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ai/rss.xml", timeout=5) as answer:
                return b"About one" in answer.read() and answer.headers["Content-Type"].startswith(
                    "application/rss+xml"
                )
        except OSError:
            return False

    wait_until(answers, "the server")
    assert process.stop() == 0


def test_a_port_that_is_taken_is_told_before_anything_starts(
    start: Callable[..., Process], newsroom: Newsroom
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start("--serve", "--port", str(taken.getsockname()[1]))
        assert process.popen.wait(PATIENCE) == 1
    process._reader.join(PATIENCE)
    assert "--port" in "".join(process.lines)


def test_serve_alone_serves_what_is_there_and_stops_on_a_signal(
    start: Callable[..., Process], newsroom: Newsroom
) -> None:
    newsroom.write("one.md")
    newsroom.build()
    port = free_port()
    process = start("--port", str(port), command="serve")

    def answers() -> bool:
        try:
            return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read())
        except OSError:
            return False

    wait_until(answers, "the server")
    assert process.stop() == 0
    logged = [json.loads(line) for line in process.lines if line.startswith("{")]
    assert [entry["message"] for entry in logged] == ["serving", "stopped"]
    assert logged[0]["url"] == f"http://127.0.0.1:{port}/"


# --- the backlog, which decides what is looked at when ---


def test_a_wake_up_during_a_pass_is_looked_at_after_it() -> None:
    backlog = Backlog()
    backlog.note(frozenset({"/content/a.md"}))
    assert backlog.take(0.0) == {"/content/a.md"}
    backlog.note(frozenset({"/content/b.md"}))
    assert backlog.asked
    assert backlog.take(0.0) == {"/content/b.md"}
    assert not backlog.asked


def test_a_folder_with_gaps_is_scanned_again_a_little_later_and_only_once() -> None:
    backlog = Backlog()
    backlog.note(frozenset({"/content/a.md", "/content/new"}), again={"/content/new"})
    assert backlog.take(0.0) == {"/content/a.md", "/content/new"}
    backlog.ripen(AFTERMATH / 2)
    assert not backlog.asked
    backlog.ripen(AFTERMATH)
    assert backlog.take(AFTERMATH) == {"/content/new"}
    backlog.ripen(10.0)
    assert not backlog.asked
    assert backlog.wait(10.0) == TICK


def test_a_burst_is_heard_out_and_a_few_files_do_not_wait() -> None:
    backlog = Backlog()
    backlog.note(frozenset({"/content/a.md", "/content/b.md"}))
    assert backlog.lull() == 0
    backlog.note(frozenset(f"/content/{number}.md" for number in range(FLOCK)))
    assert backlog.lull() > 0
    backlog.take(0.0)
    assert backlog.lull() == 0


def test_events_have_gaps_in_new_folders_and_in_crowds(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "one.md").touch()
    events = {str(tmp_path / "new"), str(tmp_path / "one.md"), str(tmp_path / "gone.md")}
    assert gaps_of(events) == {str(tmp_path / "new")}
    assert gaps_of({str(tmp_path / f"{number}.md") for number in range(CROWD)}) == {str(tmp_path)}


def test_a_look_at_everything_covers_all_that_was_put_off() -> None:
    backlog = Backlog()
    backlog.note(frozenset({"/content/a.md"}))
    backlog.take(0.0)
    backlog.defer({"/content/c.md"}, 5.0)
    backlog.note(EVERYTHING)
    assert backlog.take(1.0) is None
    backlog.ripen(100.0)
    assert not backlog.asked


def test_a_part_that_fails_or_ends_without_leave_is_dead_and_one_that_fails_says_so() -> None:
    def fail() -> None:
        raise RuntimeError("out of luck")

    alarms: list[str] = []
    failed, ended, free = (
        start_part("a", fail, alarm=lambda: alarms.append("a")),
        start_part("b", lambda: None, alarm=lambda: alarms.append("b")),
        start_part("c", lambda: None, may_end=True),
    )
    for part in (failed, ended, free):
        part.thread.join(PATIENCE)
    assert (failed.is_dead(), ended.is_dead(), free.is_dead()) == (True, True, False)
    assert alarms == ["a"]


# --- a start that fails halfway ---


@pytest.mark.parametrize(
    ("apart", "before", "way_out"),
    [
        # The limit of a user namespace of our own: that of the machine stays as it is.
        ("--map-root-user", "echo 0 > /proc/sys/user/max_inotify_watches", "raise fs.inotify"),
        ("--map-root-user", "echo 0 > /proc/sys/user/max_inotify_instances", "raise fs.inotify"),
        # Nobody who may look everywhere, as root may.
        ("--map-user=1000", "chmod 0 content/closed", "Let feedbot read all folders"),
    ],
)
def test_where_there_are_no_file_events_the_scan_alone_follows_the_files(
    newsroom: Newsroom, apart: str, before: str, way_out: str
) -> None:
    newsroom.configure(schedule={"scan": "1s"})
    newsroom.write("one.md")
    (newsroom.content / "closed").mkdir()
    command = shlex.join([sys.executable, "-m", "feedbot", "run"])
    process = subprocess.Popen(
        ["unshare", "--user", apart, "sh", "-c", f"{before} && exec {command}"],
        cwd=newsroom.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(shows(newsroom, "About one"), "the first pass")
        newsroom.write("two.md")
        wait_until(shows(newsroom, "About two"), "the scan")
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=PATIENCE)
        (newsroom.content / "closed").chmod(0o755)
    assert process.returncode == 0
    (told,) = [line for line in output.splitlines() if "file events are not available" in line]
    assert way_out in told


def run_in(newsroom: Newsroom, gigabytes: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run feedbot in so much memory: each thread asks for a gigabyte, and the last ones get none."""
    command = shlex.join([sys.executable, "-m", "feedbot", *words])
    return subprocess.run(
        ["sh", "-c", f"ulimit -s {10**6} && ulimit -v {gigabytes * 10**6} && exec {command}"],
        cwd=newsroom.folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("gigabytes", [2, 3, 4, 5, 6])
def test_a_start_for_which_there_are_too_few_threads_is_told_and_leaves_nothing_behind(
    start: Callable[..., Process], newsroom: Newsroom, gigabytes: int
) -> None:
    newsroom.write("one.md")
    port = free_port()
    done = run_in(newsroom, gigabytes, "run", "--serve", "--port", str(port))
    assert done.returncode == 1
    assert "no more threads" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert newsroom.scalar(workers.load) == []
    process = start("--serve", "--port", str(port))
    process.wait_for_line("looked at everything")
    assert process.stop() == 0


def test_a_pass_for_which_there_are_too_few_threads_writes_one_document_after_the_other(
    newsroom: Newsroom,
) -> None:
    newsroom.write("one.md")
    done = run_in(newsroom, 4, "build")
    assert (done.returncode, done.stderr) == (0, "")
    assert newsroom.titles() == newsroom.titles("ai") == ["About one"]
    assert newsroom.build().written == 0


def run_here(newsroom: Newsroom, server: Service, config: Config | None = None) -> int:
    """The worker in this process: what it comes to, under that configuration or the one in force now."""
    config = config or newsroom.config
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    worker = Worker(
        Builder(config, newsroom.engine),
        deliverer=make_deliverer(config, newsroom.engine, redact=str),
        config=config,
        server=server,
    )
    try:
        return worker.run()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_a_port_that_is_taken_after_a_look_at_it_ends_the_worker_and_all_its_parts(
    newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    newsroom.write("one.md")
    before = set(threading.enumerate())
    port = free_port()
    server = Server(source_of(newsroom.config), "127.0.0.1", port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert run_here(newsroom, server) == 1
    told = f"the worker ends: cannot listen on 127.0.0.1:{port} (Address already in use); another program"
    assert [record for record in caplog.records if record.getMessage().startswith(told)]
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not left & {"file events", "deliveries", "hints", "lease", "server"}
    assert newsroom.scalar(workers.load) == []
    assert newsroom.titles() == ["About one"]


class Flimsy:
    """A service that breaks down as soon as it runs."""

    url = "http://127.0.0.1:1/"

    def run(self) -> None:
        raise OSError("the wire was cut")

    def stop(self) -> None:
        pass


def test_a_part_that_dies_ends_the_worker_with_one(
    newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    newsroom.write("one.md")
    assert run_here(newsroom, Flimsy()) == 1
    assert "server (OSError: the wire was cut) died" in caplog.text


def test_a_configuration_that_changes_while_the_worker_starts_is_noticed(
    newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    newsroom.write("one.md")
    config = newsroom.config
    newsroom.configure(feeds={"limit": 7})
    assert run_here(newsroom, Flimsy(), config) == 1
    assert "config.yaml has changed: restart feedbot" in caplog.text
