"""The commands. Each loads the configuration, calls one function and prints.

Nothing heavy is imported here: `feedbot --help` answers before the libraries of a single command are loaded.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from feedbot import __version__
from feedbot.errors import FeedbotError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from feedbot.build import Builder
    from feedbot.config import Config
    from feedbot.model import Finding
    from feedbot.sync import Progress

Command = TypeVar("Command", bound=Callable[..., Any])


class _Group(click.Group):
    """Prints feedbot's own errors as one message that tells the next step."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FeedbotError as error:
            click.echo(f"feedbot: {error}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="feedbot %(version)s")
def main() -> None:
    """Turn a folder of articles into RSS, Atom and JSON feeds, and keep them fresh.

    \b
    feedbot init            start in an empty folder
    feedbot run --serve     keep the feeds fresh and serve them
    """


def _common(command: Command) -> Command:
    """The options of every command that reads the configuration."""
    config = click.option(
        "--config", "-c", "config_path", type=click.Path(dir_okay=False, path_type=Path), metavar="PATH",
        default=Path("config.yaml"), show_default="config.yaml", envvar="FEEDBOT_CONFIG",
        help="The configuration file.",
    )  # fmt: skip
    verbose = click.option("--verbose", "-v", count=True, help="Say more.")
    quiet = click.option("--quiet", "-q", count=True, help="Say only what is wrong.")
    return config(verbose(quiet(command)))


_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


def _load(config_path: Path, *, verbosity: int = 0, log_to_stdout: bool = False) -> Config:
    import os

    from feedbot.config import load
    from feedbot.observe import set_up_logging

    config = load(config_path, os.environ)
    stream = sys.stdout if log_to_stdout else sys.stderr
    set_up_logging(stream, verbosity=verbosity, secrets=config.secrets())
    return config


def _builder(config: Config) -> tuple[Builder, Engine]:
    from feedbot.build import Builder
    from feedbot.store.db import open_store

    engine = open_store(config.store.url.get_secret_value())
    return Builder(config, engine), engine


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    """A bar on a terminal, a plain line every thousand files elsewhere."""
    if quiet:
        yield lambda _done, _total: None
    elif sys.stderr.isatty():
        with click.progressbar(length=0, label="Reading", file=sys.stderr, show_pos=True) as bar:

            def show(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            yield show
    else:

        def tell(done: int, total: int) -> None:
            if total > 2000 and done % 2000 == 0:
                click.echo(f"read {done} of {total} files", err=True)

        yield tell


@main.command()
@_common
@_json
@click.option("--allow-empty", is_flag=True, help="Let a content folder lose all of its articles at once.")
def build(config_path: Path, verbose: int, quiet: int, as_json: bool, allow_empty: bool) -> None:
    """Make one pass: read what changed, write the feeds it changes.

    \b
    Example:
      feedbot build --json
    """
    from feedbot.report import load_status, print_pass

    builder, engine = _builder(_load(config_path, verbosity=verbose - quiet - 1))
    with _progress(bool(quiet) or as_json) as progress:
        report = builder.run_settled(allow_empty=allow_empty, progress=progress)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    elif not quiet:
        print_pass(report, load_status(engine))


@main.command()
@_common
@click.option(
    "--serve", "with_server", is_flag=True, help="Answer HTTP too: a whole installation in one process."
)
@click.option("--once", is_flag=True, help="Make one pass and end, for cron.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="With --serve: the address to listen on."
)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, envvar="PORT",
              help="With --serve: the port.")  # fmt: skip
def run(
    config_path: Path, verbose: int, quiet: int, with_server: bool, once: bool, host: str, port: int
) -> None:
    """Keep the feeds fresh until told to stop.

    SIGTERM or Ctrl-C finishes the pass; a second one stops at once.

    \b
    Example:
      feedbot run --serve --port 8080
    """
    config = _load(config_path, verbosity=verbose - quiet, log_to_stdout=True)
    if once:
        from feedbot.worker import tell

        tell(_builder(config)[0].run_settled(), full=True, first=True)
        return
    from feedbot.worker import Worker

    server = None
    if with_server:
        from feedbot.server import Server

        server = Server(config.feeds.folder, host, port)
        if not quiet:
            click.echo(f"Feeds are at {server.url} (Ctrl-C stops)", err=True)
    worker = Worker(
        _builder(config)[0],
        folders=config.content.paths,
        scan=config.schedule.scan,
        timezone=config.content.timezone,
        server=server,
    )
    sys.exit(worker.run())


@main.command()
@_common
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, envvar="PORT",
              help="The port.")  # fmt: skip
def serve(config_path: Path, verbose: int, quiet: int, host: str, port: int) -> None:
    """Serve the feeds that are there over HTTP, and nothing else.

    \b
    Example:
      feedbot serve --host 0.0.0.0 --port 8000
    """
    from feedbot.server import Server

    config = _load(config_path, verbosity=verbose - quiet, log_to_stdout=True)
    server = Server(config.feeds.folder, host, port)
    if not quiet:
        click.echo(f"Feeds are at {server.url} (Ctrl-C stops)", err=True)
    server.run(until_signal=True)


@main.command()
@_common
@_json
def check(config_path: Path, verbose: int, quiet: int, as_json: bool) -> None:
    """Look for problems in the configuration and in every article; changes nothing.

    Exits with 1 if there is anything to mend.

    \b
    Example:
      feedbot check --config newsroom.yaml
    """
    from feedbot.check import check_content
    from feedbot.model import Level

    config = _load(config_path, verbosity=verbose - quiet - 1)
    with _progress(bool(quiet) or as_json) as progress:
        checked = check_content(config, progress=progress)
    problems = [finding for finding in checked.findings if finding.level is not Level.INFO]
    if as_json:
        click.echo(json.dumps(checked.as_json(), indent=2, ensure_ascii=False))
    else:
        _print_findings(checked.findings if verbose else problems)
        if not quiet:
            click.echo(checked.summary(with_infos=bool(verbose)))
    sys.exit(1 if problems else 0)


def _print_findings(findings: Sequence[Finding]) -> None:
    for finding in findings:
        click.echo(f"{finding.place}: {finding.level}: {finding.what}")
        if finding.hint:
            click.echo(f"    {finding.hint}")


@main.command()
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

    config = _load(config_path, verbosity=verbose - quiet - 1)
    found = load_status(open_store(config.store.url.get_secret_value(), read_only=True))
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print_status(found, verbose=bool(verbose))


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--title", help="The site's name.")
@click.option("--url", help="Where people read the site.")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing.")
def init(folder: Path, title: str | None, url: str | None, yes: bool) -> None:
    """Write a config.yaml and a first article into FOLDER (this one, if none is given).

    \b
    Example:
      feedbot init news --title "Harbour News" --url https://news.example.com/
    """
    from feedbot.scaffold import scaffold

    ask = sys.stdin.isatty() and not yes
    title = title or (click.prompt("Name of the site", default="My News") if ask else "My News")
    url = url or (
        click.prompt("Where people read it", default="https://example.com/")
        if ask
        else "https://example.com/"
    )
    for path in scaffold(folder, title=title, url=url):
        click.echo(f"wrote {path}")
    where = "" if folder == Path() else f"cd {folder} && "
    click.echo(f"Next: {where}feedbot run --serve")


@main.command()
def schema() -> None:
    """Print the JSON Schema of config.yaml, for editors.

    \b
    Example:
      feedbot schema > config.schema.json
    """
    from feedbot.config import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
