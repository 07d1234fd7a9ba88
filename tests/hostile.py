"""Content files as nobody should write them, and what feedbot says and does about each.

A table for tests: every case is one file, or one thing in the content folder, that stands beside good ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Fate = Literal["read", "excluded", "broken", "absent"]  # absent: it never becomes a reading

SECRET = "k3epThisToYourself"  # noqa: S105 - what no output may ever hold


@dataclass(frozen=True, kw_only=True)
class Said:
    """A finding that is expected: where, and some of its words."""

    words: str
    line: int | None = None
    path: str = ""  # below the content folder; "" is the case's own file


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """One case. `make` is the file's bytes, or a function that makes something in the content folder."""

    name: str
    make: bytes | Callable[[Path], None]
    fate: Fate
    says: tuple[Said, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)  # attributes of the article that is read
    filename: str = "hostile.md"

    @property
    def level(self) -> Literal["file", "folder"]:
        """Whether the bytes alone make the case."""
        return "file" if isinstance(self.make, bytes) else "folder"

    def put(self, folder: Path) -> None:
        """Make it in the content folder."""
        if isinstance(self.make, bytes):
            path = folder / self.filename
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.make)
        else:
            self.make(folder)

    def __str__(self) -> str:
        return self.name


def said(line: int | None, words: str, path: str = "") -> tuple[Said, ...]:
    """The one finding of a case."""
    return (Said(words=words, line=line, path=path),)


def front(text: str | bytes, body: str | bytes = "") -> bytes:
    """A file with `text` as its front matter, which begins in line 2."""
    return b"---\n" + _bytes(text) + b"\n---\n" + _bytes(body)


def article(
    text: str | bytes = "topics: [AI]", body: str | bytes = "", date: str = "2026-05-01T08:00:00Z"
) -> bytes:
    """A sound article in lines 2 and 3, with more front matter from line 4."""
    return front(b"title: Sound\npublishedDateTime: %b\n%b" % (date.encode(), _bytes(text)), body)


def titled(title: str | bytes, body: str = "") -> bytes:
    """An article that is sound but for its title, in line 3."""
    return front(b"publishedDateTime: 2026-05-01T08:00:00Z\ntitle: " + _bytes(title), body)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


# --- what YAML makes of a value ---

SPELLED = [
    Hostile(
        name=f"a title that YAML takes for {kind}: {spelling}",
        make=titled(spelling),
        fate="read",
        facts={"title": spelling},
        says=said(3, f"`title` is {kind} to YAML and was taken as '{spelling}'"),
    )
    for spelling, kind in (
        ("2020", "a number"),
        ("010", "a number"),
        ("1_000", "a number"),
        ("0x1F", "a number"),
        ("12:30:45", "a number"),
        ("3.10", "a number"),
        ("5.", "a number"),
        (".inf", "a number"),
        (".nan", "a number"),
        ("NO", "a yes-or-no value"),
        ("on", "a yes-or-no value"),
        ("2020-11-04", "a date"),
        ("2020-11-04T20:01:00Z", "a date"),
    )
]

BROKEN_YAML = [
    Hostile(name=f"YAML that cannot be read: {name}", make=make, fate="broken", says=said(line, words))
    for name, make, line, words in (
        ("a second colon", titled("a: b: c"), 3, "a second colon in one line"),
        ("a title that begins with @", titled("@x"), 3, "no value can begin with"),
        ("a title that begins with a backtick", titled("`x`"), 3, "no value can begin with"),
        ("a title that begins with %", titled("%x"), 3, "no value can begin with"),
        ("a title that begins with *", titled("*x"), 3, "an alias"),
        ("a title that begins with &", article("more: &x 1\nother: *x"), 5, "an alias"),
        ("a title that begins with !", titled("!x y"), 3, "a tag"),
        ("a bracket that is never closed", titled("[1"), 3, "never closed"),
        ("a quote that is never closed", titled('"x'), 3, "a quote that is never closed"),
        ("an escape that YAML does not know", titled(r'"\q"'), 3, "backslash sequence"),
        ("half an emoji as an escape", titled(r'"\ud83d"'), 3, "backslash sequence"),
        ("a tab as indentation", article("provider:\n\tname: x"), 5, "a tab"),
        ("a line without a colon", article("nothing\ntype: x"), 4, "without a colon"),
        ("a raw control character", titled(b"ding\x07dong"), 3, "U+0007"),
        ("a key given twice", article("type: a\ntype: b"), 5, "`type` is given twice"),
        ("a key that is a list", article("? [a, b]\n: c"), 4, "a key that is a list"),
        ("a Python object", article("x: !!python/object/apply:os.system [id]"), 4, "a tag"),
        ("binary data", article("x: !!binary aGVsbG8="), 4, "a tag"),
        ("a bomb of aliases", front("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]"), 3, "an alias"),
        ("a chain of merge keys", article("a:\n  <<: {b: 1}"), 5, "a merge key"),
        ("thirty thousand brackets", article("x: " + "[" * 30_000), 4, "nested deeper than 20"),
        ("twenty thousand values", article("x: [" + "1," * 25_000 + "1]"), 4, "more than 20000"),
        ("a list instead of fields", front("- title: x\n- date: y"), 2, "is a list"),
        ("a text instead of fields", front("just a text"), 2, "is a single value"),
    )
]

