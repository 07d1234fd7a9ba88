"""Templates of messages: which variables there are, what a template may do, and filling one in.

Plain text in, plain text out: nothing is escaped and nothing decoded. A template is a few lines of an
operator and no program: it may show, choose and go through lists, and a slip in it must cost neither the
worker's memory nor its time. So it is made of a few known parts only, and each value it makes is bounded.

Must not know deliveries: what a variable holds is decided by who fills it in.
"""

from __future__ import annotations

import difflib
import re
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NoReturn

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from msgspec import Struct

NAMES: dict[str, str] = {
    "title": "title of the article",
    "excerpt": "its summary; the first to be shortened where space is short",
    "url": "its address; never shortened",
    "hashtags": "its topics as hashtags, with a space between them",
    "topics": "its topics, a list",
    "category": "its category",
    "type": "its type, such as article or video",
    "provider": "name of the publication it comes from",
    "provider_domain": "domain of that publication",
    "authors": "names of its authors, a list",
    "published": "when it was published, a date in UTC",
    "updated": "when it was last changed, a date in UTC",
    "language": "its language, such as en or de-AT",
    "event": "what happened: published, updated or withdrawn",
    "image": "address of its first picture",
    "image_text": "what is to be seen there",
    "id": "its id, as in the feeds",
    "site": "title of the site",
}

LONGEST_SOURCE = 4_000  # characters of a template
LONGEST_VALUE = 16_384  # characters of one value that a template makes of others
LONGEST_OUTPUT = 65_536  # characters of the whole: more than any target takes
LONGEST_LIST = 1_000  # items that a loop goes through

_FILE = "<template>"  # as tracebacks call it
_SAMPLE: dict[str, object] = {
    **dict.fromkeys(NAMES, "sample"),
    "topics": ["First", "Second"],
    "authors": ["First", "Second"],
    "published": datetime(2026, 1, 1, tzinfo=UTC),
    "updated": datetime(2026, 1, 2, tzinfo=UTC),
}


class TemplateError(Exception):
    """A template that cannot be used, or not for this article."""

    def __init__(self, what: str, line: int | None = None, hint: str = "") -> None:
        self.what = what  # fits behind "the template"
        self.line = line  # counted from 1 in the template; None where a line means nothing
        self.hint = hint
        subject = "the template" if line is None else f"line {line} of the template"
        super().__init__(f"{subject} {what}" + (f" ({hint})" if hint else ""))


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
        tree = _ENVIRONMENT.parse(source, filename=_FILE)
        _inspect(tree)
        names = meta.find_undeclared_variables(tree)
        _refuse_unknown(tree, names)
        return Template(source, frozenset(names), _ENVIRONMENT.from_string(_bounded(tree)))
    except jinja2.TemplateSyntaxError as error:
        raise _misspelt(source, error) from None
    except (RecursionError, SyntaxError, MemoryError):  # of Python, which compiles what Jinja makes of it
        raise TemplateError("is nested too deeply") from None


def fill(template: Template, values: Mapping[str, object]) -> str:
    """The text that `template` makes of `values`, which hold every name in NAMES.

    Without the space that empty variables leave behind. Raises TemplateError if it cannot be made.
    """
    parts, length = [], 0
    try:
        for part in template.program.generate(values):
            parts.append(part)
            if (length := length + len(part)) > LONGEST_OUTPUT:
                _fail(f"makes more than {LONGEST_OUTPUT:,} characters")
    except TemplateError as error:
        raise TemplateError(error.what, error.line or _line_of(error), error.hint) from None
    except Exception as error:  # noqa: BLE001 - a template is the operator's: what fails in it is its mistake
        raise TemplateError(f"fails: {_words(error)}", _line_of(error)) from None
    return tidy("".join(parts))


def check_template(source: str) -> TemplateError | None:
    """What is wrong with a template, by reading it and by filling it in once; None if nothing is."""
    try:
        fill(compile_template(source), _SAMPLE)
    except TemplateError as error:
        return error
    return _written_out_break(source)


