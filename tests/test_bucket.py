"""Feeds in a bucket: the same documents as in a folder, only what differs, and never over something newer."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from faults import Fault, Proxy, answer, proxy_to
from newsroom import Newsroom
from object_stores import PREFIX, Bucket, make_bucket, port_of, rclone
from test_worker import Process

from feedbot.cli import main
from feedbot.config import BucketAddress
from feedbot.errors import ConfigError, PublishError, StandbyError
from feedbot.model import Document
from feedbot.passes.build import Builder
from feedbot.places import NOWHERE, DocumentFate, DocumentRow
from feedbot.places.bucket import documents
from feedbot.places.bucket.objects import UNCHANGED, Objects, Trouble
from feedbot.store.lease import Lease

MARK = b"<!-- ours -->"


def puts(wire: Proxy) -> list[str]:
    """The documents that were put, in order."""
    return [path.partition(f"/{PREFIX}/")[2] for path in wire.told("PUT")]


def fill(room: Newsroom) -> None:
    for number in range(12):
        topic = ("AI", "Law", "Größe")[number % 3]
        room.write(f"a{number:02}.md", publishedDateTime=f"2026-05-{number + 1:02}T08:00:00Z", topics=[topic])


def titles(bucket: Bucket, slug: str = "") -> list[str]:
    """The titles of a feed's items, in order."""
    feed = json.loads(bucket.get("/".join(filter(None, [PREFIX, slug, "feed.json"]))))
    return [item["title"] for item in feed["items"]]


# --- the same documents ---


def test_a_bucket_holds_byte_for_byte_what_a_folder_would(
    newsroom: Newsroom, bucket_newsroom: Newsroom, bucket: Bucket
) -> None:
    for room in (newsroom, bucket_newsroom):
        feeds = {
            **room.settings.get("feeds", {}),
            "archive": True,
            "limit": 3,
            "topics": {"Law": {"slug": "right"}},
            "named": [{"name": "Top", "where": {"min_heat": 0}}],
        }
        room.configure(feeds={**feeds, "topics": {"Law": {"slug": "law"}}})
        fill(room)
        room.build()
        room.configure(feeds=feeds)
        report = room.build()
        assert (report.lost_state, report.refresh.foreign) == (False, [])
    on_disk = {path: body for path, (body, _, _) in newsroom.snapshot().items()}
    assert "_redirects" in on_disk
    assert "ai/archive/1/rss.xml" in on_disk
    assert bucket.documents() == on_disk


@pytest.mark.parametrize(
    ("path", "media_type", "age"),
    [
        ("rss.xml", "application/rss+xml; charset=utf-8", 420),
        ("ai/atom.xml", "application/atom+xml; charset=utf-8", 420),
        ("grösse/feed.json", "application/feed+json", 420),
        ("archive/1/rss.xml", "application/rss+xml; charset=utf-8", 3600),
        ("feeds.opml", "text/x-opml; charset=utf-8", 420),
        ("index.html", "text/html; charset=utf-8", 420),
        ("page.css", "text/css; charset=utf-8", 420),
        ("page.js", "text/javascript; charset=utf-8", 420),
        ("_redirects", "text/plain; charset=utf-8", 420),
    ],
)
def test_each_document_has_the_headers_that_our_server_gives_it(
    full: Bucket, path: str, media_type: str, age: int
) -> None:
    headers = full.headers(f"{PREFIX}/{path}")
    assert headers["content-type"] == media_type
    assert headers["cache-control"] == f"public, max-age={age}"
    assert "content-encoding" not in headers  # the bytes are the document; who stands in front compresses


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, moto_url: str) -> Bucket:
    """A bucket with a document of each kind."""
    bucket = make_bucket(moto_url, "full")
    folder = tmp_path_factory.mktemp("full")
    feeds = {"path": bucket.path, "archive": True, "limit": 3}
    room = Newsroom(folder, settings={"feeds": feeds, "serve": {"max_age": "7m"}}, environ=bucket.environ())
    fill(room)
    room.build()
    room.configure(**{**room.settings, "feeds": {**feeds, "topics": {"Law": {"slug": "right"}}}})
    room.build()
    room.close()
    return bucket


