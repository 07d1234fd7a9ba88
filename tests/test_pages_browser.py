"""The pages in a real browser: seen, typed into, copied from, printed, and heard by a screen reader.

Pictures of them are left in the folder that FEEDBOT_ARTIFACTS names.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import gazette
import pytest
from browsing import CHROMIUM, PATIENCE, answer_for_pictures, chromium
from newsroom import Newsroom
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect
from visitor import visited

from feedbot.model import Feed, Format, Listing, Site
from feedbot.render import render_index
from feedbot.render.pages import PLENTY

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium absent")

ROOT = Path(__file__).parents[1]
HOST = "feeds.gazette.example"  # not trusted by browsers, as 127.0.0.1 is
RSS = "https://feeds.gazette.example/robotics/rss.xml"

DESKTOP = {"width": 1200, "height": 900}
PHONE = {"width": 320, "height": 640}


@dataclass
class Edition:
    """The gazette on disk and at an address."""

    folder: Path
    port: int

    def url(self, path: str = "", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/{path}"


@dataclass
class Visit:
    """What a browser window did."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)  # errors, and what the policy forbade


Open = Callable[..., Visit]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests here."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def editions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Edition]]:
    """The gazette as it is, and without pictures."""
    top = tmp_path_factory.mktemp("gazette")
    room = gazette.found(top / "room")
    shutil.copytree(room.feeds, top / "usual")
    make_strict(room)
    with visited(top / "usual") as usual, visited(room.feeds) as strict:
        yield {
            "usual": Edition(usual.folder, usual.port),
            "strict": Edition(strict.folder, strict.port),
        }


def make_strict(room: Newsroom) -> None:
    """Build anew with `feeds.pictures: false`, and with an icon and a logo that it is to leave out."""
    site = {**gazette.SITE, "icon": f"{gazette.PICTURES}1.svg", "logo": f"{gazette.PICTURES}2.svg"}
    feeds = {**room.settings["feeds"], "pictures": False}
    room.configure(**{**room.settings, "site": site, "feeds": feeds})
    room.build()
    room.close()


@pytest.fixture
def usual(editions: dict[str, Edition]) -> Edition:
    return editions["usual"]


@pytest.fixture
def strict(editions: dict[str, Edition]) -> Edition:
    return editions["strict"]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens an address in a window of its own. In the end nobody may have complained in any of them."""
    visits: list[Visit] = []
    contexts = []

    def open_(
        address: str,
        *,
        setup: str = "",
        size: dict[str, int] = DESKTOP,
        pictures: Callable[[Route], object] = answer_for_pictures,
        until: Literal["load", "domcontentloaded"] = "load",
        **options: Any,
    ) -> Visit:
        context = browser.new_context(viewport=size, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        context.route(f"{gazette.PICTURES}*", pictures)
        if setup:
            context.add_init_script(setup)
        visit = Visit(context.new_page())
        visits.append(visit)
        visit.page.clock.set_fixed_time(gazette.NOW)
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.on("console", lambda message: note(visit, message))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.goto(address, wait_until=until)
        return visit

    yield open_
    for context in contexts:
        context.close()
    assert [visit.complaints for visit in visits if visit.complaints] == []


def wait_for(page: Page, expression: str) -> None:
    """Until `expression` holds; Playwright's own waiting is against the pages' Content-Security-Policy."""
    for _ in range(int(PATIENCE / 20)):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"waited in vain: {expression}")


def note(visit: Visit, message: ConsoleMessage) -> None:
    if message.type == "error":
        visit.complaints.append(message.text)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of pages are left to be looked at."""
    folder = Path(os.environ.get("FEEDBOT_ARTIFACTS") or tmp_path_factory.mktemp("artifacts")) / "pages"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(folder: Path, listings: list[Listing], site: Site) -> Path:
    """Write an index of `listings`, and give its path."""
    for document in render_index(site, listings, formats=tuple(Format)):
        path = folder / document.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(document.body)
    return folder / "index.html"


def listed(number: int) -> list[Listing]:
    """The feed of all articles and `number` others, of every tenth letter some."""
    everything = Feed(slug="", title="All articles", home="https://gazette.example/")
    weeks = tuple(range(26))
    names = [f"{chr(65 + n % 26)}rt of knots {n}" for n in range(number)]
    others = [Feed(slug=f"topic-{n}", title=name) for n, name in enumerate(sorted(names))]
    return [
        Listing(feed=feed, articles=325, newest=gazette.NOW, weeks=weeks) for feed in (everything, *others)
    ]


SITE = Site(
    title="The Harbour Gazette",
    url="https://gazette.example/",
    feeds_url="https://feeds.gazette.example/",
    id_base="tag:gazette.example,2026:",
)


# --- seeing ---


