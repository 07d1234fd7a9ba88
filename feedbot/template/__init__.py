"""Templates of messages: compiled, checked, and filled in.

Plain text in, plain text out: nothing is escaped and nothing decoded. A template is a few lines of an
operator and no program: it may show, choose and go through lists, and a slip in it must cost neither the
worker's memory nor its time. So it is made of a few known parts only, and each value it makes is bounded.

Must not know deliveries: what a variable holds is decided by who fills it in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

import jinja2
from jinja2 import meta
from msgspec import Struct

from feedbot.template.language import NAMES, bounded, inspect, refuse_unknown, written_out_break
from feedbot.template.trouble import FILE, TemplateError, fail, line_of, misspelt, words
from feedbot.template.values import ENVIRONMENT, NOTHING

__all__ = [
    "LONGEST_OUTPUT",
    "NAMES",
    "Template",
    "TemplateError",
    "check_template",
    "compile_template",
    "fill",
]

LONGEST_SOURCE = 4_000  # characters of a template
LONGEST_OUTPUT = 65_536  # characters of the whole: more than any target takes
_TAG = re.compile(r"\{%.*?%\}|\{#.*?#\}")

_SAMPLE: dict[str, object] = {
    **dict.fromkeys(NAMES, "sample"),
    "topics": ["First", "Second"],
    "authors": ["First", "Second"],
    "published": datetime(2026, 1, 1, tzinfo=UTC),
    "updated": datetime(2026, 1, 2, tzinfo=UTC),
}


class Template(Struct, frozen=True):
    """A template that was checked and is ready to be filled in, by any number of threads."""

    source: str
    names: frozenset[str]  # the variables it uses
    program: jinja2.Template


@lru_cache(maxsize=256)
def compile_template(source: str) -> Template:
    """Check and compile a template; the same source is compiled once.

    Raises TemplateError for wrong syntax, unknown names, and whatever a template may not do.
    """
    if len(source) > LONGEST_SOURCE:
        raise TemplateError(f"is longer than {LONGEST_SOURCE:,} characters")
    try:
        tree = ENVIRONMENT.parse(_with_its_line_ends(source), filename=FILE)
        inspect(tree)
        names = meta.find_undeclared_variables(tree)
        refuse_unknown(tree, names)
        return Template(source, frozenset(names), ENVIRONMENT.from_string(bounded(tree)))
    except jinja2.TemplateSyntaxError as error:
        raise misspelt(source, error) from None
    except (RecursionError, SyntaxError, MemoryError):  # of Python, which compiles what Jinja makes of it
        raise TemplateError("is nested too deeply") from None


def _with_its_line_ends(source: str) -> str:
    """`source` with the line break kept behind a tag that has a text before it.

    Jinja takes away the break behind any tag, which is right for a line of tags alone.
    """
    return "\n".join(f"{line}{NOTHING}" if _ends_a_text(line) else line for line in source.split("\n"))


def _ends_a_text(line: str) -> bool:
    is_tag = line.endswith(("%}", "#}")) and not line.endswith(("-%}", "-#}"))  # the latter ask for that
    return is_tag and _TAG.sub("", line).strip() != ""


def fill(template: Template, values: Mapping[str, object]) -> str:
    """The text that `template` makes of `values`, which hold every name in NAMES.

    Without the space that empty variables leave behind. Raises TemplateError if it cannot be made.
    """
    parts, length = [], 0
    try:
        for part in template.program.generate(values):
            parts.append(part)
            if (length := length + len(part)) > LONGEST_OUTPUT:
                fail(f"makes more than {LONGEST_OUTPUT:,} characters")
    except TemplateError as error:
        raise TemplateError(error.what, error.line or line_of(error), error.hint) from None
    except Exception as error:  # noqa: BLE001 - a template is the operator's: what fails in it is its mistake
        raise TemplateError(f"fails: {words(error)}", line_of(error)) from None
    return tidy("".join(parts))


def check_template(source: str) -> TemplateError | None:
    """What is wrong with a template, by reading it and by filling it in once; None if nothing is."""
    try:
        fill(compile_template(source), _SAMPLE)
    except TemplateError as error:
        return error
    return written_out_break(source)


def tidy(text: str) -> str:
    """`text` without the gaps of what was empty.

    No line of which nothing is left; no space at the end of a line, no single one at its beginning (more of
    them are meant), one between words; no blank lines at the ends, and not several together.
    """
    lines = []
    for line in text.splitlines():
        bare = line.replace(NOTHING, "").rstrip()
        if bare or NOTHING not in line:
            lines.append(re.sub(r"^ (?=\S)|(?<=\S) +(?= )", "", bare))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
