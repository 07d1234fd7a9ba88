"""The start of a worker in an archive that it knows: until it is ready, and its memory then."""

from __future__ import annotations

import worker
from processes import memory, peak, processor_seconds
from programs import Feedbot
from results import Measured

from questions import Run

PART = "start"
SIZES = (10_000, 100_000)


def measure(run: Run) -> None:
    """Ready is a worker when its log tells of the first pass."""
    for articles in run.sizes:
        feedbot = run.archive(articles)
        seconds, cpu, held, most = [], [], [], []
        for _ in range(run.repeats):
            with worker.running(feedbot) as one:
                seconds.append(one.wait_for_looks(1))
                cpu.append(processor_seconds(one.pid))
                held.append(memory(one.pid))
                most.append(peak(one.pid))
        run.keep(
            Measured(
                part=PART,
                program=Feedbot.name,
                articles=articles,
                seconds=seconds,
                cpu=cpu,
                memory=held,
                facts={"most megabytes": round(max(most), 1)},
            )
        )
