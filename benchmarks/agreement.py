"""Whether two programs publish the same: as many topics, and the same titles in every feed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

from programs import Program

ITEM = {"rss": "item", "feed": "{http://www.w3.org/2005/Atom}entry"}
TITLE = {"rss": "title", "feed": "{http://www.w3.org/2005/Atom}title"}


def disagreements(one: Program, other: Program) -> list[str]:
    """In what the documents of two programs differ, of those that both can write."""
    found = []
    for name in (name for name in one.documents if name in other.documents):
        if titles(one.output / name) != titles(other.output / name):
            found.append(f"titles of the site's {name}")
        mine, others = feeds(one, name), feeds(other, name)
        if mine.total() != others.total():
            found.append(f"{mine.total()} and {others.total()} topics with {name}")
        elif mine != others:
            found.append(f"titles in {(mine - others).total()} of the topics' {name}")
    return found


def feeds(program: Program, name: str) -> Counter[tuple[str, ...]]:
    """The titles in the feed of each topic. In order of the alphabet: articles may have the same date."""
    return Counter(tuple(sorted(titles(path))) for path in program.topics.glob(f"*/{name}"))


def titles(document: Path) -> list[str]:
    """The titles of the items of one document, in its order."""
    if document.suffix == ".json":
        return [item["title"] for item in json.loads(document.read_bytes())["items"]]
    root = ET.parse(document).getroot()  # noqa: S314 - written a moment ago by a program we started
    kind = root.tag.rpartition("}")[2]
    return [item.findtext(TITLE[kind], "") for item in root.iter(ITEM[kind])]
