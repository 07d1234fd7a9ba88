"""What went wrong with an object store, in words that lead on. Pure.

The library tells all in the text of its errors: the status that the store answered with and the store's code
for the reason. What else is in there (addresses, and what the store says) is told to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

KEYS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"

# The codes of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html that lead somewhere
_HINTS: Mapping[str, str] = {
    "AccessDenied": "allow its key GetObject, PutObject, DeleteObject and ListBucket there",
    "AuthorizationHeaderMalformed": "check AWS_REGION",
    "ExpiredToken": "renew AWS_SESSION_TOKEN",
    "InvalidAccessKeyId": KEYS,
    "InvalidToken": "check AWS_SESSION_TOKEN",
    "NoSuchBucket": "create the bucket, or check `feeds.path` and AWS_ENDPOINT_URL",
    "NotImplemented": "it has to know conditional writes (If-Match and If-None-Match)",
    "PermanentRedirect": "check AWS_REGION",
    "RequestTimeTooSkewed": "set this machine's clock",
    "SignatureDoesNotMatch": KEYS,
}
_BY_STATUS: Mapping[int, str] = {
    301: "check AWS_REGION",
    401: KEYS,
    403: f"{KEYS}, and what that key may do there",
}
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")


class Trouble(Exception):  # noqa: N818 - what it is to those who read of it
    """A store that did not do what it was asked: what happened, and what to do."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(f"{what}: {hint}")
        self.what = what
        self.hint = hint


def code_in(error: BaseException) -> str:
    """The store's own word for what is wrong; "" if it said none."""
    found = _CODE.search(str(error))
    return found[1] if found else ""


def trouble_of(error: BaseException, endpoint: str) -> Trouble:
    """One of the library's errors in our words; `endpoint` is where the store is."""
    text, code = str(error), code_in(error)
    if (
        "/latest/api/token" in text or "/latest/meta-data" in text
    ):  # where a machine in a cloud finds its role
        return Trouble("there is no key for the store", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    found = _STATUS.search(text)
    if found is None:
        return _without_answer(text, endpoint)
    status = int(found[1])
    hint = _HINTS.get(code) or _BY_STATUS.get(status)
    said = f"the store at {endpoint} answered {status}" + (f" ({code})" if code else "")
    if hint is None:
        hint = "its operator knows more" if status < 500 else "if that lasts, see whether the store is well"
    return Trouble(said, hint)


def _without_answer(text: str, endpoint: str) -> Trouble:
    """No answer came, or none that could be read."""
    if "kind: Timeout" in text:
        return Trouble(f"the store at {endpoint} did not answer in time", "see whether it is well")
    if "dns error" in text:
        return Trouble(f"nobody knows the host of the store at {endpoint}", "check AWS_ENDPOINT_URL")
    if "certificate" in text:
        hint = "check AWS_ENDPOINT_URL, and the certificates of this machine"
        return Trouble(f"the certificate of the store at {endpoint} is not trusted", hint)
    return Trouble(
        f"the store at {endpoint} cannot be reached", "check AWS_ENDPOINT_URL, and whether it runs"
    )
