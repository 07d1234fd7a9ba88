"""The lease on making passes, as a process has it: taken, renewed beside the work, and asked before writing.

Who has lost it writes nothing more: each transaction over `Lease.engine` that wrote asks once more before it
is committed, within the same transaction; and whoever puts a document into its place calls `confirm` first.
Knows no pass.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from feedbot.clock import uptime
from feedbot.errors import StandbyError
from feedbot.process import this_process
from feedbot.store import workers
from feedbot.store.engines import beside, reading, session_of
from feedbot.store.trouble import is_away, is_locked, is_refused, reason_of, refusal
from feedbot.store.workers import Holder, Role

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

log = logging.getLogger(__name__)

PATIENCE = 30.0  # seconds that a command waits for its turn
POLL = 0.5  # seconds between two looks of somebody who waits for it
IMPATIENT = 3.0  # seconds that a statement about the lease may take
LONGEST = 5.0  # seconds between two tries while the database is away

# What follows where a worker with another configuration makes the passes.
THEIRS = "its own is in force until it ends, and nothing is sent from here"
UNDONE = "it goes by its own again after this pass, so restart it"

Word = Callable[[], None]

_WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE)\b")  # FOR UPDATE, too, which does no harm
_WROTE = "feedbot wrote"  # in what SQLAlchemy notes of a connection


class Lease:
    """The right to make passes over one state, for as long as nobody else has it. For use in any thread."""

    def __init__(self, engine: Engine, *, setup: str | None = None, patience: float = PATIENCE) -> None:
        """Asks for nothing yet. `patience` is how long `turn` waits, in seconds.

        `setup` is a digest of the configuration and the version of this process, for others to know.
        """
        self.engine = engine.execution_options()  # what is written over it counts only while this is ours
        self._base = engine
        self._setup = setup
        self._patience = patience
        self._owner = secrets.token_hex(8)
        self._role = Role.COMMAND
        self._length = workers.length_of(engine.dialect.name)
        self._lock = threading.RLock()  # guards all that follows
        self._own: Engine | None = None  # for what the lease itself has to ask
        self._term: int | None = None  # None: it is not ours
        self._confirmed = 0.0  # when it certainly was; a moment of `uptime`, like all that follow
        self._seen = 0.0  # when we gave a sign of life
        self._in_pass = False
        self._renewer: tuple[threading.Event, threading.Thread] | None = None
        self._has_left = False
        self._was_asked = False  # for a turn, ever
        self._owes_word = False  # a turn could not be had since the last word was given
        self._failures = 0  # of the database, in a row
        self._standing_by = ""  # for whom, as it was told last
        event.listen(self.engine, "before_cursor_execute", _note_writing)
        event.listen(self.engine, "commit", self._fence)

    @property
    def term(self) -> int:
        """The fencing token: higher than that of everybody who had the lease before. 0: it is not ours."""
        return self._term or 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Make a pass within the block: nobody else does meanwhile.

        Raises StandbyError when it is somebody else's turn, was lost on the way, or the database is away, and
        StoreError when the system refuses the database something.
        """
        self._was_asked = True
        try:
            with self._explained():
                try:
                    self._begin_pass()
                    # On SQLite nobody gets in before the first transaction has ended; and until there is a
                    # second thread, the processes of the pass can be forked.
                    if self._base.dialect.name != "sqlite":
                        self._start_renewing()
                    yield
                finally:
                    self._stop_renewing()
                    self._end_pass()
        except StandbyError:
            self._owes_word = True
            raise

    def confirm(self) -> float:
        """Return only if the lease is certainly ours: asked of the database unless that was a moment ago.

        Returns the `uptime` until which that holds. Raises StandbyError.
        """
        if not self._is_confirmed():
            with self._lock, self._explained():
                if not self._is_confirmed():  # another thread may have asked meanwhile
                    with self._transaction() as connection:
                        self._require(connection)
        return self._sure_until

    def stay(self) -> None:
        """This process is a worker, which keeps the lease between its passes, and waits for nobody."""
        self._role = Role.WORKER

    def keep(self, stopping: threading.Event, give_word: Word) -> None:
        """Renew the lease, or wait for it, until `stopping`.

        Gives the word when the lease has become ours, when a turn that could not be had can be had now, and
        when the database can be used again; but not before the first turn, which nobody needs to be told of.
        """
        self.stay()
        while not stopping.is_set():
            stopping.wait(self._beat(give_word))

    def leave(self) -> None:
        """Part with it for good, so that the next one can begin at once."""
        with self._lock:
            self._has_left = True
            self._release()

    # --- a pass ---

    def _begin_pass(self) -> None:
        deadline = uptime() + (0.0 if self._role is Role.WORKER else self._patience)
        if self._role is Role.COMMAND:
            self._tell_other_setup(self._look())
        while not self._take(for_pass=True):
            if uptime() >= deadline:
                found = self._look()
                self._tell_standing_by(found)
                raise StandbyError(_refusal(found, self._patience))
            time.sleep(POLL / 5)

    def _end_pass(self) -> None:
        with self._lock, suppress(DBAPIError):
            self._in_pass = False
            if self._role is Role.COMMAND:
                self._release()
            elif self._term is not None:
                with self._transaction() as connection:
                    self._renew(connection, in_pass=False)

    def _release(self) -> None:
        self._term, own = None, self._own
        if own is None:
            return
        if not self._failures:  # else it runs out by itself
            with suppress(DBAPIError), own.begin() as connection:
                workers.release(connection, self._owner)
        if own is not self._base:
            own.dispose()
        self._own = None

    def _take(self, *, for_pass: bool) -> bool:
        """Whether the lease is ours now, with a pass under way if it is `for_pass`."""
        with self._lock:
            if self._has_left:
                return False
            began = uptime()
            try:
                with self._transaction() as connection:
                    if not self._renew(connection, in_pass=for_pass or None):
                        self._term = self._taken(connection, for_pass=for_pass)
            except DBAPIError as error:
                if not is_locked(error):
                    raise
                return False  # a pass of somebody else's is under way
            if self._term is None:
                return False
            self._confirmed, self._in_pass = began, for_pass
            self._tell_ours()
            return True

    def _taken(self, connection: Connection, *, for_pass: bool) -> int | None:
        return workers.take(connection, self._owner, self._role, self._setup, for_pass=for_pass)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """A transaction of the lease's own: that it is ours is not certain before the commit."""
        before = self._confirmed
        try:
            with self._engine().begin() as connection:
                yield connection
        except BaseException:
            self._confirmed = before
            raise

    def _renew(self, connection: Connection, *, in_pass: bool | None = None) -> bool:
        """Whether the lease is still ours; if so, it lasts longer."""
        began = uptime()
        if self._term is None or not workers.renew(connection, self._owner, self._term, in_pass=in_pass):
            self._term = None
            return False
        self._confirmed = began
        return True

    def _require(self, connection: Connection) -> None:
        if not self._renew(connection):
            found = workers.holder(connection)
            self._tell_standing_by(found)
            raise StandbyError(f"the pass was cut short, for {_told(found)}")

    def _fence(self, connection: Connection) -> None:
        """Before a commit: what was written by a process that has lost the lease is undone."""
        if connection.info.get(_WROTE, False):
            self._require(connection)
            self._start_renewing()
            del connection.info[_WROTE]  # not sooner: what asks for the lease writes, too

    def _is_confirmed(self) -> bool:
        return self._term is not None and uptime() <= self._sure_until

    @property
    def _sure_until(self) -> float:
        return self._confirmed + self._length / 3

    def _start_renewing(self) -> None:
        """From here to the end of the pass renew the lease beside it, where `keep` does not."""
        if self._role is Role.WORKER or self._renewer is not None or not self._in_pass:
            return
        done = threading.Event()

        def renew() -> None:
            wait = 0.0  # the first transaction of a pass may be large, and its log is kept short here
            while not done.wait(wait):
                wait = self._beat(lambda: None)

        thread = threading.Thread(target=renew, name="lease", daemon=True)
        thread.start()
        self._renewer = (done, thread)

    def _stop_renewing(self) -> None:
        if self._renewer is not None:
            done, thread = self._renewer
            done.set()
            thread.join()
            self._renewer = None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if is_refused(error):
                raise refusal(error) from error
            if not is_away(error):
                raise
            self._tell_trouble(error)
            raise StandbyError(f"the database cannot be used: {reason_of(error)}") from error

    # --- beside it ---

    def _beat(self, give_word: Word) -> float:
        """Give a sign of life, and renew the lease or try to get it; returns the seconds until the next."""
        with self._lock:
            if self._has_left:
                return LONGEST
            is_asked_for = self._was_asked
            try:
                has_come = self._ask()
            except DBAPIError as error:
                if is_locked(error):
                    return POLL  # a long pass on SQLite, ours or another's: nobody can take the lease either
                self._tell_trouble(error)
                return min(LONGEST, POLL * self._failures)
            is_back = self._failures > 0
            if is_back:
                self._failures = 0
                log.info("the database can be used again")
            has_news = self._owes_word or (is_asked_for and (has_come or is_back))
            has_word = self._term is not None and has_news
            if has_word:
                self._owes_word = False
        if has_word:
            give_word()
        return POLL if self._term is None else self._length / 3

    def _ask(self) -> bool:
        """One transaction: sign of life, and the lease. Returns whether the lease has become ours by it."""
        gone: set[str] = set()
        found, came = None, False
        with self._transaction() as connection:
            if uptime() - self._seen >= self._length / 3:
                workers.sign_of_life(connection, self._owner, self._role, self._setup)
                gone = workers.find_gone(connection)
                self._seen = uptime()
            if not self._renew(connection):
                found = workers.holder(connection)
                came = self._succeed(connection)
        if self._term is None:
            self._tell_standing_by(found)
        elif came:
            self._tell_ours()
        if self._base.dialect.name == "postgresql":
            self._end_sessions(gone)
        return came

    def _succeed(self, connection: Connection) -> bool:
        """Take the lease if it can be had; not in the midst of a pass that others may have gone on from."""
        if self._role is Role.WORKER and not self._in_pass:
            self._term = self._taken(connection, for_pass=False)
        return self._term is not None

    def _end_sessions(self, gone: set[str]) -> None:
        for session in gone - {session_of(this_process())}:
            with suppress(DBAPIError), self._engine().begin() as connection:
                workers.end_session(connection, session)

    def _look(self) -> Holder | None:
        """Who has the lease, even while somebody writes."""
        with suppress(DBAPIError), reading(self._engine()).begin() as connection:
            return workers.holder(connection)
        return None

    def _engine(self) -> Engine:
        with self._lock:
            if self._own is None:
                self._own = beside(self._base, IMPATIENT)
            return self._own

    # --- what is said of it, once ---

    def _tell_standing_by(self, found: Holder | None) -> None:
        told = _told(found)
        if self._role is Role.WORKER and told != self._standing_by:
            self._standing_by = told
            log.info("standing by, for %s", told)
            self._tell_other_setup(found)

    def _tell_other_setup(self, found: Holder | None) -> None:
        """Warn if who makes the passes has another configuration: for a while that is right, or a mistake."""
        if found is None or found.role is not Role.WORKER or found.lets_send(self._setup):
            return
        then = THEIRS if self._role is Role.WORKER else UNDONE
        log.warning("the worker %s has another configuration or version: %s", found.name, then)

    def _tell_ours(self) -> None:
        if self._standing_by:
            self._standing_by = ""
            log.info("makes the passes from now on")

    def _tell_trouble(self, error: DBAPIError) -> None:
        self._failures += 1
        if self._failures == 1 and self._role is Role.WORKER:
            log.warning("the database cannot be used; trying again: %s", reason_of(error))


def _note_writing(connection: Connection, _cursor: object, statement: str, *_: Any) -> None:
    if _WRITES.search(statement):
        connection.info[_WROTE] = True


def _told(found: Holder | None) -> str:
    """Who makes the passes."""
    if found is None or found.owner is None or not found.name:
        return "another feedbot has made passes meanwhile"
    kind = "worker" if found.role is Role.WORKER else "command"
    return f"the {kind} {found.name} makes the passes since {found.since:%Y-%m-%d %H:%M:%S} UTC"


def _refusal(found: Holder | None, patience: float) -> str:
    """Why a command does not get its turn, and what to do."""
    return (
        f"{_told(found)}, and was still busy with one after {patience:g} s. It sees the same files, so wait"
        " and look at `feedbot status`; or stop it first"
    )
