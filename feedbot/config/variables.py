"""Variables in values: `${NAME}` becomes the variable NAME, or what the file named by NAME_FILE holds.

Pure but for reading those files. Never shows a value.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from feedbot.config.problems import Flaw, OptionPath

MAX_BYTES = 64 * 1024  # of a file that holds a value
_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}?")


class Unknown(Exception):  # noqa: N818 - a condition, always caught in this module
    """A variable that has no usable value: what is wrong, and what to do."""


class Variables:
    """The environment, with files for what should not stand in it. Relative file names start at `folder`."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._environ = environ
        self._folder = folder

    def expand(self, data: Any, path: OptionPath = ()) -> tuple[Any, list[Flaw]]:
        """`data` with the variables in its text values replaced, and the flaws found on the way."""
        if isinstance(data, str):
            return self._expand_text(data, path)
        flaws: list[Flaw] = []
        if isinstance(data, dict):
            expanded: Any = {}
            for key, value in data.items():
                expanded[key], found = self.expand(value, (*path, key))
                flaws += found
            return expanded, flaws
        if isinstance(data, list):
            items = [self.expand(value, (*path, index)) for index, value in enumerate(data)]
            return [value for value, _ in items], [flaw for _, found in items for flaw in found]
        return data, flaws

    def get(self, name: str) -> str | None:
        """The value of a variable; None where neither it nor its file is named. Raises Unknown."""
        direct, file = self._environ.get(name), self._environ.get(f"{name}_FILE")
        if direct is not None and file is not None:
            raise Unknown(f"{name} and {name}_FILE are both set", "unset one of them")
        value = direct if file is None else self._read(f"{name}_FILE", file)
        if value is not None and not _is_text(value):
            raise Unknown(f"the variable {name} is not text in UTF-8", "")
        return value

    def empty_in(self, data: Any, path: OptionPath = ()) -> Iterator[tuple[OptionPath, str]]:
        """Where a text in `data` uses variables that are set and empty, with the first of them."""
        if isinstance(data, str):
            names = (match[1] for match in _REFERENCE.finditer(data) if match[1])
            yield from ((path, name) for name in islice(filter(self._is_empty, names), 1))
        elif isinstance(data, dict | list):
            for key, value in data.items() if isinstance(data, dict) else enumerate(data):
                yield from self.empty_in(value, (*path, key))

    def _is_empty(self, name: str) -> bool:
        try:
            return self.get(name) == ""
        except Unknown:
            return False  # said already

    def _expand_text(self, text: str, path: OptionPath) -> tuple[str, list[Flaw]]:
        flaws: list[Flaw] = []

        def replaced(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            try:
                return self._value(match[1], closed=match[0].endswith("}"))
            except Unknown as unknown:
                flaws.append(Flaw(path, *unknown.args))
                return ""

        return _REFERENCE.sub(replaced, text), flaws

    def _value(self, name: str, *, closed: bool) -> str:
        if not closed or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise Unknown(
                "has a ${ without the name of a variable", "write ${NAME}, or $${ for the characters ${"
            )
        if (value := self.get(name)) is None:
            raise Unknown(f"the variable {name} is not set", self._hint(name))
        return value

    def _hint(self, name: str) -> str:
        if near := difflib.get_close_matches(name, self._environ, n=1, cutoff=0.8):
            return f"did you mean {near[0]}?"
        return f"set it, or set {name}_FILE to the path of a file that holds the value"

    def _read(self, name: str, file: str) -> str:
        path = self._folder / file
        try:
            with path.open("rb") as opened:
                content = opened.read(MAX_BYTES + 1)
            text = content.decode()
        except OSError as error:
            # It may be the value itself, put into the wrong variable.
            hint = (
                str(path)
                if file.startswith(("/", "."))
                else "it has to hold the path of a file, not the value"
            )
            raise Unknown(f"the file that {name} names cannot be read: {error.strerror}", hint) from None
        except ValueError:
            raise Unknown(f"the file that {name} names is not text in UTF-8", str(path)) from None
        if len(content) > MAX_BYTES:
            raise Unknown(f"the file that {name} names is larger than {MAX_BYTES} bytes", str(path))
        return text.rstrip("\r\n")


def _is_text(value: str) -> bool:
    """Whether the environment's bytes were text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