@pytest.mark.parametrize(
    ("path", "size", "scheme"),
    [
        ("", DESKTOP, "light"),
        ("", PHONE, "dark"),
        ("robotics/", DESKTOP, "dark"),
        ("robotics/", PHONE, "light"),
    ],
    ids=["index", "dark index on a phone", "dark feed", "feed on a phone"],
)
def test_a_page_fits_its_window_and_axe_finds_nothing(
    visit: Open, usual: Edition, artifacts: Path, path: str, size: dict[str, int], scheme: str
) -> None:
    page = visit(usual.url(path), size=size, color_scheme=scheme).page
    wait_for(page, "[...document.images].slice(0, 2).every((each) => each.complete)")
    page.screenshot(path=artifacts / f"{path.strip('/') or 'index'}-{size['width']}-{scheme}.png")
    assert width_of(page) <= size["width"]
    background, ink = (
        page.evaluate(f"getComputedStyle(document.documentElement).{name}")
        for name in ("backgroundColor", "color")
    )
    assert is_dark(background) == (scheme == "dark")
    assert is_dark(ink) == (scheme == "light")
    assert problems_by_axe(page) == []


def width_of(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


def color_of(page: Page, element: str, name: str) -> str:
    return str(page.evaluate(f"getComputedStyle(document.{element}).{name}"))


def is_dark(color: str) -> bool:
    red = color.partition("(")[2].partition(",")[0]
    return int(red) < 128


def problems_by_axe(page: Page, part: str = "html") -> list[str]:
    """What axe-core finds in a part of a page, by its rules for WCAG and good practice."""
    modules = Path(os.environ.get("FEEDBOT_NODE_MODULES") or ROOT / ".node" / "node_modules")
    script = modules / "axe-core" / "axe.min.js"
    if not script.is_file():
        pytest.skip("node package axe-core absent")
    page.evaluate(script.read_text(encoding="utf-8"))
    found = page.evaluate("(part) => axe.run(part, {resultTypes: ['violations'], preload: false})", part)
    assert found["passes"], "axe looked at nothing"
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found["violations"]]


def test_a_page_written_from_right_to_left_mirrors_itself(
    visit: Open, tmp_path: Path, artifacts: Path
) -> None:
    arabic = Site(
        title="صحيفة المرفأ",
        url="https://gazette.example/",
        feeds_url="https://feeds.gazette.example/",
        id_base="tag:gazette.example,2026:",
        description="اكتشافات صغيرة من بلدة على البحر",
        language="ar",
    )
    index = write(tmp_path, listed(3), arabic)
    page = visit(index.as_uri()).page
    page.screenshot(path=artifacts / "index-right-to-left.png")
    heading = box(page, "h1 a")
    assert heading["x"] + heading["width"] > DESKTOP["width"] / 2
    assert box(page, ".feeds h3 a")["x"] > box(page, ".feeds .weeks")["x"] > box(page, ".feeds .get a")["x"]
    facts = page.locator(".all .facts")
    assert facts.evaluate("(line) => getComputedStyle(line).textAlign") == "right"
    expect(facts).to_contain_text("325 articles, newest 2026-06-01")
    assert page.locator(".all time + bdi").inner_text() != ""
    assert width_of(page) <= DESKTOP["width"]
    assert problems_by_axe(page) == []


def box(page: Page, selector: str) -> dict[str, float]:
    found = page.locator(selector).first.bounding_box()
    assert found
    return dict(found)


@pytest.mark.parametrize("number", [300, PLENTY + 1])
def test_an_index_of_many_feeds_is_one_that_people_can_use(
    visit: Open, tmp_path: Path, artifacts: Path, number: int
) -> None:
    page = visit(write(tmp_path, listed(number), SITE).as_uri()).page
    page.screenshot(path=artifacts / f"index-of-{number}.png")
    assert width_of(page) <= DESKTOP["width"]
    page.fill("#find", "knots zrt")
    found = visible(page, ".feeds h3 a, .names a")
    assert found
    assert all(name.startswith("Zrt of knots") for name in found)
    expect(page.locator("#found")).to_have_text(f"{len(found)} of {number} feeds")
    page.fill("#find", "")
    if number > PLENTY:
        page.get_by_role("navigation", name="Letters").get_by_role("link", name="Q").click()
        expect(page.get_by_role("heading", name="Q", exact=True)).to_be_in_viewport()
        assert problems_by_axe(page, ".letters") == problems_by_axe(page, ".letter:has(#letter-1)") == []
        page.emulate_media(media="print")
        assert SITE.feeds_url in visible(page, ".paper")[0]


def visible(page: Page, selector: str) -> list[str]:
    """The texts of those that can be seen."""
    texts: list[str] = page.locator(selector).evaluate_all(
        "(found) => found.filter((each) => each.checkVisibility()).map((each) => each.textContent)"
    )
    return texts


