"""What the posts of Jekyll have beyond Markdown and no reader should see.

Liquid's names for the site's own address and its marks around what is to be shown as it is, of which Jekyll
makes text before it reads Markdown, and the attributes of kramdown, its Markdown. Pure, in time that grows
with the text, and no line moves.
"""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

# https://shopify.github.io/liquid/tags/template/#raw
# https://jekyllrb.com/docs/liquid/tags/#code-snippet-highlighting
# https://jekyllrb.com/docs/liquid/filters/, and site.url and site.baseurl as they stand before addresses
_MARK = re.compile(
    r"\{%-?\s*(?P<mark>(?:end)?(?:raw|highlight))\b[^%\n]*%\}"
    r"|\{\{-?\s*(?:site\.(?P<part>url|baseurl)|(?P<quote>[\"'])(?P<path>[^\"'\n{}]*)(?P=quote)"
    r"(?:\s*\|\s*(?:relative_url|absolute_url|prepend:\s*site\.(?:base)?url))+)\s*-?\}\}"
)
# https://kramdown.gettalong.org/syntax.html#attribute-list-definitions
# A list that a table of contents replaces, and the attributes of a table, which look like its last row.
_WHOLE = re.compile(
    r"<[uo]l>\s*<li>[^<>]*\s\{:toc\}</li>\s*</[uo]l>|<tr><td>\{:[^{}<>]*\}</td>(?:<td></td>)*</tr>\n?"
)
_ATTRIBUTES = re.compile(  # not {:ok, pid}, {:a => 1} and what else programmers write about
    r"[ \t]?\{:(?:\s*[.#][^{}<>,&]*|\s*[\w-]+\s*=(?!&gt;)[^{}<>]*|toc|/\w*|:/?\w+[^{}<>]*)\}"
)
# Code in HTML; what is never closed goes on to the end.
CODE = re.compile(r"<(pre|code)\b.*?(?:</\1\s*>|\Z)", re.DOTALL)


def without_marks(source: str, site: str) -> str:
    """`source` without `{% raw %}`, with HTML's tags for `{% highlight %}`, and with addresses on `site`."""
    if "{%" not in source and "{{" not in source:
        return source
    shown: list[str] = []
    code: list[str] | None = None  # what was met since `highlight`
    is_raw, end = False, 0
    for mark in _MARK.finditer(source):
        into = shown if code is None else code
        into.append(source[end : mark.start()])
        end = mark.end()
        match mark["mark"]:
            case None if not is_raw:
                into.append(_address(mark, site.rstrip("/")))
            case "raw" if not is_raw:
                is_raw = True
            case "endraw" if is_raw:
                is_raw = False
            case "highlight" if not is_raw and code is None:
                code = []
            case "endhighlight" if not is_raw and code is not None:
                shown.append(_as_code("".join(code)))
                code = None
            case _:
                into.append(mark[0])
    return source if code is not None or is_raw else "".join((*shown, source[end:]))


def _address(mark: re.Match[str], site: str) -> str:
    """What a mark stands for that names an address of the site, or a part of one."""
    if mark["part"]:
        base = urlsplit(site).path
        return base if mark["part"] == "baseurl" else site.removesuffix(base)
    path = mark["path"]
    return path if "://" in path else f"{site}/{path.lstrip('/')}"


def _as_code(text: str) -> str:
    """`text` as HTML; line feeds at its ends stay, outside."""
    code = text.strip("\n").rstrip()
    before, _, after = text.partition(code) if code else (text, "", "")
    return f"{before}<pre><code>{html.escape(code, quote=False)}</code></pre>{after}"


def without_attributes(raw: str) -> str:
    """HTML that was made of kramdown, without attributes such as `{: .notice}`; code stays."""
    if "{:" not in raw:
        return raw
    kept, end = [], 0
    for code in CODE.finditer(raw):
        kept += [_cleared(raw[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*kept, _cleared(raw[end:])]).replace("<p></p>", "")


def _cleared(text: str) -> str:
    return _ATTRIBUTES.sub("", _WHOLE.sub("", text))
