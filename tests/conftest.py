"""What the whole suite shares: databases of both kinds, each empty, each real."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from databases import Compiled, empty, postgresql, url_of
from faults import Proxy, proxy_to
from hypothesis import HealthCheck, settings
from newsroom import Newsroom
from object_stores import Bucket, make_bucket, moto, port_of
from sqlalchemy import Connection, Engine, event

from feedbot.store.db import open_store

# What is made up is the same in every run, and may take its time: none fails by chance, or on a busy machine.
# `pytest --hypothesis-profile=search` tries something new, and so does whoever sets FEEDBOT_HISTORIES.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("search"), derandomize=True, database=None)
settings.load_profile("search" if "FEEDBOT_HISTORIES" in os.environ else "steady")


def pytest_xdist_auto_num_workers() -> int:
    """One process of tests more than there are cores: for a third of its time a test waits for others."""
    return (os.cpu_count() or 1) + 1


_compiled = Compiled()


@event.listens_for(Engine, "engine_connect")
def _statements_are_compiled_once(connection: Connection) -> None:
    """Not by each engine anew: that is a third of the work of a pass over a few articles."""
    connection.execution_options(compiled_cache=_compiled)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A PostgreSQL server of our own."""
    with postgresql(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server(postgres: Any) -> str:
    """Its URL."""
    return url_of(postgres)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """An empty PostgreSQL database."""
    empty(postgres_server)
    return postgres_server


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind that feedbot runs on."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'state' / 'feedbot.db'}"


@pytest.fixture
def store(store_url: str) -> Iterator[Engine]:
    """An open, empty store on each kind of database."""
    engine = open_store(store_url)
    yield engine
    engine.dispose()


@pytest.fixture
def newsroom(tmp_path: Path) -> Iterator[Newsroom]:
    """A newsroom on SQLite."""
    room = Newsroom(tmp_path / "newsroom")
    yield room
    room.close()


@pytest.fixture
def any_newsroom(tmp_path: Path, store_url: str) -> Iterator[Newsroom]:
    """A newsroom on each kind of database."""
    room = Newsroom(tmp_path / "newsroom", store_url=store_url)
    yield room
    room.close()


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """A store that knows conditions, for all tests of a process."""
    with moto() as url:
        yield url


_numbers = itertools.count(1)


@pytest.fixture
def bucket(moto_url: str) -> Bucket:
    """An empty bucket."""
    return make_bucket(moto_url, f"news-{next(_numbers)}")


@pytest.fixture
def wire(bucket: Bucket) -> Iterator[Proxy]:
    """What lies between feedbot and the store of `bucket`."""
    with proxy_to(port_of(bucket.url)) as proxy:
        yield proxy


@pytest.fixture
def bucket_newsroom(tmp_path: Path, bucket: Bucket, wire: Proxy) -> Iterator[Newsroom]:
    """A newsroom whose feeds go to `bucket`, over `wire`."""
    room = Newsroom(
        tmp_path / "bucket-newsroom",
        settings={"feeds": {"path": bucket.path}},
        environ=bucket.environ(wire.url),
    )
    yield room
    room.close()
