"""The state as a whole, for a person: first what there is, at the end what needs somebody.

Prints what `status.load_status` gathered, and asks nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import convert

from feedbot.model import Finding, JsonObject, Level
from feedbot.moments import number_of
from feedbot.observe import Redact
from feedbot.report.findings import NO_ARTICLES, print_finding
from feedbot.report.lines import LABEL, coloured, label, legible, since, tell, tell_whole, when
from feedbot.report.queue import print_queue
from feedbot.report.status import changed_something, strangers, worst

FINDINGS = 5
EVENTS = 5
OTHER_SETUP = "stands by with another configuration or version, and sends nothing"


def print_status(status: JsonObject, now: datetime, redact: Redact, *, verbose: bool, quiet: bool) -> None:
    """The state `now`; with `verbose` all events and findings, and `quiet` leaves what is to be mended."""
    if quiet:
        _print_workers([*_missed(status["workers"]), *strangers(status["workers"])], now)
    else:
        _print_counts(status, now)
        _print_workers(status["workers"], now)
        if not status["workers"]:
            label("Workers", "none: `feedbot run` starts one")
        _print_passes(status, now)
        _print_events(status["events"], now, verbose=verbose)
    if failure := status["failure"]:
        moment = when(datetime.fromisoformat(failure["at"]), now)
        told = f"the newest pass, {moment}: {redact(legible(failure['reason']))}"
        tell(told, lead=f"{'Failing':<{LABEL}}", hang=LABEL, state="error")
    _print_findings(status["findings"]["list"], verbose=verbose, quiet=quiet)
    print_queue(status["deliveries"], now, redact, quiet=quiet)


def _print_counts(status: JsonObject, now: datetime) -> None:
    counts, files, feeds = status["articles"], status["files"], status["feeds"]
    label("Articles", ", ".join(f"{counts[word]:,} {word}" for word in ("live", "waiting", "withdrawn")))
    if status["next_due"]:
        label("Next due", when(datetime.fromisoformat(status["next_due"]), now))
    label("Files", f"{files['total']:,}{_kept_out(files)}")
    if not files["total"]:
        tell(NO_ARTICLES, margin=LABEL)
    late = feeds["waiting_to_be_written"]
    label(
        "Feeds",
        f"{feeds['active']:,} in {number_of(feeds['documents'], 'document')}"
        + (f", {late:,} waiting to be written" if late else ""),
    )


def _kept_out(files: Mapping[str, JsonObject]) -> str:
    bad = {name: files[name] for name in ("broken", "duplicate") if files[name]}
    parts = [f"{number:,} {coloured(name, 'error')}" for name, number in bad.items()]
    parts += [f"{number:,} {reason}" for reason, number in files["excluded"].items()]
    return f", of these {', '.join(parts)}" if parts else ""


def _print_workers(workers: Sequence[JsonObject], now: datetime) -> None:
    for number, one in enumerate(workers):
        label("" if number else "Workers", f"{legible(one['name'])} {_told_worker(one, now)}")


def _missed(workers: Sequence[JsonObject]) -> list[JsonObject]:
    """The workers that went without a word, if nobody makes passes in their place."""
    if any(one["makes_passes"] and one["is_alive"] for one in workers):
        return []
    return [one for one in workers if one["role"] == "worker" and not one["is_alive"]]


def _told_worker(one: JsonObject, now: datetime) -> str:
    """What a worker does, and since when or for how long."""
    if not one["is_alive"]:
        gone = f"gives no sign of life {since(datetime.fromisoformat(one['seen']), now)}"
        return coloured(gone, "warning")
    if one["makes_passes"]:
        told = f"makes the passes, {since(datetime.fromisoformat(one['makes_passes_since']), now)}"
        return told + ("; one is under way" if one["pass_since"] else "")
    what = "waits for its turn"
    if one["role"] == "worker":
        what = "stands by and sends" if one["sends"] else coloured(OTHER_SETUP, "warning")
    return f"{what}, {since(datetime.fromisoformat(one['since']), now)}"


def _print_passes(status: JsonObject, now: datetime) -> None:
    last = status["passes"][0] if status["passes"] else None
    change = status["last_change"]
    label("Last pass", _told_pass(last, now) if last else "none yet: `feedbot build` makes one")
    if change and last and not changed_something(last):
        label("Last change", _told_pass(change, now))


def _told_pass(one: JsonObject, now: datetime) -> str:
    told = [*_looked_at(one), f"{number_of(one['written'], 'document')} written", f"{one['seconds']:.2f} s"]
    return f"{when(datetime.fromisoformat(one['started']), now)}: {', '.join(told)}"


def _looked_at(one: JsonObject) -> list[str]:
    """What a pass found: in files, or where it was about none, in articles that were due or gone."""
    if one["files"]:
        return [number_of(one["files"], "file"), f"{one['read']:,} read"]
    moved = [f"{one[word]:,} {word}" for word in ("new", "changed", "withdrawn") if one[word]]
    return moved or ["after earlier changes" if one["written"] else "no files"]


def _print_events(events: Sequence[JsonObject], now: datetime, *, verbose: bool) -> None:
    shown = events if verbose else events[:EVENTS]
    if shown:
        label("Events", "")
    moments = [when(datetime.fromisoformat(event["at"]), now) for event in shown]
    widest = max(map(len, moments), default=0)
    for event, moment in zip(shown, moments, strict=True):
        lead = f"{moment:<{widest}}  {event['kind']:<9}  "
        tell_whole(legible(event["path"]), lead=lead, margin=2, hang=2)


def _print_findings(findings: Sequence[JsonObject], *, verbose: bool, quiet: bool) -> None:
    shown = [finding for finding in findings if verbose or finding["level"] != Level.INFO]
    if not quiet:
        label("Findings", _counted(shown))
    few = shown if verbose or quiet or len(shown) <= FINDINGS else worst(shown, FINDINGS)
    for finding in few:
        print_finding(convert(finding, Finding), margin=0 if quiet else 2)
    if len(few) < len(shown):
        tell(f"and {len(shown) - len(few):,} more: `feedbot status -v` lists all", margin=2)


def _counted(findings: Sequence[JsonObject]) -> str:
    counts = [(level, sum(one["level"] == level for one in findings)) for level in Level]
    told = [f"{count:,} {coloured(_plural(level, count), level.value)}" for level, count in counts if count]
    return ", ".join(told) or coloured("none", "fine")


def _plural(level: Level, count: int) -> str:
    return level.value if count == 1 or level is Level.INFO else f"{level.value}s"
