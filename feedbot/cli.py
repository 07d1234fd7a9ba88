"""The command line, with the commands about the installation: its beginning, what is wrong, how it stands.

Each command loads the configuration, calls one function and prints. Nothing heavy is imported here: `feedbot
--help` answers before the libraries of a single command are loaded. Whatever a command fails of becomes a
message without secrets, and an exit code: 1, or 2 for a wrong command line or configuration.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedbot import __version__
from feedbot.commands.deliveries import deliveries
from feedbot.commands.feeds import build, run, serve
from feedbot.commands.options import (
    common,
    json_option,
    load_config,
    opened,
    redacted,
    redaction,
    standings_in,
)
from feedbot.commands.preview import preview
from feedbot.commands.store import store
from feedbot.commands.targets import targets
from feedbot.errors import FeedbotError
from feedbot.terminal import (
    Group,
    fitted,
    prepare_streams,
    print_json,
    show_progress,
    speak_utf8,
    wants_colour,
)

if TYPE_CHECKING:
    from feedbot.model import JsonObject


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


for command in (build, run, serve, deliveries, targets, preview, store):
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
    if url is None:
        url = click.prompt("Where people read it", default=home, value_proc=address) if ask else home
    for path in scaffold(folder, title=title, url=url):
        click.echo(f"wrote {path}")
    if url == home:
        remark = (
            f"The address {home} is only an example. Put yours into site.url and site.id_base of config.yaml"
            " before the first pass: every id begins with it, for ever"
        )
        click.echo(fitted(remark), err=True)
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
    from feedbot.operator.trial import check_targets, untried
    from feedbot.report.findings import as_findings, print_checked

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
        shown = {"verbose": verbose > 0, "quiet": quiet > 0}
        print_checked(checked, config_path, config.lines, utc_now(), redaction(), **shown)
    sys.exit(1 if checked.problems else 0)


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
    from feedbot.operator.standings import configured
    from feedbot.report.status import load_status
    from feedbot.report.summary import print_status

    config = load_config(config_path, verbose, quiet)
    with opened(config, read_only=True) as engine:
        found = load_status(engine, configured(config))
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
