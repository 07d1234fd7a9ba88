"""What one pass did, in a few lines that end with the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from feedbot.model import JsonObject
from feedbot.moments import number_of
from feedbot.observe import printable
from feedbot.report.queue import FORGET_HELD, SEND_HELD, print_commands
from feedbot.report.table import tell

if TYPE_CHECKING:
    from feedbot.build import PassReport


def print_pass(report: PassReport, status: JsonObject, *, verbose: bool, quiet: bool) -> None:
    """What `feedbot build` did, in a few lines that end with the next step; `quiet` leaves the warnings."""
    if not quiet:
        _print_done(report, status, verbose=verbose)
    if report.lost_state:
        click.secho(
            "The output folder holds feeds, but the state was gone: every article counts as known, and none"
            " is announced. If there is a backup of the database, put it back.",
            fg="yellow",
        )
    if report.sync.unsettled:
        paths = ", ".join(map(printable, sorted(report.sync.unsettled)))
        click.echo(f"Still being written, to be read at the next pass: {paths}")
    for path in report.refresh.foreign:
        click.secho(
            f"Not written: {printable(path)} is taken by a file that is not feedbot's. Move it away.",
            fg="red",
        )
    _print_announced(report, quiet=quiet)
    counts = status["findings"]["counts"]
    problems = counts["error"] + counts["warning"] - len(report.refresh.foreign)
    if problems > 0:
        click.secho(f"{number_of(problems, 'problem')} to mend: `feedbot status` lists them.", fg="yellow")
    elif report.sync.baseline and not quiet:
        click.echo("Next: `feedbot serve` shows the feeds in a browser, `feedbot run` keeps them fresh.")


def _print_done(report: PassReport, status: JsonObject, *, verbose: bool) -> None:
    sync = report.sync
    files_, counts = status["files"], status["articles"]
    kept_out = sum(files_["excluded"].values())
    click.echo(
        f"Looked at {number_of(sync.files, 'file')}, read {sync.read}:"
        f" {number_of(counts['live'], 'article')} live, {counts['waiting']} waiting for their date,"
        f" {kept_out} kept out, {files_['broken'] + files_['duplicate']} broken."
    )
    done = [f"{getattr(sync, word)} {word}" for word in ("new", "changed", "withdrawn", "renamed")
            if getattr(sync, word) and not sync.baseline]  # fmt: skip
    if done:
        click.echo(f"Since the last pass: {', '.join(done)}.")
    for kind, id_ in sync.events if verbose else []:
        click.echo(f"  {kind.value:<9}  {id_}")
    click.echo(
        f"{number_of(status['feeds']['active'], 'feed')}: wrote {number_of(report.written, 'document')},"
        f" removed {report.removed}, in {report.seconds:.2f} s."
    )
    if sync.baseline and not report.lost_state:
        click.echo("This was the first look at the content: none of these articles will be announced.")


def _print_announced(report: PassReport, *, quiet: bool) -> None:
    announced = report.announce
    if not quiet:
        for name in announced.new_targets:
            click.echo(f"The target {printable(name)} is new: it gets what comes from now on.")
        if announced.deliveries:
            told = number_of(announced.deliveries, "announcement")
            click.echo(f"{told} recorded: `feedbot run` sends what is due.")
    if announced.held:
        tell(f"{announced.told_held('at once')}:", fg="yellow")
        print_commands(
            ("feedbot deliveries list --state held", "shows them"),
            (SEND_HELD, "sends them"),
            (FORGET_HELD, "forgets them"),
        )
    if announced.waiting:
        told = number_of(announced.waiting, "event")
        click.secho(f"{told} not announced yet: their feeds could not be written.", fg="yellow")
