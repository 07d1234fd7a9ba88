"""The mark that every document bears, by which an output folder is recognised when the state was lost.

A file that only speaks of feedbot, quotes it, or resembles a document of ours does not bear the mark.
"""

from __future__ import annotations

import json

from lxml import etree

from feedbot import redirects

GENERATOR = "feedbot"  # without a version: an upgrade must not rewrite every document
JSON_KEY = "_feedbot"
JSON_MARK = {"generator": GENERATOR}
COMMENT = " generator: feedbot "  # OPML has no element for it
STATIC = "/* generator: feedbot */"  # the first line of what pages load

_ATOM = "{http://www.w3.org/2005/Atom}"


def bears_mark(body: bytes) -> bool:
    """Whether feedbot wrote this document; never raises, whatever the bytes are."""
    start = body[:64].lower()
    if start.startswith(b"#"):
        return body.startswith(f"{redirects.MARK}\n".encode())
    if start.startswith(b"/*"):
        return body.startswith(f"{STATIC}\n".encode())
    if start.startswith(b"{"):
        return _json_bears_mark(body)
    if start.startswith(b"<?xml"):
        return _xml_bears_mark(body)
    return start.startswith(b"<!doctype html>") and _html_bears_mark(body)


def _json_bears_mark(body: bytes) -> bool:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return bool(document.get(JSON_KEY) == JSON_MARK)


def _xml_bears_mark(body: bytes) -> bool:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        return False
    if root.tag == "opml":
        return any(isinstance(node, etree._Comment) and node.text == COMMENT for node in root)
    generator = {"rss": "channel/generator", f"{_ATOM}feed": f"{_ATOM}generator"}.get(root.tag)
    return generator is not None and root.findtext(generator) == GENERATOR


def _html_bears_mark(body: bytes) -> bool:
    from lxml import html as lxml_html  # noqa: PLC0415 - only asked for when the state was lost

    try:
        root = lxml_html.document_fromstring(body)
    except (etree.LxmlError, ValueError):
        return False
    return bool(root.xpath("string(/html/head/meta[@name='generator']/@content)") == GENERATOR)