# --- bytes and fences ---

BYTES = [
    Hostile(
        name="two million brackets",
        make=b"---\n" + b"[" * 2_000_000,
        fate="broken",
        says=said(1, "within 64 KiB"),
    ),
    Hostile(
        name="ten megabytes of front matter",
        make=front("title: x\n" + "# filler\n" * 1_100_000),
        fate="broken",
        says=said(1, "within 64 KiB"),
    ),
    Hostile(
        name="a title of one megabyte",
        make=titled("x" * 1_000_000),
        fate="broken",
        says=said(1, "within 64 KiB"),
    ),
    Hostile(
        name="a million topics",
        make=article("topics: [" + ", ".join(f"t{n}" for n in range(1_000_000)) + "]"),
        fate="broken",
        says=said(1, "within 64 KiB"),
    ),
    Hostile(
        name="no closing fence", make=b"---\ntitle: x\n\nText.\n", fate="broken", says=said(1, "never closed")
    ),
    Hostile(
        name="no closing fence, after blank lines",
        make=b"\n\n---\ntitle: x\n",
        fate="broken",
        says=said(3, "never closed"),
    ),
    Hostile(
        name="a picture under a text's name",
        make=b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)),
        fate="broken",
        says=said(3, "not a text file: it holds NUL bytes"),
    ),
    Hostile(
        name="NUL bytes after a power cut",
        make=article() + b"\0" * 512,
        fate="broken",
        says=said(6, "NUL bytes"),
    ),
    Hostile(
        name="Latin-1",
        make=titled("Café".encode("latin-1")),
        fate="broken",
        says=said(3, "not UTF-8: the byte 0xE9"),
    ),
    Hostile(
        name="UTF-16 with its mark",
        make=article().decode().encode("utf-16"),
        fate="broken",
        says=said(None, "written in UTF-16"),
    ),
    Hostile(
        name="front matter in TOML", make=b'+++\ntitle = "x"\n+++\n', fate="broken", says=said(1, "in TOML")
    ),
    Hostile(
        name="front matter in JSON", make=b'{\n  "title": "x"\n}\n', fate="broken", says=said(2, "in JSON")
    ),
    Hostile(
        name="front matter in JavaScript",
        make=b'---js\n{title: "x"}\n---\n',
        fate="broken",
        says=said(1, "in js"),
    ),
    Hostile(
        name="front matter without fences",
        make=b"\nTitle: My title\nDate: 2026-05-01 08:00\nTags: a, b\n\nText.\n",
        fate="broken",
        says=said(2, "without a line ---"),
    ),
    Hostile(
        name="a page that begins with a word and a colon",
        make=b"Title: a story\n\nDate: none\n",
        fate="excluded",
        says=said(1, "no front matter"),
    ),
    Hostile(name="an empty file", make=b"", fate="excluded", says=said(None, "the file is empty")),
    Hostile(
        name="nothing but blank lines",
        make=b"\n \n\t\n",
        fate="excluded",
        says=said(None, "the file is empty"),
    ),
    Hostile(
        name="a page without front matter",
        make=b"# Read me\n",
        fate="excluded",
        says=said(1, "no front matter"),
    ),
    Hostile(name="empty front matter", make=b"---\n---\nText.\n", fate="excluded", says=said(2, "is empty")),
    Hostile(
        name="a byte order mark", make=b"\xef\xbb\xbf" + article(), fate="read", facts={"title": "Sound"}
    ),
    Hostile(
        name="lines ended as on Windows",
        make=article(body="One.\nTwo.\n").replace(b"\n", b"\r\n"),
        fate="read",
        facts={"title": "Sound", "content": "<p>One.\nTwo.</p>"},
    ),
    Hostile(name="lines ended as on an old Mac", make=article().replace(b"\n", b"\r"), fate="read"),
    Hostile(
        name="lines ended as on a mainframe",
        make=article().replace(b"\n", b"\xc2\x85"),
        fate="read",
        facts={"topics": ("AI",)},
    ),
    Hostile(
        name="rules in the body that look like fences",
        make=article(body="One.\n\n---\n\nTwo.\n"),
        fate="read",
        facts={"content": "<p>One.</p>\n<hr>\n<p>Two.</p>"},
    ),
    Hostile(name="a fence of three dots", make=article().replace(b"\n---\n", b"\n...\n"), fate="read"),
    Hostile(name="a tab after the colon", make=front("title:\tSound\ndate: 2026-05-01"), fate="read"),
    Hostile(
        name="a comment that was meant as a title's end",
        make=titled("C #tips"),
        fate="read",
        facts={"title": "C"},
    ),
]

