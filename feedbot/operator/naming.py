"""Which article a person means by a path, an id or a link. Reads the store at most."""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from msgspec import Struct

from feedbot.content.scan import Root, roots_of
from feedbot.errors import FeedbotError
from feedbot.store import inquiry

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.config import Config


class Spot(Struct, frozen=True):
    """Where a content file lies, or would lie."""

    root: Root
    relative: str

    @property
    def name(self) -> str:
        """What findings and the store call it."""
        return self.root.name_of(self.relative)

    @property
    def path(self) -> str:
        """Where it is on disk."""
        return str(self.root.folder / self.relative)


def spots_of(config: Config, spelling: str) -> list[Spot]:
    """The spots of files that `spelling` may mean: as a path, or as an id that was made of one."""
    id_base = config.site.id_base
    made_of = unquote(spelling.removeprefix(id_base)) if spelling.startswith(id_base) else spelling
    return list(dict.fromkeys(_spots(roots_of(config), config.folder, made_of)))


def _spots(roots: Sequence[Root], folder: Path, spelling: str) -> Iterator[Spot]:
    for start in (Path(), folder):
        path = os.path.normpath(start.absolute() / spelling)
        for root in roots:
            if below := root.locate(path):
                yield Spot(root, below)
    relative = os.path.normpath(spelling)
    if not relative.startswith((".", "/")):
        yield from (Spot(root, relative) for root in roots)


def keys_of(connection: Connection, config: Config, spelling: str) -> tuple[int, ...]:
    """The articles in the store that a person means, the oldest first; none: ()."""
    names = [spot.name for spot in spots_of(config, spelling)]
    return inquiry.keys_of_article(connection, spelling, names)


def unknown(spelling: str) -> FeedbotError:
    """Nothing is called that."""
    return FeedbotError(
        f"no article is known by {spelling!r}: give its path below the content folder, its id or its link"
    )
