"""URLs that may be shown to a reader: absolute, http or https, in the characters that URLs are made of.

Pure. Queries are never shortened: in real newsrooms URLs differ in nothing else. Must not know fields or
findings; None means that a text is no such URL.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

MAX_LENGTH = 4096
_PLAIN = re.compile(  # nearly every URL there is, and nothing that needs a closer look
    r"https?://[a-z0-9]+(?:[.-][a-z0-9]+)*(?::[0-9]{1,4})?(?:[/?][!$&-;=?-Z_a-z~]*)?(?:#[!$&-;=?-Z_a-z~]*)?"
)
_REFUSED = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BARE_HOST = re.compile(r"www\.[^/?#\s]+\.", re.IGNORECASE)
_LIKE_A_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}/", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_IPV6 = re.compile(r"[0-9a-f:.]*:[0-9a-f:.]*")
_PATH_SAFE = "/!$&'()*+,;=:@~-._"
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def absolute(url: str, base: str) -> str | None:
    """`url`, seen from `base`, as an absolute http(s) URL; None for anything else.

    `//host` becomes https, `www.host` too. Spaces and letters outside ASCII are percent-encoded, a host's are
    written in IDNA. User names in URLs are refused: they only serve to mislead.
    """
    if _PLAIN.fullmatch(url) and len(url) <= MAX_LENGTH:
        return url
    url = url.strip(" \t\r\n\xa0")
    if not url or len(url) > MAX_LENGTH or _REFUSED.search(url):
        return None
    if url.startswith("//"):
        url = f"https:{url}"
    elif _BARE_HOST.match(url):
        url = f"https://{url}"
    try:
        if not _SCHEME.match(url):
            url = urljoin(base, url.replace("\\", "%5C"))
        written = _written(urlsplit(url))
    except ValueError:  # a port that is no number, a host with brackets or with full-width slashes
        return None
    return written if written and len(written) <= MAX_LENGTH else None


def is_like_a_host(url: str) -> bool:
    """Whether a relative `url` begins as another site's address does: somebody forgot `https://`."""
    return _LIKE_A_HOST.match(url) is not None and not _BARE_HOST.match(url)


def _written(parts: SplitResult) -> str | None:
    """The URL of `parts` in ASCII; None if a reader should not see it. Raises ValueError."""
    host = _host(parts.hostname or "")
    if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc:
        return None
    port = "" if parts.port is None else f":{parts.port}"
    path, query, fragment = (
        quote(_STRAY_PERCENT.sub("%25", part), safe=_PATH_SAFE + more + "%")
        for part, more in ((parts.path, ""), (parts.query, "/?[]"), (parts.fragment, "/?"))
    )
    return urlunsplit((parts.scheme, host + port, path, query, fragment))


def _host(name: str) -> str | None:
    """`name` in lower-case ASCII, or None if it cannot be a host."""
    if ":" in name:
        return f"[{name}]" if _IPV6.fullmatch(name) else None
    try:
        ascii_name = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = ascii_name.lower().removesuffix(".").split(".")
    return ".".join(labels) if all(_LABEL.fullmatch(label) for label in labels) else None


def host_of(url: str) -> str:
    """The host of an absolute URL, without `www.`."""
    return (urlsplit(url).hostname or "").removeprefix("www.")


def same_host(url: str, site: str) -> bool:
    """Whether an absolute URL lies on the host of `site`, by whichever scheme."""
    host, rest = _netloc(site), url.partition("://")[2]
    return bool(host) and rest.startswith(host) and rest[len(host) : len(host) + 1] in {"", "/", "?", "#"}


@lru_cache(maxsize=8)
def _netloc(url: str) -> str:
    return urlsplit(url).netloc
