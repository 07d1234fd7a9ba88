"""Writes a newsroom of any size: front-matter articles that are invented, plausible and always the same.

    python benchmarks/corpus.py FOLDER COUNT [--topics 200] [--seed 1] [--fields newsroom|pelican]

An article depends on the seed and on its number only, so a small newsroom is the beginning of a large one.
Each has about 5 KB of front matter: related coverage, pictures, a `secured` blob; 85 in 100 are published,
20 in 100 have a body, and the topics are as uneven as in life (Zipf). Pelican wants a few fields under other
names; all else is the same for it. Knows nothing of feedbot.
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate, product
from pathlib import Path
from random import Random
from typing import TypeVar

T = TypeVar("T")

FIRST_DAY = datetime(2023, 1, 1, tzinfo=UTC)
DAYS = 3 * 365
PUBLISHED = 0.85
WITH_BODY = 0.20
WITH_PICTURE = 0.93

TOPICS_OF_AN_ARTICLE = {1: 35, 2: 35, 3: 20, 4: 10}
RELATED_OF_AN_ARTICLE = {0: 6, 1: 6, 2: 10, 3: 20, 4: 32, 5: 26}
CATEGORIES = {"news": 78, "analysis": 12, "research": 7, "events": 3}
TYPES = {"article": 91, "video": 6, "podcast": 3}


def parts(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("|")]


FAMOUS_TOPICS = parts("""
    AI | Robotics | Security | C++ | C# | Computer Vision | Web | Space | R&D | Open Source
""")
FIELDS = parts("""
    Coastal | Orbital | Rural | Polar | Municipal | Underground | Alpine | Tropical | Lunar | Maritime |
    Nocturnal | Edible | Portable | Acoustic | Wooden | Recycled | Ancient | Wearable | Silent | Solar
""")
THINGS = parts("""
    Sensors | Batteries | Networks | Drones | Archives | Maps | Kitchens | Libraries | Clocks | Ferries |
    Compilers | Markets | Gardens | Bicycles | Radios | Museums | Printers | Bridges | Games | Keyboards
""")
PUBLICATIONS = {
    "Harbour Post": "harbour-post.example",
    "Compiler Gazette": "compiler-gazette.example",
    "Solder & Sound": "solder-and-sound.example",
    "Tidewatch": "tidewatch.example",
    "Field Notes Quarterly": "field-notes.example",
    "Le Câble": "le-cable.example",
    "Die Küste": "die-kueste.example",
    "電子の朝": "denshi.example",
    "Pixelworks Review": "pixelworks.example",
    "Public Desk": "publicdesk.example",
}
WHO = parts("""
    The harbour authority | A maker of small motors | An open-source project | The weather service | A café
    in Łódź | One regional railway | The city’s archive | A school for divers | The second-largest bakery |
    A team of volunteers | The lighthouse union | A start-up without a name | The national museum | An
    island of 900 people | A chess club
""")
DOES = parts("""
    tests | delays | opens | gives away | rewrites | bans | measures | defends | sells | forgets | explains
    | doubles | quietly removes | celebrates | repairs | publishes | finally finds | lends out | redesigns
""")
WHAT = parts("""
    its first tidal data centre | every password | a robot that reads labels | the map of all its cables | a
    5G bell | the archive of lost mail | forty years of sensor logs | a browser without tabs | the public
    timetable | its roof | a compiler for tide tables | the oldest working modem | a drone the size of a
    bean | two kinds of battery | naïve AI
""")
WHEN = parts("""
    after a year of trials | for the third time | without telling anyone | in a single night | on a Tuesday
    | at last | and nobody complains | because of a typing error | to save €50m | with help from pupils |
    before the first frost
