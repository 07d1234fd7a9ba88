"""The application: requests to answers.

It speaks granian's own interface, RSGI, which takes less time for an answer than ASGI does. Most requests ask
for a document that is held; they are answered at once, and only the rest goes to the operator's pages, or
into a thread that may read files.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urljoin

from starlette.routing import Route

from feedbot.kinds import INDEX, Kind, document_path, label_of
from feedbot.server import notices
from feedbot.server.answer import Answer, Scope
from feedbot.server.bridge import Bridge
from feedbot.server.document import answer_to
from feedbot.server.headers import Terms
from feedbot.server.moves import DEEPEST, Moves, moved_to
from feedbot.server.shelf import Shelf
from feedbot.server.sources import Source

log = logging.getLogger(__name__)

READ = frozenset({"GET", "HEAD"})
ICON = "/favicon.ico"

_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MEANINGLESS = re.compile("[\0-\x1f\x7f\ufffd]")  # the last is what granian makes of bytes that are not UTF-8


class App:
    """What is served: documents, and what the operator may see."""

    def __init__(self, source: Source, terms: Terms, routes: Sequence[Route] = ()) -> None:
        """`routes`, which Starlette answers, come before the documents."""
        self._shelf = Shelf(source, terms)
        self._moves = Moves(source, terms.feeds_url)
        self._max_age = terms.age_of(Kind.PAGE)
        # An icon that is to be had at this very address is answered by somebody in front, or by nobody.
        self._icon = "" if terms.icon == urljoin(terms.feeds_url, ICON[1:]) else terms.icon
        self._bridge = Bridge(routes)

    def has_documents(self) -> bool:
        """Whether there is a page at the top; True also where that cannot be told."""
        try:
            return self._shelf.find(INDEX) is not None
        except OSError:
            return True

    def at_once(self, scope: Scope) -> Answer | None:
        """The answer, if it is ready; may be called from any thread."""
        path, method, fields = scope.path, scope.method, scope.headers
        hosts = fields.get_all("host")
        if method not in READ or path[:1] != "/" or len(hosts) != 1 or not hosts[0]:
            return None
        document = self._shelf.held(document_path(path[1:]))
        if document is None:
            return None
        answer = answer_to(document, method, fields, time.time())
        return answer if method == "GET" else answer.without_body()

    async def __rsgi__(self, scope: Scope, protocol: Any) -> None:
        """Answer one request."""
        try:
            answer = self.at_once(scope) or await self._made(scope, protocol)
        except Exception as error:  # noqa: BLE001 - whatever it is, readers are to come again
            log.error("cannot answer a request for %r: %r", scope.path, error)  # noqa: TRY400 - one line
            answer = notices.unreadable()
        give(answer.without_body() if scope.method == "HEAD" else answer, protocol)

    async def _made(self, scope: Scope, protocol: Any) -> Answer:
        """The answer, where it takes its time."""
        if self._bridge.leads_to(scope.path) and not _flaw(scope):
            return await self._bridge.answer(scope, protocol)
        return await asyncio.to_thread(self._find, scope)

    def _find(self, scope: Scope) -> Answer:
        """The answer to any request. Raises OSError when what it asks for cannot be read."""
        path, method = scope.path, scope.method
        if why := _flaw(scope):
            return notices.malformed(why)
        label = label_of(document_path(path[1:]))
        to_scripts = label is not None and label.kind.is_open
        if method == "OPTIONS":
            return notices.options(to_scripts=to_scripts)
        if method not in READ:
            return notices.not_allowed()
        document = self._shelf.find(document_path(path[1:]))
        if document is not None:
            return answer_to(document, method, scope.headers, time.time())
        location = self._location(path)
        if location is None and path == ICON:
            return notices.icon(self._icon, max_age=self._max_age)
        if location is None:
            return notices.not_here(path, to_scripts=to_scripts)
        return notices.moved(location, max_age=self._max_age, to_scripts=to_scripts)

    def _location(self, path: str) -> str | None:
        """Where what was asked for is instead, relative to what was asked for."""
        below = path[1:]
        if below.count("/") > DEEPEST:
            return None
        if below and self._shelf.is_folder(below):
            return f"./{quote(below.rpartition('/')[2])}/"
        new = moved_to(below, self._moves.current(), self._is_there)
        return None if new is None else notices.way_to_root(path) + quote(new)

    def _is_there(self, path: str) -> bool:
        return self._shelf.find(document_path(path)) is not None


def give(answer: Answer, protocol: Any) -> None:
    """Send an answer; granian keeps a copy until its client has taken it."""
    if answer.body:
        protocol.response_bytes(*answer)
    else:
        protocol.response_empty(answer.status, answer.headers)


def _flaw(scope: Scope) -> str:
    """What is wrong with a request as such; "" for nothing."""
    hosts = scope.headers.get_all("host")
    if len(hosts) > 1 or (scope.http_version == "1.1" and not any(hosts)):
        return "it has to name one host"  # RFC 9112, 3.2
    if scope.method == "OPTIONS" and scope.path == "*":
        return ""
    if not scope.path.startswith("/"):
        return "a path begins with a slash"
    if _ESCAPE.search(scope.path):
        return "a percent sign has to be followed by two digits"
    return "its path is no text in UTF-8" if _MEANINGLESS.search(scope.path) else ""
