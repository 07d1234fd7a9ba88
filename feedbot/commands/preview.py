"""`feedbot preview`: what each target would get of an article, and why not where not."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from feedbot.commands.options import common, json_option, load_config, redacted, redaction
from feedbot.terminal import print_json


@click.command(short_help="Show what each target would get of an article.")
@common
@json_option
@click.option("--target", "only", metavar="NAME", help="Of this target alone.")
@click.argument("article")
def preview(
    config_path: Path, verbose: int, quiet: int, as_json: bool, only: str | None, article: str
) -> None:
    """Show exactly what each target would get of ARTICLE, and why not where not. Nothing is sent.

    ARTICLE is a path, an id or a link. Its file is read as it is now, whether it was ever looked at or not.
    Exits with 1 if it cannot be used.

    \b
    Example:
      feedbot preview content/first.md
    """
    from feedbot.clock import utc_now
    from feedbot.model import Level
    from feedbot.preview import preview_article
    from feedbot.report.preview import print_preview

    config = load_config(config_path, verbose, quiet)
    now = utc_now()
    previewed = preview_article(config, article, now, only=only)
    if as_json:
        print_json(redacted(previewed.as_json()))
    else:
        print_preview(previewed, now, redaction())
    is_wrong = any(finding.level is Level.ERROR for finding in previewed.rehearsal.findings)
    sys.exit(1 if is_wrong else 0)
