"""What was measured, kept as JSON: every value, so that tables and charts can be made of it at any time."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One program at one question and size: a value for each repeat."""

    part: str
    program: str
    articles: int
    what: str = ""  # where a part asks several questions
    seconds: Sequence[float] = ()
    cpu: Sequence[float] = ()  # seconds of all processors
    memory: Sequence[float] = ()  # megabytes
    facts: Mapping[str, float] = field(default_factory=dict)  # what was counted

    @property
    def key(self) -> tuple[str, str, int, str]:
        """Which question it answers."""
        return (self.part, self.what, self.articles, self.program)


class Results:
    """A file of results. What is measured again replaces what was measured before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        told = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.machine: str = told.get("machine", "")
        self.versions: dict[str, str | None] = told.get("versions", {})  # None: not to be had
        listed = [Measured(**one) for one in told.get("measured", [])]
        self._measured = {one.key: one for one in listed}

    def describe(self, machine: str, versions: Mapping[str, str | None]) -> None:
        """Say where and with what. Figures of two machines do not belong into one file."""
        if self._measured and self.machine != machine:
            raise SystemExit(f"{self._path} is from another machine: {self.machine}")
        self.machine = machine
        self.versions = {**self.versions, **versions}

    def add(self, measured: Measured) -> None:
        """Take in an answer, and write the file at once: a run that is stopped has kept what it has."""
        self._measured[measured.key] = measured
        told = {
            "machine": self.machine,
            "versions": self.versions,
            "measured": [_rounded(asdict(one)) for _, one in sorted(self._measured.items())],
        }
        lines = json.dumps(told["measured"], indent=None).replace('}, {"part"', '},\n    {"part"')
        told["measured"] = "<measured>"
        text = json.dumps(told, indent=2, ensure_ascii=False).replace('"<measured>"', lines)
        self._path.write_text(text + "\n", encoding="utf-8")

    def of(self, part: str, what: str = "") -> Iterator[Measured]:
        """All answers to one question, the smallest newsroom first."""
        return (one for _, one in sorted(self._measured.items()) if (one.part, one.what) == (part, what))

    def get(self, part: str, program: str, articles: int, what: str = "") -> Measured | None:
        """One answer, if there is one."""
        return self._measured.get((part, what, articles, program))

    def sizes(self, part: str, what: str = "") -> list[int]:
        """The sizes at which a question was asked."""
        return sorted({one.articles for one in self.of(part, what)})

    def median(
        self, part: str, program: str, articles: int, what: str = "", *, of: str = "seconds"
    ) -> float | None:
        """The median of one answer's values, if there are any."""
        one = self.get(part, program, articles, what)
        values: Sequence[float] = getattr(one, of) if one else ()
        return statistics.median(values) if values else None


def _rounded(told: dict[str, object]) -> dict[str, object]:
    """Without the digits that mean nothing, and without what is empty."""
    for name in ("seconds", "cpu", "memory"):
        values = told[name]
        if isinstance(values, (list, tuple)):
            told[name] = [round(value, 6) for value in values]
    return {name: value for name, value in told.items() if value}
