"""From the front matter and body of one file to its article.

Pure. Decides which field wins where several could, what stands in for one that is missing, and where links
lead. Findings go to the matter of the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property
from html import escape

from msgspec import Struct

from feedbot.content import markup, nested, values
from feedbot.content.addresses import Page, page_url, permalink_url
from feedbot.content.fields import Matter
from feedbot.content.frontmatter import Parts
from feedbot.content.links import same_host
from feedbot.content.text import cut, html_to_text
from feedbot.model import Article, Image, Site

MAX_SUMMARY = 500  # characters
DERIVED_SUMMARY = 300  # ... where it is taken from the body
MAX_ID = 500
_HTML_SUFFIXES = (".html", ".htm")
_MORE = re.compile(r"<!-- {0,9}(?:more|truncate) {0,9}-->", re.IGNORECASE)  # Hugo and Hexo; Docusaurus
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")  # the shape of RFC 5646


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file, taken apart, and what it is read with."""

    matter: Matter
    parts: Parts
    relative: str  # path below the content folder
    site: Site
    zone: tzinfo
    permalink: str  # the pattern of the site's addresses, "" for the usual ones
    is_jekyll: bool  # Jekyll's rules hold: tags parted by spaces, dates in file names
    is_hugo: bool  # ... and Hugo's: small letters in addresses
    title: str
    published: datetime

    @cached_property
    def category(self) -> str:
        """The category, "" for none, and where it is a list."""
        found = self.matter.get("category")
        if found is None or isinstance(found[1], list):
            return ""
        return values.text(self.matter, "category", values.MAX_NAME)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """The names in a list of categories, as Jekyll and Hugo have it, whichever key it has."""
        listed = values.names(self.matter, "categories", at_spaces=self.is_jekyll)
        return listed if self.category else values.distinct((*listed, *values.names(self.matter, "category")))

    def usual_url(self) -> str:
        """Where the site shows a file that says nothing of its own; "" where there is no site."""
        page = self.page()
        # Jekyll's pattern is for posts: its pages lie where their files do.
        pattern = self.permalink if page.is_post or not self.is_jekyll else ""
        return page_url(self.site.url, page, pattern)

    def page(self) -> Page:
        """What the file's own address on the site is made of."""
        folders = self.relative.split("/")[:-1]
        return Page(
            relative=self.relative,
            title=self.title,
            slug=values.text(self.matter, "slug"),
            categories=(*self.categories, self.category),
            published=self.published.astimezone(self.zone),
            is_post="_posts" in folders,
            is_hugo=self.is_hugo,
        )


class Links(Struct, frozen=True, kw_only=True):
    """Where an article is, and where it came from."""

    link: str
    via: str
    given: str  # the one that front matter gives, "" for none
    base: str  # what the file's own relative URLs are seen from


def compose(source: Source) -> tuple[Article, Links]:
    """The article in `source`, and its links."""
    matter, zone = source.matter, source.zone
    links = _links(source)
    base = links.base
    images = nested.images(matter, "images", base)
    content = _body(source, base)
    summary = _summary(source, content)
    featured = _featured(source, images, base)
    category, topics = _names(source)
    article = Article(
        title=source.title,
        published=source.published,
        updated=max(values.moment(matter, "updated", zone) or source.published, source.published),
        expires=values.moment(matter, "expires", zone),
        summary=summary,
        content=f"{featured}\n{content or _paragraph(summary)}".strip() if featured else content,
        link=links.link,
        via=links.via,
        amp_link=values.url_of(matter, "amp_link", base),
        cdn_amp_link=values.url_of(matter, "cdn_amp_link", base),
        category=category,
        type=values.text(matter, "type", values.MAX_NAME),
        language=_language(matter),
        topics=topics,
        provider=nested.provider(matter, "provider", base),
        authors=nested.authors(matter, "authors", base),
        images=images,
        related=nested.related(matter, "related", base, zone),
        heat=values.number(matter, "heat"),
        quality=values.number(matter, "quality"),
        given_id=_given_id(matter),
    )
    return article, links


