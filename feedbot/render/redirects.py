"""The addresses that feeds had before: `_redirects`, in the form that static hosts and our server read.

One line for each slug that was: everything below the old folder has moved, for ever, below the new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from feedbot.model import Site
from feedbot.render.addresses import href
from feedbot.render.mark import REDIRECTS

PATH = "_redirects"


def render_redirects(site: Site, moves: Mapping[str, str]) -> bytes:
    """`moves` leads from each former slug to the current one of its feed."""
    root = urlsplit(site.feeds_url).path
    lines = [f"{root}{href(old)}/* {root}{href(new)}/:splat 301" for old, new in sorted(moves.items())]
    return "\n".join([REDIRECTS, *lines, ""]).encode()
