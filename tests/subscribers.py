"""Feed readers that people use, each in a home of its own, polling addresses as its person has set it up.

A subscriber is told the address of a feed. `visit` is one poll: the real program runs, and what it has to
show afterwards is read from where it keeps that. Nothing here reads a feed, and no request is made but for
the address that a subscriber was given.
"""

from __future__ import annotations

import email
import email.policy
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Protocol

import pytest
from newsroom import age
from reader import Reader, make_reader

PATIENCE = 60.0  # seconds for one run of a program
POSTBOX = "subscriber@reader.example"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An article as a reader shows it; "" or None for what that reader does not show."""

    id: str
    title: str
    link: str
    published: datetime | None
    author: str
    text: str  # part of the article's content or all of it, in the reader's own form
    updated: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What one poll came to."""

    told: tuple[str, ...]  # ids that the reader presents as new to its person, once for each time it does so
    changed: tuple[str, ...] | None  # ids that it presents as changed; None for a reader that never does
    shown: tuple[Shown, ...]  # all that it has of the feed, newest first where it has an order


class Subscriber(Protocol):
    """One reader with one feed."""

    def visit(self) -> Visit:
        """Poll the feed, and then read all that is new."""


def installed(program: str) -> str:
    """The path of a program; where it is missing, CI fails and other machines skip the test."""
    found = shutil.which(program, path=os.environ["PATH"])
    if found:
        return found
    package = {"r2e": "rss2email", "sfeed_update": "sfeed"}.get(program, program)
    reason = f"the program {program} is missing: apt-get install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def run(home: Path, *command: str | Path) -> str:
    """What a program says on stdout when it is at home in `home`; anything on stderr is a failure."""
    environment = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=home,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, ""), (command, done)
    return done.stdout


class Newsboat:
    """newsboat, which knows an article by its id and keeps it in its cache.

    An id is one article to it over all feeds, so that each feed here has a cache of its own.
    """

    def __init__(self, home: Path, url: str) -> None:
        home.mkdir(parents=True)
        (home / "urls").write_text(f"{url}\n")
        (home / "newsboat.conf").touch()
        self._home = home

    def visit(self) -> Visit:
        """Reload, look at what is unread, mark it as read."""
        self._newsboat("-x", "reload")
        with closing(sqlite3.connect(self._home / "cache.db")) as cache:
            query = """
                select guid, title, url, pubDate, author, content, unread
                from rss_item order by pubDate desc, guid
            """
            rows = cache.execute(query).fetchall()
        unread = tuple(row[0] for row in rows if row[6])
        assert self._newsboat("-x", "print-unread").split()[:1] == [str(len(unread))]
        (self._home / "read").write_text("".join(f"{id_}\n" for id_ in unread))
        self._newsboat("-I", "read")
        return Visit(
            told=unread,
            changed=None,
            shown=tuple(
                Shown(id=id_, title=title, link=link, published=_moment(date), author=author, text=text)
                for id_, title, link, date, author, text, _ in rows
            ),
        )

    def _newsboat(self, *arguments: str) -> str:
        return run(
            self._home,
            installed("newsboat"),
            "-u",
            "urls",
            "-c",
            "cache.db",
            "-C",
            "newsboat.conf",
            *arguments,
        )


class Sfeed:
    """sfeed_update, which keeps one line for each id, title and link that it ever saw.

    Its configuration is a shell script. The function `fetch` here is the one that its documentation shows for
    conditional requests, with one redirect allowed as in its manual; by default it follows none. With `by_id`
    it also merges in another way: one line for each id, the newest.
    """

    FETCH = r"""
fetch() {
    etag="$HOME/etags/$1"
    curl -L --max-redirs 1 -H "User-Agent:" -f -s -m 15 --compressed \
        --etag-save "${etag}" --etag-compare "${etag}" -z "${etag}" "$2"
}
"""
    MERGE = r"""
merge() {
    sort -t "$(printf '\t')" -u -k6,6 "$3" "$2"
}
"""

    def __init__(self, home: Path, url: str, *, by_id: bool = False) -> None:
        (home / "etags").mkdir(parents=True)
        merge = self.MERGE if by_id else ""
        feeds = f"feeds() {{ feed news '{url}'; }}\n"
        (home / "sfeedrc").write_text(f'sfeedpath="$HOME/feeds"\n{self.FETCH}{merge}{feeds}')
        self._home = home
        self._known: set[str] = set()

    def visit(self) -> Visit:
        """Update, and look at the lines."""
        installed("curl")
        said = run(self._home, installed("sfeed_update"), "sfeedrc")
        assert said.split()[1:] == ["news", "OK"], said
        # curl drops a body that is dated no later than the second of its last answer. Where people poll, a
        # change in the second of a poll is rare; here it is the rule, so let that answer have come earlier.
        age(self._home / "etags/news", 60)
        lines = (self._home / "feeds/news").read_text(encoding="utf-8").splitlines()
        # time, title, link, content, type of content, id, author, enclosure, categories
        rows = [line.split("\t") for line in lines]
        told = tuple(row[5] for row in rows if row[5] not in self._known)
        self._known |= set(told)
        return Visit(
            told=told,
            changed=None,
            shown=tuple(
                Shown(
                    id=row[5],
                    title=row[1],
                    link=row[2],
                    published=_moment(row[0]),
                    author=row[6],
                    text=row[3],
                )
                for row in rows
            ),
        )


