"""HTTP as the server speaks it, in a table: kinds of documents, codings, conditions, and both methods.

What is expected is written down here, after RFC 9110 and 9111, and not taken from the server's code.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from datetime import timedelta
from email.utils import formatdate
from pathlib import Path

import pytest
from object_stores import over
from visitor import PATIENCE, Reply, Visited, ask, visited

from feedbot.server import Terms

WRITTEN = 1_777_000_000  # when the documents were written, in seconds since 1970
TERMS = Terms(
    max_age=timedelta(minutes=7),
    feeds_url="https://feeds.example.com/news/",
    hub="https://hub.example.com/",
)

RSS, ATOM = "application/rss+xml; charset=utf-8", "application/atom+xml; charset=utf-8"
JSON, HTML = "application/feed+json", "text/html; charset=utf-8"
OPML = "text/x-opml; charset=utf-8"
SELF = '<https://feeds.example.com/news/{}>; rel="self"'
HUB = '<https://hub.example.com/>; rel="hub"'

# Path of the file, path of the URL, media type, Link and seconds in caches.
DOCUMENTS: dict[str, tuple[str, str, str, int]] = {
    "rss.xml": ("/rss.xml", RSS, f"{SELF.format('rss.xml')}, {HUB}", 420),
    "ai/rss.xml": ("/ai/rss.xml", RSS, f"{SELF.format('ai/rss.xml')}, {HUB}", 420),
    "ai/atom.xml": ("/ai/atom.xml", ATOM, f"{SELF.format('ai/atom.xml')}, {HUB}", 420),
    "größe/feed.json": (
        "/gr%C3%B6%C3%9Fe/feed.json",
        JSON,
        f"{SELF.format('gr%C3%B6%C3%9Fe/feed.json')}, {HUB}",
        420,
    ),
    "ai/archive/12/rss.xml": ("/ai/archive/12/rss.xml", RSS, SELF.format("ai/archive/12/rss.xml"), 3600),
    "archive/1/feed.json": ("/archive/1/feed.json", JSON, SELF.format("archive/1/feed.json"), 3600),
    "feeds.opml": ("/feeds.opml", OPML, "", 420),
    "index.html": ("/", HTML, "", 420),
    "ai/index.html": ("/ai/", HTML, "", 420),
    "page.css": ("/page.css", "text/css; charset=utf-8", "", 420),
    "page.js": ("/page.js", "text/javascript; charset=utf-8", "", 420),
}
ONE_OF_A_TYPE = (
    "ai/rss.xml", "ai/atom.xml", "größe/feed.json", "archive/1/feed.json", "feeds.opml", "index.html",
    "page.css", "page.js",
)  # fmt: skip
PAGES = ("index.html", "ai/index.html")
FOR_PAGES_ALONE = ("page.css", "page.js")

OPEN = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "Accept-Ranges, Content-Range, Date, ETag, Link",
}
SHUT = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' http: https: data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}

# What a client says of codings, and which it gets; "" is none, None a refusal.
ACCEPT: dict[str, str | None] = {
    "gzip": "gzip",
    "gzip, deflate, br": "br",
    "br;q=0.5, gzip;q=0.9": "gzip",
    "BR": "br",
    "x-gzip": "gzip",
    "deflate": "",
    "*": "br",
    "": "",
    "gzip;q=0": "",
    "identity;q=0": None,
    "identity;q=0, gzip": "gzip",
    "gzip;q=0.2, identity;q=0.7": "",
    "*;q=0": None,
    "*;q=0.1, br;q=0": "gzip",
    "br;q=2, gzip;q=0.1": "gzip",  # the first is not in the grammar
    "zstd, gzip;q=0.001": "gzip",
}

TAG, OTHER = "{tag}", '"0123456789abcdef"'
THEN, BEFORE, AFTER = "{then}", "{before}", "{after}"
# Headers of a request, and the status for GET; HEAD gets the same, but for parts.
CONDITIONS: dict[str, tuple[Mapping[str, str], int]] = {
    "nothing": ({}, 200),
    "the tag": ({"If_None_Match": TAG}, 304),
    "the tag, weak": ({"If_None_Match": f"W/{TAG}"}, 304),
    "a list with the tag": ({"If_None_Match": f'"a", W/"b,c" ,{TAG}'}, 304),
    "a list without space": ({"If_None_Match": f'"a",{TAG},"b"'}, 304),
    "a star": ({"If_None_Match": " * "}, 304),
    "another tag": ({"If_None_Match": OTHER}, 200),
    "a list without the tag": ({"If_None_Match": '"a", W/"b"'}, 200),
    "the tag without quotes": ({"If_None_Match": "{bare}"}, 200),
    "an empty list": ({"If_None_Match": ""}, 200),
    "only an opening quote": ({"If_None_Match": '"'}, 200),
    "the date": ({"If_Modified_Since": THEN}, 304),
    "a later date": ({"If_Modified_Since": AFTER}, 304),
    "an earlier date": ({"If_Modified_Since": BEFORE}, 200),
    "the date as RFC 850 has it": ({"If_Modified_Since": "{rfc850}"}, 304),
    "the date as asctime has it": ({"If_Modified_Since": "{asctime}"}, 304),
    "no date": ({"If_Modified_Since": "yesterday"}, 200),
    "a date with an odd zone": ({"If_Modified_Since": "Sat, 01 Jan 2050 00:00:00 +9999"}, 200),
    "another tag and the date": ({"If_None_Match": OTHER, "If_Modified_Since": THEN}, 200),
    "the tag and an earlier date": ({"If_None_Match": TAG, "If_Modified_Since": BEFORE}, 304),
    "if it is this": ({"If_Match": TAG}, 200),
    "if it is one of these": ({"If_Match": f"{OTHER}, {TAG}"}, 200),
    "if it is anything": ({"If_Match": "*"}, 200),
    "if it is another": ({"If_Match": OTHER}, 412),
    "if it is this, weakly": ({"If_Match": f"W/{TAG}"}, 412),
    "if it is as old": ({"If_Unmodified_Since": THEN}, 200),
    "if it is older": ({"If_Unmodified_Since": BEFORE}, 412),
    "if it is as old as no date": ({"If_Unmodified_Since": "then"}, 200),
    "if it is this, whatever its age": ({"If_Match": TAG, "If_Unmodified_Since": BEFORE}, 200),
    "another and this": ({"If_Match": OTHER, "If_None_Match": TAG}, 412),
    "this and this": ({"If_Match": TAG, "If_None_Match": TAG}, 304),
}

# Range and If-Range, and the part that comes: slices, "whole", or "none".
PARTS: dict[tuple[str, str], str | slice] = {
    ("bytes=0-9", ""): slice(0, 10),
    ("bytes=10-19", ""): slice(10, 20),
    ("Bytes=0-0", ""): slice(0, 1),
    ("bytes=5-", ""): slice(5, None),
    ("bytes=-5", ""): slice(-5, None),
    ("bytes=-999999", ""): slice(0, None),
    ("bytes=0-999999999999999999999999", ""): slice(0, None),
    ("bytes=999999-", ""): "none",
    ("bytes=999999999999999999999999-", ""): "none",
    ("bytes=-0", ""): "none",
    ("bytes=9-5", ""): "whole",
    ("bytes=0-1,3-4", ""): "whole",
    ("bytes=-", ""): "whole",
    ("bytes=a-b", ""): "whole",
    ("bytes 0-9", ""): "whole",
    ("lines=0-9", ""): "whole",
    ("", ""): "whole",
    ("bytes=0-9", "{tag}"): slice(0, 10),
    ("bytes=0-9", "W/{tag}"): "whole",
    ("bytes=0-9", OTHER): "whole",
    ("bytes=0-9", THEN): slice(0, 10),
    ("bytes=0-9", BEFORE): "whole",
    ("bytes=0-9", AFTER): "whole",
    ("bytes=0-9", "then"): "whole",
    ("bytes=999999-", OTHER): "whole",
}


@pytest.fixture(scope="module", params=["folder", "bucket"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
    """One document of each kind, about as large as they are in life; served from where documents can lie."""
    folder = tmp_path_factory.mktemp("conformance") / "feeds"
    for path in DOCUMENTS:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"This is {path}. " * 100, encoding="utf-8")
        earlier = 1 if request.param == "bucket" else 0  # stores tell in which second it was
        os.utime(file, (WRITTEN - earlier, WRITTEN - earlier))
    source = over(folder) if request.param == "bucket" else nullcontext()
    with source as documents, visited(folder, TERMS, source=documents) as site:
        yield site


@pytest.fixture
def line(site: Visited) -> Iterator[http.client.HTTPConnection]:
    """A connection that stays open."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    yield connection
    connection.close()


