"""The short way through granian: answers that are ready are given in the thread that took the request.

granian hands each request over to an event loop, which takes longer than all that we do. What spares that is
not public, so it is used with the versions it was written for; with any other one, requests go the ordinary
way and get the same answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import granian

from feedbot.server.app import App, give

KNOWN = "2.8."  # versions of granian


def worker_for(app: App, patience: float) -> Callable[..., Any] | None:
    """What `granian.server.embed.Server.serve` is to start; None where its own worker has to do.

    A connection that takes nothing of its answer for `patience` seconds is closed.
    """
    if not granian.__version__.startswith(KNOWN):
        return None
    from granian.server.embed import AsyncWorker  # noqa: PLC0415 - not there in every version

    wrap: Callable[[object], Callable[..., Any]] = AsyncWorker.wrap_target  # granian leaves it without types
    return wrap(partial(_work, app, patience))


async def _work(
    app: App,
    patience: float,
    number: int,
    stop: Any,
    _target: Any,
    sockets: tuple[Any, Any],
    loop: asyncio.AbstractEventLoop,
    *settings: Any,
) -> None:
    """What granian's own worker does, with our scheduler; `settings` are as its Server hands them over."""
    from granian._granian import CallbackScheduler, RSGIWorker  # noqa: PLC0415 - as above

    *before, _task, http, http1, http2, websockets, files, _log, tls, _scope = settings
    stopped = loop.create_future()
    stop.add_cb(lambda: loop.call_soon_threadsafe(stopped.set_result, None))
    specification, opened = sockets
    listener = specification.build() if specification else opened
    _leave_idle_clients(listener.get_fd(), patience)
    new_worker: Any = RSGIWorker  # granian's stubs describe both wrongly
    new_scheduler: Any = CallbackScheduler
    more = (*before, http, http1, http2, websockets, files, *tls, (None, None))
    worker = new_worker(number, (None, listener), None, *more)
    scheduler = new_scheduler(loop, None, None, None, None)
    scheduler._schedule_fn = partial(_take, app, loop)
    worker.serve_async(scheduler, loop, stop)
    await stopped


def _take(app: App, loop: asyncio.AbstractEventLoop, watcher: Any) -> None:
    """Told of a request by granian, in granian's thread."""
    try:
        answer = app.at_once(watcher.scope)
    except Exception:  # noqa: BLE001 - whatever it is, it is told where the ordinary way meets it
        answer = None
    if answer is None:
        loop.call_soon_threadsafe(_start, app, loop, watcher)
    else:
        give(answer, watcher.proto)
        watcher.done()


def _start(app: App, loop: asyncio.AbstractEventLoop, watcher: Any) -> None:
    watcher.taskref(loop.create_task(_serve(app, watcher)))


async def _serve(app: App, watcher: Any) -> None:
    try:
        await app.__rsgi__(watcher.scope, watcher.proto)
    except BaseException as error:  # noqa: BLE001 - granian closes the connection
        watcher.err(error)
    else:
        watcher.done()


def _leave_idle_clients(descriptor: int, patience: float) -> None:
    """Connections inherit this from their listener. Where the system lacks it, such clients may stay."""
    with contextlib.suppress(OSError, AttributeError), socket.socket(fileno=os.dup(descriptor)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(patience * 1000))
