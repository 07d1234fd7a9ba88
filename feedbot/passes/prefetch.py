"""Prefetching for a first build: its files are read while the database's library is loaded.

Where there is no state, all files are to be read, and a library that takes as long to load as a thousand
files to read need not be waited for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from feedbot.clock import utc_now
from feedbot.content.look import Look, look_at, sources_of
from feedbot.crew import Crew
from feedbot.errors import ContentError

if TYPE_CHECKING:
    from feedbot.config import Config


class Prefetch(NamedTuple):
    """A look that has begun, and who helps with it."""

    crew: Crew
    look: Look


@contextmanager
def prefetch(config: Config) -> Iterator[Prefetch | None]:
    """Begin to read, if there is no state yet that could know what is to be read; ends with the block."""
    file = config.store.file
    if file is None or file.exists():
        yield None
        return
    sources = sources_of(config)
    begun = None
    with Crew(load=(sources.reader.load,)) as crew:
        with suppress(ContentError):  # which is told, and noted, when the pass comes to it
            begun = Prefetch(crew, look_at(sources, crew, utc_now()))
        yield begun
