"""What a server's answers mean to a delivery, for each kind of request (posting handbook, 3.7). Pure.

Decided by the status, not by the wording: servers word things differently, and in several languages.
"""

from __future__ import annotations

from datetime import timedelta

from feedbot.attempt import Answer, Busy, Denied, Gone, Outcome, Refused, Retry, Unclear
from feedbot.targets.http import judge, wish
from feedbot.targets.http_status import quote, reason

LIMITED = timedelta(minutes=5)  # Mastodon's usual window, for a server that does not say when its limit ends


def is_success(answer: Answer) -> bool:
    """Any 2xx."""
    return 200 <= answer.status < 300


def of_read(answer: Answer, scope: str) -> Outcome:
    """Why a question got no useful answer; nothing was posted by it. `scope` is what it needs."""
    if is_success(answer):
        said = f"answered {answer.status} with something that is no answer of Mastodon's API; check base_url"
        return Retry(reason=said, answer=answer)
    if trouble := of_target(answer, scope):
        return trouble
    outcome = judge(answer)
    if isinstance(outcome, Refused | Gone):  # a question refused says nothing about the article
        return Retry(reason=outcome.reason, answer=answer)
    return outcome


def of_write(answer: Answer) -> Outcome:
    """Why a post was not made, changed or deleted, or may not have been."""
    if trouble := of_target(answer, "write:statuses"):
        return trouble
    if is_success(answer):
        said = f"answered {answer.status} in a way that cannot be read"
        return Unclear(reason=said, answer=answer)
    if answer.status >= 500 or answer.status in {408, 409, 423, 425}:
        said = f"{reason(answer)}; it may have been done all the same"
        return Unclear(reason=said, answer=answer, after=wish(answer))
    return Refused(reason=reason(answer), answer=answer)


def of_target(answer: Answer, scope: str) -> Outcome | None:
    """What concerns the target as a whole; None for what concerns one post or one request."""
    status = answer.status
    if status == 429:
        after = wish(answer) or answer.at + LIMITED
        return Busy(reason="the rate limit is used up", answer=answer, after=after)
    if status == 401:
        said = "the server does not accept the token, or has disabled the account; make a new token"
        return Denied(reason=_with_words(said, answer), answer=answer)
    if status == 403:
        said = f"the token may not do this: it needs the scope {scope}"
        return Denied(reason=_with_words(said, answer), answer=answer)
    if status in {406, 418}:
        said = f"answered {status}: the request itself is wrong, a fault of feedbot's; please report it"
        return Denied(reason=said, answer=answer)
    if 300 <= status < 400 or status in {404, 405, 407, 410, 421, 501}:
        said = f"{reason(answer)}; base_url is perhaps not the address of the server"
        return Denied(reason=said, answer=answer)
    return None


def _with_words(said: str, answer: Answer) -> str:
    words = quote(answer)
    return f"{said} ({words})" if words else said
