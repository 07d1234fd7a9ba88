"""The operator's page in a real browser: on a phone, in both schemes, and on paper.

Pictures of it are left in the folder that FEEDBOT_ARTIFACTS names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import CHROMIUM, PATIENCE, chromium
from bustle import bustling
from playwright.sync_api import Browser, Page
from sqlalchemy import Connection, update
from test_pages_browser import problems_by_axe, width_of
from test_server_operator import at_home, thread
from visitor import free_port

from feedbot.store.schema import feeds

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium absent")

ONE_WORD = "Averylongtopicwithoutanyspace" * 3
NARROW, WIDE = 320, 1440  # pixels
PAPER = 718  # pixels of an A4 page between its margins
CUT = "[...document.querySelectorAll('.scroll')].filter((each) => each.scrollWidth > each.clientWidth).length"
LABELS = """() => [...document.querySelectorAll(".ticks span")].map((each) => each.getClientRects().length
  && Math.round(each.getBoundingClientRect().height / parseFloat(getComputedStyle(each).lineHeight)))"""
IN_SIGHT = """() => [...document.querySelectorAll(".pair .scroll :is(th, td)")].every(
  (each) => each.getBoundingClientRect().right <= each.closest(".scroll").getBoundingClientRect().right)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests here."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page of a newsroom is in which much goes on, with a feed whose name cannot be wrapped."""
    newsroom, port = bustling(tmp_path_factory.mktemp("bustle") / "newsroom").newsroom, free_port()
    settings = {**newsroom.settings, "site": at_home(port), "serve": {"local": True}}
    newsroom.configure(**settings)
    newsroom.scalar(with_one_word)
    with thread(newsroom, port):
        yield f"http://127.0.0.1:{port}/status"
    newsroom.close()


def with_one_word(connection: Connection) -> None:
    """Let a feed have a long name without a space."""
    connection.execute(update(feeds).where(feeds.c.name == "topic 0").values(title=ONE_WORD))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window; axe is let into a page that allows no script."""
    context = browser.new_context(bypass_csp=True)
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("width", [NARROW, 360, 768, WIDE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_is_without_barriers(page: Page, address: str, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(address)
    keep(page, f"status-{width}-{scheme}")
    assert page.locator(".plot svg rect").count() > 0
    assert set(page.evaluate(LABELS)) == {2}  # the time, and the day below it
    assert width_of(page) <= width
    assert problems_by_axe(page) == []


@pytest.mark.parametrize("width", [1024, 1100, 1280, WIDE])
def test_a_long_name_pushes_nothing_out_of_sight(page: Page, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    assert page.get_by_role("link", name=ONE_WORD).is_visible()
    assert page.evaluate(IN_SIGHT)


def test_on_paper_every_column_is_there(page: Page, address: str) -> None:
    page.set_viewport_size({"width": PAPER, "height": 900})
    page.emulate_media(media="print")
    page.goto(address)
    keep(page, "status-print")
    assert page.evaluate(CUT) == 0
    assert width_of(page) <= PAPER


def keep(page: Page, name: str) -> None:
    """Leave a picture for those who want to look at it."""
    if folder := os.environ.get("FEEDBOT_ARTIFACTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
