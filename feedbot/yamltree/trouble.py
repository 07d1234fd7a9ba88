"""What is refused, in words that a person can act on, instead of libyaml's."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from feedbot.yamltree.tree import MAX_DEPTH, YamlError

ALIAS = ("an alias (*name), which is refused", "write the value out, or quote a text that begins with *")
TAG = ("a tag (!name), which is refused", "remove it, or quote a text that begins with !")
MERGE = ("a merge key (<<), which is refused", "write the keys out")
KEY_NOT_SCALAR = ("a key that is a list or a mapping", "quote a text that begins with [ or {")
TOO_DEEP = (f"nested deeper than {MAX_DEPTH} levels", "make it flatter")
SECOND_DOCUMENT = ("a second document begins here", "keep one; remove the line ---")
_COLON = (
    "a second colon in one line",
    "put a value in quotes that ends with a colon, or has a space after one",
)
_QUOTE = (
    "a quote that is never closed",
    "close it, or put a value that holds quotes in the other kind of quotes",
)
ESCAPE = (
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
    ("unknown escape character", ESCAPE, False),
    ("hexdecimal number", ESCAPE, False),
    ("hexadecimal numbers", ESCAPE, False),
    ("invalid Unicode character escape code", ESCAPE, False),
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
    ("undefined tag handle", TAG, False),
    ("expected alphabetic or numeric", ALIAS, True),
    ("node content", _INDICATOR, False),
)
_NOT_TEXT: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME: Final = re.compile(r"[\w .+#-]{1,40}")


def refusal(error: Exception, text: str, first_line: int) -> YamlError:
    """Our words for what PyYAML refuses."""
    if not isinstance(error, yaml.MarkedYAMLError):
        found = _NOT_TEXT.search(text)
        return _unprintable(found, text, first_line) if found else YamlError(*_BROKEN, line=first_line)
    problem, mark = str(error.problem), error.problem_mark
    said, from_start = next(
        ((said, start) for key, said, start in _WORDS if key in problem), (_BROKEN, False)
    )
    if "maximum nesting depth" in problem:  # newer libyaml stops before it hands out the first bracket
        said = TOO_DEEP
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


def swallowed(key: str) -> tuple[str, str]:
    return (
        f"a line `{key}:` that belongs to the value above it",
        "end that value before it, and begin the line at the margin",
    )


def key_name(event: Any, names: frozenset[str] | None) -> str:
    """A short plain key by its name, if it is one of `names` (None: any); others could be a value's part."""
    is_plain = event.implicit[0] and _NAME.fullmatch(event.value)
    may_be_named = is_plain and (names is None or event.value.lower() in names)
    return f"the key `{event.value}`" if may_be_named else "a key"
