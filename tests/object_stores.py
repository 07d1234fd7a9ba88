"""Real object stores on loopback: moto's server knows conditions, and rclone's checks signatures."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from pydantic import SecretStr
from visitor import free_port, is_listening, wait_until

from feedbot.config import BucketAccess, BucketAddress
from feedbot.places.bucket.objects import Objects
from feedbot.server import Source
from feedbot.server.sources import BucketSource

PREFIX = "site/feeds"
# What moto takes for a signature: it looks whose it is, and not whether it is right.
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=feedbot-key-id/20260101/us-east-1/s3/aws4_request,"
    " SignedHeaders=host, Signature=0"
)
TRIES = 5  # of a request, for moto answers 500 where somebody else replaces the object just then
START = 240.0  # seconds that a store may take to start, which loads many packages
KEY, SECRET = "feedbot-key-id", "a-secret-key-of-the-tests"


@dataclass
class Bucket:
    """A bucket in a store, and those who look into it without feedbot."""

    name: str
    url: str  # of the store

    @property
    def path(self) -> str:
        """As it stands in config.yaml."""
        return f"s3://{self.name}/{PREFIX}"

    def environ(self, url: str = "") -> dict[str, str]:
        """The variables that lead to the store, or to what stands before it."""
        return {
            "AWS_ENDPOINT_URL": url or self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def access(self, url: str = "", secret: str = SECRET) -> BucketAccess:
        """The same for who opens it directly."""
        return BucketAccess(
            endpoint=url or self.url,
            key_id=KEY,
            secret=SecretStr(secret),
            region="us-east-1",
            allow_http=True,
        )

    def objects(self, url: str = "", **options: object) -> Objects:
        """What feedbot opens."""
        return Objects(BucketAddress(self.name, PREFIX), self.access(url), **options)  # type: ignore[arg-type] # as given

    # What follows asks moto, which lets everybody in.

    def listing(self) -> list[str]:
        """The keys of all objects."""
        keys: list[str] = []
        more = ""
        while True:
            page = self._ask(f"?list-type=2{more}").decode()
            keys += [unescape(key) for key in re.findall(r"<Key>(.*?)</Key>", page)]
            found = re.search(r"<NextContinuationToken>(.*?)</NextContinuationToken>", page)
            if found is None:
                return keys
            more = f"&continuation-token={quote(unescape(found[1]))}"

    def documents(self) -> dict[str, bytes]:
        """Everything below the prefix, by path; what goes while it is read is left out."""
        start = f"{PREFIX}/"
        keys = [key for key in self.listing() if key.startswith(start)]
        found = {key.removeprefix(start): self.find(key) for key in keys}
        return {path: body for path, body in found.items() if body is not None}

    def get(self, key: str) -> bytes:
        return self._ask(quote(key))

    def find(self, key: str) -> bytes | None:
        """The object, or None if there is none."""
        try:
            return self.get(key)
        except requests.HTTPError:
            return None

    def headers(self, key: str) -> Mapping[str, str]:
        return self._answer(quote(key)).headers

    def put(self, key: str, body: bytes) -> None:
        self._ask(quote(key), "PUT", body)

    def delete(self, key: str) -> None:
        self._ask(quote(key), "DELETE")

    def _ask(self, path: str, method: str = "GET", body: bytes | None = None) -> bytes:
        return self._answer(path, method, body).content

    def _answer(self, path: str, method: str = "GET", body: bytes | None = None) -> requests.Response:
        url = f"{self.url}/{self.name}/{path}"
        for _ in range(TRIES):
            answer = requests.request(method, url, data=body, headers={"Authorization": SIGNED}, timeout=60)
            if answer.status_code < 500:
                break
        answer.raise_for_status()
        return answer


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@contextmanager
def moto() -> Iterator[str]:
    """A store in memory; gives its address. FEEDBOT_MOTO names the program, which needs 30 packages."""
    program = os.environ.get("FEEDBOT_MOTO", "")
    if not program:
        pytest.skip("moto absent: FEEDBOT_MOTO names no moto_server")
    port = free_port()
    with _running([program, "-H", "127.0.0.1", "-p", str(port)], port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def rclone(folder: Path) -> Iterator[str]:
    """A store whose buckets are the folders in `folder`; gives its address."""
    port = free_port()
    program = Path(sys.executable).with_name("rclone")
    options = ["--auth-key", f"{KEY},{SECRET}", "--config", os.devnull]
    address = f"127.0.0.1:{port}"
    with _running([str(program), "serve", "s3", "--addr", address, *options, str(folder)], port):
        yield f"http://{address}"


@contextmanager
def over(folder: Path) -> Iterator[Source]:
    """The documents below a folder, read out of a store over it; the folder around it is the bucket."""
    with rclone(folder.parent.parent) as url:
        bucket = Bucket(folder.parent.name, url)
        yield BucketSource(Objects(BucketAddress(bucket.name, folder.name), bucket.access()))


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: process.poll() is not None or is_listening(port), command[0], START)
        assert process.poll() is None, command
        yield
    finally:
        process.kill()
        process.wait()


def make_bucket(url: str, name: str) -> Bucket:
    """A bucket of moto's."""
    bucket = Bucket(name, url)
    bucket._ask("", "PUT")
    return bucket


__all__ = ["PREFIX", "Bucket", "make_bucket", "moto", "port_of", "rclone"]
