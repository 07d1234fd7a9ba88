"""What the server decides without asking anybody: codings, conditions and parts, as tables and at random."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedbot.kinds import Kind, Label, document_path, label_of
from feedbot.server import Terms
from feedbot.server.codings import CODINGS, acceptable, encoded
from feedbot.server.conditions import is_current, is_refused, wanted_part
from feedbot.server.document import answer_to, make_document

WRITTEN = 1_777_000_000
FEED = Label(Kind.FEED, "application/rss+xml")
BODY = b"A feed, in which much is said again. " * 50


class Asked(dict[str, str]):
    """The headers of a request."""

    def get_all(self, name: str) -> Sequence[str]:
        return [self[name]] if name in self else []


@pytest.mark.parametrize(
    ("accept", "codings"),
    [
        (None, ["identity"]),
        ("", ["identity"]),
        ("gzip", ["gzip", "identity"]),
        ("gzip, br", ["br", "gzip", "identity"]),
        ("gzip;q=1.0, br;q=0.9", ["gzip", "br", "identity"]),
        ("GZip ; Q=0.5", ["gzip", "identity"]),
        ("gzip;q=0.5, identity;q=0.8, br;q=0.1", ["identity", "gzip", "br"]),
        ("gzip;q=0", ["identity"]),
        ("gzip;q=0.000", ["identity"]),
        ("*", ["br", "gzip", "identity"]),
        ("*;q=0", []),
        ("*;q=0, gzip", ["gzip"]),
        ("*;q=0, identity;q=0.1", ["identity"]),
        ("identity;q=0", []),
        ("identity;q=0, *", ["br", "gzip"]),
        ("x-gzip", ["gzip", "identity"]),
        ("deflate, zstd", ["identity"]),
        (
            "gzip;q=1.5, br;q=.5, br;q=0.1234, gzip;level=9, g zip, ;q=1",
            ["identity"],
        ),  # none is in the grammar
        (",, gzip ,,", ["gzip", "identity"]),
    ],
)
def test_the_best_coding_is_what_the_client_likes_best(accept: str | None, codings: list[str]) -> None:
    assert list(acceptable(accept)) == codings


@given(
    st.text(max_size=300) | st.lists(st.sampled_from(["gzip", "br", "*", "identity", ";q=0", ";q=0.5", ","]))
)
def test_any_accept_encoding_gives_codings_that_there_are(accept: str | list[str]) -> None:
    codings = acceptable(accept if isinstance(accept, str) else "".join(accept))
    assert set(codings) <= set(CODINGS)
    assert len(set(codings)) == len(codings)


def test_a_body_is_compressed_only_if_that_makes_it_smaller() -> None:
    assert encoded(b"") == {"identity": b""}
    assert encoded(b"<rss/>") == {"identity": b"<rss/>"}
    bodies = encoded(BODY)
    assert set(bodies) == {"identity", "gzip", "br"}
    assert max(len(bodies["gzip"]), len(bodies["br"])) < len(BODY)
    assert bodies["gzip"][4:8] == bytes(4)  # the time of compression, of which nothing is told


@given(
    range_=st.text(max_size=40) | st.from_regex(r"bytes=[0-9]{0,25}-[0-9]{0,25}"), size=st.integers(0, 100)
)
@example(range_=f"bytes=0-{'9' * 5000}", size=5)
@example(range_=f"bytes={'9' * 5000}-", size=5)
@example(range_=f"bytes=-{'9' * 5000}", size=5)
def test_any_range_gives_a_part_that_there_is(range_: str, size: int) -> None:
    part = wanted_part(range_, size)
    if part not in (None, "unsatisfiable"):
        assert 0 <= part.first <= part.last < size


def test_weak_tags_count_where_the_content_is_not_put_together_of_parts() -> None:
    tags = ('"a"', '"a-gzip"')
    assert is_current(tags, None, none_match='W/"a-gzip"', modified_since=None) == '"a-gzip"'
    assert is_refused(tags, None, match='W/"a"', unmodified_since=None)
    assert not is_refused(tags, None, match='W/"a", "a"', unmodified_since=None)


def test_a_document_without_a_date_is_judged_by_its_tags_alone() -> None:
    long_ago, far_off = "Thu, 01 Jan 1970 00:00:01 GMT", "Sat, 01 Jan 2050 00:00:00 GMT"
    assert is_current(('"a"',), None, none_match=None, modified_since=far_off) is None
    assert not is_refused(('"a"',), None, match=None, unmodified_since=long_ago)


NAMES = (
    "accept-encoding", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since",
    "range",
)  # fmt: skip


@given(
    headers=st.dictionaries(st.sampled_from(NAMES), st.text() | st.datetimes().map(str)),
    method=st.sampled_from(["GET", "HEAD"]),
    now=st.floats(WRITTEN - 10, WRITTEN + 10),
)
def test_any_headers_get_an_answer_that_holds_together(
    headers: dict[str, str], method: str, now: float
) -> None:
    document = make_document("rss.xml", FEED, "abc", encoded(BODY), WRITTEN, Terms())
    answer = answer_to(document, method, Asked(headers), now)
    told = dict(answer.headers)
    assert len(told) == len(answer.headers)
    assert answer.status in {200, 206, 304, 406, 412, 416}
    assert ("content-length" in told) == (answer.status != 304)
    if answer.status != 304:
        assert int(told["content-length"]) == len(answer.body)
    if answer.status in {200, 206}:
        assert ("last-modified" in told) == (now >= WRITTEN)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("rss.xml", Kind.FEED),
        ("a/atom.xml", Kind.FEED),
        ("a/b/feed.json", Kind.FEED),
        ("archive/rss.xml", Kind.FEED),  # of a topic called so
        ("archive/1/rss.xml", Kind.ARCHIVE),
        ("a/archive/123/feed.json", Kind.ARCHIVE),
        ("a/archive/x/feed.json", Kind.FEED),
        ("a/archive/1/x/feed.json", Kind.FEED),
        ("index.html", Kind.PAGE),
        ("a/index.html", Kind.PAGE),
        ("feeds.opml", Kind.OUTLINE),
        ("page.css", Kind.STATIC),
        ("page.js", Kind.STATIC),
        ("a/page.js", None),
        ("about.html", None),
        ("_redirects", None),
        (".rss.xml", None),
        ("a/.b/rss.xml", None),
        ("a//rss.xml", None),
        ("../rss.xml", None),
        ("rss.xml/", None),
        ("", None),
        ("RSS.XML", None),
    ],
)
def test_only_what_feedbot_writes_has_a_kind(path: str, kind: Kind | None) -> None:
    label = label_of(path)
    assert (label.kind if label else None) == kind


def test_a_folder_means_its_page() -> None:
    assert [document_path(path) for path in ("", "a/", "a", "a/rss.xml")] == [
        "index.html", "a/index.html", "a", "a/rss.xml",
    ]  # fmt: skip


def test_archives_are_kept_longer_and_never_shorter_than_feeds() -> None:
    for age, kept in (
        (timedelta(minutes=5), 3600),
        (timedelta(days=3), 3 * 86_400),
        (timedelta(0), 3600),
    ):
        assert Terms(max_age=age).age_of(Kind.ARCHIVE) == kept


def test_each_coding_and_each_content_has_a_tag_of_its_own() -> None:
    documents = [
        make_document("rss.xml", FEED, digest, encoded(BODY), WRITTEN, Terms()) for digest in ("abc", "def")
    ]
    tags = [variant.tag for document in documents for variant in document.variants.values()]
    assert len(set(tags)) == len(tags) == 6
    for document, coding in itertools.product(documents, CODINGS):
        variant: Any = document.variants[coding]
        assert dict(variant.undated)["etag"] == dict(variant.unchanged)["etag"] == variant.tag