def test_a_new_age_for_caches_reaches_the_documents_that_are_there(
    bucket_newsroom: Newsroom, bucket: Bucket
) -> None:
    bucket_newsroom.write("one.md")
    bucket_newsroom.build()
    before = bucket.documents()
    assert bucket.headers(f"{PREFIX}/ai/rss.xml")["cache-control"] == "public, max-age=300"
    bucket_newsroom.configure(**bucket_newsroom.settings, serve={"max_age": "20s"})
    bucket_newsroom.build()
    assert {bucket.headers(f"{PREFIX}/{path}")["cache-control"] for path in before} == {"public, max-age=20"}
    assert bucket.documents() == before
    assert bucket_newsroom.build().written == 0


# --- only what differs ---


def test_a_pass_without_news_asks_for_one_listing_and_puts_nothing(
    bucket_newsroom: Newsroom, wire: Proxy
) -> None:
    fill(bucket_newsroom)
    assert bucket_newsroom.build().written == len(puts(wire)) > 10
    wire.requests.clear()
    report = bucket_newsroom.build()
    assert (report.written, report.removed) == (0, 0)
    assert [one.partition("?")[0] for one in wire.requests] == [wire.requests[0].partition("?")[0]]
    assert "list-type=2" in wire.requests[0]


def test_only_what_differs_is_put_feeds_first_then_pages_and_removals_last(
    bucket_newsroom: Newsroom, wire: Proxy, bucket: Bucket
) -> None:
    fill(bucket_newsroom)
    bucket_newsroom.build()
    before = bucket.documents()
    wire.requests.clear()
    for number in (1, 4, 7, 10):  # all there is of a topic
        (bucket_newsroom.content / f"a{number:02}.md").unlink()
    bucket_newsroom.write("a00.md", title="Another title", publishedDateTime="2026-05-01T08:00:00Z")
    bucket_newsroom.configure(
        **{**bucket_newsroom.settings, "feeds": {"path": bucket.path, "topics": {"Law": {"feed": False}}}}
    )
    bucket_newsroom.build()
    after = bucket.documents()
    written = {path for path in after if after[path] != before.get(path)}
    assert sorted(written) == sorted(puts(wire))
    assert {"rss.xml", "ai/rss.xml", "index.html"} <= written
    assert not any("gr%C3%B6sse" in path for path in puts(wire))
    assert {path for path in before if path not in after} == {
        f"law/{name}" for name in ("rss.xml", "atom.xml", "feed.json", "index.html")
    }
    order = [one for one in wire.requests if "list-type" not in one]
    assert all("DELETE" in one or "?delete" in one for one in order[len(written) :])
    assert not any("?delete" in one for one in order[: len(written)])
    put = puts(wire)
    assert put.index("ai/index.html") > max(put.index(f"ai/{name}") for name in ("rss.xml", "atom.xml"))
    assert put[-1] == "index.html"


def test_a_document_that_somebody_removed_or_changed_is_put_again(
    bucket_newsroom: Newsroom, bucket: Bucket, wire: Proxy
) -> None:
    bucket_newsroom.write("one.md")
    bucket_newsroom.build()
    before = bucket.documents()
    bucket.delete(f"{PREFIX}/rss.xml")
    bucket.put(f"{PREFIX}/ai/feed.json", b"{}")
    bucket.put(f"{PREFIX}/index.html", b"edited by hand")
    wire.requests.clear()
    assert bucket_newsroom.build().written == 3
    assert sorted(puts(wire)) == ["ai/feed.json", "index.html", "rss.xml"]
    assert bucket.documents() == before