# --- dates ---

DATES = [
    Hostile(name=f"a date that is none: {date}", make=article(date=date), fate="broken", says=said(3, words))
    for date, words in (
        ("2020-13-45", "`publishedDateTime` is a date that does not exist"),
        ("2020-02-30T10:00:00Z", "is a date that does not exist"),
        ("2020-11-04T24:30:00Z", "is a date that does not exist"),
        ("0001-01-01T00:00:00Z", "lies "),
        ("1969-12-31", "lies before 1970"),
        ("9999-12-31T23:59:59-10:00", "lies outside the years 1970 to 9999"),
        ("11/04/2020", "can be read as two different dates"),
        ("2020-11-04 20:01 CET", "has a time zone that feedbot does not know"),
        ("2020", "is a number that means no date"),
        ("soon", "is not a date"),
        ("true", "is not a date"),
        ("[2020-11-04]", "is not a date"),
    )
] + [
    Hostile(
        name="a date in the year 9999",
        make=article(date="9999-12-31T23:59:59Z"),
        fate="read",
        facts={"published.year": 9999},
    ),
    Hostile(
        name="the last minute of a day, and one more",
        make=article(date="2020-11-04T24:00:00Z"),
        fate="read",
        facts={"published.day": 5},
    ),
    Hostile(
        name="a leap second",
        make=article(date="2016-12-31T23:59:60Z"),
        fate="read",
        facts={"published.second": 59},
    ),
    Hostile(name="no date", make=front("title: x"), fate="excluded", says=said(None, "no date")),
    Hostile(name="an empty date", make=article(date="~"), fate="excluded", says=said(None, "no date")),
    Hostile(
        name="an update before the publication",
        make=article("updatedDateTime: 2020-01-01"),
        fate="read",
        facts={"updated.year": 2026},
    ),
    Hostile(
        name="an update that never was",
        make=article("updatedDateTime: 2026-99-99"),
        fate="read",
        says=said(4, "`updatedDateTime` is a date that does not exist"),
        facts={"updated.year": 2026},
    ),
]

# --- values of the wrong kind or size ---