def filled(headers: Mapping[str, str], tag: str) -> dict[str, str]:
    """The headers of a request with tag and dates of the document in them."""
    moment = time.gmtime(WRITTEN)
    known = {
        "tag": tag,
        "bare": tag.strip('"'),
        "then": formatdate(WRITTEN, usegmt=True),
        "after": formatdate(WRITTEN + 60, usegmt=True),
        "before": formatdate(WRITTEN - 1, usegmt=True),
        "rfc850": time.strftime("%A, %d-%b-%y %H:%M:%S GMT", moment),
        "asctime": time.asctime(moment),
    }
    return {name: value.format(**known) for name, value in headers.items()}


def is_open(path: str) -> bool:
    """Whether a document is made for programs, those of other sites among them."""
    return path not in (*PAGES, *FOR_PAGES_ALONE)


def tag_of(content: bytes, coding: str) -> str:
    digest = hashlib.sha256(content).hexdigest()[:32]
    return f'"{digest}-{coding}"' if coding else f'"{digest}"'


def lasting(path: str, tag: str) -> dict[str, str]:
    """What a 304 has (RFC 9110, 15.4.5), and Link, and what lets scripts read it."""
    _, _, link, age = DOCUMENTS[path]
    return {
        "etag": tag,
        "cache-control": f"public, max-age={age}",
        "vary": "Accept-Encoding",
        **({"link": link} if link else {}),
        **(OPEN if is_open(path) else {}),
    }


