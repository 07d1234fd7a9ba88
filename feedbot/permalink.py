"""Patterns of addresses on a site, such as `/:year/:month/:title/`, as Jekyll and Hugo have them. Pure.

What a placeholder stands for in an article is for `content.addresses` to say; the configuration only checks
that there is such a placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# https://jekyllrb.com/docs/permalinks/#placeholders, https://gohugo.io/configuration/permalinks/#tokens;
# those of weeks are missing, which nobody was seen to use, and `:sections`, which other files decide about.
_FROM_DATE: Final = frozenset({
    "year", "short_year", "month", "i_month", "short_month", "long_month", "monthname", "day", "i_day",
    "y_day", "yearday", "hour", "minute", "second",
})  # fmt: skip
FROM_NAME: Final = frozenset({
    "title", "slug", "name", "filename", "contentbasename", "slugorfilename", "slugorcontentbasename",
})  # fmt: skip
PLACEHOLDERS: Final = _FROM_DATE | FROM_NAME | {"categories", "section", "output_ext"}
# What Jekyll calls some patterns: https://jekyllrb.com/docs/permalinks/#built-in-formats
STYLES: Final[Mapping[str, str]] = {
    "date": "/:categories/:year/:month/:day/:title:output_ext",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "ordinal": "/:categories/:year/:y_day/:title:output_ext",
    "none": "/:categories/:title:output_ext",
}
_PLACEHOLDER = re.compile(r":([a-z_]+)")


def placeholders_of(pattern: str) -> list[str]:
    """The names in `pattern`, known or not."""
    return _PLACEHOLDER.findall(pattern)


def fill(pattern: str, parts: Mapping[str, str]) -> str:
    """`pattern` with its placeholders replaced by `parts`; those that are not known stay."""
    filled = _PLACEHOLDER.sub(lambda found: parts.get(found[1], found[0]), pattern)
    return re.sub("//+", "/", filled)
