"""The rules of the checker that hold for text, links, dates and HTML wherever they stand."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from itertools import pairwise
from typing import Any

from lxml import etree
from lxml import html as lxml_html

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
DC = "{http://purl.org/dc/elements/1.1/}"
MEDIA = "{http://search.yahoo.com/mrss/}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
KNOWN_NAMESPACES = {ATOM, CONTENT, DC, HISTORY, MEDIA, "{http://www.w3.org/XML/1998/namespace}"}

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")  # of C0 only tab and newline may stand
ENTITY = re.compile(r"&(amp|lt|gt|quot|apos|nbsp|#\d+|#x[0-9a-f]+);", re.IGNORECASE)
MARKUP = re.compile(r"</?(a|b|br|div|em|h[1-6]|i|img|li|p|script|span|strong|ul)\b[^<>]*>", re.IGNORECASE)
URL = re.compile(r"https?://[A-Za-z0-9;/?:@&=+$.\-_!~*'()%,#\[\]]+")
URI = re.compile(r"[a-z][a-z0-9+.-]*:[A-Za-z0-9;/?:@&=+$.\-_!~*'()%,#\[\]]+", re.IGNORECASE)
RFC822 = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
NEVER = datetime(1, 1, 1, tzinfo=UTC)

FORBIDDEN_TAGS = {
    "script",
    "style",
    "iframe",
    "frame",
    "form",
    "input",
    "button",
    "object",
    "embed",
    "applet",
}
FORBIDDEN_TAGS |= {"link", "meta", "base", "html", "head", "body", "title"}
URL_ATTRIBUTES = {"href", "src", "poster", "cite", "action", "data", "background", "longdesc"}


class Broken(Exception):  # noqa: N818 (it says what the document is)
    """A document that cannot be read at all."""


def load_xml(body: bytes, root: str) -> etree._Element:
    """The root element, which must be called `root`."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        element = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise Broken(f"not well-formed: {error}") from error
    if element.tag != root:
        raise Broken(f"the root is {element.tag}, not {root}")
    return element


