"""Feeds printed: rendered, and written right away by whoever helps with the pass.

What is to be noted of documents is a thousandth of them, so a process that helps writes what it has rendered,
if it was lent the place, and hands over the notes. What it could not write is left to this process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TypeAlias

from msgspec import Struct

from feedbot.batches import batches
from feedbot.crew import Crew
from feedbot.helpers import is_helper
from feedbot.model import Document
from feedbot.places import DocumentRow, Overdue, Place, Published
from feedbot.render.renderer import Job, Renderer

BATCH = 4  # orders that go to a process together


class Order(Struct, frozen=True, kw_only=True):
    """A part of a feed to be printed; `known` are its documents on record, by path."""

    job: Job
    known: Mapping[str, DocumentRow]
    place: Place | None = None  # lent to whoever helps


class Printed(Struct, frozen=True, kw_only=True):
    """What became of the documents of an order, and the newest `updated` that they show, if there is one."""

    updated: datetime | None
    published: Sequence[Published] = ()
    left: Sequence[Document] = ()  # to be written


Work: TypeAlias = tuple[Order, Printed]


def print_all(crew: Crew, renderer: Renderer, orders: Iterable[Order], *, pays: bool) -> Iterator[Work]:
    """Print orders, which are asked for as they are needed; results come in order.

    Those who help begin at once.
    """
    works = crew.map(partial(_print_batch, renderer), batches(orders, BATCH), pays=pays)
    return (work for batch, printed in works for work in zip(batch, printed, strict=True))


def _print_batch(renderer: Renderer, orders: Sequence[Order]) -> list[Printed]:
    """Render orders, and write them if this process helps another, which lent it the place.

    Raises PublishError.
    """
    rendered = [renderer.render(order.job) for order in orders]
    printed = [Printed(updated=one.updated, left=one.documents) for one in rendered]
    place = orders[0].place  # lent first, so that its time ends before that of the others
    if place is not None and is_helper():
        with suppress(Overdue):
            published = publish_all(place, list(zip(orders, printed, strict=True)))
            return [
                Printed(updated=one.updated, published=results)
                for one, results in zip(rendered, published, strict=True)
            ]
    return printed


def known_of(works: Iterable[Work]) -> dict[str, DocumentRow]:
    """The documents on record of all these orders, by path."""
    return {path: row for order, _ in works for path, row in order.known.items()}


def publish_all(place: Place, works: Sequence[Work]) -> list[Sequence[Published]]:
    """What became of the documents of each order; those that were left are written now, side by side.

    Raises PublishError.
    """
    left = [document for _, printed in works for document in printed.left]
    results = iter(place.publish(left, known_of(works)) if left else ())
    return [printed.published or [next(results) for _ in printed.left] for _, printed in works]