def whole(path: str, coding: str, tag: str, length: int) -> dict[str, str]:
    """What a 200 has."""
    return {
        **lasting(path, tag),
        "content-type": DOCUMENTS[path][1],
        "content-length": str(length),
        "accept-ranges": "bytes",
        "last-modified": formatdate(WRITTEN, usegmt=True),
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "cross-origin" if is_open(path) else "same-origin",
        **({"content-encoding": coding} if coding else {}),
        **(SHUT if path in PAGES else {}),
    }


def refusal(path: str, length: int, **more: str) -> dict[str, str]:
    """What a 406, 412 or 416 has: a line for people, which nobody keeps."""
    return {
        "content-type": "text/plain; charset=utf-8",
        "content-length": str(length),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        **(OPEN if is_open(path) else {}),
        **more,
    }


def told(reply: Reply) -> dict[str, str]:
    """The headers that are ours."""
    return {name: value for name, value in reply.headers.items() if name not in {"date", "server"}}


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        *[(path, accept) for path in DOCUMENTS for accept in (None, "gzip", "BR", "deflate", "*;q=0")],
        *[("ai/rss.xml", accept) for accept in ACCEPT],
    ],
)
def test_each_coding_of_each_document_is_whole_and_has_its_headers(
    site: Visited, line: http.client.HTTPConnection, path: str, accept: str | None
) -> None:
    content = (site.folder / path).read_bytes()
    coding = "" if accept is None else ACCEPT[accept]
    asked = {} if accept is None else {"Accept_Encoding": accept}
    got = ask(line, DOCUMENTS[path][0], **asked)
    headed = ask(line, DOCUMENTS[path][0], "HEAD", **asked)
    assert told(headed) == told(got)
    assert headed.body == b""
    if coding is None:
        assert got.status == headed.status == 406
        assert told(got) == refusal(path, len(got.body), vary="Accept-Encoding")
        return
    assert got.status == headed.status == 200
    assert got.content == content
    assert len(got.body) < len(content) or not coding
    assert told(got) == whole(path, coding, tag_of(content, coding), len(got.body))
    assert {"date", "server"} < got.headers.keys()


@pytest.mark.parametrize("coding", ["", "gzip", "br"])
@pytest.mark.parametrize("path", ONE_OF_A_TYPE)
def test_conditions_are_judged_alike_for_both_methods_in_each_coding(
    site: Visited, line: http.client.HTTPConnection, path: str, coding: str
) -> None:
    content, tag = (site.folder / path).read_bytes(), tag_of((site.folder / path).read_bytes(), coding)
    accept = {"Accept_Encoding": coding} if coding else {}
    for name, (condition, status) in CONDITIONS.items():
        if coding and TAG not in "".join(condition.values()):
            continue  # the coding plays no part in it
        asked = {**accept, **filled(condition, tag)}
        got = ask(line, DOCUMENTS[path][0], **asked)
        headed = ask(line, DOCUMENTS[path][0], "HEAD", **asked)
        assert got.status == headed.status == status, name
        assert told(headed) == told(got), name
        assert headed.body == b""
        if status == 200:
            assert got.content == content, name
            assert told(got) == whole(path, coding, tag, len(got.body)), name
        elif status == 304:
            assert got.body == b""
            assert told(got) == lasting(path, tag), name
        else:
            assert told(got) == refusal(path, len(got.body)), name


