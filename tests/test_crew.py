"""Work done by further processes: the same results, whatever happens to the processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from feedbot.crew import Crew

PATIENCE = 30.0


def doubled(number: int) -> int:
    return 2 * number


def doubled_elsewhere(number: int) -> tuple[int, int]:
    return 2 * number, os.getpid()


def doubled_unless_killed(number: int) -> int:
    if number == 3 and multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def waiting(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    time.sleep(PATIENCE)


@pytest.mark.parametrize(("size", "pays"), [(1, True), (2, False), (2, True)])
def test_results_come_in_the_order_of_the_items(size: int, pays: bool) -> None:
    with Crew(size) as crew:
        found = list(crew.map(doubled, iter(range(50)), pays=pays))
    assert found == [(number, 2 * number) for number in range(50)]


def test_little_work_stays_in_this_process_and_plenty_does_not() -> None:
    with Crew(2) as crew:
        assert {pid for _, (_, pid) in crew.map(doubled_elsewhere, range(5), pays=False)} == {os.getpid()}
        assert os.getpid() not in {pid for _, (_, pid) in crew.map(doubled_elsewhere, range(5), pays=True)}


def test_a_process_that_is_killed_costs_no_result() -> None:
    with Crew(2) as crew:
        found = list(crew.map(doubled_unless_killed, range(40), pays=True))
    assert found == [(number, 2 * number) for number in range(40)]


def test_no_process_outlives_the_one_it_works_for(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from feedbot.crew import Crew\n"
        "from test_crew import waiting\n"
        "if __name__ == '__main__':\n"
        "    with Crew(2) as crew:\n"
        f"        list(crew.map(waiting, [{str(tmp_path / 'pid')!r}], pays=True))\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    deadline = time.monotonic() + PATIENCE
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child = int((tmp_path / "pid").read_text())
    parent.kill()
    parent.wait()
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
