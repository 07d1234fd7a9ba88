"""The state as a whole, gathered: what is indexed, to be mended and to be sent, and what the passes did.

Gives plain values, which are what `feedbot status --json` prints; `summary` has the words for a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from feedbot.attempt import State
from feedbot.model import Finding, JsonObject, Level, Status
from feedbot.moments import iso
from feedbot.operator.standings import standings
from feedbot.store import articles, feeds, figures, files, journal, workers
from feedbot.store.files import Fate

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from feedbot.operator.standings import Configured, Standing

PASSES_SHOWN = 5
EVENTS_SHOWN = 10


def load_status(engine: Engine, wanted: Mapping[str, Configured]) -> JsonObject:
    """Everything `feedbot status` knows; the keys are documented in docs/commands.md.

    `wanted` are the configured targets.
    """
    with engine.begin() as connection:
        numbers = figures.count_states(connection)
        return status_of(connection, numbers, standings(connection, wanted, numbers))


def status_of(
    connection: Connection, numbers: Mapping[tuple[str, str], int], targets: Sequence[Standing]
) -> JsonObject:
    """The same for whoever has counted the deliveries by target and state, and knows how targets stand."""
    passes = load_passes(connection)
    failure = journal.load_failure(connection)
    due = articles.next_due(connection)
    findings = journal.load_findings(connection)
    return {
        **_counts(connection),
        "workers": _load_workers(connection),
        "failure": failure and {"at": iso(failure.at), "reason": failure.reason},
        "next_due": iso(due),
        "findings": {"counts": _levels(findings), "list": [finding.as_json() for finding in findings]},
        "deliveries": _load_deliveries(connection, numbers, targets),
        "last_change": next(filter(changed_something, passes), None),
        "passes": passes[:PASSES_SHOWN],
        "events": [
            {"kind": event.kind.value, "at": iso(event.at), "id": event.id, "path": event.path}
            for event in journal.load_events(connection, EVENTS_SHOWN)
        ],
    }


def load_counts(engine: Engine) -> JsonObject:
    """What `feedbot build` tells of the state, under the same keys."""
    with engine.begin() as connection:
        return {**_counts(connection), "findings": {"counts": _levels(journal.load_findings(connection))}}


def _counts(connection: Connection) -> JsonObject:
    return {
        "articles": {status.value: 0 for status in Status} | articles.count_statuses(connection),
        "files": _count_files(files.count_fates(connection)),
        "feeds": {
            "active": feeds.count(connection),
            "waiting_to_be_written": figures.count_stale(connection),
            "documents": figures.count_documents(connection),
        },
    }


def _levels(findings: Iterable[Finding]) -> JsonObject:
    return {level.value: 0 for level in Level} | Counter(one.level.value for one in findings)


def load_passes(connection: Connection) -> list[JsonObject]:
    """What the passes did, as far back as they are kept, the newest first."""
    kept = journal.load_passes(connection, journal.PASSES_KEPT)
    return [{"started": iso(started), **report} for started, report in kept]


def _load_workers(connection: Connection) -> list[JsonObject]:
    return [
        {
            "name": one.name,
            "role": one.role.value,
            "makes_passes": one.is_builder,
            "sends": one.sends,
            "is_alive": one.is_alive,
            "since": iso(one.since),
            "seen": iso(one.seen),
            "makes_passes_since": iso(one.builder_since),
            "pass_since": iso(one.pass_since),
        }
        for one in workers.load(connection)
    ]


def _load_deliveries(
    connection: Connection, numbers: Mapping[tuple[str, str], int], targets: Sequence[Standing]
) -> JsonObject:
    counts = dict.fromkeys(State, 0)
    for (_, state), number in numbers.items():
        counts[State(state)] += number
    return {
        "counts": {state.value: number for state, number in counts.items()},
        "oldest_waiting": iso(min((one.oldest for one in targets if one.oldest), default=None)),
        "unannounced": figures.count_unannounced(connection),
        "targets": [one.as_json() for one in targets],
    }


def worst(findings: Sequence[JsonObject], most: int) -> list[JsonObject]:
    """The first few, and errors before others."""
    return sorted(findings, key=lambda one: list(Level).index(one["level"]))[:most]


def strangers(workers: Sequence[JsonObject]) -> list[JsonObject]:
    """The workers that send nothing, for their configuration is another than the one in force."""
    return [one for one in workers if one["role"] == "worker" and one["is_alive"] and not one["sends"]]


def changed_something(one: JsonObject) -> bool:
    """Whether a pass wrote or removed a document."""
    return bool(one["written"] or one["removed"])


def _count_files(counts: dict[tuple[str, str], int]) -> JsonObject:
    excluded: dict[str, int] = {}
    found: JsonObject = {"total": sum(counts.values()), "broken": 0, "duplicate": 0, "excluded": excluded}
    for (fate, reason), number in sorted(counts.items()):
        if fate == Fate.EXCLUDED:
            excluded[reason] = number
        elif fate != Fate.READ:
            found[fate] += number
    return found
