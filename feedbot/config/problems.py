"""What can be wrong with a configuration, as a person reads it."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct

from feedbot.errors import ConfigError

OptionPath: TypeAlias = tuple[Hashable, ...]


class Flaw(NamedTuple):
    """Something wrong with one option; the words fit behind its name."""

    path: OptionPath
    what: str
    hint: str = ""


class Problem(Struct, frozen=True, kw_only=True):
    """A flaw at its place."""

    file: str  # as it was given on the command line
    line: int | None = None  # counted from 1; None where a line means nothing
    column: int | None = None  # counted from 1
    path: str = ""  # dotted, such as `targets.0.url`; "" for the file as a whole
    what: str
    hint: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        option = f"{self.path}: " if self.path else ""
        return f"{place}: {option}{self.what}" + (f" ({self.hint})" if self.hint else "")


class InvalidConfig(ConfigError):  # noqa: N818 - reads as the outcome it is
    """The configuration is there and cannot be used; every problem has a line of the message."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def value_at(data: Any, path: Iterable[Hashable]) -> Any:
    """What stands at a path; None where nothing does."""
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def dotted(path: OptionPath) -> str:
    """A path as messages write it; what cannot be a name could be a misplaced secret, and is left out."""
    return ".".join(
        _part(part, in_headers=path[2:3] == ("headers",) and place == 3) for place, part in enumerate(path)
    )


def _part(part: Hashable, *, in_headers: bool) -> str:
    text = str(part)
    if in_headers and (name := re.match(r"[\w-]+", text)) and name[0] != text:
        return f"{name[0]}..."  # `Authorization: Bearer TOKEN` as a key
    return text if len(text) <= 40 and text.isprintable() and "://" not in text else "..."
