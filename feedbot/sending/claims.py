"""Making claims: for the targets that came back and go on, and for those whose turn it is.

The agenda says whose turn it is; here the outbox is looked at for it, and claims are made. The caller owns
the transaction, and has settled in it what came back.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from feedbot.sending.agenda import Agenda
from feedbot.sending.courier import Claims, Courier, Return
from feedbot.store import outbox, turns, upkeep, workers
from feedbot.store.settling import Settled
from feedbot.store.turns import Pace

if TYPE_CHECKING:
    from sqlalchemy import Connection

PURGES = timedelta(hours=1)  # between two purges


class Claimer:
    """Makes claims in the name of one process; what was settled longer ago than `keep` it purges.

    `setup` is a digest of its configuration; None if it is not known.
    """

    def __init__(
        self,
        agenda: Agenda,
        couriers: Mapping[str, Courier],
        *,
        keep: timedelta,
        setup: str | None,
    ) -> None:
        self._agenda = agenda
        self._couriers = couriers
        self._keep = keep
        self._setup = setup
        self._owner = secrets.token_hex(8)
        self._purge_at: datetime | None = None

    def claim(
        self,
        connection: Connection,
        returns: Sequence[Return],
        settled: Mapping[str, Sequence[Settled]],
        ours: Collection[int],
        now: datetime,
    ) -> Claims:
        """Claims for the targets that go on, and for as many others as there are threads free.

        `settled` is what became of `returns`, by target; `ours` are the keys of what was still ours. None at
        all while one with another configuration makes the passes: it may speak to a target otherwise.
        """
        returned = {one.target for one in returns}
        others = {*self._agenda.under_way} - returned
        if not workers.may_send(connection, self._setup):
            self._agenda.note((), away=len(others), senders=1, cost=0.0)
            return {}
        claims = self._claim_on(connection, returns, settled, ours, now)
        away = others | claims.keys()
        if self._agenda.is_to_look(now):
            self._look(connection, now, away)
        return claims | self._claim_heads(connection, now, away)

    def _claim_on(
        self,
        connection: Connection,
        returns: Sequence[Return],
        settled: Mapping[str, Sequence[Settled]],
        ours: Collection[int],
        now: datetime,
    ) -> Claims:
        """Claims for the targets that came back and go on; one for another worker to take rests instead."""
        claims: Claims = {}
        surplus = self._agenda.surplus()
        for one in returns:
            if surplus > 0 and self._agenda.is_worth_sharing(one.target, len(one.sent)):
                self._agenda.let_rest(one.target)
                surplus -= 1
                continue
            is_whole = all(claim.key in ours for claim, _ in one.sent)
            if settled[one.target] and is_whole and self._goes_on(one, now):
                last = settled[one.target][-1]
                courier = self._couriers[one.target]
                claims[one.target] = outbox.claim_next(
                    connection, one.target, last.settlement.health, now,
                    setup=last.claim.setup, owner=self._owner, lease=courier.lease, most=courier.size,
                )  # fmt: skip
        return {name: given for name, given in claims.items() if given}

    def _goes_on(self, one: Return, now: datetime) -> bool:
        """Whether a target that came back is sent more at once; a pace needs a look first."""
        if one.left or self._couriers[one.target].pace != Pace():
            return False
        return self._agenda.goes_on(one.target, len(one.sent), now)

    def _claim_heads(self, connection: Connection, now: datetime, away: Collection[str]) -> Claims:
        """Claims for the targets whose turn it is, as many as there are threads for beside those `away`."""
        names = self._agenda.take(now, away)
        if not names:
            return {}
        leases = {name: self._couriers[name].lease for name in names}
        paces = {name: self._couriers[name].pace for name in names}
        found = outbox.claim_heads(connection, leases, now, owner=self._owner, paces=paces)
        for name in set(names) - found.keys():
            self._agenda.let_rest(name)  # another worker has it, or it waits for something earlier
        return found

    def _look(self, connection: Connection, now: datetime, away: Collection[str]) -> None:
        """Look at what waits, and mend what is to be mended from time to time."""
        began = time.monotonic()
        upkeep.recover(connection, now, owner=self._owner, under_way=self._agenda.under_way)
        # Due, never done, or put off by a clock that was ahead.
        if self._purge_at is None or not now < self._purge_at <= now + PURGES:
            number = upkeep.purge(connection, now - self._keep)
            upkeep.mend_clock(connection, now)
            self._purge_at = now + PURGES if number < upkeep.MOST else now
        paces = {name: courier.pace for name, courier in self._couriers.items() if name not in away}
        found = turns.turns(connection, paces, now)
        senders = workers.count_senders(connection)
        self._agenda.note(found, away=len(away), senders=senders, cost=time.monotonic() - began)
