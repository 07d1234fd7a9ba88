"""What an article holds under `secured` stays in its file, even when the file cannot be read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from newsroom import Newsroom, age

TEXT = "Q2FuIHlvdSByZWFkIHRoaXM/Cg+f/0hvdyBhYm91dCB0aGF0Pwo=;YWJjZGVmZ2g="
WHOLE = f"""---
title: "A whole article"
excerpt: "What it is about"
publishedDateTime: 2026-05-01T08:00:00Z
webUrl: "https://publisher.example/story"
topics:
  - AI
secured: "{TEXT}"
---
The body.
"""
SECURED = f'secured: "{TEXT}"'

# What goes wrong, what is replaced by what, and whether the file can be used all the same.
BROKEN = {
    "quote not closed": (SECURED, SECURED[:-1]),
    "colon in a plain value": (SECURED, f"secured: {TEXT}: more"),
    "list not closed": (SECURED, f"secured: [{TEXT}"),
    "mapping not closed": (SECURED, f'secured: {{key: "{TEXT}"'),
    "an alias": (SECURED, f"secured: *{TEXT}"),
    "an anchor and its alias": (SECURED, f"secured: &{TEXT} text\ntype: *{TEXT}"),
    "a text that goes on at the margin": (SECURED, f"secured: >\n  text\n{TEXT}"),
    "not indented": (SECURED, f"secured:\n{TEXT}"),
    "a control character": (SECURED, f'secured: "{TEXT}\x07"'),
    "an unknown escape": (SECURED, f'secured: "{TEXT}\\q"'),
    "a tab before it": (SECURED, f"\t{SECURED}"),
    "a list before it": ("topics:\n  - AI", "topics: [AI"),
    "a quote before it": ('"A whole article"', '"A whole article'),
    "no title": ('title: "A whole article"\n', ""),
    "no closing fence": ("\n---\n", "\n"),
    "no opening fence": ("---\ntitle", "title"),
    "no colon": (SECURED, SECURED.replace(": ", " ")),
    "no space": (SECURED, SECURED.replace(": ", ":")),
}
USABLE = {
    "another case": (SECURED, SECURED.replace("secured", "Secured")),
    "written twice": (SECURED, f"{SECURED}\n{SECURED}"),
    "with a tag": (SECURED, f"secured: !{TEXT[:20]} {TEXT}"),
    "a list": (SECURED, f"secured:\n  - {TEXT}\n  - {{inner: {TEXT}}}"),
    "a block": (SECURED, f"secured: |\n  {TEXT}\n  {TEXT}"),
    "a key": (SECURED, f'secured:\n  "{TEXT}": yes'),
    "beside a date that is none": ("2026-05-01T08:00:00Z", "soon"),
    "beside a topic that is none": ("  - AI", "  - {AI: {}}"),
}


def told(room: Newsroom, *arguments: str) -> str:
    """What a command of feedbot says, on the screen and in its log."""
    command = [sys.executable, "-m", "feedbot", *arguments]
    done = subprocess.run(command, cwd=room.folder, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}
    return done.stdout + done.stderr


def written(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def leaked(text: str) -> list[str]:
    """The pieces of the secured text, 12 characters each, that `text` holds."""
    pieces = [TEXT[start : start + 12] for start in range(0, len(TEXT) - 12, 6)]
    return [piece for piece in pieces if piece in text]


def test_a_secured_text_is_never_told_whatever_is_wrong_with_its_file(newsroom: Newsroom) -> None:
    for name, (old, new) in {**BROKEN, **USABLE}.items():
        assert old in WHOLE
        age(newsroom.write_raw(f"{name}.md", WHOLE.replace(old, new)))
    checked = told(newsroom, "check", "-vv")
    assert [name for name in BROKEN if f"content/{name}.md" not in checked] == []
    commands = (
        ["check", "--json"],
        ["build", "-vv"],
        ["status", "-vv"],
        ["status", "--json"],
        ["run", "--once"],
    )
    said = [checked, *(told(newsroom, *command) for command in commands)]
    assert leaked("".join(said)) == []
    assert leaked(written(newsroom.folder / ".feedbot").decode("latin-1")) == []
    assert leaked(written(newsroom.feeds).decode("latin-1")) == []
    assert "A whole article" in newsroom.titles()


def test_an_article_is_read_in_full_beside_its_secured_text(newsroom: Newsroom) -> None:
    for name, (old, new) in USABLE.items():
        if name.startswith("beside"):
            continue
        newsroom.write_raw(f"{name}.md", WHOLE.replace(old, new))
    newsroom.build()
    assert len(newsroom.items("ai")) == len([name for name in USABLE if not name.startswith("beside")])
    assert {item["content_html"] for item in newsroom.items()} == {"<p>The body.</p>"}
