"""One content file, from its bytes to an article, or to the reason why it is none.

Pure: the same bytes under the same configuration give the same value, whatever the clock, the machine or the
order of files. An article whose date lies ahead is read like any other.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import product
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from feedbot.content import dates, values
from feedbot.content.addresses import title_of
from feedbot.content.compose import Source, compose
from feedbot.content.fields import Fields, Matter, fields_of
from feedbot.content.frontmatter import FrontMatterError, Parts, split
from feedbot.content.withheld import Reason, withheld
from feedbot.model import Article, Finding, Level, Site
from feedbot.yamltree import Tree, YamlError, load

READER_VERSION = 6  # raised when the same file is read differently, so that all files are read again
_NEVER_BUILT = frozenset(map("".join, product(*zip("secured", "SECURED", strict=True))))  # in any case
_SECURED_LINE = re.compile(r"^([\"']?)secured\1[ \t]*:", re.MULTILINE)
_CODE_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_OF_JEKYLL = ("_posts", "_drafts")  # folders that say something of the files in them


class Read(Struct, frozen=True, kw_only=True):
    """An article."""

    article: Article
    url: str = ""  # as front matter gives it; "" for none. It survives a rename of the file
    findings: tuple[Finding, ...] = ()


class Excluded(Struct, frozen=True, kw_only=True):
    """A sound file that is not to be in a feed."""

    reason: Reason
    findings: tuple[Finding, ...] = ()


class Broken(Struct, frozen=True, kw_only=True):
    """A file that cannot be used; one of `findings` at least is of level error."""

    findings: tuple[Finding, ...]


Reading: TypeAlias = Read | Excluded | Broken


class Parsed(NamedTuple):
    """A file with front matter, taken apart."""

    name: str
    tree: Tree  # of a mapping that is not empty
    parts: Parts


@dataclass(frozen=True)
class Reader:
    """Reads files for one configuration.

    `fields` is a dialect, or the keys of some fields; None understands all dialects. `timezone` is that of
    dates that name none, `permalink` the pattern of addresses that files do not say; "": the usual ones.
    """

    site: Site
    fields: str | Mapping[str, Sequence[str]] | None = None
    timezone: str = "UTC"
    permalink: str = ""

    def load(self) -> None:
        """Get ready to read: what is not needed before the first file is loaded and worked out now."""
        _ = self._fields, self.zone

    def read(self, data: bytes, *, name: str, relative: str) -> Reading:
        """What the file at `relative` below the content folder says; `name` is its path in findings."""
        parsed = self.parse(data, name=name)
        return self.interpret(parsed, relative) if isinstance(parsed, Parsed) else parsed

    def parse(self, data: bytes, *, name: str) -> Parsed | Excluded | Broken:
        """The first half of `read`: the file taken apart, unless there is no article in it."""
        try:
            parts = split(data)
            if parts is None:
                return _no_front_matter(data, name)
            tree = load(
                parts.matter, first_line=parts.matter_line, skip=_NEVER_BUILT, names=self._fields.names
            )
            _refuse_matter_in(parts)
        except FrontMatterError as error:
            return Broken(findings=(Finding(path=name, what=error.what, hint=error.hint, line=error.line),))
        except YamlError as error:
            finding = Finding(
                path=name, what=error.what, hint=error.hint, line=error.line, column=error.column
            )
            return Broken(findings=(finding,))
        if not isinstance(tree.value, dict) or not tree.value:
            return _no_fields(tree, parts, name)
        return Parsed(name, tree, parts)

    def interpret(self, parsed: Parsed, relative: str) -> Reading:
        """The second half of `read`: what the parts mean."""
        matter, parts = Matter(parsed.tree, self._fields, parsed.name), parsed.parts
        relative = _with_jekylls_folder(relative, parsed.name)
        *folders, filename = relative.split("/")
        reason = withheld(matter, folders, filename)
        if reason is not None:
            return Excluded(reason=reason, findings=tuple(matter.findings))
        is_jekyll = self.fields == "jekyll" or "_posts" in folders
        published = self._published(matter, filename if is_jekyll else "")
        title = values.text(matter, "title", values.MAX_TITLE) or (title_of(filename) if is_jekyll else "")
        if published is None and not matter.is_broken:
            hint = "`fields: jekyll` takes the one in its name" if dates.begins_with(filename) else ""
            matter.note("no date, so this is in no feed", hint, level=Level.INFO)
            return Excluded(reason=Reason.UNDATED, findings=tuple(matter.findings))
        if not title:
            matter.note("no title", "add a line `title:`", line=parts.matter_line, level=Level.ERROR)
        if published is None or not title:
            return Broken(findings=tuple(matter.findings))
        source = Source(
            matter=matter,
            parts=parts,
            relative=relative,
            site=self.site,
            zone=self.zone,
            permalink=self.permalink,
            is_jekyll=is_jekyll,
            is_hugo=self.fields == "hugo",
            title=title,
            published=published,
        )
        article, links = compose(source)
        return Read(article=article, url=links.given, findings=tuple(matter.findings))

    def _published(self, matter: Matter, filename: str) -> datetime | None:
        """The date, else the one in a Jekyll post's file name; one that cannot be used is an error."""
        published = values.moment(matter, "published", self.zone, Level.ERROR)
        if published is not None or matter.is_broken:
            return published
        try:
            return dates.in_filename(filename, self.zone)
        except dates.DateError as error:
            matter.note(f"the date in the file's name {error.what}", error.hint, level=Level.ERROR)
            return None

    @property
    def fingerprint(self) -> str:
        """A digest of all that decides what `read` returns, beside the file. Another one: read all again."""
        fields = self.fields if isinstance(self.fields, str) or self.fields is None else dict(self.fields)
        text = json.dumps(
            [READER_VERSION, self.site.url, fields, self.timezone, self.permalink],
            sort_keys=True,
            default=list,
        )
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    @cached_property
    def _fields(self) -> Fields:
        return fields_of(self.fields)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of dates that name none."""
        return ZoneInfo(self.timezone)


def _with_jekylls_folder(relative: str, name: str) -> str:
    """`relative`, with the content folder's own name if Jekyll's rules hang on it: `content.path: _posts`."""
    root = name.removesuffix(relative).rstrip("/")
    if not root.endswith(_OF_JEKYLL):
        return relative
    folder = root.rpartition("/")[2]
    return f"{folder}/{relative}" if folder in _OF_JEKYLL else relative


def _refuse_matter_in(parts: Parts) -> None:
    """Raise FrontMatterError for a body in which front matter seems to go on, with what nobody should see."""
    if "secured" not in parts.body:  # as in nearly all
        return
    fences, place = 0, 0
    for found in _SECURED_LINE.finditer(parts.body):
        fences += len(_CODE_FENCE.findall(parts.body, place, found.start()))
        place = found.start()
        if fences % 2 == 0:  # code may show what it likes
            raise FrontMatterError(
                "a line `secured:` after the end of the front matter",
                "put it above the line --- that ends it, or let the line begin with another word",
                line=parts.body_line + parts.body.count("\n", 0, place),
            )


def _no_front_matter(data: bytes, name: str) -> Excluded:
    if not data or data.isspace():
        finding = Finding(path=name, what="the file is empty", level=Level.INFO)
        return Excluded(reason=Reason.EMPTY, findings=(finding,))
    what = "no front matter, so this is no article"
    hint = "an article begins with a line ---"
    finding = Finding(path=name, what=what, hint=hint, line=1, level=Level.INFO)
    return Excluded(reason=Reason.NO_FRONT_MATTER, findings=(finding,))


def _no_fields(tree: Tree, parts: Parts, name: str) -> Excluded | Broken:
    line = parts.matter_line
    if tree.value is None or tree.value == {}:
        finding = Finding(path=name, what="the front matter is empty", line=line, level=Level.INFO)
        return Excluded(reason=Reason.EMPTY, findings=(finding,))
    kind = "a list" if isinstance(tree.value, list) else "a single value"
    what = f"the front matter is {kind}, not lines of `key: value`"
    hint = "write one key and its value a line"
    return Broken(findings=(Finding(path=name, what=what, hint=hint, line=line),))
