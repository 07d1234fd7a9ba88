"""What commands share: their options, the configuration these lead to, the state, and the secrets in both."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from feedbot.terminal import Manner

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from feedbot.config import Config
    from feedbot.model import JsonObject
    from feedbot.operator.standings import Standing

Command = TypeVar("Command", bound=Callable[..., Any])

# What others said, and might have said our secrets in.
SAID = frozenset({"reason", "said", "receipt", "remark"})


def common(command: Command) -> Command:
    """The options of every command that reads the configuration."""
    config = click.option(
        "--config", "-c", "config_path", type=click.Path(dir_okay=False, path_type=Path), metavar="PATH",
        default=Path("config.yaml"), show_default=True, envvar="FEEDBOT_CONFIG", show_envvar=True,
        help="The configuration file.",
    )  # fmt: skip
    return config(loudness(command))


def loudness(command: Command) -> Command:
    """How much is said: of the options above, those that need no configuration."""
    verbose = click.option("--verbose", "-v", count=True, help="Say more.")
    quiet = click.option("--quiet", "-q", count=True, help="Say only what is wrong.")
    return verbose(quiet(command))


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


def load_config(config_path: Path, verbose: int, quiet: int, *, log: bool = False) -> Config:
    """The configuration, with logging set up: what is done to stdout for a `log`, else warnings to stderr."""
    manner = speaking(verbose)

    from feedbot.config import load
    from feedbot.observe import redactor, set_up_logging

    config = load(config_path, os.environ)
    manner.redact = redactor({*config.secrets(), *passwords_in([config.store.url.get_secret_value()])})
    stream, usual = (sys.stdout, 0) if log else (sys.stderr, -1)
    set_up_logging(stream, verbosity=usual + verbose - quiet, redact=manner.redact)
    return config


def redaction() -> Callable[[str], str]:
    """What takes the secrets of the configuration out of a text."""
    return click.get_current_context().ensure_object(Manner).redact


def speaking(verbose: int) -> Manner:
    """How the command that runs speaks, to be told what it must not say."""
    manner = click.get_current_context().ensure_object(Manner)
    manner.verbose = verbose > 0
    return manner


def passwords_in(urls: Iterable[str]) -> set[str]:
    """Every password in the addresses of databases."""
    from urllib.parse import parse_qsl, urlsplit

    parts = [urlsplit(url) for url in urls]
    options = [value for part in parts for name, value in parse_qsl(part.query) if "pass" in name]
    return {*options, *(part.password for part in parts if part.password)}


def redacted(value: JsonObject) -> JsonObject:
    """`value` without secrets in what others said; ids, paths and texts stay as they are."""
    redact = redaction()

    def cleaned(part: Any, *, is_said: bool) -> Any:
        if isinstance(part, dict):
            return {name: cleaned(inner, is_said=is_said or name in SAID) for name, inner in part.items()}
        if isinstance(part, list):
            return [cleaned(inner, is_said=is_said) for inner in part]
        return redact(part) if is_said and isinstance(part, str) else part

    return {name: cleaned(part, is_said=name in SAID) for name, part in value.items()}


@contextmanager
def opened(config: Config, *, read_only: bool = False) -> Iterator[Engine]:
    """The database of the state, until the command is done with it; unless `read_only`, made where it is not.

    Raises StoreError.
    """
    from feedbot.store.db import open_store

    engine = open_store(config.store.url.get_secret_value(), read_only=read_only)
    try:
        yield engine
    finally:
        engine.dispose()  # for SQLite, this brings the write-ahead log home


@contextmanager
def state(config: Config, *, write: bool = False) -> Iterator[Connection]:
    """A transaction on the state, to read or to `write`. Raises StoreError if there is none yet."""
    if write:
        with opened(config, read_only=True):
            pass  # or it would be made where there is none
    with opened(config, read_only=not write) as engine, engine.begin() as connection:
        yield connection


def standings_in(config: Config) -> list[Standing]:
    """How the targets stand; none where there is no state yet."""
    from feedbot.errors import StoreError
    from feedbot.operator.standings import configured, standings

    with suppress(StoreError), state(config) as connection:
        return standings(connection, configured(config))
    return []
