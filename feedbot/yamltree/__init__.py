"""YAML text to plain Python values, within bounds, with the place of each key.

Values are those of `yaml.safe_load` (YAML 1.1). Must not know what the text is for, and never quotes a value
in an error.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from feedbot.yamltree.events import Scope, TreeBuilder
from feedbot.yamltree.lines import read_lines
from feedbot.yamltree.surrogates import join_pairs
from feedbot.yamltree.swallowed import refuse_swallowed
from feedbot.yamltree.tree import Marks, Path, Tree, YamlError
from feedbot.yamltree.trouble import refusal

__all__ = ["PARSER", "Path", "Tree", "YamlError", "load"]

# The C one wherever PyYAML was built with it.
PARSER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(
    text: str,
    *,
    first_line: int = 1,
    skip: frozenset[str] = frozenset(),
    names: frozenset[str] | None = None,
    parser: Any = None,
) -> Tree:
    """Read one YAML document.

    `first_line` is the line of the file that `text` begins with. Top-level keys in `skip` are read over:
    their values are in no tree. `names` are the keys, in lower case, that an error may name, because any
    other could be a part of a value that slipped; None: all. `parser` is a PyYAML loader class of which only
    the events are used, instead of the fastest way.
    An empty text is None; a date or number that cannot be (`2020-13-45`) stays a string.
    Raises YamlError for broken YAML and for what is refused: nesting deeper than MAX_DEPTH, more keys, values
    and containers than MAX_NODES, aliases, tags, merge keys, keys that are not scalars, keys given twice, a
    second document, and a line that begins with a key in `skip` but belongs to another key's value.
    """
    scope = Scope(first_line, skip, names)

    def find_marks() -> Marks:
        return _built(text, scope, parser or PARSER, with_marks=True).marks

    value = read_lines(text, skip) if parser is None else None
    if value is None:
        builder = _built(text, scope, parser or PARSER)
        refuse_swallowed(text, scope, builder.passed, find_marks)
        value = builder.value
    return Tree(value=value, find_marks=find_marks)


def _built(text: str, scope: Scope, parser: Any, *, with_marks: bool = False) -> TreeBuilder:
    """What the whole parser makes of a text. Raises YamlError."""
    builder = TreeBuilder(scope, with_marks=with_marks)
    try:
        joined = join_pairs(text, parser, first_line=scope.first_line)
        builder.read(parser(joined))
    except YamlError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two: escapes beyond Unicode
        refused = refusal(error, text, scope.first_line)
    else:
        return builder
    raise refused  # outside the handler: PyYAML's own error quotes the text around it
