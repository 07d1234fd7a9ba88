"""How many documents a second go into an object store: feedbot's way beside puts by the library alone.

    python benchmarks/storing.py s3://news/benchmark [--documents 2000] [--size 30000] [--rounds 3]

The store is the one that the usual variables (AWS_ENDPOINT_URL and so on) lead to; what is put there is
removed in the end. It prints, for each kind of work, the documents a second of the best round, and the
processor time of this process for each document.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from feedbot.config.bucket import bucket_access, bucket_address
from feedbot.config.variables import Variables
from feedbot.model import Document
from feedbot.places import DocumentRow, Published
from feedbot.places.bucket.documents import WRITERS, Bucket
from feedbot.places.bucket.objects import Objects

BATCH = 64  # documents that a pass hands over at a time: 16 feeds of four


class Stopwatch:
    """The best of several rounds."""

    def __init__(self, documents: int) -> None:
        self._documents = documents
        self.seconds: dict[str, float] = {}
        self.processor: dict[str, float] = {}

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        began, used = time.perf_counter(), time.process_time()
        yield
        took, used = time.perf_counter() - began, time.process_time() - used
        self.seconds[name] = min(took, self.seconds.get(name, took))
        self.processor[name] = min(used, self.processor.get(name, used))

    def rows(self) -> Iterator[str]:
        for name, seconds in self.seconds.items():
            rate, used = self._documents / seconds, self.processor[name] / self._documents
            yield f"{name:<42} {rate:>10,.0f} {used * 1e6:>10,.0f}"


def documents(number: int, size: int, seed: int) -> list[Document]:
    """Documents of about `size` bytes, other ones for another seed."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    texts = (f"<rss>{chance.random()}{'feed ' * (size // 5)}</rss>" for _ in range(number))
    return [Document(path=f"feed-{at}/rss.xml", body=text.encode()) for at, text in enumerate(texts)]


def publish(place: Bucket, wanted: list[Document], known: dict[str, Published]) -> dict[str, Published]:
    """What a pass does with its documents, in batches."""
    results: dict[str, Published] = {}
    on_record = {path: recorded(one) for path, one in known.items()}
    for first in range(0, len(wanted), BATCH):
        results |= {one.path: one for one in place.publish(wanted[first : first + BATCH], on_record)}
    return results


def recorded(one: Published) -> DocumentRow:
    """What the state knows of a document that was published."""
    return DocumentRow(
        path=one.path, feed_key=1, mtime_ns=one.mtime_ns, size=one.size, digest=one.digest, e_tag=one.e_tag
    )


def put_by_the_library(objects: Objects, wanted: list[Document]) -> None:
    def put(one: Document) -> None:
        objects._obstore.put(objects._store, one.path, one.body)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(put, wanted))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("bucket", help="such as s3://news/benchmark")
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--size", type=int, default=30_000, help="bytes of each")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    access, problems = bucket_access(Variables(os.environ, Path.cwd()))
    if problems:
        raise SystemExit("\n".join(map(str, problems)))
    objects = Objects(bucket_address(options.bucket), access)
    place = Bucket(objects, lambda _: True, timedelta(minutes=5))
    watch = Stopwatch(options.documents)
    try:
        for seed in range(options.rounds):
            old = documents(options.documents, options.size, 2 * seed)
            new = documents(options.documents, options.size, 2 * seed + 1)
            with watch.timing("put by the library alone"):
                put_by_the_library(objects, old)
            place.remove([one.path for one in old])
            with watch.timing("published, none there before"):
                known = publish(place, old, {})
            with watch.timing("published, each other than before"):
                known = publish(place, new, known)
            with watch.timing("published, all as before"):
                publish(place, new, known)
            with watch.timing("listed"):
                objects.list_all()
            with watch.timing("removed"):
                place.remove([one.path for one in new])
    finally:
        place.remove([f"feed-{at}/rss.xml" for at in range(options.documents)])
    print(f"{options.documents:,} documents of {options.size:,} bytes, {WRITERS} at a time")
    print(f"{'':<42} {'a second':>10} {'µs each':>10}")
    print(*watch.rows(), sep="\n")


if __name__ == "__main__":
    main()
