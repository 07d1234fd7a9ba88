"""The endpoints of a server that speaks Mastodon's language, as one account sees them.

JSON bodies for all but uploads, never a null, no redirect followed, ids as they are. Says what was answered,
and not what that means for a post. Raises what `http.Client` raises. https://docs.joinmastodon.org/methods/
"""

from __future__ import annotations

import re
from collections.abc import Callable
from time import monotonic
from typing import Any
from urllib.parse import quote, urlencode

from feedbot.attempt import Answer, Outcome, Retry
from feedbot.targets.http import Client, NoAnswer, NotSent, failed, json_body
from feedbot.targets.pictures import Picture

LEAST = 0.05  # seconds that a request has even when the time is up, so that it fails as requests fail
JSON = {"Content-Type": "application/json"}


class Api:
    """The requests of one account. `base_url` ends in a slash; `timeout` is in seconds."""

    def __init__(self, client: Client, base_url: str, token: str, timeout: float) -> None:
        self._client = client
        self._base = base_url
        self._auth = {"Authorization": f"Bearer {token}"}
        self._timeout = timeout
        self._end = monotonic() + timeout

    def allow(self, seconds: float) -> None:
        """Let the requests from now on take so long in all."""
        self._end = monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left of what was allowed."""
        return max(0.0, self._end - monotonic())

    @property
    def seconds(self) -> float:
        """How long the next request may take."""
        return max(LEAST, min(self._timeout, self.left))

    def instance(self, version: str) -> Answer:
        """What the server says of itself; `version` is "v2" or "v1"."""
        return self._call("GET", f"api/{version}/instance")

    def me(self) -> Answer:
        """The account that the token belongs to: needs read:accounts or profile."""
        return self._call("GET", "api/v1/accounts/verify_credentials")

    def app(self) -> Answer:
        """The application that the token was given to; Mastodon 4.3 tells its scopes."""
        return self._call("GET", "api/v1/apps/verify_credentials")

    def statuses(self, account: str, *, limit: int, before: str = "", signed: bool = True) -> Answer:
        """The newest posts of an account, or those before an id: needs read:statuses, if it is `signed`."""
        query = {"limit": limit, "exclude_reblogs": "true", **({"max_id": before} if before else {})}
        path = f"api/v1/accounts/{quote(account, safe='')}/statuses?{urlencode(query)}"
        return self._call("GET", path, signed=signed)

    def create(self, post: dict[str, Any], key: str) -> Answer:
        """Make a post, on some servers only one for each `key`: needs write:statuses."""
        return self._call("POST", "api/v1/statuses", post, {"Idempotency-Key": key})

    def edit(self, status: str, post: dict[str, Any]) -> Answer:
        """Replace a post: needs write:statuses."""
        return self._call("PUT", _status(status), post)

    def delete(self, status: str) -> Answer:
        """Delete a post: needs write:statuses."""
        return self._call("DELETE", _status(status))

    def show(self, status: str) -> Answer:
        """A post as it is: needs read:statuses."""
        return self._call("GET", _status(status))

    def source(self, status: str) -> Answer:
        """The text that a post was made of: needs read:statuses."""
        return self._call("GET", f"{_status(status)}/source")

    def upload(self, picture: Picture, description: str) -> Answer:
        """Upload a picture: needs write:media."""
        name = f"picture.{re.sub('[^a-z0-9]', '', picture.media_type.partition('/')[2])}"
        return self._client.request(
            "POST",
            f"{self._base}api/v2/media",
            headers=self._auth,
            files={"file": (name, picture.data, picture.media_type)},
            data={"description": description} if description else None,
            timeout=self.seconds,
        )

    def media(self, upload: str) -> Answer:
        """How far an upload is: needs write:media."""
        return self._call("GET", f"api/v1/media/{quote(upload, safe='')}")

    def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        *,
        signed: bool = True,
    ) -> Answer:
        return self._client.request(
            method,
            self._base + path,
            body=None if body is None else json_body(body),
            headers={**(self._auth if signed else {}), **(JSON if body else {}), **(headers or {})},
            timeout=self.seconds,
        )


def _status(id_: str) -> str:
    return f"api/v1/statuses/{quote(id_, safe='')}"


def asked(request: Callable[[], Answer]) -> Answer | Outcome:
    """The answer to a question, or why there is none: nothing was posted by it."""
    try:
        return request()
    except NotSent as error:
        return failed(error)
    except NoAnswer as error:
        return Retry(reason=str(error), answer=error.answer)


def told(request: Callable[[], Answer]) -> Answer | Outcome:
    """The answer to what changes something, or what is known without one."""
    try:
        return request()
    except (NotSent, NoAnswer) as error:
        return failed(error)
