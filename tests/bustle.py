"""A newsroom where much is going on and much is wrong, to see whether commands can show it."""

from __future__ import annotations

import json
from pathlib import Path

from console import Today
from newsroom import Newsroom
from postbox import toots, webhook

from feedbot.attempt import Answer, Busy, Denied, Gone, Refused, Sent, Unclear

LONG_NAME = "a-target-with-a-rather-long-name"
WIDE_NAME = "東京 新聞"

TITLES = {
    "short.md": "Ok",
    "long.md": "A rather long title " + "that goes on and on " * 10,
    "wide.md": "東京の図書館で新しいロボットが本を薦めるようになったと発表された、しかしまだ誰も読んでいない",
    "emoji.md": "👩‍💻 and 👨‍👩‍👧‍👦 from 🇦🇹 and 🏴󠁧󠁢󠁥󠁮󠁧󠁿 give it 👍🏽 and ❤️, and 1️⃣ more",
    "arabic.md": "مقالة عن الروبوتات في المكتبة الوطنية وكيف تنصح بالكتب التي لا يقرؤها أحد",
    "marks.md": "te\u0301xt บทความเกี่ยวกับหุ่นยนต์ पुस्तकालय में रोबोट",
    "spaces.md": "10\u00a0000\u202f% of\u3000it",
    "folder with spaces/東京の記事.md": "A file with a name of its own",
}

# What steers a terminal, or turns the order of letters round.
ATTACK = "a\x1b]0;owned\x07b\x1b[2Jc\x9b31md\u202ee\u2066f\x7fg\rh\ni\u2028j"

PATHS = (
    "content/broken/a-rather-long-name-that-somebody-gave-to-a-file-which-nobody-can-read.md",
    "content/broken/東京/記事.md",
    "content/broken/with spaces/in its name.md",
)


def bustling(folder: Path) -> Today:
    """Make it: every state of deliveries and targets, broken files, and titles in many scripts."""
    newsroom = Newsroom(folder)
    desk = Today(newsroom)
    everyone = (
        webhook(events=["published", "updated", "withdrawn"]),
        webhook(LONG_NAME),
        webhook(WIDE_NAME),
        toots("toots", base_url="http://127.0.0.1:9/"),  # nobody listens there
        webhook("gone"),
        webhook("old one", events=["published", "updated"]),
    )
    picky = webhook("picky", where={"min_heat": 50})
    hub = {"hub": "http://127.0.0.1:9/"}
    desk.configure(*everyone, picky, announce={"burst": 3}, feeds=hub)
    for number in range(40):
        newsroom.write(f"archive/{number:03}.md", topics=[f"Topic {number % 7}"])
    newsroom.build()
    _announce(desk)
    _break(newsroom)
    for number in range(4):  # more than may come at once
        desk.write(f"burst-{number}.md", publishedDateTime=newsroom.now.isoformat())
    newsroom.write("soon.md", publishedDateTime="2999-01-01T00:00:00Z")
    newsroom.build()
    desk.configure(*everyone[:5], picky, webhook("late"))
    _attack(newsroom)
    newsroom.close()
    return desk


def _announce(desk: Today) -> None:
    """Titles of every kind, and whatever can become of an announcement."""
    answer = Answer(status=500, headers={}, body=b"<h1>Oh no</h1> " * 30, at=desk.newsroom.now, seconds=0.25)
    reason = "the receiver said something rather longwinded about what it does not want " * 2
    desk.boxes["box"].outcomes += [
        Refused(reason=reason, answer=answer),
        Sent(),
        Unclear(reason="no answer", answer=answer),
    ]
    desk.boxes["gone"].outcomes += [Gone(reason=f"it is gone {ATTACK}")]
    desk.boxes["toots"].outcomes += [Sent(receipt={"url": "https://social.example/@news/1", "id": "1"})] * 2
    desk.boxes["toots"].outcomes += [Denied(reason="answered 401; check the token")]
    desk.boxes["old one"].outcomes += [Busy(reason="it is asleep")]
    for name, title in TITLES.items():
        desk.write(name, title=title)
        desk.newsroom.later(seconds=20)
        desk.newsroom.build()
        desk.deliver()
    for title in ("edited", "edited again"):  # the second makes the first pointless
        desk.write("short.md", title=title)
        desk.newsroom.later(seconds=5)
        desk.newsroom.build()


def _attack(newsroom: Newsroom) -> None:
    """Give an article a title that no front matter could give it."""
    with newsroom.engine.begin() as connection:
        path = "content/marks.md"
        found = connection.exec_driver_sql("select body from articles where path = ?", (path,))
        attacked = json.dumps({**json.loads(found.scalar_one()), "title": ATTACK})
        connection.exec_driver_sql("update articles set body = ? where path = ?", (attacked, path))


def _break(newsroom: Newsroom) -> None:
    for path in PATHS:
        newsroom.write_raw(path.removeprefix("content/"), "---\ntitle: [x\n---\n")
    for number in range(8):
        newsroom.write_raw(f"broken/{number}.md", "---\ntitle: [x\n---\n")
    newsroom.write_raw("broken/\x1b[31mred\u202e.md", "---\ntitle: [x\n---\n")
    newsroom.write("warned.md", image=5, topics=5)
    newsroom.write("draft.md", draft=True)
    newsroom.write("undated.md", publishedDateTime=None)