def test_what_belongs_to_others_is_left_alone_and_told(bucket_newsroom: Newsroom, bucket: Bucket) -> None:
    theirs = {
        f"{PREFIX}/ai/rss.xml": b"<rss>somebody else's</rss>",
        f"{PREFIX}/ai/notes.txt": b"notes",
        f"{PREFIX}-old/rss.xml": b"<rss/>",
        "elsewhere/rss.xml": b"<rss/>",
    }
    for key, body in theirs.items():
        bucket.put(key, body)
    bucket_newsroom.write("one.md")
    report = bucket_newsroom.build()
    assert report.refresh.foreign == ["ai/rss.xml"]
    bucket_newsroom.configure(
        **{**bucket_newsroom.settings, "feeds": {"path": bucket.path, "topics": {"AI": {"feed": False}}}}
    )
    bucket_newsroom.build()
    assert {key: bucket.get(key) for key in theirs} == theirs
    assert f"{PREFIX}/ai/atom.xml" not in bucket.listing()


def test_objects_with_names_that_no_file_can_have_do_no_harm(
    bucket_newsroom: Newsroom, bucket: Bucket
) -> None:
    odd = [f"{PREFIX}/", f"{PREFIX}/a//b", f"{PREFIX}/../up"]
    for key in odd:
        bucket.put(key, b"")
    bucket_newsroom.write("one.md")
    assert bucket_newsroom.build().written > 0
    bucket_newsroom.write("one.md", title="Another")
    assert bucket_newsroom.build().written > 0
    assert titles(bucket) == ["Another"]


# --- another place, and a lost state ---


def test_a_lost_state_finds_its_documents_and_former_addresses_again(
    bucket_newsroom: Newsroom, bucket: Bucket, wire: Proxy
) -> None:
    room = bucket_newsroom
    feeds = {"path": bucket.path, "archive": True, "limit": 3}
    room.configure(feeds=feeds)
    fill(room)
    room.build()
    room.configure(feeds={**feeds, "topics": {"Law": {"slug": "right"}}})
    room.build()
    before = bucket.documents()
    room.close()
    for file in (room.folder / ".feedbot").iterdir():
        file.unlink()
    report = room.build()
    assert report.lost_state
    assert b"/law/* /right/:splat 301" in bucket.get(f"{PREFIX}/_redirects")
    # Ids are made of first slugs, which a lost state does not know; all else is as it was.
    differ = {path for path, body in bucket.documents().items() if before.get(path) != body}
    assert differ <= {path for path in before if path.startswith("right/")}
    wire.requests.clear()
    assert room.build().written == 0
    assert puts(wire) == []


def test_a_lost_state_removes_archives_that_nobody_would_keep_up_to_date(
    bucket_newsroom: Newsroom, bucket: Bucket
) -> None:
    room = bucket_newsroom
    room.configure(feeds={"path": bucket.path, "archive": True, "limit": 3})
    fill(room)
    room.build()
    assert f"{PREFIX}/archive/3/rss.xml" in bucket.listing()
    bucket.put(f"{PREFIX}/archive/9/rss.xml", b"not ours")
    room.close()
    for file in (room.folder / ".feedbot").iterdir():
        file.unlink()
    room.configure(feeds={"path": bucket.path, "limit": 3})
    room.build()
    assert [key for key in bucket.listing() if "/archive/" in key] == [f"{PREFIX}/archive/9/rss.xml"]


def test_after_a_lost_state_no_feed_stays_that_nobody_asks_for(
    bucket_newsroom: Newsroom, bucket: Bucket
) -> None:
    room = bucket_newsroom
    leak = room.write("leak.md", topics=["Leak"])
    room.write("one.md", topics=["Law"])
    room.build()
    bucket.put(f"{PREFIX}/blog/index.html", b"not ours")
    leak.unlink()
    room.close()
    for file in (room.folder / ".feedbot").iterdir():
        file.unlink()
    room.build()
    folders = {path.partition("/")[0] for path in bucket.documents() if "/" in path}
    assert folders == {"law", "blog"}


