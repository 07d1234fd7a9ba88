"""A file's bytes to the text between its fences and the text after them.

Owns encodings, line ends and fences; knows nothing of YAML or of what the text means. How large a file may be
is `fetch`'s.
"""

from __future__ import annotations

import codecs
import re

from msgspec import Struct

MAX_MATTER = 64 * 1024  # characters

_BOMS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_END = rb"[ \t]*(?:\r\n|\n|\r|\xc2\x85)"
_OPENING = re.compile(rb"(?:%b){0,99}---%b" % (_END, _END))
_FOREIGN = re.compile(rb"(?:%b){0,99}(?:(\+\+\+)(?:%b|$)|---([A-Za-z]+)%b|\{\s*[\"}])" % (_END, _END, _END))
# As Pelican has it: two lines of `key: value` at the top, the first one of a key that articles have.
_LOOSE = re.compile(
    rb"(?:%b){0,99}(?:title|date|authors?|category|layout|slug|tags):[^\r\n]{0,999}%b[a-z_]+:" % (_END, _END),
    re.IGNORECASE,
)
_LINE_END = re.compile("\r\n?")
_CLOSING = re.compile(r"\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)")


class Parts(Struct, frozen=True):
    """The two parts of a file, with line feeds as line ends."""

    matter: str
    matter_line: int  # of the file, counted from 1, that `matter` begins with
    body: str

    @property
    def body_line(self) -> int:
        """The line of the file that `body` begins with."""
        return self.matter_line + self.matter.count("\n") + 1


class FrontMatterError(ValueError):
    """The file has front matter, but it cannot be told from the rest."""

    def __init__(self, what: str, hint: str, *, line: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.line = line


def split(data: bytes) -> Parts | None:
    """The parts of a file, or None where it has no front matter.

    Fences are `---` lines (the closing one may be `...`); blank lines and a byte order mark before the first
    are passed over. Raises FrontMatterError for what is no UTF-8 text, a fence that is never closed, front
    matter beyond `MAX_MATTER`, and front matter in another language than YAML.
    """
    _refuse_other_encodings(data)
    data = data.removeprefix(codecs.BOM_UTF8)
    opening = _OPENING.match(data)
    if opening is None:
        _refuse_other_languages(data)
        return None
    return _parted(_decoded(data), opening[0].decode())


def _refuse_other_encodings(data: bytes) -> None:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            raise FrontMatterError(f"written in {encoding}, which is not read", "save the file as UTF-8")
    if (place := data.find(b"\0")) >= 0:
        raise FrontMatterError(
            "not a text file: it holds NUL bytes",
            "exclude the file, or write it again if it should be an article",
            line=_line(data, place),
        )


def _refuse_other_languages(data: bytes) -> None:
    if found := _FOREIGN.match(data):
        language = "TOML" if found[1] else found[2].decode() if found[2] else "JSON"
        hint = "write it as YAML, between two lines of ---"
        raise FrontMatterError(
            f"front matter in {language}, which is not read",
            f"{hint}; `hugo convert toYAML` does so for a whole site" if found[1] else hint,
            line=_line(data, found.end() - 1),
        )
    if found := _LOOSE.match(data):
        raise FrontMatterError(
            "front matter without a line --- before it",
            "put a line --- before it, and one after it",
            line=_line(data, found.end() - 1) - 1,
        )


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FrontMatterError(
            f"not UTF-8: the byte 0x{data[error.start]:02X} at offset {error.start}",
            "save the file as UTF-8",
            line=_line(data, error.start),
        ) from None


def _line(data: bytes, place: int) -> int:
    before = data[:place]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1


def _parted(text: str, opening: str) -> Parts:
    if "\r" in text:
        text, opening = _LINE_END.sub("\n", text), _LINE_END.sub("\n", opening)
    if opening.endswith("\x85"):
        text, opening = text.replace("\x85", "\n"), opening.replace("\x85", "\n")
    start, line = len(opening), opening.count("\n") + 1
    closing = _CLOSING.search(text, start - 1, start + MAX_MATTER + 5)
    if closing is None or closing.start() - start >= MAX_MATTER:
        raise _unclosed(len(text) - start > MAX_MATTER, line - 1)
    matter = text[start : closing.start() + 1]
    return Parts(
        matter=_spaces_for_separators(matter),
        matter_line=line,
        body=text[closing.end() :],
    )


def _unclosed(is_long: bool, line: int) -> FrontMatterError:
    if is_long:
        return FrontMatterError(
            f"the front matter that begins here does not end within {MAX_MATTER // 1024} KiB",
            "close it with a line ---, or move long text below it",
            line=line,
        )
    return FrontMatterError(
        "the front matter that begins here is never closed", "add a line --- after it", line=line
    )


def _spaces_for_separators(matter: str) -> str:
    """Pasted line and paragraph separators end a line in YAML and nowhere else: make them spaces."""
    if matter.isascii():
        return matter
    return matter.replace("\u2028", " ").replace("\u2029", " ").replace("\x85", " ")
