"""A look at the content folders: what is there, and what became of the files that have changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from feedbot.batches import batches
from feedbot.content.intake import Intake, Taken
from feedbot.content.reading import Reader
from feedbot.content.scan import FileSelection, Root, Survey, roots_of, survey
from feedbot.crew import Crew
from feedbot.model import Stamp

if TYPE_CHECKING:
    from feedbot.config import Config

BATCH = 250  # files read at a time
PLENTY = 500  # files whose reading is worth further processes


class Sources(Struct, frozen=True, kw_only=True):
    """Where articles come from, and how they are read."""

    roots: tuple[Root, ...]
    selection: FileSelection
    reader: Reader


class Look(NamedTuple):
    """What was found, and what became of each file in it, batch by batch, in the order of their names."""

    found: Survey
    taken: Iterator[Mapping[str, Taken | None]]  # as in Intake.take


def sources_of(config: Config) -> Sources:
    """Those of a configuration."""
    content = config.content
    return Sources(
        roots=roots_of(config),
        selection=FileSelection(include=tuple(content.include), exclude=tuple(content.exclude)),
        reader=Reader(
            site=config.site_model(),
            fields=content.fields,
            timezone=str(content.timezone),
            permalink=content.permalink,
        ),
    )


def look_at(
    sources: Sources,
    crew: Crew,
    now: datetime,
    *,
    paths: Iterable[str] | None = None,
    known: Mapping[str, Stamp] = MappingProxyType({}),
    at_rest: bool = False,
) -> Look:
    """Look at all of `sources`, or only at `paths` (absolute) and what lies below them.

    `known` are the stamps of the files that are known there. With `at_rest` a file that cannot be read is
    broken, however young it is. Raises ContentError when a content folder cannot be read.
    """
    found = survey(sources.roots, sources.selection, paths, known=known)
    intake = Intake(reader=sources.reader, now=now, at_rest=at_rest)
    names = sorted(found.files)
    todo = ({name: found.files[name] for name in batch} for batch in batches(names, BATCH))
    works = crew.map(intake.take, todo, pays=crew.pays(len(names), PLENTY))
    return Look(found, (taken for _, taken in works))
