"""Debian's Chromium for tests of pages, and for pictures of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import gazette
from playwright.sync_api import Browser, Route, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
PATIENCE = 60_000.0  # milliseconds until a test gives up
expect.set_options(timeout=PATIENCE)

# All that ends so is this machine: pages of a host that no browser trusts as it trusts 127.0.0.1.
HERE = "--host-resolver-rules=MAP *.example 127.0.0.1"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; root has to do without its sandbox, and all pages here are our own."""
    unguarded = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[HERE, *unguarded], timeout=PATIENCE
        )
        yield browser
        browser.close()


def answer_for_pictures(route: Route) -> None:
    """Be the server of the gazette's pictures."""
    route.fulfill(body=gazette.picture(route.request.url), content_type="image/svg+xml")
