"""OPML 2.0 (opml.org/spec2.opml) and the pages for people."""

from __future__ import annotations

from lxml import etree
from lxml import html as lxml_html

from checker.rules import Broken, absolute_url, load_xml, unique, xml_rules


def check_opml(body: bytes) -> list[str]:
    """Problems of an OPML 2.0 document that lists feeds."""
    try:
        root = load_xml(body, "opml")
    except Broken as broken:
        return [str(broken)]
    outlines = root.findall("body/outline")
    problems = list(xml_rules(body, root))
    if root.get("version") != "2.0" or not root.findtext("head/title"):
        problems.append("version or title is missing")
    for outline in outlines:
        name = f"outline {outline.get('text')}"
        if outline.get("type") != "rss" or not outline.get("text") or not outline.get("title"):
            problems.append(f"{name}: type, text or title is missing")
        for key in ("xmlUrl", "htmlUrl"):
            problems += absolute_url(f"{name}: {key}", outline.get(key, ""))
    for key in ("title", "xmlUrl"):
        problems += unique(key, [outline.get(key, "") for outline in outlines])
    return problems


def check_page(body: bytes) -> list[str]:
    """Problems of a page for people."""
    root = html_page(body)
    problems = []
    if not body.lower().startswith(b"<!doctype html>") or not root.get("lang"):
        problems.append("no doctype or no language")
    if len(root.findall(".//h1")) != 1 or not (root.findtext(".//title") or "").strip():
        problems.append("not exactly one h1, or no title")
    if any(image.get("alt") is None for image in root.iter("img")):
        problems.append("a picture without alt")
    for tag in ("script", "iframe", "object", "embed", "form"):
        problems += [f"<{tag}> on the page" for _ in root.iter(tag)]
    links = list(root.iter("link"))
    problems += [f"stylesheet from {link.get('href')}" for link in links if link.get("rel") == "stylesheet"]
    problems += unique("autodiscovery title", [link.get("title", "") for link in alternates_of(root)])
    for element in (*root.iter("a"), *root.iter("img")):
        url = element.get("href") or element.get("src") or ""
        if ":" in url:
            problems += absolute_url(f"<{element.tag}>", url)
    return problems


def alternates_of(root: etree._Element) -> list[etree._Element]:
    """The links by which readers find feeds on a page."""
    return [link for link in root.iter("link") if link.get("rel") == "alternate"]


def html_page(body: bytes) -> etree._Element:
    """The root of a page."""
    return lxml_html.document_fromstring(body)
