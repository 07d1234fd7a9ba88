"""The state as Prometheus reads it. Everything comes from the store at the moment of asking, so that it is
the same whichever process is asked; nothing is counted here.

Names and types after https://prometheus.io/docs/practices/naming/: only what never falls is a counter. The
metrics are documented in docs/operating.md. No words of servers, no titles, no addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from feedbot import __version__
from feedbot.attempt import State
from feedbot.model import Level, Status
from feedbot.operator.standings import Standing, standings
from feedbot.report.health import Diagnosis
from feedbot.store import articles, feeds, figures, files, journal, workers
from feedbot.store.files import Fate

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric
    from sqlalchemy import Connection

    from feedbot.operator.standings import Configured

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
LATELY = timedelta(hours=1)  # attempts are counted so far back
CONDITIONS = ("ready", "paused", "disabled", "new", "removed")  # Standing.word
OUTCOMES = ("sent", "skipped", "retry", "unclear", "busy", "refused", "denied", "gone", "interrupted")


class Sample(Struct, frozen=True, kw_only=True):
    """What the store said at one moment."""

    diagnosis: Diagnosis
    articles: Mapping[str, int]  # by status
    files: Mapping[str, int]  # by fate
    findings: Mapping[str, int]  # by level
    feeds: int
    stale: int
    documents: int
    passes: int
    workers: Mapping[str, int]  # alive, by what they do
    builder_since: datetime | None  # the one that makes the passes does so since then
    last_seconds: float | None  # that the newest pass took
    unannounced: int
    next_due: datetime | None
    targets: list[Standing]
    attempts: Mapping[tuple[str, str], int]  # by target and outcome


def load_sample(connection: Connection, wanted: Mapping[str, Configured], diagnosis: Diagnosis) -> Sample:
    """All that the metrics are made of; `wanted` are the configured targets."""
    newest = journal.load_passes(connection, 1)
    there = [one for one in workers.load(connection) if one.is_alive]
    return Sample(
        diagnosis=diagnosis,
        articles=dict.fromkeys(Status, 0) | articles.count_statuses(connection),
        files=_by_fate(files.count_fates(connection)),
        findings=dict.fromkeys(Level, 0) | journal.count_findings(connection),
        feeds=feeds.count(connection),
        stale=figures.count_stale(connection),
        documents=figures.count_documents(connection),
        passes=figures.count_passes(connection),
        workers={
            "builder": sum(one.is_builder for one in there),
            "standby": sum(not one.is_builder for one in there),
        },
        builder_since=next((one.builder_since for one in there if one.is_builder), None),
        last_seconds=newest[0][1]["seconds"] if newest else None,
        unannounced=figures.count_unannounced(connection),
        next_due=articles.next_due(connection),
        targets=standings(connection, wanted),
        attempts=figures.count_outcomes(connection, diagnosis.now - LATELY),
    )


def _by_fate(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """Counts by (fate, reason) without the reasons; every fate has one."""
    found: dict[str, int] = dict.fromkeys(Fate, 0)
    for (fate, _), number in counts.items():
        found[fate] += number
    return found


def exposition(sample: Sample) -> bytes:
    """`sample` in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(sample))
    return generate_latest(registry)


class _Collector(Collector):
    """Gives one sample."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def collect(self) -> Iterator[Metric]:
        yield from _about_passes(self._sample)
        yield from _about_content(self._sample)
        yield from _about_targets(self._sample)


def _about_passes(sample: Sample) -> Iterator[Metric]:
    diagnosis = sample.diagnosis
    yield _gauge("build_info", "The version of feedbot that answers.", {(__version__,): 1}, "version")
    yield _gauge("healthy", "1 if the last good pass is recent enough, as /healthz says.",
                 {(): diagnosis.is_recent})  # fmt: skip
    passes = CounterMetricFamily("feedbot_passes", "Passes that succeeded since the state was made.")
    passes.add_metric((), sample.passes)
    yield passes
    yield _gauge("workers", "Processes that work on the state, by whether they make the passes or stand by.",
                 _by_name(sample.workers), "role")  # fmt: skip
    if sample.builder_since is not None:
        yield _gauge("builder_since_timestamp_seconds",
                     "Since when the one that makes the passes does so.",
                     {(): sample.builder_since.timestamp()})  # fmt: skip
    if (last := diagnosis.pulse.last_pass) is not None:
        yield _gauge("last_pass_timestamp_seconds", "When the newest pass that succeeded ended.",
                     {(): last.timestamp()})  # fmt: skip
        yield _gauge("last_pass_duration_seconds", "How long it took.", {(): sample.last_seconds or 0})
    if last is not None or diagnosis.pulse.failed:
        yield _gauge("last_pass_success", "1 if the newest pass succeeded, 0 if it failed.",
                     {(): diagnosis.pulse.failed is None})  # fmt: skip


def _about_content(sample: Sample) -> Iterator[Metric]:
    yield _gauge("articles", "Articles by status.", _by_name(sample.articles), "status")
    yield _gauge("files", "Content files by what became of them.", _by_name(sample.files), "fate")
    yield _gauge("findings", "Problems of the content by level.", _by_name(sample.findings), "level")
    yield _gauge("feeds", "Feeds there are.", {(): sample.feeds})
    yield _gauge("feeds_stale", "Feeds whose documents do not show yet what they should.",
                 {(): sample.stale})  # fmt: skip
    yield _gauge("documents", "Documents in the output folder.", {(): sample.documents})
    if sample.next_due is not None:
        yield _gauge("next_due_timestamp_seconds", "When the next article appears or expires.",
                     {(): sample.next_due.timestamp()})  # fmt: skip
    yield _gauge("events_unannounced", "Events that wait for their feeds to be written.",
                 {(): sample.unannounced})  # fmt: skip


def _about_targets(sample: Sample) -> Iterator[Metric]:
    now, targets = sample.diagnosis.now, sample.targets
    yield _gauge("deliveries", "Deliveries on record by state, as far back as announce.keep.",
                 {(one.name, state): one.counts.get(state, 0) for one in targets for state in State},
                 "target", "state")  # fmt: skip
    yield _gauge("oldest_waiting_seconds", "Age of the oldest event that waits to be sent; 0 if none does.",
                 {(one.name,): _age(one.oldest, now) for one in targets}, "target")  # fmt: skip
    yield _gauge("target_condition", "1 for the condition that the target is in, 0 for the others.",
                 {(one.name, word): one.word == word for one in targets for word in CONDITIONS},
                 "target", "condition")  # fmt: skip
    yield _gauge("target_failures", "Failures in a row.",
                 {(one.name,): one.health.failures if one.health else 0 for one in targets},
                 "target")  # fmt: skip
    yield _gauge("last_sent_timestamp_seconds", "When something was last sent, if it was.",
                 {(one.name,): one.last_sent.timestamp() for one in targets if one.last_sent},
                 "target")  # fmt: skip
    yield _gauge("attempts_last_hour", "Attempts within the last hour by outcome.",
                 {(one.name, word): sample.attempts.get((one.name, word), 0)
                  for one in targets for word in OUTCOMES},
                 "target", "outcome")  # fmt: skip


def _gauge(name: str, meaning: str, values: Mapping[tuple[str, ...], float], *labels: str) -> Metric:
    family = GaugeMetricFamily(f"feedbot_{name}", meaning, labels=labels)
    for place, value in values.items():
        family.add_metric(tuple(map(str, place)), float(value))
    return family


def _by_name(counts: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    return {(name,): number for name, number in counts.items()}


def _age(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())
