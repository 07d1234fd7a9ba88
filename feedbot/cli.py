"""The command line, and the commands for feeds. Each loads the configuration, calls one function and prints.

Nothing heavy is imported here: `feedbot --help` answers before the libraries of a single command are loaded.
Whatever a command fails of becomes a message without secrets, and an exit code: 1, or 2 for a wrong command
line or configuration.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from feedbot import __version__
from feedbot.commands.deliveries import deliveries
from feedbot.commands.options import common, json_option, load_config, redacted, redaction, standings_in
from feedbot.commands.preview import preview
from feedbot.commands.store import store
from feedbot.commands.targets import targets
from feedbot.errors import FeedbotError
from feedbot.terminal import (
    Group,
    leave,
    prepare_streams,
    print_json,
    show_progress,
    speak_utf8,
    wants_colour,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from feedbot.build import Builder
    from feedbot.config import Config
    from feedbot.model import JsonObject

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="feedbot %(version)s")
def main() -> None:
    """Turn a folder of articles into RSS, Atom and JSON feeds, keep them fresh, and announce what is new.

    \b
    Example:
      feedbot init            start in an empty folder
      feedbot run --serve     keep the feeds fresh, serve them, announce what is new
    """
    click.get_current_context().color = wants_colour(os.environ)
    speak_utf8()
    prepare_streams()


def _listening(command: Command) -> Command:
    """The options of commands that answer HTTP."""
    host = click.option(
        "--host", envvar="FEEDBOT_HOST",
        help="The address to listen on.  [default: 127.0.0.1, or every address where PORT is set]",
    )  # fmt: skip
    port = click.option(
        "--port", type=click.IntRange(1, 65535), default=8000, show_default=True, envvar="PORT",
        show_envvar=True, help="The port to listen on.",
    )  # fmt: skip
    return host(port(command))


@contextmanager
def _builder(config: Config, *, in_slices: bool = False) -> Iterator[tuple[Builder, Engine]]:
    """What makes passes; `in_slices` says that a burst of articles may come over several of them."""
    from datetime import timedelta

    from feedbot.build import SLICES, Builder
    from feedbot.store.db import open_store

    engine = open_store(config.store.url.get_secret_value())
    try:
        yield Builder(config, engine, window=SLICES if in_slices else timedelta(0)), engine
    finally:
        engine.dispose()  # for SQLite, this brings the write-ahead log home


for command in (deliveries, targets, preview, store):
    main.add_command(command)


@main.command(short_help="Write a config.yaml and a first article.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--title", help="The site's name.")
@click.option("--url", help="Where people read the site.")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing.")
def init(folder: Path, title: str | None, url: str | None, yes: bool) -> None:
    """Write a config.yaml and a first article into FOLDER (this one, if none is given).

    Nothing that is there is written over.

    \b
    Example:
      feedbot init news --title "Harbour News" --url https://news.example.com/
    """
    from feedbot.scaffold import next_step, refuse_existing, require_address, scaffold

    def address(text: str) -> str:
        try:
            return require_address(text)
        except FeedbotError as error:
            raise click.BadParameter(str(error)) from error

    refuse_existing(folder)
    ask = sys.stdin.isatty() and not yes
    if title is None:
        title = click.prompt("Name of the site", default="My News") if ask else "My News"
    home = "https://example.com/"
    is_made_up = url is None and not ask
    if url is None:
        url = click.prompt("Where people read it", default=home, value_proc=address) if ask else home
    for path in scaffold(folder, title=title, url=url):
        click.echo(f"wrote {path}")
    if is_made_up:
        click.echo(
            f"--url was not given, so the site is {home} for now. Put your address into site.url and"
            " site.id_base of config.yaml before the first pass: every id begins with it, for ever",
            err=True,
        )
    click.echo(next_step(folder))


@main.command(short_help="List every problem in the configuration and the articles.")
@common
@json_option
@click.option("--online", is_flag=True, help="Try targets and bucket, too, unseen by readers.")
def check(config_path: Path, verbose: int, quiet: int, as_json: bool, online: bool) -> None:
    """List every problem in the configuration and in the articles; change nothing.

    Exits with 1 if there is anything to mend in the articles or with a target, with 2 if it is the
    configuration.

    \b
    Example:
      feedbot check --config newsroom.yaml
      feedbot check --online
    """
    from feedbot.check import check_bucket, check_content
    from feedbot.clock import utc_now
    from feedbot.config import InvalidConfig
    from feedbot.report.findings import as_findings, print_checked
    from feedbot.trial import check_targets, untried

    try:
        config = load_config(config_path, verbose, quiet)
    except InvalidConfig as error:
        if not as_json:
            raise
        nothing: JsonObject = {"targets": [], "untried": [], "not_ready": []}
        print_json({"files": 0, "findings": as_findings(error.problems), **nothing})
        sys.exit(error.exit_code)
    with show_progress(shown=not (quiet or as_json)) as progress:
        checked = check_content(config, progress=progress)
    if online:
        there = standings_in(config)
        checked = checked.with_findings(check_bucket(config))
        checked = checked.with_targets(check_targets(config), untried=untried(config), standings=there)
    if as_json:
        print_json(redacted(checked.as_json()))
    else:
        now = utc_now()
        print_checked(checked, config_path, now, redaction(), verbose=verbose > 0, quiet=quiet > 0)
    sys.exit(1 if checked.problems else 0)


@main.command(short_help="Make one pass: write the feeds that changed.")
@common
@json_option
@click.option("--allow-empty", is_flag=True, help="Let a content folder lose all of its articles at once.")
def build(config_path: Path, verbose: int, quiet: int, as_json: bool, allow_empty: bool) -> None:
    """Make one pass: read the articles that changed, write the feeds that differ.

    An article that cannot be read costs only itself. Exits with 1 if a document could not be written.

    \b
    Example:
      feedbot build --json
    """
    from feedbot.report.passes import print_pass
    from feedbot.report.status import load_status

    config = load_config(config_path, verbose, quiet)
    with _builder(config) as (builder, engine):
        with show_progress(shown=not (quiet or as_json)) as progress:
            report = builder.run_settled(allow_empty=allow_empty, progress=progress)
        if as_json:
            print_json(report.as_json())
        else:
            print_pass(report, load_status(engine), verbose=verbose > 0, quiet=quiet > 0)
    sys.exit(1 if report.refresh.foreign else 0)


@main.command(short_help="Keep the feeds fresh until told to stop.")
@common
@click.option("--serve", "with_server", is_flag=True, help="Answer HTTP, too: a whole installation.")
@click.option("--once", is_flag=True, help="Make one pass, send what is due and end, for cron.")
@_listening
@click.pass_context
def run(
    ctx: click.Context,
    config_path: Path,
    verbose: int,
    quiet: int,
    with_server: bool,
    once: bool,
    host: str | None,
    port: int,
) -> None:
    """Keep the feeds fresh and announce what is new until told to stop.

    SIGTERM or Ctrl-C finishes the pass and what is being sent; a second one stops at once.

    \b
    Example:
      feedbot run --serve --port 8080
    """
    if once and with_server:
        raise click.UsageError("--once ends after one pass and --serve does not: choose one of them")
    if not with_server and "COMMANDLINE" in {_source(ctx, "host"), _source(ctx, "port")}:
        raise click.UsageError("--host and --port need --serve")
    config = load_config(config_path, verbose, quiet, log=True)
    if once:
        sys.exit(_run_once(config))
    from feedbot.deliver import make_deliverer
    from feedbot.worker import Worker

    server = None
    if with_server:
        server = _server(ctx, config, host, port, quiet=quiet > 0)
    with _builder(config, in_slices=True) as (builder, engine):
        worker = Worker(
            builder,
            deliverer=make_deliverer(config, engine, redact=redaction()),
            config=config.path,
            folders=config.content.paths,
            scan=config.schedule.scan,
            timezone=config.content.timezone,
            server=server,
        )
        code = worker.run()
    leave(code)


def _run_once(config: Config) -> int:
    from feedbot.clock import utc_now
    from feedbot.deliver import make_deliverer
    from feedbot.report.passes import log_pass

    with _builder(config) as (builder, engine):
        report = builder.run_settled()
        log_pass(report, full=True, first=True)
        # What was written a moment ago is announced as soon as it has been still long enough.
        until = utc_now() + config.announce.settle
        make_deliverer(config, engine, redact=redaction()).run_due(until)
    return 1 if report.refresh.foreign else 0


@main.command(short_help="Serve the feeds that are there over HTTP.")
@common
@_listening
@click.pass_context
def serve(
    ctx: click.Context, config_path: Path, verbose: int, quiet: int, host: str | None, port: int
) -> None:
    """Serve the feeds that are there over HTTP, and nothing else.

    \b
    Example:
      feedbot serve --host 0.0.0.0 --port 8000
    """
    config = load_config(config_path, verbose, quiet, log=True)
    server = _server(ctx, config, host, port, quiet=quiet > 0)
    if not server.has_documents():
        click.echo(f"There are no feeds in {config.feeds.place} yet: `feedbot build` makes them", err=True)
    server.run(until_signal=True)
    leave(0)


def _server(ctx: click.Context, config: Config, host: str | None, port: int, *, quiet: bool) -> Any:
    from feedbot.server import Server, Terms, source_of
    from feedbot.server.operator import Desk, operator_routes

    if host is None:
        # Who hands out a port is a platform, whose router asks from outside.
        host = "0.0.0.0" if _source(ctx, "port") == "ENVIRONMENT" else "127.0.0.1"  # noqa: S104 - see above
    terms = Terms(max_age=config.serve.max_age, feeds_url=config.site.feeds_url, hub=config.feeds.hub)
    routes = operator_routes(Desk(config, redact=redaction()))
    server = Server(source_of(config), host, port, terms, routes)
    if not quiet:
        click.echo(f"Feeds are at {server.url} (Ctrl-C stops)", err=True)
    return server


def _source(ctx: click.Context, name: str) -> str:
    source = ctx.get_parameter_source(name)
    return source.name if source else ""


@main.command(short_help="Show what is indexed, waiting and failing.")
@common
@json_option
def status(config_path: Path, verbose: int, quiet: int, as_json: bool) -> None:
    """Show what is indexed, what is to be mended, what waits to be sent, and what the last passes did.

    Exits with 0 whatever there is to tell, and with 1 if the state cannot be read.

    \b
    Example:
      feedbot status --json
    """
    from feedbot.clock import utc_now
    from feedbot.report.status import load_status
    from feedbot.report.summary import print_status
    from feedbot.standings import configured
    from feedbot.store.db import open_store

    config = load_config(config_path, verbose, quiet)
    engine = open_store(config.store.url.get_secret_value(), read_only=True)
    found = load_status(engine, configured(config))
    engine.dispose()
    if as_json:
        print_json(redacted(found))
    else:
        print_status(found, utc_now(), redaction(), verbose=verbose > 0, quiet=quiet > 0)


@main.command(short_help="Print the JSON Schema of config.yaml, for editors.")
def schema() -> None:
    """Print the JSON Schema of config.yaml, for editors.

    \b
    Example:
      feedbot schema > config.schema.json
    """
    from feedbot.config import json_schema

    print_json(json_schema())
