"""What a content file comes to, once it is known which article it is: its row, findings, a change. Pure.

A file that is broken leaves its article as it was read last; one that is not for readers withdraws it; a
duplicate has none.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from feedbot.articletext import load_article
from feedbot.content import Broken, Excluded
from feedbot.content.intake import Ready
from feedbot.model import Finding, Level, Stamp
from feedbot.passes.changes import Change, first_seen, status_at, withdrawal
from feedbot.passes.identity import Duplicate, Identity, url_digest
from feedbot.render import too_large
from feedbot.store.articles import ArticleRow, StoredArticle
from feedbot.store.db import to_us
from feedbot.store.files import UNTRUSTED, Fate, FileRow


class Decision(Struct, frozen=True, kw_only=True):
    """What is to be noted of a file, and what it does to its article."""

    row: FileRow  # without the article's key where the article is written, which gives the key
    findings: tuple[Finding, ...]
    change: Change | None = None  # None: no article stands otherwise by it

    @property
    def is_rename(self) -> bool:
        """Whether the article was read at another path before."""
        stored = self.change.stored if self.change else None
        return stored is not None and stored.row.path != self.row.path


def decide_left_out(
    name: str, reading: Broken | Excluded, stored: StoredArticle | None, stamp: Stamp
) -> Decision:
    """Of a file that holds no article now; `stored` is the one that it held."""
    key = stored.key if stored else None
    if isinstance(reading, Broken):  # the last good version stays
        row = FileRow(path=name, stamp=stamp, fate=Fate.BROKEN, article_key=key)
        return Decision(row=row, findings=reading.findings)
    reason = reading.reason.value
    row = FileRow(path=name, stamp=stamp, fate=Fate.EXCLUDED, reason=reason, article_key=key)
    return Decision(row=row, findings=reading.findings, change=withdrawal(stored, reason) if stored else None)


def decide_duplicate(name: str, reading: Ready, duplicate: Duplicate) -> Decision:
    """Of a file whose id another file has."""
    # Read again at each pass: the other file may have gone.
    row = FileRow(path=name, stamp=UNTRUSTED, fate=Fate.DUPLICATE)
    return Decision(row=row, findings=(*reading.findings, duplicate.finding))


def decide_read(
    name: str, reading: Ready, identity: Identity, stamp: Stamp, now: datetime, *, max_item_size: int | None
) -> Decision:
    """Of a file that holds an article; `max_item_size` as in `SyncOptions`."""
    stored, outline = identity.stored, reading.outline
    status, reason = status_at(outline, now, stored)
    article = ArticleRow(
        id=identity.id,
        path=name,
        url_digest=url_digest(reading.url),
        status=status,
        reason=reason,
        published_us=to_us(outline.published),
        expires_us=to_us(outline.expires) if outline.expires else None,
        visible_hash=reading.visible_hash,
        body=reading.body,
        seen_us=first_seen(stored, status, now),
        gone_us=None,
    )
    return Decision(
        row=FileRow(path=name, stamp=stamp, fate=Fate.READ),
        findings=(*reading.findings, *_size_findings(name, reading.body, max_item_size)),
        change=Change(stored=stored, row=article, outline=outline),
    )


def _size_findings(name: str, body: str, limit: int | None) -> list[Finding]:
    # Far from the limit there is no need to look: a character becomes 6 bytes at the most (&quot;).
    if limit is None or 8 * len(body) < limit or not too_large(load_article(body), limit):
        return []
    finding = Finding(
        path=name,
        what=f"the full text has more than {limit:,} bytes, so feeds show the excerpt",
        hint="shorten it, or raise `feeds.max_item_size`",
        level=Level.WARNING,
    )
    return [finding]
