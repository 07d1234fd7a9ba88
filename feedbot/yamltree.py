"""YAML text to plain Python values, within bounds, with the place of each key.

Builds from PyYAML's event stream, one event at a time and without recursion: composing deep nesting kills the
process in C, and the bounds have to hold while the text is still being read. Values are those of
`yaml.safe_load` (YAML 1.1). Must not know what the text is for, and never quotes a value in an error.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

PARSER: Final[Any] = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # the C one wherever PyYAML was built with it
MAX_DEPTH = 20
MAX_NODES = 20_000
_LONGEST_NUMBER = 64  # a longer run of digits is text: as a number nothing could be done with it

Path: TypeAlias = tuple[Hashable, ...]


class YamlError(ValueError):
    """The text cannot be read as YAML, or holds more than feedbot reads."""

    def __init__(self, what: str, hint: str = "", *, line: int = 1, column: int = 1) -> None:
        super().__init__(f"{line}:{column}: {what}" + (f" ({hint})" if hint else ""))
        self.what = what
        self.hint = hint
        self.line = line  # counted from 1
        self.column = column  # counted from 1


@dataclass(slots=True)
class Tree:
    """What a text says, and where.

    `lines`: (line, column), counted from 1, of a key or list item by its path, such as `("topics", 0)`.
    `spelled`: the characters of a plain scalar that did not become a string (`NO`, `3.10`, `2020-11-04`).
    Both know top-level keys and the items of lists directly below them; with `all_marks`, everything.
    """

    value: Any = None
    lines: dict[Path, tuple[int, int]] = field(default_factory=dict)
    spelled: dict[Path, str] = field(default_factory=dict)

    def place(self, path: Path) -> tuple[int, int] | None:
        """(line, column) of `path`, or of the nearest thing around it whose place is known."""
        for end in range(len(path), 0, -1):
            if (found := self.lines.get(path[:end])) is not None:
                return found
        return None


def load(
    text: str,
    *,
    first_line: int = 1,
    max_depth: int = MAX_DEPTH,
    max_nodes: int = MAX_NODES,
    all_marks: bool = False,
    skip: frozenset[str] = frozenset(),
    parser: Any = PARSER,
) -> Tree:
    """Read one YAML document.

    `first_line` is the line of the file that `text` begins with. Top-level keys in `skip` are read over:
    their values are never built. `parser` is a PyYAML loader class of which only the events are used.
    An empty text is None; a date or number that cannot be (`2020-13-45`) stays a string.
    Raises YamlError for broken YAML and for what is refused: nesting deeper than `max_depth`, more than
    `max_nodes` keys, values and containers, aliases, tags, merge keys, keys that are not scalars, keys given
    twice, a second document.
    """
    if "\\u" in text:
        text = _PAIR.sub(_join_pair, text)
    builder = _Builder(first_line, max_depth, max_nodes, all_marks, skip)
    try:
        builder.read(parser(text))
    except YamlError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two: escapes beyond Unicode
        refusal = _refusal(error, text, first_line, max_depth)
    else:
        return builder.tree
    raise refusal  # outside the handler: PyYAML's own error quotes the text around it


class _Open(NamedTuple):
    """A container that is being filled, put aside while one inside it is filled."""

    container: Any
    key: Any
    path: Path | None


_NO_KEY: Final = object()


class _Builder:
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
                    raise self._error(event, *_ALIAS)
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
        value = plain_value(text) if event.implicit[0] and len(text) <= _LONGEST_NUMBER else text
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
        value = plain_value(text) if event.implicit[0] and len(text) <= _LONGEST_NUMBER else text
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
            raise self._error(event, *_too_deep(self._max_depth))
        if type(self._container) is dict and self._key is _NO_KEY:
            raise self._error(event, *_KEY_NOT_SCALAR)
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
            raise self._error(event, *_MERGE)
        if key in self._container:
            raise self._error(event, f"{_key_name(event)} is given twice", "keep one of the two")
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
                raise self._error(event, *_too_deep(self._max_depth))
        del self._container[self._key]
        self._key = _NO_KEY

    def _document(self, event: Any) -> None:
        if self._nodes:
            raise self._error(event, *_SECOND_DOCUMENT)

    def _count(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > self._max_nodes or event.tag is not None:
            self._refuse(event)

    def _refuse(self, event: Any) -> NoReturn:
        if self._nodes > self._max_nodes:
            raise self._error(event, f"more than {self._max_nodes} keys and values", "split or shorten it")
        raise self._error(event, *_TAG)

    def _mark(self, event: Any) -> tuple[int, int]:
        mark = event.start_mark
        return mark.line + self._first_line, mark.column + 1

    def _error(self, event: Any, what: str, hint: str) -> YamlError:
        line, column = self._mark(event)
        return YamlError(what, hint, line=line, column=column)


# --- scalars ---

_RESOLVER: Final[Any] = Resolver()  # untyped in PyYAML's stubs
_CONSTRUCTOR: Final = SafeConstructor()
_TYPED: Final = {
    f"tag:yaml.org,2002:{name}": getattr(SafeConstructor, f"construct_yaml_{name}")
    for name in ("null", "bool", "int", "float", "timestamp")
}


@lru_cache(maxsize=4096)
def plain_value(text: str) -> Any:
    """What a plain scalar means to PyYAML (YAML 1.1); the text itself where that makes no sense."""
    tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
    construct = _TYPED.get(tag)
    if construct is None:
        return text
    try:
        return construct(_CONSTRUCTOR, yaml.ScalarNode(tag, text))
    except (ValueError, ArithmeticError):  # 2020-13-45, 24:00:00, 0x_
        return text


_PAIR: Final = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


def _join_pair(match: re.Match[str]) -> str:
    """One character for the two escapes with which JSON writes an emoji; libyaml refuses them."""
    high, low = (int(half, 16) for half in match.groups())
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


# --- words for errors ---

_ALIAS = ("an alias (*name), which is refused", "write the value out, or quote a text that begins with *")
_TAG = ("a tag (!name), which is refused", "remove it, or quote a text that begins with !")
_MERGE = ("a merge key (<<), which is refused", "write the keys out")
_KEY_NOT_SCALAR = ("a key that is a list or a mapping", "quote a text that begins with [ or {")
_SECOND_DOCUMENT = ("a second document begins here", "keep one; remove the line ---")
_COLON = ("a second colon in one line", "put a value that holds a colon and a space in quotes")
_QUOTE = (
    "a quote that is never closed",
    "close it, or put a value that holds quotes in the other kind of quotes",
)
_ESCAPE = (
    "a backslash sequence that YAML does not know",
    "double the backslash, or use single quotes around the value",
)
_TAB = ("a tab where spaces are needed", "indent with spaces")
_STRAY = (
    "text that does not fit what stands before it",
    "put the whole value in quotes, or give the line the indentation of its neighbours",
)
_LIST = (
    "a list or mapping in brackets that is never closed",
    "close it, or put a value with brackets in quotes",
)
_NO_COLON = (
    "a line without a colon",
    "write `key: value`, or indent the line if it goes on with the one above",
)
_INDICATOR = ("a character that no value can begin with", "put the value in quotes")
_UNPRINTABLE = ("a character that no text should hold", "remove it")
_BROKEN = ("not valid YAML", "put values with special characters in quotes, and indent with spaces")
_BLOCK = ("text after | or >", "begin the text on the next line, or put the value in quotes")

# libyaml's words and those of PyYAML's own parser | what we say | whether the place is where it began
_WORDS: Final = (
    ("mapping values are not allowed", _COLON, False),
    ("found unexpected end of stream", _QUOTE, True),
    ("found unexpected document", _QUOTE, True),
    ("unknown escape character", _ESCAPE, False),
    ("hexdecimal number", _ESCAPE, False),
    ("hexadecimal numbers", _ESCAPE, False),
    ("invalid Unicode character escape code", _ESCAPE, False),
    ("tab character", _TAB, False),
    (r"found character '\t'", _TAB, False),
    ("cannot start any token", _INDICATOR, False),
    ("expected ',' or", _LIST, True),
    ("could not find expected ':'", _NO_COLON, True),
    ("comment or line break", _BLOCK, False),
    ("chomping or indentation", _BLOCK, False),
    ("expected key", _STRAY, False),
    ("expected '-' indicator", _STRAY, False),
    ("expected <block end>", _STRAY, False),
    ("<document start>", _STRAY, False),
    ("entries are not allowed", _STRAY, False),
    ("undefined tag handle", _TAG, False),
    ("expected alphabetic or numeric", _ALIAS, True),
    ("node content", _INDICATOR, False),
)
_NOT_TEXT: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME: Final = re.compile(r"[\w .+#-]{1,40}")


def _too_deep(max_depth: int) -> tuple[str, str]:
    return f"nested deeper than {max_depth} levels", "make it flatter"


def _refusal(error: Exception, text: str, first_line: int, max_depth: int) -> YamlError:
    """Our words for what PyYAML refuses."""
    if not isinstance(error, yaml.MarkedYAMLError):
        found = _NOT_TEXT.search(text)
        return _unprintable(found, text, first_line) if found else YamlError(*_BROKEN, line=first_line)
    problem, mark = str(error.problem), error.problem_mark
    said, from_start = next(
        ((said, start) for key, said, start in _WORDS if key in problem), (_BROKEN, False)
    )
    if "maximum nesting depth" in problem:  # newer libyaml stops before it hands out the first bracket
        said = _too_deep(max_depth)
    if from_start:
        mark = error.context_mark or mark
    if said is _INDICATOR and mark is not None and text[mark.index : mark.index + 1] == "\t":
        said = _TAB
    if mark is None:
        return YamlError(*said, line=first_line)
    return YamlError(*said, line=mark.line + first_line, column=mark.column + 1)


def _unprintable(found: re.Match[str], text: str, first_line: int) -> YamlError:
    """The error for a character that YAML does not allow at all."""
    before = text[: found.start()]
    what, hint = _UNPRINTABLE
    return YamlError(
        f"{what}, U+{ord(found[0]):04X}",
        hint,
        line=first_line + len(re.findall(r"\r\n?|\n", before)),
        column=len(before) - max(before.rfind("\n"), before.rfind("\r")),
    )


def _key_name(event: Any) -> str:
    """A short plain key by its name; anything else could be a value that slipped."""
    return f"the key `{event.value}`" if event.implicit[0] and _NAME.fullmatch(event.value) else "a key"
