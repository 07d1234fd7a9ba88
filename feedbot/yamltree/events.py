"""A tree from PyYAML's event stream: all of YAML that is read, within bounds.

One event at a time and without recursion: composing deep nesting kills the process in C, and the bounds have
to hold while the text is still being read.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, NoReturn

import yaml

from feedbot.yamltree import wording
from feedbot.yamltree.scalars import plain_value
from feedbot.yamltree.tree import Path, Tree, YamlError


class _Open(NamedTuple):
    """A container that is being filled, put aside while one inside it is filled."""

    container: Any
    key: Any
    path: Path | None


_NO_KEY: Final = object()


class Builder:
    """Fills one Tree from events."""

    def __init__(
        self, first_line: int, max_depth: int, max_nodes: int, all_marks: bool, skip: frozenset[str]
    ) -> None:
        self.tree = Tree()
        self._first_line = first_line
        self._max_depth = max_depth
        self._max_nodes = max_nodes
        self._all_marks = all_marks
        self._skip = skip
        self._nodes = 0
        self._outer: list[_Open] = []
        self._container: Any = None  # the dict or list being filled; None at the top
        self._key: Any = _NO_KEY  # in a dict: the key that waits for its value
        self._path: Path | None = ()  # of the container; None where no marks are kept

    def read(self, source: Any) -> None:
        """Take all events of `source`, a PyYAML loader."""
        take = source.get_event
        try:
            while (kind := type(event := take())) is not yaml.StreamEndEvent:
                if kind is yaml.ScalarEvent:
                    if self._path is None:
                        self._inner_scalar(event)
                    else:
                        self._scalar(event, source)
                elif kind is yaml.MappingStartEvent:
                    self._open({}, event)
                elif kind is yaml.SequenceStartEvent:
                    self._open([], event)
                elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                    self._container, self._key, self._path = self._outer.pop()
                elif kind is yaml.AliasEvent:
                    raise self._error(event, *wording.ALIAS)
                elif kind is yaml.DocumentStartEvent:
                    self._document(event)
        finally:
            source.dispose()

    def _inner_scalar(self, event: Any) -> None:
        """`_scalar` where no marks are kept: by far the most scalars there are, hence written out."""
        self._nodes += 1
        if self._nodes > self._max_nodes or event.tag is not None:
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
            if len(self._outer) == 1 and value in self._skip:
                self._read_over(source)
            return
        if (path := self._place(value, event)) is not None and type(value) is not str:
            self.tree.spelled[path] = text

    def _open(self, container: Any, event: Any) -> None:
        self._count(event)
        if len(self._outer) >= self._max_depth:
            raise self._error(event, *wording.too_deep(self._max_depth))
        if type(self._container) is dict and self._key is _NO_KEY:
            raise self._error(event, *wording.KEY_NOT_SCALAR)
        path = self._place(container, event)
        self._outer.append(_Open(self._container, self._key, self._path))
        self._container, self._key = container, _NO_KEY
        self._path = path if self._marks_inside(container, path) else None

    def _marks_inside(self, container: Any, path: Path | None) -> bool:
        return self._all_marks or not path or (len(path) == 1 and type(container) is list)

    def _place(self, value: Any, event: Any) -> Path | None:
        """Put `value` where it belongs; its path, if marks are kept there."""
        container, path = self._container, self._path
        if container is None:
            self.tree.value = value
            return path
        if type(container) is list:
            if path is not None:
                path = (*path, len(container))
                self.tree.lines[path] = self._mark(event)
            container.append(value)
            return path
        key, self._key = self._key, _NO_KEY
        container[key] = value
        return None if path is None else (*path, key)

    def _take_key(self, key: Any, event: Any) -> None:
        if key == "<<" and event.implicit[0]:
            raise self._error(event, *wording.MERGE)
        if key in self._container:
            raise self._error(event, f"{wording.key_name(event)} is given twice", "keep one of the two")
        self._container[key] = None  # so that a key that is read over still counts as given
        self._key = key
        if self._path is not None:
            self.tree.lines[*self._path, key] = self._mark(event)

    def _read_over(self, source: Any) -> None:
        """Let the value of the waiting key pass; what it holds is looked at by nobody."""
        depth = 0
        while True:
            event = source.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth == 0:
                break
            if depth > self._max_depth:
                raise self._error(event, *wording.too_deep(self._max_depth))
        del self._container[self._key]
        self._key = _NO_KEY

    def _document(self, event: Any) -> None:
        if self._nodes:
            raise self._error(event, *wording.SECOND_DOCUMENT)

    def _count(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > self._max_nodes or event.tag is not None:
            self._refuse(event)

    def _refuse(self, event: Any) -> NoReturn:
        if self._nodes > self._max_nodes:
            raise self._error(event, f"more than {self._max_nodes} keys and values", "split or shorten it")
        raise self._error(event, *wording.TAG)

    def _mark(self, event: Any) -> tuple[int, int]:
        mark = event.start_mark
        return mark.line + self._first_line, mark.column + 1

    def _error(self, event: Any, what: str, hint: str) -> YamlError:
        line, column = self._mark(event)
        return YamlError(what, hint, line=line, column=column)