def tidy(text: str) -> str:
    """`text` without the gaps of what was empty.

    No space at the end of a line, no single one at its beginning (more of them are meant), one between words;
    no blank lines at the ends, and not several together.
    """
    lines = (re.sub(r"^ (?=\S)|(?<=\S) +(?= )", "", line.rstrip()) for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


# --- what a template may do ---

_PARTS = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Tuple, nodes.List),
    *(nodes.If, nodes.For, nodes.Assign, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Keyword),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Add, nodes.Sub),
    *(nodes.Concat, nodes.Getattr, nodes.Getitem, nodes.Slice),
)
_ATTRIBUTES = {"first", "last", "index", "index0", "revindex", "revindex0", "length"}  # of `loop`
_ATTRIBUTES |= {"year", "month", "day", "hour", "minute"}  # of a date
_SIGNS = {"mul": "*", "div": "/", "floordiv": "//", "mod": "%", "pow": "**", "callblock": "call"}


def _inspect(tree: nodes.Template) -> None:
    """Refuse what is not among the parts and filters that are known to be harmless."""
    for node in tree.find_all(nodes.Node):
        if isinstance(node, nodes.Call):
            hint = "dates are written with a filter: published|date('%d %B %Y')"
            raise TemplateError("calls a function", node.lineno, hint)
        if not isinstance(node, _PARTS):
            name = type(node).__name__.lower()
            raise TemplateError(f"uses `{_SIGNS.get(name, name)}`, which has no place here", node.lineno)
        if not _is_plain_access(node):
            hint = "a variable has no parts; filters change a text: title|upper"
            raise TemplateError("asks for a part that nothing has", node.lineno, hint)
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            hint = _near(node.name, _FILTERS) or f"there are {', '.join(sorted(_FILTERS))}"
            raise TemplateError(f"uses an unknown filter, {node.name}", node.lineno, hint)
        if isinstance(node, nodes.For) and (node.recursive or any(node.find_all(nodes.For))):
            raise TemplateError("has a loop in a loop", node.lineno, "a|join(' ') puts a list into words")


def _is_plain_access(node: nodes.Node) -> bool:
    """Whether `node`, if it asks for a part of something, asks by a known name or by number."""
    if isinstance(node, nodes.Getattr):
        return node.attr in _ATTRIBUTES
    if isinstance(node, nodes.Getitem):
        index = node.arg.node if isinstance(node.arg, nodes.Neg) else node.arg
        return isinstance(index, nodes.Slice) or (
            isinstance(index, nodes.Const) and isinstance(index.value, int)
        )
    return True


def _refuse_unknown(tree: nodes.Template, names: Iterable[str]) -> None:
    """Raise for the first name that is not one of NAMES."""
    used = [node for node in tree.find_all(nodes.Name) if node.name in names and node.name not in NAMES]
    for node in sorted(used, key=lambda node: node.lineno):
        hint = _near(node.name, NAMES) or f"there are {', '.join(NAMES)}"
        raise TemplateError(f"uses {node.name}, which is no variable", node.lineno, hint)


def _bounded(tree: nodes.Template) -> nodes.Template:
    """`tree` with a bound on every list that is gone through and on every value that is kept or joined."""
    for loop in tree.find_all(nodes.For):
        loop.iter = _filtered(loop.iter, "_items")
    for assign in tree.find_all(nodes.Assign):
        assign.node = _filtered(assign.node, "_value")
    for concat in tree.find_all(nodes.Concat):
        concat.nodes = [_filtered(node, "_text") for node in concat.nodes]
    return tree


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=_ENVIRONMENT)


def _near(name: str, choices: Iterable[str]) -> str:
    found = difflib.get_close_matches(name.lower(), choices, n=1, cutoff=0.6)
    return f"did you mean {found[0]}?" if found else ""


# --- values and filters ---


def _fail(what: str, hint: str = "") -> NoReturn:
    raise TemplateError(what, None, hint)


def _value(value: Any) -> Any:
    """`value`, if it is not too much to be kept under a name."""
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        _fail(f"makes a text of more than {LONGEST_VALUE:,} characters")
    if isinstance(value, list | tuple) and any(isinstance(item, list | tuple) for item in _items(value)):
        _fail("keeps lists in a list")
    return value


