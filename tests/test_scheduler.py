"""The scheduler on a machine whose clock is set while it runs: scans go on."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from test_worker import wait_until

# A process of its own, for all that runs there has to believe the clock.
MACHINE = """
import datetime, sys, threading, time
from datetime import timedelta

ahead, real = float(sys.argv[1]), time.time

class Moment(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)

datetime.datetime, time.time = Moment, lambda: real() + ahead

from zoneinfo import ZoneInfo
from feedbot.config import Cron
from feedbot.worker.scheduler import Scheduler

def tell(what):
    print(what, flush=True)

scheduler = Scheduler(
    timedelta(seconds=1), ZoneInfo("Europe/Vienna"), on_scan=lambda: tell("scan"), on_due=lambda: tell("due")
)

def obey():
    global ahead
    for line in sys.stdin:
        ahead = float(line)
        tell("set")

threading.Thread(target=obey, daemon=True).start()
while True:
    time.sleep(0.05)
    scheduler.mind_clock()
    if scheduler.is_dead():
        tell("dead")
"""

DAY, YEAR = 86_400, 31_557_600


class Machine:
    """A scheduler with a scan each second, in a process whose clock can be set."""

    def __init__(self, ahead: float) -> None:
        self.told: list[str] = []
        self._popen = subprocess.Popen(
            [sys.executable, "-c", MACHINE, str(ahead)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout
        self.told.extend(line.strip() for line in self._popen.stdout)

    def set_clock(self, ahead: float) -> None:
        assert self._popen.stdin
        print(ahead, file=self._popen.stdin)

    def end(self) -> None:
        self._popen.kill()
        self._popen.communicate()
        self._reader.join()


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    machine = Machine(request.param)
    yield machine
    machine.end()


@pytest.mark.parametrize(
    ("machine", "later"),
    [
        pytest.param(DAY, 0, id="back by a day"),
        pytest.param(-50 * YEAR, 0, id="right at last"),
    ],
    indirect=["machine"],
)
def test_scans_go_on_when_the_clock_is_set(machine: Machine, later: float) -> None:
    wait_until(lambda: "scan" in machine.told, lambda: f"a scan before: {machine.told}")
    machine.set_clock(later)
    wait_until(lambda: "set" in machine.told, lambda: f"the clock: {machine.told}")
    wait_until(
        lambda: machine.told[machine.told.index("set") :].count("scan") >= 2,
        lambda: f"scans after: {machine.told}",
    )
    assert "dead" not in machine.told
