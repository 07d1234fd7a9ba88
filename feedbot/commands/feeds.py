"""`feedbot build`, `run` and `serve`: the feeds written once, kept fresh, and given to readers over HTTP."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from feedbot.commands.options import common, json_option, load_config, opened, redaction
from feedbot.terminal import leave, mention, print_json, show_progress

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from feedbot.config import Config
    from feedbot.passes.build import Builder
    from feedbot.passes.prefetch import Prefetch

Command = TypeVar("Command", bound=Callable[..., Any])

log = logging.getLogger(__name__)


def _listening(command: Command) -> Command:
    """The options of commands that answer HTTP."""
    host = click.option(
        "--host", envvar="FEEDBOT_HOST", show_envvar=True,
        help="The address to listen on.  [default: 127.0.0.1, or every address where PORT is set]",
    )  # fmt: skip
    port = click.option(
        "--port", type=click.IntRange(1, 65535), default=8000, show_default=True, envvar="PORT",
        show_envvar=True, help="The port to listen on.",
    )  # fmt: skip
    return host(port(command))


@click.command(short_help="Make one pass: write the feeds that changed.")
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
    from feedbot.passes.prefetch import prefetch

    config = load_config(config_path, verbose, quiet)
    # Nothing else is loaded before the prefetch.
    with prefetch(config) as begun, _builder(config, begun=begun) as (builder, engine):
        from feedbot.report.passes import print_pass
        from feedbot.report.status import load_counts

        with show_progress(shown=not (quiet or as_json)) as progress:
            report = builder.run_until_still(allow_empty=allow_empty, progress=progress)
        if as_json:
            print_json(report.as_json())
        else:
            print_pass(report, load_counts(engine), verbose=verbose > 0, quiet=quiet > 0)
    sys.exit(1 if report.refresh.foreign else 0)


@click.command(short_help="Keep the feeds fresh until told to stop.")
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
    from feedbot.sending.deliver import make_deliverer
    from feedbot.worker import Worker

    server = None
    if with_server:
        server = _server(ctx, config, host, port, quiet=quiet > 0)
    with _builder(config, in_slices=True) as (builder, engine):
        worker = Worker(
            builder,
            deliverer=make_deliverer(config, engine, redact=redaction(), clock=builder.senders_clock),
            config=config,
            server=server,
        )
        code = worker.run()
    leave(code)


def _run_once(config: Config) -> int:
    from feedbot.report.passes import log_pass
    from feedbot.sending.deliver import make_deliverer

    with _builder(config) as (builder, engine):
        report = builder.run_until_still()
        log_pass(report, full=True, first=True)
        # What was written a moment ago is announced as soon as it has been still long enough.
        deliverer = make_deliverer(config, engine, redact=redaction(), clock=builder.senders_clock)
        deliverer.run_due(within=config.announce.settle)
    return 1 if report.refresh.foreign else 0


@click.command(short_help="Serve the feeds that are there over HTTP.")
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
        mention(f"There are no feeds in {config.feeds.place} yet: `feedbot build` makes them")
    log.info("serving", extra={"facts": {"url": server.url}})
    server.run(until_signal=True)
    log.info("stopped")
    leave(0)


def _server(ctx: click.Context, config: Config, host: str | None, port: int, *, quiet: bool) -> Any:
    from feedbot.server import Server, Terms, source_of
    from feedbot.server.operator import Desk

    if host is None:
        # Who hands out a port is a platform, whose router asks from outside.
        host = "0.0.0.0" if _source(ctx, "port") == "ENVIRONMENT" else "127.0.0.1"  # noqa: S104 - see above
    terms = Terms(
        max_age=config.serve.max_age,
        feeds_url=config.site.feeds_url,
        hub=config.feeds.hub,
        icon=config.site.icon if config.feeds.pictures else "",
    )
    routes = Desk(config, redact=redaction()).routes()
    server = Server(source_of(config), host, port, terms, routes)
    if not quiet:
        mention(f"Feeds are at {server.url} (Ctrl-C stops)")
    return server


def _source(ctx: click.Context, name: str) -> str:
    source = ctx.get_parameter_source(name)
    return source.name if source else ""


@contextmanager
def _builder(
    config: Config, *, in_slices: bool = False, begun: Prefetch | None = None
) -> Iterator[tuple[Builder, Engine]]:
    """What makes passes; `in_slices` says that a burst of articles may come over several of them."""
    from datetime import timedelta

    from feedbot.passes.build import SLICES, Builder
    from feedbot.store.clock import StoreClock

    with opened(config) as engine:
        window = SLICES if in_slices else timedelta(0)
        builder = Builder(config, engine, senders_clock=StoreClock(), window=window, begun=begun)
        yield builder, engine
