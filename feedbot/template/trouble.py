"""What is wrong with a template, as a person reads it: the words of the parser in ours, with the line."""

from __future__ import annotations

import re
import traceback
from typing import NoReturn

import jinja2

FILE = "<template>"  # as tracebacks call a template

_CLOSED_BY = {"{{": "}}", "{%": "%}", "{#": "#}"}

# What the parser says, what that means, and what helps
_SAID = (
    (
        r"block that needs to be closed is '(\w+)'",
        r"unexpected end of template",
        r"{% \1 %} needs an {% end\1 %}",
    ),
    (r"unknown tag '(else|elif|end\w+)'", r"{% \1 %} closes nothing", "a {% if %} or {% for %} is missing"),
    (r"unknown tag '(\w+)'", r"there is no {% \1 %}", "there are if, for and set"),
    (r"Expected an expression, got 'end of", "something is missing before the end of the braces", ""),
    (r"'end of print statement', got '(.+)'", r"}} was expected before `\1`", "a ~ b joins two texts"),
    (r"'end of statement block', got '(.+)'", r"%} was expected before `\1`", ""),
    (r"unexpected char '([‘’“”„])'", r"\1 is no quotation mark here", "write ' instead"),
    (r"""unexpected char ["'](['"])""", r"a \1 is opened and not closed", ""),
    (r"expected token '(\w+)', got '(\w+)'", r"`\1` was expected before `\2`", ""),
    (r"unexpected '(.)', expected '(.)'", r"\2 was expected before \1", ""),
)


class TemplateError(Exception):
    """A template that cannot be used, or not for this article."""

    def __init__(self, what: str, line: int | None = None, hint: str = "") -> None:
        self.what = what  # fits behind "the template"
        self.line = line  # counted from 1 in the template; None where a line means nothing
        self.hint = hint
        subject = "the template" if line is None else f"line {line} of the template"
        super().__init__(f"{subject} {what}" + (f" ({hint})" if hint else ""))


def fail(what: str, hint: str = "") -> NoReturn:
    """Raise TemplateError; the line is found by where this was called from."""
    raise TemplateError(what, None, hint)


def misspelt(source: str, error: jinja2.TemplateSyntaxError) -> TemplateError:
    """What is wrong with the syntax, in our words if they are known."""
    if found := _left_open(source):
        line, sign = found
        return TemplateError(
            f"is not valid: a {sign} is not closed", line, f"write {_CLOSED_BY[sign]} behind it"
        )
    for pattern, what, hint in _SAID:
        if match := re.search(pattern, error.message or ""):
            return TemplateError(f"is not valid: {match.expand(what)}", error.lineno, match.expand(hint))
    return TemplateError(f"is not valid: {words(error)}", error.lineno)


def _left_open(source: str) -> tuple[int, str] | None:
    """The line and the sign of the first braces that have no end before the next ones begin.

    What stands in quotes there could be braces too; so this is asked only where something is wrong.
    """
    sign, begin = "", 0
    for match in re.finditer(r"\{\{|\{%|\{#|\}\}|%\}|#\}", source):
        if match[0] in _CLOSED_BY:
            if sign:
                break
            sign, begin = match[0], match.start()
        elif match[0] == _CLOSED_BY.get(sign):
            sign = ""
    return (source.count("\n", 0, begin) + 1, sign) if sign else None


def words(error: Exception) -> str:
    """What went wrong, as one sentence goes on."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    sentence = " ".join(text.split()).partition(". ")[0].rstrip(".")[:200]
    return sentence[:1].lower() + sentence[1:]


def line_of(error: Exception) -> int | None:
    """The line of the template in which `error` was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == FILE), None)
