"""The headers of documents. Pure: they follow from the kind of a document and from the configuration.

Scripts of other sites may read what is made for programs; pages are shut off from other sites and run only
what lies beside them.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from msgspec import Struct

from feedbot.kinds import Kind, Label, age_of

Headers = list[tuple[str, str]]  # as they are sent: names in lower case

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' http: https: data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Range, Date, ETag, Link",
}
PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": (
        "If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range, *"
    ),
    "Access-Control-Max-Age": "86400",
}
PAGE = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
}


class Terms(Struct, frozen=True, kw_only=True):
    """What the configuration says of documents that are served."""

    max_age: timedelta = timedelta(minutes=5)  # that a reader may keep one without asking
    feeds_url: str = ""  # where they are reachable; "" if nobody knows
    hub: str = ""  # "" for none
    icon: str = ""  # address of the picture for those who ask for /favicon.ico; "" for none

    def age_of(self, kind: Kind) -> int:
        """Seconds that a document may be kept."""
        return age_of(kind, self.max_age)


def lasting(path: str, kind: Kind, terms: Terms) -> dict[str, str]:
    """What a 304 says as well as a 200, beside the tag (RFC 9110, 15.4.5).

    A script that asked with a tag of its own reads the 304, so that it has to be allowed to.
    """
    return {
        "Cache-Control": f"public, max-age={terms.age_of(kind)}",
        "Vary": "Accept-Encoding",
        **_links(path, kind, terms),
        **(OPEN if kind.is_open else {}),
    }


def describing(label: Label) -> dict[str, str]:
    """What is said with the document itself, in any coding."""
    origin = "cross-origin" if label.kind.is_open else "same-origin"
    return {
        "Content-Type": label.media_type,
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": origin,
        **(PAGE if label.kind is Kind.PAGE else {}),
    }


def _links(path: str, kind: Kind, terms: Terms) -> dict[str, str]:
    """Where a feed is at home, and the hub that tells of its changes (WebSub, section 4)."""
    if kind not in {Kind.FEED, Kind.ARCHIVE} or not terms.feeds_url:
        return {}
    links = [f'<{terms.feeds_url}{quote(path)}>; rel="self"']
    if terms.hub and kind is Kind.FEED:
        links.append(f'<{terms.hub}>; rel="hub"')
    return {"Link": ", ".join(links)}


def written(headers: dict[str, str]) -> Headers:
    """`headers` as they are sent."""
    return [(name.lower(), value) for name, value in headers.items()]
