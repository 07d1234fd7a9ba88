"""What is still to be told of an article, and why it is not. Pure.

One set of rules for those who record deliveries, who send them and who ask for them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from feedbot.model import Article, EventKind, Status
from feedbot.store.outbox import AnnouncementClaim

WITHDRAWN_FIRST = "the article was withdrawn before this was sent"
CAME_BACK = "the article came back before this was sent"
NOT_SO = frozenset({WITHDRAWN_FIRST, CAME_BACK})
NEVER_TOLD = "the article was never announced here"


def not_so(event: EventKind, *, is_live: bool) -> str | None:
    """Why an event of an article is not so any more; None: it is. `is_live`: it is in its feeds now."""
    if event is EventKind.WITHDRAWN:
        return CAME_BACK if is_live else None
    return None if is_live else WITHDRAWN_FIRST


def too_old(article: Article, now: datetime, max_age: timedelta) -> str | None:
    """Why an article is too old to be announced; None: it is not."""
    age = now - article.published
    return f"published {age.days} days ago, more than announce.max_age" if age > max_age else None


def pointless(claim: AnnouncementClaim, article: Article, now: datetime, max_age: timedelta) -> str | None:
    """Why a claimed delivery is not to be sent any more; None: it is."""
    row = claim.row
    if reason := not_so(row.event, is_live=claim.status is Status.LIVE):
        return reason
    if row.by_hand:
        return None
    if row.event is not EventKind.PUBLISHED:
        return NEVER_TOLD if claim.is_unheard else None
    return too_old(article, now, max_age) if row.attempts == 1 else None
