"""Where the site shows a file: what Jekyll, Hugo and plain static sites make of its path and front matter.

Pure. A guess that is right for each program's defaults; an article that knows its own URL does not need it.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from posixpath import splitext
from urllib.parse import quote

from msgspec import Struct

from feedbot.content.links import absolute
from feedbot.content.text import clean

_INDEX = frozenset({"index", "_index"})
_POST = re.compile(r"\d{4}-\d{1,2}-\d{1,2}-(?P<title>.+)")
_PLACEHOLDER = re.compile(r":([a-z_]+)")
_UNKNOWN = re.compile(r":[a-z_]|\{[{%]")
_JEKYLL_KEEPS = "._~!$&'()+,;=@"  # of what is no letter and no digit; all else becomes a hyphen
_HUGO_KEEPS = "./_#+~-@"  # the same; all else goes, but for spaces
_UNQUOTED = "/~!$&'()+,;=@"


class Page(Struct, frozen=True, kw_only=True):
    """What an address is made of."""

    relative: str  # path below the content folder
    slug: str = ""
    categories: tuple[str, ...] = ()
    published: datetime | None = None  # in the site's time zone
    is_post: bool = False  # below Jekyll's `_posts/`
    is_hugo: bool = False  # the site is known to be Hugo's


def page_url(site: str, page: Page) -> str:
    """The URL that `page` has when it says nothing of its own. `site` ends in a slash; "" gives ""."""
    if not site:
        return ""
    if page.is_post and page.published is not None:
        # Jekyll's default: https://jekyllrb.com/docs/permalinks/
        return site + _filled("/:categories/:year/:month/:day/:title.html", page).lstrip("/")
    folder, _, name = splitext(page.relative)[0].rpartition("/")
    if name in _INDEX:  # its folder is its name
        folder, _, name = folder.rpartition("/")
    path = "/".join(part for part in (folder, page.slug or name) if part)
    path = _as_hugo_has_it(path) if page.is_hugo else path
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


def title_of(filename: str) -> str:
    """What Jekyll calls a post that has no title: its file's name, in words; "" for no post."""
    post = _POST.fullmatch(splitext(filename)[0])
    return clean(" ".join(word.capitalize() for word in post["title"].split("-"))) if post else ""


def _filled(pattern: str, page: Page) -> str:
    """`pattern` with its placeholders replaced; those that are not known stay."""
    parts = _parts(page)
    filled = _PLACEHOLDER.sub(lambda found: parts.get(found[1], found[0]), pattern)
    return re.sub("//+", "/", filled)


def _parts(page: Page) -> dict[str, str]:
    folder, _, name = splitext(page.relative)[0].rpartition("/")
    post = _POST.fullmatch(name)
    title = page.slug or (post["title"] if post else name)
    title = quote(_as_jekyll_has_it(title), safe=_UNQUOTED)
    parts = {"title": title, "slug": title, "name": title, "output_ext": ".html"}
    parts["categories"] = quote("/".join(_categories(folder, page)), safe=_UNQUOTED)
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


def _as_jekyll_has_it(name: str) -> str:
    """A file's name in an address. `pretty` in https://jekyllrb.com/docs/liquid/filters/#options-for-the-slugify-filter"""
    return "-".join("".join(char if _is_kept(char, _JEKYLL_KEEPS) else " " for char in name).split())


def _as_hugo_has_it(path: str) -> str:
    """A path in an address: small letters, hyphens for spaces."""
    return "".join(char for char in path.lower().replace(" ", "-") if _is_kept(char, _HUGO_KEEPS))


def _is_kept(char: str, more: str) -> bool:
    return char.isalnum() or char in more or unicodedata.category(char)[0] == "M"
