"""A newsroom worth looking at: half a year of articles in a dozen topics, and the pictures they name.

Nothing is left to chance, so that pictures of its pages are the same each time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from newsroom import Newsroom

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)  # when its pages are looked at
PICTURES = "https://pictures.example/"  # where its pictures would be

SITE = {
    "title": "The Harbour Gazette",
    "url": "https://gazette.example/",
    "feeds_url": "https://feeds.gazette.example/",
    "id_base": "tag:gazette.example,2026:",
    "description": "Small discoveries from a town by the sea, every morning with the second tide",
    "language": "en",
    "author": {"name": "The editors", "url": "https://gazette.example/about/"},
}

# Each topic with how many days lie between two of its articles, and the day of the year when it began.
TOPICS = {
    "Baking": (13, 0),
    "Bicycles": (9, 30),
    "Bridges": (19, 0),
    "Chess": (29, 0),
    "Écologie": (11, 60),
    "Libraries": (8, 0),
    "Lighthouses": (17, 0),
    "Night trains": (5, 90),
    "Robotics": (9, 0),
    "Telescopes": (14, 20),
    "Tides": (5, 0),
    "Typography": (21, 0),
    "Weather": (4, 75),
}
STORIES = [
    ("A museum for {}", "The doors open in spring, and everything in it may be touched."),
    (
        "What nobody tells you about {}",
        "We asked those who have lived with it for years. Most of them smiled.",
    ),
    ("A small town falls for {}, and stays up late", "It began with a poster in the window of the bakery."),
    (
        "Why the harbour office is betting on {}",
        "It is a small budget, a large idea and a patient team: the plan for the winter fits on one page.",
    ),
    ("{}, explained with the things in your kitchen", "All you need is a bowl, a spoon and a quiet hour."),
    ("The long afternoon of {}", "A report in eleven pictures from the far side of the pier."),
    (
        "{}: the questions you sent, answered",
        "Yes, it floats. No, not for long. And please do not feed it.",
    ),
]
DAYS = 181  # of articles: what the index draws
SOURCES = [
    {"name": "Harbour Post", "domain": "post.example"},
    {"name": "Pixelworks Review", "domain": "pixelworks.example"},
    {"name": "Tide Table", "domain": "tide-table.example"},
]


def found(folder: Path, **settings: Any) -> Newsroom:
    """Write and build the newsroom in `folder`; `settings` are further sections of its configuration."""
    named = [{"name": "top", "title": "Most discussed", "where": {"min_heat": 80}}]
    feeds = {"topics": {"Robotics": {"description": "Machines that mean well"}}, "named": named}
    room = Newsroom(folder, settings={"site": SITE, "feeds": feeds, **settings}, now=NOW)
    for place, (topic, (step, start)) in enumerate(TOPICS.items()):
        for number, day in enumerate(range(start, DAYS, step)):
            room.write(f"{topic}/{number:03}.md", **_front(place, topic, number, day))
    room.build()
    return room


def _front(place: int, topic: str, number: int, day: int) -> dict[str, Any]:
    title, excerpt = STORIES[(place + number) % len(STORIES)]
    subject = topic if title.startswith("{") else topic[:1].lower() + topic[1:]
    moment = NOW - timedelta(days=DAYS - day, hours=place, minutes=7 * number)
    seed = place * 31 + number
    sizes = {"width": 960, "height": 540} if seed % 2 else {}
    return {
        "title": title.format(subject),
        "excerpt": excerpt,
        "publishedDateTime": moment.isoformat(),
        "webUrl": f"https://gazette.example/{place}/{number}",
        "topics": [topic, *(["Robotics"] if seed % 19 == 0 and topic != "Robotics" else [])],
        "heat": seed % 100,
        "provider": SOURCES[seed % len(SOURCES)],
        "images": [{"url": f"{PICTURES}{seed}.svg", "title": f"A drawing of {subject}", **sizes}],
        "related": [
            {"title": f"Another look at {subject}", "webUrl": f"https://pixelworks.example/{seed}/{other}"}
            for other in range(seed % 3)
        ],
    }


def picture(address: str) -> str:
    """The picture at `address`, as SVG: a coast, its colours made from the number in the address."""
    seed = int(address.rpartition("/")[2].partition(".")[0])
    hue, sun = seed * 47 % 360, 120 + seed * 83 % 700
    hills = "".join(
        f'<path fill="hsl({hue} 40% {55 - 14 * layer}%)" d="M0 540V{300 + 60 * layer}Q{200 + 90 * layer}'
        f' {180 + 70 * layer} 480 {330 + 50 * layer}T960 {290 + 70 * layer}V540z"/>'
        for layer in range(3)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="960" height="540" viewBox="0 0 960 540">'
        f'<rect width="960" height="540" fill="hsl({(hue + 40) % 360} 60% 82%)"/>'
        f'<circle cx="{sun}" cy="150" r="70" fill="hsl({(hue + 60) % 360} 90% 92%)"/>{hills}</svg>'
    )
