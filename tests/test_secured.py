"""What an article holds under `secured` stays in its file, even when the file cannot be read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confidential import PARENTS, SECRET, SPOILED, VALUES, articles, below, secured, traces
from console import at_once
from hypothesis import given
from newsroom import SITE, Newsroom, age
from receiver import receiving
from served import serving_newsroom

from feedbot.content import Read, Reader
from feedbot.model import Site

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
    "in the quotes of the line above": (SECURED, f"type: 'a\n{SECURED}'"),
    "in the block above": (SECURED, f"type: |\n  a\n  {SECURED}"),
    "in the plain text above": ("  - AI\n" + SECURED, f"  - AI\n    secured:{TEXT}"),
    "an item without a space": (SECURED, f"authors:\n- secured:{TEXT}"),
    "its lines given twice": (SECURED, f"secured:\n{TEXT[:12]}: a\n{TEXT[:12]}: b"),
    "below the end of the front matter": (SECURED, f"---\n\n{SECURED}"),
}
USABLE = {
    "another case": (SECURED, SECURED.replace("secured", "Secured")),
    "written twice": (SECURED, f"{SECURED}\n{SECURED}"),
    "with a tag": (SECURED, f"secured: !{TEXT[:20]} {TEXT}"),
    "a list": (SECURED, f"secured:\n  - {TEXT}\n  - {{inner: {TEXT}}}"),
    "a block": (SECURED, f"secured: |\n  {TEXT}\n  {TEXT}"),
    "a key": (SECURED, f'secured:\n  "{TEXT}": yes'),
    "in a mapping": (SECURED, f"provider: {{name: Publisher,\n  {SECURED}}}"),
    "in a list": (SECURED, f"authors:\n  - name: Ada\n    {SECURED}"),
    "beside a date that is none": ("2026-05-01T08:00:00Z", "soon"),
    "beside a topic that is none": ("  - AI", "  - {AI: {}}"),
}


def told(room: Newsroom, *arguments: str) -> str:
    """What a command of feedbot says, on the screen and in its log."""
    done = at_once(*arguments, folder=room.folder)
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


def test_a_sentence_and_a_piece_of_code_may_begin_with_the_word(newsroom: Newsroom) -> None:
    excerpt = "excerpt: |\n  What it is about.\n  Secured: three millions."
    body = "Secured: three millions.\n\n```yaml\nsecured: true\n```\n"
    newsroom.write_raw(
        "funding.md", WHOLE.replace('excerpt: "What it is about"', excerpt).replace("The body.\n", body)
    )
    newsroom.build()
    [item] = newsroom.items()
    assert "Secured: three millions." in item["content_html"]
    assert "secured: true" in item["content_html"]


def test_what_follows_front_matter_that_ends_early_is_refused(newsroom: Newsroom) -> None:
    file = newsroom.write_raw("early.md", WHOLE.replace(SECURED, f"---\n{SECURED}"))
    age(file)
    checked = told(newsroom, "check")
    assert "a line `secured:` after the end of the front matter" in checked
    assert leaked(checked) == []


def test_code_with_very_many_such_lines_is_read_in_time_that_grows_with_it() -> None:
    code = "```yaml\n" + "secured: true\n" * 100_000 + "```\n"  # an hour, if with its square
    reader = Reader(site=Site(**SITE))
    assert isinstance(reader.read(f"{WHOLE}{code}".encode(), name="a.md", relative="a.md"), Read)
    refused = reader.read(f"{WHOLE}{code}secured: x\n".encode(), name="a.md", relative="a.md")
    assert [finding.line for finding in refused.findings] == [100_013]


@given(articles())
def test_however_a_secured_text_is_written_nothing_is_read_of_it(data: bytes) -> None:
    reading = Reader(site=Site(**SITE)).read(data, name="content/a.md", relative="a.md")
    assert traces(reading) == set()


COMMANDS = (
    ["check", "-vv"],
    ["check", "--json"],
    ["build", "-vv"],
    ["status", "-vv"],
    ["status", "--json"],
    ["run", "--once", "-vv"],
    ["deliveries", "list", "--json"],
    ["preview", "content/value-1.md"],
    ["preview", "content/value-1.md", "--json"],
    ["preview", "content/below-1.md", "--json"],
    ["preview", "content/spoiled-1.md"],
)


def write_all(room: Newsroom) -> None:
    """One article for each way to write something `secured`, each of today, and one that gets it later."""
    day = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    lines = {f"value-{number}": secured(value) for number, value in enumerate(VALUES)}
    lines |= {f"spoiled-{number}": secured(value) for number, value in enumerate(SPOILED)}
    lines |= {f"below-{number}": below(parent, secured("{}")) for number, parent in enumerate(PARENTS)}
    for name, added in lines.items():
        text = f"---\nname: About {name}\ndate: {day}\n{added}\ntopics: [AI]\n---\nText.\n"
        age(room.write_raw(f"{name}.md", text))
        age(room.write_raw(f"{name}.html", text.replace("\n", "\r\n")))


def test_no_command_file_or_message_tells_a_secured_text(newsroom: Newsroom) -> None:
    with receiving() as receiver:
        hook = {"name": "hook", "type": "webhook", "url": receiver.url, "unsigned": True}
        newsroom.configure(
            announce={"settle": "0s", "burst": 1000},
            targets=[{**hook, "events": ["published", "updated", "withdrawn"]}],
        )
        said = [told(newsroom, "build")]  # from now on articles are new
        write_all(newsroom)
        said += [told(newsroom, *command) for command in COMMANDS]
        ids = sorted(set(re.findall(r"msg_\w{32}", "".join(said))))
        said += [told(newsroom, "deliveries", "show", id_, "-v") for id_ in ids[:2]]
        plain = newsroom.content / "value-0.md"
        plain.write_text(
            plain.read_text().replace("About", "More about").replace(SECRET, f"{SECRET}, {SECRET}")
        )
        age(plain)
        said.append(told(newsroom, "run", "--once", "-vv"))
        received = [request.body for request in receiver.requests]
    assert len(newsroom.items()) == 50
    assert len(received) > 60
    assert traces(*said, *received) == set()
    assert traces(written(newsroom.folder / ".feedbot"), written(newsroom.feeds)) == set()


def test_no_page_of_a_worker_tells_a_secured_text(tmp_path: Path) -> None:
    with serving_newsroom(tmp_path / "newsroom", serve={"local": True}) as served:
        write_all(served.newsroom)
        served.start()
        pages = [served.get(path) for path in ("status", "metrics", "healthz", "", "ai/", "feed.json")]
        assert b"About value-1" in pages[-1]
        assert traces(*pages, *served.lines) == set()
        served.stop()
