"""The commands. Each loads the configuration, calls one function and prints.

Nothing heavy is imported here: `feedbot --help` answers before the libraries of a single command are loaded.
Whatever a command fails of becomes a message without secrets, and an exit code: 1, or 2 for a wrong command
line or configuration.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from feedbot import __version__
from feedbot.errors import FeedbotError
from feedbot.terminal import Group, Manner, leave, prepare_streams, print_json, show_progress, speak_utf8

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from feedbot.build import Builder
    from feedbot.config import Config

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="feedbot %(version)s")
def main() -> None:
    """Turn a folder of articles into RSS, Atom and JSON feeds, and keep them fresh.

    \b
    Example:
      feedbot init            start in an empty folder
      feedbot run --serve     keep the feeds fresh and serve them
    """
    gc.set_threshold(50_000)  # imports make many objects and no garbage: a tenth of a short command's time
    speak_utf8()
    prepare_streams()


def _common(command: Command) -> Command:
    """The options of every command that reads the configuration."""
    config = click.option(
        "--config", "-c", "config_path", type=click.Path(dir_okay=False, path_type=Path), metavar="PATH",
        default=Path("config.yaml"), show_default=True, envvar="FEEDBOT_CONFIG", show_envvar=True,
        help="The configuration file.",
    )  # fmt: skip
    verbose = click.option("--verbose", "-v", count=True, help="Say more.")
    quiet = click.option("--quiet", "-q", count=True, help="Say only what is wrong.")
    return config(verbose(quiet(command)))


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


_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


def _load(config_path: Path, verbose: int, quiet: int, *, log: bool = False) -> Config:
    """The configuration, with logging set up: what is done to stdout for a `log`, else warnings to stderr."""
    manner = click.get_current_context().find_object(Manner) or Manner()
    manner.verbose = verbose > 0

    from feedbot.config import load
    from feedbot.observe import redactor, set_up_logging

    config = load(config_path, os.environ)
    manner.redact = redactor(_secrets(config))
    stream, usual = (sys.stdout, 0) if log else (sys.stderr, -1)
    set_up_logging(stream, verbosity=usual + verbose - quiet, redact=manner.redact)
    return config


def _redact() -> Callable[[str], str]:
    """What takes the secrets of the configuration out of a text."""
    manner = click.get_current_context().find_object(Manner) or Manner()
    return manner.redact


def _secrets(config: Config) -> set[str]:
    from urllib.parse import parse_qsl, urlsplit

    options = parse_qsl(urlsplit(config.store.url.get_secret_value()).query)
    return {*config.secrets(), *(value for name, value in options if "pass" in name)}


@contextmanager
def _builder(config: Config) -> Iterator[tuple[Builder, Engine]]:
    from feedbot.build import Builder
    from feedbot.store.db import open_store

    engine = open_store(config.store.url.get_secret_value())
    try:
        yield Builder(config, engine), engine
    finally:
        engine.dispose()  # for SQLite, this brings the write-ahead log home


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
    if url is None:
        home = "https://example.com/"
        url = click.prompt("Where people read it", default=home, value_proc=address) if ask else home
    for path in scaffold(folder, title=title, url=url):
        click.echo(f"wrote {path}")
    click.echo(next_step(folder))


@main.command(short_help="List every problem in the configuration and the articles.")
@_common
@_json
def check(config_path: Path, verbose: int, quiet: int, as_json: bool) -> None:
    """List every problem in the configuration and in the articles; change nothing.

    Exits with 1 if there is anything to mend in the articles, with 2 if it is the configuration.

    \b
    Example:
      feedbot check --config newsroom.yaml
    """
    from feedbot.check import check_content
    from feedbot.config import InvalidConfig
    from feedbot.model import Level
    from feedbot.report import as_findings, print_findings

    try:
        config = _load(config_path, verbose, quiet)
    except InvalidConfig as error:
        if not as_json:
            raise
        print_json({"files": 0, "findings": as_findings(error.problems)})
        sys.exit(error.exit_code)
    with show_progress(shown=not (quiet or as_json)) as progress:
        checked = check_content(config, progress=progress)
    problems = [finding for finding in checked.findings if finding.level is not Level.INFO]
    if as_json:
        print_json(checked.as_json())
    else:
        print_findings(checked.findings if verbose else problems)
        if not quiet:
            click.echo(checked.summary(with_infos=bool(verbose)))
    sys.exit(1 if problems else 0)


@main.command(short_help="Make one pass: write the feeds that changed.")
@_common
@_json
@click.option("--allow-empty", is_flag=True, help="Let a content folder lose all of its articles at once.")
def build(config_path: Path, verbose: int, quiet: int, as_json: bool, allow_empty: bool) -> None:
    """Make one pass: read the articles that changed, write the feeds that differ.

    An article that cannot be read costs only itself. Exits with 1 if a document could not be written.

    \b
    Example:
      feedbot build --json
    """
    from feedbot.report import load_status, print_pass

    config = _load(config_path, verbose, quiet)
    with _builder(config) as (builder, engine):
        with show_progress(shown=not (quiet or as_json)) as progress:
            report = builder.run_settled(allow_empty=allow_empty, progress=progress)
        if as_json:
            print_json(report.as_json())
        else:
            print_pass(report, load_status(engine), verbose=verbose > 0, quiet=quiet > 0)
    sys.exit(1 if report.refresh.foreign else 0)


@main.command(short_help="Keep the feeds fresh until told to stop.")
@_common
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
    config = _load(config_path, verbose, quiet, log=True)
    if once:
        sys.exit(_run_once(config))
    from feedbot.deliver import make_deliverer
    from feedbot.worker import Worker

    server = None
    if with_server:
        server = _server(ctx, config, host, port, quiet=quiet > 0)
    with _builder(config) as (builder, engine):
        worker = Worker(
            builder,
            deliverer=make_deliverer(config, engine, redact=_redact()),
            folders=config.content.paths,
            scan=config.schedule.scan,
            timezone=config.content.timezone,
            server=server,
        )
        code = worker.run()
    leave(code)


def _run_once(config: Config) -> int:
    from feedbot.build import utc_now
    from feedbot.deliver import make_deliverer
    from feedbot.worker import tell

    with _builder(config) as (builder, engine):
        report = builder.run_settled()
        tell(report, full=True, first=True)
        # What was written a moment ago is announced as soon as it has been still long enough.
        until = utc_now() + config.announce.settle
        make_deliverer(config, engine, redact=_redact()).run_due(until)
    return 1 if report.refresh.foreign else 0


@main.command(short_help="Serve the feeds that are there over HTTP.")
@_common
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
    config = _load(config_path, verbose, quiet, log=True)
    server = _server(ctx, config, host, port, quiet=quiet > 0)
    if not (config.feeds.folder / "index.html").exists():
        click.echo(f"There are no feeds in {config.feeds.folder} yet: `feedbot build` makes them", err=True)
    server.run(until_signal=True)
    leave(0)


def _server(ctx: click.Context, config: Config, host: str | None, port: int, *, quiet: bool) -> Any:
    from feedbot.server import Server

    if host is None:
        # Who hands out a port is a platform, whose router asks from outside.
        host = "0.0.0.0" if _source(ctx, "port") == "ENVIRONMENT" else "127.0.0.1"  # noqa: S104 - see above
    server = Server(config.feeds.folder, host, port)
    if not quiet:
        click.echo(f"Feeds are at {server.url} (Ctrl-C stops)", err=True)
    return server


def _source(ctx: click.Context, name: str) -> str:
    source = ctx.get_parameter_source(name)
    return source.name if source else ""


@main.command(short_help="Show what is indexed, what to mend, and the last passes.")
@_common
@_json
def status(config_path: Path, verbose: int, quiet: int, as_json: bool) -> None:
    """Show what is indexed, what is to be mended, and what the last passes did.

    \b
    Example:
      feedbot status --json
    """
    from feedbot.report import load_status, print_status
    from feedbot.store.db import open_store

    config = _load(config_path, verbose, quiet)
    engine = open_store(config.store.url.get_secret_value(), read_only=True)
    found = load_status(engine)
    engine.dispose()
    if as_json:
        print_json(found)
    else:
        print_status(found, verbose=verbose > 0, quiet=quiet > 0)


@main.command(short_help="Print the JSON Schema of config.yaml, for editors.")
def schema() -> None:
    """Print the JSON Schema of config.yaml, for editors.

    \b
    Example:
      feedbot schema > config.schema.json
    """
    from feedbot.config import json_schema

    print_json(json_schema())