VALUES = [
    Hostile(name="no title", make=front("date: 2026-05-01"), fate="broken", says=said(2, "no title")),
    Hostile(name="an empty title", make=titled('""'), fate="broken", says=said(2, "no title")),
    Hostile(
        name="a title that nobody can see",
        make=titled(r'"\u200b\u202e\ufeff"'),
        fate="broken",
        says=said(2, "no title"),
    ),
    Hostile(
        name="a list as a title",
        make=titled("[a, b]"),
        fate="broken",
        says=(Said(words="`title` is a list", line=3), Said(words="no title", line=2)),
    ),
    Hostile(
        name="a title of ten thousand characters",
        make=titled("word " * 2_000),
        fate="read",
        says=said(3, "`title` is longer than 300 characters and was cut"),
    ),
    Hostile(
        name="a text where a list of topics belongs",
        make=article("topics: AI, Computer Vision"),
        fate="read",
        facts={"topics": ("AI", "Computer Vision")},
    ),
    Hostile(
        name="topics that YAML takes for something else",
        make=article("topics:\n  - NO\n  - 3.10\n  - 2020-11-04"),
        fate="read",
        facts={"topics": ("NO", "3.10", "2020-11-04")},
        says=(
            Said(words="item 1 of `topics` is a yes-or-no value", line=5),
            Said(words="item 2 of `topics` is a number", line=6),
            Said(words="item 3 of `topics` is a date", line=7),
        ),
    ),
    Hostile(
        name="an empty topic",
        make=article("topics:\n  - AI\n  -\n  - ''"),
        fate="read",
        facts={"topics": ("AI",)},
        says=said(6, "item 2 of `topics` is empty"),
    ),
    Hostile(
        name="a list within the topics",
        make=article("topics: [AI, [ML, [Go]]]"),
        fate="read",
        facts={"topics": ("AI", "ML", "Go")},
    ),
    Hostile(
        name="a topic with a colon",
        make=article("topics:\n  - AI\n  - Hardware: chips"),
        fate="read",
        facts={"topics": ("AI",)},
        says=said(6, "item 2 of `topics` is a mapping"),
    ),
    Hostile(
        name="a mapping of topics",
        make=article("topics: {AI: 1}"),
        fate="read",
        says=said(4, "`topics` is a mapping"),
    ),
    Hostile(
        name="five thousand topics",
        make=article("topics: [" + ", ".join(f"t{n}" for n in range(5_000)) + "]"),
        fate="read",
        says=said(4, "names more than 100"),
    ),
    Hostile(
        name="a topic of five thousand characters",
        make=article(f"topics: [{'x' * 5_000}]"),
        fate="read",
        says=said(4, "item 1 of `topics` is longer than 100 characters"),
    ),
    Hostile(
        name="topics that differ in case and spaces only",
        make=article("topics: [AI, ai, ' A I ', Ai]"),
        fate="read",
        facts={"topics": ("AI", "A I")},
    ),
    Hostile(
        name="topics made of signs",
        make=article('topics: ["..", "/", "con", "C++", "<b>", "&&", "🦆"]'),
        fate="read",
        facts={"topics": ("..", "/", "con", "C++", "&&", "🦆")},
    ),
    Hostile(
        name="heat that is no number",
        make=article("heat: hot"),
        fate="read",
        facts={"heat": None},
        says=said(4, "`heat` is no number"),
    ),
    Hostile(
        name="infinite heat", make=article("heat: .inf"), fate="read", says=said(4, "`heat` is no number")
    ),
    Hostile(
        name="heat that is true", make=article("heat: true"), fate="read", says=said(4, "`heat` is no number")
    ),
    Hostile(
        name="a publication that is a number",
        make=article("provider: 2600"),
        fate="read",
        facts={"provider.name": "2600"},
        says=said(4, "`provider` is a number"),
    ),
    Hostile(
        name="a publication without a name",
        make=article("provider: {images: [{url: /x.png}]}"),
        fate="read",
        facts={"provider.name": ""},
        says=said(4, "neither a name nor a domain"),
    ),
    Hostile(
        name="pictures that are none",
        make=article("images:\n  - width: 3\n  - 17\n  - url: /sound.png\n    width: -4\n    height: big"),
        fate="read",
        facts={"images.0.url": "https://news.example.com/sound.png", "images.0.width": None},
        says=(
            Said(words="item 1 of `images` is not a picture", line=5),
            Said(words="item 2 of `images` is not a picture", line=6),
        ),
    ),
    Hostile(
        name="authors of every shape",
        make=article("authors: [Ada, {name: Bo, url: 'javascript:x'}, [Cy], null, {mail: x}]"),
        fate="read",
        facts={"authors.0.name": "Ada", "authors.1.url": ""},
        says=(
            Said(words="item 3 of `authors` is not an author", line=4),
            Said(words="item 4 of `authors` is not an author", line=4),
            Said(words="item 5 of `authors` is not an author", line=4),
        ),
    ),
    Hostile(
        name="related articles that are none",
        make=article("related: [1, {title: x}, {title: y, webUrl: 'https://y.example/'}]"),
        fate="read",
        facts={"related.0.title": "y"},
        says=(
            Said(words="item 1 of `related` is not an article", line=4),
            Said(words="item 2 of `related` is not an article", line=4),
        ),
    ),
    Hostile(
        name="the language of Norway",
        make=article("language: no"),
        fate="read",
        facts={"language": "no"},
        says=said(4, "`language` is a yes-or-no value"),
    ),
    Hostile(
        name="a language that is none",
        make=article("language: double Dutch"),
        fate="read",
        facts={"language": ""},
        says=said(4, "is no language code"),
    ),
    Hostile(
        name="published, perhaps",
        make=article("published: perhaps"),
        fate="excluded",
        says=said(4, "neither true nor false"),
    ),
    Hostile(name="a draft in quotes", make=article('draft: "yes"'), fate="excluded"),
    Hostile(
        name="an id of the wrong kind", make=article("id: [a]"), fate="read", says=said(4, "`id` is a list")
    ),
    Hostile(
        name="a secret with more inside",
        make=article(f"secured: {{a: [{SECRET}, [{SECRET}]], b: {SECRET}}}"),
        fate="read",
    ),
    Hostile(
        name="a secret that holds what is refused elsewhere",
        make=article(f"secured: [!x {SECRET}, *{SECRET}, &a {{<<: {SECRET}}}]"),
        fate="read",
    ),
    Hostile(
        name="fifty mistakes of one kind",
        make=article("topics: [" + ", ".join(["NO"] * 50) + "]"),
        fate="read",
        says=tuple(Said(words=f"item {n} of `topics`", line=4) for n in range(1, 21)),
    ),
    Hostile(
        name="a secret in a file that cannot be read",
        make=article(f"secured: {SECRET} : [{SECRET}"),
        fate="broken",
        says=said(4, "a second colon"),
    ),
]

