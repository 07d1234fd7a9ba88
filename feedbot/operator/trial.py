"""Trying targets online: what can be checked unseen, and a message that says it is a test.

Talks to the targets through their senders; knows neither the store nor the schedule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict

from feedbot.attempt import Check, Outcome, Sent
from feedbot.model import Finding, JsonObject, Level
from feedbot.observe import Redact
from feedbot.sending.transports import transport_of

if TYPE_CHECKING:
    from feedbot.config import Config

# The types of targets whose service answers something that nobody sees; the others only take messages.
ANSWERING = frozenset({"discord", "mastodon"})


class Tried(Struct, frozen=True, kw_only=True):
    """One thing about a target that was tried."""

    target: str
    check: Check

    def as_json(self) -> JsonObject:
        """For `--json`."""
        return {"target": self.target, **asdict(self.check)}

    def as_finding(self, path: str, lines: Mapping[str, int], redact: Redact) -> Finding:
        """As what is found in files: `path` is the configuration's, `lines` those of its targets."""
        level = Level.INFO if self.check.is_fine else Level.ERROR
        what = f"target {self.target}: {self.check.what}: {redact(self.check.said)}"
        return Finding(path=path, what=what, level=level, line=lines.get(self.target))


class Trial(Struct, frozen=True, kw_only=True):
    """What trying one target came to; `outcome` is None where no message was sent."""

    target: str
    checks: list[Tried]
    outcome: Outcome | None

    @property
    def has_arrived(self) -> bool:
        """Whether the message did."""
        return isinstance(self.outcome, Sent)

    @property
    def is_fine(self) -> bool:
        """Whether nothing was wrong."""
        arrived = self.outcome is None or self.has_arrived
        return arrived and all(tried.check.is_fine for tried in self.checks)

    def as_json(self, *, is_resumed: bool) -> JsonObject:
        """For `--json`; `is_resumed` says that the target was paused or disabled, and is no more."""
        outcome = self.outcome
        return {
            "target": self.target,
            "is_fine": self.is_fine,
            "checks": [tried.as_json() for tried in self.checks],
            "message": None
            if outcome is None
            else {
                "outcome": type(outcome).__name__.lower(),
                "reason": outcome.reason,
                "status": outcome.answer.status if outcome.answer else None,
            },
            "resumed": is_resumed,
        }


def check_targets(config: Config) -> Iterator[Tried]:
    """Check each target without anything that its readers would see, one after the other."""
    for target in config.all_targets:
        with closing(transport_of(config, target)) as transport:
            for check in transport.check():
                yield Tried(target=target.name, check=check)


def untried(config: Config) -> list[str]:
    """The targets that `check_targets` asks nothing: only a message shows whether they take one."""
    return [target.name for target in config.all_targets if target.type not in ANSWERING]


def try_target(config: Config, name: str, now: datetime, *, with_message: bool) -> Trial:
    """Check the target `name`, and if it is asked for send a message that says it is a test.

    Raises ConfigError.
    """
    with closing(transport_of(config, config.target(name))) as transport:
        checks = [Tried(target=name, check=check) for check in transport.check()]
        return Trial(target=name, checks=checks, outcome=transport.test(now) if with_message else None)