def test_feeds_move_from_a_folder_to_a_bucket_and_back(
    newsroom: Newsroom, bucket: Bucket, wire: Proxy
) -> None:
    newsroom.write("one.md")
    newsroom.build()
    newsroom.environ = bucket.environ(wire.url)
    bucket.put(f"{PREFIX}/index.html", b"a page of somebody else")
    newsroom.configure(feeds={"path": bucket.path})
    report = newsroom.build()
    assert report.refresh.foreign == ["index.html"]
    on_disk = {path: body for path, (body, _, _) in newsroom.snapshot().items()}
    in_bucket = bucket.documents()
    assert in_bucket.pop("index.html") == b"a page of somebody else"
    assert in_bucket == {path: body for path, body in on_disk.items() if path != "index.html"}
    (newsroom.feeds / "rss.xml").unlink()
    newsroom.configure()
    newsroom.build()
    assert {path: body for path, (body, _, _) in newsroom.snapshot().items()} == on_disk


# --- two at once ---


def row(e_tag: str | None, digest: str | None = None, mtime_ns: int = 0) -> DocumentRow:
    """What a state knows of a document."""
    return DocumentRow(path="rss.xml", feed_key=None, mtime_ns=mtime_ns, size=0, digest=digest, e_tag=e_tag)


@pytest.fixture
def place(bucket: Bucket) -> documents.Bucket:
    return documents.Bucket(bucket.objects(), lambda body: MARK in body, timedelta(minutes=5))


def doc(text: str, path: str = "rss.xml") -> Document:
    return Document(path=path, body=MARK + text.encode())


def test_who_was_held_up_replaces_nothing_newer(place: documents.Bucket, bucket: Bucket) -> None:
    [first] = place.publish([doc("one")], {})
    known = {"rss.xml": row(first.e_tag, first.digest)}
    [newer] = place.publish([doc("three")], known)
    assert newer.fate is DocumentFate.WRITTEN
    [late] = place.publish([doc("two")], known)
    assert (late.fate, late.e_tag, late.digest) == (DocumentFate.OVERTAKEN, newer.e_tag, newer.digest)
    assert bucket.get(f"{PREFIX}/rss.xml") == MARK + b"three"
    [late] = place.publish([doc("two")], {})  # one that knows nothing
    assert late.fate is DocumentFate.OVERTAKEN
    [late] = place.publish([doc("two")], {"rss.xml": row("", mtime_ns=NOWHERE)})  # one that saw it gone
    assert late.fate is DocumentFate.OVERTAKEN
    [same] = place.publish([doc("three")], known)  # one that would write the same
    assert (same.fate, same.e_tag) == (DocumentFate.SAME, newer.e_tag)
    assert bucket.get(f"{PREFIX}/rss.xml") == MARK + b"three"


def test_who_was_held_up_brings_back_nothing_that_was_removed(
    place: documents.Bucket, bucket: Bucket
) -> None:
    [first] = place.publish([doc("one")], {})
    place.remove(["rss.xml"])
    [late] = place.publish([doc("two")], {"rss.xml": row(first.e_tag, first.digest)})
    assert (late.fate, late.e_tag) == (DocumentFate.OVERTAKEN, "")
    assert bucket.listing() == []


def test_the_last_word_is_right_when_a_process_is_held_up_in_the_middle_of_a_put(
    bucket_newsroom: Newsroom, bucket: Bucket, wire: Proxy
) -> None:
    room = bucket_newsroom
    room.write("one.md", title="First")
    room.build()
    room.write("one.md", title="Second")
    held = wire.fail(Fault.HOLD, lambda request: "PUT" in request and "/feeds/rss.xml" in request, times=1)
    lease = Lease(room.engine)
    stale = Builder(room.config, room.engine, clock=lambda: room.now, lease=lease)
    refused: list[StandbyError] = []

    def run() -> None:
        try:
            stale.run()
        except StandbyError as error:
            refused.append(error)

    other = threading.Thread(target=run)
    other.start()
    assert held.reached.wait(60)
    room.write("one.md", title="Third")
    lease.leave()  # as where its time has run out
    room.build()
    assert titles(bucket) == ["Third"]
    newest = bucket.get(f"{PREFIX}/rss.xml")
    held.released.set()
    other.join()
    assert refused
    assert bucket.get(f"{PREFIX}/rss.xml") == newest
    assert b"Third" in newest
    report = room.build()
    assert (report.written, report.refresh.overtaken) == (0, [])
    assert {b"Third" in body for path, body in bucket.documents().items() if path.endswith("rss.xml")} == {
        True
    }


