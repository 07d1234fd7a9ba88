"""Changing and deleting the post of an article. Both do no harm when they are repeated.

Only a post that is known to be ours is touched: by its receipt, or because it is the one that an earlier
attempt may have made. A post that somebody has deleted is forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from feedbot.attempt import Answer, Outcome, Refused, Sent, Skipped
from feedbot.targets.http import wish
from feedbot.targets.mastodon.answers import is_success, of_read, of_write
from feedbot.targets.mastodon.api import asked, told
from feedbot.targets.mastodon.post import Post, Wanted
from feedbot.targets.mastodon.publish import trouble_with
from feedbot.targets.mastodon.receipt import Receipt, doubt_of
from feedbot.targets.mastodon.setup import Attached, Attempt, Held, adopted, not_found, noted, unfit

if TYPE_CHECKING:
    from feedbot.model import JsonObject
    from feedbot.targets.mastodon.account import Lost
    from feedbot.targets.mastodon.instance import Limits

GONE = Receipt(gone=True)
DELETED = "its post was deleted"
NONE = "no post of it is there"
_CANNOT_EDIT = (
    "the server does not change posts (Mastodon does from 3.5 on), or it was deleted just now; with"
    " `on_update: ignore` posts are left as they are"
)


def update(attempt: Attempt) -> Outcome:
    """Replace the post of the article, if it would say something else."""
    receipt, posted = attempt.receipt, attempt.delivery.posted
    if receipt.gone:
        return Skipped(reason=DELETED)
    if posted is not None and attempt.start - posted > attempt.setup.options.edit_window:
        return Skipped(reason="it was posted too long ago to be changed (edit_window)")
    composed = attempt.compose()
    if isinstance(composed, Outcome):
        return composed
    post, limits = composed
    if not receipt.status:
        found = attempt.find(post.text)
        if not isinstance(found, dict):
            return found if isinstance(found, Outcome) else Skipped(reason=NONE)
        receipt = adopted(found)
    if receipt.digest == post.digest(post.picture):
        return Skipped(reason="its post would say the same")
    return unfit(post) or _change(attempt, receipt, post, limits)


def _change(attempt: Attempt, receipt: Receipt, post: Post, limits: Limits) -> Outcome:
    shown = asked(lambda: attempt.api.show(receipt.status))
    if isinstance(shown, Outcome):
        return shown
    if shown.status in {404, 410}:
        return noted(Sent(reason="its post was deleted on the server; it is forgotten", answer=shown), GONE)
    media = media_of(shown.json()) if is_success(shown) else None
    if media is None:
        return of_read(shown, "read:statuses")
    pictured = _picture(attempt, receipt, post, limits, media)
    if isinstance(pictured, Held):
        return noted(pictured.outcome, replace(receipt, media=pictured.upload))
    attached, body = pictured
    digest = post.digest(attached.picture)
    if receipt.digest == digest:
        return Skipped(reason=f"its post would say the same, {attached.note}".rstrip(", "))
    changed = replace(
        receipt,
        digest=digest,
        picture=attached.picture.url if attached.picture else "",
        picture_text=attached.picture.text if attached.picture else "",
        media=None,
    )
    return _put(attempt, replace(receipt, media=attached.upload), changed, post, attached, body)


def _picture(
    attempt: Attempt, receipt: Receipt, post: Post, limits: Limits, media: list[str]
) -> tuple[Attached, dict[str, Any]] | Held:
    """The picture of the changed post, and what the request has to say of it.

    What hangs on the post stays, unless the article has another picture, or none any more.
    """
    wanted = post.picture
    was = Wanted(receipt.picture, receipt.picture_text) if receipt.picture else None
    if wanted is None:
        return Attached(), {"media_ids": [] if was else media}
    is_same = was.url == wanted.url if was else not receipt.digest
    if media and is_same:
        described = [{"id": media[0], "description": wanted.text}] if was and was.text != wanted.text else []
        return Attached(picture=wanted), {
            "media_ids": media,
            **({"media_attributes": described} if described else {}),
        }
    attached = attempt.attach(wanted, limits, receipt.media)
    if isinstance(attached, Held):
        return attached
    if attached.upload is None:
        return replace(attached, picture=was), {"media_ids": media}
    return attached, {"media_ids": [attached.upload.id]}


def _put(
    attempt: Attempt,
    receipt: Receipt,
    changed: Receipt,
    post: Post,
    attached: Attached,
    body: dict[str, Any],
) -> Outcome:
    attempt.allow()
    answer = told(lambda: attempt.api.edit(receipt.status, {**post.edited([]), **body}))
    if isinstance(answer, Outcome):
        return noted(answer, receipt)
    if is_success(answer):
        return noted(Sent(reason=attached.note, answer=answer, after=wish(answer)), changed)
    if answer.status in {404, 405, 501}:
        return Refused(reason=_CANNOT_EDIT, answer=answer)
    if answer.status in {400, 422}:
        if attached.upload is not None and (trouble := trouble_with(attempt, attached.upload, answer)):
            return noted(trouble.outcome, replace(receipt, media=trouble.upload))
        if _says_so_already(attempt, receipt, post):  # GoToSocial refuses a change that changes nothing
            return noted(Sent(reason="it says so already", answer=answer), changed)
    return noted(of_write(answer), receipt)


def _says_so_already(attempt: Attempt, receipt: Receipt, post: Post) -> bool:
    attempt.allow()
    answer = asked(lambda: attempt.api.source(receipt.status))
    said = answer.json() if isinstance(answer, Answer) and is_success(answer) else None
    if not isinstance(said, dict):
        return False
    pairs = ((said.get("text"), post.text), (said.get("spoiler_text"), post.warning))
    return all(str(there or "").split() == ours.split() for there, ours in pairs)


def withdraw(attempt: Attempt) -> Outcome:
    """Delete the post of the article."""
    receipt = attempt.receipt
    if receipt.gone:
        return Skipped(reason=DELETED)
    if not receipt.status:
        doubt = doubt_of(attempt.delivery, receipt.doubt, attempt.start)
        found = _of_earlier_attempt(attempt)
        if isinstance(found, Outcome):
            return noted(found, receipt, doubt)
        if not isinstance(found, dict):
            return not_found(receipt, doubt, attempt.now()) or Skipped(reason=NONE)
        receipt = adopted(found)
    attempt.allow()
    answer = told(lambda: attempt.api.delete(receipt.status))
    if isinstance(answer, Outcome):
        return noted(answer, receipt)
    if is_success(answer) or answer.status in {404, 410}:
        said = "" if is_success(answer) else "it was deleted already"
        return noted(Sent(reason=said, answer=answer, after=wish(answer)), GONE)
    return noted(of_write(answer), receipt)


def _of_earlier_attempt(attempt: Attempt) -> JsonObject | Lost | Outcome | None:
    """The post that an announcement may have made of which nobody knows what became."""
    composed = attempt.compose()
    return composed if isinstance(composed, Outcome) else attempt.find(composed[0].text)


def media_of(post: Any) -> list[str] | None:
    """The ids of what hangs on a post; None where that cannot be read."""
    hung = post.get("media_attachments") if isinstance(post, dict) else None
    if not isinstance(hung, list):
        return None
    return [one["id"] for one in hung if isinstance(one, dict) and isinstance(one.get("id"), str)]
