"""Measures how fast feedbot announces, over real connections, and prints the tables of docs/benchmarks.md.

    .venv/bin/python benchmarks/deliveries.py [--articles 5000] [--webhooks 1000] [--repeats 5]

A newsroom (corpus.py) has its feeds and a queue full of announcements; `feedbot run` starts and sends them,
signed, to a receiver on loopback (sink.py). Then bare requests (bare.py) post the very same bytes, in as many
threads; the two take turns. The time runs from the first message that arrives to the last. Each announcement
has to arrive, once, and has to be noted as sent, or there is no table.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import bare
import corpus
from announcing import PARALLEL, STEP, Newsroom, until
from install import feedbot, say
from measure import Spread, describe_machine
from processes import is_idle, processor_seconds
from sink import Message, Sink

SLOW = 1.0  # seconds that the slow webhook takes for an answer
HOP_BY_HOP = {"host", "content-length", "connection"}  # headers that are the connection's, not the message's


@dataclass(frozen=True)
class Rate:
    """Deliveries in a second, and processor time of the sender for each, in milliseconds."""

    per_second: float
    cpu: float


# --- a full queue ---


@dataclass(frozen=True)
class Queue:
    """A newsroom whose announcements are recorded and not yet sent."""

    newsroom: Newsroom
    articles: int  # that are announced
    webhooks: int

    @property
    def size(self) -> int:
        """How many announcements wait."""
        return self.articles * self.webhooks


def queue(sink: Sink, newsroom: Newsroom, articles: int, webhooks: int) -> Queue:
    """Everything before the sending: a first look at an empty folder, then news."""
    sink.forget()
    newsroom.configure(sink.url, webhooks)
    newsroom.build()
    newsroom.publish(articles)
    newsroom.build()
    newsroom.keep_state()
    waiting = Queue(newsroom, articles, webhooks)
    if newsroom.states() != {"pending": waiting.size} or sink.count():
        raise SystemExit(f"{newsroom.states()} before anything was to be sent, and {sink.count()} came")
    say(f"{waiting.size:,} announcements wait")
    return waiting


def drain(sink: Sink, waiting: Queue, besides: Sequence[str] = ()) -> tuple[Rate, list[Message]]:
    """Let a new worker send what waits, or all but that for some webhooks, and see how fast it came."""
    waiting.newsroom.restore_state()
    expected = waiting.size - waiting.articles * len(besides)
    sink.forget()
    with waiting.newsroom.running() as pid:
        used = watch(sink, pid, expected, besides)
    messages = sink.messages(besides)
    if len({(one.path, one.headers["webhook-id"]) for one in messages}) != expected:
        raise SystemExit(f"{len(messages)} messages came, not {expected} different ones")
    if not besides and waiting.newsroom.states() != {"sent": expected}:
        raise SystemExit(f"in the end: {waiting.newsroom.states()}")
    return rate_of(messages, used), messages


def bare_rate(sink: Sink, messages: Sequence[Message], threads: int) -> Rate:
    """How fast the same messages come from a program that does nothing else."""
    posts = [bare.Post(f"{sink.url}{one.path}", own_headers(one), one.body) for one in messages]
    sink.forget()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=bare.live, args=(posts, threads, theirs), daemon=True)
    process.start()
    ours.recv()
    ours.send("begin")
    used = watch(sink, process.pid or 0, len(posts))
    ours.send("end")
    process.join()
    return rate_of(sink.messages(), used)


def own_headers(message: Message) -> dict[str, str]:
    return {name: value for name, value in message.headers.items() if name not in HOP_BY_HOP}


def watch(sink: Sink, pid: int, expected: int, besides: Sequence[str] = ()) -> float:
    """Wait until so many have come; the sender's processor seconds since the first."""
    until(lambda: sink.count(besides) > 0)
    began = processor_seconds(pid)
    until(lambda: sink.count(besides) >= expected)
    return processor_seconds(pid) - began


def rate_of(messages: Sequence[Message], used: float) -> Rate:
    """Messages and processor milliseconds from the first that arrived to the last."""
    seconds = max(one.at for one in messages) - min(one.at for one in messages)
    return Rate(len(messages) / seconds, 1000 * used / len(messages))


# --- one new article ---


def latencies(sink: Sink, newsroom: Newsroom, count: int, settle: str) -> list[float]:
    """Seconds from a file that is put in its place until its message has arrived, for each of `count`."""
    newsroom.configure(sink.url, 1, settle)
    corpus.write(newsroom.folder / "content", 1000)
    newsroom.build()
    sink.forget()
    with newsroom.running() as pid:
        wait_until_watching(sink, newsroom)
        until(lambda: is_idle(pid))
        return [seconds_until_told(sink, newsroom, pid, f"news-{number}") for number in range(count)]


