"""Trying an account online, without anything that its readers would see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feedbot.attempt import Answer, Check, Outcome
from feedbot.targets.mastodon.account import Me
from feedbot.targets.mastodon.answers import is_success
from feedbot.targets.mastodon.api import asked

if TYPE_CHECKING:
    from feedbot.targets.mastodon.setup import Setup

NEEDED = ("write:statuses", "write:media", "read:statuses", "read:accounts")


def checks(setup: Setup) -> list[Check]:
    """Credentials, scopes, limits; the first that fails for want of a server or a token is the last."""
    me = setup.account.me()
    if not isinstance(me, Me):
        return [Check(what="credentials", is_fine=False, said=me.reason)]
    return [_credentials(me), *_scopes(setup), _limits(setup)]


def _credentials(me: Me) -> Check:
    said = f"signed in as @{me.name}"
    if not me.is_bot:
        said += "; mark the account as automated in its profile, so that people know"
    return Check(what="credentials", is_fine=True, said=said)


def _scopes(setup: Setup) -> list[Check]:
    posts = setup.account.newest()
    if isinstance(posts, Outcome):
        said = f"own posts cannot be read, and so not looked for after an unclear answer: {posts.reason}"
        return [Check(what="scopes", is_fine=False, said=said)]
    found = [Check(what="scopes", is_fine=True, said="own posts can be read")]
    granted = _granted(setup)
    if granted is not None and (lacking := [scope for scope in NEEDED if not _covers(granted, scope)]):
        said = f"the application may not: {', '.join(lacking)}; make one with these scopes, and a new token"
        found.append(Check(what="scopes", is_fine=False, said=said))
    return found


def _granted(setup: Setup) -> list[str] | None:
    """The scopes of the application; None where the server does not tell them (Mastodon before 4.3)."""
    answer = asked(setup.api.app)
    said = answer.json() if isinstance(answer, Answer) and is_success(answer) else None
    scopes = said.get("scopes") if isinstance(said, dict) else None
    scopes = scopes.split() if isinstance(scopes, str) else scopes
    return [scope for scope in scopes if isinstance(scope, str)] if isinstance(scopes, list) else None


def _covers(granted: list[str], scope: str) -> bool:
    broad = scope.partition(":")[0]
    return scope in granted or broad in granted or (scope == "read:accounts" and "profile" in granted)


def _limits(setup: Setup) -> Check:
    limits = setup.account.limits()
    if isinstance(limits, Outcome):
        return Check(what="limits", is_fine=False, said=limits.reason)
    said = f"{limits.characters:,} characters, {limits.counting}; {limits.pictures} pictures"
    if not limits.told_by:
        said = f"the server does not tell its limits; assumed: {said}"
    return Check(what="limits", is_fine=True, said=said)
