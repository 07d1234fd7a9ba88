"""What the newsroom publishes, corrects and takes back while it works, and what has to come of it."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from newsroom import Newsroom

SHORT = timedelta(seconds=1)  # how long ago what appears now was published, by its date
TITLE = re.compile(r"(\w+-\d+), version (\d+)")


@dataclass
class Piece:
    """An article as its authors have it now."""

    name: str
    version: int = 1
    is_old: bool = False  # there before the first pass, so nobody is told that it was published
    is_withdrawn: bool = False
    date: str = field(default_factory=lambda: (datetime.now(UTC) - SHORT).isoformat(timespec="seconds"))

    @property
    def url(self) -> str:
        return f"https://publisher.example/{self.name}"

    @property
    def topic(self) -> int:
        """Which of two topics it is about."""
        return int(self.name.rpartition("-")[2]) % 2

    @property
    def title(self) -> str:
        return f"{self.name}, version {self.version}"


@dataclass
class Story:
    """All articles of a newsroom, by name."""

    newsroom: Newsroom
    pieces: dict[str, Piece] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def publish(self, *, is_old: bool = False) -> Piece:
        """One more article, dated a moment ago."""
        piece = Piece(f"story-{next(self._numbers)}", is_old=is_old)
        self.pieces[piece.name] = piece
        self._write(piece)
        return piece

    def edit(self, piece: Piece) -> None:
        """Correct an article, so that readers see another title."""
        piece.version += 1
        self._write(piece)

    def withdraw(self, piece: Piece) -> None:
        """Take an article back."""
        piece.is_withdrawn = True
        self._path(piece).unlink()

    def _write(self, piece: Piece) -> None:
        """As most editors save: another file takes the place of the one before."""
        self.newsroom.write(
            f".{piece.name}",
            title=piece.title,
            publishedDateTime=piece.date,
            webUrl=piece.url,
            topics=["AI", f"Topic {piece.topic}"],
        ).rename(self._path(piece))

    def _path(self, piece: Piece) -> Path:
        return self.newsroom.content / f"{piece.name}.md"

    # --- what has to come of it ---

    def withdrawn(self) -> set[str]:
        """The names of what was taken back."""
        pieces = list(self.pieces.values())  # at once: the reader asks while the editor publishes
        return {piece.name for piece in pieces if piece.is_withdrawn}

    def titles(self, topic: int | None = None) -> set[str]:
        """Of what readers are to see in the end: of everything, or of one topic."""
        pieces = (one for one in self.pieces.values() if topic in {None, one.topic})
        return {piece.title for piece in pieces if not piece.is_withdrawn}
