"""Many files that change at once: when every document is right, and how often each was written until then.

Right is a document that has the bytes which a build of the changed newsroom gives it. The files are changed
and changed back again, so that each repeat is a burst of its own.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import worker
from measure import cost_of
from newsrooms import newest, restored, with_title
from processes import processor_seconds, wait_until_idle
from programs import Feedbot
from results import Measured
from watching import stamp_of

from questions import Run

PART = "burst"
SIZES = (100_000,)
LIMIT = 300.0  # seconds until everything has to be right
POLL = 0.02

Digests = Mapping[Path, str]


@dataclass(frozen=True)
class Burst:
    """What one of them came to."""

    files: int
    wall: float  # until the last document was right
    cpu: float  # until the worker was idle again
    changed: int  # documents that have other bytes than before
    writes: int  # by the worker's own count
    most: int  # writes of one document that were seen


def measure(run: Run) -> None:
    """A worker in a known archive, and bursts one after the other."""
    for articles in run.sizes:
        run.keep(measured(PART, "", articles, bursts(run, run.archive(articles))))


def measured(part: str, what: str, articles: int, taken: Sequence[Burst]) -> Measured:
    """The answer that these bursts are."""
    facts = {
        "files": taken[0].files,
        "documents changed": max(one.changed for one in taken),
        "writes": max(one.writes for one in taken),
        "most writes of one document": max(one.most for one in taken),
    }
    return Measured(
        part=part,
        program=Feedbot.name,
        articles=articles,
        what=what,
        seconds=[one.wall for one in taken],
        cpu=[one.cpu for one in taken],
        facts=facts,
    )


def bursts(run: Run, feedbot: Feedbot) -> list[Burst]:
    """Change the newest articles and change them back, until there are as many bursts as repeats."""
    articles = newest(feedbot.folder / "content", run.burst)
    cost_of(feedbot.build_command, feedbot.folder, run.limit)
    before = digests(feedbot)
    with restored(articles) as texts:
        changed = [with_title(text, f"All at once {number}") for number, text in enumerate(texts)]
        write(articles, changed)
        cost_of(feedbot.build_command, feedbot.folder, run.limit)
        after = digests(feedbot)
        write(articles, texts)
        cost_of(feedbot.build_command, feedbot.folder, run.limit)
        if digests(feedbot) != before:
            raise SystemExit("the feeds of the same articles differ")
        there, back = (changed, before, after), (texts, after, before)
        with worker.running(feedbot) as one:
            one.wait_for_looks(1)
            wait_until_idle(one.pid, run.idle_after)
            return [
                burst(one, articles, run.idle_after, *there if turn % 2 == 0 else back)
                for turn in range(run.repeats)
            ]


def burst(
    one: worker.Worker,
    articles: Sequence[Path],
    idle_after: float,
    texts: Sequence[bytes],
    before: Digests,
    after: Digests,
) -> Burst:
    """Write all files as fast as it goes, and look at every document until all are right and all is quiet."""
    used, told = processor_seconds(one.pid), len(one.passes())
    stamps = {path: stamp_of(path) for path in after}
    changed = {path for path, digest in after.items() if before.get(path) != digest}
    writes: Counter[Path] = Counter()
    wrong = set(changed)
    writer = threading.Thread(target=write, args=(articles, texts))
    began = time.perf_counter()
    writer.start()
    while wrong:
        if time.perf_counter() - began > LIMIT:
            raise SystemExit(f"{len(wrong)} documents are not right after {LIMIT:.0f} s: {sorted(wrong)[:3]}")
        time.sleep(POLL)
        for path in written(stamps, changed):
            writes[path] += 1
            (wrong.discard if digest_of(path) == after[path] else wrong.add)(path)
    wall = time.perf_counter() - began
    writer.join()
    wait_until_idle(one.pid, idle_after)
    writes.update(written(stamps, after))
    if any(digest_of(path) != digest for path, digest in after.items()):
        raise SystemExit("documents that were right have become wrong")
    return Burst(
        files=len(articles),
        wall=wall,
        cpu=processor_seconds(one.pid) - used,
        changed=len(changed),
        writes=sum(look.get("written", 0) for look in one.passes()[told:]),
        most=max(writes.values(), default=0),
    )


def written(stamps: dict[Path, tuple[int, int]], paths: Iterable[Path]) -> list[Path]:
    """Which of these documents were written since they were asked for the last time."""
    fresh = {path: stamp for path in paths if (stamp := stamp_of(path)) != stamps[path]}
    stamps.update(fresh)
    return list(fresh)


def write(articles: Sequence[Path], texts: Sequence[bytes]) -> None:
    for article, text in zip(articles, texts, strict=True):
        article.write_bytes(text)


def digests(feedbot: Feedbot) -> Digests:
    """Every document with what tells its bytes from others."""
    return {path: digest_of(path) for path in feedbot.output.rglob("*") if path.is_file()}


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
