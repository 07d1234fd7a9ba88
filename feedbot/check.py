"""`feedbot check`: every problem in the content, found by the real sync over an empty store in memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from feedbot.clock import utc_now
from feedbot.crew import Crew
from feedbot.model import Finding, JsonObject, Level, Progress
from feedbot.operator.trial import Tried
from feedbot.passes.membership import Catalogue
from feedbot.passes.sync import sync, sync_options
from feedbot.places.bucket.objects import Objects, Trouble
from feedbot.store import journal
from feedbot.store.db import open_store

if TYPE_CHECKING:
    from feedbot.config import Config
    from feedbot.operator.standings import Standing


class Checked(Struct, frozen=True, kw_only=True):
    """What a check found."""

    files: int
    findings: list[Finding]  # by path and line
    tried: tuple[Tried, ...] = ()  # what was tried of the targets
    untried: tuple[str, ...] = ()  # targets that nothing could be asked
    silent: tuple[Standing, ...] = ()  # targets that are paused or disabled

    @property
    def problems(self) -> bool:
        """Whether there is anything to mend."""
        is_wrong = any(finding.level is not Level.INFO for finding in self.findings)
        return is_wrong or bool(self.disabled) or not all(tried.check.is_fine for tried in self.tried)

    @property
    def disabled(self) -> tuple[str, ...]:
        """The targets that get nothing until somebody enables them."""
        return tuple(one.name for one in self.silent if one.word == "disabled")

    def with_targets(
        self, tried: Iterable[Tried], *, untried: Iterable[str] = (), standings: Iterable[Standing] = ()
    ) -> Checked:
        """The same with what was tried of the targets, and how they stand."""
        silent = tuple(one for one in standings if one.word in {"paused", "disabled"})
        return replace(self, tried=tuple(tried), untried=tuple(untried), silent=silent)

    def with_findings(self, findings: Iterable[Finding]) -> Checked:
        """The same with what was found elsewhere."""
        return replace(self, findings=[*findings, *self.findings])

    def as_json(self) -> JsonObject:
        """For `--json`."""
        return {
            "files": self.files,
            "findings": [finding.as_json() for finding in self.findings],
            "targets": [tried.as_json() for tried in self.tried],
            "untried": list(self.untried),
            "not_ready": [standing.as_json() for standing in self.silent],
        }


def check_content(config: Config, *, progress: Progress) -> Checked:
    """Read all content anew; neither the state nor the output is touched.

    Raises ContentError when a content folder cannot be read.
    """
    store = open_store("sqlite://")
    options = sync_options(config, Catalogue(config))
    with store.begin() as connection, Crew() as crew:
        report = sync(connection, options, utc_now(), crew, at_rest=True, progress=progress)
        findings = journal.load_findings(connection)
    store.dispose()
    return Checked(files=report.files, findings=findings)


def check_bucket(config: Config) -> list[Finding]:
    """What is in the way of reading the bucket that feeds go to, if they go to one. Raises ConfigError."""
    place = config.feeds.place
    if isinstance(place, Path):
        return []
    try:
        Objects(place, config.access).list_all()
    except Trouble as trouble:
        what = f"{place} cannot be listed: {trouble.what}"
        return [Finding(path=config.shown(config.path), what=what, hint=trouble.hint)]
    return []
