"""Newsrooms on disk, written once and kept in the working folder, and what is done to their articles."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import corpus
from install import say

TOPIC = "AI"  # the most frequent
TOPICS = 200


def newsroom(work: Path, articles: int, *, topics: int = TOPICS, fields: str = "newsroom") -> Path:
    """A folder with so many articles in its `content`, as corpus.py writes them today."""
    folder = work / f"{articles}-articles-{topics}-topics-{fields}"
    origin = hashlib.sha256(Path(corpus.__file__).read_bytes()).hexdigest()
    note = folder / "written-by"
    if not note.is_file() or note.read_text() != origin:
        shutil.rmtree(folder, ignore_errors=True)
        say(f"writing {articles:,} articles on {topics:,} topics")
        corpus.write(folder / "content", articles, topics=topics, fields=fields)
        note.write_text(origin)
    return folder


def newest(content: Path, count: int, topic: str = "") -> list[Path]:
    """The newest published articles, of one topic if it is given; a file is as old as its article."""
    entries = sorted(os.scandir(content), key=lambda entry: entry.stat().st_mtime_ns, reverse=True)
    paths = (Path(entry.path) for entry in entries)
    return list(islice((path for path in paths if _is_shown(path, topic)), count))


def _is_shown(article: Path, topic: str) -> bool:
    head = article.read_text(encoding="utf-8").partition("\nrelated:")[0]
    return "\npublished: true\n" in head and (not topic or f"\n  - {topic}\n" in head)


def with_title(text: bytes, title: str) -> bytes:
    """The article under another title."""
    return re.sub(rb"^title: .*$", f'title: "{title}"'.encode(), text, count=1, flags=re.MULTILINE)


@contextmanager
def restored(articles: Sequence[Path]) -> Iterator[list[bytes]]:
    """Gives what the articles say; afterwards they say it again, and are as old as they were."""
    texts = [article.read_bytes() for article in articles]
    stats = [article.stat() for article in articles]
    try:
        yield texts
    finally:
        for article, text, stat in zip(articles, texts, stats, strict=True):
            article.write_bytes(text)
            os.utime(article, ns=(stat.st_atime_ns, stat.st_mtime_ns))
