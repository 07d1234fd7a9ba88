"""Fetching the picture of an article, whose address anybody may have written. Nothing else fetches such.

The address is that of a stranger, so everything about it is checked. It is http or https, without user and
password. Its host is resolved once, each address is judged by `pictures_address`, and the connection goes to
a judged address itself: no second look-up can lead elsewhere. TLS is still checked for the host's name. A
redirect starts all this anew; there may be three, and none from https to http, since who wrote https wants
nobody to put another picture in its place. No cookie, no password, no .netrc goes out. One deadline holds for
all of it.

With a proxy in the environment (HTTPS_PROXY and so on) the proxy connects, to the address that it finds
itself. The host is resolved and judged here all the same, but the proxy may find another address: where that
matters, the proxy has to refuse private ones too. The proxy itself is the operator's, and may be anywhere.

What came is judged by its bytes, see `pictures_image`. A Content-Type that names no picture is believed: an
error page is not decoded. One that names another kind of picture is not: servers often mix up JPEG, PNG and
WebP.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Collection, Iterator
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from msgspec import Struct
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Timeout
from urllib3.exceptions import HTTPError

from feedbot.targets.http import USER_AGENT
from feedbot.targets.http_line import WatchedAdapter
from feedbot.targets.http_watch import Cut, CutShortError, Watch, waited
from feedbot.targets.pictures_address import IN_A_URL, UNREADABLE, Address, Location, is_public, location_of
from feedbot.targets.pictures_image import (
    MAX_BYTES,
    TOO_MANY_BYTES,
    TYPES,
    Picture,
    PictureRefused,
    read_picture,
    readable,
)

__all__ = ["Picture", "PictureMissing", "PictureRefused", "fetch_picture", "is_public"]

REDIRECTS = 3  # that are followed

_FAILURES = (HTTPError, HTTPException, OSError, ValueError)  # UnicodeError is a ValueError
_UNKNOWN = {"", "application/octet-stream", "binary/octet-stream"}  # types that say nothing
_CHUNK = 64 * 1024


class PictureMissing(Exception):  # noqa: N818 (it says what happened)
    """No picture came, but one may come later; what it says is for people and holds no address."""


def look_up(host: str) -> tuple[Address, ...]:
    """The addresses of `host`, best first, however it is spelled. Raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(ip_address(one[4][0]) for one in found))


def fetch_picture(
    url: str,
    *,
    timeout: float,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = 33_177_600,
    types: Collection[str] = TYPES,
    watch: Watch | None = None,
    allowed: Callable[[Address], bool] = is_public,
    resolve: Callable[[str], Collection[Address]] = look_up,
) -> Picture:
    """Fetch the picture at `url`, decode it to be sure of it, and scale it down if the target needs that.

    `timeout`: seconds that the fetching may take in all; decoding and scaling take up to a few more.
    `max_bytes`, `max_pixels` and `types` are what the target takes. `watch`: a new one of the caller, who can
    end the fetching by it from another thread; its deadline holds instead of `timeout`. `allowed` and
    `resolve` say which addresses may be connected to, and which ones a host has.

    Raises PictureRefused where another try is of no use, PictureMissing where it may be.
    """
    visit = _Visit(readable(types), allowed, resolve)
    with watch or Watch(timeout) as watched:
        try:
            data = visit.download(url, watched)
            return read_picture(
                data, max_bytes=max_bytes, max_pixels=max_pixels, types=types, patience=watched.left
            )
        except _FAILURES as error:
            failure = PictureMissing(_why(watched, watched.trouble or error))
    raise failure  # out here, so that it carries no other exception, whose text holds the address


# --- one visit, with its redirects ---


class _Way(WatchedAdapter):
    """Connections to a location, straight to an address or through the operator's proxy."""

    def straight(self, location: Location, address: Address) -> HTTPConnectionPool:
        """Connections to `address` alone; the certificate has to be that of the location's host."""
        name = {"server_hostname": location.host} if location.scheme == "https" else {}
        pool = self.poolmanager.connection_from_host(
            str(address), location.port, location.scheme, pool_kwargs=name
        )
        return self._verified(pool, location)

    def through(self, proxy: str, location: Location) -> HTTPConnectionPool:
        """Connections to the location by way of `proxy`."""
        manager = self.proxy_manager_for(proxy)
        return self._verified(
            manager.connection_from_host(location.host, location.port, location.scheme), location
        )

    def _verified(self, pool: HTTPConnectionPool, location: Location) -> HTTPConnectionPool:
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        verify: Any = self.cert_verify  # which has no types
        verify(pool, location.scheme, bundle or True, None)
        return pool


