"""The state as a whole: what is indexed, what is to be mended, what waits to be sent, what the passes did."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from feedbot.attempt import State
from feedbot.model import Finding, JsonObject, Level
from feedbot.moments import iso, number_of, span
from feedbot.observe import Redact, printable
from feedbot.report.findings import print_finding
from feedbot.report.queue import print_queue
from feedbot.standings import standings
from feedbot.store import articles, deliveries, feeds, files, journal
from feedbot.store.files import Fate

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from feedbot.standings import Configured

PASSES_SHOWN = 5
EVENTS_SHOWN = 10
FINDINGS_SHOWN = 10


def load_status(engine: Engine, wanted: Mapping[str, Configured] | None = None) -> JsonObject:
    """Everything `feedbot status` knows; the keys are documented in docs/operating.md.

    `wanted` are the configured targets.
    """
    with engine.begin() as connection:
        passes = [
            {"started": iso(started), **report}
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
            "failure": _load_failure(connection),
            "next_due": iso(due),
            "findings": {
                "counts": {level.value: 0 for level in Level} | journal.count_findings(connection),
                "list": [finding.as_json() for finding in journal.load_findings(connection)],
            },
            "deliveries": _load_deliveries(connection, wanted or {}),
            "last_change": next(filter(_changed_something, passes), None),
            "passes": passes[:PASSES_SHOWN],
            "events": [
                {"kind": event.kind.value, "at": iso(event.at), "id": event.id, "path": event.path}
                for event in journal.load_events(connection, EVENTS_SHOWN)
            ],
        }


def _load_failure(connection: Connection) -> JsonObject | None:
    failure: JsonObject | None = json.loads(journal.get(connection, "failure") or "null")
    return failure and {**failure, "at": iso(datetime.fromisoformat(failure["at"]))}


def _load_deliveries(connection: Connection, wanted: Mapping[str, Configured]) -> JsonObject:
    counts = dict.fromkeys(State, 0)
    for (_, state), number in deliveries.count_states(connection).items():
        counts[State(state)] += number
    oldest = deliveries.oldest_waiting(connection).values()
    return {
        "counts": {state.value: number for state, number in counts.items()},
        "oldest_waiting": iso(min(oldest, default=None)),
        "unannounced": deliveries.count_unannounced(connection),
        "targets": [one.as_json() for one in standings(connection, wanted)],
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


def print_status(
    status: JsonObject, *, verbose: bool, quiet: bool, redact: Redact = str, now: datetime | None = None
) -> None:
    """The same as `load_status`, for a person; `quiet` leaves what is to be mended."""
    if not quiet:
        _print_counts(status)
    _print_findings(status["findings"]["list"], verbose=verbose, quiet=quiet)
    now = now or datetime.now(UTC)
    print_queue(status["deliveries"], now, redact, quiet=quiet)
    if quiet:
        return
    _print_passes(status, now)
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
        f"{one['started']}, {span(age)} ago\n{'':13}{number_of(one['files'], 'file')} looked at,"
        f" {one['read']} read, {number_of(one['written'], 'document')} written, {one['seconds']:.2f} s"
    )


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
        print_finding(Finding(**{**finding, "level": Level(finding["level"])}), indent="" if quiet else "  ")
    if len(few) < len(shown):
        click.echo(f"  and {len(shown) - len(few)} more: `feedbot status -v` lists all")