def wait_until_watching(sink: Sink, newsroom: Newsroom) -> None:
    """Put a file now and then until one is announced: file events are followed from some moment on."""
    for attempt in range(20):
        newsroom.put(f"hello-{attempt}")
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if sink.count():
                return
            time.sleep(STEP)
    raise SystemExit("the worker announces nothing")


def seconds_until_told(sink: Sink, newsroom: Newsroom, pid: int, name: str) -> float:
    word = f'"{name}"'.encode()
    began = newsroom.put(name)
    until(lambda: any(word in one.body for one in sink.messages()))
    arrived = next(one.at for one in sink.messages() if word in one.body)
    until(lambda: is_idle(pid))
    return arrived - began


# --- the report ---


def row(what: str, messages: int, *measured: Sequence[Rate]) -> str:
    """One line of a table; where feedbot and another were measured, with the ratio of the two."""
    cells = [what, f"{messages:,}"]
    speeds = [Spread([one.per_second for one in rates]) for rates in measured]
    for speed, rates in zip(speeds, measured, strict=True):
        cells += [speed.whole, str(Spread([one.cpu for one in rates]))]
    if len(speeds) == 2:
        cells.append(f"**{speeds[0].median / speeds[1].median:.2f}**")
    line = f"| {' | '.join(cells)} |"
    say(line)
    return line


def beside_bare(sink: Sink, what: str, waiting: Queue, threads: int, repeats: int) -> str:
    """A row about feedbot and bare requests that take turns."""
    ours, theirs = [], []
    for _ in range(repeats):
        rate, messages = drain(sink, waiting)
        ours.append(rate)
        theirs.append(bare_rate(sink, messages, threads))
    return row(what, waiting.size, ours, theirs)


def beside_slow(sink: Sink, waiting: Queue, repeats: int) -> Iterator[str]:
    """Two rows about the same webhooks, when another answers at once and when it takes its time."""
    slow, others = ["/0"], waiting.webhooks - 1
    for what, delays in ("answers at once", {}), (f"takes {SLOW:g} s for an answer", {slow[0]: SLOW}):
        sink.delays = delays
        rates = [drain(sink, waiting, besides=slow)[0] for _ in range(repeats)]
        yield row(f"to {others} webhooks, while one more {what}", others * waiting.articles, rates)
    sink.delays = {}


def rows_about_queues(sink: Sink, newsroom: Newsroom, given: argparse.Namespace) -> Iterator[str]:
    yield "| a full queue | messages | feedbot per second | CPU | bare requests | CPU | ratio |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    waiting = queue(sink, newsroom, given.articles, 1)
    yield beside_bare(sink, f"{given.articles:,} articles to one webhook", waiting, 1, given.repeats)
    waiting = queue(sink, newsroom, 1, given.webhooks)
    what = f"one article to {given.webhooks:,} webhooks, {PARALLEL} at a time"
    yield beside_bare(sink, what, waiting, PARALLEL, given.repeats)
    yield ""
    yield "| beside a slow one | messages | per second | CPU |"
    yield "|---|--:|--:|--:|"
    waiting = queue(sink, newsroom, max(1, given.articles // PARALLEL), PARALLEL)
    yield from beside_slow(sink, waiting, given.repeats)


def report(sink: Sink, newsroom: Newsroom, given: argparse.Namespace) -> str:
    lines = [
        f"{describe_machine()}, SQLite. The median of {given.repeats} runs or {given.news} new articles,",
        "with the least and the most in brackets; CPU is the sender's, in milliseconds for each message.",
        "",
        *rows_about_queues(sink, newsroom, given),
        "",
        "| from a new article to its message | seconds |",
        "|---|--:|",
    ]
    for settle, remark in {"0s": "", "2s": ", the default"}.items():
        spread = Spread(latencies(sink, newsroom, given.news, settle))
        lines.append(f"| `settle: {settle}`{remark} | {spread} |")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how fast feedbot announces.")
    parser.add_argument("--articles", type=int, default=5_000, help="articles for one webhook")
    parser.add_argument("--webhooks", type=int, default=1_000, help="webhooks for one article")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each kind")
    parser.add_argument("--news", type=int, default=10, help="new articles whose message is waited for")
    parser.add_argument("--program", type=Path, help="the feedbot to measure, installed; else this checkout")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "feedbot-benchmarks")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    program = given.program.absolute() if given.program else feedbot(given.work)
    newsroom = Newsroom(given.work / "announcing", program)
    with Sink() as sink:
        print(report(sink, newsroom, given))


if __name__ == "__main__":
    main()
