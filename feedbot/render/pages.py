"""Pages for people: an index of all feeds, a page for each feed, and the style and the script they share.

The links among pages and documents are relative, so that a copy of the folder works from anywhere, a disk
included. Nothing is fetched from elsewhere but pictures: those of articles, the site's icon and its logo.
Without `pictures` there are none of these, and the pages forbid them to the browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

from markupsafe import Markup
from msgspec import Struct

from feedbot.kinds import INDEX, SCRIPT, STYLE
from feedbot.model import FILENAMES, MEDIA_TYPES, Document, Feed, Format, Listing, Site
from feedbot.render.addresses import feed_path, feed_url, href, opml_path, page_path, page_url
from feedbot.render.alphabet import by_letter, direction
from feedbot.render.items import bare_title, description_of
from feedbot.render.mark import GENERATOR
from feedbot.render.stories import ours, web
from feedbot.render.weeks import Drawing, draw

if TYPE_CHECKING:
    from jinja2 import Environment

T = TypeVar("T")

LABELS = {Format.RSS: "RSS", Format.ATOM: "Atom", Format.JSON: "JSON Feed"}
ALL = "All articles"
MAIN = b'<main id="main">\n'  # the articles of a page follow it
PLENTY = 500  # feeds; above this the index is a list of names, for it would be too large otherwise

# What the browser may load, also where no server says so. Quotes need no escaping within double ones.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src {}; base-uri 'none'; form-action 'none'"
)
PICTURES = Markup(POLICY.format("'self' http: https: data:"))  # noqa: S704 - a constant
NO_PICTURES = Markup(POLICY.format("'self'"))  # noqa: S704 - a constant


class Row(Struct, frozen=True, kw_only=True):
    """A feed as the index shows it."""

    feed: Feed
    name: str
    articles: int
    newest: datetime | None
    drawing: Drawing | None
    documents: list[tuple[str, str]]  # the name of a format and the relative address
    address: str  # what is copied or printed: the absolute address in the first format


def drawn_of(feeds: Sequence[T]) -> Sequence[T]:
    """Those whose activity the index draws, of all feeds of a site, the first of which has all articles."""
    return feeds if len(feeds) - 1 <= PLENTY else feeds[:1]


def render_index_page(
    site: Site, listings: Sequence[Listing], formats: Sequence[Format], *, pages: bool, pictures: bool
) -> bytes:
    """All feeds with their addresses; the first of `listings` is the feed of all articles.

    A name leads to the page of the feed, or where there are no `pages`, to its document in the first format.
    """

    def lead(feed: Feed) -> str:
        return href(page_path(feed) if pages else feed_path(feed, formats[0]))

    everything, others = listings[0], listings[1:]
    is_plenty = len(others) > PLENTY
    names = ((_name(site, listing.feed), listing) for listing in others)
    return _render(
        "index.html",
        **_common(site, everything.feed, formats, pictures=pictures),
        everything=_row(site, everything, formats),
        rows=[] if is_plenty else [_row(site, listing, formats) for listing in others],
        letters=by_letter(names, lambda named: named[0]) if is_plenty else [],
        number=len(others),
        newest=max((listing.newest for listing in listings if listing.newest), default=None),
        weeks=len(everything.weeks),
        lead=lead,
        has_pages=pages,
        lists=[(LABELS[format_], opml_path(format_)) for format_ in formats],
    )


def render_feed_page(
    site: Site, feed: Feed, stories: Sequence[bytes], formats: Sequence[Format], *, pictures: bool
) -> bytes:
    """The articles of one feed, as `write_story` wrote them, and the addresses to subscribe to."""
    frame = _render(
        "feed.html",
        **_common(site, feed, formats, pictures=pictures),
        feed=feed,
        is_empty=not stories,
        documents=[
            (LABELS[format_], MEDIA_TYPES[format_], FILENAMES[format_], feed_url(site, feed, format_))
            for format_ in formats
        ],
    )
    # No text of an article or of the configuration can hold a tag.
    head, start, rest = frame.partition(MAIN)
    return b"".join([head, start, *stories, rest])


def static_documents() -> list[Document]:
    """The style and the script, the same for every site."""
    return [Document(path=name, body=_static(name)) for name in (STYLE, SCRIPT)]


@cache
def _static(name: str) -> bytes:
    return files("feedbot.render").joinpath("templates", name).read_bytes()


def _row(site: Site, listing: Listing, formats: Sequence[Format]) -> Row:
    return Row(
        feed=listing.feed,
        name=_name(site, listing.feed),
        articles=listing.articles,
        newest=listing.newest,
        drawing=draw(listing.weeks),
        documents=[(LABELS[format_], href(feed_path(listing.feed, format_))) for format_ in formats],
        address=feed_url(site, listing.feed, formats[0]),
    )


def _name(site: Site, feed: Feed) -> str:
    """What a feed is called among those of its site: in a reader its title names the site, too."""
    return bare_title(site, feed) if feed.slug else ALL


def _common(site: Site, feed: Feed, formats: Sequence[Format], *, pictures: bool) -> dict[str, Any]:
    """What both kinds of page need; `feed` is that of the page."""
    is_index = not feed.slug
    name = _name(site, feed)
    return {
        "site": site,
        "name": site.title if is_index else name,
        "title": site.title if is_index or name == site.title else f"{name} – {site.title}",
        "description": description_of(site, feed),
        "canonical": page_url(site, feed),
        "root": "" if is_index else "../",
        "autodiscovery": _autodiscovery(site, feed, formats),
        "policy": PICTURES if pictures else NO_PICTURES,
        "pictures": pictures,
        "direction": direction(site.language),
        "ours": Markup(ours(site.language)),  # noqa: S704 - a constant
    }


def _autodiscovery(site: Site, feed: Feed, formats: Sequence[Format]) -> list[dict[str, str]]:
    """The documents of the page's own feed; each title is unique, because readers show nothing else."""
    name = feed.title if feed.title == site.title else f"{_name(site, feed)} – {site.title}"
    return [
        {"type": MEDIA_TYPES[format_], "href": FILENAMES[format_], "title": f"{name} ({LABELS[format_]})"}
        for format_ in formats
    ]


def _render(template: str, **values: Any) -> bytes:
    return _environment().get_template(template).render(values).encode()


def load_templates() -> None:
    """Load the template engine and compile the templates, which takes as long as to render ten feeds."""
    for template in ("index.html", "feed.html"):
        _environment().get_template(template)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - like feedgen

    environment = Environment(
        loader=PackageLoader("feedbot.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.globals.update(generator=GENERATOR, index=INDEX, style=STYLE, script=SCRIPT)
    environment.filters.update(
        day=lambda moment: f"{moment:%Y-%m-%d}",
        minute=lambda moment: f"{moment:%Y-%m-%d %H:%M} UTC",
        iso=datetime.isoformat,
        web=web,
    )
    return environment
