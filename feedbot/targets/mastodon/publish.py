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
from feedbot.targets.mastodon.receipt import Doubt, Receipt, doubt_of
from feedbot.targets.mastodon.setup import (
    Attached,
    Attempt,
    Held,
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


def publish(attempt: Attempt) -> Outcome:
    """Make the post of the article, unless it is there."""
    delivery, receipt = attempt.delivery, attempt.receipt
    doubt = doubt_of(delivery, receipt.doubt, attempt.start) if delivery.may_have_arrived else None
    composed = attempt.compose()
    if isinstance(composed, Outcome):
        return noted(composed, receipt, doubt)
    post, limits = composed
    receipt, outcome = _look(attempt, doubt, post)
    if outcome is not None:
        return outcome
    if wrong := unfit(post):
        return noted(wrong, receipt)
    attached = attempt.attach(post.picture, limits, receipt.media)
    if isinstance(attached, Held):
        return noted(attached.outcome, replace(receipt, media=attached.upload), doubt)
    receipt = replace(receipt, media=attached.upload)
    return _make(attempt, receipt, post, attached)


def _look(attempt: Attempt, doubt: Doubt | None, post: Post) -> tuple[Receipt, Outcome | None]:
    """What is there already; the outcome is None if a post is to be made."""
    delivery, receipt = attempt.delivery, attempt.receipt
    if receipt.status:
        is_there = _is_there(attempt)
        if isinstance(is_there, Outcome):
            return receipt, noted(is_there, receipt, doubt)
        receipt = Receipt(gone=True, keys=receipt.keys, doubt=receipt.doubt)
    if receipt.gone and delivery.attempt == 1:
        return receipt, None  # what may have arrived is what was deleted
    if doubt is None and (delivery.generation == 1 or receipt.gone):
        return receipt, None
    found = attempt.find(post.text)
    if found is None and doubt is not None:
        return receipt, not_found(receipt, doubt, attempt.now())
    if found is Lost.AMONG_TOO_MANY and doubt is not None and not receipt.asked:
        return receipt, noted(Refused(reason=TOO_MANY), replace(receipt, asked=True))
    if isinstance(found, Outcome):
        return receipt, noted(found, receipt, doubt)
    if isinstance(found, dict):
        return receipt, noted(Sent(reason=FOUND), adopted(found))
    return receipt, None


def _is_there(attempt: Attempt) -> Outcome | None:
    """Look for the post that was made in an earlier generation; None: it is gone."""
    answer = asked(lambda: attempt.api.show(attempt.receipt.status))
    if isinstance(answer, Outcome):
        return answer
    if is_success(answer):
        return Sent(reason="its post is still there; delete that to have it announced anew", answer=answer)
    return None if answer.status in {404, 410} else of_read(answer, "read:statuses")


def _make(attempt: Attempt, receipt: Receipt, post: Post, attached: Attached) -> Outcome:
    """Ask for the post, once."""
    media = [attached.upload.id] if attached.upload else []
    key = key_of(attempt.setup.options.name, attempt.delivery, receipt)
    attempt.allow()
    answer = told(lambda: attempt.api.create(post.created(media), key))
    if isinstance(answer, Outcome):
        return noted(answer, receipt, attempt.doubt())
    said = answer.json() if is_success(answer) else None
    if isinstance(said, dict) and isinstance(said.get("id"), str):
        return _made(attempt.delivery, post, attached, answer)
    return _not_made(attempt, receipt, answer, attached.upload)


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


def _not_made(attempt: Attempt, receipt: Receipt, answer: Answer, upload: Upload | None) -> Outcome:
    """Why there is no post, or perhaps none; and what the next attempt has to do otherwise."""
    if answer.status == 404 or is_known_key(answer):
        # The server knows our key, but has lost the post that was made with it (Mastodon), or does not say
        # which it was (Pixelfed). Or it knows neither the upload nor this address. All of this shows in the
        # next attempt, which looks for the post, and asks with another key if there is none.
        said = f"answered {answer.status}: perhaps it was posted before; looked for before it is posted again"
        changed = replace(receipt, keys=receipt.keys + 1, media=None)
        return noted(Unclear(reason=said, answer=answer), changed, attempt.doubt())
    if answer.status in {400, 422} and upload is not None:
        trouble = trouble_with(attempt, upload, answer)
        if trouble is not None:
            renewed = attempt.doubt() if attempt.delivery.may_have_arrived else None
            return noted(trouble.outcome, replace(receipt, media=trouble.upload), renewed)
    return noted(of_write(answer), receipt, attempt.doubt())


def trouble_with(attempt: Attempt, upload: Upload, answer: Answer) -> Held | None:
    """What is wrong with an upload, where a post with it was refused; None: it is not the upload."""
    attempt.allow()
    state = attempt.setup.desk.state(upload)
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