def test_colours_of_the_readers_own_leave_nothing_out(visit: Open, usual: Edition, artifacts: Path) -> None:
    page = visit(usual.url(), forced_colors="active").page
    page.screenshot(path=artifacts / "index-forced-colors.png")
    button = page.get_by_role("button").first
    assert button.evaluate("(each) => getComputedStyle(each).borderTopWidth") == "1px"
    ink = color_of(page, "body", "color")
    assert color_of(page, "querySelector('.weeks path')", "stroke") == ink


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_moves_when_pictures_come(visit: Open, usual: Edition, size: dict[str, int]) -> None:
    waiting: list[Route] = []
    is_over = False

    def hold(route: Route) -> None:
        if is_over:
            answer_for_pictures(route)
        else:
            waiting.append(route)

    page = visit(usual.url("robotics/"), size=size, pictures=hold, until="domcontentloaded").page
    wait_for(page, "document.images[0].complete === false")
    before = places(page)
    is_over = True
    for route in waiting:
        answer_for_pictures(route)
    wait_for(page, "document.images[0].naturalWidth && document.images[1].naturalWidth")
    assert places(page) == before


def places(page: Page) -> list[float]:
    """How far down each article begins."""
    found: list[float] = page.locator("article").evaluate_all(
        "(all) => all.map((each) => each.getBoundingClientRect().top)"
    )
    return found


def test_it_is_said_how_long_ago_something_was(visit: Open, usual: Edition) -> None:
    page = visit(usual.url("robotics/")).page
    moment = page.locator("article time").first
    expect(moment.locator("+ bdi")).to_have_text("(yesterday)")
    assert "2026" in str(moment.get_attribute("title"))


# --- finding ---


def test_typing_finds_a_topic_whatever_its_case_and_accents(visit: Open, usual: Edition) -> None:
    page = visit(usual.url()).page
    names = visible(page, ".feeds h3")
    field = page.get_by_role("searchbox", name="Find a topic")
    for typed, expected in [
        ("ECOLO", ["Écologie"]),
        ("écolo", ["Écologie"]),
        ("trains night", ["Night trains"]),
        ("mean well", ["Robotics"]),  # what a feed is about counts, too
        ("li", ["Libraries", "Lighthouses"]),
        ("rss", []),  # a word of ours, and of no feed
        ("", names),
    ]:
        field.fill(typed)
        assert visible(page, ".feeds h3") == expected
    for typed, said in [
        ("li", f"2 of {len(names)} feeds"),
        ("rss", "No feed is called that. Escape shows all again."),
        ("", ""),
    ]:
        field.fill(typed)
        expect(page.locator("#found")).to_have_text(said)


def test_the_keyboard_alone_will_do(visit: Open, usual: Edition) -> None:
    page = visit(usual.url()).page
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the feeds")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    assert skip.evaluate("(each) => getComputedStyle(each).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#main$"))
    field = page.locator("#find")
    for _ in range(12):  # over the links before it
        page.keyboard.press("Tab")
        if field.evaluate("(each) => each === document.activeElement"):
            break
    expect(field).to_be_focused()
    page.keyboard.type("and/or")  # here it is a character like any other
    expect(field).to_have_value("and/or")
    page.keyboard.press("Escape")
    expect(field).to_have_value("")
    assert len(visible(page, ".feeds h3")) == len(gazette.TOPICS) + 1
    page.keyboard.type("light")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Lighthouses", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Lighthouses")


