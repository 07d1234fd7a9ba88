"""Documents of feedbot are known by their mark, and no other file is taken for one."""

from __future__ import annotations

import json

import pytest
from render_samples import EMPTY, bodies, whole_site

from feedbot.render import bears_mark

ATOM = 'xmlns="http://www.w3.org/2005/Atom"'
ENTITY = '<!ENTITY f "feedbot">'
FOREIGN = [
    # nothing to read
    "",
    "feedbot",
    "\x00\x01",
    "{",
    "[]",
    '{"a": ' * 100_000,
    "<?xml version='1.0'?>",
    "<!doctype html>",
    # feeds that somebody else made
    "<?xml version='1.0'?><rss version='2.0'><channel><title>x</title></channel></rss>",
    "<?xml version='1.0'?><rss><channel><generator>another</generator></channel></rss>",
    "<?xml version='1.0'?><rss><channel><generator>feedbotany 2.0</generator></channel></rss>",
    f"<?xml version='1.0'?><feed {ATOM}><generator>Feedbot Pro</generator></feed>",
    '{"version": "https://jsonfeed.org/version/1.1", "title": "x", "items": []}',
    '{"_feedbot": 1}',
    '{"_feedbot": {"related": []}}',
    '{"items": [{"_feedbot": {"generator": "feedbot"}}]}',
    # files that speak of feedbot
    "/* feedbot */",
    "/* generator: feedbot 2 */",
    "/*\n * generator: feedbot\n */",
    " /* generator: feedbot */\n",
    "body {} /* generator: feedbot */\n",
    "<?xml version='1.0'?><rss><channel><title>feedbot</title><generator>x</generator></channel></rss>",
    "<?xml version='1.0'?><rss><channel><item><generator>feedbot</generator></item></channel></rss>",
    f"<?xml version='1.0'?><feed {ATOM}><entry><generator>feedbot</generator></entry></feed>",
    "<?xml version='1.0'?><page><channel><generator>feedbot</generator></channel></page>",
    "<?xml version='1.0'?><opml version='2.0'><!-- feedbot --><head><title>feedbot</title></head></opml>",
    "<?xml version='1.0'?><opml version='2.0'><head/><body><!-- generator: feedbot --></body></opml>",
    "<!doctype html><title>feedbot</title><p>feedbot",
    '<!doctype html><html><head><meta name="generator" content="Another"></head><body>feedbot</body></html>',
    '<!doctype html><head><!-- <meta name="generator" content="feedbot"> --></head>',
    '<!doctype html><head></head><body><pre>&lt;meta name="generator" content="feedbot"&gt;</pre></body>',
    '<meta name="generator" content="feedbot">',
    '<!doctype html><head><meta name="description" content="feedbot"></head>',
    # what is hostile
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><rss>&f;</rss>',
    f'<?xml version="1.0"?><!DOCTYPE x [{ENTITY}]><feed {ATOM}><generator>&f;</generator></feed>',
    '{"_feedbot": ' + "[" * 100_000,
]  # fmt: skip


def test_every_document_bears_the_mark() -> None:
    for full in (True, False):
        for document in whole_site(full=full):
            assert bears_mark(document.body), document.path
    assert all(bears_mark(body) for body in bodies((), feed=EMPTY).values())


@pytest.mark.parametrize("text", FOREIGN, ids=range(len(FOREIGN)))
def test_a_file_of_somebody_else_does_not(text: str) -> None:
    assert not bears_mark(text.encode())
    assert not bears_mark(text.encode("utf-16"))


def test_a_document_that_was_cut_or_garbled_does_not() -> None:
    for document in whole_site():
        if not document.path.endswith((".html", ".css", ".js")):  # of these any part is one of these
            assert not bears_mark(document.body[: len(document.body) // 2]), document.path
    assert not bears_mark(json.dumps({"_feedbot": {"generator": "feedbot", "more": 1}}).encode())