def test_an_answer_that_is_lost_costs_nothing(bucket_newsroom: Newsroom, bucket: Bucket, wire: Proxy) -> None:
    room = bucket_newsroom
    room.write("one.md", title="First")
    room.build()
    room.write("one.md", title="Second")
    wire.fail(Fault.LOSE, lambda request: request.startswith("PUT"), times=2)
    try:
        room.build()
    except PublishError:
        room.build()
    assert titles(bucket) == titles(bucket, "ai") == ["Second"]
    assert room.build().written == 0


def test_a_reader_never_sees_a_part_of_a_document(
    place: documents.Bucket, bucket: Bucket, wire: Proxy
) -> None:
    texts = ["a" * 200_000, "b" * 300_000]
    whole = {MARK + text.encode() for text in texts}
    [last] = place.publish([doc(texts[0])], {})
    done = threading.Event()
    seen: set[bytes] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(bucket.find(f"{PREFIX}/rss.xml") or MARK + texts[0].encode())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 20):
        [last] = place.publish([doc(texts[number % 2])], {"rss.xml": row(last.e_tag, last.digest)})
        assert last.fate is DocumentFate.WRITTEN
    done.set()
    reader.join()
    assert seen <= whole


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("/rss.xml", Fault.HOLD),
        ("/rss.xml", Fault.LOSE),
        ("/ai/index.html", Fault.HOLD),
        ("/feeds/index.html", Fault.HOLD),
        ("?delete", Fault.HOLD),
    ],
)
def test_a_process_that_is_killed_in_the_middle_leaves_whole_documents_and_the_next_goes_on(
    newsroom: Newsroom, bucket_newsroom: Newsroom, bucket: Bucket, wire: Proxy, place: str, fault: Fault
) -> None:
    feeds = bucket_newsroom.settings["feeds"]
    for room in (newsroom, bucket_newsroom):
        fill(room)
        room.build()
        (room.content / "a00.md").unlink()
        room.write("a03.md", title="Another")
    before = bucket.documents()
    newsroom.configure(feeds={"topics": {"Law": {"feed": False}}})
    newsroom.build()
    bucket_newsroom.configure(feeds={**feeds, "topics": {"Law": {"feed": False}}})
    bucket_newsroom.close()
    rule = wire.fail(fault, lambda request: place in request and not request.startswith("GET"))
    process = Process(bucket_newsroom, command="build")
    assert rule.reached.wait(60)
    process.popen.kill()
    process.stop()
    assert process.popen.stdout
    process.popen.stdout.close()
    wire.heal()
    after = {path: body for path, (body, _, _) in newsroom.snapshot().items()}
    for path, body in bucket.documents().items():
        assert body in {before.get(path), after.get(path)}, path
    bucket_newsroom.build()
    assert bucket.documents() == after
    assert bucket_newsroom.build().written == 0


# --- stores that fail ---