@pytest.mark.parametrize("path", ["ai/rss.xml", "index.html", "page.js"])
def test_parts_are_those_of_the_document_without_a_coding(
    site: Visited, line: http.client.HTTPConnection, path: str
) -> None:
    content = (site.folder / path).read_bytes()
    tag, size = tag_of(content, ""), len(content)
    for (range_, if_range), part in PARTS.items():
        asked = {"Range": range_, **filled({"If_Range": if_range} if if_range else {}, tag)}
        got = ask(line, DOCUMENTS[path][0], **asked)
        usual = whole(path, "", tag, size)
        if part == "none":
            assert got.status == 416, asked
            assert told(got) == refusal(path, len(got.body), **{"content-range": f"bytes */{size}"})
        elif part == "whole":
            assert (got.status, got.body, told(got)) == (200, content, usual), asked
        else:
            assert isinstance(part, slice)
            first, last, _ = part.indices(size)
            place = {"content-range": f"bytes {first}-{last - 1}/{size}", "content-length": str(last - first)}
            assert (got.status, got.body, told(got)) == (206, content[part], {**usual, **place}), asked
        headed = ask(line, DOCUMENTS[path][0], "HEAD", **asked)  # for which parts are not defined (14.2)
        assert (headed.status, headed.body, told(headed)) == (200, b"", usual)


def test_a_client_with_a_part_of_a_compressed_document_gets_the_whole(site: Visited) -> None:
    compressed = site.ask("/ai/rss.xml", Accept_Encoding="gzip")
    asked = {"Accept_Encoding": "gzip", "Range": "bytes=10-", "If_Range": compressed.headers["etag"]}
    again = site.ask("/ai/rss.xml", **asked)
    assert (again.status, again.body) == (200, compressed.body)


def test_a_client_that_takes_no_plain_document_gets_no_part_of_it(site: Visited) -> None:
    reply = site.ask("/ai/rss.xml", Accept_Encoding="gzip, identity;q=0", Range="bytes=0-9")
    assert (reply.status, reply.headers["content-encoding"]) == (200, "gzip")


def test_a_condition_goes_before_a_part(site: Visited) -> None:
    tag = site.ask("/ai/rss.xml").headers["etag"]
    assert site.ask("/ai/rss.xml", Range="bytes=0-9", If_None_Match=tag).status == 304
    assert site.ask("/ai/rss.xml", Range="bytes=0-9", If_Match='"x"').status == 412


def test_a_client_that_has_the_document_in_another_coding_it_takes_keeps_it(site: Visited) -> None:
    for coding in ("", "gzip", "br"):
        asked = {"Accept_Encoding": coding} if coding else {}
        tag = site.ask("/ai/rss.xml", **asked).headers["etag"]
        reply = site.ask("/ai/rss.xml", Accept_Encoding="br, gzip", If_None_Match=tag)
        assert (reply.status, reply.headers["etag"]) == (304, tag)
    reply = site.ask("/ai/rss.xml", If_None_Match=tag)  # which is that of br, and br is not taken any more
    assert reply.status == 200


def test_lists_may_be_spread_over_several_headers(site: Visited) -> None:
    tag = site.ask("/ai/rss.xml", Accept_Encoding=["deflate", "gzip"]).headers["etag"]
    assert tag.endswith('-gzip"')
    reply = site.ask("/ai/rss.xml", Accept_Encoding=["deflate", "gzip"], If_None_Match=['"a"', tag])
    assert reply.status == 304


