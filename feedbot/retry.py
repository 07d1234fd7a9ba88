"""When something that failed is tried again. Pure: takes `now` and the jitter, touches nothing.

A delivery has ten attempts over about three days, as the Standard Webhooks specification proposes; a target
that takes nothing at all is probed at growing intervals, for as long as it takes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

# From the end of one attempt to the next. The first repeat mends a hiccup, the last ones outlive a weekend.
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
ATTEMPTS = len(WAITS) + 1
JITTER = 0.1  # of a wait, to either side: many senders that failed together do not come back together
LONGEST = timedelta(hours=24)  # that any server's wish is followed

PAUSE = timedelta(seconds=5)  # of a target after its first failure, doubled by each further one
LONGEST_PAUSE = timedelta(hours=1)


def next_attempt(
    attempt: int, now: datetime, *, jitter: float, wish: datetime | None = None
) -> datetime | None:
    """When to try again after attempt number `attempt` (from 1) failed at `now`; None: that was the last one.

    `jitter` lies between -1 and 1. A server's `wish` makes it later, within LONGEST, but never sooner.
    """
    if attempt >= ATTEMPTS:
        return None
    planned = now + WAITS[max(attempt, 1) - 1] * (1 + JITTER * jitter)
    return planned if wish is None else max(planned, min(wish, now + LONGEST))


def next_probe(failures: int, now: datetime, *, jitter: float, wish: datetime | None = None) -> datetime:
    """When a target that failed `failures` times in a row (from 1) is tried again, with one delivery.

    `jitter` lies between -1 and 1. A server's `wish`, within LONGEST, is taken at its word.
    """
    if wish is not None and wish > now:
        return min(wish, now + LONGEST)
    pause: timedelta = min(PAUSE * 2 ** min(max(failures, 1) - 1, 20), LONGEST_PAUSE)
    return now + pause * (1 + JITTER * jitter)
