"""What the server tells of feedbot itself: `/healthz` to everybody, `/metrics` and `/status` to the operator.

Everything is read from the store when it is asked for, so that the answer is the same whichever process gives
it. The store may not be there yet, or out of reach: that is an answer, too, and never touches the feeds. Its
answers are waited for in threads of their own, and those who ask the same at the same time share one look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from feedbot.clock import Clock, utc_now
from feedbot.errors import StoreError
from feedbot.observe import Redact
from feedbot.operator.standings import configured
from feedbot.report import page
from feedbot.report.chart import HOURS, SPANS, Span
from feedbot.report.health import Diagnosis, Pulse, diagnose, load_pulse
from feedbot.report.overview import load_overview
from feedbot.server.guard import CHALLENGE, Admission, Guard
from feedbot.server.headers import PAGE
from feedbot.store.window import Window

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.config import Config

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 8.0  # seconds that a look at the store may take; health checks seldom wait longer
THREADS = 4  # looks at the same time
RELOAD = 60  # seconds between two loads of a page that was asked to load itself again
RETRY_AFTER = 30  # seconds, where the state cannot be read
STYLE_AGE = 31_536_000  # seconds: its address changes with its content

NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
PAGE_HEADERS = {
    **NO_STORE,
    **PAGE,
    "Content-Security-Policy": page.POLICY,  # stricter: nothing but its style sheet
    "Cross-Origin-Resource-Policy": "same-origin",
}
CLOSED = """\
This page is for those who run the site, and closed.

In config.yaml, `serve.token` opens it to those who know the token. `serve.local: true` opens it on the
machine where feedbot runs, as long as `site.feeds_url` names that machine, too.
"""
ASKED = "This page asks for a password: the one in `serve.token` of config.yaml, with any user name.\n"


class Desk:
    """Where the server looks things up for the operator. Nothing in it can fail before it is asked."""

    def __init__(
        self,
        config: Config,
        *,
        redact: Redact = str,
        clock: Clock = utc_now,
        patience: float = PATIENCE,
    ) -> None:
        """`redact` takes secrets out of what others said; `patience` as PATIENCE."""
        self._guard = Guard.of(config)
        self._redact = redact
        self._clock = clock
        self._config = config
        self._patience = patience
        self._wanted = configured(config)
        self._window = Window(config.store.url.get_secret_value())
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="operator")
        self._under_way: dict[object, asyncio.Future[object]] = {}
        self._trouble = ""  # that was logged last

    def routes(self) -> list[Route]:
        """The paths that it answers; none of them raises."""
        return [
            Route("/healthz", self._healthz),
            Route("/metrics", self._metrics),
            Route("/status", self._status),
            Route("/status.css", _style),
        ]

    def close(self) -> None:
        """Let go of the database and the threads, once the server has ended."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._window.shut()

    async def _healthz(self, _request: Request) -> Response:
        try:
            diagnosis = await self._ask("health", lambda: self._window.look(self._diagnosed))
        except StoreError:
            diagnosis = Diagnosis(now=self._clock(), pulse=Pulse(), stale_after=None)
        status = 200 if diagnosis.is_recent else 503
        return JSONResponse(diagnosis.as_json(), status_code=status, headers=NO_STORE)

    async def _metrics(self, request: Request) -> Response:
        if closed := self._closed(request):
            return closed
        from feedbot.report.metrics import MEDIA_TYPE  # noqa: PLC0415 - its library is loaded by those who are asked

        try:
            return Response(
                await self._ask("metrics", self._measured), media_type=MEDIA_TYPE, headers=NO_STORE
            )
        except StoreError as error:
            headers = {**NO_STORE, "Retry-After": str(RETRY_AFTER)}
            told = f"The state cannot be read just now: {self._redact(str(error))}\n"
            return PlainTextResponse(told, status_code=503, headers=headers)

    async def _status(self, request: Request) -> Response:
        if closed := self._closed(request):
            return closed
        asked = request.query_params.keys()
        shown = next((span for word, span in SPANS.items() if word in asked), HOURS)
        reload = RELOAD if "reload" in asked else 0
        headers = {**PAGE_HEADERS, **({"Refresh": str(reload)} if reload else {})}
        try:
            body = await self._ask((shown, reload), lambda: self._page(shown, reload))
        except StoreError as error:
            body = page.render_unreadable(str(error), self._config.site.title, self._redact, self._clock())
            headers["Retry-After"] = str(RETRY_AFTER)
            return Response(body, status_code=503, media_type="text/html", headers=headers)
        return Response(body, media_type="text/html", headers=headers)

    def _closed(self, request: Request) -> Response | None:
        """The answer to those who may not see the operator's pages; None: this one may."""
        admission = self._guard.judge(request)
        if admission is Admission.OPEN:
            return None
        if admission is Admission.ASKED:
            headers = {**NO_STORE, "WWW-Authenticate": CHALLENGE}
            return PlainTextResponse(ASKED, status_code=401, headers=headers)
        return PlainTextResponse(CLOSED, status_code=404, headers=NO_STORE)

    def _diagnosed(self, connection: Connection) -> Diagnosis:
        config = self._config
        return diagnose(load_pulse(connection), config.schedule.scan, config.content.timezone, self._clock())

    def _measured(self) -> bytes:
        from feedbot.report import metrics  # noqa: PLC0415 - its library is loaded by those who are asked

        return metrics.exposition(
            self._window.look(
                lambda connection: metrics.load_sample(connection, self._wanted, self._diagnosed(connection))
            )
        )

    def _page(self, shown: Span, reload: int) -> bytes:
        overview = self._window.look(
            lambda connection: load_overview(connection, self._wanted, self._diagnosed(connection), shown)
        )
        return page.render_overview(overview, self._config.site.title, self._redact, reload=reload)

    async def _ask(self, question: object, work: Callable[[], T]) -> T:
        """What `work` finds, in time; those who ask the same question meanwhile get the same answer."""
        under_way = self._under_way.get(question)
        if under_way is None or under_way.done():
            under_way = asyncio.get_running_loop().run_in_executor(self._threads, work)
            under_way.add_done_callback(self._told)
            self._under_way[question] = under_way
        await asyncio.wait({under_way}, timeout=self._patience)
        if not under_way.done():
            self._tell("the state cannot be read: the database takes too long to answer")
            raise StoreError(
                "the database takes too long to answer: see that it runs, and what keeps it busy"
            )
        return under_way.result()  # type: ignore[return-value] # the question says of which type

    def _told(self, done: asyncio.Future[object]) -> None:
        error = None if done.cancelled() else done.exception()
        self._tell(str(error) if isinstance(error, StoreError) else repr(error) if error else "")

    def _tell(self, trouble: str) -> None:
        """Log what is wrong with the store once, and once that it is well again."""
        if trouble and trouble != self._trouble:
            log.warning("nothing can be told to the operator, the feeds are served all the same: %s", trouble)
        elif self._trouble and not trouble:
            log.info("the state can be read again")
        self._trouble = trouble


async def _style(_request: Request) -> Response:
    headers = {**NO_STORE, "Cache-Control": f"public, max-age={STYLE_AGE}, immutable"}
    return Response(page.style_sheet(), media_type="text/css", headers=headers)
