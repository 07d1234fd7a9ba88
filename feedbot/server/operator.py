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
from feedbot.report import page
from feedbot.report.chart import HOURS, SPANS, Span
from feedbot.report.health import Diagnosis, Pulse, diagnose, load_pulse
from feedbot.report.overview import load_overview
from feedbot.server.guard import CHALLENGE, Admission, Call, Guard
from feedbot.server.headers import PAGE
from feedbot.standings import configured
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
        self.guard = Guard.of(config)
        self.site = config.site.title
        self.redact = redact
        self.clock = clock
        self._config = config
        self._patience = patience
        self._wanted = configured(config)
        self._window = Window(config.store.url.get_secret_value())
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="operator")
        self._under_way: dict[object, asyncio.Future[object]] = {}
        self._trouble = ""  # that was logged last

    async def health(self) -> Diagnosis:
        """How passes fare, in any case."""
        try:
            return await self._ask("health", lambda: self._window.look(self._diagnosed))
        except StoreError:
            return Diagnosis(now=self.clock(), pulse=Pulse(), stale_after=None)

    async def metrics(self) -> bytes:
        """The metrics as text. Raises StoreError."""
        return await self._ask("metrics", self._measured)

    async def page(self, shown: Span, *, reload: int) -> bytes:
        """The page with a chart of `shown`; `reload` as `render_overview` has it. Raises StoreError."""
        return await self._ask((shown, reload), lambda: self._page(shown, reload))

    def close(self) -> None:
        """Let go of the database and the threads, once the server has ended."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._window.shut()

    def _diagnosed(self, connection: Connection) -> Diagnosis:
        config = self._config
        return diagnose(load_pulse(connection), config.schedule.scan, config.content.timezone, self.clock())

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
        return page.render_overview(overview, self.site, self.redact, reload=reload)

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


def operator_routes(desk: Desk) -> list[Route]:
    """The routes of what `desk` knows; none of them raises."""

    async def healthz(_request: Request) -> Response:
        diagnosis = await desk.health()
        return JSONResponse(
            diagnosis.as_json(), status_code=200 if diagnosis.is_recent else 503, headers=NO_STORE
        )

    async def metrics(request: Request) -> Response:
        return _closed(desk, request) or await _metrics(desk)

    async def status(request: Request) -> Response:
        return _closed(desk, request) or await _status(desk, request)

    async def style(_request: Request) -> Response:
        headers = {**NO_STORE, "Cache-Control": f"public, max-age={STYLE_AGE}, immutable"}
        return Response(page.style_sheet(), media_type="text/css", headers=headers)

    return [
        Route("/healthz", healthz),
        Route("/metrics", metrics),
        Route("/status", status),
        Route("/status.css", style),
    ]


def _closed(desk: Desk, request: Request) -> Response | None:
    """The answer to those who may not see the operator's pages; None: this one may."""
    admission = desk.guard.judge(_call_of(request))
    if admission is Admission.OPEN:
        return None
    if admission is Admission.ASKED:
        headers = {**NO_STORE, "WWW-Authenticate": CHALLENGE}
        return PlainTextResponse(ASKED, status_code=401, headers=headers)
    return PlainTextResponse(CLOSED, status_code=404, headers=NO_STORE)


def _call_of(request: Request) -> Call:
    return Call(
        client=request.client.host if request.client else "",
        http_version=str(request.scope.get("http_version", "")),
        headers=tuple(request.headers.items()),
    )


async def _metrics(desk: Desk) -> Response:
    from feedbot.report.metrics import MEDIA_TYPE  # noqa: PLC0415 - as above

    try:
        return Response(await desk.metrics(), media_type=MEDIA_TYPE, headers=NO_STORE)
    except StoreError as error:
        headers = {**NO_STORE, "Retry-After": str(RETRY_AFTER)}
        told = f"The state cannot be read just now: {desk.redact(str(error))}\n"
        return PlainTextResponse(told, status_code=503, headers=headers)


async def _status(desk: Desk, request: Request) -> Response:
    asked = request.query_params.keys()
    shown = next((span for word, span in SPANS.items() if word in asked), HOURS)
    reload = RELOAD if "reload" in asked else 0
    headers = {**PAGE_HEADERS, **({"Refresh": str(reload)} if reload else {})}
    try:
        body = await desk.page(shown, reload=reload)
    except StoreError as error:
        body = page.render_unreadable(str(error), desk.site, desk.redact, desk.clock())
        headers["Retry-After"] = str(RETRY_AFTER)
        return Response(body, status_code=503, media_type="text/html", headers=headers)
    return Response(body, media_type="text/html", headers=headers)
