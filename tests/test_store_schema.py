"""The schema: fresh, migrated, newer, foreign; and transactions that lose nothing."""

from __future__ import annotations

import re
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from databases import older_state
from newsroom import Newsroom
from sqlalchemy import Engine, create_engine, event, inspect, make_url, text

from feedbot.errors import StoreError
from feedbot.report.status import load_status
from feedbot.store import journal
from feedbot.store.db import open_store
from feedbot.store.migrations import config, upgrade
from feedbot.store.schema import HEAD, metadata


def described_index(index: Any) -> str:
    """An index with the condition of a partial one in words."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return str({**index, "dialect_options": options})


def described(url: str) -> dict[str, object]:
    """All that a database says of its tables."""
    engine = create_engine(url)
    inspector = inspect(engine)
    found = {
        table: {
            "columns": [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)],
            "key": inspector.get_pk_constraint(table),
            "foreign": sorted(map(str, inspector.get_foreign_keys(table))),
            "indexes": sorted(map(described_index, inspector.get_indexes(table))),
            "unique": sorted(map(str, inspector.get_unique_constraints(table))),
        }
        for table in sorted(inspector.get_table_names())
    }
    engine.dispose()
    return found


def test_the_head_in_the_code_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(config()).get_current_head() == HEAD


def test_a_migrated_database_equals_a_fresh_one(store_url: str, tmp_path: Path) -> None:
    if store_url.startswith("sqlite"):
        (tmp_path / "state").mkdir()
    upgrade(make_url(store_url), None)
    migrated = described(store_url)
    engine = create_engine(store_url)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        for table in reversed([*migrated]):
            cascade = "cascade" if store_url.startswith("postgresql") else ""
            connection.execute(text(f"drop table {table} {cascade}"))
    engine.dispose()
    open_store(store_url).dispose()
    assert described(store_url) == migrated


def test_an_upgrade_from_the_first_schema_announces_nothing_of_the_past(store_url: str) -> None:
    with older_state(store_url, "0001") as connection:
        connection.execute(
            text(
                "insert into articles (key, id, path, url_digest, status, reason, published_us, visible_hash,"
                " body, seen_us) values (1, 'tag:x', 'content/a.md', '', 'live', '', 5, 'h', '{}', 7)"
            )
        )
        connection.execute(
            text("insert into events (number, article_key, kind, at_us) values (1, 1, 'published', 7)")
        )
    upgraded = open_store(store_url)
    with upgraded.begin() as connection:
        assert journal.load_news(connection) == []
        assert [event.id for event in journal.load_events(connection, 5)] == ["tag:x"]
    upgraded.dispose()


def test_a_database_that_knows_of_no_encoding_keeps_every_letter(postgres_url: str) -> None:
    server = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        making = "template template0 encoding 'SQL_ASCII' locale_provider libc locale 'C'"
        connection.execute(text(f"create database plain {making}"))
    try:
        store = open_store(make_url(postgres_url).set(database="plain").render_as_string())
        with store.begin() as connection:
            journal.put(connection, "Grüße", "日本 🎉")
        with store.begin() as connection:
            assert journal.get(connection, "Grüße") == "日本 🎉"
        store.dispose()
    finally:
        with server.connect() as connection:
            connection.execute(text("drop database plain"))
        server.dispose()


@pytest.mark.parametrize("version", [None, "0001"])
def test_several_that_start_at_once_on_a_state_that_is_behind_all_find_it_ready(
    store_url: str, version: str | None
) -> None:
    if version:
        with older_state(store_url, version):
            pass
    meeting = threading.Barrier(4)

    def begin(_: int) -> str | None:
        meeting.wait(60)
        engine = open_store(store_url)
        with engine.begin() as connection:
            found = connection.execute(text("select version_num from alembic_version")).scalar()
        engine.dispose()
        return found

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(begin, range(4))) == [HEAD] * 4


def test_reading_a_state_of_an_older_feedbot_names_the_command_that_brings_it_up_to_date(
    store_url: str,
) -> None:
    engine = open_store(store_url)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '0001'"))
    engine.dispose()
    with pytest.raises(StoreError, match=r"older feedbot: run `feedbot build`"):
        open_store(store_url, read_only=True)


def test_opening_twice_keeps_what_is_there(store_url: str) -> None:
    first = open_store(store_url)
    with first.begin() as connection:
        journal.put(connection, "baseline", "yesterday")
    first.dispose()
    second = open_store(store_url)
    with second.begin() as connection:
        assert journal.get(connection, "baseline") == "yesterday"
    second.dispose()


def test_a_database_of_a_newer_feedbot_is_refused_and_left_alone(store_url: str) -> None:
    engine = open_store(store_url)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreError, match=r"newer feedbot.*upgrade feedbot"):
        open_store(store_url)


def test_a_database_that_holds_somebody_elses_tables_is_refused(store_url: str, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(exist_ok=True)
    engine = create_engine(store_url)
    with engine.begin() as connection:
        connection.execute(text("create table articles (title text)"))
    engine.dispose()
    with pytest.raises(StoreError, match="`articles` that is not feedbot's"):
        open_store(store_url)


def test_a_file_that_is_no_database_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "feedbot.db"
    path.write_text("this is a shopping list, and it is longer than a header of SQLite " * 20)
    with pytest.raises(StoreError, match=r"feedbot\.db.*put the backup"):
        open_store(f"sqlite:///{path}")


def test_the_state_lies_in_its_folder_whatever_that_is_called(tmp_path: Path) -> None:
    newsroom = Newsroom(tmp_path / "all%20articles?")
    newsroom.write("one.md")
    newsroom.build()
    assert [path.name for path in tmp_path.iterdir()] == ["all%20articles?"]
    assert newsroom.config.store.file == newsroom.folder / ".feedbot" / "feedbot.db"
    assert newsroom.config.store.file.exists()
    newsroom.close()


def test_reading_a_state_that_is_not_there_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="feedbot build"):
        open_store(f"sqlite:///{tmp_path / 'nothing.db'}", read_only=True)
    assert not (tmp_path / "nothing.db").exists()


def test_the_folder_of_a_new_state_is_closed_to_others(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/news/state/feedbot.db").dispose()
    assert (tmp_path / "news/state").stat().st_mode & 0o007 == 0
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o755)
    open_store(f"sqlite:///{tmp_path}/shared/feedbot.db").dispose()
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o755  # as its owner wants it


def test_counting_up_from_many_threads_loses_no_update(store: Engine) -> None:
    with store.begin() as connection:
        journal.put(connection, "count", "0")

    def count_up(_: int) -> None:
        with store.begin() as connection:
            if connection.dialect.name == "postgresql":  # SQLite has one writer by itself
                connection.execute(text("lock table state in exclusive mode"))
            journal.put(connection, "count", str(int(journal.get(connection, "count") or 0) + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count_up, range(100)))
    with store.begin() as connection:
        assert journal.get(connection, "count") == "100"


def test_a_pass_that_fails_midway_leaves_nothing_behind(store: Engine) -> None:
    def fail() -> None:
        with store.begin() as connection:
            journal.put(connection, "half", "done")
            raise RuntimeError("pulled plug")

    with pytest.raises(RuntimeError):
        fail()
    with store.begin() as connection:
        assert journal.get(connection, "half") is None


def test_a_reader_is_not_held_up_by_a_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'feedbot.db'}"
    writer = open_store(url)
    reader = open_store(url, read_only=True)
    with writer.begin() as writing:
        journal.put(writing, "baseline", "now")
        with reader.begin() as reading:
            assert journal.get(reading, "baseline") is None
    with closing(sqlite3.connect(tmp_path / "feedbot.db")) as raw:
        assert raw.execute("pragma journal_mode").fetchone() == ("wal",)
    writer.dispose()
    reader.dispose()


def test_what_status_counts_stands_in_indexes_and_costs_no_look_at_every_row(newsroom: Newsroom) -> None:
    newsroom.build()
    asked: list[tuple[str, Any]] = []

    @event.listens_for(newsroom.engine, "before_cursor_execute")
    def _note(_one: Any, _two: Any, statement: str, parameters: Any, _three: Any, _four: Any) -> None:
        asked.append((statement, parameters))

    load_status(newsroom.engine, {})
    counts = [(statement, parameters) for statement, parameters in asked if "count(" in statement]
    with newsroom.engine.begin() as connection:
        plans = [
            str(connection.exec_driver_sql(f"explain query plan {statement}", parameters).all())
            for statement, parameters in counts
        ]
    large = r"(?:SCAN|SEARCH) (?:articles|files|deliveries|events|documents)"
    looks = [look for plan in plans for look in re.findall(f"{large}[^']*", plan)]
    assert len(looks) >= 5
    assert [look for look in looks if "USING COVERING INDEX" not in look] == []
