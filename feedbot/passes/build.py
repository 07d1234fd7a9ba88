"""One pass: sync, refresh, announce. Each step is safe to repeat; the next pass finishes one that was killed.

The store notes in the transaction of the first step which feeds have changed; the second step renders these,
writes what differs, and only then notes that they are done. The third step records who is to be told of what;
nothing is sent here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from feedbot import redirects
from feedbot.audience import audience_of, setup_of_all
from feedbot.clock import Clock, utc_now
from feedbot.content.intake import STILL
from feedbot.crew import Crew
from feedbot.errors import FeedbotError
from feedbot.kinds import INDEX
from feedbot.model import FILENAMES, JsonObject, Progress
from feedbot.passes.announce import AnnounceReport, announce, policy_of
from feedbot.passes.index import due_of_index
from feedbot.passes.membership import Catalogue
from feedbot.passes.output import Output, RefreshReport, output_of
from feedbot.passes.prefetch import Prefetch
from feedbot.passes.reconfigure import has_other_folders, reconfigure
from feedbot.passes.refresh import PLENTY, Refresh, distrust_output
from feedbot.passes.sync import SyncReport, sync, sync_options
from feedbot.places import Confirm
from feedbot.render import bears_mark
from feedbot.store import articles, feeds, journal, notification, trouble, upkeep
from feedbot.store.clock import ahead_of_machine, set_clock
from feedbot.store.lease import Lease

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from feedbot.config import Config

log = logging.getLogger(__name__)

AT_TOP = (*FILENAMES.values(), INDEX)  # documents by which output is known whose state is lost
SLICES = timedelta(minutes=1)  # passes over single files that belong to one burst
LOOKS = 5  # at a file that somebody is writing, before the rest goes on without it


@dataclass(kw_only=True)
class PassReport:
    """What one pass found and did."""

    sync: SyncReport = field(default_factory=SyncReport)
    refresh: RefreshReport = field(default_factory=RefreshReport)
    announce: AnnounceReport = field(default_factory=AnnounceReport)
    seconds: float = 0.0
    lost_state: bool = False  # there was output, but no state
    next_due: datetime | None = None  # when there is something to do again
    index_due: datetime | None = None  # when the index page is to be written, if that waits

    @property
    def written(self) -> int:
        """Documents whose bytes changed."""
        return self.refresh.written

    @property
    def removed(self) -> int:
        """Documents that are not wanted any more."""
        return self.refresh.removed

    def add(self, later: PassReport) -> None:
        """Take in what a further look at some files did."""
        _add(self.sync, later.sync, "read", "new", "changed", "withdrawn", "renamed", "broken")
        _add(self.sync, later.sync, "events", "problems", "duplicates")
        self.sync.in_motion = later.sync.in_motion
        _add(self.refresh, later.refresh, "written", "removed", "pings")
        self.refresh.foreign = later.refresh.foreign
        self.refresh.overtaken = later.refresh.overtaken
        _add(self.announce, later.announce, "deliveries", "held", "held_articles")
        self.announce.came = max(self.announce.came, later.announce.came)
        self.announce.burst = max(self.announce.burst, later.announce.burst)
        self.announce.waiting = later.announce.waiting
        self.seconds += later.seconds
        self.next_due, self.index_due = later.next_due, later.index_due

    def as_json(self) -> JsonObject:
        """For the store and for `--json`."""
        work = {**asdict(self.sync), **asdict(self.refresh)}
        for name in ("in_motion", "problems", "duplicates", "overtaken"):
            del work[name]
        return {
            **work,
            "events": [{"kind": kind, "id": id_} for kind, id_ in self.sync.events[:50]],
            "announced": asdict(self.announce),
            "seconds": round(self.seconds, 3),
            "lost_state": self.lost_state,
        }


def _add(report: object, later: object, *names: str) -> None:
    for name in names:
        setattr(report, name, getattr(report, name) + getattr(later, name))


class Builder:
    """Makes passes for one configuration; the command and the worker both use it."""

    def __init__(
        self,
        config: Config,
        engine: Engine,
        *,
        clock: Clock = utc_now,
        senders_clock: Clock | None = None,
        window: timedelta = timedelta(0),
        lease: Lease | None = None,
        make_output: Callable[[Config, Confirm], Output] = output_of,
        begun: Prefetch | None = None,
    ) -> None:
        """`window`: how long ago articles can have come and still count as come at once.

        `senders_clock` is that of those who send, if it is another than `clock`.
        """
        self._setup = setup_of_all(config)
        self.lease = lease or Lease(engine, setup=self._setup)
        self.senders_clock = senders_clock or clock
        self._config = config
        self._engine = engine = self.lease.engine  # whoever loses the lease writes nothing more
        self._clock = clock
        self._window = window
        self._catalogue = Catalogue(config)
        output = make_output(config, self.lease.confirm)
        self._place = output.place
        self._prepared = False
        self._sync_options = sync_options(config, self._catalogue)
        self._refresh = Refresh(
            config, self._catalogue, output, engine, clock=clock, senders_clock=self.senders_clock
        )
        self._crew = begun.crew if begun else self._new_crew()  # of the next pass
        self._begun = begun.look if begun else None  # ... which it is to go on with
        self._audiences = [audience_of(target) for target in config.targets]
        self._tells_nobody = not config.targets and config.hub is None

    def expect(self, files: int) -> None:
        """Get ready for a pass over so many changed files, which comes in a moment, if it is ours to make."""
        if self.lease.term and self._crew.pays(files, PLENTY):
            self._crew.get_ready()

    def _new_crew(self) -> Crew:
        return Crew(load=(self._sync_options.sources.reader.load, self._refresh.renderer.load))

    def run(
        self,
        paths: Collection[str] | None = None,
        *,
        allow_empty: bool = False,
        patient: bool = False,
        progress: Progress = lambda _done, _total: None,
    ) -> PassReport:
        """Make one pass over everything, or over `paths` (absolute) and what lies below them.

        The first pass with a state is over everything in any case.
        `patient` says that there will be another pass when the report's `next_due` comes: until then the
        numbers on the index page may wait, if nothing else changes there.
        Raises ContentError or PublishError; then the store and the output are as they were, or whole and
        newer, and the next pass goes on from there. Raises StandbyError when another makes the passes.
        """
        crew, self._crew = self._crew, self._new_crew()
        with crew, self.lease.turn():
            try:
                return self._run(crew, paths, allow_empty, patient, progress)
            except Exception as error:
                self._note_failure(error)
                raise
            finally:
                crew.stop()  # nobody writes for us when it is somebody else's turn

    def _note_failure(self, error: Exception) -> None:
        """Let `status` tell that passes fail, if the store can be written at all."""
        told = trouble.refusal(error) if trouble.is_refused(error) else error
        reason = str(told) if isinstance(told, FeedbotError) else type(told).__name__
        with suppress(Exception), self._engine.begin() as connection:
            journal.put_failure(connection, self._clock(), reason)

    def _run(
        self,
        crew: Crew,
        paths: Collection[str] | None,
        allow_empty: bool,
        patient: bool,
        progress: Progress,
    ) -> PassReport:
        started, now = time.perf_counter(), self._clock()
        report = PassReport()
        begun, self._begun = self._begun, None
        if not self._prepared:
            self._place.prepare()
            self._prepared = True
        with self._engine.begin() as connection:
            noted = journal.load(connection)  # by the last pass; nobody else makes one meanwhile
        is_first = "baseline" not in noted
        is_another = noted.get("setup", self._setup) != self._setup
        if is_first or has_other_folders(noted, self._config):
            paths = None  # as after a first pass that failed: what else there is, is not known
        # No transaction spans the network, which may be what lies between here and the output.
        others_wrote = is_first or is_another
        look = self._place.look(anew=others_wrote) if paths is None or is_another else None
        report.lost_state = is_first and any(map(self._place.holds_ours, AT_TOP))
        known_moves = self._known_moves() if report.lost_state else {}
        with self._engine.begin() as connection:
            fingerprint = self._sync_options.sources.reader.fingerprint
            journal.note(connection, noted, "setup", self._setup)
            reread = reconfigure(connection, noted, self._config, self._catalogue, fingerprint, now)
            # What reads otherwise now is no update, whichever file it is: so all are read in this pass.
            some = None if reread else paths
            report.sync = sync(
                connection, self._sync_options, now, crew,
                paths=some, allow_empty=allow_empty, reread=reread, progress=progress, begun=begun,
            )  # fmt: skip
            crew.let_load(self._refresh.renderer.load)
            if known_moves:
                feeds.restore_moves(connection, known_moves)
            if look is not None:
                distrust_output(connection, look)
        if is_another:
            log.info("the configuration or version is another than that of the last pass, and in force now")
        report.refresh = self._refresh.run(crew, patient=patient)
        with self._engine.begin() as connection:
            report.announce = self._announce(connection, now, in_slices=paths is not None)
            if report.announce.deliveries or report.refresh.pings:
                notification.notify(connection)
            if paths is None and self._tells_nobody:  # else who sends does it
                upkeep.purge(connection, now - self._config.announce.keep)
            _look_ahead(connection, report)
            report.seconds = time.perf_counter() - started
            journal.add_pass(connection, now, report.as_json())
        return report

    def _known_moves(self) -> dict[str, str]:
        """Former addresses hold for ever: of a lost state the output still knows them."""
        body = self._place.read(redirects.PATH)
        if body is None or not bears_mark(body):
            return {}
        return dict(redirects.read_redirects(body, self._config.site.feeds_url))

    def _announce(self, connection: Connection, now: datetime, *, in_slices: bool) -> AnnounceReport:
        policy = policy_of(self._config)
        window = max(self._window, SLICES if in_slices else timedelta(0))
        set_clock(self.senders_clock, connection)
        ahead = ahead_of_machine(self.senders_clock)
        return announce(
            connection, self._audiences, policy, now, ahead=ahead, hub=self._config.hub, window=window
        )

    def run_until_still(
        self, *, allow_empty: bool = False, progress: Progress = lambda _done, _total: None
    ) -> PassReport:
        """Make a pass, and look again at files that may be half-written until they are still.

        Returns the report of the whole; what is still moving after a few looks is named in it.
        """
        report = self.run(allow_empty=allow_empty, progress=progress)
        for _ in range(LOOKS):
            if not report.sync.in_motion:
                break
            time.sleep(STILL.total_seconds())
            report.add(self.run(report.sync.in_motion))
        return report


def _look_ahead(connection: Connection, report: PassReport) -> None:
    """Say in the report when there is something to do again."""
    report.index_due = due_of_index(connection)
    moments = (articles.next_due(connection), report.index_due)
    report.next_due = min((moment for moment in moments if moment), default=None)
