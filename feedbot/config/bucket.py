"""The bucket that `feeds.path` can name, and how it is reached.

The bucket stands in the file. How it is reached is told by the variables that all programs for such stores
know, so that no key has to stand anywhere; each of them can be a file that NAME_FILE names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from msgspec import Struct, field
from pydantic import SecretStr

from feedbot.config.addresses import is_local
from feedbot.config.problems import Problem
from feedbot.config.values import wrong
from feedbot.config.variables import Unknown, Variables

SCHEME = "s3://"
ENDPOINT = "AWS_ENDPOINT_URL"
KEY_ID = "AWS_ACCESS_KEY_ID"
SECRET = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - its name
TOKEN = "AWS_SESSION_TOKEN"  # noqa: S105 - its name
REGION = "AWS_REGION"
ALLOW_HTTP = "AWS_ALLOW_HTTP"
NAMES = (ENDPOINT, KEY_ID, SECRET, TOKEN, REGION, ALLOW_HTTP)

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")  # none is hidden, and none leads upwards


class BucketAddress(Struct, frozen=True):
    """A bucket, and the prefix below which feeds lie in it: without slashes at its ends, "" for none."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return SCHEME + "/".join(filter(None, [self.bucket, self.prefix]))


class BucketAccess(Struct, frozen=True, kw_only=True):
    """How a bucket is reached. What is "" is left to what else the environment says, such as a role."""

    endpoint: str = ""
    key_id: str = ""
    secret: SecretStr = field(default_factory=lambda: SecretStr(""))
    token: SecretStr = field(default_factory=lambda: SecretStr(""))
    region: str = ""
    allow_http: bool = False


def bucket_address(value: str) -> BucketAddress:
    """The address in `s3://BUCKET/PREFIX`. Raises `wrong(...)`."""
    bucket, _, prefix = value.removeprefix(SCHEME).partition("/")
    if "@" in bucket or ":" in bucket:
        raise wrong("must not hold a key or a port", f"those go into {KEY_ID}, {SECRET} and {ENDPOINT}")
    if not _BUCKET.fullmatch(bucket):
        raise wrong(
            "must name a bucket: lower case letters, digits, dots, hyphens", "such as s3://news/feeds"
        )
    prefix = prefix.removesuffix("/")
    if prefix and not all(map(_SEGMENT.fullmatch, prefix.split("/"))):
        raise wrong(
            "must have a prefix of letters, digits, hyphens and dots between single slashes",
            f"such as {SCHEME}{bucket}/feeds",
        )
    return BucketAddress(bucket, prefix)


def bucket_access(variables: Variables) -> tuple[BucketAccess, list[Problem]]:
    """What the environment says of reaching buckets, and what is wrong with it."""
    found: dict[str, str] = {}
    problems = []
    for name in NAMES:
        try:
            found[name] = (variables.get(name) or "").strip()
        except Unknown as unknown:
            problems.append(_problem(name, *unknown.args))
    if not problems:
        problems = list(_flaws(found))
    access = BucketAccess(
        endpoint=found.get(ENDPOINT, "").rstrip("/"),
        key_id=found.get(KEY_ID, ""),
        secret=SecretStr(found.get(SECRET, "")),
        token=SecretStr(found.get(TOKEN, "")),
        region=found.get(REGION, ""),
        allow_http=_is_yes(found.get(ALLOW_HTTP, "")) or _is_here(found.get(ENDPOINT, "")),
    )
    return access, problems


def _flaws(found: dict[str, str]) -> Iterator[Problem]:
    for name, other in ((KEY_ID, SECRET), (SECRET, KEY_ID)):
        if found[name] and not found[other]:
            yield _problem(other, f"is missing, while {name} is set", "a key has both parts")
    if not (endpoint := found[ENDPOINT]):
        return
    if not re.fullmatch(r"https?://[^/\s?#@]+(/[^\s?#]*)?", endpoint) or _host(endpoint) is None:
        hint = "such as https://s3.example.com"
        yield _problem(ENDPOINT, "must be the http or https address of a store, without a key", hint)
    elif endpoint.startswith("http:") and not (_is_here(endpoint) or _is_yes(found[ALLOW_HTTP])):
        hint = f"write https://, or set {ALLOW_HTTP}=true in a network that nobody else is in"
        yield _problem(ENDPOINT, "has http, which everybody on the way can read and change", hint)


def _problem(name: str, what: str, hint: str) -> Problem:
    return Problem(file=f"{name} in the environment", what=what, hint=hint)


def _is_yes(value: str) -> bool:
    return value.lower() in {"1", "true", "yes", "on"}


def _is_here(endpoint: str) -> bool:
    return is_local(_host(endpoint) or "")


def _host(endpoint: str) -> str | None:
    try:
        parts = urlsplit(endpoint)
        is_possible = parts.port != 0
    except ValueError:
        return None
    return parts.hostname if is_possible else None