""")


@dataclass(frozen=True)
class Newsroom:
    """What all articles of one newsroom share."""

    topics: tuple[str, ...]
    seed: int = 1
    fields: str = "newsroom"

    def article(self, number: int) -> tuple[str, datetime, str]:
        """The file name, the date and the text of one article."""
        rng = Random(f"{self.seed}/{number}")  # noqa: S311 - invented news, no secrets
        when = FIRST_DAY + timedelta(seconds=rng.randrange(DAYS * 24 * 60 * 60))
        title = headline(rng)
        name = f"{when:%Y-%m-%d}-{slug(title)[:70]}-{number}.md"
        lines = [*head(rng, title, when, number), *self.topic_lines(rng), *rest(rng, when)]
        if self.fields == "pelican":
            lines = [for_pelican(line) for line in lines] + [f"slug: {slug(title)[:70]}-{number}"]
        return name, when, "\n".join(["---", *lines, "---", *body(rng), ""])

    def topic_lines(self, rng: Random) -> list[str]:
        wanted = min(pick(rng, TOPICS_OF_AN_ARTICLE), len(self.topics))
        chosen: dict[str, None] = {}
        while len(chosen) < wanted:
            chosen[rng.choices(self.topics, cum_weights=zipf(len(self.topics)))[0]] = None
        return ["topics:", *(f"  - {topic}" for topic in chosen), ""]


def topic_names(count: int) -> tuple[str, ...]:
    """So many different topics, the most frequent first."""
    names = FAMOUS_TOPICS + [f"{field} {thing}" for thing, field in product(THINGS, FIELDS)]
    names += [f"Topic {number}" for number in range(len(names), count)]
    return tuple(names[:count])


@cache
def zipf(count: int) -> tuple[float, ...]:
    """Cumulated weights: the second is half as frequent as the first, the third a third, ..."""
    return tuple(accumulate(1 / rank for rank in range(1, count + 1)))


def pick(rng: Random, weights: dict[T, int]) -> T:
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def quoted(text: str) -> str:
    """A YAML double-quoted scalar; JSON's strings are a part of YAML's."""
    return json.dumps(text, ensure_ascii=False)


def slug(title: str) -> str:
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in title.lower()).split())


def sentence(rng: Random) -> str:
    return " ".join((rng.choice(WHO), rng.choice(DOES), rng.choice(WHAT), rng.choice(WHEN)))


def headline(rng: Random) -> str:
    text = sentence(rng)
    shape = rng.random()
    if shape < 0.05:
        return f"{text}: what’s next?"
    return f'"{text}" & other <stories>' if shape < 0.1 else text


def excerpt(rng: Random) -> str:
    text = ". ".join(sentence(rng) for _ in range(rng.randrange(1, 5)))
    return text + rng.choice([".", ".", " ..."])


def head(rng: Random, title: str, when: datetime, number: int) -> list[str]:
    name, domain = rng.choice(list(PUBLICATIONS.items()))
    url = f"https://www.{domain}/{when:%Y/%m}/{slug(title)}-{number}/"
    return [
        f"category: {pick(rng, CATEGORIES)}",
        f"title: {quoted(title)}",
        f"excerpt: {quoted(excerpt(rng))}",
        f"publishedDateTime: {when:%Y-%m-%dT%H:%M:%SZ}",
        f'originalUrl: "{url}"',
        f'webUrl: "{url}"',
        *(amp_urls(domain, title) if rng.random() < 0.5 else []),
        f"type: {pick(rng, TYPES)}",
        f"quality: {rng.randrange(1, 160)}",
        f"heat: {rng.randrange(1, 200)}",
        f"published: {'true' if rng.random() < PUBLISHED else 'false'}",
        "",
        "provider:",
        f"  name: {name}",
        f"  domain: {domain}",
        "  images:",
        f'    - url: "https://news.example.com/images/organizations/{domain}-50x50.png"',
        "      width: 50",
        "      height: 50",
        "",
    ]


def amp_urls(domain: str, title: str, indent: str = "") -> list[str]:
    page = f"www.{domain}/amp/{slug(title)}/"
    return [f'{indent}ampWebUrl: "https://{page}"', f'{indent}cdnAmpWebUrl: "https://cdn.example/c/s/{page}"']


def rest(rng: Random, when: datetime) -> list[str]:
    """Everything below the topics."""
    lines = ["images:", *picture(rng, "  "), ""] if rng.random() < WITH_PICTURE else []
    related = [related_story(rng, when) for _ in range(pick(rng, RELATED_OF_AN_ARTICLE))]
    if related:
        lines += ["related:", *(line for story in related for line in story), ""]
    secured = base64.b64encode(rng.randbytes(rng.randrange(420, 600))).decode("ascii")
    return [*lines, f'secured: "{secured}"']


def picture(rng: Random, indent: str) -> list[str]:
    return [
        f'{indent}- url: "https://images.example.com/{rng.getrandbits(96):024x}/lead-{rng.getrandbits(40):010x}.jpg"',
        f"{indent}  width: {rng.randrange(600, 1800)}",
        f"{indent}  height: {rng.randrange(400, 1000)}",
        f"{indent}  isCached: true",
    ]


def related_story(rng: Random, when: datetime) -> list[str]:
    title = headline(rng)
    name, domain = rng.choice(list(PUBLICATIONS.items()))
    moment = when + timedelta(minutes=rng.randrange(-2880, 2880))
    return [
        f"  - title: {quoted(title)}",
        f"    excerpt: {quoted(excerpt(rng))}",
        f"    publishedDateTime: {moment:%Y-%m-%dT%H:%M:%SZ}",
        f'    webUrl: "https://www.{domain}/{moment:%Y/%m}/{slug(title)}/"',
        *(amp_urls(domain, title, "    ") if rng.random() < 0.4 else []),
        "    type: article",
        "    provider:",
        f"      name: {name}",
        f"      domain: {domain}",
        f"    quality: {rng.randrange(1, 130)}",
        *(["    images:", *picture(rng, "      ")] if rng.random() < 0.85 else []),
    ]


def body(rng: Random) -> list[str]:
    if rng.random() >= WITH_BODY:
        return []
    paragraphs = [excerpt(rng) for _ in range(rng.randrange(2, 6))]
    paragraphs[0] += f" There is **more** at [the source](https://www.example.com/{rng.randrange(10_000)})."
    return ["\n\n".join(paragraphs)]


PELICAN = {"excerpt": "summary", "publishedDateTime": "date", "topics": "tags"}
STATUS = {"published: true": "status: published", "published: false": "status: draft"}


def for_pelican(line: str) -> str:
    """A line of front matter as Pelican wants it: its names for the fields, and titles as HTML."""
    name, colon, value = line.partition(":")
    if name == "title":
        return f"title: {quoted(html.escape(json.loads(value), quote=False))}"
    return STATUS.get(line, f"{PELICAN.get(name, name)}{colon}{value}")


def write(folder: Path, count: int, *, topics: int = 200, seed: int = 1, fields: str = "newsroom") -> int:
    """Write `count` articles into `folder`, each as old as its date; returns how many bytes they have."""
    folder.mkdir(parents=True, exist_ok=True)
    newsroom = Newsroom(topic_names(topics), seed, fields)
    size = 0
    for number in range(count):
        name, when, text = newsroom.article(number)
        path = folder / name
        size += path.write_bytes(text.encode())
        os.utime(path, (when.timestamp(), when.timestamp()))
    return size


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a newsroom of invented articles, always the same.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int, help="number of articles")
    parser.add_argument("--topics", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fields", choices=["newsroom", "pelican"], default="newsroom", help="their names")
    given = parser.parse_args()
    size = write(given.folder, given.count, topics=given.topics, seed=given.seed, fields=given.fields)
    print(f"{given.count} articles, {size:,} bytes")


if __name__ == "__main__":
    main()
