"""What is claimed when all is over: about the documents, about the targets, and about the outbox."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable

from matrix.opening import SECRET
from matrix.scene import Arrival, Scene
from matrix.story import TITLE, Piece

PUBLISHED, UPDATED, WITHDRAWN = "article.published", "article.updated", "article.withdrawn"
# Why a target that takes edits may leave one out.
NOT_CONCERNED = {"the article was never announced here", "its post would say the same"}


def every_article_is_in_its_feeds(scene: Scene) -> None:
    """RSS, Atom and JSON hold every article as it is now, and none that was withdrawn."""
    assert not scene.missing(), scene.missing()


def each_event_has_one_id(scene: Scene) -> None:
    """Whatever was tried how often: an event has one id, and an id is one event's; each message is signed."""
    by_id: dict[str, set[tuple[str, str]]] = defaultdict(set)
    published: dict[str, set[str]] = defaultdict(set)
    for one in scene.desk.arrivals:
        by_id[one.id].add((one.kind, one.url))
        assert is_signed(one), one
        if one.kind == PUBLISHED:
            published[one.url].add(one.id)
    assert all(len(events) == 1 for events in by_id.values()), by_id
    assert all(len(ids) == 1 for ids in published.values()), published
    for piece in scene.story.pieces.values():
        for kind, most in ((UPDATED, piece.version - 1), (WITHDRAWN, int(piece.is_withdrawn))):
            ids = {one.id for one in told_of(scene, piece) if one.kind == kind}
            assert len(ids) <= most, (piece, kind, ids)


def no_delivery_is_lost(scene: Scene) -> None:
    """The webhook knows of every article how it stands, and of each that is gone that it is."""
    for piece in scene.story.pieces.values():
        told = told_of(scene, piece)
        if not piece.is_old:
            assert any(one.kind == PUBLISHED for one in told), f"{piece} was never told"
        if piece.is_withdrawn:
            assert told[-1].kind == WITHDRAWN, (piece, told)
        elif told:
            assert newest(told) == piece.version, (piece, told)
    states = dict(scene.query("select state, count(*) from deliveries group by state"))
    assert set(states) <= {"sent", "superseded", "skipped"}, states
    skipped = scene.query("select event, reason from deliveries where state = 'skipped'")
    assert {reason for _, reason in skipped} <= NOT_CONCERNED, skipped


def each_article_has_one_post(scene: Scene) -> None:
    """Mastodon has one post of each article that was announced, as it is now; none of those withdrawn."""
    texts = sorted(post.text.partition("\n")[0] for post in scene.mastodon.posts)
    pieces = scene.story.pieces.values()
    wanted = sorted(piece.title for piece in pieces if not piece.is_old and not piece.is_withdrawn)
    assert texts == wanted, (texts, wanted)
    assert not scene.mastodon.violations, scene.mastodon.violations


def order_is_kept(scene: Scene) -> None:
    """One message at a time; those of an article in the order of its events; all that did not fail in order.

    What is recorded by a clock that is ahead waits until that is set right.
    """
    assert scene.desk.overlaps == 0, "two messages at a time"
    for piece in scene.story.pieces.values():
        ranks = [(PUBLISHED, UPDATED, WITHDRAWN).index(one.kind) for one in told_of(scene, piece)]
        assert ranks == sorted(ranks), (piece, ranks)
    for target in ("hook", "mastodon") if scene.is_timely else ():
        undisturbed = [key for key, tries in firsts(scene, target) if tries == 1]
        assert undisturbed == sorted(undisturbed), (target, undisturbed)


def no_document_was_ever_torn(scene: Scene) -> None:
    """Who read all the while saw whole documents, none that vanished, and nothing that was taken back."""
    assert not scene.reader.complaints, scene.reader.complaints[:5]
    assert scene.reader.looks > 0, "nobody read anything"


CLAIMS: tuple[Callable[[Scene], None], ...] = (
    every_article_is_in_its_feeds,
    each_event_has_one_id,
    no_delivery_is_lost,
    each_article_has_one_post,
    order_is_kept,
    no_document_was_ever_torn,
)


def claims_of(scene: Scene) -> tuple[Callable[[Scene], None], ...]:
    """What can be claimed: no more of documents than their place can promise."""
    return CLAIMS if scene.is_atomic else tuple(one for one in CLAIMS if one is not no_document_was_ever_torn)


def told_of(scene: Scene, piece: Piece) -> list[Arrival]:
    """What the webhook was told of an article, the first arrival of each message."""
    firsts_ = {one.id: one for one in reversed(scene.desk.arrivals) if one.url == piece.url}
    return [one for one in scene.desk.arrivals if firsts_.get(one.id) is one]


def newest(told: list[Arrival]) -> int:
    """The newest version that the webhook was told of."""
    found = (TITLE.fullmatch(one.title) for one in told)
    return max(int(match[2]) for match in found if match)


def firsts(scene: Scene, target: str) -> list[tuple[int, int]]:
    """Deliveries in the order in which their first attempts ended, each with the attempts of its article.

    A delivery waits for those of its article before it, so their failures count as its own.
    """
    rows = scene.query(
        "select target, delivery_key, article_key from attempts"
        " join deliveries on deliveries.key = delivery_key order by number"
    )
    tries: dict[int, list[int]] = defaultdict(list)
    ours = [(delivery, article) for name, delivery, article in rows if name == target]
    for delivery, article in ours:
        tries[article].append(delivery)
    return [
        (delivery, max(tries[article].count(one) for one in tries[article] if one <= delivery))
        for delivery, article in dict.fromkeys(ours)
    ]


def is_signed(one: Arrival) -> bool:
    """Whether the message is ours, as the specification of the signature has it."""
    headers = one.headers
    signed = f"{one.id}.{headers['webhook-timestamp']}.".encode() + one.body
    digest = hmac.digest(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}" in headers["webhook-signature"].split()
