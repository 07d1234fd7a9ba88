"""What each target would get of an article, as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from feedbot.observe import Redact
from feedbot.preview.forecast import Stage, of_article
from feedbot.report.findings import print_findings
from feedbot.report.fit import wrap
from feedbot.report.lines import NO_TARGETS, coloured, exactly, legible, tell, tell_whole, terminal_width

if TYPE_CHECKING:
    from feedbot.attempt import Preview
    from feedbot.preview import Previewed, Prospect
    from feedbot.preview.forecast import Obstacle

GUTTER = "  | "  # before each line of what would be sent
GOES_ON = "  : "  # before the rest of one that does not fit
NARROWEST = 20  # columns that are worth wrapping for
ASK = {Stage.FILE, Stage.DEAD, Stage.TARGET}  # what nobody decided: it needs to be mended
WITHOUT_DESCRIPTIONS = {"discord", "mattermost"}  # their messages have no place for what a picture shows


def print_preview(previewed: Previewed, now: datetime, redact: Redact) -> None:
    """The article, and for each target what is in its way and the very text."""
    rehearsal, article = previewed.rehearsal, previewed.rehearsal.scene.article
    name = click.style(legible(rehearsal.name), bold=True)
    if article:
        tell(click.style(legible(article.title), bold=True), lead=f"{name}: ", hang=2)
    else:
        tell_whole(name)
    if rehearsal.scene.article_id:
        tell_whole(legible(rehearsal.scene.article_id))
    print_findings(rehearsal.findings)
    if previewed.remark:
        tell(redact(legible(previewed.remark)), hang=2, state="warning")
    if not previewed.prospects:
        _print_obstacles(of_article(rehearsal.scene), now, redact)
        tell(NO_TARGETS)
    for prospect in previewed.prospects:
        click.echo()
        _print_prospect(prospect, now, redact)


def _print_prospect(prospect: Prospect, now: datetime, redact: Redact) -> None:
    event = f"{prospect.event} " if prospect.event else ""
    name = click.style(legible(prospect.target), bold=True)
    tell(f"({prospect.type}): {event}{_verdict(prospect)}", lead=f"{name} ", hang=2)
    _print_obstacles(prospect.obstacles, now, redact)
    if prospect.preview:
        _print_text(prospect.preview, prospect.type)


def _print_obstacles(obstacles: Sequence[Obstacle], now: datetime, redact: Redact) -> None:
    for obstacle in obstacles:
        tell(_told(obstacle, now, redact), margin=2, hang=2)


def _verdict(prospect: Prospect) -> str:
    """Whether it goes out; only what somebody has to mend is red."""
    stages = {obstacle.stage for obstacle in prospect.obstacles}
    if prospect.verdict == "now":
        return coloured("goes out", "fine")
    if prospect.verdict == "later":
        return coloured("goes out later", "warning")
    if Stage.ANNOUNCED in stages:
        return coloured("went out", "sent")
    return coloured("does not go out", "error" if stages & ASK else "warning")


def _told(obstacle: Obstacle, now: datetime, redact: Redact) -> str:
    until = exactly(obstacle.until, now) if obstacle.until else ""
    if until:
        until = f", {until}" if obstacle.stage is Stage.DATE else f", until {until}"
    hint = f"; {obstacle.hint}" if obstacle.hint else ""
    return f"{obstacle.stage}: {redact(legible(obstacle.reason))}{until}{legible(hint)}"


def _print_text(preview: Preview, type_: str) -> None:
    for line in preview.text.splitlines():
        _print_line(legible(line))
    if preview.length is not None:
        limit = f" of {preview.limit:,}" if preview.limit is not None else ""
        tell(f"length: {preview.length:,}{limit}", margin=2)
    if preview.picture:
        tell_whole(legible(preview.picture), lead="picture: ", margin=2, hang=2)
        if preview.picture_text or type_ not in WITHOUT_DESCRIPTIONS:
            tell(f"described as: {legible(preview.picture_text) or 'nothing'}", margin=2, hang=2)
    for note in preview.notes:
        tell(f"note: {legible(note)}", margin=2, hang=2)


def _print_line(line: str) -> None:
    """A line of what would be sent; where it does not fit, it visibly goes on below."""
    width = terminal_width()
    parts = [line] if width is None else wrap(line, max(NARROWEST, width - len(GUTTER)))
    for number, part in enumerate(parts):
        click.echo(f"{GOES_ON if number else GUTTER}{part}".rstrip())
