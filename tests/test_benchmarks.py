"""The invented newsroom of the benchmarks is always the same, and as described."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

GENERATOR = Path(__file__).parent.parent / "benchmarks/corpus.py"


def newsroom(folder: Path, count: int) -> dict[str, bytes]:
    subprocess.run([sys.executable, GENERATOR, folder, str(count)], check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_small_newsroom_is_the_beginning_of_a_large_one(tmp_path: Path) -> None:
    small, large = newsroom(tmp_path / "small", 40), newsroom(tmp_path / "large", 200)
    assert len(large) == 200
    assert small.items() <= large.items()


def test_most_articles_are_published_and_some_have_a_body(tmp_path: Path) -> None:
    articles = newsroom(tmp_path, 400).values()
    published = sum(b"\npublished: true\n" in text for text in articles)
    with_body = sum(not text.endswith(b"---\n") for text in articles)
    size = sum(map(len, articles)) / len(articles)
    assert 0.8 < published / len(articles) < 0.9
    assert 0.15 < with_body / len(articles) < 0.25
    assert 4_000 < size < 6_000