# --- addresses ---

LINKS = [
    Hostile(
        name=f"an address that nobody may follow: {url[:30]!r}",
        make=article(f"webUrl: {url!r}\noriginalUrl: https://a.example/sound"),
        fate="read",
        facts={"link": "https://a.example/sound"},
        says=said(4, "`webUrl` is no web address"),
    )
    for url in (
        "javascript:alert(1)",
        " JavaScript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "https://",
        "https://user:word@a.example/",
        "https://a.example:port/",
        "https://[a.example/",
        "https://a..example/",
        "https://a.example/" + "x" * 5_000,
    )
] + [
    Hostile(
        name="an address with spaces, quotes and letters of other alphabets",
        make=article("webUrl: 'https://Bücher.example/ü ö?q=<\"é\">&v=1#ß'"),
        fate="read",
        facts={"link": "https://xn--bcher-kva.example/%C3%BC%20%C3%B6?q=%3C%22%C3%A9%22%3E&v=1#%C3%9F"},
    ),
    Hostile(
        name="an address without a scheme",
        make=article("webUrl: //a.example/x?v=1&v=2"),
        fate="read",
        facts={"link": "https://a.example/x?v=1&v=2"},
    ),
    Hostile(
        name="an address whose scheme was forgotten",
        make=article("webUrl: a.example/x"),
        fate="read",
        facts={"link": "https://news.example.com/a.example/x"},
        says=said(4, "`webUrl` has no `https://` and was taken as a path"),
    ),
    Hostile(
        name="an address that is a number",
        make=article("webUrl: 17"),
        fate="read",
        facts={"link": "https://news.example.com/hostile/"},
        says=said(4, "`webUrl` is no web address"),
    ),
    Hostile(
        name="an address with a control character",
        make=article(r'webUrl: "https://a.example/\x01"'),
        fate="read",
        says=said(4, "`webUrl` is no web address"),
    ),
]

# --- text ---

TEXT = [
    Hostile(name=f"a title with {what}", make=titled(title), fate="read", facts={"title": clean})
    for what, title, clean in (
        ("the end of a CDATA section", '"a ]]> b"', "a ]]> b"),
        ("an override of direction", r'"safe \u202egnp.exe"', "safe gnp.exe"),
        ("isolates and embeddings", r'"\u2067a\u2069 \u202bb\u202c"', "a b"),
        ("zero-width characters", r'"ze\u200bro \u2060wi\ufeffdth"', "zero width"),
        ("joiners that join", '"👨‍👩‍👧 می‌خواهم"', "👨‍👩‍👧 می‌خواهم"),
        ("control characters", r'"a\u0000b\x07c\x1bd"', "abcd"),
        ("noncharacters", r'"a\ufffe\uffff\U0001fffeb"', "ab"),
        ("an emoji as JSON writes it", r'"\ud83d\ude00 yes"', "😀 yes"),
        ("hard spaces and line breaks", r'"a\u00a0b\nc\u2028d"', "a b c d"),
        ("a raw line separator", "a\u2028b\u2029c", "a b c"),
        ("tags", '"<b>bold</b> <script>alert(1)</script>move<br>on"', "bold move on"),
        ("tags hidden in tags", '"Run <<b>script>alert(1)<</b>/script>"', "Run"),
        ("tags hidden in entities", '"Run &amp;lt;script&amp;gt;alert(1)&lt;/script&gt;"', "Run"),
        ("names in angle brackets", '"<others> and List<String>"', "<others> and List<String>"),
        ("doubled entities", '"AT&amp;amp;T &amp; quot;R&amp;D&amp; quot;"', 'AT&T "R&D"'),
        ("entities without their end", '"x?a=1&copy=2&region=3"', "x?a=1&copy=2&region=3"),
    )
]

