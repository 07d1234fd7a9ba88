"""What an operator asks of the state, as JSON and as text. Reads the store, changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from feedbot.model import JsonObject
from feedbot.store import articles, feeds, files, journal
from feedbot.store.files import Fate

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from feedbot.build import PassReport

PASSES_SHOWN = 5
EVENTS_SHOWN = 10
FINDINGS_SHOWN = 10


def load_status(engine: Engine) -> JsonObject:
    """Everything `feedbot status` knows; the keys are documented in docs/operating.md."""
    with engine.begin() as connection:
        passes = journal.load_passes(connection, PASSES_SHOWN)
        due = articles.next_due(connection)
        findings = journal.load_findings(connection)
        return {
            "articles": _count_articles(articles.count_statuses(connection)),
            "files": _count_files(files.count_fates(connection)),
            "feeds": {
                "active": feeds.count(connection),
                "waiting_to_be_written": len(feeds.load(connection, stale=True)),
                "documents": len(feeds.load_documents(connection)),
            },
            "next_due": _iso(due) if due else None,
            "findings": {
                "counts": journal.count_findings(connection),
                "list": [
                    {"path": f.path, "line": f.line, "level": f.level.value, "what": f.what, "hint": f.hint}
                    for f in findings
                ],
            },
            "passes": [{"started": _iso(started), **report} for started, report in passes],
            "events": [
                {"kind": event.kind.value, "at": _iso(event.at), "id": event.id, "path": event.path}
                for event in journal.load_events(connection, EVENTS_SHOWN)
            ],
        }


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


def print_pass(report: PassReport, status: JsonObject) -> None:
    """What `feedbot build` did, in a few lines that end with the next step."""
    sync = report.sync
    excluded = sum(status["files"]["excluded"].values())
    click.echo(
        f"Looked at {_number(sync.files, 'file')}, read {sync.read}:"
        f" {status['articles']['live']} live, {status['articles']['waiting']} waiting for their date,"
        f" {excluded} kept out, {status['files']['broken'] + status['files']['duplicate']} broken."
    )
    done = [f"{getattr(sync, word)} {word}" for word in ("new", "changed", "withdrawn", "renamed")
            if getattr(sync, word) and not sync.baseline]  # fmt: skip
    if done:
        click.echo(f"Since the last pass: {', '.join(done)}.")
    click.echo(
        f"{_number(status['feeds']['active'], 'feed')}: wrote {_number(report.written, 'document')},"
        f" removed {report.removed}, in {report.seconds:.2f} s."
    )
    if report.lost_state:
        click.secho(
            "The output folder holds feeds, but the state was gone: every article counts as known, and none"
            " is announced. If there is a backup of the database, put it back.",
            fg="yellow",
        )
    elif sync.baseline:
        click.echo("This was the first look at the content: none of these articles will be announced.")
    if sync.unsettled:
        click.echo(f"Still being written, read at the next pass: {', '.join(sorted(sync.unsettled))}")
    problems = sum(number for level, number in status["findings"]["counts"].items() if level != "info")
    if problems:
        click.secho(f"{_number(problems, 'problem')} to mend: feedbot check lists them.", fg="yellow")


def print_status(status: JsonObject, *, verbose: bool) -> None:
    """The same as `load_status`, for a person."""
    counts = status["articles"]
    files_, feeds_ = status["files"], status["feeds"]
    click.echo(
        f"Articles   {counts['live']} live, {counts['waiting']} waiting, {counts['withdrawn']} withdrawn"
    )
    if status["next_due"]:
        click.echo(f"Next due   {status['next_due']}")
    kept_out = ", ".join(f"{number} {reason}" for reason, number in files_["excluded"].items())
    click.echo(f"Files      {files_['total']}" + (f" (kept out: {kept_out})" if kept_out else ""))
    late = feeds_["waiting_to_be_written"]
    click.echo(
        f"Feeds      {feeds_['active']} in {feeds_['documents']} documents"
        + (f", {late} waiting to be written" if late else "")
    )
    _print_findings(status["findings"]["list"], verbose=verbose)
    click.echo("Passes")
    for one in status["passes"]:
        click.echo(
            f"  {one['started']}  {one['files']} looked at, {one['read']} read, {one['written']} written,"
            f" {one['seconds']:.2f} s"
        )
    if status["events"]:
        click.echo("Events")
    for event in status["events"]:
        click.echo(f"  {event['at']}  {event['kind']:<9}  {event['path']}")


def _print_findings(findings: list[JsonObject], *, verbose: bool) -> None:
    shown = [finding for finding in findings if verbose or finding["level"] != "info"]
    if not shown:
        click.echo("Findings   none")
        return
    click.echo(f"Findings   {len(shown)}")
    for finding in shown if verbose else shown[:FINDINGS_SHOWN]:
        place = finding["path"] if finding["line"] is None else f"{finding['path']}:{finding['line']}"
        click.echo(f"  {place}: {finding['level']}: {finding['what']}")
    if not verbose and len(shown) > FINDINGS_SHOWN:
        click.echo(f"  and {len(shown) - FINDINGS_SHOWN} more: feedbot check lists all")


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