@pytest.mark.parametrize("path", DOCUMENTS)
def test_scripts_of_other_sites_may_ask_for_what_is_made_for_programs(site: Visited, path: str) -> None:
    reply = site.ask(
        DOCUMENTS[path][0],
        "OPTIONS",
        Origin="https://reader.example",
        Access_Control_Request_Method="GET",
        Access_Control_Request_Headers="if-none-match",
    )
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["allow"] == "GET, HEAD, OPTIONS"
    allowed = {name for name in reply.headers if name.startswith("access-control-")}
    assert bool(allowed) == is_open(path)
    if is_open(path):
        assert reply.headers["access-control-allow-origin"] == "*"
        assert "If-None-Match" in reply.headers["access-control-allow-headers"].split(", ")
        assert reply.headers["access-control-allow-methods"] == "GET, HEAD"


def test_a_script_may_ask_for_a_feed_that_is_elsewhere_or_gone(site: Visited) -> None:
    for path in ("/gone/rss.xml", "/feeds-of-2020.opml"):
        assert site.ask(path, "OPTIONS").headers["access-control-allow-origin"] == "*"
        assert site.ask(path).headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "get"])
@pytest.mark.parametrize("path", ["/ai/rss.xml", "/", "/no/such/feed.json"])
def test_other_methods_are_told_which_there_are(site: Visited, path: str, method: str) -> None:
    reply = site.ask(path, method)
    assert reply.status == 405
    assert reply.headers["allow"] == "GET, HEAD, OPTIONS"


def test_the_whole_server_may_be_asked_for_its_options(site: Visited) -> None:
    said = site.say(b"OPTIONS * HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 204 ")
    assert b"\r\nallow: GET, HEAD, OPTIONS\r\n" in said


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /ai/rss.xml HTTP/1.1\r\n\r\n",
        b"GET /ai/rss.xml HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET /ai/rss.xml HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET ai/rss.xml HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /ai%zz/rss.xml HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /ai/rss.xml% HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /%ff/rss.xml HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /ai%00/rss.xml HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /ai%0d%0aX-Injected:1/rss.xml HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /ai /rss.xml HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /ai/rss.xml HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        b"GET /ai/rss.xml HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /ai/rss.xml HTTP/9\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_malformed_is_told_so(site: Visited, request_: bytes) -> None:
    closing = request_.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    said = site.say(closing)
    assert said.startswith(b"HTTP/1.1 400 "), said
    assert b"x-injected" not in said.lower()


def test_a_client_of_the_last_century_is_served(site: Visited) -> None:
    said = site.say(b"GET /ai/rss.xml HTTP/1.0\r\n\r\n")
    assert said.startswith(b"HTTP/1.0 200 ")
    assert said.endswith((site.folder / "ai/rss.xml").read_bytes())


def test_an_address_in_full_is_a_path_as_well(site: Visited) -> None:
    said = site.say(b"GET http://a/ai/rss.xml?x=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("query", ["?utm_source=x&utm_medium=y", "?", "?%00=../..", "?a=b?c=d/../e", "??"])
def test_a_query_changes_nothing(site: Visited, query: str) -> None:
    for path in ("/ai/rss.xml", "/", "/ai/"):
        assert site.ask(path + query).body == site.ask(path).body
    assert site.ask(f"/ai{query}").headers["location"] == "./ai/"


def test_headers_of_a_request_may_be_as_odd_as_they_like(site: Visited) -> None:
    said = site.say(
        b"GET /ai/rss.xml HTTP/1.1\r\nHost: a\r\nIf-None-Match: \xff\xfe\r\n"
        b"Accept-Encoding: \xff;q=\xfe, ;;,\r\nIf-Modified-Since: \xff\r\n"
        b"Range: \xff\r\nConnection: close\r\n\r\n"
    )
    assert said.startswith(b"HTTP/1.1 200 ")


def test_one_connection_carries_many_requests_one_after_the_other(site: Visited) -> None:
    request = b"GET /ai/rss.xml HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"HEAD /ai/rss.xml HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    said = site.say(request * 5 + last)
    assert said.count(b"HTTP/1.1 200 ") == 6
    assert said.count((site.folder / "ai/rss.xml").read_bytes()) == 5


def test_without_an_address_of_its_own_a_feed_links_nowhere(tmp_path: Path) -> None:
    (tmp_path / "rss.xml").write_text("<rss/>")
    with visited(tmp_path) as site:
        reply = site.ask("/rss.xml")
        assert "link" not in reply.headers
        assert reply.headers["cache-control"] == "public, max-age=300"
        assert "content-encoding" not in site.ask("/rss.xml", Accept_Encoding="gzip, br").headers  # too small