# --- bodies ---

BODIES = [
    Hostile(
        name="a body that runs, styles and embeds",
        make=article(
            body='<p onclick="x()" style="position:fixed">Hi</p><script>alert(1)</script><style>p{}</style>'
            '<form action="/x"><input name="q"><button>Go</button></form><a href="javascript:x">y</a>'
            '<iframe src="//player.example/1" title="Film"></iframe><svg onload=x></svg><!-- note -->'
        ),
        fate="read",
        says=said(6, "<svg> in the body is left out"),
        facts={
            "content": '<p>Hi</p><a>y</a><p><a href="https://player.example/1">Film</a></p>',
        },
    ),
    Hostile(
        name="a whole HTML document with office comments",
        make=article(
            body="<!DOCTYPE html><html><head><title>Not text</title><style>p{}</style></head>\n"
            "<body>\n\n<!--[if mso]><p>Office</p><![endif]-->\n\n    <p>Text</p></body></html>"
        ),
        fate="read",
        facts={"content": "<p>Text</p>"},
    ),
    Hostile(
        name="relative addresses in a body",
        make=article(
            "webUrl: https://elsewhere.example/a/", '<img src="/a.png"><img src="b.png"><a href="#c">c</a>'
        ),
        fate="read",
        facts={
            "content": '<p><img src="https://news.example.com/a.png">'
            '<img src="https://news.example.com/hostile/b.png">'
            '<a href="https://news.example.com/hostile/#c">c</a></p>'
        },
    ),
    Hostile(
        name="a body with the end of a CDATA section",
        make=article(body="One ]]> two &#93;]&gt; `]]>`"),
        fate="read",
        facts={"content": "<p>One ]]&gt; two ]]&gt; <code>]]&gt;</code></p>"},
    ),
    Hostile(
        name="control characters in a body",
        make=article(body=b"<p>a\x01b \xef\xbf\xbe \xe2\x80\xaec &#1;&#xfffe;&#x202e;d</p>"),
        fate="read",
        facts={"content": "<p>ab  c d</p>"},
        filename="hostile.html",
    ),
    Hostile(
        name="a hundred thousand nested elements",
        make=article(body="<div>" * 100_000),
        fate="read",
        facts={"content": ""},
        says=said(6, "too tangled"),
    ),
    Hostile(
        name="a tag with a hundred thousand attributes, and quotes that hide them",
        make=article(body="""<p " a=" >" """ + " ".join(f"a{n}" for n in range(100_000)) + ">x</p>"),
        fate="read",
        facts={"content": ""},
        says=said(6, "too tangled"),
        filename="hostile.html",
    ),
    Hostile(
        name="formatting that is opened and never closed",
        make=article(body="".join(f'<b title="{n}">' for n in range(200)) + "<p>x" * 20_000),
        fate="read",
        facts={"content": ""},
        says=said(6, "too tangled"),
    ),
    Hostile(
        name="fifty thousand brackets",
        make=article(body="[" * 50_000),
        fate="read",
        facts={"content": f"<p>{'[' * 50_000}</p>"},
    ),
    Hostile(
        name="fifty thousand quotes within quotes",
        make=article(body=">" * 50_000 + "x"),
        fate="read",
        facts={"content": ""},
        says=said(6, "too tangled"),
    ),
    Hostile(
        name="a list a thousand levels deep",
        make=article(body="".join(" " * n + "- a\n" for n in range(500))),
        fate="read",
    ),
    Hostile(
        name="a megabyte of Markdown",
        make=article(body="word " * 210_000),
        fate="read",
        facts={"content": ""},
        says=said(6, "larger than 512 KiB"),
    ),
    Hostile(
        name="three megabytes of HTML",
        make=article(body="<p>word</p>" * 300_000),
        fate="read",
        facts={"content": ""},
        says=said(6, "larger than 2 MiB"),
        filename="hostile.html",
    ),
    Hostile(
        name="template tags of other programs",
        make=article(body="Text.\n\n{% include figure.html %}\n{{< figure >}}\n"),
        fate="read",
        says=said(8, "template tags in the body are not executed"),
    ),
    Hostile(
        name="template tags shown as code",
        make=article(body="```\n{% raw %}\n```\n"),
        fate="read",
    ),
]

