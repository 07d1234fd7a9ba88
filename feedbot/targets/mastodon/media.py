"""The picture of a post, from the article's site to the server: fetched, uploaded, waited for.

An upload that belongs to no post yet is used again by the next attempt. What happens to a post whose picture
cannot be had is not decided here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from feedbot.attempt import Answer, Outcome, Refused, Retry
from feedbot.targets.http import NoAnswer, NotSent, failed
from feedbot.targets.http_status import reason
from feedbot.targets.http_watch import Cut, Watch
from feedbot.targets.mastodon.answers import is_success, of_target
from feedbot.targets.mastodon.receipt import Upload
from feedbot.targets.pictures import Picture, PictureMissing, PictureRefused, fetch_picture

if TYPE_CHECKING:
    from feedbot.targets.mastodon.api import Api
    from feedbot.targets.mastodon.instance import Limits
    from feedbot.targets.mastodon.post import Wanted

PROCESSING = 30.0  # seconds that one attempt waits for a server to work on a picture

Fetch = Callable[..., Picture]


class Missing(Struct, frozen=True, kw_only=True):
    """Why there is no picture to attach."""

    reason: str  # fits behind "without its picture:"
    for_good: bool = False  # another try would come to the same
    upload: Upload | None = None  # to be asked for again
    target: Outcome | None = None  # set where the trouble is the target's, whatever is sent there
    scope: Outcome | None = None  # set where only uploading is not allowed


def without(missing: Missing, *, is_required: bool, is_first: bool) -> Outcome | None:
    """What becomes of a post whose picture is missing; None: it goes without.

    The first attempt gives a picture a second chance, moments later; no post waits longer for one that is not
    required.
    """
    if missing.target is not None:
        return missing.target
    if is_required:
        kind = Refused if missing.for_good else Retry
        return missing.scope or kind(
            reason=f"not posted without its picture, which is required: {missing.reason}"
        )
    if is_first and not missing.for_good:
        return Retry(reason=f"not posted yet without its picture: {missing.reason}")
    return None


class PictureDesk:
    """Brings pictures to one server, one at a time. `pause` is between two questions, in seconds."""

    def __init__(self, api: Api, *, fetch: Fetch = fetch_picture, pause: float = 1.0) -> None:
        self._api = api
        self._fetch = fetch
        self._pause = pause
        self._stopped = threading.Event()
        self._watch: Watch | None = None

    def bring(self, wanted: Wanted, limits: Limits, known: Upload | None) -> Upload | Missing:
        """An upload of `wanted` that can be attached; `known` is one that an earlier attempt left there."""
        if known is not None and (known.url, known.text) == (wanted.url, wanted.text):
            found = self._wait(known)
            if isinstance(found, Upload) or not found.for_good or found.scope:
                return found
        picture = self._fetched(wanted, limits)
        return picture if isinstance(picture, Missing) else self._uploaded(picture, wanted)

    def abort(self) -> None:
        """End what is under way, from another thread; requests of the API are ended elsewhere."""
        self._stopped.set()
        watch = self._watch
        if watch is not None:
            watch.end(Cut.STOPPED)

    def _fetched(self, wanted: Wanted, limits: Limits) -> Picture | Missing:
        self._watch = Watch(self._api.seconds)
        try:
            return self._fetch(
                wanted.url,
                timeout=self._api.seconds,
                max_bytes=limits.picture_bytes,
                max_pixels=limits.picture_pixels,
                types=limits.picture_types,
                watch=self._watch,
            )
        except PictureRefused as error:
            return Missing(reason=str(error), for_good=True)
        except PictureMissing as error:
            return Missing(reason=str(error))
        finally:
            self._watch = None

    def _uploaded(self, picture: Picture, wanted: Wanted) -> Upload | Missing:
        answer = self._asked(lambda: self._api.upload(picture, wanted.text))
        if isinstance(answer, Missing):
            return answer
        said = answer.json()
        id_ = said.get("id") if isinstance(said, dict) else None
        if not isinstance(id_, str) or not id_:
            return Missing(reason="the server answered the upload in a way that cannot be read")
        upload = Upload(id=id_, url=wanted.url, text=wanted.text)
        return self._wait(upload) if answer.status == 202 else upload

    def _wait(self, upload: Upload) -> Upload | Missing:
        """Ask until it is ready: 206 says not yet, 200 ready, 404 unknown or in use, 422 failed."""
        end, pause = monotonic() + min(PROCESSING, self._api.left), self._pause
        while True:
            answer = self.state(upload)
            if isinstance(answer, Missing):
                return answer if answer.for_good else replace(answer, upload=upload)
            if answer.status != 206:
                return upload
            if monotonic() + pause > end or self._stopped.wait(pause):
                return Missing(reason="the server is still working on it", upload=upload)
            pause = min(pause * 1.5, 5 * self._pause)

    def state(self, upload: Upload) -> Answer | Missing:
        """What the server says of an upload right now."""
        return self._asked(lambda: self._api.media(upload.id))

    def _asked(self, request: Callable[[], Answer]) -> Answer | Missing:
        """An answer that says yes, or what is in the way."""
        try:
            answer = request()
        except NotSent as error:
            return Missing(reason=str(error), target=failed(error))
        except NoAnswer as error:
            return Missing(reason=f"the upload: {error}")
        return answer if is_success(answer) else missing(answer)


def missing(answer: Answer) -> Missing:
    """What an error means that answers an upload, or a question for one."""
    said = f"the server {reason(answer)}"
    trouble = of_target(answer, "write:media")
    if trouble and answer.status in {401, 429}:
        return Missing(reason=said, target=trouble)
    if trouble and answer.status == 403:
        return Missing(reason=trouble.reason, for_good=True, scope=trouble)
    return Missing(reason=said, for_good=answer.status < 500 and answer.status not in {408, 425})