def load_json(body: bytes) -> dict[str, Any]:
    """The object; a key that stands twice is an error."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
        if twice:
            raise Broken(f"key {twice[0]} stands twice")
        return dict(pairs)

    try:
        value = json.loads(body.decode(), object_pairs_hook=once)
    except ValueError as error:
        raise Broken(f"not JSON in UTF-8: {error}") from error
    if not isinstance(value, dict):
        raise Broken("not a JSON object")
    return value


def xml_rules(body: bytes, root: etree._Element) -> Iterator[str]:
    """Encoding, characters, namespaces, and elements that say nothing."""
    if not re.match(rb"<\?xml version=['\"]1\.0['\"] encoding=['\"]UTF-8['\"]\?>", body):
        yield "does not begin with an XML declaration of UTF-8"
    for element in root.iter(etree.Element):
        texts = (element.text or "", element.tail or "", *map(str, element.attrib.values()))
        if any(CONTROLS.search(text) for text in texts):
            yield f"control character in {element.tag}"
        for name in (element.tag, *map(str, element.attrib)):
            if name.startswith("{") and name[: name.index("}") + 1] not in KNOWN_NAMESPACES:
                yield f"unknown namespace of {name}"
        says_it_all = element.tag == f"{HISTORY}archive"
        if not (says_it_all or len(element) or (element.text or "").strip() or element.attrib):
            yield f"empty element {element.tag}"


def json_rules(body: bytes) -> Iterator[str]:
    """Encoding and characters."""
    if body.startswith(b"\xef\xbb\xbf"):
        yield "begins with a byte order mark"
    if not body.endswith(b"}\n"):
        yield "does not end with a newline"
    if CONTROLS.search(body.decode()) or re.search(r"\\u00[0189][0-9a-f]", body.decode()):
        yield "control character"


def plain_text(name: str, text: str) -> Iterator[str]:
    """Text that is not HTML: no tags, no entities left."""
    if not text.strip():
        yield f"{name} is empty"
    if MARKUP.search(text):
        yield f"{name} holds markup"
    if ENTITY.search(text):
        yield f"{name} is escaped twice"


def absolute_url(name: str, url: str) -> Iterator[str]:
    """An http(s) URL with a host, percent-encoded."""
    if not URL.fullmatch(url):
        yield f"{name}: not an absolute http(s) URL: {url!r}"


def clean_html(name: str, html: str) -> Iterator[str]:
    """HTML that a reader can show as it is: nothing active, nothing relative."""
    if not html.strip():
        yield f"{name}: empty HTML"
    for element in html_root(html).iterdescendants(etree.Element):
        if element.tag in FORBIDDEN_TAGS:
            yield f"{name}: <{element.tag}> in the content"
        for key, value in ((str(key), str(value)) for key, value in element.attrib.items()):
            if key.startswith("on") or key == "style":
                yield f"{name}: attribute {key} in the content"
            yield from _html_attribute(name, key, value)


def _html_attribute(name: str, key: str, value: str) -> Iterator[str]:
    urls = [part.split()[0] for part in value.split(",") if part.strip()] if key == "srcset" else [value]
    if key in URL_ATTRIBUTES or key == "srcset":
        allowed = ("https://", "http://", "mailto:", "tel:", "#")
        yield from (
            f"{name}: relative or foreign URL in the content: {url!r}"
            for url in urls
            if not url.lower().startswith(allowed)
        )


def html_root(html: str) -> etree._Element:
    """The fragment inside an element of its own."""
    return lxml_html.fragment_fromstring(html, create_parent="section")


def text_of(html: str) -> str:
    """What a fragment of HTML says."""
    return "".join(map(str, html_root(html).itertext()))


def rfc822_date(name: str, text: str) -> Iterator[str]:
    """A date of RSS with a four-digit year, a numeric zone and the right day of the week."""
    if not RFC822.fullmatch(text):
        yield f"{name}: not a date of RFC 822: {text!r}"
    elif format_datetime(parsedate_to_datetime(text))[:3] != text[:3]:
        yield f"{name}: wrong day of the week: {text!r}"


def rfc3339_date(name: str, text: str) -> Iterator[str]:
    """A date of Atom or JSON Feed with its zone."""
    if not RFC3339.fullmatch(text) or moment(text) == NEVER:
        yield f"{name}: not a date of RFC 3339: {text!r}"


def moment(text: str) -> datetime:
    """The date that `text` says; the year 1 for one that cannot be read."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return NEVER


def self_and_hub(links: list[etree._Element], url: str, hub: str) -> Iterator[str]:
    """The links of a feed: one to itself, exactly as it is published, and those to the hub (WebSub, 4)."""
    selves = [link.get("href") for link in links if link.get("rel") == "self"]
    hubs = [link.get("href") for link in links if link.get("rel") == "hub"]
    if selves != [url]:
        yield f"self link is {selves}, published at {url}"
    if hubs != ([hub] if hub else []):
        yield "hub link is not that of the configuration"


def media_rules(name: str, parent: etree._Element) -> Iterator[str]:
    """Media RSS: pictures as direct children, in both forms, with sizes in pixels."""
    contents, thumbnails = parent.findall(f"{MEDIA}content"), parent.findall(f"{MEDIA}thumbnail")
    if any(len(group) < 2 for group in parent.findall(f"{MEDIA}group")):
        yield f"{name}: media:group of one"
    for picture in (*contents, *thumbnails):
        yield from absolute_url(f"{name}: picture", picture.get("url", ""))
        sizes = [picture.get(key, "1") for key in ("width", "height")]
        if not all(size.isdigit() and int(size) for size in sizes):
            yield f"{name}: size of a picture is not a number of pixels"
    if any(picture.get("medium") != "image" for picture in contents):
        yield f'{name}: media:content without medium="image"'
    if bool(contents) != bool(thumbnails):
        yield f"{name}: media:content and media:thumbnail do not come together"


def unique(name: str, values: list[str]) -> Iterator[str]:
    """No value stands twice."""
    return (f"{name} stands twice: {value}" for value, count in Counter(values).items() if count > 1)


def newest_first(dates: list[str], read: Callable[[str], datetime]) -> Iterator[str]:
    """Dates fall from the first to the last."""
    try:
        moments = [read(date) for date in dates]
    except ValueError:
        return  # reported where it stands
    if any(later < earlier for later, earlier in pairwise(moments)):
        yield "items are not newest first"
