"""The memory of workers over thousands of edits: it has to stay where it is.

Several workers, one after the other: by how much it moves differs from one to the next.
"""

from __future__ import annotations

import time

import worker
from newsrooms import newest, restored, with_title
from processes import memory, wait_until_idle
from programs import Feedbot
from results import Measured

from questions import Run

PART = "endurance"
SIZES = (100_000,)
SAMPLES = 20  # looks at the memory, evenly over the edits, at most
PAUSE = 0.005  # seconds between two edits, so that they meet the worker in many passes
WORKERS = tuple(f"worker {number}" for number in (1, 2, 3))


def measure(run: Run) -> None:
    """Every batch edits the newest articles, and as many that were not edited before."""
    for size in run.sizes:
        for name in WORKERS:
            feedbot = run.archive(size)  # each finds what the one before found
            run.keep(_lasted(run, feedbot, size, name))


def _lasted(run: Run, feedbot: Feedbot, size: int, name: str) -> Measured:
    """The memory of a worker before the edits and after each batch of them."""
    batches = min(SAMPLES, run.endurance // 2)
    half = run.endurance // batches // 2
    known = newest(feedbot.folder / "content", half * (batches + 1))
    samples, edits = [], 0
    with restored(known) as texts, worker.running(feedbot) as one:
        one.wait_for_looks(1)
        wait_until_idle(one.pid, run.idle_after)
        samples.append(memory(one.pid))
        articles = list(zip(known, texts, strict=True))
        for batch in range(batches):
            fresh = articles[half * (batch + 1) : half * (batch + 2)]
            for path, text in articles[:half] + fresh:
                path.write_bytes(with_title(text, f"Batch {batch}, edit {edits}"))
                edits += 1
                time.sleep(PAUSE)
            wait_until_idle(one.pid, run.idle_after)
            samples.append(memory(one.pid))
        passes = len(one.passes())
    return Measured(
        part=PART,
        what=name,
        program=Feedbot.name,
        articles=size,
        memory=samples,
        facts={"edits": edits, "passes": passes},
    )