# --- names and things in the folder ---

GOOD = "title: Good\npublishedDateTime: 2026-05-01T08:00:00Z\n"


def _as_root() -> bool:
    return os.geteuid() == 0


def _folder_named_like_a_file(folder: Path) -> None:
    (folder / "hostile.md").mkdir()
    (folder / "hostile.md" / "inside.md").write_bytes(front("title: Inside\ndate: 2026-05-01"))


def _link_out(folder: Path) -> None:
    outside = folder.parent / "outside.md"
    outside.write_bytes(titled("Outside"))
    (folder / "hostile.md").symlink_to(outside)


def _unreadable(folder: Path) -> None:
    path = folder / "hostile.md"
    path.write_bytes(article())
    path.chmod(0)


def _same_id_twice(folder: Path) -> None:
    (folder / "hostile-1.md").write_bytes(article("id: twin"))
    (folder / "hostile-2.md").write_bytes(article("id: twin"))


def _named(name: str | bytes) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        path = os.path.join(os.fsencode(folder), os.fsencode(name))  # noqa: PTH118 - a name that is no text
        with open(path, "wb") as file:  # noqa: PTH123 - as above
            file.write(titled("Named"))

    return make


def _sparse(folder: Path) -> None:
    with (folder / "hostile.md").open("wb") as file:
        file.write(article())
        file.truncate(64 * 1024 * 1024)


FOLDERS = [
    Hostile(name="a folder named like a file", make=_folder_named_like_a_file, fate="absent"),
    Hostile(
        name="a link that leads out of the folder",
        make=_link_out,
        fate="absent",
        says=said(None, "leads out of the content folder"),
    ),
    Hostile(
        name="a link to itself",
        make=lambda folder: (folder / "hostile.md").symlink_to("hostile.md"),
        fate="absent",
        says=said(None, "leads in a circle"),
    ),
    Hostile(
        name="a link to nothing",
        make=lambda folder: (folder / "hostile.md").symlink_to("nothing.md"),
        fate="absent",
        says=said(None, "leads nowhere"),
    ),
    Hostile(
        name="a link to the folder it lies in",
        make=lambda folder: (folder / "hostile.md").symlink_to("."),
        fate="absent",
        says=said(None, "a symbolic link to a folder is not followed"),
    ),
    Hostile(
        name="a pipe under a file's name",
        make=lambda folder: os.mkfifo(folder / "hostile.md"),
        fate="absent",
        says=said(None, "not a regular file"),
    ),
    Hostile(
        name="a file that may not be read",
        make=_unreadable,
        fate="read" if _as_root() else "broken",
        says=() if _as_root() else said(None, "cannot be read"),
    ),
    Hostile(
        name="one id in two files",
        make=_same_id_twice,
        fate="read",
        says=said(None, "already belongs to content/hostile-1.md", path="hostile-2.md"),
    ),
    Hostile(
        name="sixty-four megabytes", make=_sparse, fate="broken", says=said(None, "bytes, more than the")
    ),
    Hostile(
        name="a name that is not UTF-8",
        make=_named(b"caf\xe9.md"),
        fate="absent",
        says=said(None, "the file's name is not UTF-8", path="caf\\xe9.md"),
    ),
    Hostile(
        name="a name made of markup",
        make=_named("<script>&\"']]>.md"),
        fate="read",
        filename="<script>&\"']]>.md",
    ),
    Hostile(name="a name with a line break", make=_named("a\nb.md"), fate="read", filename="a\nb.md"),
    Hostile(name="a name with a space and an umlaut", make=_named("ü b.md"), fate="read", filename="ü b.md"),
    Hostile(name="a hidden file", make=_named(".hidden.md"), fate="absent"),
    Hostile(name="a file that an editor left behind", make=_named("draft.md~"), fate="absent"),
]

CASES = [*SPELLED, *BROKEN_YAML, *BYTES, *DATES, *VALUES, *LINKS, *TEXT, *BODIES, *FOLDERS]