def _proxy_for(location: Location) -> str | None:
    """The proxy that the environment has for `location`."""
    proxies = getproxies()
    if not proxies or proxy_bypass(location.netloc):
        return None
    proxy = proxies.get(location.scheme) or proxies.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


class _Visit(Struct, frozen=True):
    """What does not change on the way from an address to the bytes of a picture."""

    types: tuple[str, ...]
    allowed: Callable[[Address], bool]
    resolve: Callable[[str], Collection[Address]]

    def download(self, url: str, watch: Watch) -> bytes:
        """The bytes at `url`, or where its redirects lead."""
        way = _Way()
        try:
            for _ in range(REDIRECTS + 1):
                location = location_of(url)
                response = self._answer(location, way, watch)
                try:
                    if "Location" not in response.headers or response.status not in _REDIRECTS:
                        return _body(response, watch)
                    url = _led(url, location.scheme, response.headers["Location"])
                finally:
                    response.close()
            raise PictureRefused(f"its address redirects more than {REDIRECTS} times")
        finally:
            way.close()

    def _answer(self, location: Location, way: _Way, watch: Watch) -> BaseHTTPResponse:
        """The head of the answer from the first address that takes a connection."""
        failure: Exception = OSError()
        proxy = _proxy_for(location)
        target = location.url if proxy and location.scheme == "http" else location.target
        for pool in self._pools(location, proxy, way, watch):
            watch.sent, watch.trouble = False, None  # each connection has its own
            try:
                return pool.urlopen(
                    "GET",
                    target,
                    headers=self._headers(location),
                    retries=False,
                    redirect=False,
                    assert_same_host=False,
                    timeout=Timeout(watch.left),
                    preload_content=False,
                    decode_content=False,
                )
            except _FAILURES as error:
                failure = error
                if watch.sent or watch.cut is not None:
                    break
        raise failure

    def _pools(
        self, location: Location, proxy: str | None, way: _Way, watch: Watch
    ) -> Iterator[HTTPConnectionPool]:
        """Ways to a location, best first.

        IPv4 before IPv6: where it is missing one knows at once, while broken IPv6 is silent to the deadline.
        """
        found = waited(lambda: self.resolve(location.host), watch)  # looking up names has no timeout
        fine = sorted(filter(self.allowed, found), key=lambda address: address.version)
        if not fine:
            raise PictureRefused("its address lies in a private network, or on this machine")
        if proxy:
            yield way.through(proxy, location)
        else:
            yield from (way.straight(location, address) for address in fine)

    def _headers(self, location: Location) -> dict[str, str]:
        return {
            "Host": location.netloc,
            "User-Agent": USER_AGENT,
            "Accept": ", ".join([*self.types, "image/*;q=0.5"]),
            "Accept-Encoding": "identity",
        }


_REDIRECTS = {301, 302, 303, 307, 308}


def _led(url: str, scheme: str, location: str) -> str:
    """Where `location` leads from `url`. Headers come as Latin-1, whatever their bytes were."""
    try:
        led = urljoin(url, quote(location.encode("latin-1"), safe=IN_A_URL))
        downgraded = scheme == "https" and urlsplit(led).scheme == "http"
    except ValueError:
        raise PictureRefused(UNREADABLE) from None
    if downgraded:
        raise PictureRefused("its address redirects from https to http")
    return led


def _body(response: BaseHTTPResponse, watch: Watch) -> bytes:
    """The bytes of an answer. Raises PictureMissing and PictureRefused before they are read, if it can."""
    if response.status != 200:
        raise PictureMissing(f"its server answers with status {response.status}")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in _UNKNOWN and (not kind.startswith("image/") or kind == "image/svg+xml"):
        raise PictureRefused("its server says that it is no picture, or an SVG")
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise PictureRefused("its server packs it, which was not asked for")
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > MAX_BYTES:
        raise PictureRefused(TOO_MANY_BYTES)
    data = bytearray()
    while chunk := response.read(_CHUNK):
        data += chunk
        if len(data) > MAX_BYTES:
            raise PictureRefused(TOO_MANY_BYTES)
    if watch.cut is not None:
        raise CutShortError
    return bytes(data)


def _why(watch: Watch, error: Exception) -> str:
    """Why no picture came."""
    if watch.cut is Cut.STOPPED:
        return "not fetched, because feedbot stops"
    if watch.cut is Cut.LATE or watch.is_over or isinstance(error, TimeoutError):
        return "it did not come in time"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "its host has no address"
    if isinstance(error, ssl.SSLError):
        return "its server has no valid certificate"
    if watch.sent:
        return "its server broke off"
    return "its server cannot be reached"
