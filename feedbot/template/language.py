"""What a template may hold: which variables there are, and the few parts that are known to be harmless."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from jinja2 import nodes

from feedbot.template.trouble import TemplateError
from feedbot.template.values import ENVIRONMENT, FILTERS

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

_PARTS = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Tuple, nodes.List),
    *(nodes.If, nodes.For, nodes.Assign, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Keyword),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Add, nodes.Sub),
    *(nodes.Concat, nodes.Getattr, nodes.Getitem, nodes.Slice),
)
_ATTRIBUTES = {"first", "last", "index", "index0", "revindex", "revindex0", "length"}  # of `loop`
_ATTRIBUTES |= {"year", "month", "day", "hour", "minute"}  # of a date
_SIGNS = {"mul": "*", "div": "/", "floordiv": "//", "mod": "%", "pow": "**", "callblock": "call"}


def inspect(tree: nodes.Template) -> None:
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
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            hint = _near(node.name, FILTERS) or f"there are {', '.join(sorted(FILTERS))}"
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


def refuse_unknown(tree: nodes.Template, names: Iterable[str]) -> None:
    """Raise for the first name that is not one of NAMES."""
    used = [node for node in tree.find_all(nodes.Name) if node.name in names and node.name not in NAMES]
    for node in sorted(used, key=lambda node: node.lineno):
        hint = _near(node.name, NAMES) or f"there are {', '.join(NAMES)}"
        raise TemplateError(f"uses {node.name}, which is no variable", node.lineno, hint)


def bounded(tree: nodes.Template) -> nodes.Template:
    """`tree` with a bound on every list that is gone through and on every value that is kept or joined."""
    for loop in tree.find_all(nodes.For):
        loop.iter = _filtered(loop.iter, "_items")
    for assign in tree.find_all(nodes.Assign):
        assign.node = _filtered(assign.node, "_value")
    for concat in tree.find_all(nodes.Concat):
        concat.nodes = [_filtered(node, "_text") for node in concat.nodes]
    return tree


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=ENVIRONMENT)


def _near(name: str, choices: Iterable[str]) -> str:
    found = difflib.get_close_matches(name.lower(), choices, n=1, cutoff=0.6)
    return f"did you mean {found[0]}?" if found else ""


def written_out_break(source: str) -> TemplateError | None:
    """A line break that YAML took for a backslash and an n, as it does in single quotes and in none."""
    tree = ENVIRONMENT.parse(source)
    for data in tree.find_all(nodes.TemplateData):
        if r"\n" in data.data:
            line = data.lineno + data.data.partition(r"\n")[0].count("\n")
            return TemplateError(r"has \n as two characters", line, "use double quotes, or a block with |")
    return None
