"""Feeds printed: rendered, and written right away by whoever helps with the pass.

What is to be noted of documents is a thousandth of them, so a process that helps writes what it has rendered,
if it was lent the place, and hands over the notes. What it could not write is left to this process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from feedbot.crew import is_helper
from feedbot.model import Document
from feedbot.place import Overdue, Place, Published
from feedbot.render.press import Job, Press
from feedbot.store.feeds import DocumentRow


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


def print_order(press: Press, order: Order) -> Printed:
    """Render an order, and write it if this process helps another. Raises PublishError."""
    rendered = press.render(order.job)
    if order.place is not None and is_helper():
        with suppress(Overdue):
            published = order.place.publish(rendered.documents, order.known)
            return Printed(updated=rendered.updated, published=published)
    return Printed(updated=rendered.updated, left=rendered.documents)


def publish_all(place: Place, works: Sequence[Work]) -> list[Sequence[Published]]:
    """What became of the documents of each order; those that were left are written now, side by side.

    Raises PublishError.
    """
    left = [document for _, printed in works for document in printed.left]
    known = {path: row for order, _ in works for path, row in order.known.items()}
    results = iter(place.publish(left, known) if left else ())
    return [printed.published or [next(results) for _ in printed.left] for _, printed in works]
