"""Where the documents of a feed lie, as paths below the output folder and as URLs; and the feed's own id."""

from __future__ import annotations

from urllib.parse import quote

from feedbot.model import FILENAMES, Feed, Format, Site

INDEX = "index.html"
OPML = "feeds.opml"


def folder(feed: Feed) -> str:
    """The folder of a feed with its closing slash, "" for the root."""
    return f"{feed.slug}/" if feed.slug else ""


def feed_path(feed: Feed, format_: Format) -> str:
    """Where a document lies, relative to the output folder."""
    return folder(feed) + FILENAMES[format_]


def page_path(feed: Feed) -> str:
    """Where the page for people lies, relative to the output folder."""
    return folder(feed) + INDEX


def href(path: str) -> str:
    """A path as a relative URL."""
    return quote(path)


def feed_url(site: Site, feed: Feed, format_: Format) -> str:
    """The absolute URL of a document: what subscribers keep, and the topic of WebSub."""
    return site.feeds_url + href(feed_path(feed, format_))


def page_url(site: Site, feed: Feed) -> str:
    """The absolute URL of the page for people; with its file name, which a bucket needs."""
    return site.feeds_url + href(page_path(feed))


def home_url(site: Site, feed: Feed) -> str:
    """Where the title of a feed leads people to."""
    return feed.home or page_url(site, feed)


def feed_id(site: Site, feed: Feed) -> str:
    """The id of the feed itself (RFC 4287, 4.2.6): it follows the slug, which never changes."""
    return f"{site.id_base}feeds" + (f"/{quote(feed.slug, safe='')}" if feed.slug else "")
