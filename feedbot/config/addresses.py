"""The addresses an option can have, and the secrets: those are kept in pydantic's wrapper, which shows stars.

Like the other values: pure functions that raise `wrong(what, hint)`, and types made of them.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from typing import Annotated
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema

from feedbot.config.values import wrong


def web_address(value: str) -> str:
    """An absolute http or https URL, with its host in lower case ASCII and its path percent-encoded."""
    address = value.strip()
    hint = "write it with https:// and a host, such as https://news.example.com/"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
    except ValueError:
        raise wrong("must be an absolute http or https address", hint) from None
    if parts.scheme not in {"http", "https"} or not re.fullmatch(r"[\w.:-]+", ascii_host) or " " in address:
        raise wrong("must be an absolute http or https address", hint)
    if parts.username is not None or parts.password is not None:
        raise wrong("must not hold a user name or password", "everybody can read this address")
    netloc = (f"[{ascii_host}]" if ":" in ascii_host else ascii_host) + (
        f":{port}" if port is not None else ""
    )
    safe = "/%:@!$&'()*+,;=~-._"
    return urlunsplit(
        (
            parts.scheme,
            netloc,
            quote(parts.path, safe=safe),
            quote(parts.query, safe=f"{safe}?"),
            parts.fragment,
        )
    )


def is_local(host: str) -> bool:
    """Whether a host is this machine for itself, by its address or its name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def web_folder(value: str) -> str:
    """A web address that others are appended to: without query and fragment, with a slash at its end."""
    address = web_address(value)
    if "?" in address or "#" in address:
        raise wrong("must be the address of a folder", "leave away what follows ? or #")
    return address if address.endswith("/") else address + "/"


def web_server(value: str) -> str:
    """The web address of a server as a whole: nothing but a slash behind the host."""
    address = web_folder(value)
    parts = urlsplit(address)
    if parts.path != "/":
        raise wrong(
            "must be the address of a server, without a path", f"write {parts.scheme}://{parts.netloc}/"
        )
    return address


def secret_address(value: SecretStr) -> SecretStr:
    """A web address that holds a token, as those of webhooks do; kept as it is, shown as stars."""
    parts = value.get_secret_value().strip()
    if not re.fullmatch(r"https?://[^\s/?#]+\S*", parts):
        raise wrong(
            "must be an absolute http or https address",
            "usually ${NAME} of a variable that holds it without quotes",
        )
    return SecretStr(parts)


def id_base(value: str) -> str:
    """The absolute URI that every id begins with (RFC 3986, RFC 4151)."""
    hint = 'the best form is a tag URI: "tag:news.example.com,2026:"'
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+", value):
        raise wrong("must begin with an absolute URI in plain ASCII, without spaces", hint)
    tag = re.fullmatch(r"tag:[A-Za-z0-9.@_-]+,\d{4}(-\d\d(-\d\d)?)?:.*", value)
    if value.lower().startswith("tag:") and not tag:
        raise wrong("is not a tag URI: that is tag:, a domain, a comma, a year and a colon", hint)
    if value.lower().startswith(("http:", "https:")) and not re.match(r"https?://[^/]", value, re.IGNORECASE):
        raise wrong("is not an absolute address", hint)
    return value


Url = Annotated[str, AfterValidator(web_address), WithJsonSchema({"type": "string", "title": "URL"})]
FolderUrl = Annotated[str, AfterValidator(web_folder), WithJsonSchema({"type": "string", "title": "URL"})]
ServerUrl = Annotated[str, AfterValidator(web_server), WithJsonSchema({"type": "string", "title": "URL"})]
IdBase = Annotated[str, AfterValidator(id_base)]
_SECRET_SCHEMA = {"type": "string", "writeOnly": True}
Secret = Annotated[SecretStr, Field(min_length=1), WithJsonSchema({**_SECRET_SCHEMA, "title": "secret"})]
SHORTEST_TOKEN = 8  # characters; what is shorter cannot be told from other words where it has to be hidden


def access_token(value: SecretStr) -> SecretStr:
    """A token that is long enough to be one: those of servers have 32 characters and more."""
    if 0 < len(value.get_secret_value()) < SHORTEST_TOKEN:
        raise wrong("is too short to be an access token", "copy all of it")
    return value


SHORTEST_KEY = 16  # characters of a token of our own, which anybody may try to guess


def own_token(value: SecretStr) -> SecretStr:
    """A token that is long enough not to be guessed, and can be written in a header."""
    text = value.get_secret_value()
    if len(text) < SHORTEST_KEY or not text.isascii() or not text.isprintable() or " " in text:
        raise wrong(
            f"must have at least {SHORTEST_KEY} ASCII characters, and no spaces",
            "`openssl rand -hex 24` prints a good one",
        )
    return value


Token = Annotated[Secret, AfterValidator(access_token)]
OwnToken = Annotated[Secret, AfterValidator(own_token)]
SecretUrl = Annotated[
    SecretStr, AfterValidator(secret_address), WithJsonSchema({**_SECRET_SCHEMA, "title": "secret URL"})
]


def signing_secret(value: SecretStr) -> SecretStr:
    """A key of the Standard Webhooks specification: `whsec_` and the base64 of 24 to 64 bytes."""
    text = value.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise wrong(
            "must be whsec_ and the base64 of 24 to 64 random bytes",
            "put whsec_ before what `openssl rand -base64 32` prints",
        )
    return value


SigningSecret = Annotated[Secret, AfterValidator(signing_secret)]
