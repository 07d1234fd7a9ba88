"""What a plain scalar means: the values of YAML 1.1, as PyYAML reads them."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

_LONGEST_NUMBER = 64  # a longer run of digits is text: as a number nothing could be done with it

_RESOLVER: Final[Any] = Resolver()  # untyped in PyYAML's stubs
_CONSTRUCTOR: Final = SafeConstructor()
_TYPED: Final = {
    f"tag:yaml.org,2002:{name}": getattr(SafeConstructor, f"construct_yaml_{name}")
    for name in ("null", "bool", "int", "float", "timestamp")
}
# By far the most frequent, and slow in PyYAML.
_COUNT: Final = re.compile("0|[1-9][0-9]{0,17}", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def plain_value(text: str) -> Any:
    """What a plain scalar means to PyYAML (YAML 1.1); the text itself where that makes no sense."""
    return _plain_value(text) if len(text) <= _LONGEST_NUMBER else text


def plainest_value(text: str) -> int | datetime | None:
    """What a count or a moment in UTC means; None for anything else. Raises ValueError for 2020-13-45T..."""
    if _MOMENT.fullmatch(text):
        return datetime.fromisoformat(text)
    return int(text) if _COUNT.fullmatch(text) else None


@lru_cache(maxsize=4096)
def _plain_value(text: str) -> Any:
    try:
        if (value := plainest_value(text)) is not None:
            return value
        tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
        construct = _TYPED.get(tag)
        return text if construct is None else construct(_CONSTRUCTOR, yaml.ScalarNode(tag, text))
    except (ValueError, ArithmeticError):  # 2020-13-45, 24:00:00, 0x_
        return text
