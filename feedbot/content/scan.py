"""Finding content files; knows nothing of what is in them.

The scan is the truth: it stats every file below the content folders. What it cannot look at it says, so that
nobody takes "not seen" for "not there".
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from feedbot.content.fetch import stamp_of
from feedbot.errors import ContentError, way_out
from feedbot.model import Finding, Level, Stamp

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

    from feedbot.config import Config

SUFFIXES = (".md", ".markdown", ".mdown", ".mkd", ".html", ".htm")
MAX_NAME = 800  # bytes of a path below its content folder: it becomes an id, and ids are indexed


class Found(NamedTuple):
    """A content file that is there."""

    path: str  # on disk
    relative: str  # below its content folder, with "/" between the parts
    stamp: Stamp


@dataclass(frozen=True, kw_only=True)
class FileSelection:
    """Which files below a content folder are articles: patterns as in .gitignore."""

    include: tuple[str, ...] = ()  # empty: everything with one of SUFFIXES
    exclude: tuple[str, ...] = ()

    def takes(self, relative: str) -> bool:
        """Whether the file at `relative` is wanted."""
        by_suffix = not self.include and relative.lower().endswith(SUFFIXES)
        wanted = by_suffix or (bool(self.include) and self._include.match_file(relative))
        return wanted and not (self.exclude and self._exclude.match_file(relative))

    @cached_property
    def _include(self) -> GitIgnoreSpec:
        return _patterns(self.include)

    @cached_property
    def _exclude(self) -> GitIgnoreSpec:
        return _patterns(self.exclude)


def _patterns(lines: Sequence[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - for those who have patterns, which few have

    return GitIgnoreSpec.from_lines(lines)


class Root(Struct, frozen=True, kw_only=True):
    """A content folder, and the name that its files' names begin with."""

    folder: Path
    name: str

    def name_of(self, relative: str) -> str:
        """The name of the file at `relative`, as findings and the store have it."""
        return f"{self.name}/{relative}" if relative else self.name

    def locate(self, path: str) -> str | None:
        """`path` relative to this folder ("" is the folder itself), or None where it lies elsewhere."""
        folder = str(self.folder)
        if path == folder:
            return ""
        start = folder.rstrip("/") + "/"
        return path.removeprefix(start) if path.startswith(start) else None


def roots_of(config: Config) -> tuple[Root, ...]:
    """The content folders of a configuration, called as its owner calls them."""
    return tuple(Root(folder=path, name=config.shown(path)) for path in config.content.paths)


@dataclass(kw_only=True)
class Survey:
    """What a look at the content folders found, by name, beside what was known of them."""

    files: dict[str, Found] = field(default_factory=dict)  # new ones, and those whose stamps differ
    newcomers: set[str] = field(default_factory=set)  # those of `files` that were not known
    unchanged: int = 0  # files that are as they were known
    unseen: dict[str, Stamp] = field(default_factory=dict)  # known, and not met (yet)
    findings: dict[str, Finding] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)  # could not be looked at: what is known there stays

    @property
    def gone(self) -> set[str]:
        """The files that are not there any more."""
        return {name for name in self.unseen if not self.conceals(name)}

    def conceals(self, name: str) -> bool:
        """Whether `name` is, or lies below, something that could not be looked at."""
        while self.hidden and name:
            if name in self.hidden:
                return True
            name = name.rpartition("/")[0]
        return False


def names_of(roots: Iterable[Root], paths: Iterable[str]) -> set[str]:
    """The names of those `paths` (absolute) that lie in one of `roots` and are not hidden."""
    return {root.name_of(relative) for root, relative in _places(roots, paths)}


def is_gone(roots: Iterable[Root], name: str) -> bool:
    """Whether the file of this name is certainly not there, be it that it was when it was looked at."""
    for root in roots:
        if name.startswith(start := f"{root.name}/"):
            try:
                (root.folder / name.removeprefix(start)).lstat()
            except (FileNotFoundError, NotADirectoryError):
                return True
            except OSError:
                return False
    return False


def survey(
    roots: Iterable[Root],
    selection: FileSelection,
    paths: Iterable[str] | None = None,
    *,
    known: Mapping[str, Stamp] = MappingProxyType({}),
) -> Survey:
    """Look at all of `roots`, or only at `paths` (absolute) and what lies below them.

    `known` are the stamps of the files that are known there.
    Raises ContentError when a content folder itself cannot be read: an unmounted disk must not look like
    an empty newsroom.
    """
    found = Survey(unseen=dict(known))
    roots = list(roots)
    for root in roots:
        _require(root)
        if paths is None:
            _walk(root, "", selection, found)
    for root, relative in _places(roots, paths or ()):
        _look(root, relative, selection, found)
    return found


def _places(roots: Iterable[Root], paths: Iterable[str]) -> Iterator[tuple[Root, str]]:
    """Each of `paths` in its root, but for what lies below another of them."""
    wanted = set(paths)
    for path in sorted(wanted):
        if _lies_below(path, wanted):
            continue
        for root in roots:
            relative = root.locate(path)
            if relative is not None and not _is_private(relative):
                yield root, relative


def _lies_below(path: str, folders: Collection[str]) -> bool:
    while path := path.rpartition(os.sep)[0]:
        if path in folders:
            return True
    return False


