"""Objects below one prefix of a bucket: each is put and fetched whole. The only importer of obstore.

A put names what it expects to replace, and the store refuses it when something else is there (If-Match and
If-None-Match of RFC 9110, which S3 and most stores like it understand). A store that ignores these
conditions still works, for one writer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from feedbot import __version__
from feedbot.errors import ConfigError
from feedbot.places.bucket.trouble import Trouble, code_in, trouble_of

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store

    from feedbot.config import BucketAccess, BucketAddress

PATIENCE = timedelta(seconds=20)  # for one answer
CONNECT = timedelta(seconds=5)
TRIES = 3  # more, of requests that failed in a way that may pass
PAGE = 1000  # objects that one answer of a listing names, at most


class Object(NamedTuple):
    """An object as it was fetched."""

    body: bytes
    e_tag: str
    modified: datetime
    headers: Mapping[str, str]


class Unchanged(Enum):
    """The answer to somebody who has what is there already."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


class Objects:
    """The objects below `address`, by their path there. Every method may raise Trouble."""

    def __init__(
        self,
        address: BucketAddress,
        access: BucketAccess,
        *,
        patience: timedelta = PATIENCE,
        tries: int = TRIES,
    ) -> None:
        """`patience` is how long one answer may take. Raises ConfigError where the library is missing."""
        try:
            import obstore  # noqa: PLC0415 - an extra, which only buckets need
        except ImportError as error:
            needed = "a bucket needs the extra `s3`: install feedbot with it, or `pip install obstore`"
            raise ConfigError(needed) from error
        self._obstore = obstore
        self._address = address
        self.endpoint = access.endpoint or "Amazon S3"
        self._store = _open(address, access, patience, tries)

    def put(self, path: str, body: bytes, headers: Mapping[str, str], *, expected: str) -> str | None:
        """Put `body` at `path` if what is there is `expected`; "" expects that nothing is.

        Returns what the store calls the new content, or None if something else was there, and is there still.
        """
        exceptions = self._obstore.exceptions
        with self._told():
            try:
                result = self._obstore.put(
                    self._store,
                    path,
                    body,
                    attributes=dict(headers),
                    mode={"e_tag": f'"{expected}"'} if expected else "create",
                    use_multipart=False,
                )
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as error:
                if code_in(error) == "NoSuchBucket":
                    raise
                return None
        return _plain(result["e_tag"])

    def get(self, path: str, *, known: str = "") -> Object | Literal[Unchanged.UNCHANGED] | None:
        """What is at `path`, or None; UNCHANGED if it is `known`."""
        with self._told():
            try:
                options = {"if_none_match": f'"{known}"'} if known else {}
                result = self._obstore.get(self._store, path, options=options)  # type: ignore[arg-type] # of the same keys
                body, meta = bytes(result.bytes()), result.meta
            except self._obstore.exceptions.NotModifiedError:
                return UNCHANGED
            except FileNotFoundError as error:
                if code_in(error) == "NoSuchBucket":
                    raise
                return None
            except ValueError:
                return None  # not a path that an object of ours can have
        return Object(body, _plain(meta["e_tag"]), meta["last_modified"], result.attributes)

    def list_all(self) -> dict[str, str] | None:
        """What the store calls the content of every object, by path.

        None if there are objects whose names the library cannot read, as those with two slashes in a row:
        nobody can tell then what comes after them.
        """
        with self._told():
            try:
                return {
                    found["path"]: _plain(found["e_tag"])
                    for page in self._obstore.list(self._store, chunk_size=PAGE)
                    for found in page
                }
            except self._obstore.exceptions.InvalidPathError:
                return None

    def names_in(self, path: str) -> list[str]:
        """The names just below `path`, in order; none of them if one cannot be read, as in `list_all`."""
        with self._told():
            try:
                found = self._obstore.list_with_delimiter(self._store, path or None)
            except self._obstore.exceptions.InvalidPathError:
                return []
        paths = [*found["common_prefixes"], *(one["path"] for one in found["objects"])]
        return sorted({one.rpartition("/")[2] for one in paths})

    def delete(self, paths: Sequence[str]) -> None:
        """Remove objects; those that are not there are no trouble."""
        with self._told():
            if paths:
                self._obstore.delete(self._store, paths)

    def shown(self, path: str) -> str:
        """An object as the operator knows it."""
        return f"{self._address}/{path}"

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Let what the library raises be told in our words."""
        try:
            yield
        except (self._obstore.exceptions.BaseError, OSError) as error:
            raise trouble_of(error, self.endpoint) from error


def _open(address: BucketAddress, access: BucketAccess, patience: timedelta, tries: int) -> S3Store:
    """The library's store; what is not given here it finds in the environment, as a role or a certificate."""
    from obstore.store import S3Store  # noqa: PLC0415 - as above

    given = {
        "endpoint": access.endpoint,
        "access_key_id": access.key_id,
        "secret_access_key": access.secret.get_secret_value(),
        "session_token": access.token.get_secret_value(),
        "region": access.region,
    }
    config: S3Config = {name: value for name, value in given.items() if value}  # type: ignore[assignment] # its keys
    return S3Store(
        address.bucket,
        prefix=address.prefix or None,
        config=config,
        client_options={
            "allow_http": access.allow_http,
            "connect_timeout": min(CONNECT, patience),
            "timeout": patience,
            "user_agent": f"feedbot/{__version__}",
        },
        retry_config={
            "max_retries": tries,
            "retry_timeout": 2 * patience,
            "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2)},
        },
    )


def _plain(e_tag: str | None) -> str:
    """A tag without its quotes, which some stores leave away in listings."""
    return (e_tag or "").removeprefix("W/").strip('"')


__all__ = ["UNCHANGED", "Object", "Objects", "Trouble", "Unchanged"]
