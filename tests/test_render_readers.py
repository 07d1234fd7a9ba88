"""Real readers read the documents back: feedparser from bytes, the reader library over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import feedparser
import pytest
from msgspec import structs
from msgspec.structs import replace
from reader import Reader, make_reader
from render_samples import ENTRIES, PLAIN, RICH, VIDEO, article, bodies

from feedbot.model import MEDIA_TYPES, Entry, Format

FEEDS = {"rss.xml": Format.RSS, "atom.xml": Format.ATOM, "feed.json": Format.JSON}


class Site(ThreadingHTTPServer):
    """Serves the documents that were published last, with their media types and without validators."""

    documents: dict[str, bytes]

    def publish(self, *entries: Entry) -> None:
        self.documents = bodies(entries)


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.send_response(200)
        self.send_header("Content-Type", MEDIA_TYPES[FEEDS[name]])
        self.end_headers()
        self.wfile.write(self.server.documents[name])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Nothing: tests are quiet."""


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server on loopback."""
    with Site(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def reader() -> Iterator[Reader]:
    with make_reader(":memory:", plugins=[]) as opened:
        yield opened


def address(site: Site, name: str) -> str:
    return f"http://127.0.0.1:{site.server_port}/{name}"


def subscribe(reader: Reader, site: Site) -> None:
    for name in FEEDS:
        reader.add_feed(address(site, name))
        reader.update_feed(address(site, name))


@pytest.mark.parametrize(("name", "version"), [("rss.xml", "rss20"), ("atom.xml", "atom10")])
def test_feedparser_reads_what_the_articles_say(name: str, version: str) -> None:
    parsed = feedparser.parse(bodies(ENTRIES)[name])
    assert (parsed.bozo, parsed.version) == (False, version)
    assert [entry.id for entry in parsed.entries] == [entry.id for entry in ENTRIES]
    first = parsed.entries[0]
    assert first.title == RICH.article.title
    assert first.link == RICH.article.link
    assert datetime(*first.published_parsed[:6], tzinfo=UTC) == RICH.article.published
    assert [tag.term for tag in first.tags] == ["C++", "C#", "Compilers", "News"]
    assert [author.name for author in first.authors] == ["Äda O’Example", "Bob & Co"]
    assert [image["url"] for image in first.media_content] == [image.url for image in RICH.article.images]
    assert 'href="https://docs.example/?v=1&amp;list=2"' in first.content[0].value


def test_the_reader_library_reads_the_same_articles_in_every_format(site: Site, reader: Reader) -> None:
    site.publish(*ENTRIES)
    subscribe(reader, site)
    for name in FEEDS:
        read = {entry.id: entry for entry in reader.get_entries(feed=address(site, name))}
        assert read.keys() == {entry.id for entry in ENTRIES}
        for entry in (RICH, VIDEO):
            assert read[entry.id].title == entry.article.title
            assert read[entry.id].link == entry.article.link
            assert read[entry.id].published == entry.article.published
        assert read[PLAIN.id].title == PLAIN.article.title
        assert "Read <a" in read[RICH.id].content[0].value


def test_an_edit_is_a_change_of_the_same_article_to_a_reader(site: Site, reader: Reader) -> None:
    site.publish(*ENTRIES)
    subscribe(reader, site)
    edited = replace(RICH, article=structs.replace(RICH.article, title="Another title"))
    site.publish(edited, VIDEO, PLAIN)
    for name in FEEDS:
        update = reader.update_feed(address(site, name))
        assert update is not None
        assert (update.new, update.modified, update.unmodified) == (0, 1, 2)


def test_a_reader_sees_a_new_article_and_keeps_one_that_left(site: Site, reader: Reader) -> None:
    site.publish(RICH, VIDEO)
    subscribe(reader, site)
    site.publish(RICH, article())
    for name in FEEDS:
        update = reader.update_feed(address(site, name))
        assert update is not None
        assert (update.new, update.modified) == (1, 0)
