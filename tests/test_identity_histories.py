"""What readers are promised of ids, over random histories of files.

Files are created, edited, renamed, swapped, deleted and come back, get and lose an `id` and a URL, turn to
drafts, break and are mended. Whatever happens: no pass fails, no two articles share an id, nothing is
published twice, and a file that stays where it is and keeps its `id` stays the article that it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from feedbot.model import EventKind, Status
from feedbot.store.files import Fate
from feedbot.store.schema import articles, files
from tests.newsroom import SITE, Newsroom

NAMES = ("a.md", "b.md", "c.md", "sub/a.md", "z.md")
IDS = (None, None, None, None, None, "a.md", "z.md", "one", "two", "a.md~2")
URLS = (None, "https://publisher.example/1", "https://publisher.example/2", "https://publisher.example/3")


@dataclass(frozen=True)
class File:
    """What a content file says."""

    title: str
    id: str | None = None
    url: str | None = None
    state: str = "sound"  # or "draft", "broken"


@dataclass(frozen=True)
class Step:
    """Something that happens to one file, or to two."""

    action: str
    name: str
    other: str
    value: Any = None


def steps() -> st.SearchStrategy[Step]:
    names = st.sampled_from(NAMES)
    plain = st.builds(
        Step,
        st.sampled_from(["delete", "edit", "rename", "rename", "swap", "copy", "draft", "break", "mend"]),
        names,
        names,
    )
    creating = st.builds(
        Step,
        st.just("create"),
        names,
        names,
        st.tuples(st.sampled_from(IDS), st.sampled_from(URLS)),
    )
    with_id = st.builds(Step, st.just("id"), names, names, st.sampled_from(IDS))
    with_url = st.builds(Step, st.just("url"), names, names, st.sampled_from(URLS))
    return st.one_of(creating, creating, plain, plain, with_id, with_url)


ROUNDS = st.lists(
    st.tuples(st.lists(steps(), min_size=1, max_size=4), st.sampled_from([1, 30, 90])), min_size=2, max_size=7
)


@dataclass
class History:
    """A newsroom whose files change, with what has to hold after each pass."""

    room: Newsroom
    files: dict[str, File] = field(default_factory=dict)
    published: Counter[str] = field(default_factory=Counter)
    before: dict[str, File] = field(default_factory=dict)  # at the last pass
    ids: dict[str, str] = field(default_factory=dict)  # of the articles at paths, as of the last pass
    past: set[tuple[str, str | None]] = field(default_factory=set)  # path and URL of files that went
    seen: set[str] = field(default_factory=set)  # ids of all articles there ever were
    edits: int = 0

    def take(self, step: Step) -> None:
        """Let a step happen, if it can."""
        file = self.files.get(step.name)
        if step.action == "create":
            if file is None:
                self.files[step.name] = File(self._title(), *step.value)
        elif file is None:
            return
        elif step.action == "delete":
            del self.files[step.name]
        elif step.action == "rename":
            if step.other not in self.files:
                self.files[step.other] = self.files.pop(step.name)
        elif step.action == "swap":
            if step.other in self.files:
                self.files[step.name], self.files[step.other] = self.files[step.other], file
        elif step.action == "copy":
            self.files.setdefault(step.other, file)
        else:
            self.files[step.name] = self._edited(file, step)

    def _edited(self, file: File, step: Step) -> File:
        if step.action == "id":
            return replace(file, id=step.value)
        if step.action == "url":
            return replace(file, url=step.value)
        if step.action == "edit":
            return replace(file, title=self._title())
        return replace(file, state={"draft": "draft", "break": "broken", "mend": "sound"}[step.action])

    def _title(self) -> str:
        self.edits += 1
        return f"Title {self.edits}"

    def look(self, minutes: int) -> None:
        """Bring the files to disk, make a pass, and see whether all holds."""
        self._write()
        self.room.later(minutes=minutes)
        report = self.room.build()
        self.published.update(id_ for kind, id_ in report.sync.events if kind is EventKind.PUBLISHED)
        assert all(number == 1 for number in self.published.values()), self.published
        found = self.room.scalar(articles_at)
        self._check_feed(found)
        self._check_left_out(found)
        self._check_stays(found)
        self._check_moved(found)
        self._check_moved_by_id(found)
        self.seen.update(id_ for id_, _ in found.values())
        self.past |= {(path, file.url) for path, file in self.before.items() if path not in self.files}
        self.before = dict(self.files)
        self.ids = {path: id_ for path, (id_, _) in found.items()}

    def _write(self) -> None:
        for path in self.room.content.rglob("*.md"):
            name = path.relative_to(self.room.content).as_posix()
            if self.files.get(name) != self.before.get(name):
                path.unlink()
        for name, file in self.files.items():
            if self.before.get(name) != file:
                self._write_file(name, file)

    def _write_file(self, name: str, file: File) -> None:
        front = {"title": file.title, "id": file.id, "webUrl": file.url, "excerpt": "Short."}
        path = self.room.write(name, {**front, "draft": True if file.state == "draft" else None})
        if file.state == "broken":
            path.write_text(path.read_text().replace("title: ", "title: ["))

    def _check_feed(self, found: dict[str, tuple[str, str]]) -> None:
        """The feed holds each live article once, under an id of its own, as its file says."""
        items = self.room.items()
        ids = [item["id"] for item in items]
        assert len(set(ids)) == len(ids)
        assert sorted(ids) == sorted(id_ for id_, status in found.values() if status == Status.LIVE)
        titles = Counter(item["title"] for item in items)
        sound = {path: file for path, file in self.files.items() if file.state == "sound"}
        shown = Counter(file.title for path, file in sound.items() if path in found)
        assert shown <= titles

    def _check_left_out(self, found: dict[str, tuple[str, str]]) -> None:
        """A sound file is an article, unless another one has the id that it gives."""
        sound = {path for path, file in self.files.items() if file.state == "sound"}
        left_out = self.room.scalar(duplicates)
        assert {path for path in sound if path not in found} == left_out & sound
        for path in left_out:
            wanted = SITE["id_base"] + (self.files[path].id or path)
            assert wanted in {id_ for other, (id_, _) in found.items() if other != path}

    def _check_moved(self, found: dict[str, tuple[str, str]]) -> None:
        """A file that alone comes with the URL of one that just went is its article, if there is no doubt."""
        went = {path: file for path, file in self.before.items() if path not in self.files}
        asked = {SITE["id_base"] + file.id for file in self.files.values() if file.id}
        for path, file in self.files.items():
            is_new = path not in self.before and path not in {path for path, _ in self.past}
            if not is_new or not file.url or file.id or file.state != "sound":
                continue
            old = [one for one, gone in went.items() if gone.url == file.url]
            is_alone = [one.url for one in self.files.values()].count(file.url) == 1
            is_old = file.url in {url for _, url in self.past}
            if len(old) == 1 and is_alone and not is_old and went[old[0]].state == "sound":
                id_ = self.ids.get(old[0])
                assert id_ is None or id_ in asked or found[path][0] == id_

    def _check_moved_by_id(self, found: dict[str, tuple[str, str]]) -> None:
        """A file that alone comes with the `id` of one that just went is its article, whatever that is."""
        were = {path for path, _ in self.past} | self.before.keys()
        went = {path: file for path, file in self.before.items() if path not in self.files}
        for path, file in self.files.items():
            if path in were or not file.id or file.state != "sound" or SITE["id_base"] + file.id in self.seen:
                continue
            old = [one for one, gone in went.items() if gone.id == file.id and gone.state == "sound"]
            bearers = [one for one in (*self.files.values(), *self.before.values()) if one.id == file.id]
            if len(old) == 1 and len(bearers) == 2 and old[0] in self.ids:
                assert found[path][0] == self.ids[old[0]]

    def _check_stays(self, found: dict[str, tuple[str, str]]) -> None:
        """A file that is where it was, and gives the `id` that it gave, is the article that it was."""
        for path, id_ in self.ids.items():
            file, before = self.files.get(path), self.before.get(path)
            if not file or not before or file.id != before.id:
                continue
            if file.id is None or id_ == SITE["id_base"] + file.id:
                assert found[path][0] == id_


def articles_at(connection: Connection) -> dict[str, tuple[str, str]]:
    """Id and status of the article of each file that is one."""
    statement = select(files.c.path, articles.c.id, articles.c.status).join(
        articles, articles.c.key == files.c.article_key
    )
    rows = [
        (path.removeprefix("content/"), id_, status) for path, id_, status in connection.execute(statement)
    ]
    assert len({id_ for _, id_, _ in rows}) == len(rows)
    return {path: (id_, status) for path, id_, status in rows}


def duplicates(connection: Connection) -> set[str]:
    """The files that are left out because another has their id."""
    found = connection.scalars(select(files.c.path).where(files.c.fate == Fate.DUPLICATE))
    return {path.removeprefix("content/") for path in found}


@settings(max_examples=25, deadline=None)
@given(ROUNDS)
@example(
    [
        (
            [
                Step("create", "a.md", "a.md", (None, URLS[1])),
                Step("create", "b.md", "b.md", (None, URLS[2])),
            ],
            1,
        ),
        ([Step("rename", "a.md", "z.md")], 1),
        ([Step("create", "a.md", "a.md", (None, URLS[3])), Step("swap", "a.md", "b.md")], 1),
    ]
)
def test_ids_last_whatever_happens_to_files(rounds: Sequence[tuple[Sequence[Step], int]]) -> None:
    with TemporaryDirectory() as folder:
        room = Newsroom(Path(folder) / "newsroom", settings={"feeds": {"pages": False, "formats": ["json"]}})
        room.build()
        history = History(room)
        for some, minutes in rounds:
            for step in some:
                history.take(step)
            history.look(minutes)
        for _ in range(2):  # what is left out may come in; then nothing moves
            history.look(1)
        assert room.build().sync.events == []
        room.close()
