"""A tree from PyYAML's event stream: all of YAML that is read, within bounds.

One event at a time and without recursion: composing deep nesting kills the process in C, and the bounds have
to hold while the text is still being read.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, NoReturn

import yaml

from feedbot.yamltree import trouble
from feedbot.yamltree.scalars import plain_value
from feedbot.yamltree.tree import MAX_DEPTH, MAX_NODES, Marks, Path, YamlError


class Scope(NamedTuple):
    """What of a text is read."""

    first_line: int  # of the file, that the text begins with
    skip: frozenset[str]  # top-level keys that are read over
    names: frozenset[str] | None  # keys that errors may name, in lower case; None: all


class _Open(NamedTuple):
    """A container that is being filled, put aside while one inside it is filled."""

    container: Any
    key: Any
    path: Path


_NO_KEY: Final = object()


class TreeBuilder:
    """Fills `value` from events, and `marks` if they are wanted; `passed` are the lines read over."""

    def __init__(self, scope: Scope, *, with_marks: bool) -> None:
        self.value: Any = None
        self.marks = Marks()
        self.passed: list[range] = []  # of lines counted from 0, each from a key to the end of its value
        self._scope = scope
        self._with_marks = with_marks
        self._nodes = 0
        self._outer: list[_Open] = []
        self._container: Any = None  # the dict or list being filled; None at the top
        self._key: Any = _NO_KEY  # in a dict: the key that waits for its value
        self._path: Path = ()  # of the container, where marks are wanted

    def read(self, source: Any) -> None:
        """Take all events of `source`, a PyYAML loader."""
        take = source.get_event
        try:
            while (kind := type(event := take())) is not yaml.StreamEndEvent:
                if kind is yaml.ScalarEvent:
                    if self._with_marks or len(self._outer) < 2:
                        self._scalar(event, source)
                    else:
                        self._inner_scalar(event)
                elif kind is yaml.MappingStartEvent:
                    self._open({}, event)
                elif kind is yaml.SequenceStartEvent:
                    self._open([], event)
                elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                    self._container, self._key, self._path = self._outer.pop()
                elif kind is yaml.AliasEvent:
                    raise self._error(event, *trouble.ALIAS)
                elif kind is yaml.DocumentStartEvent:
                    self._document(event)
        finally:
            source.dispose()

    def _inner_scalar(self, event: Any) -> None:
        """`_scalar` below the top without marks: by far the most scalars there are, hence written out."""
        self._nodes += 1
        if self._nodes > MAX_NODES or event.tag is not None:
            self._refuse(event)
        text = event.value
        value = plain_value(text) if event.implicit[0] else text
        container = self._container
        if type(container) is list:
            container.append(value)
        elif self._key is not _NO_KEY:
            container[self._key] = value
            self._key = _NO_KEY
        elif value in container or value == "<<":
            self._take_key(value, event)
        else:
            container[value] = None
            self._key = value

    def _scalar(self, event: Any, source: Any) -> None:
        self._count(event)
        text = event.value
        value = plain_value(text) if event.implicit[0] else text
        if type(self._container) is dict and self._key is _NO_KEY:
            self._take_key(value, event)
            if len(self._outer) == 1 and value in self._scope.skip:
                self._read_over(source, event.start_mark.line)
            return
        path = self._place(value, event)
        if self._with_marks and type(value) is not str:
            self.marks.spelled[path] = text

    def _open(self, container: Any, event: Any) -> None:
        self._count(event)
        if len(self._outer) >= MAX_DEPTH:
            raise self._error(event, *trouble.TOO_DEEP)
        if type(self._container) is dict and self._key is _NO_KEY:
            raise self._error(event, *trouble.KEY_NOT_SCALAR)
        path = self._place(container, event)
        self._outer.append(_Open(self._container, self._key, self._path))
        self._container, self._key, self._path = container, _NO_KEY, path

    def _place(self, value: Any, event: Any) -> Path:
        """Put `value` where it belongs; its path."""
        container = self._container
        if container is None:
            self.value = value
            return ()
        if type(container) is list:
            path = (*self._path, len(container))
            if self._with_marks:
                self.marks.lines[path] = self._mark(event)
            container.append(value)
            return path
        key, self._key = self._key, _NO_KEY
        container[key] = value
        return (*self._path, key)

    def _take_key(self, key: Any, event: Any) -> None:
        if key == "<<" and event.implicit[0]:
            raise self._error(event, *trouble.MERGE)
        if key in self._container:
            name = trouble.key_name(event, self._scope.names)
            raise self._error(event, f"{name} is given twice", "keep one of the two")
        self._container[key] = None  # so that a key that is read over still counts as given
        self._key = key
        if self._with_marks:
            self.marks.lines[*self._path, key] = self._mark(event)

    def _read_over(self, source: Any, first: int) -> None:
        """Let the value of the waiting key, on line `first`, pass; nobody looks at what it holds."""
        depth = 0
        while True:
            event = source.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth == 0:
                break
            if depth > MAX_DEPTH:
                raise self._error(event, *trouble.TOO_DEEP)
        self.passed.append(range(first, event.end_mark.line + 1))
        del self._container[self._key]
        self._key = _NO_KEY

    def _document(self, event: Any) -> None:
        if self._nodes:
            raise self._error(event, *trouble.SECOND_DOCUMENT)

    def _count(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES or event.tag is not None:
            self._refuse(event)

    def _refuse(self, event: Any) -> NoReturn:
        if self._nodes > MAX_NODES:
            raise self._error(event, f"more than {MAX_NODES} keys and values", "split or shorten it")
        raise self._error(event, *trouble.TAG)

    def _mark(self, event: Any) -> tuple[int, int]:
        mark = event.start_mark
        return mark.line + self._scope.first_line, mark.column + 1

    def _error(self, event: Any, what: str, hint: str) -> YamlError:
        line, column = self._mark(event)
        return YamlError(what, hint, line=line, column=column)
