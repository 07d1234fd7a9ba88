"""Who may see the operator's pages. Pure: it judges what the server knows of a request.

Closed unless `serve.token` or `serve.local` opens them. A token is asked for in HTTP Basic, whose password it
is, or as a Bearer. "Local" is a request from this machine itself, and not one that a proxy here passes on for
somebody else, which shows by what proxies add. Some add nothing: nginx since 1.29.7, with no more than a
`proxy_pass`, speaks HTTP/1.1 and names the address that it asks. So only an installation whose feeds are at
home on this machine, by `site.feeds_url`, is open without a token.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

if TYPE_CHECKING:
    from starlette.requests import Request

    from feedbot.config import Config

CHALLENGE = 'Basic realm="feedbot", charset="UTF-8"'
# What proxies add to a request, and nobody else.
FORWARDED = frozenset(
    {
        "cdn-loop", "client-ip", "fastly-client-ip", "forwarded", "proxy-connection", "remote-addr",
        "true-client-ip", "via", "x-client-ip", "x-cluster-client-ip", "x-forwarded", "x-original-host",
        "x-original-url", "x-proxyuser-ip", "x-real-ip", "x-request-id",
    }
)  # fmt: skip
FORWARDED_FAMILIES = ("cf-", "forwarded-", "x-amzn-", "x-appengine-", "x-envoy-", "x-forwarded-")
CURRENT = frozenset({"1.1", "2"})  # HTTP; old proxies speak 1.0 to those behind them, and browsers do not


class Admission(Enum):
    """What becomes of a request."""

    OPEN = "open"
    ASKED = "asked"  # it may come again with the token
    CLOSED = "closed"


class Guard(Struct, frozen=True, kw_only=True):
    """Decides by the configuration."""

    token: str  # "": there is none
    is_local_open: bool  # to requests from this machine itself

    @classmethod
    def of(cls, config: Config) -> Guard:
        """The guard that a configuration asks for."""
        token, home = config.serve.token, urlsplit(config.site.feeds_url).hostname or ""
        return cls(
            token=token.get_secret_value() if token else "",
            is_local_open=config.serve.local and is_loopback(home),
        )

    def judge(self, request: Request) -> Admission:
        """Whether whoever sends a request may see the pages."""
        if self.is_local_open and is_from_here(request):
            return Admission.OPEN
        if not self.token:
            return Admission.CLOSED
        given = request.headers.getlist("authorization")
        return Admission.OPEN if _knows(self.token, given) else Admission.ASKED


def is_from_here(request: Request) -> bool:
    """Whether a request comes from this machine itself, for all that shows."""
    hosts = request.headers.getlist("host")
    return (
        request.client is not None
        and is_loopback(request.client.host)
        # A page elsewhere can let its own name lead here, but the browser then says that name.
        and len(hosts) == 1
        and is_loopback(_host_of(hosts[0]))
        and request.scope["http_version"] in CURRENT
        and not any(map(_is_forwarding, request.headers.keys()))
    )


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine for itself."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _host_of(value: str) -> str:
    """The host in a Host header, with or without a port; "" if it is none."""
    if re.search(r"[^\w.:\[\]-]", value):
        return ""
    try:
        parts = urlsplit(f"//{value}")
        is_real = parts.port != 0  # asking for the port refuses what is none
    except ValueError:
        return ""
    return (parts.hostname or "") if is_real else ""


def _is_forwarding(name: str) -> bool:
    return name in FORWARDED or name.startswith(FORWARDED_FAMILIES)


def _knows(token: str, authorizations: Iterable[str]) -> bool:
    given = [_secret_in(value) for value in authorizations]
    return len(given) == 1 and hmac.compare_digest(_digest(given[0]), _digest(token))


def _secret_in(authorization: str) -> str:
    """What stands for the token in an Authorization header (RFC 7617, RFC 6750); "" if nothing does."""
    scheme, _, rest = authorization.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return rest
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest, validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _digest(secret: str) -> bytes:
    """So that comparing tells nothing of the length either."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