def _require(root: Root) -> None:
    try:
        with os.scandir(root.folder):
            pass
    except OSError as error:
        usual = "Check `content.path` in config.yaml, or that the disk is mounted"
        raise ContentError(
            f"cannot read the content folder {root.folder}: {error.strerror}. Nothing was changed."
            f" {way_out(error, usual)}"
        ) from error


def _is_private(relative: str) -> bool:
    """Hidden files and folders are editors' and tools' own."""
    return any(part.startswith(".") for part in relative.split("/") if part)


def _look(root: Root, relative: str, selection: FileSelection, found: Survey) -> None:
    """Look at one path that an event named: a file, a folder, or nothing any more."""
    if not relative:  # the content folder itself, which may be a link, as deployments switch it
        _walk(root, "", selection, found)
        return
    name, path = root.name_of(relative), root.folder / relative
    if link := _link_on_the_way(root, relative):  # events tell of what lies behind it, too
        _report_folder_link(found, root.name_of(link))
        return
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        _hide(found, name, error)
        return
    if stat.S_ISDIR(status.st_mode):
        _walk(root, relative, selection, found)
    elif selection.takes(relative):
        _take(root, relative, status, found)


def _link_on_the_way(root: Root, relative: str) -> str:
    """The innermost folder above `relative` that is a symbolic link, "" for none."""
    folder = relative
    while folder := folder.rpartition("/")[0]:
        if (root.folder / folder).is_symlink():
            return folder
    return ""


def _walk(root: Root, start: str, selection: FileSelection, found: Survey) -> None:
    """Take every wanted file below the folder `start`."""
    waiting = [start]
    while waiting:
        relative = waiting.pop()
        prefix = f"{relative}/" if relative else ""
        for entry in _entries(root, relative, found):
            if entry.name.startswith("."):
                continue
            below = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(below)
            elif selection.takes(below):
                try:
                    _take(root, below, entry.stat(follow_symlinks=False), found)
                except FileNotFoundError:
                    continue  # gone between the listing and the stat
                except OSError as error:  # a folder that can be listed and not entered
                    _hide(found, root.name_of(below), error)
            elif entry.is_symlink() and entry.is_dir():
                _report_folder_link(found, root.name_of(below))


def _entries(root: Root, relative: str, found: Survey) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(root.folder / relative if relative else root.folder) as entries:
            yield from entries
    except (FileNotFoundError, NotADirectoryError):
        return  # removed while we walked: the next pass sees it whole
    except OSError as error:
        _hide(found, root.name_of(relative), error)


def _take(root: Root, relative: str, status: os.stat_result, found: Survey) -> None:
    name = root.name_of(relative)
    before = found.unseen.get(name)
    if before is not None and stat.S_ISREG(status.st_mode) and before == stamp_of(status):
        del found.unseen[name]
        found.unchanged += 1  # as nearly all are
        return
    path = os.path.join(root.folder, relative)  # noqa: PTH118 - as findings show it
    if not _is_text(name):
        shown = os.fsencode(name).decode("utf-8", "backslashreplace")
        _report(
            found, shown, "the file's name is not UTF-8, so it cannot be part of an id", "rename the file"
        )
        return
    if len(relative.encode()) > MAX_NAME:
        _report(found, name, f"the path has more than {MAX_NAME} bytes, too many for an id", "shorten it")
        return
    if stat.S_ISLNK(status.st_mode):
        target = _follow(root, path, name, found)
        if target is None:
            return
        status = target
    if not stat.S_ISREG(status.st_mode):
        if not stat.S_ISDIR(status.st_mode):
            _report(
                found, name, "this is not a regular file", "remove it, or exclude it in `content.exclude`"
            )
        return
    found.unseen.pop(name, None)
    if before == stamp_of(status):  # of what a link leads to
        found.unchanged += 1
        return
    found.files[name] = Found(path, relative, stamp_of(status))
    if before is None:
        found.newcomers.add(name)


def _follow(root: Root, path: str, name: str, found: Survey) -> os.stat_result | None:
    """The stat of what a symbolic link leads to, if that is inside the content folder."""
    try:
        target = os.path.realpath(path, strict=True)
        status = os.stat(target)  # noqa: PTH116 - as above
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}:
            _hide(found, name, error)  # it may well be there
            return None
        why = "leads in a circle" if error.errno == errno.ELOOP else "leads nowhere"
        _report(found, name, f"the symbolic link {why}", "mend or remove it")
        return None
    if stat.S_ISDIR(status.st_mode):
        _report_folder_link(found, name)
        return None
    if not target.startswith(os.path.realpath(root.folder) + os.sep):
        hint = "copy the file here, or list its folder under `content.path`"
        _report(found, name, "the symbolic link leads out of the content folder", hint)
        return None
    return status


def _report(found: Survey, name: str, what: str, hint: str) -> None:
    found.findings[name] = Finding(path=name, what=what, hint=hint, level=Level.WARNING)


def _report_folder_link(found: Survey, name: str) -> None:
    hint = "list the folder itself under `content.path`"
    _report(found, name, "a symbolic link to a folder is not followed", hint)


def _hide(found: Survey, name: str, error: OSError) -> None:
    found.hidden.add(name)
    found.findings[name] = Finding(
        path=name,
        what=f"cannot be looked at: {error.strerror}",
        hint="let feedbot's user read it; until then its articles stay as they were",
    )


def _is_text(name: str) -> bool:
    return name.isascii() or not any("\ud800" <= char <= "\udfff" for char in name)
