"""The same articles give the same bytes: whatever the machine, the order, the clock and the history."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from newsroom import Newsroom, age

Output = dict[str, bytes]
Articles = dict[str, dict[str, Any]]  # front matter and body by the name of a file

CONFIG = {
    "content": {"path": "content", "timezone": "Europe/Vienna"},
    "feeds": {
        "limit": 12,
        "topics": {"AI": {"title": "Thinking machines"}},
        "named": [
            {"name": "Top", "where": {"min_heat": 50}},
            {"name": "Film", "where": {"types": ["video"]}},
        ],
    },
}

# Names of topics that ask for the same folder, so that somebody has to come first.
CROWDED = [
    "C",
    "C++",
    "c++",
    "C#",
    "C Sharp",
    "c-sharp",
    "AI",
    "A.I.",
    "A I",
    "Größe",
    "Gro\u0308ße",
    "★",
    "☆",
]

AWKWARD = """<h2>Über alles</h2>
<p>Some <b class="b" id="i" title="t" style="x">text</b> and
<a rel="x" href="/a?b=1&amp;c=2" title="T">a link</a>
<img alt="x" src="p.png" width="3" height="4"></p><ul><li>😀</ul>"""


def many_articles() -> Articles:
    """Articles of every kind, among them several at the same moment and two that want the same id."""
    articles: Articles = {
        f"{number % 5}/{number:02} größe.md": {
            "title": f"Article {number} — ‘größer’ &amp; besser",
            "publishedDateTime": f"2025-03-{1 + number // 4:02} 08:30:00",  # at home, and four at once
            "topics": [
                CROWDED[number % len(CROWDED)],
                CROWDED[number * 7 % len(CROWDED)],
                f"Topic {number % 3}",
            ],
            "category": ["news", "views"][number % 2],
            "type": ["article", "video"][number % 3 == 0],
            "heat": number * 5,
            "body": f"Text *number* {number}.\n\n- one\n- two\n\n[link](other/{number})\n",
        }
        for number in range(30)
    }
    articles["page.html"] = {"publishedDateTime": "2025-04-01", "body": AWKWARD}
    articles["0/zz.md"] = {"id": "story", "title": "The first of two"}
    articles["a.md"] = {"id": "story", "title": "The second of two"}
    articles["rich.md"] = {
        "publishedDateTime": "2025-05-05T05:05:05.55+05:30",
        "updatedDateTime": 1746500000,
        "authors": [{"name": "Äda", "url": "/ada"}, "Bob"],
        "provider": {"name": "Harbour Post", "domain": "post.example", "images": [{"url": "/logo.png"}]},
        "images": [{"url": f"/{name}.jpg", "width": 640, "height": 480, "title": "ü"} for name in "zyx"],
        "related": [{"title": name, "webUrl": f"https://{name}.example/"} for name in ("zebra", "ape")],
    }
    articles["bad.md"] = {"publishedDateTime": "soon"}
    articles["much-later.md"] = {"publishedDateTime": "2999-01-01T00:00:00Z"}
    articles["over.md"] = {"expiryDate": "2025-01-02", "publishedDateTime": "2025-01-01"}
    return articles


def plain_articles() -> Articles:
    """Articles no two of which want the same id or whose topics want the same folder."""
    topics = ["C", "C++", "C#", "AI", "Größe", "Harbour news"]
    return {
        f"{number:02}.md": {
            "title": f"Article {number}",
            "publishedDateTime": f"2025-03-{1 + number // 2:02}T08:00:00Z",
            "topics": [topics[number % 6], topics[number * 5 % 6], topics[number // 6]],
            "type": ["article", "video"][number % 2],
            "heat": number * 6,
            "body": f"Text *number* {number}.",
        }
        for number in range(14)
    }


def write(room: Newsroom, articles: Articles, names: Iterable[str] | None = None) -> None:
    """Write articles in the order of `names`, as still as if they had been there for long."""
    for name in names or articles:
        front = dict(articles[name])
        age(room.write(name, body=front.pop("body", ""), front=front), seconds=1000)


def output(room: Newsroom) -> Output:
    return {path: seen[0] for path, seen in room.snapshot().items()}


def build_apart(folder: Path, environment: dict[str, str], *how: str) -> None:
    """Build in a process of its own."""
    command = [sys.executable, *(how or ("-m", "feedbot")), "build"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


HERE = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[1])}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Output:
    """What many articles become here, in order."""
    room = Newsroom(tmp_path_factory.mktemp("reference") / "newsroom", settings=CONFIG)
    write(room, many_articles(), sorted(many_articles()))
    build_apart(room.folder, {**HERE, "PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8"})
    assert len(room.items()) == 12
    assert len(output(room)) > 50
    return output(room)


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu", "LC_ALL": "C"},
        {"TZ": "UTC", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONHASHSEED": "2", "TZ": "America/St_Johns", "LC_ALL": "POSIX"},
        {"PYTHONHASHSEED": "3", "TZ": "Pacific/Chatham", "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"},
        {"PYTHONHASHSEED": "4", "TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8"},
        {"PYTHONHASHSEED": "5", "TZ": "Etc/GMT+12", "LC_ALL": "C.UTF-8", "PYTHONOPTIMIZE": "2"},
        {"PYTHONHASHSEED": "random", "TZ": ":/nowhere", "PYTHONUTF8": "1", "PYTHONDEVMODE": "1"},
        {"PYTHONHASHSEED": "random", "TZ": "America/Sao_Paulo", "LC_TIME": "de_DE", "PYTHONMALLOC": "debug"},
    ],
    ids=lambda environment: " ".join(environment.values()).replace("/", "-"),
)
def test_the_surroundings_of_the_process_change_no_byte(
    tmp_path: Path, reference: Output, environment: dict[str, str]
) -> None:
    room = Newsroom(tmp_path / "newsroom", settings=CONFIG)
    names = list(many_articles())
    random.Random(environment["TZ"]).shuffle(names)  # noqa: S311 - any order will do
    write(room, many_articles(), names)
    build_apart(room.folder, {**HERE, **environment})
    assert output(room) == reference


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_files_on_disk_changes_no_byte(tmp_path: Path, reference: Output, seed: int) -> None:
    room = Newsroom(tmp_path / "newsroom", settings=CONFIG)
    names = list(many_articles())
    random.Random(seed).shuffle(names)  # noqa: S311 - any order will do
    for name in names:  # places in a folder are given anew when what was there has gone
        room.write_raw(f"{name}~", "")
    for name in names:
        (room.content / f"{name}~").unlink()
    write(room, many_articles(), names)
    room.build()
    room.close()
    assert output(room) == reference


@pytest.mark.parametrize("year", [2027, 2998])
def test_the_clock_changes_no_byte(tmp_path: Path, reference: Output, year: int) -> None:
    room = Newsroom(tmp_path / "newsroom", settings=CONFIG, now=datetime(year, 1, 1, tzinfo=UTC))
    write(room, many_articles())
    room.build()
    assert output(room) == reference
    before = room.snapshot()
    room.now = datetime(2998, 12, 31, 23, 59, 59, tzinfo=UTC)
    room.build()
    assert room.snapshot() == before
    room.later(seconds=1)  # the hour of the one that waits
    assert len(room.build().sync.events) == 1
    room.close()
    assert output(room) != reference


def test_files_of_another_time_and_mode_change_no_byte(tmp_path: Path, reference: Output) -> None:
    room = Newsroom(tmp_path / "newsroom", settings=CONFIG)
    write(room, many_articles())
    for number, path in enumerate(room.content.rglob("*.*")):
        os.utime(path, (number, number * 10_000_000))
        path.chmod(0o444)
    room.build()
    room.close()
    assert output(room) == reference


def test_both_databases_give_the_same_bytes(tmp_path: Path, reference: Output, postgres_url: str) -> None:
    room = Newsroom(tmp_path / "newsroom", store_url=postgres_url, settings=CONFIG)
    write(room, many_articles())
    room.build()
    room.build()
    room.close()
    assert output(room) == reference


def test_a_process_that_starts_again_writes_nothing(tmp_path: Path, reference: Output) -> None:
    room = Newsroom(tmp_path / "newsroom", settings=CONFIG)
    write(room, many_articles())
    build_apart(room.folder, {**HERE, "PYTHONHASHSEED": "6"})
    first = room.snapshot()
    build_apart(room.folder, {**HERE, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"})
    assert room.snapshot() == first
    assert output(room) == reference


def test_a_lost_output_folder_comes_back_byte_for_byte(tmp_path: Path, reference: Output) -> None:
    room = Newsroom(tmp_path / "newsroom", settings=CONFIG)
    write(room, many_articles())
    room.build()
    shutil.rmtree(room.feeds)
    room.build()
    room.close()
    assert output(room) == reference


ON_ONE_CORE = """
import os
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
from feedbot.cli import main
main(prog_name="feedbot")
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be taken away on this system")
def test_the_number_of_cores_changes_no_byte(tmp_path: Path) -> None:
    articles = many_articles()
    for number in range(1000):  # enough files and topics for work to be shared out
        articles[f"bulk/{number:04}.md"] = {"topics": [f"Bulk {number % 510}"], "body": f"*{number}*"}
    outputs = []
    for how in (("-c", ON_ONE_CORE), ()):
        room = Newsroom(tmp_path / f"newsroom-{len(outputs)}", settings=CONFIG)
        write(room, articles)
        build_apart(room.folder, HERE, *how)
        outputs.append(output(room))
    assert len(outputs[0]) > 4 * 510
    assert outputs[0] == outputs[1]


