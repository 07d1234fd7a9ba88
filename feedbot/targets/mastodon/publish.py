"""Announcing an article: one post, whatever becomes of the answers.

Over HTTP nothing can be made exactly once, and of the servers that speak Mastodon's language only some honour
a key against doubles, for an hour. So after whatever left it open whether a post was made, the account's
posts are read first, and only a post that is not there after PATIENCE is made again. No attempt asks for a
post twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from feedbot.attempt import Answer, Outcome, Refused, Retry, Sent, Unclear
from feedbot.targets.http import wish
from feedbot.targets.mastodon.account import Lost
from feedbot.targets.mastodon.answers import is_success, of_read, of_write
from feedbot.targets.mastodon.api import asked, told
from feedbot.targets.mastodon.post import Post, key_of
from feedbot.targets.mastodon.receipt import Doubt, Receipt, doubt_of, new_doubt, receipt_in
from feedbot.targets.mastodon.setup import (
    Attached,
    AttemptClock,
    Held,
    Setup,
    address,
    adopted,
    not_found,
    noted,
    unfit,
)

if TYPE_CHECKING:
    from feedbot.attempt import Delivery
    from feedbot.targets.mastodon.receipt import Upload

FOUND = "it was there already"
TOO_MANY = (
    "whether it was posted cannot be made sure, for the account has too many newer posts: look for it, and"
    " drop this delivery if it is there, or retry it if it is not"
)


def publish(setup: Setup, delivery: Delivery, clock: AttemptClock) -> Outcome:
    """Make the post of `delivery`, unless it is there."""
    receipt = receipt_in(delivery.receipt)
    doubt = doubt_of(delivery, receipt.doubt, clock.start) if delivery.may_have_arrived else None
    composed = setup.compose(delivery)
    if isinstance(composed, Outcome):
        return noted(composed, receipt, doubt)
    post, limits = composed
    receipt, settled = _look(setup, delivery, receipt, doubt, post, clock)
    if settled is not None:
        return settled
    if wrong := unfit(post):
        return noted(wrong, receipt)
    attached = setup.attach(delivery, post.picture, limits, receipt.media)
    if isinstance(attached, Held):
        return noted(attached.outcome, replace(receipt, media=attached.upload), doubt)
    receipt = replace(receipt, media=attached.upload)
    return _make(setup, delivery, receipt, post, attached, clock)


def _look(
    setup: Setup, delivery: Delivery, receipt: Receipt, doubt: Doubt | None, post: Post, clock: AttemptClock
) -> tuple[Receipt, Outcome | None]:
    """What is there already; the outcome is None if a post is to be made."""
    if receipt.status:
        is_there = _is_there(setup, receipt)
        if isinstance(is_there, Outcome):
            return receipt, noted(is_there, receipt, doubt)
        receipt = Receipt(gone=True, keys=receipt.keys, doubt=receipt.doubt)
    if receipt.gone and delivery.attempt == 1:
        return receipt, None  # what may have arrived is what was deleted
    if doubt is None and (delivery.generation == 1 or receipt.gone):
        return receipt, None
    found = setup.find(delivery, receipt, post.text, clock)
    if found is None and doubt is not None:
        return receipt, not_found(receipt, doubt, clock.time())
    if found is Lost.AMONG_TOO_MANY and doubt is not None and not receipt.asked:
        return receipt, noted(Refused(reason=TOO_MANY), replace(receipt, asked=True))
    if isinstance(found, Outcome):
        return receipt, noted(found, receipt, doubt)
    if isinstance(found, dict):
        return receipt, noted(Sent(reason=FOUND), adopted(found))
    return receipt, None


def _is_there(setup: Setup, receipt: Receipt) -> Outcome | None:
    """Look for the post that was made in an earlier generation; None: it is gone."""
    answer = asked(lambda: setup.api.show(receipt.status))
    if isinstance(answer, Outcome):
        return answer
    if is_success(answer):
        return Sent(reason="its post is still there; delete that to have it announced anew", answer=answer)
    return None if answer.status in {404, 410} else of_read(answer, "read:statuses")


def _make(
    setup: Setup, delivery: Delivery, receipt: Receipt, post: Post, attached: Attached, clock: AttemptClock
) -> Outcome:
    """Ask for the post, once."""
    media = [attached.upload.id] if attached.upload else []
    key = key_of(setup.options.name, delivery, receipt)
    setup.api.allow(setup.options.timeout.total_seconds())
    answer = told(lambda: setup.api.create(post.created(media), key))
    if isinstance(answer, Outcome):
        return noted(answer, receipt, new_doubt(delivery, clock.time()))
    said = answer.json() if is_success(answer) else None
    if isinstance(said, dict) and isinstance(said.get("id"), str):
        return _made(delivery, post, attached, answer)
    return _not_made(setup, delivery, receipt, answer, attached.upload, clock)


def _made(delivery: Delivery, post: Post, attached: Attached, answer: Answer) -> Outcome:
    said, picture = answer.json(), attached.picture
    receipt = Receipt(
        status=said["id"],
        url=address(said),
        # A key that was asked for before may have brought back a post of then, with the words of then.
        digest="" if delivery.may_have_arrived else post.digest(picture),
        picture=picture.url if picture else "",
        picture_text=picture.text if picture else "",
    )
    return noted(Sent(reason=attached.note, answer=answer, after=wish(answer)), receipt)


def _not_made(
    setup: Setup,
    delivery: Delivery,
    receipt: Receipt,
    answer: Answer,
    upload: Upload | None,
    clock: AttemptClock,
) -> Outcome:
    """Why there is no post, or perhaps none; and what the next attempt has to do otherwise."""
    if answer.status == 404 or is_known_key(answer):
        # The server knows our key, but has lost the post that was made with it (Mastodon), or does not say
        # which it was (Pixelfed). Or it knows neither the upload nor this address. All of this shows in the
        # next attempt, which looks for the post, and asks with another key if there is none.
        said = f"answered {answer.status}: perhaps it was posted before; looked for before it is posted again"
        changed = replace(receipt, keys=receipt.keys + 1, media=None)
        return noted(Unclear(reason=said, answer=answer), changed, new_doubt(delivery, clock.time()))
    if answer.status in {400, 422} and upload is not None:
        trouble = trouble_with(setup, upload, answer)
        if trouble is not None:
            renewed = new_doubt(delivery, clock.time()) if delivery.may_have_arrived else None
            return noted(trouble.outcome, replace(receipt, media=trouble.upload), renewed)
    return noted(of_write(answer), receipt, new_doubt(delivery, clock.time()))


def trouble_with(setup: Setup, upload: Upload, answer: Answer) -> Held | None:
    """What is wrong with an upload, where a post with it was refused; None: it is not the upload."""
    setup.api.allow(setup.options.timeout.total_seconds())
    state = setup.desk.state(upload)
    if isinstance(state, Answer):
        if state.status != 206 and "process" not in answer.text.lower():
            return None
        said = "the server is still working on its picture"
        return Held(Retry(reason=said, answer=answer), upload)
    if state.target is not None:
        return Held(state.target, upload)
    if not state.for_good:
        return Held(Retry(reason=f"its picture: {state.reason}", answer=answer), upload)
    return Held(Retry(reason="its upload is no longer known; made anew", answer=answer))


def is_known_key(answer: Answer) -> bool:
    """Whether a server refuses a key that it has seen, instead of giving back the post (Pixelfed)."""
    return answer.status in {400, 409, 422} and "idempotency" in answer.text.lower()
