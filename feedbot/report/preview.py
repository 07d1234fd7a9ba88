"""What each target would get of an article, as a person reads it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from feedbot.moments import distance, iso
from feedbot.observe import Redact, printable
from feedbot.report.findings import print_findings

if TYPE_CHECKING:
    from feedbot.attempt import Preview
    from feedbot.preview import Previewed, Prospect
    from feedbot.preview.forecast import Obstacle

VERDICTS = {
    "now": ("goes out", "green"),
    "later": ("goes out later", "yellow"),
    "no": ("does not go out", "red"),
}


def print_preview(previewed: Previewed, now: datetime, redact: Redact) -> None:
    """The article, and for each target what is in its way and the very text."""
    rehearsal, article = previewed.rehearsal, previewed.rehearsal.scene.article
    click.secho(printable(f"{rehearsal.name}: {article.title}" if article else rehearsal.name), bold=True)
    if rehearsal.scene.article_id:
        click.echo(printable(rehearsal.scene.article_id))
    print_findings(rehearsal.findings)
    if previewed.remark:
        click.secho(redact(printable(previewed.remark)), fg="yellow")
    if not previewed.prospects:
        click.echo("config.yaml has no targets: docs/announcing.md shows how to add one.")
    for prospect in previewed.prospects:
        click.echo()
        _print_prospect(prospect, now, redact)


def _print_prospect(prospect: Prospect, now: datetime, redact: Redact) -> None:
    verdict, colour = VERDICTS[prospect.verdict]
    event = f"{prospect.event} " if prospect.event else ""
    name = click.style(printable(f"{prospect.target} ({prospect.kind})"), bold=True)
    click.echo(f"{name}: {event}{click.style(verdict, fg=colour)}")
    for obstacle in prospect.obstacles:
        click.echo(f"  {_told(obstacle, now, redact)}")
    if prospect.preview:
        _print_text(prospect.preview)


def _told(obstacle: Obstacle, now: datetime, redact: Redact) -> str:
    until = f", until {iso(obstacle.until)} ({distance(obstacle.until, now)})" if obstacle.until else ""
    hint = f"; {obstacle.hint}" if obstacle.hint else ""
    return f"{obstacle.stage}: {redact(printable(obstacle.reason))}{until}{hint}"


def _print_text(preview: Preview) -> None:
    for line in preview.text.splitlines():
        click.echo(f"  | {printable(line)}".rstrip())
    if preview.length is not None:
        limit = f" of {preview.limit}" if preview.limit is not None else ""
        click.echo(f"  length: {preview.length}{limit}")
    if preview.picture:
        click.echo(f"  picture: {printable(preview.picture)}")
        click.echo(f"  described as: {printable(preview.picture_text) or 'nothing'}")
    for note in preview.notes:
        click.echo(f"  note: {printable(note)}")