# --- history ---


@pytest.fixture(scope="module")
def plain_reference(tmp_path_factory: pytest.TempPathFactory) -> Output:
    """What plain articles become when all are there from the beginning."""
    room = Newsroom(tmp_path_factory.mktemp("plain") / "newsroom", settings=CONFIG)
    write(room, plain_articles())
    room.build()
    room.close()
    return output(room)


@pytest.fixture(params=["forwards", "backwards", "shuffled"])
def names(request: pytest.FixtureRequest) -> list[str]:
    """Names of the plain articles in some order."""
    ordered = sorted(plain_articles(), reverse=request.param == "backwards")
    if request.param == "shuffled":
        random.Random(7).shuffle(ordered)  # noqa: S311 - any order will do
    return ordered


def test_articles_that_come_one_by_one_give_the_bytes_of_all_at_once(
    newsroom: Newsroom, plain_reference: Output, names: list[str]
) -> None:
    newsroom.configure(**CONFIG)
    for name in names:
        write(newsroom, plain_articles(), [name])
        newsroom.build()
    assert output(newsroom) == plain_reference


def test_passes_over_single_files_give_the_bytes_of_one_over_all(
    newsroom: Newsroom, plain_reference: Output, names: list[str]
) -> None:
    newsroom.configure(**CONFIG)
    newsroom.build()
    for name in names:
        write(newsroom, plain_articles(), [name])
        newsroom.build([newsroom.content / name])
    assert output(newsroom) == plain_reference