ERROR = '<?xml version="1.0"?><Error><Code>{}</Code><Message>x</Message></Error>'
FAILURES = {
    "it is ill": (Fault.ANSWER, answer("500 Internal Server Error", ERROR.format("InternalError")), "500"),
    "it is busy": (Fault.ANSWER, answer("503 Slow Down", ERROR.format("SlowDown")), "SlowDown"),
    "it forbids": (Fault.ANSWER, answer("403 Forbidden", ERROR.format("AccessDenied")), "PutObject"),
    "another region": (
        Fault.ANSWER,
        answer("400 Bad Request", ERROR.format("AuthorizationHeaderMalformed")),
        "check AWS_REGION",
    ),
    "a wrong clock": (Fault.ANSWER, answer("403 Forbidden", ERROR.format("RequestTimeTooSkewed")), "clock"),
    "it hangs up": (Fault.CUT, b"", "cannot be reached"),
}


@pytest.mark.parametrize(
    ("method", "failure"),
    [
        *(("PUT", failure) for failure in FAILURES),
        *((method, failure) for method in ("GET", "POST") for failure in ("it is ill", "it hangs up")),
    ],
)
def test_a_store_that_fails_says_what_to_do_and_nothing_is_lost(
    bucket_newsroom: Newsroom, bucket: Bucket, wire: Proxy, failure: str, method: str
) -> None:
    room = bucket_newsroom
    room.write("one.md", title="First")
    room.write("gone.md", topics=["Law"])
    room.build()
    before = bucket.documents()
    room.write("one.md", title="Second")
    (room.content / "gone.md").unlink()
    room.configure(**{**room.settings, "feeds": {"path": bucket.path, "topics": {"Law": {"feed": False}}}})
    fault, said, told = FAILURES[failure]
    wire.fail(fault, lambda request: request.startswith(method), answer=said)
    with pytest.raises(PublishError, match=f"{bucket.path}.*feedbot tries again.*") as failed:
        room.build()
    assert told in str(failed.value)
    assert not any(word in str(failed.value) for word in ("Error performing", "<", "Signature", "\n"))
    if method != "POST":  # removals come last
        assert {path: body for path, body in bucket.documents().items() if path in before} == before
    wire.heal()
    room.build()
    assert titles(bucket) == titles(bucket, "ai") == ["Second"]
    assert "law/rss.xml" not in bucket.documents()
    assert room.build().written == 0


def test_a_store_that_does_not_answer_is_not_waited_for_without_end(bucket: Bucket, wire: Proxy) -> None:
    objects = bucket.objects(wire.url, patience=timedelta(milliseconds=200), tries=1)
    place = documents.Bucket(objects, lambda _: True, timedelta(minutes=5))
    wire.fail(Fault.SWALLOW)
    many = [doc("one", f"{number}/rss.xml") for number in range(200)]
    with pytest.raises(PublishError, match="did not answer in time"):
        place.publish(many, {})
    assert len(wire.requests) <= 2 * documents.WRITERS  # the others were not even tried


def test_a_bucket_that_is_not_there_is_named(newsroom: Newsroom, bucket: Bucket) -> None:
    newsroom.environ = bucket.environ()
    newsroom.configure(feeds={"path": "s3://no-such-bucket/feeds"})
    newsroom.write("one.md")
    with pytest.raises(PublishError, match=r"s3://no-such-bucket/feeds.*NoSuchBucket.*create the bucket"):
        newsroom.build()
    place = documents.Bucket(
        Objects(BucketAddress("no-such-bucket", ""), bucket.access()), lambda _: True, timedelta()
    )
    for known in ({}, {"rss.xml": row("abc")}):
        with pytest.raises(PublishError, match="NoSuchBucket"):
            place.publish([doc("one")], known)


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Bucket]:
    """A bucket of a store that checks signatures."""
    (tmp_path / "stores" / "strict").mkdir(parents=True)
    with rclone(tmp_path / "stores") as url:
        yield Bucket("strict", url)


def test_a_store_without_conditions_keeps_what_belongs_to_others(
    newsroom: Newsroom, strict: Bucket, tmp_path: Path
) -> None:
    theirs = tmp_path / "stores" / "strict" / PREFIX / "ai" / "rss.xml"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("<rss>somebody else's</rss>")
    newsroom.environ = strict.environ()
    newsroom.configure(feeds={"path": strict.path})
    newsroom.write("one.md")
    assert newsroom.build().refresh.foreign == ["ai/rss.xml"]
    assert theirs.read_text() == "<rss>somebody else's</rss>"