def _given_id(matter: Matter) -> str:
    """The id that front matter gives, "" for none. A number is as good as a text, if it is spelled as one."""
    found = matter.get("id")
    if found is None:
        return ""
    path, value = found
    if type(value) is int:
        return matter.spelled(path) or str(value)
    return values.text(matter, "id", MAX_ID)


# --- links ---


def _links(source: Source) -> Links:
    """The links of a file; a web address that cannot be used gives way to the next choice."""
    matter, site = source.matter, source.site.url
    via = values.url_of(matter, "via", site)
    link = values.url_of(matter, "link", site) or via
    given = link or _permalink(source)
    # An aggregated article's link says nothing about the file's own pictures.
    base = given if same_host(given, site) else source.usual_url()
    return Links(link=given or base, via="" if via == link else via, given=given, base=base)


def _permalink(source: Source) -> str:
    found = source.matter.get("permalink")
    if found is None:
        return ""
    path, value = found
    url = permalink_url(source.site.url, value.strip(), source.page()) if isinstance(value, str) else None
    if url is None:
        what = f"`{path[0]}` cannot be turned into a web address and was left out"
        source.matter.warn(path, what, "write the address itself, such as /2026/robots/")
    return url or ""


# --- names ---


def _names(source: Source) -> tuple[str, tuple[str, ...]]:
    """Category and topics. The first of a list of categories stands in for `category`; all are topics."""
    category = source.category
    topics = values.names(source.matter, "topics", at_spaces=source.is_jekyll)
    if not source.categories:
        return category, topics
    return category or source.categories[0], values.distinct((*topics, *source.categories))


def _language(matter: Matter) -> str:
    found = matter.get("language")
    if found is None:
        return ""
    path, value = found
    code = values.as_text(matter, path, value).replace("_", "-")
    if _LANGUAGE.fullmatch(code):
        return code
    matter.warn(path, f"`{path[0]}` is no language code and was left out", "write one such as en or pt-BR")
    return ""


# --- text ---


def _body(source: Source, base: str) -> str:
    """The body as sanitised HTML, "" for none."""
    rendered = _rendered(source, source.parts.body, base)
    for remark in rendered.remarks:
        source.matter.note(remark.what, remark.hint, line=source.parts.body_line + remark.line)
    return rendered.html


def _rendered(source: Source, body: str, base: str) -> markup.Markup:
    is_markdown = not source.relative.lower().endswith(_HTML_SUFFIXES)
    jekyll = source.site.url if source.is_jekyll else None
    return markup.render(body, markdown=is_markdown, base=base, jekyll=jekyll)


def _summary(source: Source, content: str) -> str:
    """The excerpt, else the body up to its mark, else its beginning; never a repetition of the title."""
    summary = cut(values.text(source.matter, "summary"), MAX_SUMMARY)
    mark = None if summary or "<!--" not in source.parts.body else _MORE.search(source.parts.body)
    if mark is not None:
        head = _rendered(source, source.parts.body[: mark.start()], "").html
        summary = cut(_without_title(head, source.title), MAX_SUMMARY)
    if not summary and content:
        summary = cut(_without_title(content, source.title), DERIVED_SUMMARY)
    return "" if summary.casefold() == source.title.casefold() else summary


def _without_title(content: str, title: str) -> str:
    """The text at the beginning of sanitised HTML, without a title that is repeated there."""
    text = markup.without_templates(html_to_text(markup.beginning(content)))
    return text.removeprefix(title).strip()


def _featured(source: Source, images: tuple[Image, ...], base: str) -> str:
    """What `featuredContent` shows, as a plain link with the first picture; "" for none."""
    found = source.matter.get("featured")
    if found is None or not isinstance(found[1], str):
        return ""
    poster = images[0].url if images else ""
    return markup.render_embed(found[1], base, poster=poster, title=source.title)


def _paragraph(text: str) -> str:
    return f"<p>{escape(text, quote=False)}</p>" if text else ""
