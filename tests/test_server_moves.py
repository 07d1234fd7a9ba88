"""A feed that has moved answers from its old address for ever, as `_redirects` says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import urljoin

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from object_stores import over
from visitor import Visited, visited

from feedbot.redirects import read_redirects
from feedbot.server import Terms
from feedbot.server.moves import moved_to

LINES = """\
# generator: feedbot
/below/old/* /below/new/:splat 301
/below/older/* /below/old/:splat 301
/below/gr%C3%B6%C3%9Fe/* /below/gro%26s/:splat 301
/below/first/* /below/second/:splat 301
/below/second/* /below/first/:splat 301
/below/itself/* /below/itself/:splat 301
/below/gone/* /below/nowhere/:splat 301
/below/kept/* /below/new/:splat 301

what is this?
/below/half/*
/elsewhere/old2/* /elsewhere/new/:splat 301
/below/for-now/* /below/new/:splat 302
/below/out/* https://example.com/:splat 301
/below/up/* /below/../private/:splat 301
/below/hidden/* /below/.hidden/:splat 301
/below/one /below/new/ 301
/* /below/new/:splat 301
\xff\xfe
"""


@pytest.fixture(scope="module", params=["folder", "bucket"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
    """Feeds, of which some had other addresses before; a proxy shows them below a path of its own."""
    folder = tmp_path_factory.mktemp("moved") / "feeds"
    for slug in ("new", "gro&s", "kept", ".hidden", "../private"):
        (folder / slug / "archive/1").mkdir(parents=True)
        for name in ("rss.xml", "index.html", "archive/1/rss.xml"):
            (folder / slug / name).write_text(f"{slug}/{name}")
    (folder / "_redirects").write_bytes(LINES.encode("latin-1"))
    terms = Terms(feeds_url="https://example.com/below/", hub="https://hub.example.com/")
    source = over(folder) if request.param == "bucket" else nullcontext()
    with source as documents, visited(folder, terms, source=documents) as site:
        yield site


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/old/rss.xml", "/new/rss.xml"),
        ("/old/rss.xml?from=mail", "/new/rss.xml"),
        ("/old/", "/new/"),
        ("/old", "/new/"),
        ("/old/index.html", "/new/index.html"),
        ("/old/archive/1/rss.xml", "/new/archive/1/rss.xml"),
        ("/older/rss.xml", "/new/rss.xml"),  # at once, and not by way of /old/
        ("/gr%c3%b6%C3%9fe/rss.xml", "/gro%26s/rss.xml"),
        ("/gr%C3%B6%C3%9Fe", "/gro%26s/"),
    ],
)
def test_the_old_address_leads_to_the_new_one(site: Visited, old: str, new: str) -> None:
    for method in ("GET", "HEAD"):
        reply = site.ask(old, method)
        assert (reply.status, reply.body) == (301, b"")
        location = reply.headers["location"]
        assert urljoin(old, location) == new
        assert urljoin(f"https://example.com/below{old}", location) == f"https://example.com/below{new}"
        assert reply.headers["cache-control"] == "public, max-age=300"
        assert ("access-control-allow-origin" in reply.headers) == old.partition("?")[0].endswith(".xml")
    assert site.ask(new).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/old/atom.xml", "/old/nothing", "/old/../rss.xml", "/old/%2e%2e/rss.xml", "/old//rss.xml",
        "/olden/rss.xml", "/first/rss.xml", "/second/", "/itself/rss.xml", "/itself", "/gone/rss.xml",
        "/gone/",
        "/half/rss.xml", "/old2/rss.xml", "/below/old/rss.xml", "/for-now/rss.xml", "/out/rss.xml",
        "/up/rss.xml", "/hidden/rss.xml", "/one", "/anything/rss.xml", "/%3asplat/rss.xml", "/*/rss.xml",
    ],
)  # fmt: skip
def test_nothing_else_leads_anywhere(site: Visited, path: str) -> None:
    reply = site.ask(path)
    assert reply.status == 404
    assert "location" not in reply.headers


def test_a_feed_that_is_there_is_not_led_away_from(site: Visited) -> None:
    assert site.ask("/kept/rss.xml").body == b"kept/rss.xml"
    assert site.ask("/kept").headers["location"] == "./kept/"


def test_moves_are_known_as_soon_as_they_are_written(tmp_path: Path) -> None:
    for slug in ("a", "b"):
        (tmp_path / slug).mkdir()
        (tmp_path / slug / "rss.xml").write_text(slug)
    lines, temporary = tmp_path / "_redirects", tmp_path / ".temporary"

    def move(text: str) -> None:
        temporary.write_text(text)
        os.replace(temporary, lines)  # noqa: PTH105 - as feedbot does

    with visited(tmp_path) as site:
        assert site.ask("/old/rss.xml").status == 404
        for slug in ("a", "b", "a"):
            move(f"/old/* /{slug}/:splat 301\n")
            assert site.ask("/old/rss.xml").headers["location"] == f"../{slug}/rss.xml"
        move("")
        assert site.ask("/old/rss.xml").status == 404
        move("/old/* /a/:splat 301\n")
        assert site.ask("/old/rss.xml").status == 301
        lines.unlink()
        assert site.ask("/old/rss.xml").status == 404
        lines.mkdir()  # which is no list of anything
        assert site.ask("/old/rss.xml").status == 404
        assert site.ask("/a/rss.xml").status == 200


def test_a_path_of_endless_depth_is_nobodys(tmp_path: Path) -> None:
    assert moved_to("a/" * 30_000, {"a": "b", "x": "y"}, lambda _: False) is None


@given(st.text(alphabet="/ab*:splat301# \n\t%2e.", max_size=200))
def test_any_lines_are_read_to_their_end(text: str) -> None:
    for old, new in read_redirects(text.encode(), "https://feeds.example.com/"):
        assert old
        assert new


@example(moves={"a": "b/a", "b": "b/a"}, path="a/rss.xml", there=set())  # deeper each time
@given(
    moves=st.dictionaries(*[st.sampled_from(["a", "b", "c", "a/b", "b/a"])] * 2),
    path=st.lists(st.sampled_from(["a", "b", "c", "", "rss.xml"]), max_size=5).map("/".join),
    there=st.sets(st.sampled_from(["a/", "b/rss.xml", "c/c/"])),
)
def test_no_move_leads_in_a_circle(moves: dict[str, str], path: str, there: set[str]) -> None:
    assert moved_to(path, moves, there.__contains__) in {None, *there}
