"""The memory of a worker over thousands of edits: it has to stay where it is."""

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


def measure(run: Run) -> None:
    """Every batch edits the newest articles, and as many that were not edited before."""
    batches = min(SAMPLES, run.endurance // 2)
    half = run.endurance // batches // 2
    for size in run.sizes:
        feedbot = run.archive(size)
        known = newest(feedbot.folder / "content", half * (batches + 1))
        samples, edits, passes = [], 0, 0
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
        run.keep(
            Measured(
                part=PART,
                program=Feedbot.name,
                articles=size,
                memory=samples,
                facts={"edits": edits, "passes": passes},
            )
        )
