"""Work done by further processes: the same results, whatever happens to the processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from textwrap import dedent, indent

import pytest

from feedbot.crew import Crew

PATIENCE = 60.0

known_here: list[str] = []  # what a process knows without having been told


def known_there(_: int) -> list[str]:
    return known_here


def doubled(number: int) -> int:
    return 2 * number


def slowly_doubled(number: int) -> int:
    time.sleep(0.05)
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


def met(place: Path, number: int) -> None:
    (place / str(os.getpid())).touch()
    while len(os.listdir(place)) < number:
        time.sleep(0.01)


PLENTY = bytes(20_000_000)  # much longer on its way than it takes to be killed


def plenty_from_a_doomed_one(delay: float) -> bytes:
    if multiprocessing.parent_process() is not None:
        killer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL))
        killer.daemon = True
        killer.start()
    return PLENTY


def divided(number: int) -> float:
    return 1 / number


class Stubborn:
    def __reduce__(self) -> str:
        raise ValueError("not sent")


def not_to_be_sent(_: int) -> Stubborn:
    if multiprocessing.parent_process() is None:
        raise ValueError("not sent, and done here")
    return Stubborn()


@contextmanager
def some_thread() -> Iterator[None]:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize(("size", "pays"), [(1, True), (2, False), (2, True)])
def test_results_come_in_the_order_of_the_items(size: int, pays: bool) -> None:
    with Crew(size) as crew:
        found = list(crew.map(doubled, iter(range(50)), pays=pays))
    assert found == [(number, 2 * number) for number in range(50)]


def test_little_work_stays_in_this_process_and_plenty_does_not() -> None:
    with Crew(2) as crew:
        assert {pid for _, (_, pid) in crew.map(doubled_elsewhere, range(5), pays=False)} == {os.getpid()}
        assert os.getpid() not in {pid for _, (_, pid) in crew.map(doubled_elsewhere, range(5), pays=True)}


def test_processes_that_were_called_before_there_is_work_get_all_of_it(tmp_path: Path) -> None:
    both_there = partial(met, tmp_path, 2)  # or one that is quick could do what both were called for
    with some_thread(), Crew(2, load=[both_there]) as crew:
        crew.get_ready()
        called = {process.pid for process in multiprocessing.active_children()}
        assert len(called) == 2
        assert {pid for _, (_, pid) in crew.map(doubled_elsewhere, range(50), pays=False)} <= called


def test_processes_that_have_to_load_first_pay_later_than_others() -> None:
    with some_thread(), Crew(2) as crew:
        assert not crew.pays(100, plenty=100)
        assert crew.pays(1000, plenty=100)
        crew.get_ready()
        assert crew.pays(100, plenty=100)


def learn() -> None:
    known_here.append("loaded")


def test_processes_load_what_they_need_before_there_is_work() -> None:
    with some_thread(), Crew(2, load=[learn]) as crew:
        assert [found for _, found in crew.map(known_there, range(3), pays=True)] == [["loaded"]] * 3
    assert known_here == []


def test_nothing_is_loaded_for_work_that_stays_here() -> None:
    with Crew(2, load=[learn]) as crew:
        assert [found for _, found in crew.map(known_there, range(3), pays=False)] == [[], [], []]


def test_nobody_waits_for_work_that_was_not_begun_when_all_had_to_stop() -> None:
    with Crew(2) as crew:
        works = crew.map(slowly_doubled, range(40), pays=True)
        next(works)
        crew.stop()
        with pytest.raises(CancelledError):
            list(works)


def test_a_process_that_is_killed_costs_no_result() -> None:
    with Crew(2) as crew:
        found = list(crew.map(doubled_unless_killed, range(40), pays=True))
    assert found == [(number, 2 * number) for number in range(40)]


def test_processes_that_are_killed_while_they_wait_for_work_hold_up_nobody(tmp_path: Path) -> None:
    with some_thread(), Crew(4) as crew:
        list(
            crew.map(partial(met, tmp_path), [4] * 4, pays=True)
        )  # now all are there, and have nothing to do
        *doomed, _ = multiprocessing.active_children()
        for process in doomed:
            process.kill()
        assert [found for _, found in crew.map(doubled, range(3), pays=True)] == [0, 2, 4]


def test_processes_that_are_killed_while_they_hand_over_a_result_hold_up_nobody() -> None:
    with some_thread(), Crew(4) as crew:
        crew.get_ready()
        found = list(crew.map(plenty_from_a_doomed_one, [0.001, 0.005, 0.02, 0.08, 600], pays=True))
    assert all(result == PLENTY for _, result in found)


def test_what_a_process_fails_at_is_told_as_if_it_had_happened_here() -> None:
    with some_thread(), Crew(2) as crew:
        crew.get_ready()
        with pytest.raises(ZeroDivisionError):
            list(crew.map(divided, [4, 2, 0, 1], pays=True))
        with pytest.raises(ValueError, match="not sent"):
            list(crew.map(not_to_be_sent, [1, 2], pays=True))
        assert [found for _, found in crew.map(doubled, range(3), pays=True)] == [0, 2, 4]


def test_a_process_with_threads_is_not_forked_for_they_may_hold_locks() -> None:
    known_here.append("since the start")
    try:
        with some_thread(), Crew(2) as crew:
            assert [found for _, found in crew.map(known_there, range(3), pays=True)] == [[], [], []]
    finally:
        known_here.clear()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how many threads there are")
def test_a_process_by_itself_is_forked_and_its_database_stays_whole(tmp_path: Path) -> None:
    database = tmp_path / "state.db"
    script = written(
        tmp_path / "parent.py",
        """
        from sqlalchemy import insert, select
        from feedbot.store.db import open_store
        from feedbot.store.schema import state
        from test_crew import known_here, known_there, learn

        known_here.append("since the start")
        engine = open_store("sqlite:///" + sys.argv[1])
        with Crew(2, load=[learn]) as crew:
            with engine.begin() as connection:
                for number, found in crew.map(known_there, range(20), pays=True):
                    assert found == known_here == ["since the start", "loaded"]  # once for all
                    connection.execute(insert(state), {"name": str(number), "value": "here"})
            with engine.begin() as connection:
                assert len(connection.execute(select(state)).all()) == 20
        with engine.begin() as connection:
            connection.execute(insert(state), {"name": "after", "value": "here"})
        engine.dispose()
        """,
    )
    subprocess.run([sys.executable, str(script), str(database)], check=True, timeout=PATIENCE)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        assert connection.execute("select count(*) from state").fetchone() == (21,)


def test_ctrl_c_is_for_the_process_that_was_started_and_not_for_those_that_help_it(tmp_path: Path) -> None:
    script = written(
        tmp_path / "parent.py",
        """
        import os, signal, threading
        from test_crew import doubled_elsewhere, some_thread

        signal.signal(signal.SIGINT, lambda *_: None)  # as a worker that finishes what is under way
        with some_thread(), Crew(2) as crew:
            crew.get_ready()
            for _ in range(50):  # at many moments of their start
                os.killpg(0, signal.SIGINT)
                threading.Event().wait(0.005)
            found = list(crew.map(doubled_elsewhere, range(40), pays=True))
        assert os.getpid() not in {pid for _, (_, pid) in found}
        """,
    )
    command = [sys.executable, str(script)]
    done = subprocess.run(
        command, start_new_session=True, stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_process_outlives_the_one_it_works_for(tmp_path: Path) -> None:
    paths = [tmp_path / "one", tmp_path / "two"]
    script = written(
        tmp_path / "parent.py",
        f"""
        from test_crew import waiting

        with Crew(2) as crew:
            list(crew.map(waiting, {[str(path) for path in paths]!r}, pays=True))
        """,
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    deadline = time.monotonic() + PATIENCE
    while not all(path.exists() and path.read_text() for path in paths):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    children = [int(path.read_text()) for path in paths]
    parent.kill()
    parent.wait()
    while any(map(is_alive, children)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


# Root is under no limit of processes: another real user, and without the right to go beyond it, is.
BOUND = ["setpriv", "--ruid=65534", "--bounding-set=-sys_resource,-sys_admin"] if os.getuid() == 0 else []


@pytest.mark.skipif(sys.platform != "linux", reason="setpriv and prlimit are Linux's")
@pytest.mark.parametrize("has_threads", [False, True])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_where_the_system_gives_too_few_processes_the_work_is_done_here(
    tmp_path: Path, most: int, has_threads: bool
) -> None:
    script = written(
        tmp_path / "parent.py",
        f"""
        from contextlib import nullcontext
        from resource import RLIMIT_NPROC, setrlimit
        from test_crew import doubled, multiprocessing, some_thread

        with some_thread() if {has_threads} else nullcontext():
            setrlimit(RLIMIT_NPROC, ({most}, {most}))
            with Crew(2) as crew:
                for _ in range(2):
                    found = list(crew.map(doubled, range(40), pays=True))
                    assert found == [(number, 2 * number) for number in range(40)]
        assert not multiprocessing.active_children()
        """,
    )
    subprocess.run([*BOUND, sys.executable, str(script)], check=True, timeout=PATIENCE)


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
    except (FileNotFoundError, ProcessLookupError):  # the latter if it ends between opening and reading
        return False


def written(path: Path, program: str) -> Path:
    """A script that runs `program`, with a Crew at hand."""
    head = f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom feedbot.crew import Crew\n"
    main = f"if __name__ == '__main__':\n{indent(dedent(program), '    ')}"
    path.write_text(head + main)
    return path
