"""OPML 2.0 (opml.org/spec2.opml) and the pages for people."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree
from lxml import html as lxml_html

from checker.markup import check_markup
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


POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src {}; base-uri 'none'; form-action 'none'"
)
POLICIES = [POLICY.format(pictures) for pictures in ("'self' http: https: data:", "'self'")]
OWN = {"page.css", "page.js", "../page.css", "../page.js"}  # what a page may load beside pictures


def check_page(body: bytes) -> list[str]:
    """Problems of a page for people."""
    root = html_page(body)
    problems = check_markup(body)
    if not body.lower().startswith(b"<!doctype html>") or not root.get("lang"):
        problems.append("no doctype or no language")
    if len(root.findall(".//h1")) != 1 or not (root.findtext(".//title") or "").strip():
        problems.append("not exactly one h1, or no title")
    if [len(root.findall(f"body/{tag}")) for tag in ("header", "main", "footer")] != [1, 1, 1]:
        problems.append("not exactly one header, main and footer")
    if any(image.get("alt") is None for image in root.iter("img")):
        problems.append("a picture without alt")
    problems += _check_loads(root)
    problems += unique("autodiscovery title", [link.get("title", "") for link in alternates_of(root)])
    for element in (*root.iter("a"), *root.iter("img"), *root.iter("link")):
        url = element.get("href") or element.get("src") or ""
        if ":" in url:
            problems += absolute_url(f"<{element.tag}>", url)
    return problems


def _check_loads(root: etree._Element) -> Iterator[str]:
    """The policy that the page bears, and nothing that it forbids."""
    policy = root.xpath("string(//meta[@http-equiv='Content-Security-Policy']/@content)")
    if policy not in POLICIES:
        yield f"the policy is {policy!r}"
    styles = [link.get("href") for link in root.iter("link") if link.get("rel") == "stylesheet"]
    scripts = [script.get("src") for script in root.iter("script")]
    if any((script.text or "").strip() for script in root.iter("script")):
        yield "a script on the page"
    yield from (f"loads {name}" for name in (*styles, *scripts) if name not in OWN)
    icons = [link for link in root.iter("link") if link.get("rel") == "icon"]
    if policy == POLICIES[1] and (icons or any(":" in image.get("src", "") for image in root.iter("img"))):
        yield "a picture that the policy forbids"


def alternates_of(root: etree._Element) -> list[etree._Element]:
    """The links by which readers find feeds on a page."""
    return [link for link in root.iter("link") if link.get("rel") == "alternate"]


def html_page(body: bytes) -> etree._Element:
    """The root of a page."""
    return lxml_html.document_fromstring(body)
