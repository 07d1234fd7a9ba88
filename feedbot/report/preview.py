"""What each target would get of an article, as a person reads it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from feedbot.moments import distance, iso
from feedbot.observe import Redact, printable
from feedbot.preview.forecast import Stage
from feedbot.report.findings import print_findings
from feedbot.report.table import tell

if TYPE_CHECKING:
    from feedbot.attempt import Preview
    from feedbot.preview import Previewed, Prospect
    from feedbot.preview.forecast import Obstacle

VERDICTS = {
    "now": ("goes out", "green"),
    "later": ("goes out later", "yellow"),
    "no": ("does not go out", "red"),
}
WITHOUT_DESCRIPTIONS = {"discord", "mattermost"}  # their messages have no place for what a picture shows


def print_preview(previewed: Previewed, now: datetime, redact: Redact) -> None:
    """The article, and for each target what is in its way and the very text."""
    rehearsal, article = previewed.rehearsal, previewed.rehearsal.scene.article
    click.secho(printable(f"{rehearsal.name}: {article.title}" if article else rehearsal.name), bold=True)
    if rehearsal.scene.article_id:
        click.echo(printable(rehearsal.scene.article_id))
    print_findings(rehearsal.findings)
    if previewed.remark:
        tell(redact(printable(previewed.remark)), hang=2, fg="yellow")
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
        tell(_told(obstacle, now, redact), margin=2, hang=2)
    if prospect.preview:
        _print_text(prospect.preview, prospect.kind)


def _told(obstacle: Obstacle, now: datetime, redact: Redact) -> str:
    until = f"{iso(obstacle.until)} ({distance(obstacle.until, now)})" if obstacle.until else ""
    if until:
        until = f", {until}" if obstacle.stage is Stage.DATE else f", until {until}"
    hint = f"; {obstacle.hint}" if obstacle.hint else ""
    return f"{obstacle.stage}: {redact(printable(obstacle.reason))}{until}{hint}"


def _print_text(preview: Preview, kind: str) -> None:
    for line in preview.text.splitlines():
        click.echo(f"  | {printable(line)}".rstrip())
    if preview.length is not None:
        limit = f" of {preview.limit}" if preview.limit is not None else ""
        click.echo(f"  length: {preview.length}{limit}")
    if preview.picture:
        click.echo(f"  picture: {printable(preview.picture)}")
        if preview.picture_text or kind not in WITHOUT_DESCRIPTIONS:
            tell(f"described as: {printable(preview.picture_text) or 'nothing'}", margin=2, hang=2)
    for note in preview.notes:
        tell(f"note: {printable(note)}", margin=2, hang=2)
