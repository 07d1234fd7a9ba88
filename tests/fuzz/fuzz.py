"""Fuzzing by hand, guided by which code an input reaches; for hours, where hypothesis has seconds.

    python tests/fuzz/fuzz.py content -max_total_time=300 -timeout=10

with `content`, `markup`, `config` or `answer`, then options of libFuzzer. Needs atheris, which the tests
do not install. An exception, or an input that takes longer than the timeout, is a finding; its bytes become
an example in test_fuzzing.py.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import atheris  # type: ignore[import-not-found] # installed by hand

with atheris.instrument_imports(include=["feedbot"]):
    from feedbot.attempt import Answer
    from feedbot.config import load
    from feedbot.config.problems import InvalidConfig
    from feedbot.content import Reader
    from feedbot.content.markup import render
    from feedbot.model import Site
    from feedbot.targets.http_status import judge, wish

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOME = "https://news.example.com/"
SITE = Site(title="T", url=HOME, feeds_url=HOME, id_base="tag:x,2026:")
READER = Reader(site=SITE)
FILE = Path(tempfile.mkdtemp()) / "config.yaml"
SEEDS = {
    "content": [
        b"---\ntitle: T\ndate: 2026-05-01\ntopics: [AI]\n---\n# A\n",
        b"---\n{title: T}\n---\n<p>a</p>",
    ],
    "markup": [b"# A\n\n[x](y) <p>a</p>\n", b"<table><td><a href='x'>y</a>", b"| a |\n|---|\n"],
    "config": [f"site: {{title: T, url: '{HOME}', feeds_url: '{HOME}', id_base: 'tag:a,2026:'}}\n".encode()],
    "answer": [b'\x01\xadRetry-After: 120\n{"error": "slow"}', b"\x00\xc8Date: x\n{}"],
}


def content(data: bytes) -> None:
    """A content file, as Markdown and as HTML."""
    for name in ("2026-05-01-a.md", "a.html"):
        READER.read(data, name=f"content/{name}", relative=name)


def markup(data: bytes) -> None:
    """A body."""
    text = data.decode("utf-8", "replace")
    for is_markdown in (True, False):
        found = render(text, markdown=is_markdown, base="https://news.example.com/a/")
        assert "<script" not in found.html
        assert 'href="javascript:' not in found.html


def config(data: bytes) -> None:
    """A configuration."""
    FILE.write_bytes(data)
    try:
        load(FILE, {"X": "1"})
    except InvalidConfig as error:
        if not error.problems:
            raise


def answer(data: bytes) -> None:
    """What a server answers: two bytes of status, a header a line, the body."""
    head, _, body = data[2:].partition(b"\n\n")
    headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\n") if ": " in line)
    found = Answer(
        status=int.from_bytes(data[:2], "big") % 1000, headers=headers, body=body, at=NOW, seconds=0.1
    )
    found.json()
    assert judge(found).reason.isprintable()
    wish(found)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "content": content, "markup": markup, "config": config, "answer": answer,
}  # fmt: skip

if __name__ == "__main__":
    name = sys.argv.pop(1)
    corpus = Path(tempfile.mkdtemp())
    for number, seed in enumerate(SEEDS[name]):
        (corpus / str(number)).write_bytes(seed)
    atheris.Setup([*sys.argv, str(corpus)], TARGETS[name])
    atheris.Fuzz()
