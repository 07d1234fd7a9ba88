"""Takes the pictures of pages that the README shows; look at them before you commit them.

    python tests/take_pictures.py [FOLDER]

They go to docs/pictures/, or to FOLDER. Letters look as the fonts of this machine do.
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import gazette
from browsing import answer_for_pictures, chromium
from PIL import Image
from playwright.sync_api import Browser
from visitor import visited

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
SIZE = {"width": 1080, "height": 810}
PAGES = {"index": "", "feed": "robotics/"}
SCHEMES = ("light", "dark")


def take(browser: Browser, root: str, folder: Path) -> None:
    """Take all pictures of the gazette served at `root`."""
    for scheme in SCHEMES:
        context = browser.new_context(viewport=SIZE, color_scheme=scheme, device_scale_factor=1)
        context.route(f"{gazette.PICTURES}*", answer_for_pictures)
        page = context.new_page()
        page.clock.set_fixed_time(gazette.NOW)
        for name, path in PAGES.items():
            page.goto(root + path, wait_until="networkidle")
            save(page.screenshot(), folder / f"pages-{name}-{scheme}.png")
        context.close()


def save(shot: bytes, path: Path) -> None:
    """Write a picture with no more colours than the eye needs: a README should not weigh a megabyte."""
    Image.open(BytesIO(shot)).convert("RGB").quantize(192).save(path, optimize=True)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    target.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch, chromium() as browser:
        room = gazette.found(Path(scratch) / "gazette")
        room.close()
        with visited(room.feeds) as site:
            take(browser, f"http://127.0.0.1:{site.port}/", target)
