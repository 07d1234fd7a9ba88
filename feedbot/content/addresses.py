"""Where the site shows a file: what Jekyll, Hugo and plain static sites make of its path and front matter.

Pure. Right for each program's defaults, and for the pattern that a configuration gives; an article that knows
its own URL needs neither.
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
from feedbot.permalink import STYLES, fill, placeholders_of

_INDEX = frozenset({"index", "_index"})
_POST = re.compile(r"\d{4}-\d{1,2}-\d{1,2}-(?P<title>.+)")
_TEMPLATE = re.compile(r"\{[{%]")
_JEKYLL_KEEPS = "._~!$&'()+,;=@"  # of what is no letter and no digit; all else becomes a hyphen
_HUGO_KEEPS = "./_#+~-@"  # the same; all else goes, but for spaces
_UNQUOTED = "/~!$&'()+,;=@"
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip


class Page(Struct, frozen=True, kw_only=True):
    """What an address is made of."""

    relative: str  # path below the content folder
    title: str = ""
    slug: str = ""
    categories: tuple[str, ...] = ()
    published: datetime | None = None  # in the site's time zone
    is_post: bool = False  # below Jekyll's `_posts/`
    is_hugo: bool = False  # the site is known to be Hugo's


def page_url(site: str, page: Page, pattern: str = "") -> str:
    """The URL that `page` has when it says nothing of its own. `site` ends in a slash; "" gives "".

    It is that of `pattern`, or where there is none, the usual one of the program whose page it is.
    """
    if not site:
        return ""
    if not pattern and page.is_post and page.published is not None:
        pattern = STYLES["date"]  # https://jekyllrb.com/docs/permalinks/
    pattern = pattern.lower() if page.is_hugo else pattern
    if pattern and (url := permalink_url(site, pattern, page)):
        return url
    folder, name = _folder_and_name(page.relative)
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
    filled = fill(permalink, _parts(page))
    is_unknown = placeholders_of(filled) or _TEMPLATE.search(filled)
    return None if is_unknown or not site else absolute(filled.lstrip("/"), site)


def title_of(filename: str) -> str:
    """What Jekyll calls a post that has no title: its file's name, in words; "" for no post."""
    post = _POST.fullmatch(splitext(filename)[0])
    return clean(" ".join(word.capitalize() for word in post["title"].split("-"))) if post else ""


def _folder_and_name(relative: str) -> tuple[str, str]:
    """Where a file lies, and its name without the suffix; of an index its folder is the name."""
    folder, _, name = splitext(relative)[0].rpartition("/")
    if name in _INDEX:
        folder, _, name = folder.rpartition("/")
    return folder, name


def _parts(page: Page) -> dict[str, str]:
    """What the placeholders of a pattern stand for, percent-encoded."""
    folder, name = _folder_and_name(page.relative)
    post = None if page.is_hugo else _POST.fullmatch(name)  # Hugo leaves dates in names
    base = post["title"] if post else name
    own = page.slug or base
    title = (page.title or base) if page.is_hugo else own
    names = {
        "title": title,
        "slug": (page.slug or title) if page.is_hugo else _hyphenated(own.lower()),
        "name": _hyphenated(name.lower()),
        "filename": base,
        "contentbasename": base,
        "slugorfilename": own,
        "slugorcontentbasename": own,
        "section": folder.partition("/")[0],
    }
    written = _as_hugo_names_it if page.is_hugo else _as_jekyll_has_it
    parts = {key: quote(written(text), safe=_UNQUOTED) for key, text in names.items()}
    parts["categories"] = quote("/".join(_categories(folder, page)), safe=_UNQUOTED)
    return parts | {"output_ext": ".html"} | _parts_of_date(page)


def _parts_of_date(page: Page) -> dict[str, str]:
    day = page.published
    if day is None:
        return {}
    parts = {"year": f"{day:%Y}", "month": f"{day:%m}", "day": f"{day:%d}", "short_year": f"{day:%y}"}
    parts |= {"i_month": str(day.month), "i_day": str(day.day), "y_day": f"{day:%j}"}
    parts |= {"hour": f"{day:%H}", "minute": f"{day:%M}", "second": f"{day:%S}"}
    name = _MONTHS[day.month - 1]  # `strftime` has the names of the locale
    month = name.lower() if page.is_hugo else name
    parts |= {"short_month": month[:3], "long_month": month, "monthname": month}
    return parts | {"yearday": parts["y_day"].lstrip("0")}


def _categories(folder: str, page: Page) -> list[str]:
    """Jekyll's categories of a post: the folders above `_posts`, then those in its front matter."""
    above = folder.partition("_posts")[0].split("/")
    every = [part.lower() for part in (*above, *page.categories) if part]
    return list(dict.fromkeys(every))


def _as_jekyll_has_it(name: str) -> str:
    """A file's name in an address, as https://jekyllrb.com/docs/liquid/filters/#slugify makes it `pretty`."""
    return _hyphenated(name, _JEKYLL_KEEPS)


def _hyphenated(text: str, keeps: str = "") -> str:
    """`text` with a hyphen for all between its letters, digits and what is in `keeps`."""
    return "-".join("".join(char if _is_kept(char, keeps) else " " for char in text).split())


def _as_hugo_has_it(path: str) -> str:
    """A path in an address: small letters, hyphens for spaces."""
    return "".join(char for char in path.lower().replace(" ", "-") if _is_kept(char, _HUGO_KEEPS))


def _as_hugo_names_it(text: str) -> str:
    """A title or a name in an address: the same, but several spaces and signs are one hyphen."""
    text = re.sub("[+/]", " ", text.lower())
    kept = "".join(char for char in text if char.isspace() or _is_kept(char, _HUGO_KEEPS)).strip()
    return re.sub(r"-\s+|\s+-?", "-", kept).rstrip("#")


def _is_kept(char: str, more: str) -> bool:
    return char.isalnum() or char in more or unicodedata.category(char)[0] == "M"