def test_a_store_that_checks_signatures_is_written_with_the_right_key_only(
    newsroom: Newsroom, strict: Bucket, tmp_path: Path
) -> None:
    newsroom.write("one.md")
    newsroom.build()
    on_disk = {path: body for path, (body, _, _) in newsroom.snapshot().items()}
    newsroom.configure(feeds={"path": strict.path})
    newsroom.environ = {**strict.environ(), "AWS_SECRET_ACCESS_KEY": "not-the-secret-key"}
    with pytest.raises(PublishError, match="check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") as failed:
        newsroom.build()
    assert "not-the-secret-key" not in str(failed.value)
    newsroom.environ = strict.environ()
    newsroom.build()
    stored = tmp_path / "stores" / "strict" / PREFIX
    found = {
        path.relative_to(stored).as_posix(): path.read_bytes() for path in stored.rglob("*") if path.is_file()
    }
    assert found == on_disk
    assert newsroom.build().written == 0


def test_a_missing_library_is_named_with_the_extra_that_brings_it(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConfigError, match=r"the extra `s3`: .* `pip install obstore`"):
        bucket.objects()


def test_without_a_key_the_variables_are_named(
    bucket: Bucket, wire: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", wire.url)  # where a machine in a cloud has its role
    wire.fail(Fault.ANSWER, answer=answer("404 Not Found"))
    access = type(bucket.access())(endpoint=bucket.url, region="us-east-1", allow_http=True)
    with pytest.raises(Trouble, match="AWS_ACCESS_KEY_ID"):
        Objects(BucketAddress(bucket.name, ""), access, tries=0).get("rss.xml")


def test_check_online_tells_what_is_in_the_way_of_a_bucket(
    newsroom: Newsroom, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    newsroom.write("one.md")
    newsroom.configure(feeds={"path": bucket.path})
    for name, value in bucket.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(newsroom.folder)
    fine = CliRunner().invoke(main, ["check", "--online"])
    assert fine.exit_code == 0, fine.output
    newsroom.configure(feeds={"path": "s3://not-there/feeds"})
    assert CliRunner().invoke(main, ["check"]).exit_code == 0
    wrong = CliRunner().invoke(main, ["check", "--online", "--json"])
    assert wrong.exit_code == 1
    [finding] = json.loads(wrong.stdout)["findings"]
    assert finding["path"] == "config.yaml"
    assert "s3://not-there/feeds cannot be listed" in finding["what"]
    assert finding["hint"] == "create the bucket, or check `feeds.path` and AWS_ENDPOINT_URL"


# --- objects ---


def test_an_object_is_fetched_only_if_it_is_another(bucket: Bucket) -> None:
    objects = bucket.objects()
    e_tag = objects.put("größe/rss.xml", b"one", {"Content-Type": "text/plain"}, expected="")
    assert e_tag
    assert objects.get("größe/rss.xml", known=e_tag) is UNCHANGED
    found = objects.get("größe/rss.xml", known="another")
    assert found is not None
    assert found is not UNCHANGED
    assert (found.body, found.e_tag, found.headers["Content-Type"]) == (b"one", e_tag, "text/plain")
    assert objects.get("nothing.xml") is None
    assert objects.get("a//b") is None
    assert objects.list_all() == {"größe/rss.xml": e_tag}


def test_a_listing_of_more_than_one_page_is_whole(strict: Bucket, tmp_path: Path) -> None:
    for number in range(1005):
        file = tmp_path / "stores" / "strict" / PREFIX / str(number) / "rss.xml"
        file.parent.mkdir(parents=True)
        file.touch()
    with proxy_to(port_of(strict.url)) as wire:
        listing = strict.objects(wire.url).list_all()
        assert len(wire.requests) == 2
    assert listing
    assert len(listing) == 1005
