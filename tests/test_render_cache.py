"""An entry that was rendered before is not rendered again, and nobody can tell but by the time it takes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from render_samples import (
    ALL_FORMATS,
    BARE_SITE,
    ENTRIES,
    NO_CAP,
    PLAIN,
    RICH,
    ROOT,
    SITE,
    TOPIC,
    UNICODE,
    VIDEO,
    article,
)

from feedbot.articletext import dump_article
from feedbot.crew import Crew
from feedbot.model import Document, Entry, Format
from feedbot.render.addresses import Part
from feedbot.render.entrycache import Body, EntryCache, RenderedEntry, Style
from feedbot.render.renderer import Job, Renderer

RENDERER = Renderer(site=SITE, formats=ALL_FORMATS, max_item_size=NO_CAP)
JOB = Job(feed=TOPIC, full=True, bodies=tuple((entry.id, dump_article(entry.article)) for entry in ENTRIES))
OTHER_JOBS = {
    "another feed": replace(JOB, feed=UNICODE),
    "the feed of all articles": replace(JOB, feed=ROOT),
    "excerpts": replace(JOB, full=False),
    "an archive": replace(JOB, part=Part(archive=1)),
    "fewer articles": replace(JOB, bodies=JOB.bodies[1:]),
    "an edited article": replace(JOB, bodies=((PLAIN.id, dump_article(VIDEO.article)), *JOB.bodies[1:])),
    "a moved article": replace(JOB, bodies=(("tag:elsewhere", JOB.bodies[0][1]), *JOB.bodies[1:])),
}
OTHER_RENDERERS = {
    "another site": replace(RENDERER, site=BARE_SITE),
    "another language": replace(RENDERER, site=replace(SITE, language="de-AT")),
    "a smaller cap": replace(RENDERER, max_item_size=100),
    "no pictures": replace(RENDERER, pictures=False),
    "one format": replace(RENDERER, formats=(Format.ATOM,)),
}


def documents(renderer: Renderer, job: Job) -> list[Document]:
    return renderer.render(job).documents


def first_time(renderer: Renderer, job: Job) -> list[Document]:
    """What is rendered when nothing like it was rendered before."""
    documents(replace(RENDERER, site=replace(SITE, title="Elsewhere")), Job(feed=TOPIC))
    return documents(renderer, job)


@pytest.mark.parametrize("job", OTHER_JOBS.values(), ids=OTHER_JOBS)
def test_what_was_rendered_before_does_not_change_a_byte(job: Job) -> None:
    expected = first_time(RENDERER, job)
    assert expected != first_time(RENDERER, JOB)
    assert documents(RENDERER, job) == expected
    assert documents(RENDERER, JOB) == first_time(RENDERER, JOB)


@pytest.mark.parametrize("renderer", OTHER_RENDERERS.values(), ids=OTHER_RENDERERS)
def test_nor_does_what_another_configuration_has_rendered(renderer: Renderer) -> None:
    expected = first_time(renderer, JOB)
    assert expected != first_time(RENDERER, JOB)
    assert documents(renderer, JOB) == expected


def test_nor_does_the_process_that_renders() -> None:
    jobs = [JOB, *OTHER_JOBS.values()]
    with Crew(2) as crew:
        rendered = [one.documents for _, one in crew.map(RENDERER.render, jobs, pays=True)]
    assert rendered == [first_time(RENDERER, job) for job in jobs]


STYLE = Style(full=True, has_page=True)


class Maker:
    """Renders entries, and notes which."""

    def __init__(self) -> None:
        self.made: list[Body] = []

    def __call__(self, bodies: Sequence[Body], style: Style) -> list[RenderedEntry]:
        self.made += bodies
        return RENDERER.render_entries(bodies, style)


def bodies_of(entry: Entry, number: int) -> list[Body]:
    return [(f"{entry.id}-{n}", dump_article(entry.article)) for n in range(number)]


def test_a_rack_makes_each_plate_once_while_it_has_room() -> None:
    maker = Maker()
    cache = EntryCache(maker, 2**20)
    several = bodies_of(RICH, 20)
    first = cache.entries(several[:10], STYLE) + cache.entries(several[10:], STYLE)
    assert cache.entries(several[::-1], STYLE) == first[::-1]
    assert maker.made == several


def test_a_rack_gives_each_article_its_own_plate_whichever_it_has_already() -> None:
    maker = Maker()
    cache = EntryCache(maker, 2**20)
    several = bodies_of(RICH, 9)
    cache.entries(several[::2], STYLE)
    assert cache.entries([*several, several[0]], STYLE) == RENDERER.render_entries(
        [*several, several[0]], STYLE
    )
    assert maker.made == several[::2] + several[1::2]


def test_a_rack_keeps_styles_apart() -> None:
    cache = EntryCache(RENDERER.render_entries, 2**20)
    body = bodies_of(RICH, 1)
    of_archive = Style(full=True, has_page=False)
    assert (
        cache.entries(body, STYLE)
        != cache.entries(body, of_archive)
        == RENDERER.render_entries(body, of_archive)
    )


def test_a_rack_keeps_what_is_used_and_forgets_the_rest() -> None:
    maker = Maker()
    cache = EntryCache(maker, 200_000)
    used, *others = bodies_of(RICH, 500)
    for other in others:
        cache.entries([used, other], STYLE)
    assert maker.made == [used, *others]
    cache.entries(others[:1], STYLE)
    assert maker.made[-1] == others[0]


def test_a_rack_takes_an_entry_larger_than_itself() -> None:
    maker = Maker()
    cache = EntryCache(maker, 1000)
    huge = bodies_of(article(content="<p>" + "x" * 5000 + "</p>"), 1)
    assert cache.entries(huge, STYLE) == cache.entries(huge, STYLE) == RENDERER.render_entries(huge, STYLE)
