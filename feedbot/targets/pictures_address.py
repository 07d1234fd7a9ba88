"""Which addresses pictures may be fetched from: those that anybody on the internet can reach. Pure.

An article may name any address as that of its picture. Behind some of them lie things that only this machine
or its network can see: services on loopback, routers, the credentials that a cloud hands to its machines. The
names of hosts say nothing about that, so that addresses are judged, after the name was resolved.

The blocks are written down here, after IANA's special-purpose address registries for IPv4 and IPv6 (RFC 6890
and its updates), because the tables of Python differ between its versions.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import quote, urlsplit

from msgspec import Struct

from feedbot.targets.pictures_image import PictureRefused

Address = IPv4Address | IPv6Address

UNREADABLE = "its address cannot be read"
IN_A_URL = "%/:?#[]@!$&'()*+,;=~-._"  # what stays as it is, beside letters and digits
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?|[0-9a-f:]*:[0-9a-f:.]*")

_CLOSED_4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches the machine itself
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a provider's NAT, and metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # looks public, but is a cloud's own agent beside each of its machines
        "169.254.0.0/16",  # link-local, and metadata at 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments, and metadata at 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4, which are no more
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks between devices
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

# Everything outside is closed: loopback, unspecified, mapped and compatible IPv4, unique local (and metadata
# at fd00:ec2::254), link-local, site-local, multicast.
_OPEN_6 = IPv6Network("2000::/3")
_CLOSED_6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")  # how a network without IPv4 reaches the IPv4 address at the end
_ISATAP = {0x0000_5EFE, 0x0200_5EFE}  # the third quarter of an address that has an IPv4 address at the end


def is_public(address: Address) -> bool:
    """Whether `address` is one that anybody on the internet can reach, so that nothing secret lies there.

    An IPv6 address with an IPv4 address in it (mapped, NAT64) is judged by that; older ways to pack one into
    another (compatible, 6to4, Teredo, ISATAP) are never used by a server, and refused.
    """
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _CLOSED_4)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    if int(address) >> 32 & 0xFFFF_FFFF in _ISATAP:
        return False
    return address in _OPEN_6 and not any(address in block for block in _CLOSED_6)


class Location(Struct, frozen=True):
    """Where a picture lies."""

    scheme: str
    host: str  # in ASCII, IPv6 without brackets
    port: int
    target: str  # path and query

    @property
    def netloc(self) -> str:
        """Host and port as the header Host has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """All of it, as a proxy is asked for it."""
        return f"{self.scheme}://{self.netloc}{self.target}"


def location_of(url: str) -> Location:
    """The parts of `url`. Raises PictureRefused for one that nobody should fetch."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
        host = host if host.isascii() else host.encode("idna").decode().lower()
        target = quote(parts.path or "/", safe=IN_A_URL)
        target += f"?{quote(parts.query, safe=IN_A_URL)}" if parts.query else ""
    except ValueError:
        raise PictureRefused(UNREADABLE) from None
    if parts.scheme not in _PORTS:
        raise PictureRefused("its address is neither http nor https")
    if "@" in parts.netloc:
        raise PictureRefused("its address has a user in it")
    if not _HOST.fullmatch(host):
        raise PictureRefused(UNREADABLE)
    return Location(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, target)
