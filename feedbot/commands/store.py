"""`feedbot store`: taking the state from one database to another."""

from __future__ import annotations

import os
from pathlib import Path

import click

from feedbot.commands.options import json_option, loudness, passwords_in, speaking
from feedbot.terminal import print_json, show_progress


@click.group(short_help="Copy the state to another database.")
def store() -> None:
    """What feedbot knows, as a whole.

    \b
    Example:
      feedbot store copy .feedbot/feedbot.db postgres://db.example.com/feedbot
    """


@store.command(short_help="Copy the state to another database.")
@loudness
@json_option
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy(verbose: int, quiet: int, as_json: bool, source: str, target: str) -> None:
    """Copy the whole state FROM one database TO an empty one, all of it or nothing.

    Each is the path of an SQLite file or an address as in `store.url`; ${NAME} in it is replaced by the
    variable. Stop the worker first: nothing can change while it is copied.

    \b
    Example:
      feedbot store copy .feedbot/feedbot.db '${DATABASE_URL}'
    """
    from msgspec.structs import asdict

    from feedbot.moments import number_of
    from feedbot.observe import redactor
    from feedbot.report.lines import tell
    from feedbot.store.copying import copy_state
    from feedbot.store.db import shown

    source, target = _address(source, "FROM"), _address(target, "TO")
    speaking(verbose).redact = redactor(passwords_in([source, target]))
    with show_progress("Copying", "copied", "rows", shown=not (quiet or as_json)) as progress:
        copied = copy_state(source, target, progress)
    if as_json:
        print_json({"from": shown(source), "to": shown(target), **asdict(copied)})
    elif not quiet:
        waiting = f", of which {copied.waiting:,} wait" if copied.waiting else ""
        tell(
            f"copied {number_of(copied.articles, 'article')} and"
            f" {number_of(copied.deliveries, 'delivery', 'deliveries')}{waiting}:"
            f" {number_of(copied.rows, 'row')} in all"
        )
        tell(f"now let store.url or DATABASE_URL be {_as_configured(shown(target))} and start the worker;")
        tell(f"start none on {shown(source)} any more: it would announce again what comes now")


def _as_configured(shown: str) -> str:
    """A database as the configuration names it: that of a file is no mere path there."""
    from feedbot.config import file_address

    return shown if "://" in shown else file_address(shown)


def _address(text: str, name: str) -> str:
    from feedbot.config import database_url
    from feedbot.errors import ConfigError

    try:
        return database_url(text, os.environ, Path.cwd())
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint=name) from error