class Mail:
    """rss2email, which sends an article as a mail, once.

    The mails go to a program that puts them into a folder, as a system's sendmail would put them into a box.
    If `replying`, an article whose content changed is sent again as a reply to its first mail; by default it
    is not.
    """

    SENDMAIL = """#!/bin/sh
# Takes a mail from stdin; it is whole once it has its last name.
set -e
number=$(ls box | wc -l)
cat > letter
mv letter "box/$(printf %05d "$number")"
"""

    def __init__(self, home: Path, url: str, *, replying: bool = False) -> None:
        (home / "box").mkdir(parents=True)
        (home / "sendmail").write_text(self.SENDMAIL)
        (home / "sendmail").chmod(0o755)
        options = {
            "from": "feeds@reader.example",
            "to": POSTBOX,
            "email-protocol": "sendmail",
            "sendmail": str(home / "sendmail"),
            "date-header": "True",
            "date-header-order": "issued, modified",
            "name-format": "{author}",
            "reply-changes": str(replying),
            "html-mail": str(
                replying
            ),  # as text it sends the summary of Atom, which an edit may leave as it was
            "body-width": "-1",
            "verbose": "warning",
        }
        written = "".join(f"{key} = {value}\n" for key, value in options.items())
        (home / "r2e.cfg").write_text(f"[DEFAULT]\n{written}\n[feed.news]\nurl = {url}\n")
        self._home = home
        self._read = 0

    def visit(self) -> Visit:
        """Run it, and read the mails that came."""
        said = run(self._home, installed("r2e"), "-c", "r2e.cfg", "-d", "r2e.json", "run")
        assert said == ""
        paths = sorted((self._home / "box").iterdir())
        mails = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in paths]
        arrived, self._read = mails[self._read :], len(mails)
        return Visit(
            told=tuple(_id_of(mail) for mail in arrived if "In-Reply-To" not in mail),
            changed=tuple(_id_of(mail) for mail in arrived if "In-Reply-To" in mail),
            shown=tuple(_shown_of(mail) for mail in mails),
        )


def _id_of(mail: EmailMessage) -> str:
    return "".join(str(mail["X-RSS-ID"]).split())


def _shown_of(mail: EmailMessage) -> Shown:
    date = parsedate_to_datetime(str(mail["Date"]))
    return Shown(
        id=_id_of(mail),
        title=str(mail["Subject"]),
        link=str(mail["X-RSS-URL"]),
        published=date if date.tzinfo else date.replace(tzinfo=UTC),  # as "-0000" says (RFC 5322, 3.3)
        author=parseaddr(str(mail["From"]))[0],
        text=str(mail.get_content()),
    )


class Library:
    """The Python package reader, as programs use it that are built on it. Its state outlives each visit."""

    def __init__(self, home: Path, url: str) -> None:
        home.mkdir(parents=True)
        self._database = str(home / "reader.sqlite")
        self._url = url
        with make_reader(self._database, plugins=[]) as reader:
            reader.add_feed(url)

    def visit(self) -> Visit:
        """Update the feed, look at what is unread, mark it as read."""
        with make_reader(self._database, plugins=[]) as reader:
            before = {shown.id: shown for shown in _entries(reader)}
            update = reader.update_feed(self._url)
            told = tuple(entry.id for entry in reader.get_entries(read=False))
            after = _entries(reader)
            for entry in list(reader.get_entries(read=False)):
                reader.mark_entry_as_read(entry)
        changed = tuple(shown.id for shown in after if shown != before.get(shown.id, shown))
        counted = (0, 0) if update is None else (update.new, update.modified)
        assert counted == (len(told), len(changed))
        return Visit(told=told, changed=changed, shown=after)


def _entries(reader: Reader) -> tuple[Shown, ...]:
    return tuple(
        Shown(
            id=entry.id,
            title=entry.title or "",
            link=entry.link or "",
            published=entry.published,
            author=", ".join(author.name or "" for author in entry.authors),
            text=(entry.content[0].value if entry.content else "") or entry.summary or "",
            updated=entry.updated,
        )
        for entry in reader.get_entries()
    )


def _moment(seconds: str | int) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
