"""What is said where there is no document to give: pages for people, and lines for programs. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from feedbot.kinds import UTF8
from feedbot.server.answer import Answer, make_answer
from feedbot.server.headers import OPEN, PAGE, PREFLIGHT
from feedbot.server.moves import DEEPEST

RETRY_AFTER = 60  # seconds, where a document cannot be read just now
ALLOWED = {"Allow": "GET, HEAD, OPTIONS"}

_SAFE = {"X-Content-Type-Options": "nosniff"}
_NOT_HERE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Not here</title>
<link rel="stylesheet" href="{root}page.css">
</head>
<body>
<main>
<h1>There is no such feed here</h1>
<p>The address may be mistyped, or the feed may be gone.</p>
<p><a href="{root}">All feeds</a></p>
</main>
</body>
</html>
"""


def way_to_root(path: str) -> str:
    """The index as seen from a path. Relative, for a proxy may serve the feeds below a path of its own."""
    depth = path.count("/") - 1
    return "/" if depth > DEEPEST else "../" * depth or "./"


def not_here(path: str, *, to_scripts: bool) -> Answer:
    """Where nothing is. `to_scripts`: a document of that name could be read by scripts of other sites."""
    headers = {
        "Content-Type": "text/html" + UTF8,
        "Cache-Control": "no-cache",
        **_SAFE,
        **PAGE,
        **(OPEN if to_scripts else {}),
    }
    return make_answer(404, headers, _NOT_HERE.format(root=way_to_root(path)))


def moved(location: str, *, max_age: int, to_scripts: bool) -> Answer:
    """Where the document has moved for ever; `location` is relative."""
    headers = {
        "Location": location,
        "Cache-Control": f"public, max-age={max_age}",
        **(OPEN if to_scripts else {}),
    }
    return make_answer(301, headers, "")


def icon(location: str, *, max_age: int) -> Answer:
    """For browsers, which ask for an icon unasked; `location` is "" where there is none to show them."""
    headers = {"Cache-Control": f"public, max-age={max_age}"}
    if not location:
        return make_answer(204, headers, "")
    return make_answer(302, {"Location": location, **headers}, "")


def malformed(why: str) -> Answer:
    """For a request that means nothing."""
    return _line(400, f"This request cannot be understood: {why}.", {"Cache-Control": "no-store"})


def not_allowed() -> Answer:
    """For a method that changes things, or means nothing here."""
    return _line(405, "Feeds can only be read here: use GET or HEAD.", ALLOWED)


def options(*, to_scripts: bool) -> Answer:
    """What may be asked of a path, and by scripts of other sites, before they ask."""
    return make_answer(204, {**ALLOWED, **(PREFLIGHT if to_scripts else {})}, "")


def not_acceptable(headers: Mapping[str, str]) -> Answer:
    """For a client that takes none of the codings there are."""
    line = "No coding of this that you accept: accept gzip, br or identity."
    return _line(406, line, {"Vary": "Accept-Encoding", "Cache-Control": "no-store", **headers})


def refused(headers: Mapping[str, str]) -> Answer:
    """For a condition that does not hold (If-Match, If-Unmodified-Since)."""
    return _line(412, "This is not as your condition wants it.", {"Cache-Control": "no-store", **headers})


def no_such_part(size: int, headers: Mapping[str, str]) -> Answer:
    """For a part that begins behind the end."""
    headers = {"Content-Range": f"bytes */{size}", "Cache-Control": "no-store", **headers}
    return _line(416, f"This has {size} bytes.", headers)


def unreadable() -> Answer:
    """For what is there and cannot be read. Not 404, for which readers give a feed up."""
    headers = {"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"}
    return _line(503, "This cannot be read just now.", headers)


def _line(status: int, text: str, headers: Mapping[str, str]) -> Answer:
    return make_answer(status, {"Content-Type": "text/plain" + UTF8, **_SAFE, **headers}, f"{text}\n")
