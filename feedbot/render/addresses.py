"""Where the documents of a feed lie, as paths below the output folder and as URLs; and the feed's own id."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from msgspec import Struct

from feedbot.kinds import ARCHIVES, INDEX
from feedbot.model import FILENAMES, Feed, Format, Site

OPML = "feeds.opml"


class Part(Struct, frozen=True, kw_only=True):
    """Which part of a feed's history a document shows (RFC 5005, section 4)."""

    archive: int = 0  # the number of the archive that it is; 0: it is the one that readers subscribe to
    before: int = 0  # the number of the archive that goes before it; 0: there is none


NEWEST = Part()


def folder(feed: Feed) -> str:
    """The folder of a feed with its closing slash, "" for the root."""
    return f"{feed.slug}/" if feed.slug else ""


def archives_folder(feed: Feed) -> str:
    """The folder of a feed's archives with its closing slash; no feed has it as its slug."""
    return f"{folder(feed)}{ARCHIVES}/"


def feed_path(feed: Feed, format_: Format, archive: int = 0) -> str:
    """Where a document lies, relative to the output folder: the feed's own, or that of an archive."""
    place = f"{archives_folder(feed)}{archive}/" if archive else folder(feed)
    return place + FILENAMES[format_]


def page_path(feed: Feed) -> str:
    """Where the page for people lies, relative to the output folder."""
    return folder(feed) + INDEX


def opml_path(format_: Format) -> str:
    """Where the list of all feeds in one format lies, relative to the output folder."""
    return f"{format_.value}.opml"


def href(path: str) -> str:
    """A path as a relative URL."""
    return quote(path)


def folder_url(site: Site, feed: Feed) -> str:
    """The absolute URL of a feed's folder, with its closing slash."""
    return site.feeds_url + href(folder(feed))


def feed_url(site: Site, feed: Feed, format_: Format, archive: int = 0) -> str:
    """The absolute URL of a document: what subscribers keep, and the topic of WebSub; or of an archive."""
    place = f"{ARCHIVES}/{archive}/" if archive else ""
    return folder_url(site, feed) + place + FILENAMES[format_]


def topics(site: Site, slugs: Sequence[str], formats: Sequence[Format]) -> tuple[str, ...]:
    """The absolute URLs of all documents of the feed that has these slugs: what a hub knows them by."""
    feeds = [Feed(slug=slug, title="") for slug in slugs]
    return tuple(feed_url(site, feed, format_) for feed in feeds for format_ in formats)


def page_url(site: Site, feed: Feed) -> str:
    """The absolute URL of the page for people; with its file name, which a bucket needs."""
    return folder_url(site, feed) + INDEX


def home_url(site: Site, feed: Feed) -> str:
    """Where the title of a feed leads people to."""
    return feed.home or page_url(site, feed)


def feed_id(site: Site, feed: Feed) -> str:
    """The id of the feed itself: it stays when the feed moves (RFC 4287, 4.2.6)."""
    slug = feed.first_slug or feed.slug
    return f"{site.id_base}feeds" + (f"/{quote(slug, safe='')}" if slug else "")