def test_edits_that_are_taken_back_give_the_bytes_of_before(
    newsroom: Newsroom, plain_reference: Output
) -> None:
    newsroom.configure(**CONFIG)
    write(newsroom, plain_articles())
    newsroom.build()
    for name in plain_articles():
        newsroom.write(name, title="Edited", publishedDateTime="2025-07-07", topics=["AI"], heat=1)
        newsroom.build()
    write(newsroom, plain_articles())
    newsroom.build()
    assert output(newsroom) == plain_reference


@dataclass(frozen=True)
class Step:
    """What happens to some files before a pass."""

    names: frozenset[str]
    action: str


NAMES = tuple(plain_articles())
ACTIONS = ("write", "delete", "edit", "unpublish", "break", "touch", "move topics", "heat")
STEPS = st.builds(
    Step, st.frozensets(st.sampled_from(NAMES), min_size=1, max_size=5), st.sampled_from(ACTIONS)
)


def act(room: Newsroom, step: Step, front: dict[str, Any], name: str) -> None:
    """Let one step happen to one file."""
    path = room.content / name
    edits = {
        "write": {},
        "edit": {"title": "Edited", "updatedDateTime": "2026-01-01"},
        "unpublish": {"published": False},
        "move topics": {"topics": ["AI", "C"]},
        "heat": {"heat": 77},
    }
    if step.action in edits:
        room.write(name, {**front, **edits[step.action]})
    elif step.action == "break":
        age(room.write_raw(name, "---\ntitle: [\n---\n"), seconds=1000)
    elif path.exists():
        path.unlink() if step.action == "delete" else path.touch()


@settings(max_examples=15, deadline=None)
@given(st.lists(STEPS, max_size=6))
def test_feeds_depend_on_the_articles_and_not_on_their_history(
    plain_reference: Output, steps: list[Step]
) -> None:
    with TemporaryDirectory() as folder:
        room = Newsroom(Path(folder) / "newsroom", settings=CONFIG)
        room.write("always.md", topics=["Harbour news"])
        room.build()
        for step in steps:
            for name in sorted(step.names):
                act(room, step, plain_articles()[name], name)
            room.build()
            room.later(minutes=30)
        (room.content / "always.md").unlink()
        write(room, plain_articles())
        room.build()
        room.close()
        assert output(room) == plain_reference
