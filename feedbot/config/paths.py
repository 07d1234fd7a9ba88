"""Where things lie: folders, the place of the feeds, the database. A path is relative to the file's folder.

Like the other values: functions that raise `wrong(what, hint)`, and types made of them. They are given that
folder as context, and do not look at what is there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
)

from feedbot.config.bucket import KEY_ID, SCHEME, SECRET, BucketAddress, bucket_address
from feedbot.config.values import one_or_more, wrong

_POSTGRESQL = {"postgres", "postgresql", "postgresql+psycopg"}


def _folder(info: ValidationInfo) -> Path:
    """The file's folder."""
    return (info.context or {}).get("folder") or Path.cwd()


def folder_path(value: object, info: ValidationInfo) -> Path:
    """A folder on this machine, as an absolute path."""
    if not isinstance(value, str) or not value:
        raise wrong("must be a path", "such as articles or /srv/articles")
    if "://" in value:
        raise wrong("must be a folder on this machine", "such as articles or /srv/articles")
    if "\0" in value:
        raise wrong("must be a path", "this one has a character that no path can have")
    return Path(os.path.abspath(_folder(info) / value))  # noqa: PTH100 - resolve() follows links, which may move


def output_place(value: object, info: ValidationInfo) -> Path | BucketAddress:
    """Where feeds go: a folder, or a bucket."""
    if isinstance(value, str) and value.startswith(SCHEME):
        return bucket_address(value)
    if isinstance(value, str) and ":/" in value:
        raise wrong("must be a folder, or a bucket as s3://BUCKET/PREFIX", _meant(value))
    return folder_path(value, info)


def _meant(value: str) -> str:
    """What somebody probably meant who wrote the address of a bucket in another way."""
    scheme, _, rest = value.partition(":")
    if scheme.lower() == "s3" and "@" in rest:  # a key, which is not to be repeated
        return f"a key goes into {KEY_ID} and {SECRET}"
    if scheme.lower() == "s3":
        return f"write {SCHEME}{rest.strip('/')}"
    if scheme.lower() in {"http", "https"}:
        return "the address of the store goes into AWS_ENDPOINT_URL"
    return "any store that speaks the language of S3 will do"


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # A second @ ends the password too early, and the rest of it would be told as the host. Both steps
        # read the host and may refuse it.
        return parts.netloc.count("@") < 2 and parts.port != 0
    except ValueError:
        return False


def database_address(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """The address as SQLAlchemy wants it, with an absolute path for SQLite."""
    url = value.get_secret_value().strip()
    scheme, separator, rest = url.partition("://")
    if scheme in _POSTGRESQL and separator and _is_address(url):
        return SecretStr(f"postgresql+psycopg://{rest}")
    given, question, query = rest.removeprefix("/").partition("?")
    name = unquote(given)
    if scheme != "sqlite" or not rest.startswith("/"):
        form = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
        has_login = scheme in _POSTGRESQL and "@" in rest
        quoted = ", with %40 for an @ in the password, %2F for a /" if has_login else ""
        raise wrong("must be a database address", form + quoted)
    if name in {"", ":memory:"} or "\0" in name:
        raise wrong("must name a file", "what was announced has to outlive the process")
    path = os.path.abspath(_folder(info) / name)  # noqa: PTH100 - as above
    return SecretStr(f"{file_address(path)}{question}{query}")


def file_address(path: str) -> str:
    """The address of the database in a file, in whose path two characters would mean something else."""
    return f"sqlite:///{path.replace('%', '%25').replace('?', '%3F')}"


def file_at(address: str) -> str | None:
    """The path in such an address; None for any other address."""
    scheme, separator, rest = address.partition(":///")
    return unquote(rest.partition("?")[0]) if scheme == "sqlite" and separator else None


FolderPath = Annotated[Path, PlainValidator(folder_path), WithJsonSchema({"type": "string", "title": "path"})]
OutputPath = Annotated[
    Path | BucketAddress,
    PlainValidator(output_place),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "title": "path or bucket", "examples": ["feeds", "s3://news/feeds"]}),
]
Paths = Annotated[tuple[FolderPath, ...], Field(min_length=1), BeforeValidator(one_or_more)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(database_address)]