def test_what_was_typed_still_holds_after_a_look_at_a_feed(visit: Open, usual: Edition) -> None:
    page = visit(usual.url()).page
    page.fill("#find", "robot")
    page.get_by_role("link", name="Robotics", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Robotics")
    assert page.locator("article").count() > 10
    page.go_back()
    expect(page.locator("#find")).to_have_value("robot")
    assert visible(page, ".feeds h3") == ["Robotics"]


# --- copying ---

CLIPBOARD = ["clipboard-read", "clipboard-write"]


def test_an_address_is_copied(visit: Open, usual: Edition) -> None:
    page = visit(usual.url(), permissions=CLIPBOARD).page
    page.get_by_role("button", name="Copy address: Robotics").click()
    expect(page.locator(".said")).to_have_text(f"Copied: {RSS}")
    assert page.evaluate("navigator.clipboard.readText()") == RSS
    page.goto(usual.url("robotics/"))
    page.get_by_role("button", name="Copy address: JSON Feed").click()
    expect(page.get_by_role("status")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == RSS.replace("rss.xml", "feed.json")


def test_an_address_is_copied_where_the_clipboard_is_kept_from_pages(visit: Open, usual: Edition) -> None:
    page = visit(usual.url(host=HOST)).page
    assert page.evaluate("navigator.clipboard") is None
    page.get_by_role("button", name="Copy address: Robotics").click()
    expect(page.locator(".said")).to_have_text(f"Copied: {RSS}")
    assert page.evaluate("getSelection().toString()") == RSS
    page.fill("#find", "")
    page.keyboard.press("Control+V")
    expect(page.locator("#find")).to_have_value(RSS)


def test_where_nothing_may_copy_the_address_is_selected(visit: Open, usual: Edition) -> None:
    page = visit(usual.url(host=HOST), setup="document.execCommand = () => false").page
    page.get_by_role("button", name="Copy address: Robotics").click()
    expect(page.locator(".said")).to_contain_text("copy it with your keyboard")
    assert page.evaluate("getSelection().toString()") == RSS
    assert RSS in visible(page, ".address")


# --- without ---


def test_all_is_there_without_scripts(visit: Open, usual: Edition, artifacts: Path) -> None:
    page = visit(usual.url(), java_script_enabled=False).page
    page.screenshot(path=artifacts / "index-without-scripts.png")
    assert visible(page, "#find, button") == []
    assert len(visible(page, ".feeds h3")) == len(gazette.TOPICS) + 1
    page.get_by_role("link", name="Robotics", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Robotics")
    assert RSS in visible(page, ".address")
    page.get_by_text("Related coverage").first.click()
    assert page.get_by_role("link", name="Another look at").first.is_visible()
    with page.expect_response("**/robotics/rss.xml") as answer:
        page.get_by_role("link", name="RSS", exact=True).click()
    assert answer.value.headers["content-type"].startswith("application/rss+xml")


def test_a_copy_of_the_folder_works_from_a_disk(visit: Open, usual: Edition, artifacts: Path) -> None:
    index = (usual.folder / "index.html").as_uri()
    visited_ = visit(index)
    page = visited_.page
    assert page.evaluate("getComputedStyle(document.querySelector('.feeds > li')).display") == "grid"
    page.fill("#find", "robot")
    page.get_by_role("link", name="Robotics", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Robotics")
    assert page.locator("button").count() == len(Format)
    page.screenshot(path=artifacts / "feed-from-a-disk.png")
    page.get_by_role("navigation").get_by_role("link").click()
    expect(page).to_have_url(index)
    others = [url for url in visited_.requests if not url.startswith(gazette.PICTURES)]
    assert {urlsplit(url).scheme for url in others} == {"file"}


def test_pages_ask_their_own_server_and_for_pictures_and_nobody_else(visit: Open, usual: Edition) -> None:
    seen = requests_while_reading(visit, usual)
    assert any(url.startswith(gazette.PICTURES) for url in seen)
    others = [url for url in seen if not url.startswith((usual.url(), gazette.PICTURES))]
    assert others == []


def test_without_pictures_no_request_leaves_the_server(visit: Open, strict: Edition) -> None:
    seen = requests_while_reading(visit, strict)
    assert len(seen) > 6
    assert [url for url in seen if not url.startswith(strict.url())] == []


def requests_while_reading(visit: Open, edition: Edition) -> list[str]:
    """What a browser asks for while somebody reads the index and a feed to its end."""
    visited_ = visit(edition.url())
    for path in ("", "robotics/"):
        visited_.page.goto(edition.url(path))
        visited_.page.evaluate(READ)
    return visited_.requests


READ = """async () => {
  for (const article of document.querySelectorAll('article:nth-of-type(4n)')) {
    article.scrollIntoView();
    await new Promise(requestAnimationFrame);
  }
  for (const picture of document.images) await picture.decode(); }"""


def test_without_pictures_the_browser_is_told_to_load_none(visit: Open, strict: Edition) -> None:
    visited_ = visit(strict.url("robotics/"))
    assert visited_.page.locator("img, link[rel=icon]").count() == 0
    visited_.page.evaluate(PICTURE_BY_FORCE, f"{gazette.PICTURES}1.svg")
    assert "violates" in visited_.complaints.pop()


PICTURE_BY_FORCE = """(address) => new Promise((end) => {
  const picture = new Image(); picture.onload = picture.onerror = end; picture.src = address; })"""


# --- on paper ---


def test_on_paper_there_are_addresses_and_no_controls(visit: Open, usual: Edition, artifacts: Path) -> None:
    page = visit(usual.url(), color_scheme="dark").page
    (artifacts / "index.pdf").write_bytes(page.pdf(format="A4"))
    page.emulate_media(media="print")
    assert visible(page, "button, input, .skip") == []
    addresses = visible(page, ".feeds .address")
    assert RSS in addresses
    assert len(addresses) == len(gazette.TOPICS) + 1
    assert not is_dark(color_of(page, "documentElement", "backgroundColor"))
    page.goto(usual.url("robotics/"))
    (artifacts / "feed.pdf").write_bytes(page.pdf(format="A4"))
    assert RSS in visible(page, ".address")
    assert visible(page, "button") == []
    assert any("Another look at" in text for text in visible(page, "details li"))
