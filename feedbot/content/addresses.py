"""Where the site shows a file: what Jekyll, Hugo and plain static sites make of its path and front matter.

Pure. A guess that is right for each program's defaults; an article that knows its own URL does not need it.
"""

from __future__ import annotations

import re
from datetime import datetime
from posixpath import splitext
from urllib.parse import quote

from msgspec import Struct

from feedbot.content.links import absolute

_INDEX = frozenset({"index", "_index"})
_POST = re.compile(r"\d{4}-\d{1,2}-\d{1,2}-(?P<title>.+)")
_PLACEHOLDER = re.compile(r":([a-z_]+)")
_UNKNOWN = re.compile(r":[a-z_]|\{[{%]")


class Page(Struct, frozen=True, kw_only=True):
    """What an address is made of."""

    relative: str  # path below the content folder
    slug: str = ""
    categories: tuple[str, ...] = ()
    published: datetime | None = None  # in the site's time zone
    is_post: bool = False  # below Jekyll's `_posts/`


def page_url(site: str, page: Page) -> str:
    """The URL that `page` has when it says nothing of its own. `site` ends in a slash; "" gives ""."""
    if not site:
        return ""
    if page.is_post and page.published is not None:
        # Jekyll's default: https://jekyllrb.com/docs/permalinks/
        return site + _filled("/:categories/:year/:month/:day/:title.html", page).lstrip("/")
    folder, _, name = splitext(page.relative)[0].rpartition("/")
    name = "" if name in _INDEX else page.slug or name
    path = "/".join(part for part in (folder, name) if part)
    return f"{site}{quote(path, safe='/')}/" if path else site


def permalink_url(site: str, permalink: str, page: Page) -> str | None:
    """The URL that a `permalink` or `url` in front matter means; None if that cannot be told.

    It lies below `site`, whatever it begins with; `:year` and other placeholders are filled in. Templates
    of other programs are not.
    """
    if permalink.startswith(("http://", "https://")):
        return absolute(permalink, site)
    filled = _filled(permalink, page)
    return None if _UNKNOWN.search(filled) or not site else absolute(filled.lstrip("/"), site)


def _filled(pattern: str, page: Page) -> str:
    """`pattern` with its placeholders replaced; those that are not known stay."""
    parts = _parts(page)
    filled = _PLACEHOLDER.sub(lambda found: parts.get(found[1], found[0]), pattern)
    return re.sub("//+", "/", filled)


def _parts(page: Page) -> dict[str, str]:
    folder, _, name = splitext(page.relative)[0].rpartition("/")
    post = _POST.fullmatch(name)
    title = page.slug or (post["title"] if post else name)
    parts = {"title": quote(title), "slug": quote(title), "name": quote(title), "output_ext": ".html"}
    parts["categories"] = quote("/".join(_categories(folder, page)))
    if page.published is not None:
        day = page.published
        parts |= {"year": f"{day:%Y}", "month": f"{day:%m}", "day": f"{day:%d}", "short_year": f"{day:%y}"}
        parts |= {"i_month": str(day.month), "i_day": str(day.day), "y_day": f"{day:%j}"}
        parts |= {"hour": f"{day:%H}", "minute": f"{day:%M}", "second": f"{day:%S}"}
    return parts


def _categories(folder: str, page: Page) -> list[str]:
    """Jekyll's categories of a post: the folders above `_posts`, then those in its front matter."""
    above = folder.partition("_posts")[0].split("/")
    every = [part.lower() for part in (*above, *page.categories) if part]
    return list(dict.fromkeys(every))