def _items(value: Any) -> list[Any]:
    """`value` as what a loop can go through."""
    if not isinstance(value, list | tuple):
        _fail("goes through what is no list", "topics and authors are lists")
    if len(value) > LONGEST_LIST:
        _fail(f"goes through more than {LONGEST_LIST:,} items")
    return list(value)


def _shown(value: Any) -> str:
    """How a value looks: lists with commas, dates as dates, nothing as nothing."""
    if value is None or isinstance(value, jinja2.Undefined):
        return "" if value is None else str(value)  # the latter raises, and says which
    if isinstance(value, list | tuple):
        return _join(value, ", ")
    if isinstance(value, datetime):
        return _date(value)
    if isinstance(value, str | int | float):
        return str(value)
    return _fail(
        "shows something that is not text", "a method is no value; filters change a text: title|upper"
    )


def _join(value: Any, between: str = "") -> str:
    parts = [_shown(item) for item in _items(value)]
    if sum(map(len, parts)) + len(between) * len(parts) > LONGEST_VALUE:
        _fail(f"makes a text of more than {LONGEST_VALUE:,} characters")
    return between.join(parts)


def _replace(value: Any, old: str, new: str) -> str:
    text = _shown(value)
    if len(text) + text.count(old) * len(new) > LONGEST_VALUE:
        _fail(f"makes a text of more than {LONGEST_VALUE:,} characters")
    return text.replace(old, new)


def _date(value: Any, form: str = "%Y-%m-%d") -> str:
    if not isinstance(value, datetime):
        _fail("writes as a date what is none", "published and updated are dates")
    if not re.fullmatch(r"(?:[^%]|%[aAbBdHIjmMpSyYZz%])*", form, re.DOTALL):
        _fail(f"has an unknown form of date, {form[:40]!r}", "such as %Y-%m-%d, %d %B %Y or %H:%M")
    return value.strftime(form)


_OWN_FILTERS = {"join": _join, "replace": _replace, "date": _date}
_BOUNDS = {"_items": _items, "_value": _value, "_text": _shown}  # not to be used in templates
_FILTERS = frozenset({*_OWN_FILTERS, "default", "first", "last", "length", "trim", "truncate"})
_FILTERS |= {"upper", "lower", "title", "capitalize", "urlencode"}


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # messages are plain text
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
    )
    environment.globals.clear()
    environment.filters.update(_OWN_FILTERS | _BOUNDS)
    return environment


_ENVIRONMENT = _environment()


# --- what failed ---


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


def _misspelt(source: str, error: jinja2.TemplateSyntaxError) -> TemplateError:
    """What is wrong with the syntax, in our words if they are known."""
    if found := _left_open(source):
        line, sign = found
        return TemplateError(
            f"is not valid: a {sign} is not closed", line, f"write {_CLOSED_BY[sign]} behind it"
        )
    for pattern, what, hint in _SAID:
        if match := re.search(pattern, error.message or ""):
            return TemplateError(f"is not valid: {match.expand(what)}", error.lineno, match.expand(hint))
    return TemplateError(f"is not valid: {_words(error)}", error.lineno)


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


def _written_out_break(source: str) -> TemplateError | None:
    """A line break that YAML took for a backslash and an n, as it does in single quotes and in none."""
    tree = _ENVIRONMENT.parse(source)
    for data in tree.find_all(nodes.TemplateData):
        if r"\n" in data.data:
            line = data.lineno + data.data.partition(r"\n")[0].count("\n")
            return TemplateError(r"has \n as two characters", line, "use double quotes, or a block with |")
    return None


def _words(error: Exception) -> str:
    """What went wrong, as one sentence goes on."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    sentence = " ".join(text.split()).partition(". ")[0].rstrip(".")[:200]
    return sentence[:1].lower() + sentence[1:]


def _line_of(error: Exception) -> int | None:
    """The line of the template in which `error` was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == _FILE), None)
