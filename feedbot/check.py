"""`feedbot check`: every problem in the content, found by the real sync over an empty store in memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feedbot.build import Clock, newsroom_of, utc_now
from feedbot.crew import Crew
from feedbot.membership import Catalogue
from feedbot.model import Finding, JsonObject
from feedbot.store import journal
from feedbot.store.db import open_store
from feedbot.sync import Progress, sync

if TYPE_CHECKING:
    from feedbot.config import Config


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a check found."""

    files: int
    findings: list[Finding]  # by path and line

    def as_json(self) -> JsonObject:
        """For `--json`."""
        return {"files": self.files, "findings": [finding.as_json() for finding in self.findings]}

    def summary(self, *, with_infos: bool) -> str:
        """One line: how many files, and how many findings of each level."""
        counts = Counter(finding.level.value for finding in self.findings)
        parts = [_number(counts[level], level) for level in ("error", "warning")]
        infos = counts["info"]
        more = "" if with_infos or not infos else f" ({infos} more worth knowing: feedbot check -v)"
        return f"Checked {_number(self.files, 'file')}: {', '.join(parts)}.{more}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def check_content(
    config: Config, *, clock: Clock = utc_now, progress: Progress = lambda _done, _total: None
) -> Checked:
    """Read all content anew; neither the state nor the output is touched.

    Raises ContentError when a content folder cannot be read.
    """
    store = open_store("sqlite://")
    newsroom = newsroom_of(config, Catalogue(config))
    with store.begin() as connection, Crew() as crew:
        report = sync(connection, newsroom, clock(), crew, settled=True, progress=progress)
        findings = journal.load_findings(connection)
    store.dispose()
    return Checked(files=report.files, findings=findings)
