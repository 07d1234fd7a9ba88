"""What an operator asks of the state, as JSON and as text. Reads the store, changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from feedbot.model import Finding, JsonObject, Level
from feedbot.observe import printable
from feedbot.store import articles, feeds, files, journal
from feedbot.store.files import Fate

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from feedbot.build import PassReport
    from feedbot.config import Problem

PASSES_SHOWN = 5
EVENTS_SHOWN = 10
FINDINGS_SHOWN = 10


# --- the state ---


def load_status(engine: Engine) -> JsonObject:
    """Everything `feedbot status` knows; the keys are documented in docs/operating.md."""
    with engine.begin() as connection:
        passes = [
            {"started": _iso(started), **report}
            for started, report in journal.load_passes(connection, journal.PASSES_KEPT)
        ]
        due = articles.next_due(connection)
        return {
            "articles": _count_articles(articles.count_statuses(connection)),
            "files": _count_files(files.count_fates(connection)),
            "feeds": {
                "active": feeds.count(connection),
                "waiting_to_be_written": len(feeds.load(connection, stale=True)),
                "documents": len(feeds.load_documents(connection)),
            },
            "failure": json.loads(journal.get(connection, "failure") or "null"),
            "next_due": _iso(due) if due else None,
            "findings": {
                "counts": {level.value: 0 for level in Level} | journal.count_findings(connection),
                "list": [finding.as_json() for finding in journal.load_findings(connection)],
            },
            "last_change": next(filter(_changed_something, passes), None),
            "passes": passes[:PASSES_SHOWN],
            "events": [
                {"kind": event.kind.value, "at": _iso(event.at), "id": event.id, "path": event.path}
                for event in journal.load_events(connection, EVENTS_SHOWN)
            ],
        }


def _changed_something(one: JsonObject) -> bool:
    return bool(one["written"] or one["removed"])


def _count_articles(counts: dict[tuple[str, str], int]) -> JsonObject:
    by_status: dict[str, int] = {"live": 0, "waiting": 0, "withdrawn": 0}
    for (status, _), number in counts.items():
        by_status[status] += number
    return dict(by_status)


def _count_files(counts: dict[tuple[str, str], int]) -> JsonObject:
    excluded: dict[str, int] = {}
    found: JsonObject = {"total": sum(counts.values()), "broken": 0, "duplicate": 0, "excluded": excluded}
    for (fate, reason), number in sorted(counts.items()):
        if fate == Fate.EXCLUDED:
            excluded[reason] = number
        elif fate != Fate.READ:
            found[fate] += number
    return found


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def print_status(status: JsonObject, *, verbose: bool, quiet: bool, now: datetime | None = None) -> None:
    """The same as `load_status`, for a person; `quiet` leaves what is to be mended."""
    if not quiet:
        _print_counts(status)
    _print_findings(status["findings"]["list"], verbose=verbose, quiet=quiet)
    if quiet:
        return
    _print_passes(status, now or datetime.now(UTC))
    if status["events"]:
        click.echo("Events")
    for event in status["events"]:
        click.echo(f"  {event['at']}  {event['kind']:<9}  {printable(event['path'])}")


def _print_counts(status: JsonObject) -> None:
    counts, files_, feeds_ = status["articles"], status["files"], status["feeds"]
    click.echo(
        f"Articles     {counts['live']} live, {counts['waiting']} waiting, {counts['withdrawn']} withdrawn"
    )
    if failure := status["failure"]:
        click.secho(f"Failing      since the last pass, {failure['at']}: {failure['reason']}", fg="red")
    if status["next_due"]:
        click.echo(f"Next due     {status['next_due']}")
    not_read = {name: files_[name] for name in ("broken", "duplicate") if files_[name]} | files_["excluded"]
    kept_out = ", ".join(f"{number} {reason}" for reason, number in not_read.items())
    click.echo(f"Files        {files_['total']}" + (f", of these {kept_out}" if kept_out else ""))
    late = feeds_["waiting_to_be_written"]
    click.echo(
        f"Feeds        {feeds_['active']} in {number_of(feeds_['documents'], 'document')}"
        + (f", {late} waiting to be written" if late else "")
    )


def _print_passes(status: JsonObject, now: datetime) -> None:
    last = status["passes"][0] if status["passes"] else None
    change = status["last_change"]
    click.echo(f"Last pass    {_told_pass(last, now) if last else 'none yet'}")
    if change and last and not _changed_something(last):
        click.echo(f"Last change  {_told_pass(change, now)}")


def _told_pass(one: JsonObject, now: datetime) -> str:
    age = now - datetime.fromisoformat(one["started"])
    return (
        f"{one['started']}, {_span(age)} ago\n{'':13}{number_of(one['files'], 'file')} looked at,"
        f" {one['read']} read, {number_of(one['written'], 'document')} written, {one['seconds']:.2f} s"
    )


def _span(age: timedelta) -> str:
    """A length of time in its largest unit."""
    seconds = max(0, int(age.total_seconds()))
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return number_of(seconds // length, unit)
    return number_of(seconds, "second")


def _print_findings(findings: Sequence[JsonObject], *, verbose: bool, quiet: bool) -> None:
    shown = [finding for finding in findings if verbose or finding["level"] != Level.INFO]
    if not shown:
        if not quiet:
            click.echo("Findings     none")
        return
    if not quiet:
        click.echo(f"Findings     {len(shown)}")
    few = shown if verbose or quiet else shown[:FINDINGS_SHOWN]
    for finding in few:
        _print_finding(Finding(**{**finding, "level": Level(finding["level"])}), indent="" if quiet else "  ")
    if len(few) < len(shown):
        click.echo(f"  and {len(shown) - len(few)} more: `feedbot status -v` lists all")


# --- a pass ---


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


# --- findings ---


def as_findings(problems: Iterable[Problem]) -> list[JsonObject]:
    """The mistakes of a configuration in the form that findings have in `check --json`."""
    return [
        {
            "path": problem.file,
            "line": problem.line,
            "column": problem.column,
            "level": Level.ERROR.value,
            "what": f"{problem.path}: {problem.what}" if problem.path else problem.what,
            "hint": problem.hint,
        }
        for problem in problems
    ]


def print_findings(findings: Iterable[Finding]) -> None:
    """Each finding on a line that editors can jump from, with its hint below."""
    for finding in findings:
        _print_finding(finding)


def _print_finding(finding: Finding, indent: str = "") -> None:
    click.echo(printable(f"{indent}{finding.place}: {finding.level}: {finding.what}"))
    if finding.hint:
        click.echo(printable(f"{indent}    {finding.hint}"))


def number_of(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
